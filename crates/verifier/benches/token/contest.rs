//! Who signs and verifies the same token with the same key.

use std::hint::black_box;

use token::{Claims, Profile, Room, SigningKey};
use verifier::Checker;

use crate::support::{KEYS, NOW, claims, expectation, key_set};
use crate::{primitive, with_jsonwebtoken, with_jwt_simple};

/// One call of something, over and over.
pub(crate) type Work = Box<dyn Fn()>;

/// One way to do it.
pub(crate) struct Rival {
    pub(crate) name: &'static str,
    pub(crate) work: Work,
}

/// Those who do the same with one key. The first is the floor: the primitive alone.
pub(crate) struct Contest {
    pub(crate) operation: &'static str,
    pub(crate) algorithm: &'static str,
    pub(crate) rivals: Vec<Rival>,
}

pub(crate) fn all() -> Vec<Contest> {
    let contest = |operation, rivals: fn(&'static SigningKey) -> Vec<Rival>| {
        KEYS.iter().map(move |key| Contest { operation, algorithm: key.algorithm().name(), rivals: rivals(key) })
    };
    contest("verify", verifying).chain(contest("sign", signing)).collect()
}

fn verifying(key: &'static SigningKey) -> Vec<Rival> {
    let token = token::sign(key, Profile::Rfc9068, &lasting());
    vec![
        Rival { name: "primitive", work: primitive::verifies(key, &token) },
        Rival { name: "borrowed", work: borrowed(token.clone()) },
        Rival { name: "owned", work: owned(token.clone()) },
        Rival { name: "cached", work: cached(token.clone()) },
        Rival { name: "jsonwebtoken", work: with_jsonwebtoken::verifies(key, token.clone()) },
        Rival { name: "jwt-simple", work: with_jwt_simple::verifies(key, token) },
    ]
}

fn signing(key: &'static SigningKey) -> Vec<Rival> {
    let claims = lasting();
    let token = token::sign(key, Profile::Rfc9068, &claims);
    vec![
        Rival { name: "primitive", work: primitive::signs(key, &token) },
        Rival { name: "watchword", work: work(move || token::sign(key, Profile::Rfc9068, black_box(&claims))) },
        Rival { name: "jsonwebtoken", work: with_jsonwebtoken::signs(key, &token) },
        Rival { name: "jwt-simple", work: with_jwt_simple::signs(key, &token) },
    ]
}

fn borrowed(token: String) -> Work {
    let (keys, expect) = (key_set(), expectation());
    Box::new(move || {
        let mut room = Room::new();
        black_box(&token::verify_in(&mut room, black_box(&token), &keys, &expect, NOW * 1000).unwrap());
    })
}

fn owned(token: String) -> Work {
    let (keys, expect) = (key_set(), expectation());
    work(move || token::verify(black_box(&token), &keys, &expect, NOW * 1000).unwrap())
}

fn cached(token: String) -> Work {
    let checker = Checker::new(expectation(), key_set(), 1_000);
    work(move || checker.verify(black_box(&token), NOW * 1000).unwrap())
}

/// Claims that are still good when the other libraries look at the clock.
fn lasting() -> Claims {
    Claims { exp: NOW * 2, ..claims() }
}

pub(crate) fn work<T>(call: impl Fn() -> T + 'static) -> Work {
    Box::new(move || drop(black_box(call())))
}
