//! What is promised about keys and sets of keys.

mod support;

use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair, RsaKeyPair};
use serde_json::{Value, json};
use support::{KEYS, NOW, SECRET, claims, expectation, hmac_token, judge, key, key_set, payload};
use token::{
    Algorithm, Jwk, JwkRefused, KeyRefused, KeySet, KeySetRefused, MasterKey, Profile, Refused, SealingKey, Secret,
    SecretRefused, SigningKey, VerifyingKey, base64url, sign, verify,
};

/// The public key of an algorithm in the forms in which people keep one.
fn public_key_texts(algorithm: Algorithm) -> Vec<Vec<u8>> {
    let signing = key(algorithm);
    let der = signing.to_pkcs8().expect("a key pair");
    let spki: PublicKeyX509Der<'_> = match algorithm {
        Algorithm::Rs256 => RsaKeyPair::from_pkcs8(&der).expect("a key pair").public_key().as_der().expect("DER"),
        _ => Ed25519KeyPair::from_pkcs8(&der).expect("a key pair").public_key().as_der().expect("DER"),
    };
    let base64 = base64_simd::STANDARD.encode_to_string(spki.as_ref());
    let lines: Vec<&str> = base64.as_bytes().chunks(64).map(|line| str::from_utf8(line).expect("ASCII")).collect();
    let pem = format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----", lines.join("\n"));
    let jwk = signing.jwk().expect("a public key").to_value().to_string();
    let mut texts = vec![spki.as_ref().to_vec(), base64url::encode(spki.as_ref()).into_bytes()];
    if algorithm == Algorithm::Rs256 {
        texts.push(RsaKeyPair::from_pkcs8(&der).expect("a key pair").public_key().as_ref().to_vec());
    }
    let jwks = format!(r#"{{"keys":[{jwk}]}}"#);
    for text in [pem.clone(), pem.replace('\n', "\r\n"), lines.join("\n"), base64, jwk, jwks] {
        texts.extend(
            [text.clone(), format!("{text}\n"), format!(" {text}"), format!("\n{text}\n\n")].map(String::into_bytes),
        );
    }
    texts
}

// JWT-02

#[test]
fn a_public_key_is_never_an_hmac_secret() {
    for algorithm in [Algorithm::Rs256, Algorithm::EdDSA] {
        let kid = key(algorithm).kid();
        for text in public_key_texts(algorithm) {
            let shown = String::from_utf8_lossy(&text).into_owned();
            // An attacker who knows the public key signs with it.
            let header = json!({ "alg": "HS256", "typ": "at+jwt", "kid": kid });
            let forged = hmac_token(&header, &payload().to_string(), &text);
            assert_eq!(judge(&forged), Err(Refused::AlgorithmMismatch), "{shown}");
            // And nobody can configure it as the secret by mistake.
            assert_eq!(Secret::new(text).err(), Some(SecretRefused::PublicKey), "{shown}");
        }
    }
    for text in [
        "-----BEGIN CERTIFICATE-----\nMIIBszCCAVmgAwIBAgIUbQ==\n-----END CERTIFICATE-----",
        "-----BEGIN RSA PUBLIC KEY-----\nMIIBCgKCAQEA\n-----END RSA PUBLIC KEY-----",
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl ada@example",
    ] {
        assert_eq!(Secret::new(text.into()).err(), Some(SecretRefused::PublicKey), "{text}");
    }
}

#[test]
fn a_key_of_another_name_is_not_tried() {
    let key = key(Algorithm::EdDSA);
    let mut renamed = key.jwk().expect("a public key").to_value();
    renamed["kid"] = json!("another");
    let renamed = Jwk::parse(renamed.to_string().as_bytes()).expect("a JWK");
    let renamed = VerifyingKey::from_jwk(&renamed).expect("a fit key");
    let signed = token::jws::sign(key, "JWT", b"{}");
    assert_eq!(token::jws::verify(&signed, &renamed), Err(Refused::UnknownKey));
    assert!(token::jws::verify(&signed, &key.verifying_key()).is_ok());
}

