//! Nodes: processes of the real program on one database.

use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use crate::ledger::{Client, Heard, name};
use crate::support::{Http, Place, Random, Server, own_address};

/// What the clients know of the nodes: where they are now, and which keys were revoked.
pub struct Fleet {
    doors: Mutex<Vec<Http>>,
    revoked: Mutex<Vec<String>>,
}

/// The nodes themselves.
pub struct Nodes {
    pub fleet: Arc<Fleet>,
    pub servers: Vec<Server>,
    pub places: Vec<Place>,
}

impl Fleet {
    /// One of the nodes, whether or not it runs.
    pub fn any(&self, random: &mut Random) -> Http {
        let doors = self.doors.lock().unwrap();
        doors[random.below(doors.len())]
    }

    /// All nodes.
    pub fn all(&self) -> Vec<Http> {
        self.doors.lock().unwrap().clone()
    }

    /// The keys whose revocation was acknowledged.
    pub fn revoked(&self) -> Vec<String> {
        self.revoked.lock().unwrap().clone()
    }

    /// Waits until a login and a refresh succeed on every node, which must be within [`HEALED`] and without a restart; how
    /// long that took.
    pub fn heals(&self) -> Duration {
        let began = Instant::now();
        for http in self.all() {
            let mut healer = Client::new(HEALER);
            loop {
                let is_well =
                    healer.log_in(http) == Heard::Done && healer.refresh(http, healer.logins.len() - 1) == Heard::Done;
                assert_eq!(healer.broken, [""; 0]);
                if is_well && http.get("/health/ready", &[]).status == 200 {
                    break;
                }
                assert!(began.elapsed() < HEALED, "a node does not heal");
                thread::park_timeout(Duration::from_millis(20));
            }
        }
        began.elapsed()
    }
}

impl Nodes {
    /// So many nodes on one database, with an account for each client. No database: a SQLite file.
    pub fn start(count: usize, database: Option<&str>) -> Self {
        let places: Vec<Place> = (0..count).map(|_| Place::new()).collect();
        for (place, url) in places.iter().zip(database.iter().cycle()) {
            place.write("watchword.toml", format!("database = '{url}'\n"));
        }
        (0..=HEALER).for_each(|client| places[0].add_user(&name(client)));
        let mut servers = vec![start(&places[0])];
        for place in &places[1..] {
            std::fs::copy(places[0].path("watchword.key"), place.path("watchword.key")).unwrap();
            servers.push(start(place));
        }
        let doors = Mutex::new(servers.iter().map(Server::http).collect());
        Self { fleet: Arc::new(Fleet { doors, revoked: Mutex::default() }), servers, places }
    }

    /// Kills a node and starts it again.
    pub fn kill(&mut self, node: usize) {
        self.servers.remove(node).kill();
        self.start_again(node);
    }

    /// Starts a node that has ended, and was taken out.
    pub fn start_again(&mut self, node: usize) {
        self.servers.insert(node, start(&self.places[node]));
        self.fleet.doors.lock().unwrap()[node] = self.servers[node].http();
    }

    /// Revokes the key that signs.
    pub fn revoke_key(&self) {
        let keys = self.places[0].json(&["keys", "list", "--json"]);
        let keys = keys.as_array().unwrap();
        let kid = keys.iter().find(|key| key["state"] == "active").unwrap()["kid"].as_str().unwrap();
        let ran = self.places[0].run(&["keys", "revoke", kid]);
        assert_eq!(ran.code, Some(0), "{ran:?}");
        self.fleet.revoked.lock().unwrap().push(kid.to_owned());
    }

    /// Stops all nodes.
    pub fn stop(self) {
        for server in self.servers {
            assert_eq!(server.stop(), Some(0));
        }
    }
}

/// The clients of a test.
pub fn clients() -> Vec<Client> {
    (0..HEALER).map(Client::new).collect()
}

/// The port changes from run to run, and the issuer must not. The grace is longer than a slow machine takes to come back.
fn start(place: &Place) -> Server {
    // At an address that nobody else has: a client may still ask a node that was killed, and nobody must answer.
    let serve = place.command(&["serve", "--listen", &format!("{}:0", own_address())]);
    // A file that may not grow is then an error, as on a full disk, and not the end of the process.
    let mut shell = Command::new("/bin/sh");
    shell.args(["-c", "trap '' XFSZ; exec \"$@\"", "sh"]).arg(serve.get_program()).args(serve.get_args());
    for (name, value) in serve.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    shell.envs([
        ("WATCHWORD_TOKENS_REFRESH_GRACE", "60s"),
        ("WATCHWORD_THROTTLE_ACCOUNT_BURST", "100"),
        ("WATCHWORD_THROTTLE_ADDRESS_BURST", "100000"),
        ("WATCHWORD_PUBLIC_URL", PUBLIC_URL),
    ]);
    shell.current_dir(place.folder()).stdin(Stdio::null());
    Server::start(shell)
}

/// Where browsers would find the nodes.
pub const PUBLIC_URL: &str = "http://localhost:8080";

/// Within which time service must be back once a fault is over, on a machine that is busy with other tests.
const HEALED: Duration = Duration::from_secs(90);

/// The client that only looks whether service is back. Those before it work.
const HEALER: usize = 6;
