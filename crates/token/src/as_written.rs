//! Reads a payload that is exactly as this crate writes it. All else, members in another order or escaped, unknown ones,
//! bad ones, is left to the strict reader, which also names what is wrong; so nothing is judged here.

use std::borrow::Cow;

use crate::claims::{ACCESS, parse_id};
use crate::{ClaimsRef, Profile, Strings, eight};

/// The claims, the same that the strict reader finds; `None` where it has to be asked.
#[inline(always)]
#[expect(
    clippy::inline_always,
    reason = "otherwise the claims are copied, which takes longer than reading some of them"
)]
pub(crate) fn read(json: &[u8], profile: Profile) -> Option<ClaimsRef<'_>> {
    let mut text = Text::new(json)?;
    let iss = text.string(br#"{"iss":""#)?;
    let sub = text.id(br#","sub":""#).filter(|sub| !sub.is_empty())?;
    let aud = text.one_or_many()?;
    let exp = text.signed(br#","exp":"#)?;
    let iat = text.signed(br#","iat":"#)?;
    let nbf = text.optional(br#","nbf":"#, Text::signed)?;
    let jti = text.id(br#","jti":""#).filter(|jti| !jti.is_empty())?;
    let sid = parse_id(text.id(br#","sid":""#)?)?;
    let client_id = text.string(br#","client_id":""#)?;
    let scope = text.string(br#","scope":""#)?;
    let roles = text.optional(br#","roles":["#, Text::many)?;
    let auth_time = text.optional(br#","auth_time":"#, Text::signed)?;
    let amr = text.optional(br#","amr":["#, Text::many)?;
    let preferred_username = text.optional(br#","preferred_username":""#, Text::string)?;
    let kind = text.optional(br#","type":""#, Text::string)?;
    let fresh = text.optional(br#","fresh":"#, Text::boolean)?;
    let uep = text.unsigned(br#","uep":"#)?;
    let rat = text.signed(br#","rat":"#)?;
    let is_flask = kind == Some(ACCESS) && fresh.is_some() && nbf.is_some();
    if text.0 != "}" || (profile == Profile::FlaskJwtExtended && !is_flask) {
        return None;
    }
    Some(ClaimsRef {
        iss: Cow::Borrowed(iss),
        sub: Cow::Borrowed(sub),
        aud,
        exp,
        iat,
        jti: Cow::Borrowed(jti),
        nbf,
        sid,
        client_id: Cow::Borrowed(client_id),
        scope: Cow::Borrowed(scope),
        roles: roles.unwrap_or(Strings::NONE),
        auth_time,
        amr: amr.unwrap_or(Strings::NONE),
        preferred_username: preferred_username.map(Cow::Borrowed),
        fresh: fresh.unwrap_or_default(),
        uep,
        rat,
    })
}

/// What is left to read. Each method takes the very bytes that have to come first; their length is known when this is
/// compiled, so that comparing them takes one or two instructions.
struct Text<'a>(&'a str);

impl<'a> Text<'a> {
    /// Text without escapes, so that a quotation mark always ends a string.
    fn new(json: &'a [u8]) -> Option<Self> {
        // Without a branch, so that many bytes are compared at once.
        let special = json.iter().fold(0, |found, byte| found | u8::from(*byte < b' ') | u8::from(*byte == b'\\'));
        if json.len() > MAX_BYTES || special != 0 {
            return None;
        }
        str::from_utf8(json).ok().map(Self)
    }

    #[inline]
    fn begins<const N: usize>(&self, name: &[u8; N]) -> bool {
        self.0.as_bytes().first_chunk() == Some(name)
    }

    #[inline]
    fn skip<const N: usize>(&mut self, name: &[u8; N]) -> Option<()> {
        self.0 = self.0.get(N..).filter(|_| self.begins(name))?;
        Some(())
    }

    /// `Some(None)` if the member is not there, `None` if it is not readable here.
    #[expect(clippy::option_option, reason = "so that `?` leaves what cannot be read to the strict reader")]
    fn optional<const N: usize, T>(
        &mut self,
        name: &[u8; N],
        read: impl FnOnce(&mut Self, &[u8; N]) -> Option<T>,
    ) -> Option<Option<T>> {
        if self.begins(name) { read(self, name).map(Some) } else { Some(None) }
    }

    /// A string; its first quotation mark is the last byte of `name`.
    fn string<const N: usize>(&mut self, name: &[u8; N]) -> Option<&'a str> {
        self.skip(name)?;
        self.string_begun()
    }

    /// A string that is likely to be as long as an id: its length is guessed, and looked for only if that is wrong.
    fn id<const N: usize>(&mut self, name: &[u8; N]) -> Option<&'a str> {
        self.skip(name)?;
        let ends = |text: &[u8; ID_BYTES]| text.iter().fold(0, |ends, byte| ends | u8::from(*byte == b'"')) != 0;
        let text = self.0.as_bytes();
        if text.get(ID_BYTES) != Some(&b'"') || text.first_chunk().is_none_or(ends) {
            return self.string_begun();
        }
        Some(self.take(ID_BYTES, 1))
    }

    fn signed<const N: usize>(&mut self, name: &[u8; N]) -> Option<i64> {
        self.skip(name)?;
        self.integer()
    }

    fn unsigned<const N: usize>(&mut self, name: &[u8; N]) -> Option<u64> {
        self.skip(name)?;
        self.digits()
    }

    // One for all names, so that there is little code to fetch and few branches to learn.
    #[inline(never)]
    fn string_begun(&mut self) -> Option<&'a str> {
        let end = eight::quotation_mark(self.0.as_bytes())?;
        Some(self.take(end, 1))
    }

    #[inline(never)]
    fn integer(&mut self) -> Option<i64> {
        if !self.begins(b"-") {
            return self.digits()?.try_into().ok();
        }
        self.skip(b"-")?;
        // The strict reader knows that `-0` is no integer.
        self.digits().filter(|digits| *digits != 0).and_then(|digits| 0_i64.checked_sub_unsigned(digits))
    }

    #[inline]
    fn digits(&mut self) -> Option<u64> {
        let (value, length) = eight::digits(self.0.as_bytes())?;
        self.take(length, 0);
        Some(value)
    }

    /// The next bytes; then some more are left out.
    #[inline]
    fn take(&mut self, length: usize, more: usize) -> &'a str {
        let value = &self.0[..length];
        self.0 = &self.0[length + more..];
        value
    }

    fn boolean<const N: usize>(&mut self, name: &[u8; N]) -> Option<bool> {
        self.skip(name)?;
        let value = self.begins(b"true");
        if value { self.skip(b"true") } else { self.skip(b"false") }.map(|()| value)
    }

    /// Strings in an array that is not empty; its bracket is the last byte of `name`.
    fn many<const N: usize>(&mut self, name: &[u8; N]) -> Option<Strings<'a>> {
        self.skip(name)?;
        let array = self.0;
        self.string(b"\"")?;
        while self.begins(b",") {
            self.string(b",\"")?;
        }
        let array = &array[..array.len() - self.0.len()];
        self.skip(b"]")?;
        Some(Strings::written(array))
    }

    fn one_or_many(&mut self) -> Option<Strings<'a>> {
        if self.begins(br#","aud":["#) {
            return self.many(br#","aud":["#);
        }
        Some(Strings::one(Cow::Borrowed(self.string(br#","aud":""#)?)))
    }
}

/// How long an id is where it is a UUID.
const ID_BYTES: usize = 36;

/// So short that it cannot have more items than the strict reader allows: an item takes three bytes.
const MAX_BYTES: usize = 2_048;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{Claims, strictly};

    fn claims() -> Claims {
        Claims {
            iss: "https://id.example".into(),
            sub: "0190a5c4-7d2e-7000-8000-000000000001".into(),
            aud: vec!["https://api.example".into()],
            jti: "a1".into(),
            nbf: Some(-7),
            client_id: "b\u{fc}cher".into(),
            roles: vec!["user".into(), String::new()],
            auth_time: Some(i64::MIN),
            amr: vec!["pwd".into()],
            preferred_username: Some(String::new()),
            uep: u64::MAX,
            rat: i64::MAX,
            ..Claims::default()
        }
    }

    fn both(json: &[u8]) {
        for profile in [Profile::Rfc9068, Profile::FlaskJwtExtended] {
            if let Some(claims) = read(json, profile) {
                assert_eq!(strictly::read(json, profile), Ok(claims), "{}", String::from_utf8_lossy(json));
            }
        }
    }

    #[test]
    fn what_this_crate_writes_is_read() {
        let two = Claims { aud: vec!["a".into(), "b".into()], ..claims() };
        let least =
            Claims { nbf: None, roles: vec![], auth_time: None, amr: vec![], preferred_username: None, ..two.clone() };
        for claims in [claims(), two, least] {
            let owned = |json: &[u8], profile| read(json, profile).map(ClaimsRef::into_owned);
            assert_eq!(owned(&claims.to_json(Profile::Rfc9068), Profile::Rfc9068), Some(claims.clone()));
            let flask = Claims { nbf: claims.nbf.or(Some(claims.iat)), ..claims };
            assert_eq!(owned(&flask.to_json(Profile::FlaskJwtExtended), Profile::FlaskJwtExtended), Some(flask));
        }
    }

    #[test]
    fn the_strict_reader_is_asked_about_all_else() {
        let good = String::from_utf8(claims().to_json(Profile::Rfc9068)).expect("JSON is UTF-8");
        for (from, to) in [
            ("\"exp\":0", "\"exp\":-0"),
            ("\"exp\":0", "\"exp\":00"),
            ("\"exp\":0", "\"exp\":+0"),
            ("\"exp\":0", "\"exp\":0.0"),
            ("\"exp\":0", "\"exp\":0e1"),
            ("\"exp\":0", "\"exp\":"),
            ("\"exp\":0", "\"exp\":null"),
            ("\"exp\":0", "\"exp\":9223372036854775808"),
            ("\"exp\":0", "\"exp\":0,\"exp\":0"),
            ("\"exp\":0", "\"exp\": 0"),
            ("\"uep\":1", "\"uep\":-1"),
            ("\"jti\":\"a1\"", "\"jti\":\"\""),
            ("a1", "a\\u0031"),
            ("a1", "a\n1"),
            ("a1", "a\"1"),
            ("00000000-0000", "000000000000"),
            ("00000000-0000", "A0000000-0000"),
            ("[\"user\",", "["),
            ("[\"user\",\"\"]", "[]"),
            ("[\"user\",\"\"]", "[\"user\",]"),
            ("[\"user\",\"\"]", "[\"user\",1]"),
            ("\"rat\":", "\"x\":1,\"rat\":"),
            ("}", "} "),
            ("}", "}}"),
            ("}", ""),
        ] {
            let bent = good.replacen(from, to, 1);
            assert_ne!(bent, good, "{from}");
            let is_read = read(bent.as_bytes(), Profile::Rfc9068).is_some();
            assert_eq!(is_read, to == "[", "{bent}");
        }
        let long = Claims { scope: "x".repeat(MAX_BYTES), ..claims() };
        assert_eq!(read(&long.to_json(Profile::Rfc9068), Profile::Rfc9068), None);
        assert_eq!(read(b"{\"iss\":\"\xff\"}", Profile::Rfc9068), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4_000))]

        #[test]
        fn whatever_is_read_here_reads_the_same_strictly(
            is_flask: bool,
            cuts in prop::collection::vec((any::<prop::sample::Index>(), 0..4_usize, "[]\\[{}\",:a-f0-9.\\\\ -]{0,3}"), 0..3),
        ) {
            let profile = if is_flask { Profile::FlaskJwtExtended } else { Profile::Rfc9068 };
            let mut json = claims().to_json(profile);
            for (at, gone, more) in cuts {
                let at = at.index(json.len());
                json.splice(at..(at + gone).min(json.len()), more.bytes());
            }
            both(&json);
        }
    }
}