#[test]
fn a_weak_secret_is_refused() {
    for (secret, refused) in [
        (&b""[..], SecretRefused::Short),
        (b"super-secret", SecretRefused::Short),
        (b"9bT!kq2v#Lw8zR4mXc7pY0sNd5fHg1j", SecretRefused::Short),
        (&[0; 32], SecretRefused::Weak),
        (b"abcabcabcabcabcabcabcabcabcabcabcabcabc", SecretRefused::Weak),
    ] {
        assert_eq!(Secret::new(secret.to_vec()).err(), Some(refused));
    }
    assert!(Secret::new(b"9bT!kq2v#Lw8zR4mXc7pY0sNd5fHg1jU".to_vec()).is_ok());
}

#[test]
fn the_kid_of_a_secret_is_steady_and_not_its_hash() {
    let secret = Secret::new(b"9bT!kq2v#Lw8zR4mXc7pY0sNd5fHg1jU".to_vec()).expect("a secret");
    let (one, other) = (SigningKey::from_secret(&secret), SigningKey::from_secret(&secret));
    assert_eq!(one.kid(), other.kid());
    assert_eq!(one.kid().len(), 16);
    let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, secret.expose());
    assert!(!base64url::encode(hash).contains(one.kid()));
}

#[test]
fn a_key_pair_is_written_and_read_as_pkcs8() {
    for key in KEYS.iter().filter(|key| key.algorithm().is_asymmetric()) {
        let der = key.to_pkcs8().expect("a key pair");
        let again = SigningKey::from_pkcs8(key.algorithm(), &der).expect("the same key");
        assert_eq!(again.kid(), key.kid());
        assert_eq!(judge(&sign(&again, Profile::Rfc9068, &claims())), Ok(claims()));
        for other in Algorithm::ALL.into_iter().filter(|other| *other != key.algorithm()) {
            assert!(SigningKey::from_pkcs8(other, &der).is_err(), "{} read as {other}", key.algorithm());
        }
        assert_eq!(SigningKey::from_pkcs8(key.algorithm(), &der[..der.len() - 1]).err(), Some(KeyRefused::Key));
    }
    assert!(key(Algorithm::Hs256).to_pkcs8().is_none());
    assert_eq!(SigningKey::generate(Algorithm::Hs256).err(), Some(KeyRefused::Symmetric));
}

#[test]
fn a_sealed_private_key_opens_under_its_own_kid_only() {
    let sealing = SealingKey::derive(&MasterKey::generate(), "signing keys");
    let key = key(Algorithm::Es256);
    let der = key.to_pkcs8().expect("a key pair");
    let sealed = sealing.seal(&der, key.kid().as_bytes());
    assert!(!sealed.windows(16).any(|part| der.windows(16).any(|secret| secret == part)));
    let opened = sealing.open(&sealed, key.kid().as_bytes()).expect("our own");
    assert_eq!(SigningKey::from_pkcs8(Algorithm::Es256, &opened).expect("a key pair").kid(), key.kid());
    assert!(sealing.open(&sealed, b"another kid").is_err());
}

// KEY-01

#[test]
fn a_published_key_set_shows_public_members_only() {
    let document: Value = serde_json::from_str(&key_set().to_jwks()).expect("JSON");
    let keys = document["keys"].as_array().expect("keys");
    assert_eq!(keys.len(), 3, "the shared secret is not published");
    let mut kids = Vec::new();
    for key in keys {
        let key = key.as_object().expect("an object");
        let allowed = ["kty", "crv", "x", "y", "n", "e", "kid", "alg", "use"];
        assert!(key.keys().all(|name| allowed.contains(&name.as_str())), "{key:?}");
        assert_eq!(key["use"], "sig");
        assert!(key["alg"].as_str().is_some_and(|alg| alg.parse::<Algorithm>().is_ok_and(Algorithm::is_asymmetric)));
        kids.push(key["kid"].as_str().expect("a kid"));
    }
    kids.sort_unstable();
    kids.dedup();
    assert_eq!(kids.len(), 3);
}

