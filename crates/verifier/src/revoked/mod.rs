//! The revoked set: what has been told to be forgotten, asked on every check.
//!
//! Entries merge by maximum, so neither order nor repetition matters. Memory is bounded: what does not fit raises a floor
//! that refuses more than was asked for. Nothing is ever dropped before its time, and sessions and users a second later at most.

mod filter;
mod fingerprint;
mod names;
mod revocation;
mod set;
mod shard;
mod sync;
mod table;
#[cfg(test)]
mod tests;

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use foldhash::quality::RandomState;

use fingerprint::Fingerprint;
use names::{Names, Withdrawn};
pub use revocation::{Marks, Revocation};
use set::{Ledgers, Set};
use shard::Entry;

/// The set. Readers never wait; writers wait for each other.
///
/// Of a session or a user it keeps 64 bits of a hash, under a key that is made anew for each set. So somebody whom nobody revoked is
/// refused until the other's entry ends, with a probability of the number of entries in 2⁶⁴; nobody who was revoked is admitted.
pub struct Revoked {
    /// Credentials read before this moment are refused, whoever they belong to.
    floor: AtomicI64,
    /// The latest moment that entries were expired at.
    horizon: AtomicI64,
    /// Whether there is any entry: one load answers the commonest question.
    has_any: AtomicBool,
    sessions: Set,
    epochs: Set,
    keys: Names,
    clients: Names,
    fingerprints: RandomState,
    capacity: usize,
    leeway_ms: i64,
    writer: Mutex<Writer>,
}

/// What only writers need.
struct Writer {
    floor_keep_until: i64,
    sessions: Ledgers,
    epochs: Ledgers,
}

impl Revoked {
    /// The number of entries that a set holds unless told otherwise: less than 20 MB.
    pub const CAPACITY: usize = 1_000_000;
    /// The number of dead keys that a set holds, and that of clients, beside its capacity. An installation has a handful.
    pub const KEY_CAPACITY: usize = 4_096;

    /// An empty set for so many sessions and users. `leeway_seconds` is by how much clocks may differ.
    ///
    /// ```
    /// let revoked = verifier::Revoked::new(verifier::Revoked::CAPACITY, 5);
    /// assert!(revoked.is_empty());
    /// ```
    pub fn new(capacity: usize, leeway_seconds: u32) -> Self {
        let ((sessions, of_sessions), (epochs, of_epochs)) = (Set::new(false), Set::new(true));
        let writer = Writer { floor_keep_until: i64::MIN, sessions: of_sessions, epochs: of_epochs };
        Self {
            floor: AtomicI64::new(i64::MIN),
            horizon: AtomicI64::new(i64::MIN),
            has_any: AtomicBool::new(false),
            sessions,
            epochs,
            keys: Names::new(),
            clients: Names::new(),
            fingerprints: RandomState::default(),
            capacity,
            leeway_ms: i64::from(leeway_seconds) * 1000,
            writer: Mutex::new(writer),
        }
    }

