//! Reads a payload that is exactly as this crate writes it. All else, members in another order or escaped, unknown ones,
//! bad ones, is left to the strict reader, which also names what is wrong; so nothing is judged here.

use std::str::FromStr;

use crate::claims::{ACCESS, parse_id};
use crate::{Claims, Profile};

/// The claims, the same that the strict reader finds; `None` where it has to be asked.
pub(crate) fn read(json: &[u8], profile: Profile) -> Option<Claims> {
    let mut text = Text::new(json)?;
    let iss = text.string(r#"{"iss":"#)?;
    let sub = text.string(r#","sub":"#).filter(|sub| !sub.is_empty())?;
    let aud = text.one_or_many(r#","aud":"#)?;
    let exp = text.number(r#","exp":"#)?;
    let iat = text.number(r#","iat":"#)?;
    let nbf = text.optional(r#","nbf":"#, Text::number)?;
    let jti = text.string(r#","jti":"#).filter(|jti| !jti.is_empty())?;
    let sid = parse_id(text.string(r#","sid":"#)?)?;
    let client_id = text.string(r#","client_id":"#)?;
    let scope = text.string(r#","scope":"#)?;
    let roles = text.optional(r#","roles":"#, Text::many)?;
    let auth_time = text.optional(r#","auth_time":"#, Text::number)?;
    let amr = text.optional(r#","amr":"#, Text::many)?;
    let preferred_username = text.optional(r#","preferred_username":"#, Text::string)?;
    let kind = text.optional(r#","type":"#, Text::string)?;
    let fresh = text.optional(r#","fresh":"#, Text::boolean)?;
    let uep = text.number(r#","uep":"#)?;
    let rat = text.number(r#","rat":"#)?;
    let is_flask = kind == Some(ACCESS) && fresh.is_some() && nbf.is_some();
    if text.0 != "}" || (profile == Profile::FlaskJwtExtended && !is_flask) {
        return None;
    }
    Some(Claims {
        iss: iss.to_owned(),
        sub: sub.to_owned(),
        aud,
        exp,
        iat,
        jti: jti.to_owned(),
        nbf,
        sid,
        client_id: client_id.to_owned(),
        scope: scope.to_owned(),
        roles: roles.unwrap_or_default(),
        auth_time,
        amr: amr.unwrap_or_default(),
        preferred_username: preferred_username.map(str::to_owned),
        fresh: fresh.unwrap_or_default(),
        uep,
        rat,
    })
}

/// What is left to read.
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

    fn skip(&mut self, literal: &str) -> Option<()> {
        self.0 = self.0.strip_prefix(literal)?;
        Some(())
    }

    /// `Some(None)` if the member is not there, `None` if it is not readable here.
    #[expect(clippy::option_option, reason = "so that `?` leaves what cannot be read to the strict reader")]
    fn optional<T>(&mut self, name: &str, read: impl FnOnce(&mut Self, &str) -> Option<T>) -> Option<Option<T>> {
        if self.0.starts_with(name) { read(self, name).map(Some) } else { Some(None) }
    }

    fn string(&mut self, name: &str) -> Option<&'a str> {
        self.skip(name)?;
        self.skip("\"")?;
        let end = self.0.bytes().position(|byte| byte == b'"')?;
        let value = &self.0[..end];
        self.0 = &self.0[end + 1..];
        Some(value)
    }

    /// An integer in its one spelling: `-0`, `01`, fractions and exponents are not.
    fn number<T: FromStr>(&mut self, name: &str) -> Option<T> {
        self.skip(name)?;
        let digits = self.0.strip_prefix('-').unwrap_or(self.0);
        let length = digits.bytes().position(|byte| !byte.is_ascii_digit())?;
        let (value, rest) = self.0.split_at(self.0.len() - digits.len() + length);
        if digits.starts_with('0') && value != "0" {
            return None;
        }
        self.0 = rest;
        value.parse().ok()
    }

    fn boolean(&mut self, name: &str) -> Option<bool> {
        self.skip(name)?;
        let value = self.0.starts_with("true");
        self.skip(if value { "true" } else { "false" })?;
        Some(value)
    }

    /// Strings in an array that is not empty.
    fn many(&mut self, name: &str) -> Option<Vec<String>> {
        self.skip(name)?;
        let mut values = vec![self.string("[")?.to_owned()];
        while self.0.starts_with(',') {
            values.push(self.string(",")?.to_owned());
        }
        self.skip("]")?;
        Some(values)
    }

    fn one_or_many(&mut self, name: &str) -> Option<Vec<String>> {
        if self.0.strip_prefix(name)?.starts_with('[') {
            return self.many(name);
        }
        Some(vec![self.string(name)?.to_owned()])
    }
}

/// So short that it cannot have more items than the strict reader allows: an item takes three bytes.
const MAX_BYTES: usize = 2_048;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

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
                assert_eq!(Claims::from_json_strictly(json, profile), Ok(claims), "{}", String::from_utf8_lossy(json));
            }
        }
    }

    #[test]
    fn what_this_crate_writes_is_read() {
        let two = Claims { aud: vec!["a".into(), "b".into()], ..claims() };
        let least =
            Claims { nbf: None, roles: vec![], auth_time: None, amr: vec![], preferred_username: None, ..two.clone() };
        for claims in [claims(), two, least] {
            assert_eq!(read(&claims.to_json(Profile::Rfc9068), Profile::Rfc9068), Some(claims.clone()));
            let flask = Claims { nbf: claims.nbf.or(Some(claims.iat)), ..claims };
            assert_eq!(read(&flask.to_json(Profile::FlaskJwtExtended), Profile::FlaskJwtExtended), Some(flask));
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
