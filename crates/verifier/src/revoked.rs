//! The revoked set: what has been told to be forgotten, asked on every check.
//!
//! Entries merge by maximum, so neither order nor repetition matters. Memory is bounded: what does not fit raises a floor
//! that refuses more than was asked for, and nothing is ever dropped before its time.

use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use foldhash::fast::RandomState;

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

/// By what a credential can be revoked. A cached session row has no `kid`.
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
}

/// The set. Readers never wait; writers wait for each other.
pub struct Revoked {
    sessions: papaya::HashMap<[u8; 16], i64, RandomState>,
    epochs: papaya::HashMap<[u8; 16], Epoch, RandomState>,
    keys: papaya::HashMap<String, i64, RandomState>,
    /// How many entries there are: one load answers the commonest question, whether there are any.
    len: AtomicUsize,
    /// Credentials read before this moment are refused, whoever they belong to.
    floor: AtomicI64,
    /// The latest moment that entries were expired at.
    horizon: AtomicI64,
    capacity: usize,
    leeway_ms: i64,
    writer: Mutex<Writer>,
}

#[derive(Clone, Copy)]
struct Epoch {
    epoch: u64,
    keep_until: i64,
}

/// What only writers need.
struct Writer {
    floor_keep_until: i64,
}

impl Revoked {
    /// The number of entries that a set holds unless told otherwise: some tens of megabytes.
    pub const CAPACITY: usize = 1_000_000;
    /// The number of dead keys that a set holds, beside its capacity. An installation has a handful.
    pub const KEY_CAPACITY: usize = 4_096;

    /// An empty set for so many sessions and users. `leeway_seconds` is by how much clocks may differ.
    ///
    /// ```
    /// let revoked = verifier::Revoked::new(verifier::Revoked::CAPACITY, 5);
    /// assert!(revoked.is_empty());
    /// ```
    pub fn new(capacity: usize, leeway_seconds: u32) -> Self {
        Self {
            sessions: papaya::HashMap::with_hasher(RandomState::default()),
            epochs: papaya::HashMap::with_hasher(RandomState::default()),
            keys: papaya::HashMap::with_hasher(RandomState::default()),
            len: AtomicUsize::new(0),
            floor: AtomicI64::new(i64::MIN),
            horizon: AtomicI64::new(i64::MIN),
            capacity,
            leeway_ms: i64::from(leeway_seconds) * 1000,
            writer: Mutex::new(Writer { floor_keep_until: i64::MIN }),
        }
    }

    /// Adds an entry, in effect when this returns. Does nothing but raise what is there already.
    ///
    /// When the set is full, a session or a user is not stored. Instead everything read up to now is refused: its holders
    /// refresh, those that were to be stopped cannot, and nobody revoked slips through. A dead key beyond
    /// [`Self::KEY_CAPACITY`] refuses everything, because its thief can sign any time.
    ///
    /// ```
    /// use verifier::{Marks, Revocation, Revoked};
    /// let revoked = Revoked::new(1, 0);
    /// for sid in [[1; 16], [2; 16]] {
    ///     revoked.insert(&Revocation::Session { sid, keep_until: 9_000 }, 1_000);
    /// }
    /// let marks = |sid, rat| Marks { sid, user: None, uep: 0, rat, kid: None };
    /// assert!(revoked.is_revoked(&marks([1; 16], 2_000)));
    /// assert!(revoked.is_revoked(&marks([2; 16], 999)));
    /// assert!(revoked.is_revoked(&marks([3; 16], 999)), "more than was asked for");
    /// assert!(!revoked.is_revoked(&marks([3; 16], 1_001)));
    /// ```
    pub fn insert(&self, revocation: &Revocation, now_ms: i64) {
        let mut writer = self.writer();
        match revocation {
            Revocation::Session { sid, keep_until } => {
                let sessions = self.sessions.pin();
                let known = sessions.get(sid).copied();
                if known.is_some() || self.has_room() {
                    sessions.insert(*sid, known.map_or(*keep_until, |known| known.max(*keep_until)));
                } else {
                    self.raise_floor(&mut writer, now_ms.saturating_add(self.leeway_ms), *keep_until);
                }
            }
            Revocation::Epoch { user, epoch, keep_until } => {
                let epochs = self.epochs.pin();
                let known = epochs.get(user).copied();
                if known.is_some() || self.has_room() {
                    let known = known.unwrap_or(Epoch { epoch: *epoch, keep_until: *keep_until });
                    let merged =
                        Epoch { epoch: known.epoch.max(*epoch), keep_until: known.keep_until.max(*keep_until) };
                    epochs.insert(*user, merged);
                } else {
                    self.raise_floor(&mut writer, now_ms.saturating_add(self.leeway_ms), *keep_until);
                }
            }
            Revocation::Key { kid, keep_until } => {
                let keys = self.keys.pin();
                let known = keys.get(kid).copied();
                if known.is_some() || keys.len() < Self::KEY_CAPACITY {
                    keys.insert(kid.clone(), known.map_or(*keep_until, |known| known.max(*keep_until)));
                } else {
                    self.raise_floor(&mut writer, i64::MAX, *keep_until);
                }
            }
            Revocation::Everybody { read_until, keep_until } => {
                self.raise_floor(&mut writer, *read_until, *keep_until);
            }
            Revocation::Client { read_until, keep_until, .. } => {
                self.raise_floor(&mut writer, *read_until, *keep_until);
            }
        }
        self.count();
    }

