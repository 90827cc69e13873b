//! The store as its callers know it: each function once, then what holds when many call at the same time.
#![allow(clippy::unwrap_used, reason = "a test may")]

extern crate watchword_store as store;

mod accounts;
mod bootstrap;
mod durability;
mod grants;
mod groups;
mod keys;
mod opening;
mod revocations;
mod secrecy;
mod sessions;
mod support;
mod sweep;
mod throttles;
