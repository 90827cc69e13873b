//! Authenticated encryption of what lies at rest, such as private signing keys: AES-256-GCM with a random nonce.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use zeroize::Zeroizing;

use crate::MasterKey;

/// Seals and opens for one purpose. What was sealed for one does not open for another.
pub struct SealingKey(LessSafeKey);

impl SealingKey {
    /// The key for one purpose under a master key.
    ///
    /// ```
    /// use token::{MasterKey, SealingKey};
    /// let key = SealingKey::derive(&MasterKey::generate(), "signing keys");
    /// let sealed = key.seal(b"private", b"kid-1");
    /// assert_eq!(*key.open(&sealed, b"kid-1")?, b"private");
    /// assert!(key.open(&sealed, b"kid-2").is_err());
    /// # Ok::<(), token::OpenRefused>(())
    /// ```
    pub fn derive(master: &MasterKey, purpose: &'static str) -> Self {
        let key = master.subkey(purpose);
        Self(LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &*key).expect("32 bytes are an AES-256 key")))
    }

    /// Encrypts; `aad` is not stored, but opening needs the same, so that a sealed value cannot be moved to another row.
    /// The result is a version byte, the nonce, the ciphertext, the tag: 29 bytes longer. One key may seal 2³² times.
    pub fn seal(&self, plaintext: &[u8], aad: &[u8]) -> Vec<u8> {
        let mut nonce = [0; NONCE_LEN];
        aws_lc_rs::rand::fill(&mut nonce).expect("the operating system has randomness");
        // Room for all of it from the start: a vector that grows leaves plaintext behind.
        let mut sealed = Vec::with_capacity(OVERHEAD + plaintext.len());
        sealed.push(VERSION);
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(plaintext);
        let tag = self
            .0
            .seal_in_place_separate_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(aad),
                &mut sealed[1 + NONCE_LEN..],
            )
            .expect("a plaintext in memory is within the limit of AES-GCM");
        sealed.extend_from_slice(tag.as_ref());
        sealed
    }

    /// Decrypts what [`Self::seal`] made with the same key and `aad`.
    pub fn open(&self, sealed: &[u8], aad: &[u8]) -> Result<Zeroizing<Vec<u8>>, OpenRefused> {
        let [VERSION, rest @ ..] = sealed else { return Err(OpenRefused) };
        let (nonce, rest) = rest.split_first_chunk::<NONCE_LEN>().ok_or(OpenRefused)?;
        let mut buffer = Zeroizing::new(rest.to_vec());
        let plaintext = self
            .0
            .open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::from(aad), &mut buffer)
            .map_err(|_| OpenRefused)?
            .len();
        buffer.truncate(plaintext);
        Ok(buffer)
    }
}

/// Another key, another `aad`, or altered bytes; which of them cannot be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the sealed value does not open: wrong master key, wrong place, or altered")]
pub struct OpenRefused;

const VERSION: u8 = 1;
const OVERHEAD: usize = 1 + NONCE_LEN + 16;

#[cfg(test)]
mod tests {
    use super::*;

    fn key(purpose: &'static str) -> SealingKey {
        SealingKey::derive(&MasterKey::from_bytes([7; 32]), purpose)
    }

    proptest::proptest! {
        #[test]
        fn what_was_sealed_opens_and_no_bit_can_be_flipped(plaintext: Vec<u8>, aad: Vec<u8>, at: usize, bit in 0..8u8) {
            let mut sealed = key("a").seal(&plaintext, &aad);
            proptest::prop_assert_eq!(sealed.len(), plaintext.len() + OVERHEAD);
            proptest::prop_assert_eq!(key("a").open(&sealed, &aad), Ok(Zeroizing::new(plaintext)));
            proptest::prop_assert_eq!(key("b").open(&sealed, &aad), Err(OpenRefused));
            let at = at % sealed.len();
            sealed[at] ^= 1 << bit;
            proptest::prop_assert_eq!(key("a").open(&sealed, &aad), Err(OpenRefused));
        }

        #[test]
        fn foreign_bytes_never_open(bytes: Vec<u8>) {
            proptest::prop_assert_eq!(key("a").open(&bytes, b""), Err(OpenRefused));
        }
    }

    #[test]
    fn the_same_plaintext_never_seals_to_the_same_bytes() {
        assert_ne!(key("a").seal(b"x", b""), key("a").seal(b"x", b""));
    }

    #[test]
    fn a_cut_value_does_not_open() {
        let sealed = key("a").seal(b"private", b"");
        for length in 0..sealed.len() {
            assert_eq!(key("a").open(&sealed[..length], b""), Err(OpenRefused));
        }
    }
}
