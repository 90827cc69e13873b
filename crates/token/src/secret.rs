//! A secret that signer and verifier share, for HS256.

use zeroize::Zeroizing;

use crate::base64url;

/// An HMAC secret of at least 32 bytes (RFC 7518 §3.2). Wiped when dropped; has no `Debug`, `Display` or `Serialize`.
#[derive(Clone)]
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// Fewest bytes.
    pub const MIN_BYTES: usize = 32;

    /// Takes the bytes as they are; a text secret is its UTF-8, as other JWT libraries take it. Refused when short, when
    /// made of a handful of distinct bytes, and when it is a public key or certificate in any common encoding: who
    /// verifies with such a "secret" lets everybody sign (CVE-2015-9235).
    ///
    /// ```
    /// use token::{Secret, SecretRefused};
    /// assert!(Secret::new(b"9bT!kq2v#Lw8zR4mXc7pY0sNd5fHg1jU".to_vec()).is_ok());
    /// assert_eq!(Secret::new(b"secret".to_vec()).err(), Some(SecretRefused::Short));
    /// ```
    pub fn new(bytes: Vec<u8>) -> Result<Self, SecretRefused> {
        let secret = Self(Zeroizing::new(bytes));
        if secret.0.len() < Self::MIN_BYTES {
            return Err(SecretRefused::Short);
        }
        if is_public_key(&secret.0) {
            return Err(SecretRefused::PublicKey);
        }
        if distinct_bytes(&secret.0) < MIN_DISTINCT_BYTES {
            return Err(SecretRefused::Weak);
        }
        Ok(secret)
    }

    /// A secret from a vetted source; only its length is checked, so that published test vectors can be used.
    pub(crate) fn from_jwk(bytes: Vec<u8>) -> Result<Self, SecretRefused> {
        let secret = Self(Zeroizing::new(bytes));
        if secret.0.len() < Self::MIN_BYTES { Err(SecretRefused::Short) } else { Ok(secret) }
    }

    /// The bytes, for a cryptographic primitive or for sealing.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

/// Why bytes were not taken as a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SecretRefused {
    /// Shorter than 32 bytes.
    #[error("the secret is shorter than 32 bytes: generate one with `openssl rand -base64 48`")]
    Short,
    /// Fewer than eight distinct bytes.
    #[error("the secret repeats a few characters: generate one with `openssl rand -base64 48`")]
    Weak,
    /// A public key or a certificate.
    #[error("the secret is a public key or a certificate: whoever knows it could sign tokens")]
    PublicKey,
}

const MIN_DISTINCT_BYTES: usize = 8;

fn distinct_bytes(bytes: &[u8]) -> usize {
    let mut seen = [false; 256];
    for byte in bytes {
        seen[usize::from(*byte)] = true;
    }
    seen.iter().filter(|seen| **seen).count()
}

fn is_public_key(bytes: &[u8]) -> bool {
    if is_der(bytes) {
        return true;
    }
    let Ok(text) = str::from_utf8(bytes) else { return false };
    let text = text.trim_start_matches('\u{feff}').trim();
    if text.contains("-----BEGIN")
        || ["ssh-", "ecdsa-sha2-", "sk-ssh-", "sk-ecdsa-"].iter().any(|p| text.starts_with(p))
    {
        return true;
    }
    if text.starts_with(['{', '[']) && text.contains("\"kty\"") {
        return true;
    }
    // DER in base64, wrapped or not, in either alphabet, padded or not.
    let packed: String = text
        .chars()
        .filter(|c| !c.is_ascii_whitespace() && *c != '=')
        .map(|c| match c {
            '+' => '-',
            '/' => '_',
            other => other,
        })
        .collect();
    base64url::decode(packed).is_ok_and(|bytes| is_der(&bytes))
}

/// Whether the bytes are one DER sequence that names a public key algorithm, or an RSA key as PKCS #1 has it.
fn is_der(bytes: &[u8]) -> bool {
    const KEY_TYPES: [&[u8]; 3] = [
        // rsaEncryption, ecPublicKey, Ed25519
        &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01],
        &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01],
        &[0x06, 0x03, 0x2b, 0x65, 0x70],
    ];
    let Some(content) = sequence(bytes) else { return false };
    content.starts_with(&[0x02, 0x82])
        || KEY_TYPES.iter().any(|oid| content.windows(oid.len()).any(|part| part == *oid))
}

/// The content of a DER sequence that fills `bytes` but for trailing whitespace.
fn sequence(bytes: &[u8]) -> Option<&[u8]> {
    let bytes = bytes.trim_ascii_end();
    let (content, length) = match bytes {
        [0x30, length @ 0..=0x7f, content @ ..] | [0x30, 0x81, length, content @ ..] => (content, usize::from(*length)),
        [0x30, 0x82, high, low, content @ ..] => (content, usize::from(*high) * 256 + usize::from(*low)),
        _ => return None,
    };
    // The last byte of a key may itself look like whitespace.
    (content.len() <= length && length <= content.len() + 2).then_some(content)
}
