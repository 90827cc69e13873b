//! The primitive alone, over what the token's signature is over. Its instructions are the library's, and differ from one
//! processor to another; they are taken off.

use std::hint::black_box;

use aws_lc_rs::hmac;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, ED25519, EcdsaKeyPair, Ed25519KeyPair, KeyPair,
    ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RsaKeyPair,
};
use token::{Algorithm, SigningKey, base64url};

use crate::SECRET;

pub(crate) fn verifies(key: &SigningKey, token: &str) -> Box<dyn Fn()> {
    let (input, signature) = token.rsplit_once('.').unwrap();
    let (input, signature) = (input.to_owned().into_bytes(), base64url::decode(signature).unwrap());
    let der = key.to_pkcs8().unwrap_or_default();
    let public = match key.algorithm() {
        Algorithm::Hs256 => {
            let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET);
            return Box::new(move || hmac::verify(&key, black_box(&input), &signature).unwrap());
        }
        Algorithm::EdDSA => ParsedPublicKey::new(&ED25519, Ed25519KeyPair::from_pkcs8(&der).unwrap().public_key()),
        Algorithm::Es256 => {
            let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &der).unwrap();
            ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, pair.public_key())
        }
        Algorithm::Rs256 => {
            ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, RsaKeyPair::from_pkcs8(&der).unwrap().public_key())
        }
    };
    let public = public.unwrap();
    Box::new(move || public.verify_sig(black_box(&input), &signature).unwrap())
}

/// HS256 and EdDSA only: the others use random numbers, so that no two calls are alike.
pub(crate) fn signs(key: &SigningKey, token: &str) -> Box<dyn Fn()> {
    let input = token.rsplit_once('.').unwrap().0.to_owned().into_bytes();
    match key.algorithm() {
        Algorithm::Hs256 => {
            let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET);
            Box::new(move || {
                black_box(hmac::sign(&key, black_box(&input)));
            })
        }
        Algorithm::EdDSA => {
            let pair = Ed25519KeyPair::from_pkcs8(&key.to_pkcs8().unwrap()).unwrap();
            Box::new(move || {
                black_box(pair.sign(black_box(&input)));
            })
        }
        other => panic!("{other} is not counted"),
    }
}
