//! The server under test: the real routes over a real database of its own.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{Request, Response};
use domain::{Roles, Span, UserId};
use store::NewUser;
use tracing::subscriber::DefaultGuard;
use watchword::app::{App, StartError};
use watchword::clock::Clock;
use watchword::config::{Config, Overrides};

use super::database::Home;
use super::logs::Logs;
use super::nodes::{self, Nodes};
use super::{Browser, Client, PASSWORD};

pub struct TestServer {
    /// The first node.
    pub app: App,
    nodes: Nodes,
    moment: Arc<AtomicI64>,
    home: Arc<Home>,
    logs: Logs,
    secrets: Mutex<Vec<String>>,
    failures: Mutex<Vec<String>>,
    _guard: DefaultGuard,
}

/// What a stopped server leaves behind.
pub struct Stopped {
    home: Arc<Home>,
    moment: Arc<AtomicI64>,
}

impl TestServer {
    /// A server on the default configuration, as if at <https://login.example.org>.
    pub async fn start() -> Arc<Self> {
        Self::with("").await
    }

    /// A server with some keys of the configuration file set.
    pub async fn with(toml: &str) -> Arc<Self> {
        Self::with_env(toml, &[]).await
    }

    /// The same with its data on PostgreSQL, whatever the environment says.
    pub async fn on_postgres(toml: &str) -> Arc<Self> {
        Self::over(Arc::new(Home::on_postgres()), toml, &[], Arc::new(AtomicI64::new(T0))).await.unwrap()
    }

    /// The same with environment variables.
    pub async fn with_env(toml: &str, env: &[(&str, &str)]) -> Arc<Self> {
        Self::over(Arc::new(Home::new()), toml, env, Arc::new(AtomicI64::new(T0))).await.unwrap()
    }

    /// Stops this server and starts another one on the same files, as after a restart.
    pub async fn restart(self: Arc<Self>, toml: &str) -> Arc<Self> {
        self.stop().await.start(toml, &[]).await.unwrap()
    }

    /// Stops this server; its files stay.
    pub async fn stop(self: Arc<Self>) -> Stopped {
        let this = Arc::into_inner(self).expect("no client of the old server is in use any more");
        this.nodes.close().await;
        Stopped { home: Arc::clone(&this.home), moment: Arc::clone(&this.moment) }
    }

    /// Another node on the same database, master key and clock. From now on this server is one node, too.
    pub async fn beside(&self, toml: &str) -> Arc<Self> {
        self.nodes.leave_alone();
        let (home, moment) = (Arc::clone(&self.home), Arc::clone(&self.moment));
        Self::nodes_over(home, 1, toml, &[], moment).await.unwrap()
    }

    /// Takes the database away from it.
    pub async fn lose_database(&self) {
        self.nodes.close().await;
    }

    /// How many nodes answer in turn.
    pub fn node_count(&self) -> usize {
        self.nodes.apps().count()
    }

    /// The nodes that answer.
    pub fn nodes(&self) -> impl Iterator<Item = &App> {
        self.nodes.apps()
    }

    /// How many transactions it has committed.
    pub fn commits(&self) -> u64 {
        self.nodes.apps().map(|app| app.store.commits()).sum()
    }

    async fn over(
        home: Arc<Home>,
        toml: &str,
        env: &[(&str, &str)],
        moment: Arc<AtomicI64>,
    ) -> Result<Arc<Self>, StartError> {
        Self::nodes_over(home, nodes::asked_for(), toml, env, moment).await
    }

    async fn nodes_over(
        home: Arc<Home>,
        number: usize,
        toml: &str,
        env: &[(&str, &str)],
        moment: Arc<AtomicI64>,
    ) -> Result<Arc<Self>, StartError> {
        let (logs, guard) = Logs::capture();
        let file = home.folder().join("watchword.toml");
        let base = if toml.contains("public_url") { "" } else { "public_url = 'https://login.example.org'\n" };
        std::fs::write(&file, format!("{}{base}{toml}", home.lines())).unwrap();
        let env: Vec<_> = env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let config = Config::load(&Overrides { config: Some(file), ..Overrides::default() }, &env).unwrap();
        let nodes = Nodes::start(number, &config, &env, &Clock::manual(Arc::clone(&moment))).await?;
        Ok(Arc::new(Self {
            app: nodes.first().clone(),
            nodes,
            moment,
            home,
            logs,
            secrets: Mutex::default(),
            failures: Mutex::default(),
            _guard: guard,
        }))
    }

    /// The origin of its pages, as browsers name it.
    pub fn origin(&self) -> &str {
        self.app.public_url.as_str()
    }

    /// A person with a browser.
    pub fn browser(self: &Arc<Self>) -> Browser {
        Browser::new(Arc::clone(self))
    }

