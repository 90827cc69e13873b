//! The nodes behind a test's server: one, or as many as `WATCHWORD_TEST_NODES` says. Then each request meets another node
//! than the one before, as behind a proxy that takes them in turn.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response};
use store::{Options, Store};
use tower::ServiceExt;
use watchword::app::{App, StartError};
use watchword::clock::Clock;
use watchword::config::Config;

pub struct Nodes {
    all: Vec<Node>,
    turn: AtomicUsize,
    /// Whether only the first one answers.
    is_alone: AtomicBool,
}

struct Node {
    app: App,
    router: Router,
}

/// How many the environment asks for.
pub fn asked_for() -> usize {
    std::env::var("WATCHWORD_TEST_NODES").map_or(1, |number| number.parse().unwrap())
}

impl Nodes {
    /// Starts them one after the other, each with a store of its own on the same database.
    pub async fn start(
        number: usize,
        config: &Config,
        env: &[(String, String)],
        clock: &Clock,
    ) -> Result<Self, StartError> {
        let mut all = Vec::new();
        for _ in 0..number {
            let store = Store::open(&Options::new(config.database.0.clone())).unwrap();
            let bound = SocketAddr::from(([127, 0, 0, 1], 8080));
            let app = App::start(config.clone(), env, store, clock.clone(), bound).await?;
            let router = watchword::routes::routes(&app);
            all.push(Node { app, router });
        }
        Ok(Self { all, turn: AtomicUsize::new(0), is_alone: AtomicBool::new(number == 1) })
    }

    pub fn first(&self) -> &App {
        &self.all[0].app
    }

    /// Those that answer.
    pub fn apps(&self) -> impl Iterator<Item = &App> {
        let number = if self.is_alone.load(Ordering::Relaxed) { 1 } else { self.all.len() };
        self.all[..number].iter().map(|node| &node.app)
    }

    /// From now on only the first node answers, for a test that tells its nodes apart by itself.
    pub fn leave_alone(&self) {
        self.is_alone.store(true, Ordering::Relaxed);
    }

    /// Answers with the node whose turn it is, once it has read what the others revoked, as it does ten times a second. Then it
    /// passes on who listens to it.
    pub async fn send(&self, request: Request<Body>) -> Response<Body> {
        let number = self.apps().count();
        let Node { app, router } = &self.all[self.turn.fetch_add(1, Ordering::Relaxed) % number];
        if number > 1 {
            // Without a database nothing is learnt; the job would try again.
            let _ = app.memory.catch_up(&app.store, app.clock.now()).await;
        }
        let response = router.clone().oneshot(request).await.unwrap();
        if number > 1 {
            let _ = watchword::jobs::write_listeners(app).await;
        }
        response
    }

    /// Closes every store.
    pub async fn close(&self) {
        for node in &self.all {
            node.app.store.close().await;
        }
    }
}
