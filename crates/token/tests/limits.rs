//! What lies exactly on a limit is read, and what lies one beyond it is not.

mod support;

use serde_json::json;
use support::{claims, ed25519_token, header_with, judge, key};
use token::jws::{MAX_HEADER_BYTES, MAX_TOKEN_BYTES};
use token::{Algorithm, Claims, KeySet, KeySetRefused, Profile, Refused, base64url, jws, sign};

#[test]
fn a_token_may_be_as_long_as_the_limit_says_and_no_longer() {
    // A payload alone cannot reach every length, because base64url leaves out one in four; with `typ` it can.
    let exact = (0..4).map(|more| "x".repeat(more)).find_map(|typ| {
        let token = |bytes: usize| jws::sign(key(Algorithm::EdDSA), &typ, &vec![b' '; bytes]);
        (5_900..6_144).map(token).find(|token| token.len() == MAX_TOKEN_BYTES)
    });
    let exact = exact.expect("some token is exactly that long");
    assert!(jws::verify(&exact, &key(Algorithm::EdDSA).verifying_key()).is_ok());
    assert_eq!(judge(&format!("{exact}A")), Err(Refused::TooLong));
}

#[test]
fn a_header_may_be_as_long_as_the_limit_says_and_no_longer() {
    let header = json!({ "alg": "EdDSA", "typ": "at+jwt", "kid": key(Algorithm::EdDSA).kid() }).to_string();
    let of = |bytes: usize| ed25519_token(format!("{header}{}", " ".repeat(bytes - header.len())));
    assert_eq!(judge(&of(MAX_HEADER_BYTES)), Ok(claims()));
    assert_eq!(judge(&of(MAX_HEADER_BYTES + 1)), Err(Refused::Header));
}

#[test]
fn a_key_set_may_be_as_long_as_the_limit_says_and_no_longer() {
    let of = |bytes: usize| format!("{{\"keys\":[]}}{}", " ".repeat(bytes - r#"{"keys":[]}"#.len()));
    assert_eq!(KeySet::from_jwks(of(KeySet::MAX_BYTES).as_bytes()).map(|keys| keys.len()), Ok(0));
    assert_eq!(KeySet::from_jwks(of(KeySet::MAX_BYTES + 1).as_bytes()).err(), Some(KeySetRefused::TooLong));
}

#[test]
fn a_dot_too_many_is_named_whoever_wrote_the_header() {
    let own = sign(key(Algorithm::EdDSA), Profile::Rfc9068, &claims());
    let foreign = ed25519_token(header_with("typ", json!("AT+JWT")));
    for token in [own, foreign] {
        let (signed, signature) = token.rsplit_once('.').expect("a signature");
        for bent in [format!("{token}.{signature}"), format!("{signed}.A.{signature}"), token.replace('.', "..")] {
            assert_eq!(judge(&bent), Err(Refused::Segments), "{bent}");
            let key = key(Algorithm::EdDSA).verifying_key();
            assert_eq!(jws::verify(&bent, &key).err(), Some(Refused::Segments), "{bent}");
        }
        // Told apart before anything is read: the header is no JSON, and yet it is the dots that are named.
        let unread = format!("{}.a.b.{signature}", base64url::encode("{"));
        assert_eq!(judge(&unread), Err(Refused::Segments));
    }
}

#[test]
fn what_comes_before_the_type_is_application_and_nothing_else_of_its_length() {
    for typ in ["application/at+jwt", "APPLICATION/at+jwt"] {
        assert_eq!(judge(&ed25519_token(header_with("typ", json!(typ)))), Ok(claims()), "{typ}");
    }
    for typ in ["applications at+jwt", "xpplication/at+jwt", "application.at+jwt", "            at+jwt"] {
        let token = ed25519_token(header_with("typ", json!(typ)));
        assert_eq!(judge(&token), Err(Refused::Type), "{typ}");
    }
}

/// A payload as this crate writes it, with one part of the text replaced.
fn bent(claims: &Claims, from: &str, to: &str) -> Result<Claims, Refused> {
    let written = sign(key(Algorithm::EdDSA), Profile::Rfc9068, claims);
    let payload = base64url::decode(written.split('.').nth(1).expect("a payload")).expect("base64url");
    let payload = String::from_utf8(payload).expect("JSON");
    let bent = payload.replacen(from, to, 1);
    assert_ne!(bent, payload, "{from} is there");
    judge(&jws::sign(key(Algorithm::EdDSA), "at+jwt", bent.as_bytes()))
}

#[test]
fn a_text_of_the_length_of_an_id_ends_at_its_own_quotation_mark() {
    let short = Claims { sub: "a".into(), ..claims() };
    assert_eq!(bent(&short, r#""sub":"a""#, r#""sub":"b""#), Ok(Claims { sub: "b".into(), ..claims() }));
    // 36 bytes with an even number of quotation marks: a subject, and an audience that the next one contradicts.
    let twice = format!(r#""sub":"a","aud":"{}","aud""#, "x".repeat(26));
    assert_eq!(bent(&short, r#""sub":"a","aud""#, &twice), Err(Refused::Payload));
    // No JSON at all: nothing but quotation marks, and a text that does not end.
    let marks = format!(r#""sub":"{}""#, "\"".repeat(36));
    assert_eq!(bent(&short, r#""sub":"a""#, &marks), Err(Refused::Payload));
    let endless = format!(r#""sub":"{}x,"aud""#, "y".repeat(36));
    assert_eq!(bent(&short, r#""sub":"a","aud""#, &endless), Err(Refused::Payload));
    for length in [35, 36, 37, 72, 73] {
        let claims = Claims { sub: "s".repeat(length), jti: "j".repeat(length), ..claims() };
        assert_eq!(judge(&sign(key(Algorithm::EdDSA), Profile::Rfc9068, &claims)), Ok(claims));
    }
}
