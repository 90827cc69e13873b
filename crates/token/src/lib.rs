//! What a Watchword token is: keys, claims, signing, strict verification, JWKS, refresh tokens, sealing at rest.
//!
//! Pure: no IO, no clock, no async. `now` is an argument everywhere. The one exception is the random source of the
//! cryptographic library, used to generate keys, nonces and ECDSA signatures.
//!
//! ```
//! use token::{Algorithm, Claims, Expectation, KeySet, Profile, SigningKey};
//!
//! let key = SigningKey::generate(Algorithm::EdDSA)?;
//! let mut keys = KeySet::new();
//! keys.insert(key.verifying_key())?;
//!
//! let claims = Claims {
//!     iss: "https://id.example".into(),
//!     sub: "0190a5c4-7d2e-7000-8000-000000000001".into(),
//!     aud: vec!["https://api.example".into()],
//!     exp: 1_600,
//!     iat: 1_000,
//!     jti: "a1".into(),
//!     client_id: "shop".into(),
//!     rat: 1_000_000,
//!     ..Claims::default()
//! };
//! let jwt = token::sign(&key, Profile::Rfc9068, &claims);
//!
//! let expect = Expectation::new(Profile::Rfc9068, "https://id.example", "https://api.example");
//! assert_eq!(token::verify(&jwt, &keys, &expect, 1_200_000)?.sub, claims.sub);
//! assert_eq!(token::verify(&jwt, &keys, &expect, 1_605_000), Err(token::Refused::Expired));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![forbid(unsafe_code)]

mod algorithm;
mod as_written;
pub mod base64url;
mod claims;
mod claims_ref;
mod eight;
mod inspect;
mod jwk;
pub mod jws;
mod key_set;
mod master_key;
mod private_jwk;
pub mod refresh;
mod refused;
mod rsa;
pub mod seal;
mod secret;
mod shape;
mod sign;
mod signing_key;
mod spki;
mod strictly;
mod text;
mod verify;
mod verifying_key;

pub use algorithm::{Algorithm, UnknownAlgorithm};
pub use claims::Claims;
pub use claims_ref::{ClaimsRef, Strings};
pub use inspect::{Inspection, Segment, Unreadable, inspect};
pub use jwk::{Jwk, JwkRefused};
pub use jws::Room;
pub use key_set::{KeySet, KeySetRefused};
pub use master_key::{MasterKey, MasterKeyRefused};
pub use refresh::{RefreshKey, RefreshRefused, RefreshToken};
pub use refused::Refused;
pub use seal::{OpenRefused, SealingKey};
pub use secret::{Secret, SecretRefused};
pub use sign::{ExtraRefused, Profile, sign, sign_with_extra};
pub use signing_key::{KeyRefused, SigningKey};
pub use verify::{Expectation, Verified, judge_life, verify, verify_in, verify_with_kid};
pub use verifying_key::VerifyingKey;
