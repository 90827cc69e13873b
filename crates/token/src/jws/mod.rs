//! JSON Web Signature (RFC 7515), compact serialization only: any payload, one key, one algorithm.
//!
//! Access tokens go through the same code; this door is for what else is signed: ID tokens and logout tokens that leave,
//! client assertions that come in.

mod compact;
mod scheme;

pub(crate) use compact::{Body, Compact, Header, present, segments};
pub use compact::{MAX_HEADER_BYTES, MAX_TOKEN_BYTES, Room};
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
    sign_after(&Header::write(key.algorithm().scheme(), typ, key.kid()), key, payload)
}

/// The same with a header that has been written before.
pub(crate) fn sign_after(header: &str, key: &SigningKey, payload: &[u8]) -> String {
    let mut token = String::with_capacity(header.len() + (payload.len() + key.signature_bytes()).div_ceil(3) * 4 + 4);
    token.push_str(header);
    token.push('.');
    base64url::encode_to(&mut token, payload);
    let signature = key.sign(token.as_bytes());
    token.push('.');
    base64url::encode_to(&mut token, signature);
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
    let compact = Compact::split(token)?;
    compact.check_dots()?;
    let header = Header::read(compact.header)?;
    let mut room = Room::new();
    let body = compact.decode(&mut room)?;
    if header.kid.is_some_and(|kid| kid != key.kid()) {
        return Err(Refused::UnknownKey);
    }
    key.check_alg(&header.alg)?;
    key.check(compact.signing_input, body.signature)?;
    Ok(Verified { typ: header.typ, payload: body.payload.to_vec() })
}