#[test]
fn a_published_key_set_is_read_back_and_verifies() {
    let keys = KeySet::from_jwks(key_set().to_jwks().as_bytes()).expect("our own document");
    for key in KEYS.iter() {
        let verified = verify(&sign(key, Profile::Rfc9068, &claims()), &keys, &expectation(), NOW * 1000);
        let expected = if key.algorithm().is_asymmetric() { Ok(claims()) } else { Err(Refused::UnknownKey) };
        assert_eq!(verified, expected);
    }
}

// JWT-17

fn jwk(algorithm: Algorithm) -> Value {
    key(algorithm).jwk().expect("a public key").to_value()
}

fn with(algorithm: Algorithm, name: &str, value: Value) -> Value {
    let mut jwk = jwk(algorithm);
    jwk[name] = value;
    jwk
}

fn parse(jwk: &Value) -> Result<(), JwkRefused> {
    let jwk = Jwk::parse(jwk.to_string().as_bytes())?;
    VerifyingKey::from_jwk(&jwk).map(|_| ())
}

#[test]
fn what_a_key_says_about_itself_binds() {
    for algorithm in [Algorithm::EdDSA, Algorithm::Es256, Algorithm::Rs256] {
        assert_eq!(parse(&jwk(algorithm)), Ok(()));
        assert_eq!(parse(&with(algorithm, "key_ops", json!(["verify"]))), Ok(()));
        for usage in [json!("enc"), json!(""), json!("SIG")] {
            assert_eq!(parse(&with(algorithm, "use", usage)), Err(JwkRefused::Binding));
        }
        for operations in [json!([]), json!(["sign"]), json!(["encrypt", "wrapKey"])] {
            assert_eq!(parse(&with(algorithm, "key_ops", operations)), Err(JwkRefused::Binding));
        }
        assert_eq!(parse(&with(algorithm, "key_ops", json!("verify"))), Err(JwkRefused::Malformed));
        for other in ["HS256", "EdDSA", "ES256", "ES384", "RS256"].iter().filter(|other| **other != algorithm.name()) {
            assert_eq!(parse(&with(algorithm, "alg", json!(other))), Err(JwkRefused::Binding), "{other}");
        }
        for other in ["none", "", "RSA-OAEP", "ES521"] {
            assert_eq!(parse(&with(algorithm, "alg", json!(other))), Err(JwkRefused::Unsupported), "{other}");
        }
        for name in ["kty", "alg", "use", "kid"] {
            assert_eq!(parse(&with(algorithm, name, json!(null))), Err(JwkRefused::Malformed), "{name}");
        }
        assert_eq!(parse(&with(algorithm, "d", json!("AAAA"))), Err(JwkRefused::Private));
    }
    assert_eq!(parse(&with(Algorithm::Es256, "kty", json!("RSA"))), Err(JwkRefused::Binding));
    assert_eq!(parse(&with(Algorithm::Es256, "crv", json!("P-384"))), Err(JwkRefused::Binding));
    assert_eq!(parse(&with(Algorithm::Es256, "crv", json!("secp256k1"))), Err(JwkRefused::Unsupported));
    assert_eq!(parse(&with(Algorithm::EdDSA, "crv", json!("X25519"))), Err(JwkRefused::Unsupported));
}

