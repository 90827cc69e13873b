//! JSON Web Signature (RFC 7515), compact serialization only: any payload, one key, one algorithm.
//!
//! Access tokens go through the same code; this door is for what else is signed: ID tokens and logout tokens that leave,
//! client assertions that come in.

mod compact;
mod scheme;

pub(crate) use compact::{Compact, present, segments};
pub use compact::{MAX_HEADER_BYTES, MAX_TOKEN_BYTES};
pub use scheme::Scheme;
pub(crate) use scheme::{Curve, Family};

use crate::{Refused, SigningKey, VerifyingKey, base64url};

/// A payload whose signature has been checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// `typ` from the header, as it was written.
    pub typ: Option<String>,
    /// The signed bytes.
    pub payload: Vec<u8>,
}

/// Signs any payload. The header is exactly `alg`, `typ`, `kid`.
///
/// ```
/// use token::{Algorithm, SigningKey, jws};
/// let key = SigningKey::generate(Algorithm::Es256)?;
/// let signed = jws::sign(&key, "logout+jwt", br#"{"sid":"x"}"#);
/// assert_eq!(jws::verify(&signed, &key.verifying_key())?.payload, br#"{"sid":"x"}"#);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn sign(key: &SigningKey, typ: &str, payload: &[u8]) -> String {
    let header = serde_json::json!({ "alg": key.algorithm().name(), "typ": typ, "kid": key.kid() });
    let mut token = base64url::encode(header.to_string());
    token.push('.');
    token.push_str(&base64url::encode(payload));
    let signature = base64url::encode(key.sign(token.as_bytes()));
    token.push('.');
    token.push_str(&signature);
    token
}

/// Checks a signature over any payload with one key. A `kid` in the header must be the key's.
///
/// ```
/// use token::{Algorithm, Refused, SigningKey, jws};
/// let key = SigningKey::generate(Algorithm::EdDSA)?;
/// let signed = jws::sign(&key, "JWT", b"{}");
/// let other = SigningKey::generate(Algorithm::EdDSA)?;
/// assert_eq!(jws::verify(&signed, &other.verifying_key()), Err(Refused::UnknownKey));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn verify(token: &str, key: &VerifyingKey) -> Result<Verified, Refused> {
    let compact = Compact::parse(token)?;
    if compact.header.kid.as_deref().is_some_and(|kid| kid != key.kid()) {
        return Err(Refused::UnknownKey);
    }
    key.check(&compact)?;
    Ok(Verified { typ: compact.header.typ, payload: compact.payload })
}
