//! Fingerprints in open addressing: what is there stays in its slot until the table is dropped, so reading needs no lock.

use super::fingerprint::Fingerprint;
use super::sync::{AtomicU64, Ordering};

pub(super) struct Table {
    fingerprints: Box<[AtomicU64]>,
    /// Beside each fingerprint the lowest epoch that counts. Of sessions there is none: whatever is theirs is void.
    epochs: Option<Box<[AtomicU64]>>,
}

impl Table {
    /// A table with room for so many entries, and some slots more.
    pub(super) fn new(capacity: usize, has_epochs: bool) -> Self {
        let slots = (capacity * 8).div_ceil(7 * BUCKET) * BUCKET;
        let zeros = || (0..slots).map(|_| AtomicU64::new(EMPTY)).collect();
        Self { fingerprints: zeros(), epochs: has_epochs.then(zeros) }
    }

    /// A table of the same kind with another capacity.
    pub(super) fn another(&self, capacity: usize) -> Self {
        Self::new(capacity, self.epochs.is_some())
    }

    pub(super) fn slots(&self) -> usize {
        self.fingerprints.len()
    }

    /// How many slots may be used before the table is full: one in eight stays empty, where a search ends.
    pub(super) fn capacity(&self) -> usize {
        self.slots() / 8 * 7
    }

    /// The slot that has the fingerprint, or else the one that could take it.
    pub(super) fn find(&self, fingerprint: Fingerprint) -> Result<usize, usize> {
        let mut slot = fingerprint.place(self.slots() / BUCKET) * BUCKET;
        loop {
            // With Release in `put` and `bury`: whoever sees a fingerprint sees its epoch, and whoever sees a grave sees the
            // horizon that was raised before.
            match self.fingerprints[slot].load(Ordering::Acquire) {
                found if found == fingerprint.0 => return Ok(slot),
                EMPTY => return Err(slot),
                _ => slot = if slot + 1 == self.slots() { 0 } else { slot + 1 },
            }
        }
    }

    /// The lowest epoch of the entry in a slot that counts.
    pub(super) fn epoch(&self, slot: usize) -> u64 {
        self.epochs.as_ref().map_or(u64::MAX, |epochs| epochs[slot].load(Ordering::Relaxed))
    }

    /// Puts an entry into a slot that [`Self::find`] gave. Only for the writer.
    pub(super) fn put(&self, slot: usize, fingerprint: Fingerprint, epoch: u64) {
        self.raise(slot, epoch);
        self.fingerprints[slot].store(fingerprint.0, Ordering::Release);
    }

    /// Raises the epoch of an entry. Only for the writer.
    pub(super) fn raise(&self, slot: usize, epoch: u64) {
        if let Some(epochs) = &self.epochs {
            epochs[slot].fetch_max(epoch, Ordering::Relaxed);
        }
    }

    /// Takes an entry away. Its slot is not used again, so that searches go on past it. Only for the writer.
    pub(super) fn bury(&self, slot: usize) {
        self.fingerprints[slot].store(GRAVE, Ordering::Release);
    }

    /// The fingerprint in a slot, if there is one.
    pub(super) fn fingerprint(&self, slot: usize) -> Option<Fingerprint> {
        let found = self.fingerprints[slot].load(Ordering::Relaxed);
        (found >= Fingerprint::LEAST).then_some(Fingerprint(found))
    }
}

/// Nothing was ever here.
const EMPTY: u64 = 0;
/// Something was here.
const GRAVE: u64 = 1;
/// Searches begin at every eighth slot: what is looked at is beside each other.
const BUCKET: usize = 8;
