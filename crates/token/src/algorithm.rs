//! The four algorithms that a Watchword key may sign with (RFC 7518 §3.1, RFC 8037 §3.1).

use std::fmt;
use std::str::FromStr;

use crate::jws::Scheme;

/// A signature algorithm. A key has exactly one, and a token must name that one.
///
/// ```
/// use token::Algorithm;
/// assert_eq!("ES256".parse(), Ok(Algorithm::Es256));
/// assert!("none".parse::<Algorithm>().is_err());
/// assert!("es256".parse::<Algorithm>().is_err());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// Ed25519 signatures (RFC 8037).
    EdDSA,
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// RSASSA-PKCS1-v1_5 with SHA-256, for OpenID Connect clients that know nothing else.
    Rs256,
    /// HMAC with SHA-256: a secret that signer and verifier share.
    Hs256,
}

impl Algorithm {
    /// All four, strongest default first.
    pub const ALL: [Self; 4] = [Self::EdDSA, Self::Es256, Self::Rs256, Self::Hs256];

    /// The JWA name, as it stands in `alg`.
    pub const fn name(self) -> &'static str {
        self.scheme().name()
    }

    /// Whether verifiers need only a public key.
    pub const fn is_asymmetric(self) -> bool {
        !matches!(self, Self::Hs256)
    }

    /// The same algorithm among all that a foreign signature may use.
    pub const fn scheme(self) -> Scheme {
        match self {
            Self::EdDSA => Scheme::EdDSA,
            Self::Es256 => Scheme::Es256,
            Self::Rs256 => Scheme::Rs256,
            Self::Hs256 => Scheme::Hs256,
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Algorithm {
    type Err = UnknownAlgorithm;

    /// Exact names only: JWA names are case-sensitive (RFC 7515 §4.1.1).
    fn from_str(name: &str) -> Result<Self, UnknownAlgorithm> {
        Self::ALL.into_iter().find(|algorithm| algorithm.name() == name).ok_or(UnknownAlgorithm)
    }
}

/// The name is not one of EdDSA, ES256, RS256, HS256.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown algorithm: use EdDSA, ES256, RS256 or HS256")]
pub struct UnknownAlgorithm;
