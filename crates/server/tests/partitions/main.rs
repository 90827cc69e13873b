//! Partitions: server, relay and verifiers are processes in networks of their own, between which packets are dropped, connections are
//! left half open, and processes stop or die. A ledger holds every verifier to the bound.
//!
//! Each scenario is a process in a network namespace, and each machine in it another one. Where there is no right to make
//! such, wires of this program stand between the processes, and the summary says so.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may")]

#[allow(dead_code, unused_imports, clippy::format_push_string, reason = "other tests use the rest of it")]
#[path = "../process/support/mod.rs"]
mod support;

mod harness;
mod ledger;
mod network;
mod scenarios;
mod watcher;
mod wire;
mod world;

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.first().map(String::as_str) {
        Some("--watcher") => watcher::run(),
        Some("--scenario") => harness::play(&arguments[1]),
        _ => harness::run(&arguments),
    }
}
