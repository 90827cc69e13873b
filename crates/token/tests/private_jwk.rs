//! What is promised about private keys that come from elsewhere.

use serde_json::{Value, json};
use token::{Algorithm, JwkRefused, SigningKey};

fn refused(jwk: &Value) -> Option<JwkRefused> {
    SigningKey::from_jwk(jwk.to_string().as_bytes()).err()
}

/// RFC 8037 A.1.
fn ed25519() -> Value {
    json!({
        "kty": "OKP",
        "crv": "Ed25519",
        "d": "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
        "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
    })
}

/// RFC 7515 A.3.1.
fn p256() -> Value {
    json!({
        "kty": "EC",
        "crv": "P-256",
        "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
        "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
        "d": "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI",
    })
}

/// The key `RS256_2048` of Project Wycheproof, without what binds it to a use.
fn rsa() -> Value {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors/wycheproof/json_web_signature_test.json");
    let file: Value = serde_json::from_slice(&std::fs::read(path).expect("the file is there")).expect("it is JSON");
    let groups = file["testGroups"].as_array().expect("groups").iter();
    let mut keys = groups.map(|group| &group["private"]).filter(|key| key["kid"] == "RS256_2048");
    without(without(keys.next().expect("the key is there").clone(), "kid"), "alg")
}

fn with(mut jwk: Value, name: &str, value: Value) -> Value {
    jwk[name] = value;
    jwk
}

fn without(mut jwk: Value, name: &str) -> Value {
    jwk.as_object_mut().expect("an object").remove(name);
    jwk
}

#[test]
fn a_published_private_key_is_read_and_signs() {
    for (jwk, algorithm) in [(ed25519(), Algorithm::EdDSA), (p256(), Algorithm::Es256), (rsa(), Algorithm::Rs256)] {
        for jwk in [
            jwk.clone(),
            with(jwk.clone(), "alg", algorithm.name().into()),
            with(jwk.clone(), "use", "sig".into()),
            with(jwk.clone(), "key_ops", json!(["sign"])),
            with(jwk.clone(), "kid", "theirs".into()),
        ] {
            let key = SigningKey::from_jwk(jwk.to_string().as_bytes()).unwrap_or_else(|e| panic!("{e}: {jwk}"));
            assert_eq!(key.algorithm(), algorithm);
            assert_eq!(key.kid(), key.jwk().expect("public").thumbprint());
            let signed = token::jws::sign(&key, "JWT", b"{}");
            assert!(token::jws::verify(&signed, &key.verifying_key()).is_ok());
        }
    }
}

#[test]
fn a_private_key_that_is_not_for_signing_here_is_refused() {
    for (jwk, expected) in [
        (with(ed25519(), "use", "enc".into()), JwkRefused::Binding),
        (with(ed25519(), "key_ops", json!(["verify"])), JwkRefused::Binding),
        (with(ed25519(), "key_ops", "sign".into()), JwkRefused::Malformed),
        (with(ed25519(), "alg", "HS256".into()), JwkRefused::Binding),
        (with(rsa(), "alg", "PS256".into()), JwkRefused::Unsupported),
        (with(rsa(), "oth", json!([])), JwkRefused::Unsupported),
        (with(p256(), "crv", "P-384".into()), JwkRefused::Key),
        (json!({"kty": "oct", "k": "AAAA"}), JwkRefused::Unsupported),
        (json!({"keys": [ed25519()]}), JwkRefused::Malformed),
    ] {
        assert_eq!(refused(&jwk), Some(expected), "{jwk}");
    }
    let twice = ed25519().to_string().replacen('{', r#"{"kty":"OKP","#, 1);
    assert_eq!(SigningKey::from_jwk(twice.as_bytes()).err(), Some(JwkRefused::Malformed));
}

#[test]
fn private_members_that_do_not_belong_to_the_public_ones_are_refused() {
    for jwk in [ed25519(), p256(), rsa()] {
        let foreign = SigningKey::generate(match jwk["kty"].as_str() {
            Some("OKP") => Algorithm::EdDSA,
            Some("EC") => Algorithm::Es256,
            _ => Algorithm::Rs256,
        });
        let foreign = foreign.expect("a key").jwk().expect("public").to_value();
        for name in ["x", "n"].into_iter().filter(|name| jwk.get(name).is_some()) {
            assert_eq!(refused(&with(jwk.clone(), name, foreign[name].clone())), Some(JwkRefused::Key), "{name}");
        }
        assert!(refused(&without(jwk.clone(), "d")).is_some());
        assert!(refused(&with(jwk.clone(), "d", "AQAB".into())).is_some());
        assert!(refused(&with(jwk, "d", "not base64!".into())).is_some());
    }
    for name in ["p", "q", "dp", "dq", "qi"] {
        assert!(refused(&without(rsa(), name)).is_some(), "{name}");
        assert!(refused(&with(rsa(), name, "AQAB".into())).is_some(), "{name}");
    }
}

#[test]
fn an_rsa_key_that_is_too_small_is_refused() {
    let n = token::base64url::encode([0xf1; 128]);
    assert_eq!(refused(&with(rsa(), "n", n.into())), Some(JwkRefused::Key));
    assert_eq!(refused(&with(rsa(), "e", "AQ".into())), Some(JwkRefused::Key));
}
