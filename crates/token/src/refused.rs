//! Why a token was refused: one flat list, with codes that stay the same from release to release.

/// Why a token was refused. Never carries any part of the token.
///
/// ```
/// assert_eq!(token::Refused::Expired.code(), "expired");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Refused {
    /// Longer than [`crate::jws::MAX_TOKEN_BYTES`].
    #[error("the token is longer than 8 KiB")]
    TooLong,
    /// Not `header.payload.signature`, signed: JWE, JSON serialization and unsecured tokens end here.
    #[error("the token is not three segments joined by dots")]
    Segments,
    /// A segment is not canonical unpadded base64url.
    #[error("a segment of the token is not canonical unpadded base64url")]
    Encoding,
    /// The header is not a JSON object of `alg` and optionally `typ` and `kid`, each once, as strings.
    #[error("the header must be a JSON object that holds alg, typ and kid as strings, and nothing else")]
    Header,
    /// `alg` names no signature algorithm that is accepted here.
    #[error("the header names an algorithm that is not accepted")]
    Algorithm,
    /// `kid` is missing where keys are looked up by it, or no key has it.
    #[error("no trusted key has the kid that the header names")]
    UnknownKey,
    /// The key allows one algorithm and the header names another.
    #[error("the header names another algorithm than the key's own")]
    AlgorithmMismatch,
    /// The signature is not the key's over this header and payload.
    #[error("the signature does not verify")]
    Signature,
    /// The payload is not one JSON object without duplicates and within the limits of depth and size.
    #[error("the payload is not one JSON object without duplicate members")]
    Payload,
    /// A claim has the wrong JSON type or form.
    #[error("a claim has the wrong type or form")]
    Claims,
    /// A claim that the profile requires is missing.
    #[error("the claim {0} is missing")]
    MissingClaim(&'static str),
    /// `typ` is not the profile's.
    #[error("typ does not name the kind of token that is expected here")]
    Type,
    /// `iss` is not the expected issuer, byte for byte.
    #[error("the token comes from another issuer")]
    Issuer,
    /// `aud` does not contain the expected audience, byte for byte.
    #[error("the token is meant for another audience")]
    Audience,
    /// `exp` plus leeway has come.
    #[error("the token has expired")]
    Expired,
    /// `nbf`, `iat` or `rat` lies in the future by more than the leeway.
    #[error("the token is not valid yet")]
    NotYetValid,
}

impl Refused {
    /// A stable snake_case code for logs, metrics and clients.
    pub const fn code(self) -> &'static str {
        match self {
            Self::TooLong => "too_long",
            Self::Segments => "segments",
            Self::Encoding => "encoding",
            Self::Header => "header",
            Self::Algorithm => "algorithm",
            Self::UnknownKey => "unknown_key",
            Self::AlgorithmMismatch => "algorithm_mismatch",
            Self::Signature => "signature",
            Self::Payload => "payload",
            Self::Claims => "claims",
            Self::MissingClaim(_) => "missing_claim",
            Self::Type => "type",
            Self::Issuer => "issuer",
            Self::Audience => "audience",
            Self::Expired => "expired",
            Self::NotYetValid => "not_yet_valid",
        }
    }
}