#[test]
fn an_unfit_key_is_refused() {
    let short = |bytes: usize| json!(base64url::encode(vec![1; bytes]));
    for bytes in [0, 31, 33, 64] {
        assert_eq!(parse(&with(Algorithm::EdDSA, "x", short(bytes))), Err(JwkRefused::Key));
        assert_eq!(parse(&with(Algorithm::Es256, "y", short(bytes))), Err(JwkRefused::Key));
    }
    let (x, y) = (jwk(Algorithm::Es256)["x"].clone(), jwk(Algorithm::Es256)["y"].clone());
    assert_eq!(parse(&with(Algorithm::Es256, "y", x)), Err(JwkRefused::Key), "off the curve");
    assert_eq!(parse(&with(Algorithm::Es256, "x", y)), Err(JwkRefused::Key), "off the curve");
    assert_eq!(parse(&with(Algorithm::Es256, "x", short(32))), Err(JwkRefused::Key), "off the curve");
    for exponent in ["AQ", "Ag", "AA", "", "AQAA", "AQAAAAE"] {
        assert_eq!(parse(&with(Algorithm::Rs256, "e", json!(exponent))), Err(JwkRefused::Key), "e={exponent}");
    }
    for bytes in [0, 128, 255, 1025] {
        assert_eq!(parse(&with(Algorithm::Rs256, "n", short(bytes))), Err(JwkRefused::Key), "{bytes} bytes");
    }
    for name in ["x", "n", "e"] {
        let algorithm = if name == "x" { Algorithm::EdDSA } else { Algorithm::Rs256 };
        for value in [json!(null), json!(1), json!("AB="), json!("A B")] {
            assert_eq!(parse(&with(algorithm, name, value)), Err(JwkRefused::Malformed));
        }
    }
}

fn set(keys: &[Value]) -> Result<KeySet, KeySetRefused> {
    KeySet::from_jwks(json!({ "keys": keys }).to_string().as_bytes())
}

#[test]
fn a_shared_secret_in_a_key_set_is_ignored() {
    let secret =
        json!({ "kty": "oct", "alg": "HS256", "use": "sig", "kid": "shared", "k": base64url::encode([7; 32]) });
    let keys = set(&[secret, jwk(Algorithm::EdDSA)]).expect("a key set");
    assert_eq!(keys.len(), 1);
    let token =
        hmac_token(&json!({ "alg": "HS256", "typ": "at+jwt", "kid": "shared" }), &payload().to_string(), &[7; 32]);
    assert_eq!(verify(&token, &keys, &expectation(), NOW * 1000), Err(Refused::UnknownKey));
}

#[test]
fn keys_for_something_else_are_skipped() {
    let others = [
        json!({ "kty": "AKP", "alg": "ML-DSA-44", "kid": "a", "pub": "AAAA" }),
        json!({ "kty": "EC", "crv": "secp256k1", "kid": "b", "x": 1 }),
        json!({ "kty": "OKP", "crv": "X25519", "kid": "c", "x": "AAAA" }),
        with(Algorithm::Rs256, "use", json!("enc")),
        with(Algorithm::Rs256, "alg", json!("RSA-OAEP-256")),
        with(Algorithm::Rs256, "alg", json!("PS256")),
        with(Algorithm::Rs256, "key_ops", json!(["encrypt"])),
        jwk(Algorithm::EdDSA),
    ];
    let keys = set(&others).expect("a key set");
    assert_eq!(keys.iter().map(VerifyingKey::kid).collect::<Vec<_>>(), [key(Algorithm::EdDSA).kid()]);
    let mut nameless = jwk(Algorithm::EdDSA);
    nameless.as_object_mut().expect("an object").remove("kid");
    assert!(set(&[nameless]).expect("a key set").is_empty());
}

#[test]
fn one_kid_names_one_key() {
    let duplicate = Some(KeySetRefused::DuplicateKid);
    assert_eq!(set(&[jwk(Algorithm::EdDSA), jwk(Algorithm::EdDSA)]).err(), duplicate);
    let same = with(Algorithm::Es256, "kid", jwk(Algorithm::EdDSA)["kid"].clone());
    assert_eq!(set(&[jwk(Algorithm::EdDSA), same.clone()]).err(), duplicate, "even of another type");
    // A key that is never used cannot be taken for one that is.
    let mut unused = same;
    unused["use"] = json!("enc");
    assert_eq!(set(&[unused, jwk(Algorithm::EdDSA)]).expect("a key set").len(), 1);
    assert_eq!(key_set().insert(key(Algorithm::EdDSA).verifying_key()).err(), duplicate);
}

