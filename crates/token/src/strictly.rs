//! Reads any payload, and alone decides what is refused and why.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Error, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::claims::{ACCESS, parse_id};
use crate::jws::present;
use crate::text::Text;
use crate::{ClaimsRef, Profile, Refused, Strings, shape};

/// Reads the shape first, then every claim with its type, then what the profile requires.
pub(crate) fn read(json: &[u8], profile: Profile) -> Result<ClaimsRef<'_>, Refused> {
    shape::check(json, shape::CLAIMS).map_err(|_| Refused::Payload)?;
    let read: Members<'_> = serde_json::from_slice(json).map_err(|_| Refused::Claims)?;
    let is_flask = profile == Profile::FlaskJwtExtended;
    if is_flask {
        let kind = text(read.kind, "type")?;
        required(read.nbf, "nbf")?;
        required(read.fresh, "fresh")?;
        if kind != ACCESS {
            return Err(Refused::Type);
        }
    }
    let sid = text(read.sid, "sid")?;
    Ok(ClaimsRef {
        iss: text(read.iss, "iss")?,
        sub: non_empty(text(read.sub, "sub")?)?,
        aud: required(read.aud, "aud")?.0,
        exp: required(read.exp, "exp")?,
        iat: required(read.iat, "iat")?,
        jti: non_empty(text(read.jti, "jti")?)?,
        nbf: read.nbf,
        sid: parse_id(&sid).ok_or(Refused::Claims)?,
        client_id: text(read.client_id, "client_id")?,
        scope: read.scope.map_or(Cow::Borrowed(""), |scope| scope.0),
        roles: strings(read.roles),
        auth_time: read.auth_time,
        amr: strings(read.amr),
        preferred_username: read.preferred_username.map(|name| name.0),
        fresh: read.fresh.unwrap_or_default(),
        uep: required(read.uep, "uep")?,
        rat: required(read.rat, "rat")?,
    })
}

fn required<T>(claim: Option<T>, name: &'static str) -> Result<T, Refused> {
    claim.ok_or(Refused::MissingClaim(name))
}

fn text<'a>(claim: Option<Text<'a>>, name: &'static str) -> Result<Cow<'a, str>, Refused> {
    required(claim, name).map(|text| text.0)
}

fn non_empty(text: Cow<'_, str>) -> Result<Cow<'_, str>, Refused> {
    if text.is_empty() { Err(Refused::Claims) } else { Ok(text) }
}

fn strings(claim: Option<Vec<Text<'_>>>) -> Strings<'_> {
    claim.map_or(Strings::NONE, |texts| Strings::many(texts.into_iter().map(|text| text.0).collect()))
}

/// Every known claim. Unknown ones are ignored (RFC 7519 §4); `null` is a wrong type, never an absence.
#[derive(Deserialize)]
struct Members<'a> {
    #[serde(borrow, default, deserialize_with = "present")]
    iss: Option<Text<'a>>,
    #[serde(borrow, default, deserialize_with = "present")]
    sub: Option<Text<'a>>,
    #[serde(borrow, default, deserialize_with = "present")]
    aud: Option<Audience<'a>>,
    #[serde(default, deserialize_with = "present")]
    exp: Option<i64>,
    #[serde(default, deserialize_with = "present")]
    iat: Option<i64>,
    #[serde(default, deserialize_with = "present")]
    nbf: Option<i64>,
    #[serde(borrow, default, deserialize_with = "present")]
    jti: Option<Text<'a>>,
    #[serde(borrow, default, deserialize_with = "present")]
    sid: Option<Text<'a>>,
    #[serde(borrow, default, deserialize_with = "present")]
    client_id: Option<Text<'a>>,
    #[serde(borrow, default, deserialize_with = "present")]
    scope: Option<Text<'a>>,
    #[serde(borrow, default, deserialize_with = "present")]
    roles: Option<Vec<Text<'a>>>,
    #[serde(default, deserialize_with = "present")]
    auth_time: Option<i64>,
    #[serde(borrow, default, deserialize_with = "present")]
    amr: Option<Vec<Text<'a>>>,
    #[serde(borrow, default, deserialize_with = "present")]
    preferred_username: Option<Text<'a>>,
    #[serde(borrow, rename = "type", default, deserialize_with = "present")]
    kind: Option<Text<'a>>,
    #[serde(default, deserialize_with = "present")]
    fresh: Option<bool>,
    #[serde(default, deserialize_with = "present")]
    uep: Option<u64>,
    #[serde(default, deserialize_with = "present")]
    rat: Option<i64>,
}

/// `aud`: a string or an array of strings (RFC 7519 §4.1.3).
struct Audience<'a>(Strings<'a>);

impl<'de> Deserialize<'de> for Audience<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OneOrMany;
        impl<'de> Visitor<'de> for OneOrMany {
            type Value = Audience<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string or an array of strings")
            }

            fn visit_borrowed_str<E: Error>(self, one: &'de str) -> Result<Audience<'de>, E> {
                Ok(Audience(Strings::one(Cow::Borrowed(one))))
            }

            fn visit_str<E: Error>(self, one: &str) -> Result<Audience<'de>, E> {
                Ok(Audience(Strings::one(Cow::Owned(one.to_owned()))))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Audience<'de>, A::Error> {
                let mut many = Vec::new();
                while let Some(Text(one)) = elements.next_element()? {
                    many.push(one);
                }
                Ok(Audience(Strings::many(many)))
            }
        }
        deserializer.deserialize_any(OneOrMany)
    }
}
