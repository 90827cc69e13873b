//! A public key as other tools than JWT libraries keep one: `SubjectPublicKeyInfo` (RFC 5280 §4.1.2.7) in DER.

use crate::Jwk;
use crate::jwk::Material;
use crate::jws::Curve;

impl Jwk {
    /// The key as DER; `None` for a shared secret, and for a curve that does not sign here.
    ///
    /// ```
    /// use token::{Algorithm, SigningKey};
    /// let jwk = SigningKey::generate(Algorithm::EdDSA)?.jwk().unwrap();
    /// assert_eq!(jwk.to_spki().unwrap().len(), 44);
    /// # Ok::<(), token::KeyRefused>(())
    /// ```
    pub fn to_spki(&self) -> Option<Vec<u8>> {
        let (algorithm, key) = match self.material() {
            Material::Ed25519(point) => (sequence(&[ED25519]), point.to_vec()),
            Material::Ec { curve: Curve::P256, x, y } => {
                (sequence(&[EC_PUBLIC_KEY, P256]), [&[0x04], x.as_slice(), y.as_slice()].concat())
            }
            Material::Rsa { n, e } => (sequence(&[RSA_ENCRYPTION, NULL]), sequence(&[&unsigned(n), &unsigned(e)])),
            Material::Ec { .. } | Material::Secret(_) => return None,
        };
        // No bit of the last byte is unused.
        let key = element(BIT_STRING, &[&[0], key.as_slice()].concat());
        Some(sequence(&[&algorithm, &key]))
    }
}

fn sequence(parts: &[&[u8]]) -> Vec<u8> {
    element(SEQUENCE, &parts.concat())
}

/// A positive number, given without leading zeros.
fn unsigned(number: &[u8]) -> Vec<u8> {
    let sign: &[u8] = if number.first().is_none_or(|first| first & 0x80 != 0) { &[0] } else { &[] };
    element(INTEGER, &[sign, number].concat())
}

/// Tag, length in the shortest form (X.690 §10.1), content.
fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len();
    let bytes = length.to_be_bytes();
    let significant = &bytes[bytes.iter().take_while(|byte| **byte == 0).count()..];
    let mut element = vec![tag];
    if length >= 0x80 {
        element.push(0x80 | significant.len() as u8);
    }
    element.extend_from_slice(significant);
    element.extend_from_slice(content);
    element
}

const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const SEQUENCE: u8 = 0x30;
const NULL: &[u8] = &[0x05, 0];

/// 1.3.101.112 (RFC 8410 §3).
const ED25519: &[u8] = &[0x06, 3, 0x2b, 0x65, 0x70];
/// 1.2.840.10045.2.1 (RFC 5480 §2.1.1).
const EC_PUBLIC_KEY: &[u8] = &[0x06, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
/// 1.2.840.10045.3.1.7 (RFC 5480 §2.1.1.1).
const P256: &[u8] = &[0x06, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
/// 1.2.840.113549.1.1.1 (RFC 3279 §2.3.1).
const RSA_ENCRYPTION: &[u8] = &[0x06, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];

#[cfg(test)]
mod tests {
    use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
    use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RsaKeyPair};

    use crate::{Algorithm, SigningKey};

    #[test]
    fn it_is_what_the_library_writes() {
        for algorithm in [Algorithm::EdDSA, Algorithm::Es256, Algorithm::Rs256] {
            let key = SigningKey::generate(algorithm).unwrap();
            let der = key.to_pkcs8().unwrap();
            let theirs: PublicKeyX509Der<'_> = match algorithm {
                Algorithm::EdDSA => Ed25519KeyPair::from_pkcs8(&der).unwrap().public_key().as_der().unwrap(),
                Algorithm::Es256 => {
                    let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &der).unwrap();
                    pair.public_key().as_der().unwrap()
                }
                _ => RsaKeyPair::from_pkcs8(&der).unwrap().public_key().as_der().unwrap(),
            };
            assert_eq!(key.jwk().unwrap().to_spki().unwrap(), theirs.as_ref(), "{algorithm}");
        }
    }
}
