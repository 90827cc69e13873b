//! Reads a payload that is exactly as this crate writes it. All else, members in another order or escaped, bad ones, is left
//! to the strict reader, which also names what is wrong; so nothing is judged here.

mod text;
mod unknown;

use std::borrow::Cow;

use crate::claims::{ACCESS, parse_id};
use crate::{ClaimsRef, Profile, Strings};
use text::Text;

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
    let is_all = text.0 == "}" || text.ends_after_unknown();
    if !is_all || (profile == Profile::FlaskJwtExtended && !is_flask) {
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::text::MAX_BYTES;
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

    /// What may stand behind a colon, and some of what may not.
    fn any_value() -> impl Strategy<Value = String> {
        let good = prop::sample::select(vec!["1", "-7", "0", "\"\"", "\"x\"", "null", "true", "false", "[]", "{}"]);
        let other = prop::sample::select(vec!["-0", "1.5", "1e9", "1e999", "01", "-", "\"\\u0061\"", "x", "", " 1"]);
        prop_oneof![20 => good, 1 => other].prop_map(str::to_owned).prop_recursive(9, 24, 3, |inner| {
            let array = prop::collection::vec(inner.clone(), 0..3).prop_map(|values| format!("[{}]", values.join(",")));
            prop_oneof![array, any_members(inner).prop_map(|members| format!("{{{members}}}"))]
        })
    }

    fn any_members(value: impl Strategy<Value = String>) -> impl Strategy<Value = String> {
        let name = prop::sample::select(vec!["a", "b", "c", "", "exp", "nbf", "cnf", "\\u0061", "\u{fc}"]);
        let member = (name, value).prop_map(|(name, value)| format!("\"{name}\":{value}"));
        prop::collection::vec(member, 0..4).prop_map(|members| members.join(","))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4_000))]

        #[test]
        fn whatever_is_passed_over_here_is_passed_over_strictly(is_flask: bool, members in any_members(any_value())) {
            let profile = if is_flask { Profile::FlaskJwtExtended } else { Profile::Rfc9068 };
            let mut json = claims().to_json(profile);
            json.pop();
            both(format!("{},{members}}}", String::from_utf8(json).unwrap()).as_bytes());
        }

        #[test]
        fn whatever_is_read_here_reads_the_same_strictly(
            is_flask: bool,
            has_more: bool,
            cuts in prop::collection::vec((any::<prop::sample::Index>(), 0..4_usize, "[]\\[{}\",:a-f0-9.\\\\ -]{0,3}"), 0..3),
        ) {
            let profile = if is_flask { Profile::FlaskJwtExtended } else { Profile::Rfc9068 };
            let mut json = claims().to_json(profile);
            if has_more {
                json.pop();
                json.extend(br#","a":{"b":[1,"x"],"c":-2},"d":null}"#);
            }
            for (at, gone, more) in cuts {
                let at = at.index(json.len());
                json.splice(at..(at + gone).min(json.len()), more.bytes());
            }
            both(&json);
        }
    }
}