    /// A program.
    pub fn client(self: &Arc<Self>) -> Client {
        Client::new(Arc::clone(self))
    }

    /// An account with [`PASSWORD`], without going through a page.
    pub async fn user(&self, name: &str, roles: &[&str]) -> UserId {
        let now = self.app.clock.now();
        let password = self.app.passwords.hash(PASSWORD.to_owned().into()).await.unwrap();
        let mut random = [0; 10];
        random[..name.len().min(10)].copy_from_slice(&name.as_bytes()[..name.len().min(10)]);
        let new = NewUser {
            user_id: UserId::new(now, &random),
            username: name.parse().unwrap(),
            email: Some(format!("{name}@example.org").parse().unwrap()),
            password: Some(password),
            roles: Roles::parse(roles.iter().copied()).unwrap(),
            created_at: now,
        };
        self.app.store.add_user(new).await.unwrap().user_id
    }

    /// Moves the clock forward, and does what the jobs would have done by then.
    pub async fn advance(&self, span: Span) {
        self.wait(span);
        for app in self.nodes.apps() {
            watchword::jobs::write_seen(app).await.unwrap();
        }
        self.catch_up().await;
    }

    /// Moves the clock forward, and nothing else: the jobs hang.
    pub fn wait(&self, span: Span) {
        self.moment.fetch_add(span.0, Ordering::Relaxed);
    }

    /// Steps the machine's clock back.
    pub fn step_back(&self, span: Span) {
        self.moment.fetch_sub(span.0, Ordering::Relaxed);
    }

    /// Learns what other nodes have revoked, and which keys there are, as the jobs do ten times a second.
    pub async fn catch_up(&self) {
        self.learn_revocations().await;
        self.tend_keys().await;
    }

    /// Learns what other nodes have revoked.
    pub async fn learn_revocations(&self) {
        for app in self.nodes.apps() {
            app.memory.catch_up(&app.store, app.clock.now()).await.unwrap();
        }
    }

    /// Runs a statement as another program.
    pub fn execute(&self, sql: &str) {
        self.home.execute(sql);
    }

    /// Takes what steps are due with the keys, as the job does ten times a second.
    pub async fn tend_keys(&self) {
        for app in self.nodes.apps() {
            watchword::jobs::tend_keys(app).await.unwrap();
        }
    }

    /// One value of the database, as text.
    pub fn cell(&self, sql: &str) -> String {
        self.home.cell(sql)
    }

    /// Every row of every table, as text.
    pub fn tables(&self) -> String {
        self.home.tables()
    }

    /// What is in the database's files, byte for byte.
    pub fn database_bytes(&self) -> Vec<u8> {
        self.home.bytes()
    }

    /// The folder with the master key, and with the database if that is a file.
    pub fn folder(&self) -> &Path {
        self.home.folder()
    }

    /// What was logged so far.
    pub fn logged(&self) -> String {
        self.logs.text()
    }

    /// Accepts the server errors seen so far; without this, one fails the test at its end.
    pub fn claim_failures(&self) -> Vec<String> {
        std::mem::take(&mut self.failures.lock().unwrap())
    }

    /// Must not show up in any log.
    pub(super) fn keep_secret(&self, secret: &str) {
        if secret.len() >= 8 {
            self.secrets.lock().unwrap().push(secret.to_owned());
        }
    }

    /// Sends one request as if it had come from `peer`.
    pub async fn send(&self, mut request: Request<Body>, peer: SocketAddr) -> Response<Body> {
        request.extensions_mut().insert(ConnectInfo(peer));
        let what = format!("{} {}", request.method(), request.uri());
        let response = self.nodes.send(request).await;
        if response.status().is_server_error() {
            self.failures.lock().unwrap().push(format!("{what}: {}", response.status()));
        }
        response
    }
}

impl Stopped {
    /// The folder with the master key, and with the database if that is a file.
    pub fn folder(&self) -> &Path {
        self.home.folder()
    }

    /// Moves the clock forward while no server runs.
    pub fn wait(&self, span: Span) {
        self.moment.fetch_add(span.0, Ordering::Relaxed);
    }

    /// Starts a server on the same files.
    pub async fn start(&self, toml: &str, env: &[(&str, &str)]) -> Result<Arc<TestServer>, StartError> {
        TestServer::over(Arc::clone(&self.home), toml, env, Arc::clone(&self.moment)).await
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        let failures = self.failures.lock().unwrap();
        assert!(failures.is_empty(), "server errors that the test did not claim: {failures:?}");
        let logged = self.logs.text();
        for secret in self.secrets.lock().unwrap().iter() {
            assert!(!logged.contains(secret.as_str()), "a secret was logged");
        }
    }
}

/// When tests begin: 2027-01-15T08:00:00Z.
pub const T0: i64 = 1_800_000_000_000;
