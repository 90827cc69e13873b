//! The fleet under test, and the same people and programs that speak with a single server in `tests/it`.

#[allow(dead_code, reason = "shared with tests/it")]
#[path = "../../it/support/browser.rs"]
mod browser;
#[allow(dead_code, reason = "shared with tests/it")]
#[path = "../../it/support/client.rs"]
mod client;
mod fleet;
#[allow(dead_code, reason = "shared with tests/process")]
#[path = "../../process/support/http.rs"]
mod http;
#[allow(dead_code, reason = "shared with tests/process")]
#[path = "../../process/support/place.rs"]
mod place;
mod proxy;
#[allow(dead_code, reason = "shared with tests/process")]
#[path = "../../process/support/server.rs"]
mod server;

use std::time::{Duration, Instant};

use axum::http::StatusCode;

pub use browser::{Browser, Page};
pub use client::{Client, Reply};
pub use fleet::Front;
pub use place::Place;
use server::Server;

// The names by which the shared files know these.
use fleet::Front as TestServer;
use http::Http;

/// A password that the rules accept.
pub const PASSWORD: &str = "six quiet otters swim";

/// How long anything may take that ought to be quick.
const SOON: Duration = Duration::from_secs(20);

/// Asks again and again until the credential is refused, which must be within [`BOUND`]; how long it took.
pub async fn refused_soon(client: &Client) -> Duration {
    let began = Instant::now();
    while client.get("/dashboard").await.status != StatusCode::UNAUTHORIZED {
        assert!(began.elapsed() < BOUND, "still accepted");
    }
    began.elapsed()
}

/// How long after the answer to a logout any node may accept what was logged out. They read what was revoked ten times a
/// second; the rest is for a machine with other work.
pub const BOUND: Duration = Duration::from_secs(1);

/// What so many tasks answer that are all begun before any of them is waited for.
pub async fn at_once<T: Send + 'static, F: Future<Output = T> + Send + 'static>(
    number: usize,
    mut task: impl FnMut(usize) -> F,
) -> Vec<T> {
    let tasks: Vec<_> = (0..number).map(|n| tokio::spawn(task(n))).collect();
    let mut answers = Vec::new();
    for task in tasks {
        answers.push(task.await.unwrap());
    }
    answers
}
