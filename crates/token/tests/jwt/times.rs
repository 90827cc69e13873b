//! From when until when a token holds.

use serde_json::json;
use token::{Algorithm, Claims, Profile, Refused, sign, verify};

use crate::support::{NOW, claims, expectation, judge_with, key, key_set};

// JWT-09

#[test]
fn a_token_ends_at_exp_plus_leeway_to_the_millisecond() {
    let token = sign(key(Algorithm::EdDSA), Profile::Rfc9068, &claims());
    let exp = claims().exp * 1000;
    for (leeway, tolerated) in [(0, 0), (5, 5_000), (60, 60_000), (61, 60_000), (u32::MAX, 60_000)] {
        let expect = expectation().with_leeway_seconds(leeway);
        let at = |now| verify(&token, &key_set(), &expect, now).map(|_| ());
        assert_eq!(at(exp + tolerated - 1), Ok(()), "leeway {leeway}");
        assert_eq!(at(exp + tolerated), Err(Refused::Expired), "leeway {leeway}");
    }
}

#[test]
fn a_token_expired_for_61_seconds_is_refused_under_every_leeway() {
    let token = sign(key(Algorithm::EdDSA), Profile::Rfc9068, &Claims { exp: NOW - 61, ..claims() });
    for leeway in [0, 5, 60, 3600] {
        let expect = expectation().with_leeway_seconds(leeway);
        assert_eq!(verify(&token, &key_set(), &expect, NOW * 1000), Err(Refused::Expired));
    }
    let token = sign(key(Algorithm::EdDSA), Profile::Rfc9068, &Claims { exp: NOW - 30, ..claims() });
    assert!(verify(&token, &key_set(), &expectation().with_leeway_seconds(60), NOW * 1000).is_ok());
    assert_eq!(verify(&token, &key_set(), &expectation(), NOW * 1000), Err(Refused::Expired));
}

#[test]
fn a_token_from_the_future_is_refused() {
    for (ahead, allowed) in [(60, true), (61, false)] {
        let expect = expectation().with_leeway_seconds(60);
        for later in [
            Claims { nbf: Some(NOW + ahead), ..claims() },
            Claims { iat: NOW + ahead, ..claims() },
            Claims { rat: (NOW + ahead) * 1000, ..claims() },
        ] {
            let token = sign(key(Algorithm::EdDSA), Profile::Rfc9068, &later);
            let expected = if allowed { Ok(later) } else { Err(Refused::NotYetValid) };
            assert_eq!(verify(&token, &key_set(), &expect, NOW * 1000), expected);
        }
    }
}

#[test]
fn times_at_the_ends_of_the_number_line_do_not_overflow() {
    for exp in [i64::MIN, -1, 0] {
        assert_eq!(judge_with("exp", json!(exp)), Err(Refused::Expired));
    }
    assert!(judge_with("exp", json!(i64::MAX)).is_ok());
    for name in ["nbf", "iat", "rat"] {
        assert_eq!(judge_with(name, json!(i64::MAX)), Err(Refused::NotYetValid));
        assert!(judge_with(name, json!(i64::MIN)).is_ok());
    }
    let token = sign(key(Algorithm::EdDSA), Profile::Rfc9068, &claims());
    assert_eq!(verify(&token, &key_set(), &expectation(), i64::MIN), Err(Refused::NotYetValid));
    assert_eq!(verify(&token, &key_set(), &expectation(), i64::MAX), Err(Refused::Expired));
}
