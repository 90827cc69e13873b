//! Verifying an access token, in the only order in which nothing is believed before it is checked.

use std::fmt;
use std::ops::Range;

use crate::jws::{Body, Compact, Header, Room};
use crate::{Algorithm, Claims, ClaimsRef, KeySet, Profile, Refused, VerifyingKey, as_written, strictly};

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
        judge_life(&self.life(claims), now_ms)
    }

    /// The milliseconds at which claims that were verified before count, leeway included: [`Self::judge_times`] for whoever
    /// keeps nothing but this.
    ///
    /// ```
    /// use token::{Claims, Expectation, Profile};
    /// let expect = Expectation::new(Profile::Rfc9068, "https://id.example", "https://api.example");
    /// let claims = Claims { iat: 1_000, rat: 1_000_000, exp: 1_600, ..Claims::default() };
    /// assert_eq!(expect.life(&claims), 995_000..1_605_000);
    /// ```
    pub fn life(&self, claims: &Claims) -> Range<i64> {
        self.life_from(claims.nbf, claims.iat, claims.rat, claims.exp)
    }

    #[inline(always)]
    #[expect(clippy::inline_always, reason = "it is asked about claims that are still in registers")]
    fn judge(&self, claims: &ClaimsRef<'_>, is_type: bool, now_ms: i64) -> Result<(), Refused> {
        if !is_type {
            return Err(Refused::Type);
        }
        if claims.iss != self.issuer {
            return Err(Refused::Issuer);
        }
        if !claims.aud.contains(&self.audience) {
            return Err(Refused::Audience);
        }
        judge_life(&self.life_from(claims.nbf, claims.iat, claims.rat, claims.exp), now_ms)
    }

    fn life_from(&self, nbf: Option<i64>, iat: i64, rat: i64, exp: i64) -> Range<i64> {
        let leeway = i64::from(self.leeway_seconds) * 1000;
        let ms = |seconds: i64| seconds.saturating_mul(1000);
        let latest = ms(nbf.unwrap_or(i64::MIN)).max(ms(iat)).max(rat);
        latest.saturating_sub(leeway)..ms(exp).saturating_add(leeway)
    }
}

/// Judges a moment in unix milliseconds by what [`Expectation::life`] said. `Expired` comes first, for a token that never
/// counted at all.
///
/// ```
/// use token::{Refused, judge_life};
/// assert_eq!(judge_life(&(10..20), 19), Ok(()));
/// assert_eq!(judge_life(&(10..20), 20), Err(Refused::Expired));
/// assert_eq!(judge_life(&(10..20), 9), Err(Refused::NotYetValid));
/// ```
pub fn judge_life(life: &Range<i64>, now_ms: i64) -> Result<(), Refused> {
    if now_ms >= life.end {
        return Err(Refused::Expired);
    }
    if now_ms < life.start { Err(Refused::NotYetValid) } else { Ok(()) }
}

/// A token that has been verified, borrowed from the memory that it was decoded in.
pub struct Verified<'a> {
    claims: ClaimsRef<'a>,
    key: &'a VerifyingKey,
    payload: &'a [u8],
}

impl<'a> Verified<'a> {
    /// What it says.
    pub fn claims(&self) -> &ClaimsRef<'a> {
        &self.claims
    }

    /// What it says, with memory of its own.
    pub fn into_claims(self) -> Claims {
        self.claims.into_owned()
    }

    /// The key that signed it.
    pub fn key(&self) -> &'a VerifyingKey {
        self.key
    }

    /// The signed bytes, a JSON object without duplicate members: for claims beyond those that are known here.
    ///
    /// ```
    /// # use token::{Algorithm, Claims, Expectation, KeySet, Profile, Room, SigningKey};
    /// # let key = SigningKey::generate(Algorithm::EdDSA)?;
    /// # let mut keys = KeySet::new();
    /// # keys.insert(key.verifying_key())?;
    /// # let claims = Claims { sub: "ada".into(), jti: "1".into(), aud: vec!["b".into()], exp: 9, ..Claims::default() };
    /// # let jwt = token::sign(&key, Profile::Rfc9068, &claims);
    /// # let (mut room, expect) = (Room::new(), Expectation::new(Profile::Rfc9068, "", "b"));
    /// #[derive(serde::Deserialize)]
    /// struct Shop<'a> {
    ///     customer: Option<&'a str>,
    /// }
    /// let verified = token::verify_in(&mut room, &jwt, &keys, &expect, 0)?;
    /// assert_eq!(serde_json::from_slice::<Shop>(verified.payload())?.customer, None);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn payload(&self) -> &'a [u8] {
        self.payload
    }
}

