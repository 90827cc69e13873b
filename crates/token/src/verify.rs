//! Verifying an access token, in the only order in which nothing is believed before it is checked.

use crate::jws::{Compact, Header, Room};
use crate::key_set::Written;
use crate::{Algorithm, Claims, KeySet, Profile, Refused, VerifyingKey};

/// What a verifier demands of a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expectation {
    profile: Profile,
    issuer: String,
    audience: String,
    leeway_seconds: u32,
}

impl Expectation {
    /// The most that clocks may be assumed to differ.
    pub const MAX_LEEWAY_SECONDS: u32 = 60;

    /// Demands this profile, this issuer and, among others, this audience; with a leeway of 5 seconds.
    ///
    /// ```
    /// use token::{Expectation, Profile};
    /// let expect = Expectation::new(Profile::Rfc9068, "https://id.example", "https://api.example");
    /// assert_eq!(expect.leeway_seconds(), 5);
    /// assert_eq!(expect.with_leeway_seconds(3600).leeway_seconds(), 60);
    /// ```
    pub fn new(profile: Profile, issuer: impl Into<String>, audience: impl Into<String>) -> Self {
        Self { profile, issuer: issuer.into(), audience: audience.into(), leeway_seconds: 5 }
    }

    /// Tolerates clocks that differ by so much, but never by more than a minute.
    #[must_use]
    pub fn with_leeway_seconds(self, seconds: u32) -> Self {
        Self { leeway_seconds: seconds.min(Self::MAX_LEEWAY_SECONDS), ..self }
    }

    /// The tolerance in force.
    pub fn leeway_seconds(&self) -> u32 {
        self.leeway_seconds
    }

    /// The dialect demanded.
    pub fn profile(&self) -> Profile {
        self.profile
    }

    /// The issuer demanded.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The audience demanded.
    pub fn audience(&self) -> &str {
        &self.audience
    }

    /// Judges the times of claims that were verified before, for whoever keeps them: `Expired` from the very millisecond
    /// `exp` + leeway on, `NotYetValid` while `nbf`, `iat` or `rat` lies ahead by more than the leeway.
    pub fn judge_times(&self, claims: &Claims, now_ms: i64) -> Result<(), Refused> {
        let leeway = i64::from(self.leeway_seconds) * 1000;
        let ms = |seconds: i64| seconds.saturating_mul(1000);
        if now_ms >= ms(claims.exp).saturating_add(leeway) {
            return Err(Refused::Expired);
        }
        let latest = ms(claims.nbf.unwrap_or(i64::MIN)).max(ms(claims.iat)).max(claims.rat);
        if latest > now_ms.saturating_add(leeway) { Err(Refused::NotYetValid) } else { Ok(()) }
    }
}

/// Verifies an access token at a moment in unix milliseconds: size → segments and encoding → header → key by `kid` →
/// algorithm → signature → claims → `typ`, `iss`, `aud`, times. Revocation is another question; see the verifier.
///
/// ```
/// use token::{Expectation, KeySet, Profile, Refused};
/// let expect = Expectation::new(Profile::Rfc9068, "https://id.example", "https://api.example");
/// assert_eq!(token::verify("a.b", &KeySet::new(), &expect, 0), Err(Refused::Segments));
/// ```
pub fn verify(token: &str, keys: &KeySet, expect: &Expectation, now_ms: i64) -> Result<Claims, Refused> {
    judge(token, keys, expect, now_ms).map(|(claims, _)| claims)
}

/// The same, with the name of the key that signed: what a verifier needs that keeps the answer and must know when the key
/// has died.
///
/// ```
/// use token::{Expectation, KeySet, Profile, Refused};
/// let expect = Expectation::new(Profile::Rfc9068, "https://id.example", "https://api.example");
/// assert_eq!(token::verify_with_kid("a.b", &KeySet::new(), &expect, 0), Err(Refused::Segments));
/// ```
pub fn verify_with_kid(
    token: &str,
    keys: &KeySet,
    expect: &Expectation,
    now_ms: i64,
) -> Result<(Claims, String), Refused> {
    judge(token, keys, expect, now_ms).map(|(claims, key)| (claims, key.kid().to_owned()))
}

/// A key's own header is known by comparing it; any other is read.
fn judge<'a>(
    token: &str,
    keys: &'a KeySet,
    expect: &Expectation,
    now_ms: i64,
) -> Result<(Claims, &'a VerifyingKey), Refused> {
    let compact = Compact::split(token)?;
    let header = match keys.by_header(compact.header) {
        Some(written) => Head::Written(written),
        None => Head::Read(Header::read(compact.header)?),
    };
    let mut room = Room::new();
    let body = compact.decode(&mut room)?;
    let key = header.key(keys)?;
    key.check(compact.signing_input, body.signature)?;
    let claims = Claims::from_json(body.payload, expect.profile)?;
    if !header.typ().is_some_and(|typ| is_type(typ, expect.profile.typ())) {
        return Err(Refused::Type);
    }
    if claims.iss != expect.issuer {
        return Err(Refused::Issuer);
    }
    if !claims.aud.contains(&expect.audience) {
        return Err(Refused::Audience);
    }
    expect.judge_times(&claims, now_ms)?;
    Ok((claims, key))
}

/// A header, known by the look of it or read.
enum Head<'a> {
    Written(&'a Written),
    Read(Header),
}

impl<'a> Head<'a> {
    /// The key that it names, if the algorithm is that key's.
    fn key(&self, keys: &'a KeySet) -> Result<&'a VerifyingKey, Refused> {
        match self {
            Self::Written(written) => Ok(&written.key),
            Self::Read(header) => {
                let _: Algorithm = header.alg.parse().map_err(|_| Refused::Algorithm)?;
                let key = header.kid.as_deref().and_then(|kid| keys.get(kid)).ok_or(Refused::UnknownKey)?;
                key.check_alg(&header.alg)?;
                Ok(key)
            }
        }
    }

    fn typ(&self) -> Option<&str> {
        match self {
            Self::Written(written) => Some(written.profile.typ()),
            Self::Read(header) => header.typ.as_deref(),
        }
    }
}

/// Media types compare without case, and `application/` may be left out (RFC 7515 §4.1.9).
fn is_type(typ: &str, expected: &str) -> bool {
    const PREFIX: &str = "application/";
    let bare = match typ.get(..PREFIX.len()) {
        Some(prefix) if prefix.eq_ignore_ascii_case(PREFIX) => &typ[PREFIX.len()..],
        _ => typ,
    };
    bare.eq_ignore_ascii_case(expected)
}
