//! By whom a token is, and for whom.

use serde_json::json;
use token::{Algorithm, Claims, Profile, Refused, SigningKey, base64url, sign};

use crate::support::{AUDIENCE, ISSUER, claims, header_with, judge, judge_with, key, payload};

// JWT-10

#[test]
fn the_issuer_is_compared_byte_for_byte() {
    for iss in [
        "https://id.example/",
        "https://ID.example",
        "HTTPS://id.example",
        "https://id.example ",
        "id.example",
        "",
        "https://id.exampl\u{435}",
    ] {
        assert_eq!(judge_with("iss", json!(iss)), Err(Refused::Issuer), "{iss}");
    }
}

#[test]
fn keys_belong_to_their_issuer() {
    // The other issuer has a key of the same name, and its tokens say so.
    let ours = key(Algorithm::EdDSA);
    let theirs = SigningKey::generate(Algorithm::EdDSA).expect("a key");
    let header = base64url::encode(header_with("kid", json!(ours.kid())));
    for iss in [ISSUER, "https://other.example"] {
        let token = sign(&theirs, Profile::Rfc9068, &Claims { iss: iss.into(), ..claims() });
        assert_eq!(judge(&token), Err(Refused::UnknownKey));
        let (_, rest) = token.split_once('.').expect("a header");
        assert_eq!(judge(&format!("{header}.{rest}")), Err(Refused::Signature));
    }
}

#[test]
fn the_audience_must_contain_me() {
    for aud in [json!(AUDIENCE), json!([AUDIENCE]), json!(["https://other.example", AUDIENCE])] {
        assert!(judge_with("aud", aud).is_ok());
    }
    for aud in [
        json!("https://other.example"),
        json!([]),
        json!(""),
        json!([""]),
        json!("https://api.example/"),
        json!("https://API.example"),
        json!("https://api.example https://other.example"),
        json!("https://api"),
    ] {
        assert_eq!(judge_with("aud", aud.clone()), Err(Refused::Audience), "{aud}");
    }
}

#[test]
fn one_audience_is_written_as_a_string_and_several_as_an_array() {
    assert_eq!(payload()["aud"], json!(AUDIENCE));
    let both = Claims { aud: vec!["a".into(), AUDIENCE.into()], ..claims() };
    let token = sign(key(Algorithm::EdDSA), Profile::Rfc9068, &both);
    assert_eq!(token::inspect(&token).expect("a token").claims["aud"], json!(["a", AUDIENCE]));
    assert_eq!(judge(&token), Ok(both));
}
