//! The same tokens in the hands of `jsonwebtoken`: its `decode` and `encode` with the same key, the same claims read into
//! a struct, and as many of the same checks as it has.

use std::hint::black_box;

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode};
use serde::{Deserialize, Serialize};
use token::SigningKey;

use crate::contest::{Work, work};
use crate::support::{AUDIENCE, ISSUER, SECRET};

pub(crate) fn verifies(key: &SigningKey, token: String) -> Work {
    let validation = validation(key);
    let kid = key.kid().to_owned();
    let key = match key.jwk() {
        None => DecodingKey::from_secret(SECRET),
        Some(jwk) => DecodingKey::from_jwk(&serde_json::from_value(jwk.to_value()).unwrap()).unwrap(),
    };
    work(move || {
        let read = decode::<Claims>(black_box(&token), &key, &validation).unwrap();
        assert!(read.header.kid.as_deref() == Some(&kid) && read.header.typ.as_deref() == Some("at+jwt"));
        read.claims
    })
}

pub(crate) fn signs(key: &SigningKey, token: &str) -> Work {
    let header = Header { typ: Some("at+jwt".into()), kid: Some(key.kid().into()), ..Header::new(algorithm(key)) };
    let claims: Claims = serde_json::from_value(token::inspect(token).unwrap().claims).unwrap();
    let key = match algorithm(key) {
        Algorithm::HS256 => EncodingKey::from_secret(SECRET),
        Algorithm::EdDSA => EncodingKey::from_ed_der(&key.to_pkcs8().unwrap()),
        Algorithm::ES256 => EncodingKey::from_ec_der(&key.to_pkcs8().unwrap()),
        // PKCS #1 is what it reads: the content of PKCS #8, after its 26 bytes of header.
        _ => EncodingKey::from_rsa_der(&key.to_pkcs8().unwrap()[26..]),
    };
    work(move || encode(&header, black_box(&claims), &key).unwrap())
}

fn validation(key: &SigningKey) -> Validation {
    let mut validation = Validation::new(algorithm(key));
    validation.leeway = 5;
    validation.validate_nbf = true;
    validation.set_issuer(&[ISSUER]);
    validation.set_audience(&[AUDIENCE]);
    validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
    validation
}

fn algorithm(key: &SigningKey) -> Algorithm {
    key.algorithm().name().parse().unwrap()
}

/// The claims of `token::Claims`, as they stand in JSON.
#[derive(Serialize, Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    aud: String,
    exp: i64,
    iat: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    nbf: Option<i64>,
    jti: String,
    sid: String,
    client_id: String,
    scope: String,
    roles: Vec<String>,
    auth_time: Option<i64>,
    amr: Vec<String>,
    preferred_username: Option<String>,
    uep: u64,
    rat: i64,
}
