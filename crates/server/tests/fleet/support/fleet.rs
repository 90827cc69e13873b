//! The nodes under test, and the ways to them: through the proxy, or past it to one of them.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::http::{Request, Response, StatusCode, header};
use http_body_util::BodyExt;
use test_postgres::Schema;

use super::proxy::{self, Upstream};
use super::{Browser, Client, Place, Server};

/// Nodes that share a folder, a database and a public URL.
pub struct Fleet {
    place: Place,
    schema: Schema,
    servers: Mutex<Vec<Server>>,
    secrets: Mutex<Vec<String>>,
    failures: Mutex<Vec<String>>,
    stalls: AtomicUsize,
    asks_again: AtomicBool,
}

/// A way to the fleet.
pub struct Front {
    pub fleet: Arc<Fleet>,
    to: Upstream,
}

impl Front {
    /// So many nodes behind the proxy, all started at once on an empty database, with some keys of the configuration set.
    pub async fn start(number: usize, toml: &str) -> Arc<Self> {
        let (place, schema) = (Place::new(), Schema::new());
        let (url, key) = (schema.url(), place.path("watchword.key"));
        let base = format!(
            "public_url = '{ORIGIN}'\ndatabase = '{url}'\nmaster_key_file = '{}'\ntrusted_proxies = ['127.0.0.1/32']\n",
            key.display()
        );
        place.write("watchword.toml", base + toml);
        let servers = std::thread::scope(|scope| {
            let starting: Vec<_> = (0..number).map(|_| scope.spawn(|| place.serve())).collect();
            Mutex::new(starting.into_iter().map(|server| server.join().unwrap()).collect())
        });
        let (secrets, failures) = (Mutex::default(), Mutex::default());
        let (stalls, asks_again) = (AtomicUsize::new(0), AtomicBool::new(false));
        let fleet = Arc::new(Fleet { place, schema, servers, secrets, failures, stalls, asks_again });
        let to = Upstream::new(proxy::start(&fleet.addresses()).await);
        Arc::new(Self { fleet, to })
    }

    /// The ways to each node, past the proxy.
    pub fn nodes(&self) -> Vec<Arc<Self>> {
        let to = |address| Arc::new(Self { fleet: Arc::clone(&self.fleet), to: Upstream::new(address) });
        self.fleet.addresses().into_iter().map(to).collect()
    }

    /// A person with a browser.
    pub fn browser(self: &Arc<Self>) -> Browser {
        Browser::new(Arc::clone(self))
    }

    /// A program.
    pub fn client(self: &Arc<Self>) -> Client {
        Client::new(Arc::clone(self))
    }

    /// The origin of the pages, as browsers name it.
    #[allow(clippy::unused_self, reason = "browser.rs is shared with tests/it, where each server has its own")]
    pub fn origin(&self) -> &str {
        ORIGIN
    }

    /// Must not show up in any log.
    pub fn keep_secret(&self, secret: &str) {
        if secret.len() >= 8 {
            self.fleet.secrets.lock().unwrap().push(secret.to_owned());
        }
    }

    /// Sends one request. `peer` is where it comes from, says a proxy further out. After a stall of the machine it is sent again, as
    /// whoever is told to does: see [`Fleet::has_stalled`].
    pub async fn send(&self, mut request: Request<Body>, peer: SocketAddr) -> Response<Body> {
        let what = format!("{} {}", request.method(), request.uri());
        request.headers_mut().insert(header::HOST, HOST.parse().unwrap());
        request.headers_mut().insert("x-forwarded-for", peer.ip().to_string().parse().unwrap());
        let (head, body) = request.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let mut again = tokio::time::interval(AGAIN);
        for _ in 0..100 {
            again.tick().await;
            let began = Instant::now();
            let response = self.to.send(Request::from_parts(head.clone(), Body::from(body.clone()))).await;
            let is_away = response.status() == StatusCode::SERVICE_UNAVAILABLE;
            let asks_again = began.elapsed() >= STALL || self.fleet.asks_again.load(Ordering::Relaxed);
            if is_away && asks_again {
                assert!(response.headers().contains_key(header::RETRY_AFTER), "{what}");
                self.fleet.stalls.fetch_add(1, Ordering::Relaxed);
                continue;
            }
            if response.status().is_server_error() {
                self.fleet.failures.lock().unwrap().push(format!("{what}: {}", response.status()));
            }
            return response;
        }
        panic!("{what}: the machine stands still all the time")
    }
}

impl Fleet {
    /// Runs a command beside the nodes, which must succeed; what it printed.
    pub fn run(&self, args: &[&str], input: &str) -> String {
        let ran = self.place.run_with_input(args, input);
        assert_eq!(ran.code, Some(0), "{args:?}: {ran:?}");
        ran.out
    }

    /// Whether a node has answered since this was last asked that it waited in vain, for as long as only a stall of the machine
    /// lets it wait. Then something may have been done although nobody was told so, and counts may be off by that.
    pub fn has_stalled(&self) -> bool {
        self.stalls.swap(0, Ordering::Relaxed) > 0
    }

    /// From now on whoever is told at once to come again later does so, too.
    pub fn ask_again(&self) {
        self.asks_again.store(true, Ordering::Relaxed);
    }

    /// Makes an account with the usual password.
    pub fn add_user(&self, name: &str) {
        self.place.add_user(name);
    }

    /// One value of the database, as text.
    pub fn cell(&self, sql: &str) -> String {
        self.schema.psql(sql)
    }

    /// The setup links that the nodes printed.
    pub fn setup_links(&self) -> Vec<String> {
        let mut servers = self.servers.lock().unwrap();
        let lines = servers.iter_mut().map(|server| server.line("/setup/"));
        lines.map(|line| line.trim().strip_prefix(ORIGIN).unwrap().to_owned()).collect()
    }

    fn addresses(&self) -> Vec<SocketAddr> {
        self.servers.lock().unwrap().iter().map(|server| server.address).collect()
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        let servers = std::mem::take(&mut *self.servers.lock().unwrap());
        if std::thread::panicking() {
            for server in &servers {
                eprintln!("{}", server.logged());
            }
            return;
        }
        let failures = self.failures.lock().unwrap();
        assert!(failures.is_empty(), "server errors: {failures:?}");
        for server in servers {
            let logged = server.logged();
            for secret in self.secrets.lock().unwrap().iter() {
                assert!(!logged.contains(secret.as_str()), "a secret was logged");
            }
            assert_eq!(server.stop(), Some(0));
        }
    }
}

const ORIGIN: &str = "https://login.example.org";

const HOST: &str = "login.example.org";

/// The least that a node waits for its database before it gives up.
const STALL: Duration = Duration::from_millis(400);

/// How soon to ask again.
const AGAIN: Duration = Duration::from_millis(50);
