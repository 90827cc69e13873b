//! What an expectation tells of itself, and a verified token of what it says.

mod support;

use serde_json::json;
use support::{NOW, claims, expectation, key, key_set, payload};
use token::{Algorithm, Claims, Expectation, Profile, Refused, Room, jws, sign, verify, verify_in};

#[test]
fn what_is_demanded_is_told() {
    let expect = Expectation::new(Profile::FlaskJwtExtended, "https://a.example", "https://b.example");
    assert_eq!((expect.issuer(), expect.audience()), ("https://a.example", "https://b.example"));
    assert_eq!((expect.profile(), expect.leeway_seconds()), (Profile::FlaskJwtExtended, 5));
    assert_eq!(expect.clone().with_leeway_seconds(60).leeway_seconds(), 60);
    assert_eq!(expect.with_leeway_seconds(61).leeway_seconds(), Expectation::MAX_LEEWAY_SECONDS);
}

#[test]
fn kept_claims_are_judged_as_the_token_was() {
    let (token, keys) = (sign(key(Algorithm::Es256), Profile::Rfc9068, &claims()), key_set());
    for (now, judged) in [
        (NOW * 1000 - 5_001, Err(Refused::NotYetValid)),
        (NOW * 1000 - 5_000, Ok(())),
        ((NOW + 605) * 1000 - 1, Ok(())),
        ((NOW + 605) * 1000, Err(Refused::Expired)),
    ] {
        assert_eq!(expectation().judge_times(&claims(), now), judged, "{now}");
        assert_eq!(verify(&token, &keys, &expectation(), now).map(drop), judged, "{now}");
    }
}

#[test]
fn a_verified_token_shows_what_it_says_and_by_which_key_but_not_itself() {
    let mut foreign = payload();
    foreign["x"] = json!("unknown here");
    for json in [claims_as_written(), foreign.to_string().into_bytes()] {
        let token = jws::sign(key(Algorithm::EdDSA), "at+jwt", &json);
        let (mut room, keys) = (Room::new(), key_set());
        let verified = verify_in(&mut room, &token, &keys, &expectation(), NOW * 1000).expect("a good token");
        let shown = format!("{verified:?}");
        for part in [r#"roles: ["user"]"#, r#"amr: ["pwd", "otp"]"#, key(Algorithm::EdDSA).kid()] {
            assert!(shown.contains(part), "{part} in {shown}");
        }
        assert!(token.split('.').all(|segment| !shown.contains(segment)));
        assert!(!shown.contains("unknown here"));
    }
}

#[test]
fn lists_are_equal_only_if_their_texts_are() {
    let (keys, expect) = (key_set(), expectation());
    let tokens = [&["user"][..], &["user", "admin"], &["admin"], &[]].map(|roles| {
        let roles = roles.iter().map(|role| (*role).to_owned()).collect();
        sign(key(Algorithm::EdDSA), Profile::Rfc9068, &Claims { roles, ..claims() })
    });
    for (n, one) in tokens.iter().enumerate() {
        for (m, other) in tokens.iter().enumerate() {
            let (mut here, mut there) = (Room::new(), Room::new());
            let one = verify_in(&mut here, one, &keys, &expect, NOW * 1000).expect("a good token");
            let other = verify_in(&mut there, other, &keys, &expect, NOW * 1000).expect("a good token");
            assert_eq!(one.claims().roles == other.claims().roles, n == m);
            assert_eq!(one.claims() == other.claims(), n == m);
        }
    }
}

fn claims_as_written() -> Vec<u8> {
    let token = sign(key(Algorithm::EdDSA), Profile::Rfc9068, &claims());
    token::base64url::decode(token.split('.').nth(1).expect("a payload")).expect("base64url")
}
