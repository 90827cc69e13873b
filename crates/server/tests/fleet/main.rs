//! Several nodes on one PostgreSQL: real processes, and a proxy in front that gives each request to another one.
#![allow(clippy::unwrap_used, clippy::format_push_string, reason = "a test may")]

mod support;

mod bound;
mod commands;
mod flows;
mod races;
mod receipts;
mod start;
mod throttling;
