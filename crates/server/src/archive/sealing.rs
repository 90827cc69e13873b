//! Encryption of a long text in pieces: AES-256-GCM in the STREAM construction (Hoang, Reyhanitabar, Rogaway and Vizár,
//! "Online Authenticated-Encryption and its Nonce-Reuse Misuse-Resistance", 2015).
//!
//! Each chunk's nonce is its number and whether it is the last, so none can be moved, left out, or be the end before its
//! time. No nonce comes twice under one key, because each file has a key of its own, derived from its salt and its head.

use argon2::{Algorithm, Argon2, Params, Version};
use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::hkdf;
use zeroize::Zeroizing;

use super::{MAGIC, Secret, TAG};

/// Seals or opens the chunks of one file, in their order.
pub(super) struct Chunks {
    key: LessSafeKey,
    next: u64,
}

impl Chunks {
    /// For the file with this salt and this head, which both count: whoever changes a letter of it has another key.
    pub(super) fn new(secret: &Secret, salt: &[u8; 32], head: &[u8]) -> Self {
        let stretched;
        let secret: &[u8] = match secret {
            Secret::Password(password) => {
                stretched = stretch(password.as_bytes(), salt);
                &*stretched
            }
            Secret::KeyFile(key) => key,
        };
        let mut key = Zeroizing::new([0; 32]);
        hkdf::Salt::new(hkdf::HKDF_SHA256, salt)
            .extract(secret)
            .expand(&[MAGIC, head], hkdf::HKDF_SHA256)
            .and_then(|output| output.fill(&mut *key))
            .expect("32 bytes are one block of HKDF-SHA-256");
        let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &*key).expect("32 bytes are an AES-256 key"));
        Self { key, next: 0 }
    }

    /// Encrypts in place and appends the tag.
    pub(super) fn seal(&mut self, chunk: &mut Vec<u8>, is_last: bool) {
        let nonce = self.nonce(is_last);
        self.key.seal_in_place_append_tag(nonce, Aad::empty(), chunk).expect("a chunk is within the limit of AES-GCM");
    }

    /// Decrypts in place and takes the tag off. False, and the content is worthless, if it is not the chunk that was sealed
    /// at this place under this key.
    pub(super) fn open(&mut self, chunk: &mut Vec<u8>, is_last: bool) -> bool {
        let nonce = self.nonce(is_last);
        let opened = self.key.open_in_place(nonce, Aad::empty(), chunk).is_ok();
        chunk.truncate(chunk.len().saturating_sub(TAG));
        opened
    }

    fn nonce(&mut self, is_last: bool) -> Nonce {
        let mut nonce = [0; NONCE_LEN];
        nonce[3..11].copy_from_slice(&self.next.to_be_bytes());
        nonce[11] = u8::from(is_last);
        self.next += 1;
        Nonce::assume_unique_for_key(nonce)
    }
}

/// Argon2id at the cost that RFC 9106 §4 recommends second: 64 MiB, three passes, four lanes. Part of the format.
fn stretch(password: &[u8], salt: &[u8; 32]) -> Zeroizing<[u8; 32]> {
    let params = Params::new(64 * 1024, 3, 4, Some(32)).expect("the cost is within Argon2's limits");
    let mut key = Zeroizing::new([0; 32]);
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    argon2.hash_password_into(password, salt, &mut *key).expect("salt and output are within Argon2's limits");
    key
}
