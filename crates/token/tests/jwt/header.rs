//! What a header may say, and that it decides nothing that the key decides.

use serde_json::json;
use token::{Algorithm, Profile, Refused, SigningKey, base64url, sign};

use crate::support::{KEYS, claims, ed25519_token, header_with, hmac_token, judge, key, payload};

// JWT-01

#[test]
fn an_algorithm_that_is_not_on_the_list_is_refused() {
    let kid = key(Algorithm::Hs256).kid();
    for alg in
        ["none", "None", "NONE", "nOnE", "", " ", "HS384", "HS512", "hs256", "HS256 ", "PS256", "ES512", "RS1", "dir"]
    {
        let header = json!({ "alg": alg, "typ": "at+jwt", "kid": kid });
        let signed = hmac_token(&header, &payload().to_string(), b"9bT!kq2v#Lw8zR4mXc7pY0sNd5fHg1jU");
        assert_eq!(judge(&signed), Err(Refused::Algorithm), "{alg:?} with a signature");
        let (unsigned, _) = signed.rsplit_once('.').expect("a signature");
        assert_eq!(judge(&format!("{unsigned}.")), Err(Refused::Segments), "{alg:?} without a signature");
        assert_eq!(judge(unsigned), Err(Refused::Segments), "{alg:?} without the segment");
    }
    for header in [
        json!({ "typ": "at+jwt", "kid": kid }),
        json!({ "alg": null, "typ": "at+jwt", "kid": kid }),
        json!({ "alg": ["HS256"], "typ": "at+jwt", "kid": kid }),
        json!({ "alg": 1, "typ": "at+jwt", "kid": kid }),
    ] {
        let token = hmac_token(&header, &payload().to_string(), b"9bT!kq2v#Lw8zR4mXc7pY0sNd5fHg1jU");
        assert_eq!(judge(&token), Err(Refused::Header), "{header}");
    }
}

#[test]
fn a_key_allows_its_own_algorithm_and_no_other() {
    for key in KEYS.iter() {
        for other in Algorithm::ALL.into_iter().filter(|other| *other != key.algorithm()) {
            let token = sign(key, Profile::Rfc9068, &claims());
            let (_, rest) = token.split_once('.').expect("a header");
            let header = json!({ "alg": other.name(), "typ": "at+jwt", "kid": key.kid() }).to_string();
            let token = format!("{}.{rest}", base64url::encode(header));
            assert_eq!(judge(&token), Err(Refused::AlgorithmMismatch), "{other} under a key for {}", key.algorithm());
        }
    }
}

// JWT-02 is in keys.rs: `a_public_key_is_never_an_hmac_secret`.

// JWT-04

#[test]
fn a_key_that_the_token_brings_along_is_refused() {
    let own = SigningKey::generate(Algorithm::EdDSA).expect("a key").jwk().expect("a public key").to_value();
    for (member, value) in [
        ("jwk", own),
        ("jku", json!("http://127.0.0.1:9/jwks.json")),
        ("x5u", json!("http://127.0.0.1:9/chain.pem")),
        ("x5c", json!(["MIIB"])),
        ("x5t", json!("AAAA")),
        ("x5t#S256", json!("AAAA")),
    ] {
        assert_eq!(judge(&ed25519_token(header_with(member, value))), Err(Refused::Header), "{member}");
    }
    assert_eq!(judge(&ed25519_token(header_with("typ", json!("at+jwt")))), Ok(claims()));
}

// JWT-05

#[test]
fn a_hostile_kid_only_ever_misses() {
    for kid in [
        "",
        "../../../dev/null",
        "/etc/passwd",
        "' or '1'='1",
        "x'; drop table keys; --",
        "a\u{0}b",
        "\u{1f511}",
        "${jndi:x}",
        "file:///dev/null",
        "http://127.0.0.1:9/",
        "%00",
        "*",
        &"k".repeat(900),
    ] {
        assert_eq!(judge(&ed25519_token(header_with("kid", json!(kid)))), Err(Refused::UnknownKey), "{kid:?}");
        let header = json!({ "alg": "HS256", "typ": "at+jwt", "kid": kid });
        assert_eq!(judge(&hmac_token(&header, &payload().to_string(), b"")), Err(Refused::UnknownKey), "{kid:?}");
    }
    assert_eq!(judge(&ed25519_token(header_with("kid", json!("k".repeat(5_000))))), Err(Refused::Header));
    assert_eq!(judge(&ed25519_token(header_with("kid", json!("k".repeat(10_000))))), Err(Refused::TooLong));
    for kid in [json!(null), json!(1), json!(["a"]), json!({ "a": 1 })] {
        assert_eq!(judge(&ed25519_token(header_with("kid", kid))), Err(Refused::Header));
    }
    assert_eq!(judge(&ed25519_token(r#"{"alg":"EdDSA","typ":"at+jwt"}"#)), Err(Refused::UnknownKey));
}

// JWT-07

#[test]
fn a_critical_header_is_refused_whatever_it_names() {
    for crit in [
        json!(["x"]),
        json!([]),
        json!("exp"),
        json!(["exp", "exp"]),
        json!(["alg"]),
        json!(["b64"]),
        json!(null),
        json!({}),
    ] {
        assert_eq!(judge(&ed25519_token(header_with("crit", crit.clone()))), Err(Refused::Header), "{crit}");
    }
    let both = r#"{"alg":"EdDSA","typ":"at+jwt","kid":"k","crit":["b64"],"b64":false}"#;
    assert_eq!(judge(&ed25519_token(both)), Err(Refused::Header));
    for (member, value) in
        [("b64", json!(false)), ("b64", json!(true)), ("zip", json!("DEF")), ("cty", json!("JWT")), ("x", json!(1))]
    {
        assert_eq!(judge(&ed25519_token(header_with(member, value))), Err(Refused::Header), "{member}");
    }
}

#[test]
fn a_header_that_says_something_twice_is_refused() {
    let kid = key(Algorithm::EdDSA).kid();
    for header in [
        format!(r#"{{"alg":"EdDSA","alg":"EdDSA","typ":"at+jwt","kid":"{kid}"}}"#),
        format!(r#"{{"alg":"EdDSA","\u0061lg":"none","typ":"at+jwt","kid":"{kid}"}}"#),
        format!(r#"{{"alg":"EdDSA","typ":"at+jwt","kid":"{kid}","kid":"{kid}"}}"#),
        format!(r#"["EdDSA","at+jwt","{kid}"]"#),
        format!(r#"{{"alg":"EdDSA","typ":"at+jwt","kid":"{kid}"}} {{}}"#),
    ] {
        assert_eq!(judge(&ed25519_token(&header)), Err(Refused::Header), "{header}");
    }
}
