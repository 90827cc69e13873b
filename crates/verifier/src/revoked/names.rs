//! Dead keys and clients, by their whole names: they are few, and a mistake with one would refuse everybody.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arc_swap::ArcSwap;
use foldhash::fast::RandomState;

pub(super) struct Names {
    len: AtomicUsize,
    /// Exchanged as a whole.
    all: ArcSwap<HashMap<Arc<str>, Withdrawn, RandomState>>,
}

/// What is known of one of them. Times are unix milliseconds.
#[derive(Clone, Copy)]
pub(super) struct Withdrawn {
    /// The latest `rat` that is refused.
    pub(super) read_until: i64,
    /// Until when it matters.
    pub(super) keep_until: i64,
}

impl Names {
    pub(super) fn new() -> Self {
        Self { len: AtomicUsize::new(0), all: ArcSwap::default() }
    }

    pub(super) fn len(&self) -> usize {
        self.len.load(Ordering::Acquire)
    }

    /// Whether what was read at `rat` under this name is refused.
    pub(super) fn refuses(&self, name: &str, rat: i64) -> bool {
        self.len() != 0 && self.all.load().get(name).is_some_and(|known| rat <= known.read_until)
    }

    /// Adds a name or keeps it for longer. False if it would have to be added to `capacity` others. Only for the writer.
    pub(super) fn insert(&self, name: &str, withdrawn: Withdrawn, capacity: usize) -> bool {
        let mut all = HashMap::clone(&self.all.load());
        if let Some(known) = all.get_mut(name) {
            known.read_until = known.read_until.max(withdrawn.read_until);
            known.keep_until = known.keep_until.max(withdrawn.keep_until);
        } else if all.len() < capacity {
            all.insert(name.into(), withdrawn);
        } else {
            return false;
        }
        self.replace(all);
        true
    }

    /// Drops what no longer matters. Only for the writer.
    pub(super) fn expire(&self, now_ms: i64) {
        let all = self.all.load();
        if all.values().any(|known| known.keep_until <= now_ms) {
            let mut all = HashMap::clone(&all);
            all.retain(|_, known| known.keep_until > now_ms);
            self.replace(all);
        }
    }

    fn replace(&self, all: HashMap<Arc<str>, Withdrawn, RandomState>) {
        let len = all.len();
        self.all.store(Arc::new(all));
        self.len.store(len, Ordering::Release);
    }
}
