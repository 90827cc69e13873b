//! The installation that is measured: a real issuer on loopback, with a database that goes away.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use domain::Roles;
use serde::Deserialize;
use store::Store;
use tokio::task::JoinSet;

use super::relay::relay;
use super::wire::{Connection, request};
use crate::app::{App, StartError};
use crate::clock::Clock;
use crate::commands::start::{open, wrong};
use crate::commands::throwaway::{Folder, Person, add};
use crate::config::{Config, Database, Listen, PublicUrl, Throttle};
use crate::revocation_feed::new_credential;
use crate::{jobs, routes, serve};

/// A running issuer.
pub struct Issuer {
    /// Its state.
    pub app: App,
    /// Where it listens. Who follows it goes through the relay, whose address is its public URL.
    pub address: SocketAddr,
    /// The database once more, as an application opens it that shares it with the issuer.
    pub shared: Store,
    /// What a program shows to follow the revocations.
    pub credential: String,
    traffic: Arc<Traffic>,
    person: Person,
    tasks: JoinSet<()>,
    folder: Folder,
}

/// What applications and the issuer have said to each other.
#[derive(Default)]
pub struct Traffic {
    calls: AtomicU64,
    bytes: Arc<AtomicU64>,
}

/// What has been counted up to a moment.
#[derive(Clone, Copy)]
pub struct Tally {
    /// Reads of the database, by the issuer and by applications.
    pub reads: u64,
    /// Requests to the issuer.
    pub calls: u64,
    /// Bytes between issuer and applications.
    pub bytes: u64,
}

/// Both views of one login.
#[derive(Clone)]
pub struct Credentials {
    /// The access token.
    pub token: String,
    /// The cookie, as `name=value`.
    pub cookie: String,
}

impl Issuer {
    /// Makes everything and begins to serve.
    pub async fn start() -> Result<Self, StartError> {
        let folder = Folder::make("compare")?;
        let listener = serve::bind("listen", LOOPBACK).await?;
        let relayed = serve::bind("listen", LOOPBACK).await?;
        let bound = |listener: &tokio::net::TcpListener| listener.local_addr().map_err(wrong);
        let address = bound(&listener)?;
        let config = Config {
            listen: Listen(LOOPBACK),
            database: Database::of_file(folder.path().join("watchword.db")),
            public_url: Some(PublicUrl::of_listener(bound(&relayed)?)),
            throttle: Throttle { account_burst: 100, ..Throttle::default() },
            ..Config::default()
        };
        let store = open(&config).await?;
        let shared = open(&config).await?;
        let clock = Clock::of(&store).await?;
        let app = App::start(config, &[], store, clock, address).await?;
        let person = add(&app, "kavya", Roles::parse(["user"]).expect("a well-formed role")).await?;
        let (credential, hash) = new_credential();
        app.store.add_verifier("compare".to_owned(), hash, app.clock.now()).await?;

        let traffic = Arc::new(Traffic::default());
        let mut tasks = jobs::start(&app);
        tasks.spawn(relay(relayed, address, Arc::clone(&traffic.bytes)));
        let router = routes::routes(&app).layer(from_fn_with_state(Arc::clone(&traffic), count));
        tasks.spawn(serve::serve(listener, router, std::future::pending()));
        Ok(Self { app, address, shared, credential, traffic, person, tasks, folder })
    }

    /// What followers call it.
    pub fn url(&self) -> &str {
        self.app.public_url.as_str()
    }

    /// For whoever speaks to it directly: where to count the bytes.
    pub fn bytes(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.traffic.bytes)
    }

    /// A folder for what else is made.
    pub fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    /// What has been counted so far.
    pub fn tally(&self) -> Tally {
        Tally {
            reads: self.app.store.reads() + self.shared.reads(),
            calls: self.traffic.calls.load(Ordering::Relaxed),
            bytes: self.traffic.bytes.load(Ordering::Relaxed),
        }
    }

    /// So many logins with the password, as people make them.
    pub async fn log_in(&self, count: u16) -> Result<Vec<Credentials>, StartError> {
        let mut connection = Connection::open(self.address).await.map_err(wrong)?;
        let mut logins = Vec::new();
        for _ in 0..count {
            logins.push(self.log_in_on(&mut connection).await?);
        }
        Ok(logins)
    }

    async fn log_in_on(&self, connection: &mut Connection) -> Result<Credentials, StartError> {
        #[derive(Deserialize)]
        struct Answer {
            access_token: String,
        }
        let Person { username, password, .. } = &self.person;
        let body = serde_json::json!({"username": username, "password": password, "cookie": true}).to_string();
        let asked = request("POST", "/login", self.address, "Content-Type: application/json\r\n", &body);
        let status = connection.exchange(&asked).await.map_err(wrong)?;
        let answer = serde_json::from_slice::<Answer>(connection.body());
        let cookie = connection.header("set-cookie").and_then(|set| set.split(';').next());
        match (answer, cookie) {
            (Ok(answer), Some(cookie)) => Ok(Credentials { token: answer.access_token, cookie: cookie.to_owned() }),
            _ => Err(wrong(format!("the login was answered with {status}"))),
        }
    }

    /// Stops everything and deletes the folder.
    pub async fn close(mut self) {
        self.app.memory.feed().stop();
        self.tasks.shutdown().await;
        self.shared.close().await;
        self.app.store.close().await;
    }
}

async fn count(State(traffic): State<Arc<Traffic>>, request: Request, next: Next) -> Response {
    traffic.calls.fetch_add(1, Ordering::Relaxed);
    next.run(request).await
}

/// A free port of this machine alone.
pub const LOOPBACK: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);
