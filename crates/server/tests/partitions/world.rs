//! What a scenario is played with: a server, relays and verifiers on machines of their own, and clients that nothing is kept from.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::harness::SAYS;
use crate::ledger::{HEALED, Ledger};
use crate::network::{Id, Kind, Network};
use crate::support::{Http, Place, Reply, Server};
use crate::watcher::{self, MODES};

/// Everything.
pub struct World {
    pub network: Network,
    pub ledger: Ledger,
    pub place: Place,
    pub bound: Duration,
    credential: String,
    port: u16,
    watchers: Vec<Watcher>,
    count: usize,
    report: u64,
}

/// A server or a relay, and where it runs.
pub struct Node {
    pub id: Id,
    pub process: Server,
    port: u16,
}

/// A verifier.
struct Watcher {
    name: &'static str,
    child: Child,
    input: ChildStdin,
}

/// A login, and the name under which verifiers know its token.
pub struct Login {
    pub name: String,
    pub reply: Reply,
}

impl World {
    /// One in which verifiers have this bound.
    pub fn new(bound: Duration, database: Option<&str>) -> Self {
        let (network, place) = (Network::new(), Place::new());
        if let Some(url) = database {
            place.write("watchword.toml", format!("database = '{url}'\n"));
        }
        place.add_user("kavya");
        let added = place.json(&["verifier", "add", "watchers", "--json"]);
        let credential = added["credential"].as_str().unwrap().to_owned();
        place.write("upstream", &credential);
        let port = 8080;
        let (ledger, watchers) = (Ledger::default(), Vec::new());
        Self { network, ledger, place, bound, credential, port, watchers, count: 0, report: 0 }
    }

    /// The name of the issuer, which is the address of its first node as the others see it.
    fn issuer(&self) -> String {
        match self.network.kind {
            Kind::Namespaces => "http://localhost:8080".to_owned(),
            Kind::Wires => format!("http://{}", self.network.door(Id::FIRST, self.port)),
        }
    }

    /// A node of the server on a machine of its own.
    pub fn server(&mut self) -> Node {
        let (id, port) = (self.network.machine(), self.port);
        let process = self.serve(id, port);
        Node { id, process, port }
    }

    fn serve(&self, id: Id, port: u16) -> Server {
        let listen = self.listen(id, port);
        let mut command = self.place.command(&["serve", "--listen", &listen]);
        command.envs([
            ("WATCHWORD_PUBLIC_URL", self.issuer().as_str()),
            ("WATCHWORD_THROTTLE_ACCOUNT_BURST", "100"),
            ("WATCHWORD_THROTTLE_ADDRESS_BURST", "100000"),
        ]);
        let mut server = Server::start(self.network.on(id, &command));
        server.address = self.network.door(id, port);
        server
    }

    /// Starts a server again that was killed.
    pub fn serve_again(&self, node: &mut Node) {
        node.process = self.serve(node.id, node.port);
    }

    /// A relay of a server, on a machine of its own.
    pub fn relay(&mut self, server: &Node) -> Node {
        let id = self.network.machine();
        let port = 9090;
        let from = self.network.see(id, server.id, server.port, Duration::ZERO);
        let process = self.start_relay(id, port, &from);
        self.place.write("from", from);
        Node { id, process, port }
    }

    fn start_relay(&self, id: Id, port: u16, from: &str) -> Server {
        let (listen, issuer) = (self.listen(id, port), self.issuer());
        let mut command = self.place.command(&["relay", "--listen", &listen, "--issuer", &issuer]);
        command.args(["--credential-file", "upstream", "--listener", "watchers=secret"]);
        if self.network.kind == Kind::Wires {
            // The wire is at another address than the issuer's own.
            command.args(["--from", &format!("{from}/revocations")]);
        }
        let mut relay = Server::start(self.network.on(id, &command));
        relay.address = self.network.door(id, port);
        relay
    }

    /// Starts a relay again that was killed.
    pub fn relay_again(&self, node: &mut Node) {
        let from = std::fs::read_to_string(self.place.path("from")).unwrap();
        node.process = self.start_relay(node.id, node.port, &from);
    }

    fn listen(&self, id: Id, port: u16) -> String {
        match self.network.kind {
            Kind::Namespaces => format!("0.0.0.0:{port}"),
            Kind::Wires => self.network.door(id, port).to_string(),
        }
    }

    /// A verifier that follows a server, over a way that may be slow.
    pub fn direct(&mut self, name: &'static str, server: &Node, delay: Duration) -> Id {
        let id = self.network.machine();
        let seen = self.network.see(id, server.id, server.port, delay);
        let feed = (self.network.kind == Kind::Wires).then(|| format!("{seen}/revocations"));
        let credential = self.credential.clone();
        self.watch(name, id, feed.as_deref(), &credential, false)
    }

    /// A verifier that reaches nobody but a relay.
    pub fn behind(&mut self, name: &'static str, relay: &Node) -> Id {
        let id = self.network.machine();
        let began = Instant::now();
        while relay.process.http().get("/health/ready", &[]).status != 200 {
            assert!(began.elapsed() < HEALED, "the relay does not become ready");
        }
        let seen = self.network.see(id, relay.id, relay.port, Duration::ZERO);
        let secret = std::fs::read_to_string(self.place.path("secret")).unwrap();
        self.watch(name, id, Some(&format!("{seen}/revocations")), secret.trim(), true)
    }

