//! The floor: the cryptographic library alone, over the same signing input, with everything parsed beforehand.

use std::hint::black_box;

use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, ED25519, EcdsaKeyPair, Ed25519KeyPair, KeyPair,
    ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RsaKeyPair,
};
use token::{Algorithm, SigningKey, base64url};

use crate::contest::{Work, work};
use crate::support::SECRET;

pub(crate) fn verifies(key: &SigningKey, token: &str) -> Work {
    let (input, signature) = token.rsplit_once('.').unwrap();
    let (input, signature) = (input.to_owned().into_bytes(), base64url::decode(signature).unwrap());
    let public = match key.algorithm() {
        Algorithm::Hs256 => {
            let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET);
            return work(move || hmac::verify(&key, black_box(&input), &signature).unwrap());
        }
        Algorithm::EdDSA => ParsedPublicKey::new(&ED25519, ed25519(key).public_key()),
        Algorithm::Es256 => ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, p256(key).public_key()),
        Algorithm::Rs256 => ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, rsa(key).public_key()),
    };
    let public = public.unwrap();
    work(move || public.verify_sig(black_box(&input), &signature).unwrap())
}

pub(crate) fn signs(key: &SigningKey, token: &str) -> Work {
    let input = token.rsplit_once('.').unwrap().0.to_owned().into_bytes();
    let random = SystemRandom::new();
    match key.algorithm() {
        Algorithm::Hs256 => {
            let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET);
            work(move || hmac::sign(&key, black_box(&input)))
        }
        Algorithm::EdDSA => {
            let pair = ed25519(key);
            work(move || pair.sign(black_box(&input)))
        }
        Algorithm::Es256 => {
            let pair = p256(key);
            work(move || pair.sign(&random, black_box(&input)).unwrap())
        }
        Algorithm::Rs256 => {
            let pair = rsa(key);
            work(move || {
                let mut signature = [0; 256];
                pair.sign(&RSA_PKCS1_SHA256, &random, black_box(&input), &mut signature).unwrap();
                signature
            })
        }
    }
}

fn ed25519(key: &SigningKey) -> Ed25519KeyPair {
    Ed25519KeyPair::from_pkcs8(&key.to_pkcs8().unwrap()).unwrap()
}

fn p256(key: &SigningKey) -> EcdsaKeyPair {
    EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &key.to_pkcs8().unwrap()).unwrap()
}

fn rsa(key: &SigningKey) -> RsaKeyPair {
    RsaKeyPair::from_pkcs8(&key.to_pkcs8().unwrap()).unwrap()
}
