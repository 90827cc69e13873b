//! Keys that are trusted, taken apart by the oracle itself; only the primitives are the library's.

use aws_lc_rs::hmac;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey,
};

use super::base64url;
use super::json::{self, Json};

/// A key, its name, and its one algorithm.
pub struct Trusted {
    pub kid: String,
    key: Key,
}

enum Key {
    EdDSA(Vec<u8>),
    Es256(Vec<u8>),
    Rs256 { n: Vec<u8>, e: Vec<u8> },
    Hs256(Vec<u8>),
}

impl Trusted {
    /// A shared secret.
    pub fn secret(kid: &str, secret: &[u8]) -> Self {
        Self { kid: kid.to_owned(), key: Key::Hs256(secret.to_vec()) }
    }

    /// A public key in the form that this project publishes.
    pub fn public(jwk: &str) -> Option<Self> {
        let jwk = json::read(jwk.as_bytes())?;
        let text = |name: &str| {
            let member = jwk.members()?.iter().find(|(other, _)| other == name);
            member.and_then(|(_, value): &(String, Json)| value.text())
        };
        let bytes = |name| base64url::decode(text(name)?);
        let key = match (text("kty")?, text("alg")?) {
            ("OKP", "EdDSA") => Key::EdDSA(bytes("x")?),
            ("EC", "ES256") => Key::Es256([vec![4], bytes("x")?, bytes("y")?].concat()),
            ("RSA", "RS256") => Key::Rs256 { n: bytes("n")?, e: bytes("e")? },
            _ => return None,
        };
        Some(Self { kid: text("kid")?.to_owned(), key })
    }

    pub fn algorithm(&self) -> &'static str {
        match &self.key {
            Key::EdDSA(_) => "EdDSA",
            Key::Es256(_) => "ES256",
            Key::Rs256 { .. } => "RS256",
            Key::Hs256(_) => "HS256",
        }
    }

    /// Whether the signature is this key's over the message (RFC 7515 §5.2 step 8).
    pub fn has_signed(&self, message: &[u8], signature: &[u8]) -> bool {
        match &self.key {
            Key::EdDSA(point) => UnparsedPublicKey::new(&ED25519, point).verify(message, signature).is_ok(),
            Key::Es256(point) => {
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(message, signature).is_ok()
            }
            Key::Rs256 { n, e } => {
                RsaPublicKeyComponents { n, e }.verify(&RSA_PKCS1_2048_8192_SHA256, message, signature).is_ok()
            }
            Key::Hs256(secret) => {
                // Made anew and compared as a whole: a tag that was cut is another tag (RFC 7518 §3.2).
                hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), message).as_ref() == signature
            }
        }
    }
}
