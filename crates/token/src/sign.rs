//! Signing an access token.

use crate::{Claims, SigningKey, jws};

/// Which dialect of access token is spoken: it decides `typ`, the extra claims, and what verification demands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Profile {
    /// JWT access tokens as standardized: `typ` is `at+jwt`, `aud` is required (RFC 9068).
    Rfc9068,
    /// What flask-jwt-extended accepts unchanged: `typ` is `JWT`; `type` is `access`; `fresh` and `nbf` are there.
    FlaskJwtExtended,
}

impl Profile {
    pub(crate) const ALL: [Self; 2] = [Self::Rfc9068, Self::FlaskJwtExtended];

    /// `typ` in the header.
    pub const fn typ(self) -> &'static str {
        match self {
            Self::Rfc9068 => "at+jwt",
            Self::FlaskJwtExtended => "JWT",
        }
    }
}

/// Signs an access token. The claims are written as they are: whoever calls has decided them.
///
/// ```
/// use token::{Algorithm, Claims, Profile, SigningKey};
/// let key = SigningKey::generate(Algorithm::EdDSA)?;
/// let jwt = token::sign(&key, Profile::Rfc9068, &Claims { exp: 600, ..Claims::default() });
/// assert_eq!(jwt.split('.').count(), 3);
/// # Ok::<(), token::KeyRefused>(())
/// ```
pub fn sign(key: &SigningKey, profile: Profile, claims: &Claims) -> String {
    jws::sign_after(key.header(profile), key, &claims.to_json(profile))
}
