//! Revocations: what the system has been told to forget. All merge by maximum, so their order never matters.

use crate::{SessionId, UnixMillis, UserId};

/// One thing that no longer admits anybody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Revoked {
    /// The session is over, and with it every credential that belongs to it.
    Session(SessionId),
    /// Whatever was issued to the user under an epoch below this one is void.
    Epoch(UserId, u64),
    /// Signatures by this key no longer count; its `kid` (RFC 7515 §4.1.4).
    Key(String),
}

/// An entry of the revocation log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revocation {
    /// Its place in commit order.
    pub position: i64,
    /// What it revokes.
    pub revoked: Revoked,
    /// After this moment every token that it could have stopped has expired by itself.
    pub keep_until: UnixMillis,
}

/// What a call that ended something answers with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// When it was committed.
    pub revoked_at: UnixMillis,
    /// The entries it left in the log, in commit order; none if there was nothing left to end.
    pub revocations: Vec<Revocation>,
}
