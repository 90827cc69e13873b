//! Where Watchword keeps what it knows: one SQLite file, or a PostgreSQL server for many nodes.
//!
//! A function here is a use case: one call, one transaction, the same on both engines. An answer is given only after its
//! commit.

// What it suggests does not compile for methods of a type that borrows, such as the columns of a row.
#![allow(clippy::redundant_closure_for_method_calls)]

mod accounts;
mod bootstrap;
mod datum;
mod db;
mod endings;
mod error;
mod floors;
mod grants;
mod inspect;
mod keys;
mod listeners;
mod master;
mod meta;
mod migrations;
mod postgres;
mod queues;
mod restored;
mod revocations;
mod row;
mod sessions;
mod sql;
mod sqlite;
mod sweep;
mod throttles;
mod transfer;
mod verifiers;

pub use accounts::{Login, NewUser};
pub(crate) use db::ready;
pub use db::{Database, Options, Store};
pub use domain::KeyState;
pub use domain::revocation::{Place, Receipt, Revoked};
pub use error::{Error, OpenError};
pub use floors::EndedUpTo;
pub use grants::{RotateRequest, Rotated};
pub use inspect::{Facts, Inspection, Kept, Schema, inspect};
pub use keys::{KeyRevoked, NewKey, StoredKey};
pub use listeners::Listener;
pub use master::{Master, Rekey, Rekeyed, Resealed};
pub use postgres::{PostgresFacts, PostgresUrl, UrlError};
pub use restored::Voided;
pub use revocations::{News, Position};
pub use sessions::{Live, NewGrant, NewSession, Opened};
pub use sqlite::SqliteFacts;
pub use sqlite::backup::{Duplicate, Whole, clock_floor_of, unfinished};
pub use sqlite::replace::{refuse_if_open, replace};
pub use sweep::Swept;
pub use throttles::ThrottleKey;
pub use transfer::{Checked, Move, Moved, Progress, Task, Transfer, TransferError, reopen};
pub use verifiers::StoredVerifier;
