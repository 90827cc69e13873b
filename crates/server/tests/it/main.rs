//! Black-box tests: one file per feature, over HTTP, against a server of their own with a clock that only they move.

mod support;

mod errors;
mod keys;
mod login;
mod logout;
mod passwords;
mod refresh;
mod session;
mod setup;
mod signup;
mod throttling;
mod web;
