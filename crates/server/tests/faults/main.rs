//! Faults: processes killed, databases paused, cut off, full or failed over, under load. The clients keep a ledger of what was
//! acknowledged, and afterwards a checker holds the server to it.
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::format_push_string, reason = "a test may")]

#[allow(dead_code, unused_imports, reason = "other tests use the rest of it")]
#[path = "../process/support/mod.rs"]
mod support;

mod checker;
mod cut;
mod disk_full;
mod failover;
mod fleet;
mod forgetful;
mod killed;
mod ledger;
mod link;
mod load;
mod other_database;
mod paused;
mod proxy;
