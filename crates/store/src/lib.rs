//! Where Watchword keeps what it knows: one SQLite file, many readers, and one writer that commits in groups.
//!
//! A function here is a use case: one call, one transaction. An answer is given only after its commit.

// Each function may wait for a database server later; that reads wait for nothing today is no promise.
#![allow(clippy::unused_async)]
// What it suggests does not compile for methods of a type that borrows, such as the columns of a row.
#![allow(clippy::redundant_closure_for_method_calls)]

mod accounts;
mod bootstrap;
mod db;
mod endings;
mod error;
mod grants;
mod keys;
mod master;
mod meta;
mod migrations;
mod revocations;
mod sessions;
mod sql;
mod sweep;
mod throttles;
mod writer;

pub use accounts::{Login, NewUser};
pub use db::{Options, Store};
pub use domain::KeyState;
pub use domain::revocation::{Receipt, Revoked};
pub use error::{Error, OpenError};
pub use grants::{RotateRequest, Rotated};
pub use keys::{KeyRevoked, NewKey, StoredKey};
pub use master::{Master, Rekey, Rekeyed, Resealed};
pub use sessions::{Live, NewGrant, NewSession, Opened};
pub use sweep::Swept;
pub use throttles::ThrottleKey;
