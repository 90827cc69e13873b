//! `cargo xtask bench`: figures, on loopback and bounded in time.

use clap::Subcommand;

use crate::place::cargo;
use crate::steps::Step;
use crate::test::passes;

#[derive(Subcommand)]
pub(crate) enum Bench {
    /// The whole server: requests per second by cookie, by Bearer, for refresh and login, beside its own floor
    Server,
    /// Signing and verifying a token, in time and in memory, beside the bare primitive and two other libraries
    Token {
        /// For programs: one JSON object on each line
        #[arg(long)]
        json: bool,
    },
    /// One check from memory: a token seen before, with up to a million sessions revoked
    Verifier,
    /// The revoked set alone: time and memory with up to ten million entries
    Revoked,
    /// The embedded database: refreshes per second, one commit for many and one commit for each
    Store,
}

impl Bench {
    pub(crate) fn steps(self) -> Vec<Step> {
        let arguments: &'static [&'static str] = match self {
            Self::Server => &["bench", "--package", "watchword", "--bench", "server"],
            Self::Token { json } => &TOKEN[..TOKEN.len() - if json { 0 } else { 2 }],
            Self::Verifier => &["bench", "--package", "watchword-verifier", "--bench", "check"],
            Self::Revoked => &["bench", "--package", "watchword-verifier", "--bench", "revoked"],
            Self::Store => &["run", "--release", "--package", "watchword-store", "--example", "rotates"],
        };
        vec![Step::new("bench", move || passes(cargo(arguments)))]
    }
}

const TOKEN: &[&str] =
    &["bench", "--package", "watchword-verifier", "--bench", "token", "--bench", "allocations", "--", "--json"];
