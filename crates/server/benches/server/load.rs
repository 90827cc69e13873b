//! A load: connections that each send their next request when the last one is answered.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use crate::connection::Connection;
use crate::process::Tokens;

/// One request, sent over and over.
pub struct Load(String);

/// How long each request took, and over what time they were made.
pub struct Measured {
    micros: Vec<u32>,
    span: Duration,
}

impl Load {
    pub fn get(path: &str, headers: &str) -> Self {
        Self(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n"))
    }

    pub async fn run(&self, address: SocketAddr, connections: usize, span: Duration) -> Measured {
        let began = Instant::now();
        let each = (0..connections).map(|_| {
            let request = self.0.clone();
            async move {
                let mut connection = Connection::open(address).await;
                let mut micros = Vec::new();
                while began.elapsed() < span {
                    let sent = Instant::now();
                    let (status, _) = connection.exchange(&request).await;
                    assert_eq!(status, 200);
                    micros.push(sent.elapsed().as_micros() as u32);
                }
                micros
            }
        });
        gather(each, began).await
    }
}

/// Each chain is refreshed over and over, every time with the successor that the last answer gave.
pub async fn refresh(address: SocketAddr, chains: Vec<String>, span: Duration) -> Measured {
    let began = Instant::now();
    let each = chains.into_iter().map(|mut token| async move {
        let mut connection = Connection::open(address).await;
        let mut micros = Vec::new();
        while began.elapsed() < span {
            let request = format!(
                "POST /refresh HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\nContent-Length: 0\r\n\r\n"
            );
            let sent = Instant::now();
            let (status, body) = connection.exchange(&request).await;
            assert_eq!(status, 200, "{body}");
            micros.push(sent.elapsed().as_micros() as u32);
            token = field(&body, "refresh_token");
        }
        micros
    });
    gather(each, began).await
}

/// Logins with the right password.
pub async fn logins(address: SocketAddr, password: &str, connections: usize, span: Duration) -> Measured {
    let began = Instant::now();
    let request = login_request(password);
    let each = (0..connections).map(|_| {
        let request = request.clone();
        async move {
            let mut connection = Connection::open(address).await;
            let mut micros = Vec::new();
            while began.elapsed() < span {
                let sent = Instant::now();
                let (status, body) = connection.exchange(&request).await;
                assert_eq!(status, 200, "{body}");
                micros.push(sent.elapsed().as_micros() as u32);
            }
            micros
        }
    });
    gather(each, began).await
}

/// One login.
pub async fn login(address: SocketAddr, password: &str) -> Tokens {
    let mut connection = Connection::open(address).await;
    let (status, body) = connection.exchange(&login_request(password)).await;
    assert_eq!(status, 200, "{body}");
    let cookie = connection.header("set-cookie").split(';').next().unwrap().to_owned();
    Tokens { access: field(&body, "access_token"), refresh: field(&body, "refresh_token"), cookie }
}

fn login_request(password: &str) -> String {
    let body = format!("{{\"username\":\"kavya\",\"password\":\"{password}\",\"cookie\":true}}");
    format!(
        "POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

async fn gather<F>(each: impl Iterator<Item = F>, began: Instant) -> Measured
where
    F: Future<Output = Vec<u32>> + Send + 'static,
{
    let mut running = JoinSet::new();
    for one in each {
        running.spawn(one);
    }
    let micros = running.join_all().await.into_iter().flatten().collect();
    Measured { micros, span: began.elapsed() }
}

fn field(body: &str, name: &str) -> String {
    let (_, rest) = body.split_once(&format!("\"{name}\":\"")).unwrap_or_else(|| panic!("no {name} in {body}"));
    rest.split_once('"').unwrap().0.to_owned()
}

impl Measured {
    pub fn per_second(&self) -> f64 {
        self.micros.len() as f64 / self.span.as_secs_f64()
    }

    /// In milliseconds.
    pub fn percentile(&self, percent: usize) -> f64 {
        let mut sorted = self.micros.clone();
        sorted.sort_unstable();
        f64::from(sorted[(sorted.len() * percent / 100).min(sorted.len() - 1)]) / 1000.0
    }

    pub fn merge(rounds: Vec<Self>) -> Self {
        let span = rounds.iter().map(|round| round.span).sum();
        Self { micros: rounds.into_iter().flat_map(|round| round.micros).collect(), span }
    }
}
