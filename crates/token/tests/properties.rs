//! What holds for every input.

mod support;

use proptest::prelude::*;
use support::{AUDIENCE, ISSUER, KEYS, NOW, claims, expectation, judge, key, key_set};
use token::{Algorithm, Claims, Profile, inspect, jws, sign, verify};

fn any_claims() -> impl Strategy<Value = Claims> {
    let texts = (".{1,20}", ".{1,20}", ".{0,20}", ".{0,20}", prop::option::of(".{0,20}"));
    let lists = (
        prop::collection::vec(".{0,8}", 0..4),
        prop::collection::vec(".{0,8}", 0..4),
        prop::collection::vec(".{0,8}", 0..3),
    );
    let numbers =
        (0..1_000_000_i64, -1_000_000..=0_i64, prop::option::of(-1_000_000..=0_i64), any::<u64>(), -1_000_000..=0_i64);
    (texts, lists, numbers, any::<[u8; 16]>()).prop_map(|(texts, lists, (life, iat, past, uep, rat), sid)| Claims {
        iss: ISSUER.into(),
        sub: texts.0,
        aud: lists.0.into_iter().chain([AUDIENCE.to_owned()]).collect(),
        exp: NOW + life,
        iat: NOW + iat,
        jti: texts.1,
        nbf: past.map(|past| NOW + past),
        sid,
        client_id: texts.2,
        scope: texts.3,
        roles: lists.1,
        auth_time: past,
        amr: lists.2,
        preferred_username: texts.4,
        fresh: false,
        uep,
        rat: NOW * 1000 + rat,
    })
}

proptest! {
    #[test]
    fn whatever_is_signed_verifies_as_it_was(claims in any_claims(), which in 0..4_usize) {
        let token = sign(&KEYS[which], Profile::Rfc9068, &claims);
        prop_assert_eq!(judge(&token), Ok(claims));
    }

    #[test]
    fn whatever_is_signed_for_flask_verifies_for_flask(claims in any_claims(), fresh: bool) {
        let claims = Claims { fresh, ..claims };
        let token = sign(key(Algorithm::Hs256), Profile::FlaskJwtExtended, &claims);
        let expect = token::Expectation::new(Profile::FlaskJwtExtended, ISSUER, AUDIENCE);
        let nbf = claims.nbf.or(Some(claims.iat));
        prop_assert_eq!(verify(&token, &key_set(), &expect, NOW * 1000), Ok(Claims { nbf, ..claims }));
    }

    #[test]
    fn a_token_with_one_bit_flipped_is_refused(which in 0..4_usize, at: prop::sample::Index, bit in 0..8_u8) {
        let mut token = sign(&KEYS[which], Profile::Rfc9068, &claims()).into_bytes();
        let at = at.index(token.len());
        token[at] ^= 1 << bit;
        if let Ok(token) = String::from_utf8(token) {
            prop_assert!(judge(&token).is_err());
        }
    }

    #[test]
    fn a_token_cut_or_extended_is_refused(which in 0..4_usize, at: prop::sample::Index, more in "[A-Za-z0-9_.=-]{1,4}") {
        let token = sign(&KEYS[which], Profile::Rfc9068, &claims());
        prop_assert!(judge(&token[..at.index(token.len())]).is_err());
        let extended = format!("{token}{more}");
        prop_assert!(judge(&extended).is_err());
    }

    #[test]
    fn no_text_makes_verification_panic(text in "(\\PC|\\.){0,60}", segments in prop::collection::vec(any::<Vec<u8>>(), 3)) {
        prop_assert!(judge(&text).is_err());
        let encoded: Vec<String> = segments.iter().map(token::base64url::encode).collect();
        prop_assert!(judge(&encoded.join(".")).is_err());
        let _ = inspect(&text);
        let _ = inspect(&encoded.join("."));
        let _ = token::KeySet::from_jwks(text.as_bytes());
        let _ = token::Jwk::parse(&segments[0]);
    }

    #[test]
    fn no_signed_payload_makes_verification_panic(payload in "[{}\\[\\]\",:a-z0-9\\\\ .-]{1,80}") {
        let token = jws::sign(key(Algorithm::EdDSA), "at+jwt", payload.as_bytes());
        prop_assert!(judge(&token).is_err());
        prop_assert_eq!(jws::verify(&token, &key(Algorithm::EdDSA).verifying_key()).map(|seen| seen.payload), Ok(payload.into_bytes()));
    }

    #[test]
    fn expiry_is_exact_at_every_moment(exp in 1..4_000_000_000_i64, ms in -120_000..120_000_i64, leeway in 0..=60_u32) {
        let claims = Claims { exp, iat: 0, rat: 0, ..claims() };
        let now = exp * 1000 + ms;
        let judged = expectation().with_leeway_seconds(leeway).judge_times(&claims, now);
        prop_assume!(now >= 0);
        prop_assert_eq!(judged.is_ok(), ms < i64::from(leeway) * 1000);
    }

    #[test]
    fn looking_into_a_token_shows_what_was_signed(claims in any_claims()) {
        let seen = inspect(&sign(key(Algorithm::EdDSA), Profile::Rfc9068, &claims)).expect("a token");
        prop_assert_eq!(seen.claims["sub"].as_str(), Some(claims.sub.as_str()));
        prop_assert_eq!(seen.claims["uep"].as_u64(), Some(claims.uep));
        prop_assert_eq!(seen.signature_len, 64);
    }
}
