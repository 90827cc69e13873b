//! What signs: one private key or shared secret, one algorithm.

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair,
};
use zeroize::Zeroizing;

use crate::jwk::Material;
use crate::jws::Curve;
use crate::{Algorithm, Jwk, Profile, Secret, VerifyingKey};

/// A key that signs with exactly one algorithm. The library wipes it when dropped; it has no `Debug` or `Serialize`.
pub struct SigningKey {
    algorithm: Algorithm,
    pair: Pair,
    verifying: VerifyingKey,
}

pub(crate) enum Pair {
    Ed25519(Ed25519KeyPair),
    P256(EcdsaKeyPair),
    Rsa(RsaKeyPair),
    Secret(Box<hmac::Key>),
}

impl SigningKey {
    /// A new key pair from the library's random source; RSA at 2048 bits. A shared secret is chosen by whoever shares it,
    /// so HS256 is refused.
    ///
    /// ```
    /// use token::{Algorithm, SigningKey};
    /// let key = SigningKey::generate(Algorithm::EdDSA)?;
    /// assert_eq!(key.kid().len(), 43);
    /// # Ok::<(), token::KeyRefused>(())
    /// ```
    pub fn generate(algorithm: Algorithm) -> Result<Self, KeyRefused> {
        let pair = match algorithm {
            Algorithm::EdDSA => Ed25519KeyPair::generate().map(Pair::Ed25519),
            Algorithm::Es256 => EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).map(Pair::P256),
            Algorithm::Rs256 => RsaKeyPair::generate(KeySize::Rsa2048).map(Pair::Rsa),
            Algorithm::Hs256 => return Err(KeyRefused::Symmetric),
        };
        Self::from_pair(algorithm, pair.map_err(|_| KeyRefused::Key)?)
    }

    /// Reads an unencrypted PKCS #8 private key (RFC 5208) of that algorithm's type.
    ///
    /// ```
    /// use token::{Algorithm, SigningKey};
    /// let key = SigningKey::generate(Algorithm::Es256)?;
    /// let der = key.to_pkcs8().unwrap();
    /// assert_eq!(SigningKey::from_pkcs8(Algorithm::Es256, &der)?.kid(), key.kid());
    /// assert!(SigningKey::from_pkcs8(Algorithm::EdDSA, &der).is_err());
    /// # Ok::<(), token::KeyRefused>(())
    /// ```
    pub fn from_pkcs8(algorithm: Algorithm, der: &[u8]) -> Result<Self, KeyRefused> {
        let pair = match algorithm {
            Algorithm::EdDSA => Ed25519KeyPair::from_pkcs8(der).map(Pair::Ed25519),
            Algorithm::Es256 => EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der).map(Pair::P256),
            Algorithm::Rs256 => RsaKeyPair::from_pkcs8(der).map(Pair::Rsa),
            Algorithm::Hs256 => return Err(KeyRefused::Symmetric),
        };
        Self::from_pair(algorithm, pair.map_err(|_| KeyRefused::Key)?)
    }

    /// An HS256 key. Its `kid` is derived one way, so that it names the secret without disclosing it.
    ///
    /// ```
    /// use token::{Algorithm, Secret, SigningKey};
    /// let key = SigningKey::from_secret(&Secret::new(b"9bT!kq2v#Lw8zR4mXc7pY0sNd5fHg1jU".to_vec())?);
    /// assert_eq!(key.algorithm(), Algorithm::Hs256);
    /// assert!(key.jwk().is_none());
    /// # Ok::<(), token::SecretRefused>(())
    /// ```
    pub fn from_secret(secret: &Secret) -> Self {
        Self {
            algorithm: Algorithm::Hs256,
            pair: Pair::Secret(Box::new(hmac::Key::new(hmac::HMAC_SHA256, secret.expose()))),
            verifying: VerifyingKey::from_secret(secret, None),
        }
    }

    pub(crate) fn from_pair(algorithm: Algorithm, pair: Pair) -> Result<Self, KeyRefused> {
        let material = match &pair {
            Pair::Ed25519(pair) => {
                Material::Ed25519(pair.public_key().as_ref().try_into().map_err(|_| KeyRefused::Key)?)
            }
            Pair::P256(pair) => {
                // 0x04 ‖ x ‖ y (SEC 1 §2.3.3).
                let (x, y) = pair.public_key().as_ref()[1..].split_at(Curve::P256.coordinate_bytes());
                Material::Ec { curve: Curve::P256, x: x.to_vec(), y: y.to_vec() }
            }
            Pair::Rsa(pair) => {
                let public = pair.public_key();
                let n = public.modulus().big_endian_without_leading_zero().to_vec();
                let e = public.exponent().big_endian_without_leading_zero().to_vec();
                Material::Rsa { n, e }
            }
            Pair::Secret(_) => return Err(KeyRefused::Symmetric),
        };
        let jwk = Jwk::new(algorithm.scheme(), material).map_err(|_| KeyRefused::Key)?;
        let verifying = VerifyingKey::from_jwk(&jwk).map_err(|_| KeyRefused::Key)?;
        Ok(Self { algorithm, pair, verifying })
    }

    /// The private key as unencrypted PKCS #8, to be sealed before it is stored; `None` for a shared secret.
    pub fn to_pkcs8(&self) -> Option<Zeroizing<Vec<u8>>> {
        let der: Zeroizing<Vec<u8>> = match &self.pair {
            Pair::Ed25519(pair) => pair.to_pkcs8v1().ok().map(|der| Zeroizing::new(der.as_ref().to_vec())),
            Pair::P256(pair) => pair.to_pkcs8v1().ok().map(|der| Zeroizing::new(der.as_ref().to_vec())),
            Pair::Rsa(pair) => {
                let der: Option<Pkcs8V1Der<'_>> = pair.as_der().ok();
                der.map(|der| Zeroizing::new(der.as_ref().to_vec()))
            }
            Pair::Secret(_) => return None,
        }
        .expect("a key that was parsed or generated can be written");
        Some(der)
    }

    /// The name that headers call it by: the thumbprint of the public key (RFC 7638), or one derived from the secret.
    pub fn kid(&self) -> &str {
        self.verifying.kid()
    }

    /// The only algorithm that it signs with.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// What checks its signatures.
    pub fn verifying_key(&self) -> VerifyingKey {
        self.verifying.clone()
    }

    /// The public key as published; `None` for a shared secret.
    pub fn jwk(&self) -> Option<Jwk> {
        self.verifying.jwk().cloned()
    }

    pub(crate) fn header(&self, profile: Profile) -> &str {
        self.verifying.header(profile)
    }

    /// How long its signatures are.
    pub(crate) fn signature_bytes(&self) -> usize {
        match &self.pair {
            Pair::Ed25519(_) | Pair::P256(_) => 64,
            Pair::Rsa(pair) => pair.public_modulus_len(),
            Pair::Secret(_) => 32,
        }
    }

    /// Signs bytes; the result is in the form of JWS.
    pub(crate) fn sign(&self, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match &self.pair {
            Pair::Ed25519(pair) => pair.sign(message).as_ref().to_vec(),
            Pair::P256(pair) => {
                pair.sign(&random, message).expect("a valid P-256 key signs any message").as_ref().to_vec()
            }
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature)
                    .expect("a valid RSA key signs any message");
                signature
            }
            Pair::Secret(key) => hmac::sign(key, message).as_ref().to_vec(),
        }
    }
}

/// Why a key was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyRefused {
    /// HS256 has no key pair: use [`SigningKey::from_secret`].
    #[error("HS256 has a shared secret, not a key pair")]
    Symmetric,
    /// Not a fit private key of that algorithm's type.
    #[error("not a fit private key for this algorithm")]
    Key,
}
