//! What the model checker watches instead of the processor's own.

use std::sync::{Arc, Mutex};

use loom::sync::atomic::AtomicUsize;
pub(crate) use loom::sync::atomic::{AtomicU64, Ordering};

/// Promises no more than `ArcSwap`: whoever loads sees some pointer that was stored, and what was written before that.
pub(crate) struct Swap<T> {
    stored: Mutex<Vec<Arc<T>>>,
    newest: AtomicUsize,
}

impl<T> Swap<T> {
    pub(crate) fn from_pointee(first: T) -> Self {
        Self { stored: Mutex::new(vec![Arc::new(first)]), newest: AtomicUsize::new(0) }
    }

    pub(crate) fn load(&self) -> Arc<T> {
        let newest = self.newest.load(Ordering::Acquire);
        Arc::clone(&self.stored.lock().expect("nobody panics while it is locked")[newest])
    }

    pub(crate) fn store(&self, next: Arc<T>) {
        let newest = {
            let mut stored = self.stored.lock().expect("nobody panics while it is locked");
            stored.push(next);
            stored.len() - 1
        };
        self.newest.store(newest, Ordering::Release);
    }
}
