//! What is promised about claims of an application's own.

mod support;

use serde_json::{Map, Value, json};
use support::{KEYS, NOW, claims, expectation, judge, key, key_set, payload};
use token::jws::MAX_TOKEN_BYTES;
use token::{Algorithm, ExtraRefused, Profile, Room, inspect, sign, sign_with_extra, verify_in};

fn signed(profile: Profile, extra: &Value) -> Result<String, ExtraRefused> {
    sign_with_extra(key(Algorithm::EdDSA), profile, &claims(), extra.as_object().expect("an object"))
}

#[test]
fn own_claims_are_signed_beside_all_others_and_found_in_the_payload() {
    let extra =
        json!({ "https://shop.example/customer": { "no": 7, "tags": ["a\"b", null] }, "email": "a@b.example", "": 1 });
    for key in KEYS.iter() {
        let token = sign_with_extra(key, Profile::Rfc9068, &claims(), extra.as_object().unwrap()).expect("free names");
        assert_eq!(judge(&token), Ok(claims()));
        let (mut room, keys, expect) = (Room::new(), key_set(), expectation());
        let verified = verify_in(&mut room, &token, &keys, &expect, NOW * 1000).expect("a good token");
        let mut read: Map<String, Value> = serde_json::from_slice(verified.payload()).expect("an object");
        read.retain(|name, _| extra.get(name).is_some());
        assert_eq!(Value::Object(read), extra);
    }
}

#[test]
fn without_own_claims_nothing_else_is_written() {
    let token = signed(Profile::Rfc9068, &json!({}));
    assert_eq!(token, Ok(sign(key(Algorithm::EdDSA), Profile::Rfc9068, &claims())));
}

#[test]
fn no_own_claim_has_a_name_that_is_written_or_judged_here() {
    let flask = signed(Profile::FlaskJwtExtended, &json!({})).expect("nothing to refuse");
    let written = inspect(&flask).expect("a token").claims;
    let ours = [written, payload(), json!({ "cnf": 1, "act": 1, "acr": 1, "groups": 1, "azp": 1, "nbf": 1 })];
    for name in ours.iter().flat_map(|claims| claims.as_object().expect("an object").keys()) {
        for profile in [Profile::Rfc9068, Profile::FlaskJwtExtended] {
            assert_eq!(signed(profile, &json!({ name: "x" })), Err(ExtraRefused::Reserved(name.clone())));
        }
    }
    let refused = signed(Profile::Rfc9068, &json!({ "free": 1, "exp": 9 })).expect_err("`exp` is not free");
    assert!(refused.to_string().contains("`exp` is reserved"), "{refused}");
}

#[test]
fn what_no_verifier_would_read_is_not_signed() {
    let deep = (0..8).fold(json!(1), |inner, _| json!([inner]));
    let many: Map<String, Value> = (0..64).map(|n| (format!("x{n}"), json!(n))).collect();
    for extra in
        [json!({ "x": deep }), Value::Object(many), json!({ "x": vec![0; 1_024] }), json!({ "x": "y".repeat(6_000) })]
    {
        assert_eq!(signed(Profile::Rfc9068, &extra), Err(ExtraRefused::TooMuch));
    }
    let long = json!({ "x": "y".repeat(5_000) });
    assert_eq!(judge(&signed(Profile::Rfc9068, &long).expect("it fits")), Ok(claims()));
}

#[test]
fn what_fills_a_token_to_its_last_byte_is_signed_and_read() {
    let of = |key, bytes| {
        let extra = json!({ "x": "y".repeat(bytes) });
        sign_with_extra(key, Profile::Rfc9068, &claims(), extra.as_object().unwrap())
    };
    // base64url leaves out one length in four; signatures of another length reach it.
    let keys = [key(Algorithm::EdDSA), key(Algorithm::Hs256)];
    let mut tries = keys.into_iter().flat_map(|key| (5_400..5_900).map(move |bytes| (key, bytes)));
    let is_exact = |token: &str| token.len() == MAX_TOKEN_BYTES;
    let (key, bytes) = tries.find(|(key, bytes)| of(key, *bytes).is_ok_and(|token| is_exact(&token))).expect("one is");
    assert_eq!(judge(&of(key, bytes).expect("it fits")), Ok(claims()));
    assert_eq!(of(key, bytes + 1), Err(ExtraRefused::TooMuch));
}