    /// Adds an entry, in effect when this returns. Does nothing but raise what is there already.
    ///
    /// When the set is full, a session or a user is not stored. Instead everything read up to now is refused: its holders
    /// refresh, those that were to be stopped cannot, and nobody revoked slips through. A dead key beyond
    /// [`Self::KEY_CAPACITY`] refuses everything, because its thief can sign any time; a client refuses what everybody was
    /// given up to then.
    ///
    /// ```
    /// use verifier::{Marks, Revocation, Revoked};
    /// let revoked = Revoked::new(1, 0);
    /// for sid in [[1; 16], [2; 16]] {
    ///     revoked.insert(&Revocation::Session { sid, keep_until: 9_000 }, 1_000);
    /// }
    /// let marks = |sid, rat| Marks { sid, user: None, uep: 0, rat, kid: None, client_id: None };
    /// assert!(revoked.is_revoked(&marks([1; 16], 2_000)));
    /// assert!(revoked.is_revoked(&marks([2; 16], 999)));
    /// assert!(revoked.is_revoked(&marks([3; 16], 999)), "more than was asked for");
    /// assert!(!revoked.is_revoked(&marks([3; 16], 1_001)));
    /// ```
    pub fn insert(&self, revocation: &Revocation, now_ms: i64) {
        let mut writer = self.writer();
        let has_room = self.sessions.len() + self.epochs.len() < self.capacity;
        let floor = now_ms.saturating_add(self.leeway_ms);
        let (is_kept, floor, keep_until) = match revocation {
            Revocation::Session { sid, keep_until } => {
                let entry = self.entry(*sid, u64::MAX, *keep_until);
                (self.sessions.insert(&mut writer.sessions, entry, has_room), floor, *keep_until)
            }
            Revocation::Epoch { user, epoch, keep_until } => {
                let entry = self.entry(*user, *epoch, *keep_until);
                (self.epochs.insert(&mut writer.epochs, entry, has_room), floor, *keep_until)
            }
            Revocation::Key { kid, keep_until } => {
                let dead = Withdrawn { read_until: i64::MAX, keep_until: *keep_until };
                (self.keys.insert(kid, dead, Self::KEY_CAPACITY), i64::MAX, *keep_until)
            }
            Revocation::Everybody { read_until, keep_until } => (false, *read_until, *keep_until),
            Revocation::Client { client_id, read_until, keep_until } => {
                let withdrawn = Withdrawn { read_until: *read_until, keep_until: *keep_until };
                (self.clients.insert(client_id, withdrawn, Self::KEY_CAPACITY), *read_until, *keep_until)
            }
        };
        if is_kept {
            self.has_any.store(true, Ordering::Release);
        } else {
            writer.floor_keep_until = writer.floor_keep_until.max(keep_until);
            self.floor.fetch_max(floor, Ordering::AcqRel);
        }
    }

    /// Whether a credential has been withdrawn. Never waits and never allocates.
    ///
    /// ```
    /// use verifier::{Marks, Revocation, Revoked};
    /// let revoked = Revoked::new(10, 5);
    /// revoked.insert(&Revocation::Epoch { user: [1; 16], epoch: 3, keep_until: 9_000 }, 1_000);
    /// let marks = |uep| Marks { sid: [0; 16], user: Some([1; 16]), uep, rat: 0, kid: None, client_id: None };
    /// assert!(revoked.is_revoked(&marks(2)));
    /// assert!(!revoked.is_revoked(&marks(3)));
    /// ```
    pub fn is_revoked(&self, marks: &Marks<'_>) -> bool {
        if marks.rat <= self.floor.load(Ordering::Acquire) {
            return true;
        }
        if !self.has_any.load(Ordering::Acquire) {
            return false;
        }
        self.lowest_epoch(&self.sessions, marks.sid).is_some()
            || marks
                .user
                .and_then(|user| self.lowest_epoch(&self.epochs, user))
                .is_some_and(|lowest| marks.uep < lowest)
            || marks.kid.is_some_and(|kid| self.keys.refuses(kid, marks.rat))
            || marks.client_id.is_some_and(|client_id| self.clients.refuses(client_id, marks.rat))
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
        self.sessions.expire(&mut writer.sessions, now_ms);
        self.epochs.expire(&mut writer.epochs, now_ms);
        self.keys.expire(now_ms);
        self.clients.expire(now_ms);
        if self.is_empty() {
            // After the horizon was raised: whoever sees none sees that, too.
            self.has_any.store(false, Ordering::Release);
        }
        if writer.floor_keep_until <= now_ms {
            writer.floor_keep_until = i64::MIN;
            self.floor.store(i64::MIN, Ordering::Release);
        }
    }

    /// The latest moment at which entries were dropped. Whoever judges expiry must not believe an earlier clock.
    pub fn horizon(&self) -> i64 {
        self.horizon.load(Ordering::Acquire)
    }

    /// The moment up to which everything is refused, because the set was full or everybody was to be; else `None`.
    pub fn floor(&self) -> Option<i64> {
        Some(self.floor.load(Ordering::Acquire)).filter(|floor| *floor != i64::MIN)
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.sessions.len() + self.epochs.len() + self.keys.len() + self.clients.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn writer(&self) -> MutexGuard<'_, Writer> {
        // Every step of a writer leaves a set that refuses at least what it should.
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn entry(&self, id: [u8; 16], epoch: u64, keep_until: i64) -> Entry {
        Entry { fingerprint: Fingerprint::of(id, &self.fingerprints), epoch, keep_until }
    }

    fn lowest_epoch(&self, set: &Set, id: [u8; 16]) -> Option<u64> {
        if set.len() == 0 { None } else { set.lookup(Fingerprint::of(id, &self.fingerprints)) }
    }
}
