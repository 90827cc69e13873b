//! Who listens to a feed, and how much each has acknowledged.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use super::Seen;

/// A process that asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    /// What it calls itself.
    pub name: String,
    /// When it asked last, in unix milliseconds.
    pub asked_at: i64,
    /// Which entries it has acknowledged.
    pub seen: Seen,
}

/// All of them.
#[derive(Default)]
pub(super) struct Listeners {
    by_name: Mutex<HashMap<String, Listener>>,
    heard: watch::Sender<()>,
}

impl Listeners {
    /// Notes that somebody asked who knows this much; nothing, with `None`.
    pub(super) fn heard(&self, name: &str, seen: Option<Seen>, now_ms: i64) {
        let mut all = self.all();
        if !all.contains_key(name) && all.len() >= MOST {
            let oldest = all.values().min_by_key(|listener| listener.asked_at).map(|listener| listener.name.clone());
            oldest.and_then(|name| all.remove(&name));
        }
        let listener = Listener { name: name.to_owned(), asked_at: now_ms, seen: seen.unwrap_or_default() };
        all.insert(name.to_owned(), listener);
        drop(all);
        self.heard.send_replace(());
    }

    /// Those who have asked since a moment, by name.
    pub(super) fn since(&self, since_ms: i64) -> Vec<Listener> {
        let mut some: Vec<_> = self.all().values().filter(|listener| listener.asked_at >= since_ms).cloned().collect();
        some.sort_unstable_by(|one, other| one.name.cmp(&other.name));
        some
    }

    /// Changes whenever somebody asks.
    pub(super) fn changes(&self) -> watch::Receiver<()> {
        self.heard.subscribe()
    }

    fn all(&self) -> MutexGuard<'_, HashMap<String, Listener>> {
        self.by_name.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Most processes remembered. Beyond that, the one that asked least lately is forgotten.
const MOST: usize = 10_000;
