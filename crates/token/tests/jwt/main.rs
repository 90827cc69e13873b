//! What is promised about access tokens, one sentence a test.

mod form;
mod header;
mod kind;
mod parties;
mod payload;
#[path = "../support/mod.rs"]
mod support;
mod times;

use support::{KEYS, NOW, claims, expectation, judge, key};
use token::{Algorithm, KeySet, Profile, sign, verify};

#[test]
fn every_algorithm_signs_what_it_verifies() {
    for key in KEYS.iter() {
        assert_eq!(judge(&sign(key, Profile::Rfc9068, &claims())), Ok(claims()), "{}", key.algorithm());
    }
}

#[test]
fn a_refusal_never_repeats_the_token() {
    let token = sign(key(Algorithm::Hs256), Profile::Rfc9068, &claims());
    let refused = verify(&token, &KeySet::new(), &expectation(), NOW * 1000).expect_err("no keys");
    assert_eq!(refused.code(), "unknown_key");
    let text = format!("{refused} {refused:?}");
    assert!(token.split('.').all(|segment| !text.contains(segment)));
}
