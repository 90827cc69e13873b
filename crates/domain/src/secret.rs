//! Secrets and their hashes, each its own type: what is stored can never be what was handed out.

use aws_lc_rs::digest::{SHA256, digest};
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// The secret half of a session cookie: 32 random bytes, new at every login. No `Debug`, `Display` or `Serialize`.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct CookieSecret(pub [u8; 32]);

/// A secret that works once, such as the link that creates the first administrator: 32 random bytes.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct OneTimeSecret(pub [u8; 32]);

/// What a program shows that follows the revocations: 32 random bytes.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct VerifierSecret(pub [u8; 32]);

/// The SHA-256 of a random secret: all that the store ever sees of it.
///
/// A plain hash is enough because the secret has 256 random bits (OWASP ASVS 5.0 §6.5.2).
#[derive(Clone, Copy)]
pub struct SecretHash(pub [u8; 32]);

/// The first half of the SHA-256 of a cookie's secret: all that the store ever sees of it.
///
/// To find a secret of 256 random bits that has it takes 2¹²⁸ tries, as many as a signing key withstands, and a session takes half the room.
#[derive(Clone, Copy)]
pub struct CookieHash(pub [u8; 16]);

/// A password hash in PHC string form, such as `$argon2id$v=19$m=19456,t=2,p=1$…`. No `Debug` or `Display`.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct PasswordHash(pub String);

impl CookieSecret {
    /// What the store keeps of this secret.
    pub fn hash(&self) -> CookieHash {
        let mut half = [0; 16];
        half.copy_from_slice(&digest(&SHA256, &self.0).as_ref()[..16]);
        CookieHash(half)
    }
}

impl OneTimeSecret {
    /// What the store keeps of this secret.
    pub fn hash(&self) -> SecretHash {
        SecretHash::of(&self.0)
    }
}

impl VerifierSecret {
    /// What the store keeps of this secret.
    pub fn hash(&self) -> SecretHash {
        SecretHash::of(&self.0)
    }
}

impl SecretHash {
    fn of(secret: &[u8; 32]) -> Self {
        let mut hash = [0; 32];
        hash.copy_from_slice(digest(&SHA256, secret).as_ref());
        Self(hash)
    }

    /// Equality in constant time.
    pub fn matches(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl CookieHash {
    /// Equality in constant time.
    pub fn matches(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_matches_its_own_secret_only() {
        let (a, b) = (CookieSecret([1; 32]), CookieSecret([2; 32]));
        assert!(a.hash().matches(&a.hash()));
        assert!(!a.hash().matches(&b.hash()));
        assert_eq!(a.hash().0, OneTimeSecret([1; 32]).hash().0[..16], "the first half of the whole");
        assert_ne!(a.hash().0, a.0[..16]);
        let [mut near, mut far] = [a.hash(); 2];
        near.0[0] ^= 1;
        far.0[15] ^= 1;
        assert!(!a.hash().matches(&near) && !a.hash().matches(&far), "every bit counts");
    }
}
