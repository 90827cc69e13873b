//! Why a credential does not admit: the three answers that call for three reactions.

/// Why a token was refused.
///
/// ```
/// use verifier::Refused;
/// assert_eq!(Refused::Revoked.code(), "revoked");
/// assert_eq!(Refused::Invalid(token::Refused::Signature).code(), "signature");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Refused {
    /// It was good once: the client may refresh.
    #[error("the token has expired")]
    Expired,
    /// It was withdrawn: refreshing will not help unless the user logs in again.
    #[error("the token has been revoked")]
    Revoked,
    /// It never was a token for this place.
    #[error("{0}")]
    Invalid(token::Refused),
}

impl Refused {
    /// A stable snake_case code for logs, metrics and clients.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Expired => "expired",
            Self::Revoked => "revoked",
            Self::Invalid(refused) => refused.code(),
        }
    }
}

impl From<token::Refused> for Refused {
    fn from(refused: token::Refused) -> Self {
        match refused {
            token::Refused::Expired => Self::Expired,
            other => Self::Invalid(other),
        }
    }
}
