//! Tokens that were verified a moment ago, so that the same token is not verified again on every request.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use std::ops::Range;

use foldhash::quality::RandomState;
use quick_cache::sync::{Cache, DefaultLifecycle};
use quick_cache::{Equivalent, OptionsBuilder, Weighter};
use token::{Claims, Expectation};

use crate::Marks;

/// A bounded cache. A hit needs every byte of the token to be equal; only what was verified is ever inserted.
pub(crate) struct Verified(Cache<Kept, Arc<Entry>, Kibibytes, RandomState>);

/// What was learned from a token. All that is asked on every check stands here itself rather than in the claims: among a
/// million tokens, following a pointer takes longer than everything else.
pub(crate) struct Entry {
    pub(crate) claims: Arc<Claims>,
    /// When the token counts, in unix milliseconds.
    pub(crate) life: Range<i64>,
    /// Under which set of keys it was verified.
    pub(crate) generation: u64,
    sid: [u8; 16],
    user: Option<[u8; 16]>,
    uep: u64,
    rat: i64,
    kid: Box<str>,
}

impl Entry {
    pub(crate) fn new(claims: Claims, kid: &str, expect: &Expectation, generation: u64) -> Self {
        Self {
            life: expect.life(&claims),
            generation,
            sid: claims.sid,
            user: claims.user(),
            uep: claims.uep,
            rat: claims.rat,
            kid: kid.into(),
            claims: Arc::new(claims),
        }
    }

    /// By what it can be revoked.
    pub(crate) fn marks(&self) -> Marks<'_> {
        Marks { sid: self.sid, user: self.user, uep: self.uep, rat: self.rat, kid: Some(&self.kid) }
    }
}

impl Verified {
    /// Room for so many tokens of ordinary size; a token of more than 1 KiB takes the room of several.
    pub(crate) fn new(capacity: usize) -> Self {
        let mut options = OptionsBuilder::new();
        options.estimated_items_capacity(capacity).weight_capacity(capacity as u64).shards(SHARDS);
        let options = options.build().expect("both capacities are given");
        Self(Cache::with_options(options, Kibibytes, RandomState::default(), DefaultLifecycle::default()))
    }

    pub(crate) fn lookup(&self, token: &str) -> Option<Arc<Entry>> {
        self.0.get(&Presented(token))
    }

    pub(crate) fn insert(&self, token: &str, entry: Arc<Entry>) {
        self.0.insert(Kept(token.into()), entry);
    }

    pub(crate) fn remove(&self, token: &str) {
        self.0.remove(&Presented(token));
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}

/// A token in the cache.
#[derive(Clone, PartialEq, Eq)]
struct Kept(Box<str>);

/// A token as it came in, borrowed: a hit allocates nothing.
struct Presented<'a>(&'a str);

impl Hash for Kept {
    fn hash<H: Hasher>(&self, state: &mut H) {
        hash_tail(&self.0, state);
    }
}

impl Hash for Presented<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        hash_tail(self.0, state);
    }
}

impl Equivalent<Kept> for Presented<'_> {
    fn equivalent(&self, kept: &Kept) -> bool {
        *self.0 == *kept.0
    }
}

/// Hashes the end of the token. It is the end of a signature, so that among tokens that were verified it is as good as
/// random, and it costs the same for every length.
fn hash_tail<H: Hasher>(token: &str, state: &mut H) {
    let token = token.as_bytes();
    state.write(token.last_chunk::<TAIL>().map_or(token, <[u8; TAIL]>::as_slice));
}

const TAIL: usize = 32;

/// A check writes to the lock of a shard, so that two threads in one shard wait for each other's memory: the more shards, the
/// more seldom.
const SHARDS: usize = 256;

/// What an entry weighs: one for each KiB begun, so that long tokens cannot multiply the memory.
#[derive(Clone)]
struct Kibibytes;

impl Weighter<Kept, Arc<Entry>> for Kibibytes {
    fn weight(&self, kept: &Kept, _: &Arc<Entry>) -> u64 {
        kept.0.len() as u64 / 1024 + 1
    }
}

#[cfg(test)]
mod tests {
    use std::hash::BuildHasher;

    use super::*;

    #[test]
    fn tokens_hash_apart_by_their_ends_and_alike_whether_kept_or_presented() {
        let state = RandomState::default();
        for (one, other) in [("a.b.c", "a.b.d"), (&*format!("{}x", "a".repeat(100)), &*format!("{}y", "a".repeat(100)))]
        {
            assert_eq!(state.hash_one(Presented(one)), state.hash_one(Kept(one.into())));
            assert_ne!(state.hash_one(Presented(one)), state.hash_one(Presented(other)));
        }
    }
}
