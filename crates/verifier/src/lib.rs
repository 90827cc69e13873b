//! Watchword's verifier.
