//! The compact serialization, taken apart strictly (RFC 7515 §5.2, §7.1).

use std::borrow::Cow;
use std::mem::MaybeUninit;

use serde::{Deserialize, Deserializer};

use super::Scheme;
use crate::{Refused, base64url, shape};

/// The longest token that is looked at.
pub const MAX_TOKEN_BYTES: usize = 8 * 1024;
/// The longest decoded header that is looked at.
pub const MAX_HEADER_BYTES: usize = 1024;

/// A token in parts, as it was sent.
pub(crate) struct Compact<'a> {
    pub(crate) header: &'a str,
    payload: &'a str,
    signature: &'a str,
    /// `header.payload`: what the signature is over.
    pub(crate) signing_input: &'a [u8],
}

/// What comes after the header, decoded but not yet believed.
pub(crate) struct Body<'a> {
    pub(crate) payload: &'a [u8],
    pub(crate) signature: &'a [u8],
}

/// Memory that a token is decoded in: enough for any that is looked at. Costs nothing to make; nothing in it is ever read
/// that was not written for the token at hand.
pub struct Room([MaybeUninit<u8>; MAX_TOKEN_BYTES]);

/// The whole of what a header may say. `crit`, `jwk`, `jku`, `x5*`, `b64`, `zip`, `cty` and all else are refused, so
/// that no header can ever ask for anything.
pub(crate) struct Header {
    pub(crate) alg: String,
    pub(crate) typ: Option<String>,
    pub(crate) kid: Option<String>,
}

impl<'a> Compact<'a> {
    /// Splits at the first dot and at the last. Dots between them are found by [`Self::check_dots`] or when the payload is
    /// decoded, so that it is not searched for nothing.
    pub(crate) fn split(token: &'a str) -> Result<Self, Refused> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(Refused::TooLong);
        }
        let last = memchr::memrchr(b'.', token.as_bytes()).ok_or(Refused::Segments)?;
        let (signed, signature) = (&token[..last], &token[last + 1..]);
        let first = memchr::memchr(b'.', signed.as_bytes()).ok_or(Refused::Segments)?;
        let (header, payload) = (&signed[..first], &signed[first + 1..]);
        if header.is_empty() || signature.is_empty() {
            return Err(Refused::Segments);
        }
        Ok(Self { header, payload, signature, signing_input: signed.as_bytes() })
    }

    /// Checks that there are no more than two dots.
    pub(crate) fn check_dots(&self) -> Result<(), Refused> {
        if self.payload.contains('.') { Err(Refused::Segments) } else { Ok(()) }
    }

    pub(crate) fn decode<'room>(&self, room: &'room mut Room) -> Result<Body<'room>, Refused> {
        let payload = base64url::decode_into(self.payload, &mut room.0);
        let (payload, rest) = payload.map_err(|_| self.check_dots().err().unwrap_or(Refused::Encoding))?;
        let (signature, _) = base64url::decode_into(self.signature, rest).map_err(|_| Refused::Encoding)?;
        Ok(Body { payload, signature })
    }
}

impl Room {
    /// Memory that nothing has been written to.
    pub const fn new() -> Self {
        Self([const { MaybeUninit::uninit() }; MAX_TOKEN_BYTES])
    }
}

impl Default for Room {
    fn default() -> Self {
        Self::new()
    }
}

impl Header {
    pub(crate) fn read(segment: &str) -> Result<Self, Refused> {
        // Judged before decoding: four characters carry three bytes.
        if segment.len() > (MAX_HEADER_BYTES * 4).div_ceil(3) {
            return Err(Refused::Header);
        }
        Self::parse(&base64url::decode(segment).map_err(|_| Refused::Encoding)?)
    }

    /// The segment that says exactly this.
    pub(crate) fn write(alg: Scheme, typ: &str, kid: &str) -> String {
        base64url::encode(serde_json::json!({ "alg": alg.name(), "typ": typ, "kid": kid }).to_string())
    }

    fn parse(json: &[u8]) -> Result<Self, Refused> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Members<'a> {
            #[serde(borrow)]
            alg: Cow<'a, str>,
            #[serde(default, deserialize_with = "present")]
            typ: Option<String>,
            #[serde(default, deserialize_with = "present")]
            kid: Option<String>,
        }
        shape::check(json, shape::HEADER).map_err(|_| Refused::Header)?;
        let members: Members<'_> = serde_json::from_slice(json).map_err(|_| Refused::Header)?;
        Ok(Self { alg: members.alg.into_owned(), typ: members.typ, kid: members.kid })
    }
}

/// Splits into exactly three segments. A JWS may have an empty payload (RFC 7515 §3); header and signature never are.
pub(crate) fn segments(token: &str) -> Result<[&str; 3], Refused> {
    let compact = Compact::split(token)?;
    compact.check_dots()?;
    Ok([compact.header, compact.payload, compact.signature])
}

/// Reads an optional member that is there: `null` is a wrong type, not an absence.
pub(crate) fn present<'de, T: Deserialize<'de>, D: Deserializer<'de>>(value: D) -> Result<Option<T>, D::Error> {
    T::deserialize(value).map(Some)
}
