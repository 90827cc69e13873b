//! Black-box tests: one file per feature, over HTTP, against a server of their own with a clock that only they move.
#![allow(clippy::unwrap_used, reason = "a test may")]

mod support;

mod devices;
mod ending_all;
mod errors;
mod forward_auth;
mod hints;
mod keys;
mod login;
mod logout;
mod long_answers;
mod metadata;
mod metrics;
mod passwords;
mod private_keys;
mod receipts;
mod refresh;
mod rekey;
mod revocation_feed;
mod rotation;
mod rotation_under_load;
mod session;
mod setup;
mod signup;
mod throttling;
mod web;
