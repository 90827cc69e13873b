//! Dead keys, by their whole names: they are few, and a mistake with one would refuse everybody.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arc_swap::ArcSwap;
use foldhash::fast::RandomState;

pub(super) struct Keys {
    len: AtomicUsize,
    /// Until when each matters, in unix milliseconds. Exchanged as a whole.
    kids: ArcSwap<HashMap<Arc<str>, i64, RandomState>>,
}

impl Keys {
    pub(super) fn new() -> Self {
        Self { len: AtomicUsize::new(0), kids: ArcSwap::default() }
    }

    pub(super) fn len(&self) -> usize {
        self.len.load(Ordering::Acquire)
    }

    pub(super) fn contains(&self, kid: &str) -> bool {
        self.len() != 0 && self.kids.load().contains_key(kid)
    }

    /// Adds a key or keeps it for longer. False if it would have to be added to `capacity` others. Only for the writer.
    pub(super) fn insert(&self, kid: &str, keep_until: i64, capacity: usize) -> bool {
        let mut kids = HashMap::clone(&self.kids.load());
        if let Some(known) = kids.get_mut(kid) {
            *known = keep_until.max(*known);
        } else if kids.len() < capacity {
            kids.insert(kid.into(), keep_until);
        } else {
            return false;
        }
        self.replace(kids);
        true
    }

    /// Drops what no longer matters. Only for the writer.
    pub(super) fn expire(&self, now_ms: i64) {
        let kids = self.kids.load();
        if kids.values().any(|keep_until| *keep_until <= now_ms) {
            let mut kids = HashMap::clone(&kids);
            kids.retain(|_, keep_until| *keep_until > now_ms);
            self.replace(kids);
        }
    }

    fn replace(&self, kids: HashMap<Arc<str>, i64, RandomState>) {
        let len = kids.len();
        self.kids.store(Arc::new(kids));
        self.len.store(len, Ordering::Release);
    }
}
