//! The one secret that an installation keeps outside its database; every other secret is derived from it or sealed by it.

use aws_lc_rs::hkdf;
use zeroize::Zeroizing;

use crate::base64url;

/// 32 random bytes. Wiped when dropped; has no `Debug`, `Display` or `Serialize`.
#[derive(Clone)]
pub struct MasterKey(Zeroizing<[u8; 32]>);

impl MasterKey {
    /// A new one from the library's random source.
    ///
    /// ```
    /// let key = token::MasterKey::generate();
    /// let again = token::MasterKey::from_base64url(&key.to_base64url()).unwrap();
    /// assert_eq!(key.subkey("cookies"), again.subkey("cookies"));
    /// ```
    pub fn generate() -> Self {
        let mut bytes = Zeroizing::new([0; 32]);
        aws_lc_rs::rand::fill(&mut *bytes).expect("the operating system has randomness");
        Self(bytes)
    }

    /// Takes 32 bytes from a random source.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// Reads what [`Self::to_base64url`] wrote; whitespace around it, as files have it, is allowed.
    pub fn from_base64url(text: &str) -> Result<Self, MasterKeyRefused> {
        let bytes = Zeroizing::new(base64url::decode_array(text.trim()).map_err(|_| MasterKeyRefused)?);
        if *bytes == [0; 32] { Err(MasterKeyRefused) } else { Ok(Self(bytes)) }
    }

    /// 43 characters, for a file with mode 0600 or a secret store.
    pub fn to_base64url(&self) -> Zeroizing<String> {
        Zeroizing::new(base64url::encode(*self.0))
    }

    /// An independent key for one purpose (HKDF-SHA-256, RFC 5869). The same purpose always gives the same key.
    pub fn subkey(&self, purpose: &'static str) -> Zeroizing<[u8; 32]> {
        expand(b"watchword master key 1", &*self.0, purpose.as_bytes())
    }
}

/// The text is not 32 bytes in base64url.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a master key is 32 random bytes as 43 characters of base64url")]
pub struct MasterKeyRefused;

/// HKDF-SHA-256 to 32 bytes.
pub(crate) fn expand(salt: &[u8], secret: &[u8], info: &[u8]) -> Zeroizing<[u8; 32]> {
    let mut key = Zeroizing::new([0; 32]);
    hkdf::Salt::new(hkdf::HKDF_SHA256, salt)
        .extract(secret)
        .expand(&[info], hkdf::HKDF_SHA256)
        .and_then(|output| output.fill(&mut *key))
        .expect("32 bytes are one block of HKDF-SHA-256");
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn derivation_is_hkdf_as_published() {
        // RFC 5869 A.1, its first 32 bytes.
        let salt: Vec<u8> = (0x00..=0x0c).collect();
        let info: Vec<u8> = (0xf0..=0xf9).collect();
        let key = expand(&salt, &[0x0b; 22], &info);
        assert_eq!(base64url::encode(*key), "PLJfJfqs1XqQQ09k0DYvKi0tCpDPGlpMXbAtVuzExb8");
    }

    #[test]
    fn each_purpose_has_its_own_key() {
        let master = MasterKey::from_bytes([7; 32]);
        assert_ne!(master.subkey("a"), master.subkey("b"));
        assert_ne!(master.subkey("a"), MasterKey::from_bytes([8; 32]).subkey("a"));
    }

    #[test]
    fn only_32_bytes_in_base64url_are_a_master_key() {
        let good = MasterKey::from_bytes([7; 32]).to_base64url();
        assert!(MasterKey::from_base64url(&format!("{}\n", *good)).is_ok());
        for bad in ["", "x", &good[1..], &format!("{}A", *good), &format!("{}=", *good), &"A".repeat(43)] {
            assert!(MasterKey::from_base64url(bad).is_err(), "{bad}");
        }
    }
}