impl fmt::Debug for Verified<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verified").field("claims", &self.claims).field("kid", &self.key.kid()).finish_non_exhaustive()
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
    verify_in(&mut Room::new(), token, keys, expect, now_ms).map(Verified::into_claims)
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
    let mut room = Room::new();
    let verified = verify_in(&mut room, token, keys, expect, now_ms)?;
    let kid = verified.key.kid().to_owned();
    Ok((verified.into_claims(), kid))
}

/// The same without a copy: what is found is borrowed from `room`, which is used again and again. A token that is written
/// as this crate writes it is verified without any allocation of this crate's own.
///
/// ```
/// use token::{Algorithm, Claims, Expectation, KeySet, Profile, Room, SigningKey};
/// let key = SigningKey::generate(Algorithm::EdDSA)?;
/// let mut keys = KeySet::new();
/// keys.insert(key.verifying_key())?;
/// let claims = Claims { sub: "ada".into(), jti: "1".into(), aud: vec!["b".into()], exp: 9, ..Claims::default() };
/// let jwt = token::sign(&key, Profile::Rfc9068, &claims);
///
/// let (mut room, expect) = (Room::new(), Expectation::new(Profile::Rfc9068, "", "b"));
/// let verified = token::verify_in(&mut room, &jwt, &keys, &expect, 0)?;
/// assert_eq!(verified.claims().sub, "ada");
/// assert_eq!(verified.key().kid(), key.kid());
/// assert_eq!(verified.into_claims(), claims);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn verify_in<'a>(
    room: &'a mut Room,
    token: &str,
    keys: &'a KeySet,
    expect: &Expectation,
    now_ms: i64,
) -> Result<Verified<'a>, Refused> {
    let compact = Compact::split(token)?;
    // A key's own header is known by comparing it; any other is read.
    let Some(written) = keys.by_header(compact.header) else {
        return verify_read(&compact, room, keys, expect, now_ms);
    };
    let body = compact.decode(room)?;
    let is_type = written.profile == expect.profile;
    judge(&compact, &body, &written.key, is_type, expect, now_ms)
}

#[cold]
fn verify_read<'a>(
    compact: &Compact<'_>,
    room: &'a mut Room,
    keys: &'a KeySet,
    expect: &Expectation,
    now_ms: i64,
) -> Result<Verified<'a>, Refused> {
    compact.check_dots()?;
    let header = Header::read(compact.header)?;
    let body = compact.decode(room)?;
    let _: Algorithm = header.alg.parse().map_err(|_| Refused::Algorithm)?;
    let key = header.kid.as_deref().and_then(|kid| keys.get(kid)).ok_or(Refused::UnknownKey)?;
    key.check_alg(&header.alg)?;
    let is_type = header.typ.is_some_and(|typ| is_type(&typ, expect.profile.typ()));
    judge(compact, &body, key, is_type, expect, now_ms)
}

/// What follows when the key is known.
#[inline]
fn judge<'a>(
    compact: &Compact<'_>,
    body: &Body<'a>,
    key: &'a VerifyingKey,
    is_type: bool,
    expect: &Expectation,
    now_ms: i64,
) -> Result<Verified<'a>, Refused> {
    key.check(compact.signing_input, body.signature)?;
    // Each kind is put where it is wanted at once: what either gives would have to be copied.
    if let Some(claims) = as_written::read(body.payload, expect.profile) {
        expect.judge(&claims, is_type, now_ms)?;
        return Ok(Verified { claims, key, payload: body.payload });
    }
    let claims = strictly::read(body.payload, expect.profile)?;
    expect.judge(&claims, is_type, now_ms)?;
    Ok(Verified { claims, key, payload: body.payload })
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
