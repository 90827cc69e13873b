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

/// A password hash in PHC string form, such as `$argon2id$v=19$m=19456,t=2,p=1$…`. No `Debug` or `Display`.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct PasswordHash(pub String);

impl CookieSecret {
    /// What the store keeps of this secret.
    pub fn hash(&self) -> SecretHash {
        SecretHash::of(&self.0)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_matches_its_own_secret_only() {
        let (a, b) = (CookieSecret([1; 32]), CookieSecret([2; 32]));
        assert!(a.hash().matches(&a.hash()));
        assert!(!a.hash().matches(&b.hash()));
        assert_ne!(a.hash().0, a.0);
    }
}
