//! What must hold for every input, one function for each parser of outside bytes in `crates/token`. Each panics on a finding
//! and says whether the input was accepted.

pub mod known;
#[path = "../../crates/token/tests/oracle/mod.rs"]
pub mod oracle;

mod keys;
mod small;
mod tokens;

pub use keys::{jwk, jwks};
pub use small::{base64url, master_key, refresh_token, sealed, secret};
pub use tokens::{access_token, claims, header};

/// A function of this crate.
pub type Target = fn(&[u8]) -> bool;

/// Each of them has a program in `targets`.
pub const TARGETS: [(&str, Target); 10] = [
    ("access_token", access_token),
    ("base64url", base64url),
    ("claims", claims),
    ("header", header),
    ("jwk", jwk),
    ("jwks", jwks),
    ("master_key", master_key),
    ("refresh_token", refresh_token),
    ("sealed", sealed),
    ("secret", secret),
];
