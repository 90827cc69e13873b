//! What an access token says, as it is used in the program; and as it stands in JSON.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Error, SeqAccess, Visitor};
use serde::ser::Serializer;
use serde::{Deserialize, Deserializer, Serialize};
use uuid::Uuid;

use crate::jws::present;
use crate::{Profile, Refused, as_written, shape};

/// The claims of an access token (RFC 9068 §2.2), and those by which it can be revoked.
///
/// ```
/// let claims = token::Claims { sub: "0190a5c4-7d2e-7000-8000-000000000001".into(), ..Default::default() };
/// assert_eq!(claims.user().unwrap()[..2], [0x01, 0x90]);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Claims {
    /// Who issued it: compared byte for byte.
    pub iss: String,
    /// Whom it speaks for: a user id as hyphenated lower-case UUID, or the id of a client that acts for itself.
    pub sub: String,
    /// For whom it is meant. Written as a string when there is one, as an array when there are more.
    pub aud: Vec<String>,
    /// When it ends, in unix seconds.
    pub exp: i64,
    /// When it was issued, in unix seconds.
    pub iat: i64,
    /// The id of this token.
    pub jti: String,
    /// Before when it is not valid, in unix seconds.
    pub nbf: Option<i64>,
    /// The session that it belongs to; written as hyphenated lower-case UUID, as the server's API names it.
    pub sid: [u8; 16],
    /// The client that it was issued to.
    pub client_id: String,
    /// The granted scope, separated by spaces; may be empty.
    pub scope: String,
    /// The roles of the user.
    pub roles: Vec<String>,
    /// When the user last proved who they are, in unix seconds.
    pub auth_time: Option<i64>,
    /// How they proved it (RFC 8176).
    pub amr: Vec<String>,
    /// The name that the user goes by, for greeting only.
    pub preferred_username: Option<String>,
    /// Whether it came from a login rather than a refresh; written in profile [`Profile::FlaskJwtExtended`] only.
    pub fresh: bool,
    /// The epoch of the user when it was issued; a raised epoch voids it.
    pub uep: u64,
    /// When the session and the user were read, in unix **milli**seconds: how fresh the token's own knowledge is.
    pub rat: i64,
}

impl Claims {
    /// The user that it speaks for; `None` when `sub` is not a user id in its one spelling.
    pub fn user(&self) -> Option<[u8; 16]> {
        parse_id(&self.sub)
    }

    /// Writes the payload.
    pub(crate) fn to_json(&self, profile: Profile) -> Vec<u8> {
        let is_flask = profile == Profile::FlaskJwtExtended;
        let mut sid = Uuid::encode_buffer();
        let members = Written {
            iss: &self.iss,
            sub: &self.sub,
            aud: OneOrMany(&self.aud),
            exp: self.exp,
            iat: self.iat,
            nbf: self.nbf.or(is_flask.then_some(self.iat)),
            jti: &self.jti,
            sid: Uuid::from_bytes(self.sid).hyphenated().encode_lower(&mut sid),
            client_id: &self.client_id,
            scope: &self.scope,
            roles: &self.roles,
            auth_time: self.auth_time,
            amr: &self.amr,
            preferred_username: self.preferred_username.as_deref(),
            kind: is_flask.then_some(ACCESS),
            fresh: is_flask.then_some(self.fresh),
            uep: self.uep,
            rat: self.rat,
        };
        let mut json = Vec::with_capacity(512);
        serde_json::to_writer(&mut json, &members).expect("strings and numbers can always be written");
        json
    }

    /// Reads the payload: fast where it is just as it is written here, strictly in any case.
    pub(crate) fn from_json(json: &[u8], profile: Profile) -> Result<Self, Refused> {
        as_written::read(json, profile).map_or_else(|| Self::from_json_strictly(json, profile), Ok)
    }

    /// Reads the shape first, then every claim with its type, then what the profile requires.
    pub(crate) fn from_json_strictly(json: &[u8], profile: Profile) -> Result<Self, Refused> {
        shape::check(json, shape::CLAIMS).map_err(|_| Refused::Payload)?;
        let read: Read<'_> = serde_json::from_slice(json).map_err(|_| Refused::Claims)?;
        let is_flask = profile == Profile::FlaskJwtExtended;
        if is_flask {
            let kind = required(read.kind, "type")?;
            required(read.nbf, "nbf")?;
            required(read.fresh, "fresh")?;
            if kind != ACCESS {
                return Err(Refused::Type);
            }
        }
        let sid = required(read.sid, "sid")?;
        Ok(Self {
            iss: required(read.iss, "iss")?,
            sub: non_empty(required(read.sub, "sub")?)?,
            aud: required(read.aud, "aud")?.0,
            exp: required(read.exp, "exp")?,
            iat: required(read.iat, "iat")?,
            jti: non_empty(required(read.jti, "jti")?)?,
            nbf: read.nbf,
            sid: parse_id(&sid).ok_or(Refused::Claims)?,
            client_id: required(read.client_id, "client_id")?,
            scope: read.scope.unwrap_or_default(),
            roles: read.roles.unwrap_or_default(),
            auth_time: read.auth_time,
            amr: read.amr.unwrap_or_default(),
            preferred_username: read.preferred_username,
            fresh: read.fresh.unwrap_or_default(),
            uep: required(read.uep, "uep")?,
            rat: required(read.rat, "rat")?,
        })
    }
}

