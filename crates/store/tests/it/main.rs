//! The store as its callers know it: each function once on either engine, then what is particular to one of them.
#![allow(clippy::unwrap_used, reason = "a test may")]
#![allow(clippy::duplicate_mod, reason = "the same tests, once per engine")]

extern crate watchword_store as store;

mod backup;
mod beside;
mod connecting;
mod durability;
mod groups;
mod hints;
mod looking;
mod marks;
mod opening;
mod outages;
mod queues;
mod schema;
mod secrecy;
mod snapshots;
mod support;
mod transfer;
mod transfer_refusals;
mod transfer_size;
mod upgrading;

#[path = "."]
mod on_sqlite {
    pub(crate) use crate::support::TestStore;

    pub(crate) fn store() -> TestStore {
        TestStore::on_sqlite()
    }

    #[path = "accounts.rs"]
    mod accounts;
    #[path = "bootstrap.rs"]
    mod bootstrap;
    #[path = "floors.rs"]
    mod floors;
    #[path = "grants.rs"]
    mod grants;
    #[path = "inspecting.rs"]
    mod inspecting;
    #[path = "keys.rs"]
    mod keys;
    #[path = "listeners.rs"]
    mod listeners;
    #[path = "races.rs"]
    mod races;
    #[path = "restored.rs"]
    mod restored;
    #[path = "revocations.rs"]
    mod revocations;
    #[path = "sessions.rs"]
    mod sessions;
    #[path = "sweep.rs"]
    mod sweep;
    #[path = "throttles.rs"]
    mod throttles;
    #[path = "wrong_clocks.rs"]
    mod wrong_clocks;
}

#[path = "."]
mod on_postgres {
    pub(crate) use crate::support::TestStore;

    pub(crate) fn store() -> TestStore {
        TestStore::on_postgres()
    }

    #[path = "accounts.rs"]
    mod accounts;
    #[path = "bootstrap.rs"]
    mod bootstrap;
    #[path = "floors.rs"]
    mod floors;
    #[path = "grants.rs"]
    mod grants;
    #[path = "inspecting.rs"]
    mod inspecting;
    #[path = "keys.rs"]
    mod keys;
    #[path = "listeners.rs"]
    mod listeners;
    #[path = "races.rs"]
    mod races;
    #[path = "restored.rs"]
    mod restored;
    #[path = "revocations.rs"]
    mod revocations;
    #[path = "sessions.rs"]
    mod sessions;
    #[path = "sweep.rs"]
    mod sweep;
    #[path = "throttles.rs"]
    mod throttles;
    #[path = "wrong_clocks.rs"]
    mod wrong_clocks;
}
