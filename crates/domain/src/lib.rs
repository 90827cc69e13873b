//! Watchword's domain.
