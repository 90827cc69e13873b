//! A PostgreSQL server for the tests of one process: started at first use in a folder of its own, reached by a socket in
//! that folder, and gone with the process, however that ends.
#![allow(clippy::unwrap_used, reason = "a test may")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// A running server.
pub struct Cluster {
    bin: PathBuf,
    place: PathBuf,
    /// Part of the socket's name too.
    port: String,
    /// Its standard input ends with this process, and the server with it.
    _keeper: Child,
}

/// A transaction of somebody else, open until this is dropped.
pub struct Held(Child);

/// An empty schema of its own for one test.
pub struct Schema {
    cluster: &'static Cluster,
    name: String,
}

impl Cluster {
    /// The server that the tests of this process share. It does not wait for the disk.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Cluster> = OnceLock::new();
        SHARED.get_or_init(|| Self::start(&["listen_addresses = ''"]))
    }

    /// A server for one test, with more lines for `postgresql.conf`.
    pub fn start(settings: &[&str]) -> Self {
        Self::admitting(EVERYBODY, settings, None).unwrap_or_else(|why| panic!("PostgreSQL does not start: {why}"))
    }

    /// A standby of this server, which follows it by the name `standby`. With the same settings, if they are given again.
    #[must_use]
    pub fn standby(&self, settings: &[&str]) -> Self {
        let place = self.place.display();
        let primary = format!("host={place} port={} user=watchword application_name=standby", self.port);
        let standby = Self::admitting(EVERYBODY, settings, Some(&primary));
        standby.unwrap_or_else(|why| panic!("PostgreSQL does not start: {why}"))
    }

    /// A server for one test at a port of loopback, where users other than `watchword` have to know their password.
    pub fn on_loopback(settings: &[&str]) -> (Self, u16) {
        loop {
            let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            let own = format!("port = {port}");
            let settings = [&["listen_addresses = '127.0.0.1'", own.as_str()], settings].concat();
            match Self::admitting("local all watchword trust\nhost all all 127.0.0.1/32 scram-sha-256", &settings, None)
            {
                Ok(cluster) => return (cluster, port),
                // Somebody else was given the port meanwhile.
                Err(why) if why.contains("Address already in use") => {}
                Err(why) => panic!("PostgreSQL does not start: {why}"),
            }
        }
    }

    /// A server, or what it said when it did not start.
    fn admitting(whom: &str, settings: &[&str], primary: Option<&str>) -> Result<Self, String> {
        let bin = programs();
        let mut keeper = Command::new("/bin/sh");
        keeper.args(["-c", include_str!("start.sh"), "start.sh"]).arg(&bin).args(SETTINGS).args(settings);
        keeper.env("WHOM", whom).env("CERTIFICATE", CERTIFICATE).env("KEY", KEY);
        keeper.env("PRIMARY", primary.unwrap_or_default());
        // A group of its own: Ctrl-C is for the tests; the server ends when they have.
        keeper.current_dir("/").process_group(0).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        as_nobody(&mut keeper);
        let mut keeper = keeper.spawn().unwrap();
        let mut place = String::new();
        BufReader::new(keeper.stdout.take().unwrap()).read_line(&mut place).unwrap();
        let Some(place) = place.strip_suffix('\n') else {
            let mut why = String::new();
            keeper.stderr.take().unwrap().read_to_string(&mut why).unwrap();
            keeper.wait().unwrap();
            return Err(why);
        };
        let place = PathBuf::from(place);
        let pid_file = std::fs::read_to_string(place.join("data/postmaster.pid")).unwrap();
        let port = pid_file.lines().nth(3).unwrap().to_owned();
        Ok(Self { bin, place, port, _keeper: keeper })
    }

    /// The folder with its socket, in `data` its files, and `log`.
    pub fn place(&self) -> &Path {
        &self.place
    }

    /// The URL of one of its databases, by the socket.
    pub fn url(&self, database: &str) -> String {
        let place = self.place.display().to_string().replace('/', "%2F");
        format!("postgres://watchword@{place}:{}/{database}", self.port)
    }

    /// Runs SQL as another program and answers what it prints: a row per line, columns separated by `|`.
    pub fn psql(&self, database: &str, options: &str, sql: &str) -> String {
        let mut psql = self.program("psql");
        psql.args(["-XqAt", "--set=ON_ERROR_STOP=1", "--username=watchword", "--host"]).arg(&self.place);
        psql.args(["--port", &self.port]);
        psql.args(["--dbname", database, "--command", sql]).env("PGOPTIONS", options);
        finished(psql)
    }

    /// Starts, stops or otherwise controls the server, as `pg_ctl` does.
    pub fn control(&self, arguments: &[&str]) {
        let mut control = self.program("pg_ctl");
        // A restart takes the paths of the first start, which were seen from there.
        control.args(arguments).arg("--pgdata").arg(self.place.join("data"));
        control.arg("--silent").args(["--wait", "--log"]).arg(self.place.join("log")).current_dir(&self.place);
        as_nobody(&mut control);
        // Its output would stay open as long as the server that it starts.
        let is_done = control.stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap().success();
        let log = || std::fs::read_to_string(self.place.join("log")).unwrap_or_default();
        assert!(is_done, "{arguments:?}: {}", log());
    }

    /// Sends a signal, such as `STOP`, to the server and to all processes that serve connections.
    pub fn signal(&self, signal: &str) {
        send(signal, &self.processes());
    }

    /// Kills all its processes at once, as a machine that fails does, and waits until they are gone.
    pub fn kill(&self) {
        // Stopped first, so that none is born while the others die.
        self.signal("STOP");
        let processes = self.processes();
        send("KILL", &processes);
        let began = Instant::now();
        while processes.iter().any(|process| is_alive(process)) {
            assert!(began.elapsed() < Duration::from_secs(90), "PostgreSQL does not die");
            std::thread::yield_now();
        }
        // Where nobody collects the dead, they would be taken for a server that still runs.
        std::fs::remove_file(self.place.join("data/postmaster.pid")).unwrap();
        std::fs::remove_file(self.place.join(format!(".s.PGSQL.{}.lock", self.port))).unwrap();
    }

    /// Opens a transaction in one of its databases that has written, and leaves it open.
    pub fn hold(&self, database: &str) -> Held {
        let mut psql = self.program("psql");
        psql.args(["-XqAt", "--username=watchword", "--host"]).arg(&self.place);
        psql.args(["--port", &self.port, "--dbname", database]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut held = Held(psql.spawn().unwrap());
        held.0.stdin.as_mut().unwrap().write_all(b"begin;\nselect pg_current_xact_id();\n").unwrap();
        let mut number = String::new();
        BufReader::new(held.0.stdout.take().unwrap()).read_line(&mut number).unwrap();
        assert!(number.trim_end().parse::<u64>().is_ok(), "{number}");
        held
    }

    /// The server and all processes that serve connections.
    fn processes(&self) -> Vec<String> {
        let postmaster = std::fs::read_to_string(self.place.join("data/postmaster.pid")).unwrap();
        let postmaster = postmaster.lines().next().unwrap();
        let children = std::fs::read_to_string(format!("/proc/{postmaster}/task/{postmaster}/children")).unwrap();
        std::iter::once(postmaster).chain(children.split_whitespace()).map(str::to_owned).collect()
    }

    fn program(&self, name: &str) -> Command {
        let mut command = Command::new(self.bin.join(name));
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("PG")) {
            command.env_remove(name);
        }
        command
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Schema {
    /// A new one, on the shared server.
    pub fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let cluster = Cluster::shared();
        let name = format!("test_{}", COUNT.fetch_add(1, Ordering::Relaxed));
        cluster.psql(DATABASE, "", &format!("create schema {name}"));
        Self { cluster, name }
    }

    /// The URL by which a store finds this schema and no other.
    pub fn url(&self) -> String {
        format!("{}?options=-csearch_path%3D{}", self.cluster.url(DATABASE), self.name)
    }

    /// Runs SQL in it as another program and answers what it prints.
    pub fn psql(&self, sql: &str) -> String {
        self.cluster.psql(DATABASE, &format!("-c search_path={}", self.name), sql)
    }

    /// Every row of every table, as text.
    pub fn tables(&self) -> String {
        let names = self.psql("select tablename from pg_tables where schemaname = current_schema() order by 1");
        let rows = |name: &str| self.psql(&format!("select * from {name} order by 1"));
        names.lines().fold(String::new(), |text, name| format!("{text}{name}\n{}\n", rows(name)))
    }

    /// What is in the files of its tables and indexes, byte for byte.
    pub fn bytes(&self) -> Vec<u8> {
        self.psql("checkpoint");
        let files = self.psql(
            "select pg_relation_filepath(oid) from pg_class
            where relnamespace = current_schema()::regnamespace and relkind in ('r', 'i', 'S', 't')",
        );
        files.lines().flat_map(|file| std::fs::read(self.cluster.place().join("data").join(file)).unwrap()).collect()
    }
}

