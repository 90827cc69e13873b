//! Watchword's store.
