//! Tokens that were verified a moment ago, so that the same token is not verified again on every request.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use foldhash::quality::RandomState;
use quick_cache::sync::{Cache, DefaultLifecycle};
use quick_cache::{Equivalent, Weighter};
use token::Claims;

/// A bounded cache. A hit needs every byte of the token to be equal; only what was verified is ever inserted.
pub(crate) struct Verified(Cache<Kept, Arc<Entry>, Kibibytes, RandomState>);

/// What was learned from a token.
pub(crate) struct Entry {
    pub(crate) claims: Arc<Claims>,
    pub(crate) user: Option<[u8; 16]>,
    pub(crate) kid: Box<str>,
    /// Under which set of keys it was verified.
    pub(crate) generation: u64,
}

impl Verified {
    /// Room for so many tokens of ordinary size; a token of more than 1 KiB takes the room of several.
    pub(crate) fn new(capacity: usize) -> Self {
        Self(Cache::with(capacity, capacity as u64, Kibibytes, RandomState::default(), DefaultLifecycle::default()))
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

/// What an entry weighs: one for each KiB begun, so that long tokens cannot multiply the memory.
#[derive(Clone)]
struct Kibibytes;

impl Weighter<Kept, Arc<Entry>> for Kibibytes {
    fn weight(&self, token: &Kept, _: &Arc<Entry>) -> u64 {
        token.0.len() as u64 / 1024 + 1
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
