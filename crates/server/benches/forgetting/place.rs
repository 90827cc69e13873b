//! The server: the real program in a process of its own, on a throwaway database that can be looked into afterwards.

use std::collections::HashSet;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, ChildStdout, Command, Stdio};

use rusqlite::Connection;
use store::{Options, Store};
use tempfile::TempDir;
use test_postgres::Cluster;
use watchword::config::{Config, Overrides};

use crate::options::Engine;

pub struct Place {
    folder: TempDir,
    /// Else the database is a file in the folder.
    cluster: Option<Cluster>,
}

/// Killed when dropped.
pub struct Server {
    process: Child,
    _output: BufReader<ChildStdout>,
    pub address: SocketAddr,
}

impl Place {
    /// A place whose server is known by this address, or else by the one that it listens on.
    pub fn new(engine: Engine, known_by: Option<SocketAddr>) -> Self {
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let durable = ["listen_addresses = ''", "fsync = on", "full_page_writes = on"];
        let cluster = (engine == Engine::Postgres).then(|| Cluster::start(&durable));
        let place = Self { folder, cluster };
        let database = match &place.cluster {
            None => format!("sqlite:{}", place.file().display()),
            Some(cluster) => cluster.url("postgres"),
        };
        let key = place.folder.path().join("watchword.key");
        let url = known_by.map(|address| format!("public_url = 'http://{address}'\n")).unwrap_or_default();
        let text = format!("{url}database = '{database}'\nmaster_key_file = '{}'\n", key.display());
        std::fs::write(place.config_file(), text).unwrap();
        place
    }

    pub fn config(&self) -> Config {
        Config::load(&Overrides { config: Some(self.config_file()), ..Overrides::default() }, &[]).unwrap()
    }

    pub fn open(&self) -> Store {
        Store::open(&Options::new(self.config().database.0)).unwrap()
    }

    /// As if so many sessions had been ended already.
    pub async fn fill(&self, entries: u32) {
        // Makes the tables.
        self.open().close().await;
        let keep_until = watchword::clock::Clock::wall().0 + 3_600_000;
        match &self.cluster {
            None => {
                let sql = "with recursive numbers (n) as (select 1 union all select n + 1 from numbers where n < ?1)
                    insert into revocations (kind, key, value, keep_until)
                    select 'session', randomblob(16), 0, ?2 from numbers";
                Connection::open(self.file()).unwrap().execute(sql, [i64::from(entries), keep_until]).unwrap();
            }
            Some(cluster) => {
                let sql = format!(
                    "insert into revocations (kind, key, value, keep_until)
                    select 'session', decode(md5(random()::text || n), 'hex'), 0, {keep_until}
                    from generate_series(1, {entries}) n"
                );
                cluster.psql("postgres", "", &sql);
            }
        }
    }

    /// The sessions that the database says have ended, and whose end it has in its log; in hexadecimal.
    pub fn ended(&self) -> HashSet<String> {
        let key = match &self.cluster {
            None => "hex(session_id)",
            Some(_) => "upper(encode(session_id, 'hex'))",
        };
        let sql = format!(
            "select {key} from sessions join revocations on key = session_id and kind = 'session'
            where ended_at is not null"
        );
        match &self.cluster {
            None => {
                let database = Connection::open(self.file()).unwrap();
                let mut statement = database.prepare(&sql).unwrap();
                statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
            }
            Some(cluster) => cluster.psql("postgres", "", &sql).lines().map(str::to_owned).collect(),
        }
    }

    pub fn serve(&self) -> Server {
        let mut process = Command::new(env!("CARGO_BIN_EXE_watchword"));
        process.args(["serve", "--listen", "127.0.0.1:0", "--config"]).arg(self.config_file());
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("WATCHWORD_")) {
            process.env_remove(name);
        }
        process.env("WATCHWORD_LOG_FILTER", "warn").current_dir(self.folder.path());
        let mut process = process.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let mut output = BufReader::new(process.stdout.take().unwrap());
        let mut line = String::new();
        while !line.starts_with(LISTENING) {
            line.clear();
            assert_ne!(output.read_line(&mut line).unwrap(), 0, "the server does not start");
        }
        let address = line[LISTENING.len()..].trim_end().parse().unwrap();
        Server { process, _output: output, address }
    }

    fn file(&self) -> std::path::PathBuf {
        self.folder.path().join("watchword.db")
    }

    fn config_file(&self) -> std::path::PathBuf {
        self.folder.path().join("watchword.toml")
    }
}

impl Server {
    /// How many seconds of a processor it has taken so far.
    pub fn busy_seconds(&self) -> f64 {
        let line = std::fs::read_to_string(format!("/proc/{}/stat", self.process.id())).unwrap();
        let fields: Vec<&str> = line.rsplit(") ").next().unwrap().split(' ').collect();
        let ticks: f64 = [fields[11], fields[12]].iter().map(|field| field.parse::<f64>().unwrap()).sum();
        ticks / TICKS_PER_SECOND
    }

    /// SIGKILL, which it cannot know of before.
    pub fn kill(mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Of the kernel's accounting, on Linux everywhere (`USER_HZ`).
const TICKS_PER_SECOND: f64 = 100.0;

/// The line by which it says where it listens.
const LISTENING: &str = "Listening on http://";
