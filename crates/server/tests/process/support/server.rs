//! A running server, killed when the test is done with it or fails.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::{Http, SOON};

/// The process and what it has printed.
pub struct Server {
    child: Child,
    lines: Receiver<String>,
    printed: String,
    logged: Arc<Mutex<String>>,
    began: Instant,
    pub address: SocketAddr,
    /// How long it took from the start of the process to the line that says where it listens.
    pub ready_after: Duration,
}

impl Server {
    /// Starts a command and waits until it says where it listens. Where its database was too slow for it, on a machine that has much
    /// else to do, it is started again, as by whatever looks after it.
    pub fn start(mut command: Command) -> Self {
        for _ in 0..10 {
            let mut server = Self::spawn(&mut command);
            if let Some(line) = server.find("http://") {
                server.address = address_in(&line).unwrap_or_else(|| panic!("no address in: {line}"));
                server.ready_after = server.began.elapsed();
                return server;
            }
            let code = server.ended();
            let is_busy = code == Some(1) && server.has_logged("the database failed while starting");
            assert!(is_busy, "never printed `http://`; printed:\n{}\nlogged:\n{}", server.printed, server.logged());
        }
        panic!("its database is too slow each time")
    }

    fn spawn(command: &mut Command) -> Self {
        let began = Instant::now();
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let lines = lines(child.stdout.take().unwrap());
        let logged = log(child.stderr.take().unwrap());
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        Self { child, lines, printed: String::new(), logged, began, address, ready_after: Duration::default() }
    }

    /// The number of the process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Speaks HTTP with it.
    pub fn http(&self) -> Http {
        Http { address: self.address }
    }

    /// The next line on standard output that contains `text`.
    pub fn line(&mut self, text: &str) -> String {
        self.find(text)
            .unwrap_or_else(|| panic!("never printed `{text}`; printed:\n{}\nlogged:\n{}", self.printed, self.logged()))
    }

    fn find(&mut self, text: &str) -> Option<String> {
        let deadline = Instant::now() + SOON;
        loop {
            let line = self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now())).ok()?;
            self.printed += &format!("{line}\n");
            if line.contains(text) {
                return Some(line);
            }
        }
    }

    /// Everything that it has printed up to the line last asked for.
    pub fn printed(&self) -> &str {
        &self.printed
    }

    /// What it has logged so far.
    pub fn logged(&self) -> String {
        self.logged.lock().unwrap().clone()
    }

    /// Sends a signal, such as `TERM`.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([&format!("-{name}"), &self.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    /// Waits for its end; the exit code, or none if a signal ended it.
    pub fn wait(mut self) -> Option<i32> {
        // Its standard output ends when the process does.
        let deadline = Instant::now() + SOON;
        while self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now())).is_ok() {}
        assert!(Instant::now() < deadline, "the server did not end; logged:\n{}", self.logged());
        self.child.wait().unwrap().code()
    }

    /// Waits for its end, which must be a failure; whether it said this.
    pub fn ends_with_code_1_saying(&mut self, text: &str) -> bool {
        while self.lines.recv_timeout(SOON).is_ok() {}
        let code = self.child.wait().unwrap().code();
        code == Some(1) && self.has_logged(text)
    }

    /// Whether it has logged this before its end. What it said last may still be on its way through the pipe.
    fn has_logged(&self, text: &str) -> bool {
        let began = Instant::now();
        while !self.logged().contains(text) && began.elapsed() < SOON {
            std::thread::park_timeout(Duration::from_millis(2));
        }
        self.logged().contains(text)
    }

    /// How it ended, once its standard output has: a moment later it has itself.
    fn ended(&mut self) -> Option<i32> {
        let began = Instant::now();
        loop {
            let ended = self.child.try_wait().unwrap();
            if ended.is_some() || began.elapsed() > SOON {
                return ended?.code();
            }
            std::thread::park_timeout(Duration::from_millis(2));
        }
    }

    /// SIGTERM, after which it must end well; all that it has printed.
    pub fn stop_and_read(mut self) -> String {
        self.signal("TERM");
        while let Ok(line) = self.lines.recv_timeout(SOON) {
            self.printed += &format!("{line}\n");
        }
        assert_eq!(self.child.wait().unwrap().code(), Some(0));
        std::mem::take(&mut self.printed)
    }

    /// SIGTERM and the exit code.
    pub fn stop(self) -> Option<i32> {
        self.signal("TERM");
        self.wait()
    }

    /// The most memory that it has had, in KiB.
    pub fn peak_memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }

    /// How much time of a processor it has taken so far.
    pub fn busy(&self) -> Duration {
        let line = std::fs::read_to_string(format!("/proc/{}/stat", self.id())).unwrap();
        let fields: Vec<&str> = line.rsplit(") ").next().unwrap().split(' ').collect();
        let ticks: u64 = [fields[11], fields[12]].iter().map(|field| field.parse::<u64>().unwrap()).sum();
        // Of the kernel's accounting, on Linux everywhere (`USER_HZ`).
        Duration::from_millis(ticks * 10)
    }

    /// The line of its limits that begins with these words.
    pub fn limit(&self, name: &str) -> String {
        let limits = std::fs::read_to_string(format!("/proc/{}/limits", self.id())).unwrap();
        limits.lines().find(|line| line.starts_with(name)).unwrap().to_owned()
    }

    /// SIGABRT, as of a program that found itself broken; whether it left a core dump.
    pub fn abort(mut self) -> bool {
        self.signal("ABRT");
        let status = self.child.wait().unwrap();
        assert_eq!(status.signal(), Some(6));
        status.core_dumped()
    }

    /// SIGKILL, which it cannot know of before.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        assert!(!self.child.wait().unwrap().success());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn address_in(line: &str) -> Option<SocketAddr> {
    let start = line.find("http://")? + "http://".len();
    let rest = &line[start..];
    rest[..rest.find(['/', ',', ' ', '"']).unwrap_or(rest.len())].parse().ok()
}

fn lines(from: impl Read + Send + 'static) -> Receiver<String> {
    let (send, receive) = mpsc::channel();
    std::thread::spawn(move || {
        for line in BufReader::new(from).lines().map_while(Result::ok) {
            if send.send(line).is_err() {
                break;
            }
        }
    });
    receive
}

fn log(mut from: impl Read + Send + 'static) -> Arc<Mutex<String>> {
    let logged = Arc::new(Mutex::new(String::new()));
    let shared = Arc::clone(&logged);
    std::thread::spawn(move || {
        let mut part = [0; 4096];
        while let Ok(length @ 1..) = from.read(&mut part) {
            shared.lock().unwrap().push_str(&String::from_utf8_lossy(&part[..length]));
        }
    });
    logged
}