#[test]
fn a_key_set_with_a_dangerous_key_is_refused_by_its_place() {
    for (bad, reason) in [
        (with(Algorithm::Rs256, "e", json!("AQ")), JwkRefused::Key),
        (with(Algorithm::Es256, "y", jwk(Algorithm::Es256)["x"].clone()), JwkRefused::Key),
        (with(Algorithm::EdDSA, "d", json!("AAAA")), JwkRefused::Private),
        (with(Algorithm::EdDSA, "x", json!("AB")), JwkRefused::Malformed),
    ] {
        let refused = set(&[jwk(Algorithm::EdDSA), bad]).err();
        assert_eq!(refused, Some(KeySetRefused::Key { index: 1, reason }));
    }
}

#[test]
fn a_key_set_document_is_read_strictly() {
    let good = jwk(Algorithm::EdDSA);
    for bad in [
        String::new(),
        "[]".into(),
        "null".into(),
        "{}".into(),
        r#"{"keys":{}}"#.into(),
        r#"{"keys":[1]}"#.into(),
        r#"{"keys":null}"#.into(),
        r#"{"keys":[],"keys":[]}"#.into(),
        format!(r#"{{"keys":[{good}]}}x"#),
        format!("[{good}]"),
        format!("{{\"keys\":[{}]}}", good.to_string().replacen('{', r#"{"kid":"x","#, 1)),
        "\u{feff}{\"keys\":[]}".into(),
    ] {
        assert_eq!(KeySet::from_jwks(bad.as_bytes()).err(), Some(KeySetRefused::Malformed), "{bad}");
    }
    let long = format!(r#"{{"keys":[],"x":"{}"}}"#, "x".repeat(KeySet::MAX_BYTES));
    assert_eq!(KeySet::from_jwks(long.as_bytes()).err(), Some(KeySetRefused::TooLong));
    assert_eq!(KeySet::from_jwks(br#"{"keys":[],"more":true}"#).map(|keys| keys.len()), Ok(0));
}

#[test]
fn a_key_for_foreign_algorithms_never_verifies_access_tokens() {
    let pss = Jwk::parse(with(Algorithm::Rs256, "alg", json!("PS256")).to_string().as_bytes()).expect("a JWK");
    let pss = VerifyingKey::from_jwk(&pss).expect("a fit key");
    assert_eq!(pss.algorithm(), None);
    assert_eq!(KeySet::new().insert(pss), Err(KeySetRefused::Algorithm));
}

#[test]
fn a_removed_key_verifies_nothing_more() {
    let token = sign(key(Algorithm::EdDSA), Profile::Rfc9068, &claims());
    let mut keys = key_set();
    assert!(verify(&token, &keys, &expectation(), NOW * 1000).is_ok());
    assert!(keys.remove(key(Algorithm::EdDSA).kid()).is_some());
    assert_eq!(verify(&token, &keys, &expectation(), NOW * 1000), Err(Refused::UnknownKey));
    assert!(keys.remove(key(Algorithm::EdDSA).kid()).is_none());
}

#[test]
fn a_header_beyond_the_limit_is_refused_although_a_key_would_write_it() {
    let secret = |kid: &str| {
        let jwk = json!({ "kty": "oct", "alg": "HS256", "k": base64url::encode(SECRET), "kid": kid });
        VerifyingKey::from_jwk(&Jwk::parse(jwk.to_string().as_bytes()).expect("a key")).expect("a key")
    };
    for (length, refused) in [(900, None), (1_100, Some(Refused::Header))] {
        let kid = "k".repeat(length);
        let mut keys = KeySet::new();
        keys.insert(secret(&kid)).expect("the first key");
        let header = json!({ "alg": "HS256", "typ": "at+jwt", "kid": kid });
        let token = hmac_token(&header, &payload().to_string(), SECRET);
        assert_eq!(verify(&token, &keys, &expectation(), NOW * 1000).err(), refused);
    }
}
