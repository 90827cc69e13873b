//! The real program with a throwaway database, ended when dropped.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use crate::load;

pub struct Server {
    child: Child,
    pub address: SocketAddr,
    pub password: String,
}

/// The credentials of one login.
pub struct Tokens {
    pub access: String,
    pub refresh: String,
    pub cookie: String,
}

impl Server {
    pub fn start(env: &[(&str, &str)]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_watchword"))
            .args(["demo", "--json", "--listen", "127.0.0.1:0"])
            .env("WATCHWORD_THROTTLE_ACCOUNT_BURST", "100")
            .env("WATCHWORD_THROTTLE_ADDRESS_BURST", "100000")
            .env("WATCHWORD_LOG_FILTER", "warn")
            .envs(env.iter().copied())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the server starts");
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let field = |name: &str| {
            let (_, rest) = line.split_once(&format!("\"{name}\":\"")).expect("the demo prints JSON");
            rest.split_once('"').unwrap().0.to_owned()
        };
        let address = field("url").strip_prefix("http://").unwrap().parse().unwrap();
        Self { child, address, password: field("password") }
    }

    pub async fn login(&self) -> Tokens {
        load::login(self.address, &self.password).await
    }

    /// Resident memory, from the kernel's own accounting.
    pub fn resident_mib(&self) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() / 1024.0
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // SIGTERM, so that the demo deletes its folder.
        let _ = Command::new("kill").arg(self.child.id().to_string()).status();
        let _ = self.child.wait();
    }
}
