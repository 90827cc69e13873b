//! Verifies the credentials of Watchword's users, from memory: access tokens and session cookies alike.
//!
//! Applications use `Verifier`, as a layer in front of their routes; the README shows how. Most of it comes with features: `client`,
//! `tower`, `axum`, and `test-support` for tests.
//!
//! Below it is the [`Checker`], which needs no feature: no IO, no async, no clock.
//!
//! ```
//! use token::{Algorithm, Claims, Expectation, KeySet, Profile, SigningKey};
//! use verifier::{Refused, Revocation, Checker};
//!
//! let key = SigningKey::generate(Algorithm::EdDSA)?;
//! let mut keys = KeySet::new();
//! keys.insert(key.verifying_key())?;
//! let expect = Expectation::new(Profile::Rfc9068, "https://id.example", "https://api.example");
//! let checker = Checker::new(expect, keys, 10_000);
//!
//! let claims = Claims {
//!     iss: "https://id.example".into(),
//!     sub: "0190a5c4-7d2e-7000-8000-000000000001".into(),
//!     aud: vec!["https://api.example".into()],
//!     exp: 1_600,
//!     iat: 1_000,
//!     jti: "a1".into(),
//!     sid: [7; 16],
//!     client_id: "shop".into(),
//!     rat: 1_000_000,
//!     ..Claims::default()
//! };
//! let jwt = token::sign(&key, Profile::Rfc9068, &claims);
//! assert_eq!(*checker.verify(&jwt, 1_000_000)?, claims);
//!
//! checker.revoked().insert(&Revocation::Session { sid: [7; 16], keep_until: 1_605_000 }, 1_000_001);
//! assert_eq!(checker.verify(&jwt, 1_000_002), Err(Refused::Revoked));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(feature = "client")]
mod authenticated;
mod cache;
mod checker;
#[cfg(feature = "client")]
mod client;
#[cfg(feature = "client")]
mod clock;
pub mod feed;
#[cfg(feature = "client")]
mod policy;
mod refused;
mod revoked;
#[cfg(feature = "test-support")]
pub mod test_support;
#[cfg(feature = "client")]
mod web;

#[cfg(feature = "client")]
pub use authenticated::{Authenticated, Kind};
pub use checker::Checker;
#[cfg(feature = "client")]
pub use client::{Connect, ConnectError, FetchError, Verifier};
#[cfg(all(feature = "client", feature = "serve"))]
pub use client::{Relay, RelayError};
#[cfg(feature = "client")]
pub use clock::Clock;
#[cfg(feature = "client")]
pub use policy::{Policy, Unmet, WhenStale};
pub use refused::Refused;
pub use revoked::{Marks, Revocation, Revoked};
#[cfg(feature = "tower")]
pub use web::{Provide, Provided, Require, Required};
#[cfg(feature = "client")]
pub use web::{Rejection, is_by_own_page};

/// What tokens are made of, as this crate's interface names it.
pub use token;

#[cfg(all(doctest, feature = "axum", feature = "test-support"))]
#[doc = include_str!("../README.md")]
struct Readme;
