//! Everything that can be wrong with an access token: what the standards refuse, and what only this project refuses.

/// One thing that is wrong with a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    TooLong,
    Segments,
    HeaderTooLong,
    HeaderEncoding,
    BodyEncoding,
    HeaderJson,
    HeaderDuplicate,
    HeaderMember,
    HeaderType,
    NoAlgorithm,
    Algorithm,
    NoKid,
    UnknownKid,
    OtherAlgorithm,
    Signature,
    PayloadJson,
    PayloadDuplicate,
    PayloadTooLarge,
    ClaimType,
    NotAnInteger,
    OutOfRange,
    Missing,
    Empty,
    SidForm,
    FlaskMissing,
    FlaskKind,
    Type,
    Issuer,
    Audience,
    Expired,
    NotYetValid,
    IssuedInTheFuture,
}

/// Where a rule comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// A standard demands it.
    Standard(&'static str),
    /// This project is stricter than the standards, for this reason.
    Stricter(&'static str),
}

impl Fault {
    /// All of them.
    pub const ALL: [Self; 32] = [
        Self::TooLong,
        Self::Segments,
        Self::HeaderTooLong,
        Self::HeaderEncoding,
        Self::BodyEncoding,
        Self::HeaderJson,
        Self::HeaderDuplicate,
        Self::HeaderMember,
        Self::HeaderType,
        Self::NoAlgorithm,
        Self::Algorithm,
        Self::NoKid,
        Self::UnknownKid,
        Self::OtherAlgorithm,
        Self::Signature,
        Self::PayloadJson,
        Self::PayloadDuplicate,
        Self::PayloadTooLarge,
        Self::ClaimType,
        Self::NotAnInteger,
        Self::OutOfRange,
        Self::Missing,
        Self::Empty,
        Self::SidForm,
        Self::FlaskMissing,
        Self::FlaskKind,
        Self::Type,
        Self::Issuer,
        Self::Audience,
        Self::Expired,
        Self::NotYetValid,
        Self::IssuedInTheFuture,
    ];

    /// Who demands that such a token is refused.
    pub fn source(self) -> Source {
        use Source::{Standard, Stricter};
        match self {
            Self::TooLong => Stricter("work is bounded before any is done: 8 KiB is more than any honest token has"),
            Self::HeaderTooLong => Stricter("the same for the header, which is read before any signature is checked"),
            Self::HeaderMember => Stricter(
                "RFC 7515 §4 ignores members that are not understood; here a header can ask for nothing, so `jwk`, \
                 `jku`, `x5u`, `b64`, `zip`, `crit` need no rule each",
            ),
            Self::NoKid => {
                Stricter("§4.1.4 makes `kid` optional; trying every key costs time and blurs which key signed")
            }
            Self::PayloadDuplicate | Self::HeaderDuplicate => Stricter(
                "RFC 7515 §4 and RFC 7519 §4 allow to take the last of two; readers that differ are a way round a check",
            ),
            Self::PayloadTooLarge => Stricter("depth, members and elements are bounded, so that reading is"),
            Self::NotAnInteger => Stricter("RFC 7519 §2 allows fractions in a NumericDate; nobody here writes any"),
            Self::OutOfRange => Stricter("a number beyond 64 bits has no exact value here"),
            Self::Missing => Stricter(
                "beside RFC 9068 §2.2 (`iss exp aud sub client_id iat jti`), what revocation needs: `sid uep rat`",
            ),
            Self::Empty => Stricter("an empty `sub` or `jti` names nobody and nothing"),
            Self::SidForm => Stricter("an id has one spelling, or a revoked session has several"),
            Self::FlaskMissing => {
                Stricter("flask-jwt-extended writes `type`, `fresh`, `nbf`, and tells by them what a token is for")
            }
            Self::FlaskKind => Stricter("flask-jwt-extended's refresh tokens are no access tokens"),
            Self::IssuedInTheFuture => {
                Stricter("RFC 7519 §4.1.6 only informs; one that was issued later than now has a wrong clock")
            }
            Self::Segments => Standard("RFC 7515 §5.2 step 1, §7.1; RFC 8725 §3.1 for an empty signature"),
            Self::HeaderEncoding | Self::BodyEncoding => Standard("RFC 7515 §5.2 steps 2, 6, 7; RFC 4648 §3.5"),
            Self::HeaderJson => Standard("RFC 7515 §5.2 step 3"),
            Self::HeaderType => Standard("RFC 7515 §4.1.1, §4.1.4, §4.1.9"),
            Self::NoAlgorithm => Standard("RFC 7515 §4.1.1"),
            Self::Algorithm => Standard("RFC 7515 §5.2 step 5; RFC 8725 §3.1, §3.2"),
            Self::UnknownKid => Standard("RFC 7515 §6"),
            Self::OtherAlgorithm => Standard("RFC 8725 §3.1; RFC 7517 §4.4"),
            Self::Signature => Standard("RFC 7515 §5.2 step 8"),
            Self::PayloadJson => Standard("RFC 7519 §7.2 step 10"),
            Self::ClaimType => Standard("RFC 7519 §4.1; RFC 9068 §2.2; RFC 8176 §1"),
            Self::Type => Standard("RFC 9068 §4; RFC 8725 §3.11"),
            Self::Issuer => Standard("RFC 9068 §4; RFC 7519 §4.1.1"),
            Self::Audience => Standard("RFC 9068 §4; RFC 7519 §4.1.3"),
            Self::Expired => Standard("RFC 7519 §4.1.4"),
            Self::NotYetValid => Standard("RFC 7519 §4.1.5"),
        }
    }

    /// The code by which this project is to name it.
    pub fn code(self) -> &'static str {
        match self {
            Self::TooLong => "too_long",
            Self::Segments => "segments",
            Self::HeaderEncoding | Self::BodyEncoding => "encoding",
            Self::HeaderTooLong
            | Self::HeaderJson
            | Self::HeaderDuplicate
            | Self::HeaderMember
            | Self::HeaderType
            | Self::NoAlgorithm => "header",
            Self::Algorithm => "algorithm",
            Self::NoKid | Self::UnknownKid => "unknown_key",
            Self::OtherAlgorithm => "algorithm_mismatch",
            Self::Signature => "signature",
            Self::PayloadJson | Self::PayloadDuplicate | Self::PayloadTooLarge => "payload",
            Self::ClaimType | Self::NotAnInteger | Self::OutOfRange | Self::Empty | Self::SidForm => "claims",
            Self::Missing | Self::FlaskMissing => "missing_claim",
            Self::FlaskKind | Self::Type => "type",
            Self::Issuer => "issuer",
            Self::Audience => "audience",
            Self::Expired => "expired",
            Self::NotYetValid | Self::IssuedInTheFuture => "not_yet_valid",
        }
    }
}
