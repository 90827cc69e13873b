//! The verifier for applications, against issuers on loopback: well-behaved ones and others.

#![allow(missing_docs, clippy::unwrap_used, reason = "tests")]

mod asking;
mod connecting;
mod cookies;
mod keys;
mod long_answers;
mod protecting;
mod relaying;
mod support;
