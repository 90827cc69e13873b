//! A model of how withdrawals travel, from the database to those who check, and of refresh. It is not the program: it is
//! the protocol of docs/revocation-feed.md in small numbers, of which every course of events is tried.
//!
//! Time passes in ticks. Within a tick anything may happen in any order, and between two ticks nothing has to.

mod bug;
mod chain;
mod checker;
mod feed;

pub use bug::Bug;
pub use chain::Chain;
pub use checker::{Counterexample, Explored, Model, explore};
pub use feed::{Credential, Feed, Setting};
