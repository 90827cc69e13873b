//! What it takes to run the program and to speak HTTP with it, byte by byte where that matters.

mod http;
mod place;
mod random;
mod server;

use std::time::Duration;

pub use http::{Http, Reply, read_to_close};
pub use place::{Place, Ran};
pub use random::Random;
pub use server::Server;

/// How long anything may take that ought to be quick.
pub const SOON: Duration = Duration::from_secs(20);

/// A password that the rules accept.
pub const PASSWORD: &str = "six quiet otters swim";
