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
    /// The store on either database: logins, refreshes and reads per second beside the database alone, how soon a
    /// revocation is known to another node, and what sessions cost and weigh when there are many
    Store {
        /// With five million sessions too; takes up to half an hour, and 8 GB of disk
        #[arg(long)]
        large: bool,
    },
}

impl Bench {
    pub(crate) fn steps(self) -> Vec<Step> {
        let arguments: &'static [&'static str] = match self {
            Self::Server => &["bench", "--package", "watchword", "--bench", "server"],
            Self::Token { json } => &TOKEN[..TOKEN.len() - if json { 0 } else { 2 }],
            Self::Verifier => &["bench", "--package", "watchword-verifier", "--bench", "check"],
            Self::Revoked => &["bench", "--package", "watchword-verifier", "--bench", "revoked"],
            Self::Store { large } => &STORE[..STORE.len() - if large { 0 } else { 2 }],
        };
        vec![Step::new("bench", move || passes(cargo(arguments)))]
    }
}

const STORE: &[&str] = &["bench", "--package", "watchword-store", "--bench", "store", "--", "--large"];

const TOKEN: &[&str] =
    &["bench", "--package", "watchword-verifier", "--bench", "token", "--bench", "allocations", "--", "--json"];
