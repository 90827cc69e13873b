//! What it takes to run the program and to speak HTTP with it, byte by byte where that matters.

mod calm;
mod http;
mod own_address;
mod place;
mod random;
mod server;

use std::time::{Duration, Instant};

pub use calm::Calm;
pub use http::{Http, Reply, read_to_close};
pub use own_address::{own_address, own_socket};
pub use place::{Place, Ran};
pub use random::Random;
pub use server::Server;

/// How long anything may take that ought to be quick, on a machine that has much else to do. Nothing ever waits that long and passes.
pub const SOON: Duration = Duration::from_secs(90);

/// A password that the rules accept.
pub const PASSWORD: &str = "six quiet otters swim";

/// Asks again and again until it is so. Nobody has promised by when.
#[track_caller]
pub fn soon(is_so: impl Fn() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < SOON, "it is not so");
        std::thread::park_timeout(Duration::from_millis(2));
    }
}