    fn watch(&mut self, name: &'static str, id: Id, feed: Option<&str>, credential: &str, has_keys: bool) -> Id {
        let told = json!({
            "issuer": self.issuer(), "feed": feed, "credential": credential, "keys_from_relay": has_keys,
            "bound_ms": self.bound.as_millis() as u64,
        });
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.arg("--watcher").env(watcher::VARIABLE, told.to_string());
        let mut command = self.network.on(id, &command);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (output, ledger) = (child.stdout.take().unwrap(), self.ledger.clone());
        thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                ledger.heard(name, &serde_json::from_str(&line).unwrap());
            }
        });
        let input = child.stdin.take().unwrap();
        self.watchers.push(Watcher { name, child, input });
        self.ledger.until_ready(name);
        id
    }

    /// Logs in, and gives the token to every verifier.
    pub fn login(&mut self, at: Http) -> Login {
        let reply = answered(|| at.login("kavya"));
        self.given(reply)
    }

    /// Refreshes, and gives the new token to every verifier.
    fn refresh(&mut self, at: Http, login: &Login) -> Login {
        let reply = answered(|| at.post("/refresh", &login.reply.bearer("refresh_token")));
        self.given(reply)
    }

    fn given(&mut self, reply: Reply) -> Login {
        assert_eq!(reply.status, 200, "{reply:?}");
        self.count += 1;
        let name = format!("token-{}", self.count);
        for watcher in &mut self.watchers {
            writeln!(watcher.input, "{name} {}", reply.text("access_token")).unwrap();
        }
        Login { name, reply }
    }

    /// Ends a session. The ledger has it from when the acknowledgement arrived.
    pub fn log_out(&self, at: Http, login: &Login) {
        log_out(&self.ledger, at, login);
    }

    /// Waits until this was the verdict of all these verifiers on the route that refreshes.
    pub fn until(&self, verifiers: &[&str], login: &Login, verdict: &str) {
        for name in verifiers {
            self.ledger.until_verdict(name, &login.name, "fresh", &[verdict]);
        }
    }

    /// Waits until whoever refreshes is accepted by all these verifiers; the login that was.
    pub fn goes_on(&mut self, verifiers: &[&str], at: Http, login: &Login) -> Login {
        let began = Instant::now();
        let mut refreshed = self.refresh(at, login);
        // On a busy machine more time than the bound may pass before a verifier comes to look, and then it is right to refuse.
        while !verifiers.iter().all(|name| self.ledger.has_accepted(name, &refreshed.name, "fresh")) {
            assert!(began.elapsed() < HEALED, "nobody goes on who refreshes");
            refreshed = self.refresh(at, &refreshed);
        }
        refreshed
    }

    /// Sends a verifier a signal.
    pub fn signal(&self, verifier: &str, signal: &str) {
        let watcher = self.watchers.iter().find(|watcher| watcher.name == verifier).unwrap();
        let sent = Command::new("kill").args([&format!("-{signal}"), &watcher.child.id().to_string()]).status();
        assert!(sent.unwrap().success());
    }

    /// Has the ledger know what the verifiers accepted up to now.
    pub fn report(&mut self) {
        self.report += 1;
        for watcher in &mut self.watchers {
            writeln!(watcher.input, "report").unwrap();
        }
        for watcher in &self.watchers {
            self.ledger.until_reported(watcher.name, self.report);
        }
    }

    /// Holds the verifiers to the bound; what they did, in a line for the summary.
    pub fn check(mut self, name: &str) {
        self.report();
        let latest = |mode: &str| self.ledger.latest(mode).unwrap_or(i64::MIN);
        let strict: Vec<i64> = MODES[..3].iter().map(|(mode, _)| latest(mode)).collect();
        let worst = *strict.iter().max().unwrap();
        let ms = |micros: i64| micros as f64 / 1_000.0;
        println!(
            "{SAYS}{name}: {} ends acknowledged; a credential was accepted until {:.1} ms after at the latest, the bound is {} ms",
            self.ledger.ends(),
            ms(worst),
            self.bound.as_millis()
        );
        let bound = i64::try_from(self.bound.as_micros()).unwrap();
        for ((mode, _), latest) in MODES.iter().zip(&strict) {
            assert!(*latest <= bound + CLOCK_TICK, "{mode}: accepted {:.1} ms after the acknowledgement", ms(*latest));
        }
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The answer of a server from which nothing keeps its clients. On a busy machine its database may be slow, and then one asks again.
fn answered(ask: impl Fn() -> Reply) -> Reply {
    let began = Instant::now();
    loop {
        let reply = ask();
        if reply.status != 503 {
            return reply;
        }
        assert!(began.elapsed() < HEALED, "{reply:?}");
    }
}

/// Ends a session, from whichever thread.
pub fn log_out(ledger: &Ledger, at: Http, login: &Login) {
    let ended = answered(|| at.post("/logout", &login.reply.bearer("access_token")));
    ledger.ended(&login.name, watcher::now());
    assert_eq!(ended.status, 200, "{ended:?}");
}

/// Lets time pass in which the verifiers go on judging.
pub fn pass(time: Duration) {
    let began = Instant::now();
    while began.elapsed() < time {
        thread::park_timeout(time.saturating_sub(began.elapsed()));
    }
}

/// Verifiers reckon in whole milliseconds.
const CLOCK_TICK: i64 = 1_000;
