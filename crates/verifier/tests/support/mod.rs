//! One issuer, one audience, one clock that starts at [`NOW`].
#![allow(dead_code, reason = "each test file uses its part")]

use token::{Algorithm, Claims, Expectation, KeySet, Profile, SigningKey};
use verifier::Checker;

/// The time at which every token is issued, in unix milliseconds.
pub(crate) const NOW: i64 = 1_800_000_000_000;
/// How long a token lives.
pub(crate) const LIFE: i64 = 600_000;
/// When an entry that revokes at [`NOW`] may be dropped.
pub(crate) const KEEP: i64 = NOW + LIFE + 5_000;

pub(crate) const USER: [u8; 16] = [1, 0x90, 0xa5, 0xc4, 0x7d, 0x2e, 0x70, 0, 0x80, 0, 0, 0, 0, 0, 0, 1];

pub(crate) struct Issuer {
    pub(crate) key: SigningKey,
}

impl Issuer {
    pub(crate) fn new() -> Self {
        Self { key: SigningKey::generate(Algorithm::EdDSA).expect("a key") }
    }

    pub(crate) fn keys(&self) -> KeySet {
        let mut keys = KeySet::new();
        keys.insert(self.key.verifying_key()).expect("one key has one kid");
        keys
    }

    pub(crate) fn checker(&self) -> Checker {
        Checker::new(expectation(), self.keys(), 1_000)
    }

    pub(crate) fn token(&self, sid: [u8; 16]) -> String {
        self.sign(&claims(sid))
    }

    pub(crate) fn sign(&self, claims: &Claims) -> String {
        token::sign(&self.key, Profile::Rfc9068, claims)
    }
}

pub(crate) fn expectation() -> Expectation {
    Expectation::new(Profile::Rfc9068, "https://id.example", "https://api.example")
}

pub(crate) fn claims(sid: [u8; 16]) -> Claims {
    Claims {
        iss: "https://id.example".into(),
        sub: "0190a5c4-7d2e-7000-8000-000000000001".into(),
        aud: vec!["https://api.example".into()],
        exp: (NOW + LIFE) / 1000,
        iat: NOW / 1000,
        jti: "0190a5c4-7d2e-7000-8000-0000000000ff".into(),
        sid,
        client_id: "shop".into(),
        scope: "openid profile".into(),
        roles: vec!["user".into()],
        uep: 3,
        rat: NOW,
        ..Claims::default()
    }
}