    /// Whether a credential has been withdrawn. Never waits and never allocates.
    ///
    /// ```
    /// use verifier::{Marks, Revocation, Revoked};
    /// let revoked = Revoked::new(10, 5);
    /// revoked.insert(&Revocation::Epoch { user: [1; 16], epoch: 3, keep_until: 9_000 }, 1_000);
    /// let marks = |uep| Marks { sid: [0; 16], user: Some([1; 16]), uep, rat: 0, kid: None };
    /// assert!(revoked.is_revoked(&marks(2)));
    /// assert!(!revoked.is_revoked(&marks(3)));
    /// ```
    pub fn is_revoked(&self, marks: &Marks<'_>) -> bool {
        if marks.rat <= self.floor.load(Ordering::Acquire) {
            return true;
        }
        if self.len.load(Ordering::Acquire) == 0 {
            return false;
        }
        self.sessions.pin().contains_key(&marks.sid)
            || marks.user.is_some_and(|user| self.epochs.pin().get(&user).is_some_and(|known| marks.uep < known.epoch))
            || marks.kid.is_some_and(|kid| !self.keys.is_empty() && self.keys.pin().contains_key(kid))
    }

    /// Drops what no longer matters. From then on no credential that had expired by `now_ms` may count as live, even if
    /// the clock steps back: see [`Self::horizon`].
    ///
    /// ```
    /// use verifier::{Revocation, Revoked};
    /// let revoked = Revoked::new(10, 5);
    /// revoked.insert(&Revocation::Key { kid: "k".into(), keep_until: 9_000 }, 1_000);
    /// revoked.expire(8_999);
    /// assert_eq!(revoked.len(), 1);
    /// revoked.expire(9_000);
    /// assert!(revoked.is_empty());
    /// ```
    pub fn expire(&self, now_ms: i64) {
        let mut writer = self.writer();
        // Before anything is dropped, so that no reader sees neither.
        self.horizon.fetch_max(now_ms, Ordering::AcqRel);
        self.sessions.pin().retain(|_, keep_until| *keep_until > now_ms);
        self.epochs.pin().retain(|_, known| known.keep_until > now_ms);
        self.keys.pin().retain(|_, keep_until| *keep_until > now_ms);
        if writer.floor_keep_until <= now_ms {
            writer.floor_keep_until = i64::MIN;
            self.floor.store(i64::MIN, Ordering::Release);
        }
        self.count();
    }

    /// The latest moment at which entries were dropped. Whoever judges expiry must not believe an earlier clock.
    pub fn horizon(&self) -> i64 {
        self.horizon.load(Ordering::Acquire)
    }

    /// The moment up to which everything is refused because the set was full; `None` in normal operation.
    pub fn floor(&self) -> Option<i64> {
        Some(self.floor.load(Ordering::Acquire)).filter(|floor| *floor != i64::MIN)
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.len.load(Ordering::Acquire)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn writer(&self) -> MutexGuard<'_, Writer> {
        // Every step of a writer leaves a set that refuses at least what it should.
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn has_room(&self) -> bool {
        self.sessions.len() + self.epochs.len() < self.capacity
    }

    fn raise_floor(&self, writer: &mut Writer, floor: i64, keep_until: i64) {
        writer.floor_keep_until = writer.floor_keep_until.max(keep_until);
        self.floor.fetch_max(floor, Ordering::AcqRel);
    }

    fn count(&self) {
        self.len.store(self.sessions.len() + self.epochs.len() + self.keys.len(), Ordering::Release);
    }
}
