//! Watchword's token.
