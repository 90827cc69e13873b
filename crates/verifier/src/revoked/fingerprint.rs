//! Sessions and users, as 64 bits of a hash under a key that this set alone has.

use std::hash::BuildHasher;

use foldhash::quality::RandomState;

/// Stands for an id. Two ids have the same one with a probability of 2⁻⁶⁴.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fingerprint(pub(super) u64);

impl Fingerprint {
    /// The least that a fingerprint can be; what is below has other meanings in a table.
    pub(super) const LEAST: u64 = 2;
    /// How many shards there are.
    pub(super) const SHARDS: usize = 1 << Self::SHARD_BITS;
    const SHARD_BITS: u32 = 4;

    pub(super) fn of(id: [u8; 16], key: &RandomState) -> Self {
        Self(key.hash_one(u128::from_ne_bytes(id)).max(Self::LEAST))
    }

    /// Which shard is responsible.
    pub(super) fn shard(self) -> usize {
        (self.0 >> (u64::BITS - Self::SHARD_BITS)) as usize
    }

    /// One of so many places, by bits that the choice of the shard has left over.
    pub(super) fn place(self, places: usize) -> usize {
        let rest = self.0 << Self::SHARD_BITS;
        ((u128::from(rest) * places as u128) >> u64::BITS) as usize
    }

    /// Up to four bits of a word, by the bits that matter least for the place.
    pub(super) fn bits(self) -> u64 {
        let bit = |from: u32| 1 << (self.0 >> from & 63);
        bit(0) | bit(6) | bit(12) | bit(18)
    }
}
