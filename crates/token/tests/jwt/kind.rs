//! That a token says what it is, and of which profile.

use serde_json::json;
use token::{Algorithm, Claims, Expectation, Profile, Refused, sign, verify};

use crate::support::{AUDIENCE, ISSUER, NOW, claims, ed25519_token, header_with, judge, key, key_set};

// JWT-11

#[test]
fn an_access_token_must_say_that_it_is_one() {
    for typ in ["at+jwt", "AT+JWT", "application/at+jwt", "Application/At+Jwt"] {
        assert_eq!(judge(&ed25519_token(header_with("typ", json!(typ)))), Ok(claims()), "{typ}");
    }
    for typ in [
        "JWT",
        "jwt",
        "",
        "logout+jwt",
        "dpop+jwt",
        "at+jwt ",
        " at+jwt",
        "application/jwt",
        "text/at+jwt",
        "application/application/at+jwt",
    ] {
        assert_eq!(judge(&ed25519_token(header_with("typ", json!(typ)))), Err(Refused::Type), "{typ}");
    }
    let without = json!({ "alg": "EdDSA", "kid": key(Algorithm::EdDSA).kid() }).to_string();
    assert_eq!(judge(&ed25519_token(without)), Err(Refused::Type));
}

#[test]
fn a_token_of_one_profile_is_none_of_the_other() {
    let flask = Expectation::new(Profile::FlaskJwtExtended, ISSUER, AUDIENCE);
    let key = key(Algorithm::Hs256);
    let rfc = sign(key, Profile::Rfc9068, &claims());
    assert_eq!(verify(&rfc, &key_set(), &flask, NOW * 1000), Err(Refused::MissingClaim("type")));
    assert_eq!(judge(&sign(key, Profile::FlaskJwtExtended, &claims())), Err(Refused::Type));
}

#[test]
fn the_flask_profile_says_what_flask_jwt_extended_reads() {
    let flask = Expectation::new(Profile::FlaskJwtExtended, ISSUER, AUDIENCE);
    let issued = Claims { fresh: true, ..claims() };
    let token = sign(key(Algorithm::Hs256), Profile::FlaskJwtExtended, &issued);
    let seen = token::inspect(&token).expect("a token");
    assert_eq!(seen.header["typ"], "JWT");
    assert_eq!(
        (&seen.claims["type"], &seen.claims["fresh"], &seen.claims["nbf"]),
        (&json!("access"), &json!(true), &json!(NOW))
    );
    assert!(seen.claims["sub"].is_string() && seen.claims["jti"].is_string());
    assert_eq!(verify(&token, &key_set(), &flask, NOW * 1000), Ok(Claims { nbf: Some(NOW), ..issued.clone() }));

    let elsewhere = Claims { aud: vec!["https://other.example".into()], ..issued };
    let token = sign(key(Algorithm::Hs256), Profile::FlaskJwtExtended, &elsewhere);
    assert_eq!(verify(&token, &key_set(), &flask, NOW * 1000), Err(Refused::Audience));

    for (claim, value, refused) in [
        ("type", json!("refresh"), Refused::Type),
        ("type", json!(null), Refused::Claims),
        ("fresh", json!(1), Refused::Claims),
    ] {
        let mut payload = seen.claims.clone();
        payload[claim] = value;
        let token = token::jws::sign(key(Algorithm::Hs256), "JWT", payload.to_string().as_bytes());
        assert_eq!(verify(&token, &key_set(), &flask, NOW * 1000), Err(refused));
    }
}
