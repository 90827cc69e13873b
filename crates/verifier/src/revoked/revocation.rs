//! What can be told to the revoked set, and what it is asked about.

/// One thing that no longer admits anybody. Times are unix milliseconds; after `keep_until` every token that the entry
/// could have stopped has expired by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Revocation {
    /// The session is over.
    Session {
        /// Which session.
        sid: [u8; 16],
        /// How long the entry matters.
        keep_until: i64,
    },
    /// Whatever was issued to the user under a lower epoch is void.
    Epoch {
        /// Which user.
        user: [u8; 16],
        /// The lowest epoch that still counts.
        epoch: u64,
        /// How long the entry matters.
        keep_until: i64,
    },
    /// Signatures by the key no longer count.
    Key {
        /// The name of the key.
        kid: String,
        /// How long the entry matters.
        keep_until: i64,
    },
    /// Whatever was read up to a moment is void, whoever it belongs to.
    Everybody {
        /// The latest `rat` that is refused.
        read_until: i64,
        /// How long the entry matters.
        keep_until: i64,
    },
    /// Whatever a client was given up to a moment is void.
    Client {
        /// Which client.
        client_id: String,
        /// The latest `rat` that is refused.
        read_until: i64,
        /// How long the entry matters.
        keep_until: i64,
    },
}

impl Revocation {
    /// The longest name of a key or a client, in bytes.
    pub const MAX_NAME_BYTES: usize = 256;

    /// Whether another entry says the same, for however long each of them matters.
    pub fn is_like(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Session { sid, .. }, Self::Session { sid: other, .. }) => sid == other,
            (Self::Epoch { user, epoch, .. }, Self::Epoch { user: other, epoch: others, .. }) => {
                user == other && epoch == others
            }
            (Self::Key { kid, .. }, Self::Key { kid: other, .. }) => kid == other,
            (Self::Everybody { read_until, .. }, Self::Everybody { read_until: other, .. }) => read_until == other,
            (Self::Client { client_id, read_until, .. }, Self::Client { client_id: other, read_until: others, .. }) => {
                client_id == other && read_until == others
            }
            _ => false,
        }
    }

    /// How long the entry matters.
    pub fn keep_until(&self) -> i64 {
        match self {
            Self::Session { keep_until, .. }
            | Self::Epoch { keep_until, .. }
            | Self::Key { keep_until, .. }
            | Self::Everybody { keep_until, .. }
            | Self::Client { keep_until, .. } => *keep_until,
        }
    }
}

/// By what a credential can be revoked. A cached session row has neither `kid` nor client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Marks<'a> {
    /// The session that it belongs to.
    pub sid: [u8; 16],
    /// The user, if it speaks for one.
    pub user: Option<[u8; 16]>,
    /// The user's epoch when it was issued.
    pub uep: u64,
    /// When session and user were read, in unix milliseconds.
    pub rat: i64,
    /// The key that signed it.
    pub kid: Option<&'a str>,
    /// The client that it was given to.
    pub client_id: Option<&'a str>,
}