/// An id in its one spelling: a hyphenated UUID in lower case (RFC 9562 §4).
pub(crate) fn parse_id(text: &str) -> Option<[u8; 16]> {
    let id = Uuid::try_parse(text).ok()?;
    (id.hyphenated().encode_lower(&mut Uuid::encode_buffer()) == text).then(|| *id.as_bytes())
}

fn required<T>(claim: Option<T>, name: &'static str) -> Result<T, Refused> {
    claim.ok_or(Refused::MissingClaim(name))
}

fn non_empty(text: String) -> Result<String, Refused> {
    if text.is_empty() { Err(Refused::Claims) } else { Ok(text) }
}

/// `type` of an access token, as flask-jwt-extended has it.
pub(crate) const ACCESS: &str = "access";

#[derive(Serialize)]
struct Written<'a> {
    iss: &'a str,
    sub: &'a str,
    aud: OneOrMany<'a>,
    exp: i64,
    iat: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    nbf: Option<i64>,
    jti: &'a str,
    sid: &'a str,
    client_id: &'a str,
    scope: &'a str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    roles: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    auth_time: Option<i64>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    amr: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    preferred_username: Option<&'a str>,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    kind: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fresh: Option<bool>,
    uep: u64,
    rat: i64,
}

/// `aud` as it is written: one audience as a string, more as an array (RFC 7519 §4.1.3).
struct OneOrMany<'a>(&'a [String]);

impl Serialize for OneOrMany<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            [one] => serializer.serialize_str(one),
            many => many.serialize(serializer),
        }
    }
}

/// Every known claim. Unknown ones are ignored (RFC 7519 §4); `null` is a wrong type, never an absence.
#[derive(Deserialize)]
struct Read<'a> {
    #[serde(default, deserialize_with = "present")]
    iss: Option<String>,
    #[serde(default, deserialize_with = "present")]
    sub: Option<String>,
    #[serde(default, deserialize_with = "present")]
    aud: Option<Audience>,
    #[serde(default, deserialize_with = "present")]
    exp: Option<i64>,
    #[serde(default, deserialize_with = "present")]
    iat: Option<i64>,
    #[serde(default, deserialize_with = "present")]
    nbf: Option<i64>,
    #[serde(default, deserialize_with = "present")]
    jti: Option<String>,
    #[serde(borrow, default, deserialize_with = "present")]
    sid: Option<Cow<'a, str>>,
    #[serde(default, deserialize_with = "present")]
    client_id: Option<String>,
    #[serde(default, deserialize_with = "present")]
    scope: Option<String>,
    #[serde(default, deserialize_with = "present")]
    roles: Option<Vec<String>>,
    #[serde(default, deserialize_with = "present")]
    auth_time: Option<i64>,
    #[serde(default, deserialize_with = "present")]
    amr: Option<Vec<String>>,
    #[serde(default, deserialize_with = "present")]
    preferred_username: Option<String>,
    #[serde(borrow, rename = "type", default, deserialize_with = "present")]
    kind: Option<Cow<'a, str>>,
    #[serde(default, deserialize_with = "present")]
    fresh: Option<bool>,
    #[serde(default, deserialize_with = "present")]
    uep: Option<u64>,
    #[serde(default, deserialize_with = "present")]
    rat: Option<i64>,
}

/// `aud`: a string or an array of strings (RFC 7519 §4.1.3).
#[derive(Default)]
struct Audience(Vec<String>);

impl<'de> Deserialize<'de> for Audience {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OneOrMany;
        impl<'de> Visitor<'de> for OneOrMany {
            type Value = Audience;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string or an array of strings")
            }

            fn visit_str<E: Error>(self, one: &str) -> Result<Audience, E> {
                Ok(Audience(vec![one.to_owned()]))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Audience, A::Error> {
                let mut many = Vec::new();
                while let Some(one) = elements.next_element()? {
                    many.push(one);
                }
                Ok(Audience(many))
            }
        }
        deserializer.deserialize_any(OneOrMany)
    }
}
