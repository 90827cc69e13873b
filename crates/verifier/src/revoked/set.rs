//! All sessions, or all users: shards, so that growing and cleaning up take long for none of them.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::fingerprint::Fingerprint;
use super::shard::{Entry, Ledger, Shard};

pub(super) struct Set {
    /// One load answers the commonest question, whether there is anything at all.
    len: AtomicUsize,
    shards: Box<[Shard; Fingerprint::SHARDS]>,
}

/// What only the writer needs of a set.
pub(super) struct Ledgers(Vec<Ledger>);

impl Set {
    pub(super) fn new(has_epochs: bool) -> (Self, Ledgers) {
        let mut ledgers = Vec::new();
        let shards = std::array::from_fn(|_| {
            let (shard, ledger) = Shard::new(has_epochs);
            ledgers.push(ledger);
            shard
        });
        (Self { len: AtomicUsize::new(0), shards: Box::new(shards) }, Ledgers(ledgers))
    }

    pub(super) fn len(&self) -> usize {
        self.len.load(Ordering::Acquire)
    }

    /// The lowest epoch that counts, if there is an entry.
    pub(super) fn lookup(&self, fingerprint: Fingerprint) -> Option<u64> {
        self.shards[fingerprint.shard()].lookup(fingerprint)
    }

    /// Adds an entry or raises what is there. False if it would have to be added and there is no room.
    pub(super) fn insert(&self, ledgers: &mut Ledgers, entry: Entry, has_room: bool) -> bool {
        let shard = entry.fingerprint.shard();
        let ledger = &mut ledgers.0[shard];
        let before = ledger.live();
        let is_kept = self.shards[shard].insert(ledger, entry, has_room);
        self.len.fetch_add(ledger.live() - before, Ordering::Release);
        is_kept
    }

    /// Drops what no longer matters.
    pub(super) fn expire(&self, ledgers: &mut Ledgers, now_ms: i64) {
        for (shard, ledger) in self.shards.iter().zip(&mut ledgers.0) {
            shard.expire(ledger, now_ms);
        }
        self.len.store(ledgers.0.iter().map(Ledger::live).sum(), Ordering::Release);
    }
}
