//! Revocations: what the system has been told to forget. All merge by maximum, so their order never matters.

use crate::{SessionId, Span, UnixMillis, UserId};

/// One thing that no longer admits anybody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Revoked {
    /// The session is over, and with it every credential that belongs to it.
    Session(SessionId),
    /// Whatever was issued to the user under an epoch below this one is void.
    Epoch(UserId, u64),
    /// Signatures by this key no longer count; its `kid` (RFC 7515 §4.1.4).
    Key(String),
    /// Whatever was issued to anybody up to this moment is void, and so is every session that had begun by then.
    Everybody(UnixMillis),
    /// Whatever the client of this `client_id` was issued up to this moment is void.
    Client(String, UnixMillis),
}

/// An entry of the revocation log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revocation {
    /// What it revokes.
    pub revoked: Revoked,
    /// After this moment every token that it could have stopped has expired by itself.
    pub keep_until: UnixMillis,
}

/// The longest that an access token may live, whatever is configured (OWASP ASVS 5.0 §7.4.1).
pub const LONGEST_ACCESS_LIFETIME: Span = Span::minutes(15);

/// Beyond the life of the tokens that a revocation stops: 60 seconds for the leeway of verifiers, and 30 because the
/// moment is taken before a commit that may have to wait its turn.
const SLACK: Span = Span::seconds(90);

/// Until when a revocation made at `now` matters. Counted from the longest lifetime rather than the configured one,
/// because a token may be older than the configuration, and a command may run with another.
pub fn keep_until(now: UnixMillis) -> UnixMillis {
    now + LONGEST_ACCESS_LIFETIME + SLACK
}

/// What a call that ended something answers with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// When it was committed.
    pub revoked_at: UnixMillis,
    /// The entries it left in the log; none if there was nothing left to end.
    pub revocations: Vec<Revocation>,
}
