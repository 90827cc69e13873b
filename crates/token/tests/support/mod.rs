//! One issuer and one audience, and a way to sign whatever a hostile or careless signer might.
#![allow(dead_code, reason = "each test file uses its part")]

use std::sync::LazyLock;

use serde_json::{Value, json};
use token::{Algorithm, Claims, Expectation, KeySet, Profile, Refused, Secret, SigningKey, base64url, jws, verify};

/// The moment at which every token here is issued, in unix seconds.
pub(crate) const NOW: i64 = 1_800_000_000;
pub(crate) const ISSUER: &str = "https://id.example";
pub(crate) const AUDIENCE: &str = "https://api.example";
pub(crate) const SECRET: &[u8] = b"9bT!kq2v#Lw8zR4mXc7pY0sNd5fHg1jU";

/// One key of each algorithm; made once, because RSA takes its time.
pub(crate) static KEYS: LazyLock<[SigningKey; 4]> = LazyLock::new(|| {
    [
        SigningKey::generate(Algorithm::EdDSA).expect("a key"),
        SigningKey::generate(Algorithm::Es256).expect("a key"),
        SigningKey::generate(Algorithm::Rs256).expect("a key"),
        SigningKey::from_secret(&Secret::new(SECRET.to_vec()).expect("a secret")),
    ]
});

pub(crate) fn key(algorithm: Algorithm) -> &'static SigningKey {
    KEYS.iter().find(|key| key.algorithm() == algorithm).expect("one of each")
}

pub(crate) fn key_set() -> KeySet {
    let mut keys = KeySet::new();
    KEYS.iter().for_each(|key| keys.insert(key.verifying_key()).expect("each has its kid"));
    keys
}

pub(crate) fn expectation() -> Expectation {
    Expectation::new(Profile::Rfc9068, ISSUER, AUDIENCE)
}

pub(crate) fn claims() -> Claims {
    Claims {
        iss: ISSUER.into(),
        sub: "0190a5c4-7d2e-7000-8000-000000000001".into(),
        aud: vec![AUDIENCE.into()],
        exp: NOW + 600,
        iat: NOW,
        jti: "0190a5c4-7d2e-7000-8000-0000000000ff".into(),
        sid: [7; 16],
        client_id: "shop".into(),
        scope: "openid profile".into(),
        roles: vec!["user".into()],
        auth_time: Some(NOW - 60),
        amr: vec!["pwd".into(), "otp".into()],
        preferred_username: Some("ada".into()),
        uep: 3,
        rat: NOW * 1000,
        ..Claims::default()
    }
}

/// The claims as JSON, to be bent.
pub(crate) fn payload() -> Value {
    token::inspect(&token::sign(key(Algorithm::EdDSA), Profile::Rfc9068, &claims())).expect("a token").claims
}

/// Verifies at [`NOW`] with all four keys.
pub(crate) fn judge(token: &str) -> Result<Claims, Refused> {
    verify(token, &key_set(), &expectation(), NOW * 1000)
}

/// Judges a well-signed token with this payload.
pub(crate) fn judge_payload(payload: impl AsRef<[u8]>) -> Result<Claims, Refused> {
    judge(&jws::sign(key(Algorithm::EdDSA), "at+jwt", payload.as_ref()))
}

/// Judges a well-signed token with one claim set to another value.
pub(crate) fn judge_with(claim: &str, value: Value) -> Result<Claims, Refused> {
    let mut payload = payload();
    payload[claim] = value;
    judge_payload(payload.to_string())
}

/// Signs any header and payload with HMAC-SHA-256 under any bytes, as an attacker would.
pub(crate) fn hmac_token(header: &Value, payload: &str, secret: &[u8]) -> String {
    use aws_lc_rs::hmac;
    let input = format!("{}.{}", base64url::encode(header.to_string()), base64url::encode(payload));
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), input.as_bytes());
    format!("{input}.{}", base64url::encode(tag))
}

/// Signs any header with the Ed25519 key itself, to show that even its owner cannot have such a header accepted.
pub(crate) fn ed25519_token(header: impl AsRef<[u8]>) -> String {
    use aws_lc_rs::signature::Ed25519KeyPair;
    let der = key(Algorithm::EdDSA).to_pkcs8().expect("a key pair");
    let pair = Ed25519KeyPair::from_pkcs8(&der).expect("a key pair");
    let input = format!("{}.{}", base64url::encode(header), base64url::encode(payload().to_string()));
    format!("{input}.{}", base64url::encode(pair.sign(input.as_bytes())))
}

/// A good header, with or against the good members.
pub(crate) fn header_with(name: &str, value: Value) -> String {
    let mut header = json!({ "alg": "EdDSA", "typ": "at+jwt", "kid": key(Algorithm::EdDSA).kid() });
    header[name] = value;
    header.to_string()
}
