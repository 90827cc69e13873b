//! Looking into a token without believing it, for people at a command line.

use std::fmt;

use serde_json::Value;

use crate::{Refused, base64url, jws, shape};

/// What a token says about itself. Nothing here has been verified.
#[derive(Clone, Debug, PartialEq)]
pub struct Inspection {
    /// The header, an object.
    pub header: Value,
    /// The payload, an object.
    pub claims: Value,
    /// How many bytes the signature has.
    pub signature_len: usize,
    /// How many characters the token has.
    pub token_len: usize,
}

/// A part of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Segment {
    /// All of it.
    Token,
    /// What comes before the first dot.
    Header,
    /// What stands between the dots.
    Claims,
    /// What comes after the second dot.
    Signature,
}

/// Why a token could not be looked into, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the {segment} {reason}")]
pub struct Unreadable {
    /// The part that could not be read.
    pub segment: Segment,
    /// What is wrong with it.
    pub reason: &'static str,
}

/// Decodes a token **without verifying it**.
///
/// ```
/// use token::{Algorithm, Claims, Profile, Segment, SigningKey};
/// let key = SigningKey::generate(Algorithm::EdDSA)?;
/// let jwt = token::sign(&key, Profile::Rfc9068, &Claims { sub: "ada".into(), ..Claims::default() });
/// let seen = token::inspect(&jwt)?;
/// assert_eq!(seen.header["typ"], "at+jwt");
/// assert_eq!(seen.claims["sub"], "ada");
/// assert_eq!(seen.signature_len, 64);
/// assert_eq!(token::inspect("e30.x.AA").unwrap_err().segment, Segment::Claims);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn inspect(token: &str) -> Result<Inspection, Unreadable> {
    let [header, claims, signature] = jws::segments(token).map_err(|refused| Unreadable {
        segment: Segment::Token,
        reason: match refused {
            Refused::TooLong => "is longer than 8 KiB",
            _ => "is not three segments joined by dots",
        },
    })?;
    Ok(Inspection {
        header: object(header, Segment::Header, shape::HEADER)?,
        claims: object(claims, Segment::Claims, shape::CLAIMS)?,
        signature_len: decode(signature, Segment::Signature)?.len(),
        token_len: token.len(),
    })
}

impl fmt::Display for Segment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Token => "token",
            Self::Header => "header",
            Self::Claims => "claims",
            Self::Signature => "signature",
        })
    }
}

fn decode(text: &str, segment: Segment) -> Result<Vec<u8>, Unreadable> {
    base64url::decode(text).map_err(|_| Unreadable { segment, reason: "is not canonical unpadded base64url" })
}

fn object(text: &str, segment: Segment, limits: shape::Limits) -> Result<Value, Unreadable> {
    let json = decode(text, segment)?;
    let unreadable = Unreadable { segment, reason: "is not one small JSON object without duplicate members" };
    shape::check(&json, limits).map_err(|_| unreadable)?;
    serde_json::from_slice(&json).map_err(|_| unreadable)
}
