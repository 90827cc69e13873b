//! Keys from outside: one JWK, or a set of them.

use token::{Jwk, KeySet, VerifyingKey};

use super::oracle::json::{self, Json};
use super::oracle::member;

/// Bytes as one key.
pub fn jwk(bytes: &[u8]) -> bool {
    let Ok(jwk) = Jwk::parse(bytes) else { return false };
    let object = json::read(bytes).expect("it was read");
    assert!(!object.has_duplicates());
    let members = object.members().expect("it was read as an object");
    let text = |name| member(members, name).and_then(Json::text);
    assert_eq!(jwk.kid(), text("kid"));
    assert!([None, Some(jwk.scheme().name())].contains(&text("alg")));
    assert!([None, Some("sig")].contains(&text("use")));
    let shown = jwk.to_value();
    assert!(["d", "p", "q", "dp", "dq", "qi", "oth", "k"].iter().all(|name| shown.get(*name).is_none()));
    if text("kty") != Some("oct") {
        assert!(["d", "p", "q", "dp", "dq", "qi", "oth", "k"].iter().all(|name| member(members, name).is_none()));
        let again = Jwk::parse(shown.to_string().as_bytes()).expect("what is published is read");
        assert_eq!((again.to_value(), again.thumbprint()), (shown, jwk.thumbprint()));
    }
    let Ok(key) = VerifyingKey::from_jwk(&jwk) else { return false };
    assert_eq!(key.scheme(), jwk.scheme());
    assert_eq!(KeySet::new().insert(key).is_ok(), jwk.scheme().algorithm().is_some());
    true
}

/// Bytes as a set of keys.
pub fn jwks(bytes: &[u8]) -> bool {
    let Ok(keys) = KeySet::from_jwks(bytes) else { return false };
    let document = json::read(bytes).expect("it was read");
    assert!(!document.has_duplicates());
    let Some(Json::List(listed)) = document.members().and_then(|members| member(members, "keys")) else {
        panic!("it was read as a set");
    };
    assert!(keys.len() <= listed.len());
    for key in keys.iter() {
        assert!(key.algorithm().is_some() && key.jwk().is_some(), "only public keys for access tokens");
        let named = listed.iter().filter(|listed| {
            let kid = listed.members().and_then(|members| member(members, "kid"));
            kid.and_then(Json::text) == Some(key.kid())
        });
        assert!(named.count() >= 1, "it has the name that it was given");
        assert!(keys.get(key.kid()).is_some());
    }
    let published = keys.to_jwks();
    let again = KeySet::from_jwks(published.as_bytes()).expect("what is published is read");
    assert_eq!((again.to_jwks(), again.len()), (published, keys.len()));
    !keys.is_empty()
}
