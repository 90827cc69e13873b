//! The fleet under test, and the same people and programs that speak with a single server in `tests/it`.

#[allow(dead_code, reason = "shared with tests/it")]
#[path = "../../it/support/browser.rs"]
mod browser;
#[allow(dead_code, reason = "shared with tests/process")]
#[path = "../../process/support/calm.rs"]
mod calm;
#[allow(dead_code, reason = "shared with tests/it")]
#[path = "../../it/support/client.rs"]
mod client;
mod fleet;
#[allow(dead_code, reason = "shared with tests/process")]
#[path = "../../process/support/http.rs"]
mod http;
#[allow(dead_code, reason = "shared with tests/process")]
#[path = "../../process/support/own_address.rs"]
mod own_address;
#[allow(dead_code, reason = "shared with tests/process")]
#[path = "../../process/support/place.rs"]
mod place;
mod proxy;
#[allow(dead_code, reason = "shared with tests/process")]
#[path = "../../process/support/server.rs"]
mod server;

use std::time::Duration;

use axum::http::StatusCode;

pub use browser::{Browser, Page};
pub use calm::Calm;
pub use client::{Client, Reply};
pub use fleet::Front;
pub use place::Place;
use server::Server;

// The names by which the shared files know these.
use fleet::Front as TestServer;
use http::Http;
use own_address::own_address;

/// A password that the rules accept.
pub const PASSWORD: &str = "six quiet otters swim";

/// How long anything may take that ought to be quick, on a machine that has much else to do.
pub const SOON: Duration = Duration::from_secs(90);

/// Asks again and again until the credential is refused, which must be within [`BOUND`].
pub async fn refused_soon(client: &Client) {
    let mut bound = Calm::new(BOUND);
    while client.get("/dashboard").await.status != StatusCode::UNAUTHORIZED {
        assert!(bound.lasts(), "still accepted");
    }
}

/// How long after the answer to a logout any node may accept what was logged out, while the machine does not stall.
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
