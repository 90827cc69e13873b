//! The real program: started as people start it, spoken to over real sockets, stopped with signals.
#![allow(clippy::unwrap_used, clippy::format_push_string, reason = "a test may")]

mod support;

mod commands;
mod demo;
mod example;
mod first_run;
mod http_limits;
mod keys;
mod master_key;
mod postgres;
mod start_errors;
