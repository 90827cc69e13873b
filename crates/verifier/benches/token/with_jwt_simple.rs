//! The same tokens in the hands of `jwt-simple`, with primitives in Rust: its other backend builds a C library of its own.

use std::collections::HashSet;
use std::hint::black_box;

use jwt_simple::prelude::*;
use token::{Algorithm, SigningKey};

use crate::contest::{Work, work};
use crate::support::{AUDIENCE, ISSUER, NOW, SECRET};

/// Its `verify_token` wants options of its own for every token, so that copying them is a part of verifying.
pub(crate) fn verifies(key: &SigningKey, token: String) -> Work {
    let options = VerificationOptions {
        required_key_id: Some(key.kid().to_owned()),
        required_signature_type: Some("at+jwt".to_owned()),
        allowed_issuers: Some(HashSet::from([ISSUER.to_owned()])),
        allowed_audiences: Some(HashSet::from([AUDIENCE.to_owned()])),
        time_tolerance: Some(Duration::from_secs(5)),
        artificial_time: Some(Duration::from_secs(NOW as u64)),
        ..VerificationOptions::default()
    };
    let jwk = key.jwk().map(|jwk| jwk.to_value().to_string()).unwrap_or_default();
    macro_rules! verifies {
        ($key:expr) => {{
            let key = $key;
            work(move || key.verify_token::<Private>(black_box(&token), Some(options.clone())).unwrap())
        }};
    }
    match key.algorithm() {
        Algorithm::EdDSA => verifies!(Ed25519PublicKey::from_jwk(&jwk).unwrap()),
        Algorithm::Es256 => verifies!(ES256PublicKey::from_jwk(&jwk).unwrap()),
        Algorithm::Rs256 => verifies!(RS256PublicKey::from_jwk(&jwk).unwrap()),
        Algorithm::Hs256 => verifies!(HS256Key::from_bytes(SECRET)),
    }
}

/// Its `sign_with_options` wants claims of its own for every token.
pub(crate) fn signs(key: &SigningKey, token: &str) -> Work {
    let claims: JWTClaims<Private> = serde_json::from_value(token::inspect(token).unwrap().claims).unwrap();
    let options = HeaderOptions { signature_type: Some("at+jwt".to_owned()), ..HeaderOptions::default() };
    let der = key.to_pkcs8().unwrap_or_default();
    let kid = key.kid();
    macro_rules! signs {
        ($key:expr, $sign:ident) => {{
            let key = $key.with_key_id(kid);
            work(move || key.$sign(black_box(&claims).clone(), &options).unwrap())
        }};
    }
    match key.algorithm() {
        Algorithm::EdDSA => signs!(Ed25519KeyPair::from_der(&der).unwrap(), sign_with_options),
        Algorithm::Es256 => signs!(ES256KeyPair::from_der(&der).unwrap(), sign_with_options),
        Algorithm::Rs256 => signs!(RS256KeyPair::from_der(&der).unwrap(), sign_with_options),
        Algorithm::Hs256 => signs!(HS256Key::from_bytes(SECRET), authenticate_with_options),
    }
}

/// The claims that it does not know.
#[derive(Clone, Serialize, Deserialize)]
struct Private {
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
