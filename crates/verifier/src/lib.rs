//! Verifies Watchword credentials from memory: signature, claims, revocation. No IO, no async, no clock.
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

mod cache;
mod checker;
mod refused;
mod revoked;

pub use checker::Checker;
pub use refused::Refused;
pub use revoked::{Marks, Revocation, Revoked};
