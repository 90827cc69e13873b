//! A server for one test, and the two kinds of clients that people have: a browser and a program.

mod browser;
mod client;
mod database;
mod logs;
mod nodes;
mod server;

pub use browser::{Browser, Form, Page};
pub use client::{Client, Reply};
pub use server::{Stopped, TestServer};

/// A password that the rules accept.
pub const PASSWORD: &str = "six quiet otters swim";
