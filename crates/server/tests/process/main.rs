//! The real program: started as people start it, spoken to over real sockets, stopped with signals.
#![allow(clippy::unwrap_used, clippy::format_push_string, reason = "a test may")]

mod support;

mod backup;
mod backup_killed;
mod clocks;
mod commands;
mod compare;
mod demo;
mod deploy;
mod doctor;
mod example;
mod feed;
mod first_run;
mod forward_auth;
mod http_limits;
mod keys;
mod ledger;
mod master_key;
mod migrate;
mod postgres;
mod receipts;
mod relay;
mod start_errors;
