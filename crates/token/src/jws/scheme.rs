//! Every signature algorithm whose signatures can be checked: the four that sign here, and more that only foreigners use.

use std::str::FromStr;

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ECDSA_P521_SHA512_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256,
    RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512, RSA_PSS_2048_8192_SHA256, RSA_PSS_2048_8192_SHA384,
    RSA_PSS_2048_8192_SHA512, RsaParameters, VerificationAlgorithm,
};

use crate::{Algorithm, UnknownAlgorithm};

/// A JWA signature algorithm. Access tokens use only those that are an [`Algorithm`]; the others are for what clients
/// sign with their own keys.
///
/// ```
/// use token::{Algorithm, jws::Scheme};
/// assert_eq!("PS256".parse(), Ok(Scheme::Ps256));
/// assert_eq!(Scheme::Ps256.algorithm(), None);
/// assert_eq!(Scheme::Es256.algorithm(), Some(Algorithm::Es256));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names are those of RFC 7518 §3.1 and RFC 8037 §3.1")]
pub enum Scheme {
    EdDSA,
    Es256,
    Es384,
    Es512,
    Rs256,
    Rs384,
    Rs512,
    Ps256,
    Ps384,
    Ps512,
    Hs256,
}

/// The key type that a scheme needs: `kty`, and `crv` where there is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    Ed25519,
    Ec(Curve),
    Rsa,
    Secret,
}

/// A curve of RFC 7518 §6.2.1.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Curve {
    P256,
    P384,
    P521,
}

impl Scheme {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::EdDSA,
        Self::Es256,
        Self::Es384,
        Self::Es512,
        Self::Rs256,
        Self::Rs384,
        Self::Rs512,
        Self::Ps256,
        Self::Ps384,
        Self::Ps512,
        Self::Hs256,
    ];

    /// The JWA name, as it stands in `alg`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::EdDSA => "EdDSA",
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::Es512 => "ES512",
            Self::Rs256 => "RS256",
            Self::Rs384 => "RS384",
            Self::Rs512 => "RS512",
            Self::Ps256 => "PS256",
            Self::Ps384 => "PS384",
            Self::Ps512 => "PS512",
            Self::Hs256 => "HS256",
        }
    }

    /// The same among those that access tokens may use.
    pub const fn algorithm(self) -> Option<Algorithm> {
        match self {
            Self::EdDSA => Some(Algorithm::EdDSA),
            Self::Es256 => Some(Algorithm::Es256),
            Self::Rs256 => Some(Algorithm::Rs256),
            Self::Hs256 => Some(Algorithm::Hs256),
            _ => None,
        }
    }

    pub(crate) const fn family(self) -> Family {
        match self {
            Self::EdDSA => Family::Ed25519,
            Self::Es256 => Family::Ec(Curve::P256),
            Self::Es384 => Family::Ec(Curve::P384),
            Self::Es512 => Family::Ec(Curve::P521),
            Self::Rs256 | Self::Rs384 | Self::Rs512 | Self::Ps256 | Self::Ps384 | Self::Ps512 => Family::Rsa,
            Self::Hs256 => Family::Secret,
        }
    }

    /// The check of an Ed25519 or ECDSA signature; `None` for the other families.
    pub(crate) fn curve_check(self) -> Option<&'static dyn VerificationAlgorithm> {
        match self {
            Self::EdDSA => Some(&ED25519),
            Self::Es256 => Some(&ECDSA_P256_SHA256_FIXED),
            Self::Es384 => Some(&ECDSA_P384_SHA384_FIXED),
            Self::Es512 => Some(&ECDSA_P521_SHA512_FIXED),
            _ => None,
        }
    }

    /// The check of an RSA signature; `None` for the other families.
    pub(crate) fn rsa_check(self) -> Option<&'static RsaParameters> {
        match self {
            Self::Rs256 => Some(&RSA_PKCS1_2048_8192_SHA256),
            Self::Rs384 => Some(&RSA_PKCS1_2048_8192_SHA384),
            Self::Rs512 => Some(&RSA_PKCS1_2048_8192_SHA512),
            Self::Ps256 => Some(&RSA_PSS_2048_8192_SHA256),
            Self::Ps384 => Some(&RSA_PSS_2048_8192_SHA384),
            Self::Ps512 => Some(&RSA_PSS_2048_8192_SHA512),
            _ => None,
        }
    }
}

impl FromStr for Scheme {
    type Err = UnknownAlgorithm;

    /// Exact names only.
    fn from_str(name: &str) -> Result<Self, UnknownAlgorithm> {
        Self::ALL.into_iter().find(|scheme| scheme.name() == name).ok_or(UnknownAlgorithm)
    }
}

impl Curve {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::P256 => "P-256",
            Self::P384 => "P-384",
            Self::P521 => "P-521",
        }
    }

    /// Bytes of one coordinate; `x` and `y` are always that long (RFC 7518 §6.2.1.2).
    pub(crate) const fn coordinate_bytes(self) -> usize {
        match self {
            Self::P256 => 32,
            Self::P384 => 48,
            Self::P521 => 66,
        }
    }

    pub(crate) fn by_name(name: &str) -> Option<Self> {
        [Self::P256, Self::P384, Self::P521].into_iter().find(|curve| curve.name() == name)
    }
}
