//! Watchword, an authentication server: one login, two credentials, one truth.

pub mod app;
pub mod clock;
pub mod commands;
pub mod config;
pub mod routes;
pub mod serve;

mod account;
mod api_docs;
mod archive;
mod dashboard;
mod description;
mod edge;
mod endings;
mod failure;
mod health;
mod home;
mod issue;
pub mod jobs;
pub mod keyring;
mod layout;
mod limits;
mod login;
mod logout;
mod memory;
mod metadata;
mod moments;
mod new_account;
mod passwords;
mod proofs;
mod published_keys;
mod random;
mod refresh;
pub mod revocation_feed;
mod session_api;
pub mod setup;
mod signup;