impl Default for Schema {
    fn default() -> Self {
        Self::new()
    }
}

/// PostgreSQL refuses to run as root.
fn as_nobody(command: &mut Command) {
    if std::fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0) {
        command.uid(NOBODY).gid(NOBODY);
    }
}

fn send(signal: &str, processes: &[String]) {
    let mut kill = Command::new("kill");
    kill.args(["-s", signal]).args(processes);
    // One of them may have ended by itself meanwhile.
    let sent = kill.stderr(Stdio::null()).status().unwrap();
    assert!(sent.success() || processes.len() > 1, "{processes:?}");
}

/// Whether a process runs; one that only waits for being collected does not.
fn is_alive(process: &str) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    status.rsplit(") ").next().is_some_and(|rest| !rest.is_empty() && !rest.starts_with(['Z', 'X']))
}

fn finished(mut command: Command) -> String {
    let ended = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(ended.status.success(), "{command:?}: {}", String::from_utf8_lossy(&ended.stderr));
    String::from_utf8(ended.stdout).unwrap().trim_end_matches('\n').to_owned()
}

/// The folder of the server's programs: on `PATH`, or the newest where Debian puts them.
fn programs() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let debian = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut debian: Vec<PathBuf> = debian.map(|version| version.path().join("bin")).collect();
    debian.sort_by_key(|bin| bin.parent().and_then(|version| version.file_name()?.to_str()?.parse::<u32>().ok()));
    let folders = std::env::split_paths(&path).chain(debian.into_iter().rev());
    let has_all = |bin: &PathBuf| ["initdb", "pg_ctl", "postgres", "psql"].iter().all(|name| bin.join(name).is_file());
    folders
        .into_iter()
        .find(has_all)
        .expect("these tests need PostgreSQL 15 or later: install the package `postgresql`, or run `cargo xtask test`")
}

/// The authority that vouches for the servers' certificate, which is for `localhost`; in PEM.
pub const AUTHORITY: &str = include_str!("../tls/authority.pem");

const CERTIFICATE: &str = include_str!("../tls/server.pem");

const KEY: &str = include_str!("../tls/server.key.pem");

/// Everybody on this machine, standbys too.
const EVERYBODY: &str = "local all all trust\nhost all all 127.0.0.1/32 trust\nlocal replication all trust";

/// A user who owns nothing.
const NOBODY: u32 = 65534;

/// The database that every server has.
const DATABASE: &str = "postgres";

/// Durability is not what these tests are about, but that a commit is acknowledged as it is by default.
const SETTINGS: [&str; 4] =
    ["fsync = off", "full_page_writes = off", "shared_buffers = 32MB", "max_connections = 1000"];
