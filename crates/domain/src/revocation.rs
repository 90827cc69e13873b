//! Revocations: what the system has been told to forget. All merge by maximum, so their order never matters.

use std::fmt;

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
    /// As of when it has ended, which is when the write began. It may have been committed seconds later.
    pub revoked_at: UnixMillis,
    /// The entries it left in the log; none if there was nothing left to end.
    pub revocations: Vec<Revocation>,
    /// Where the last of them stands there: whoever has it has them all. `None` if there are none.
    pub place: Option<Place>,
}

impl Receipt {
    /// There was nothing left to end at this moment.
    pub fn of_nothing(now: UnixMillis) -> Self {
        Self { revoked_at: now, revocations: Vec::new(), place: None }
    }
}

/// Where an entry stands in a log, by which it can be told whether somebody has heard of it. As text, such as `3f2a.751`, it
/// is opaque to clients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Whose numbers these are: those of another source mean nothing.
    pub source: String,
    /// The number of the entry.
    pub number: u64,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.source, self.number)
    }
}
