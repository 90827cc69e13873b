//! Who follows the revocations, and up to where each has acknowledged them: by its questions to this node, and by what other
//! nodes write of theirs.

mod heard;
mod waiting;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use domain::revocation::{LONGEST_ACCESS_LIFETIME, Place};
use domain::{Span, UnixMillis};
use store::{Listener, Store};
use tokio::sync::{Semaphore, watch};
use tokio::time::Instant;
use verifier::feed::{Log, Position};

use heard::Heard;

/// Everybody who has followed lately, as far as this process knows.
pub struct Listeners {
    known: Mutex<BTreeMap<Name, Heard>>,
    /// Told when somebody may have acknowledged something.
    news: watch::Sender<()>,
    /// When it was last read what other nodes have heard, and whether that succeeded. One reads at a time.
    read: tokio::sync::Mutex<Option<(Instant, bool)>>,
    waiters: Semaphore,
    is_stopping: AtomicBool,
    /// When it was said last that there is no room for more names.
    complained_at: Mutex<Option<UnixMillis>>,
}

/// Which process: the name of its credential, and what it calls itself.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Name {
    /// The name of the credential.
    pub verifier: String,
    /// What the process calls itself.
    pub instance: String,
}

/// A question, as far as it tells of who asks.
pub struct Asked {
    /// Who asks.
    pub name: Name,
    /// Up to where it knows everything. `None`: it knows nothing yet.
    pub position: Option<Position>,
    /// For how long it accepts what it hears nothing of.
    pub bound: Span,
}

/// Whether one listener refuses what has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acknowledgement {
    /// Who it is.
    pub name: Name,
    /// When it said so, at the latest. `None`: not yet.
    pub at: Option<UnixMillis>,
}

/// How one listener is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connected {
    /// Who it is.
    pub name: Name,
    /// When it asked last: what was committed by then, it has been told.
    pub asked_at: UnixMillis,
    /// For how long it accepts what it hears nothing of.
    pub bound: Span,
}

impl Default for Listeners {
    fn default() -> Self {
        Self {
            known: Mutex::default(),
            news: watch::Sender::new(()),
            read: tokio::sync::Mutex::default(),
            waiters: Semaphore::new(WAITERS),
            is_stopping: AtomicBool::new(false),
            complained_at: Mutex::default(),
        }
    }
}

impl Listeners {
    /// Takes note of a question. `log` is what this node tells.
    pub fn heard(&self, Asked { name, position, bound }: Asked, log: &Log, now: UnixMillis) {
        if self.meet(name, bound, now, |heard| heard.ask(position, now, log)) == Some(true) {
            self.news.send_replace(());
        }
    }

    /// Takes note that somebody is there, who does not say what it knows.
    pub fn met(&self, name: Name, bound: Span, now: UnixMillis) {
        self.meet(name, bound, now, |_| ());
    }

    fn meet<R>(&self, name: Name, bound: Span, now: UnixMillis, and: impl FnOnce(&mut Heard) -> R) -> Option<R> {
        let mut known = self.known();
        if !known.contains_key(&name) && !has_room(&mut known, &name.verifier, now) {
            // Nobody can tell what they have heard of, and so they count as late.
            let crowd = Name { verifier: name.verifier, instance: CROWD.to_owned() };
            let bound = bound.min(LONGEST_BOUND);
            let heard = known.entry(crowd.clone()).or_insert_with(|| Heard::first(bound, now));
            heard.meet(if heard.is_connected(now) { bound.max(heard.bound) } else { bound }, now);
            drop(known);
            self.complain(&crowd.verifier, now);
            return None;
        }
        let bound = bound.min(LONGEST_BOUND);
        let heard = known.entry(name).or_insert_with(|| Heard::first(bound, now));
        heard.meet(bound, now);
        Some(and(heard))
    }

    /// What other nodes have yet to be told, and forgets those who have long stopped asking. See [`Self::wrote`].
    pub fn due(&self, log: &Log, now: UnixMillis) -> Vec<Listener> {
        let mut known = self.known();
        known.retain(|_, heard| now.since(heard.asked_at) < FORGOTTEN || heard.is_connected(now));
        known.iter_mut().filter_map(|(name, heard)| heard.due(name, log)).collect()
    }

    /// Notes that other nodes can read this now.
    pub fn wrote(&self, rows: &[Listener]) {
        let mut known = self.known();
        for row in rows {
            if let Some(heard) = known.get_mut(&Name::of(row)) {
                heard.wrote(row);
            }
        }
    }

    /// Reads what other nodes have heard, unless that was done, or tried in vain, a moment ago. Then it succeeds, or fails, as it did.
    pub async fn read(&self, store: &Store, now: UnixMillis) -> Result<(), store::Error> {
        let mut read = self.read.lock().await;
        if let Some((_, succeeded)) = read.filter(|(at, _)| at.elapsed() < READ_AGAIN) {
            return if succeeded { Ok(()) } else { Err(store::Error::Unavailable) };
        }
        let rows = tokio::time::timeout(PATIENCE, store.listeners(now)).await;
        // Also when it failed: those who have waited their turn meanwhile must not wait for the database one by one.
        let rows = rows.unwrap_or(Err(store::Error::Unavailable));
        *read = Some((Instant::now(), rows.is_ok()));
        let rows = rows?;
        let mut known = self.known();
        for row in rows {
            let first = || Heard::first(row.bound, row.asked_at);
            known.entry(Name::of(&row)).or_insert_with(first).learn(&row);
        }
        Ok(())
    }

    /// Those who are connected, and whoever else has acknowledged it: whether each has heard of the entry at this place.
    pub fn acknowledgements(&self, place: &Place, now: UnixMillis) -> Vec<Acknowledgement> {
        let known = self.known();
        let of = |(name, heard): (&Name, &Heard)| {
            let at = heard.acknowledged_at(place);
            (at.is_some() || heard.is_connected(now)).then(|| Acknowledgement { name: name.clone(), at })
        };
        known.iter().filter_map(of).collect()
    }

    /// Those who are connected.
    pub fn connected(&self, now: UnixMillis) -> Vec<Connected> {
        let of = |(name, heard): (&Name, &Heard)| Connected {
            name: name.clone(),
            asked_at: heard.asked_at,
            bound: heard.bound,
        };
        self.known().iter().filter(|(_, heard)| heard.is_connected(now)).map(of).collect()
    }

    /// Whether anybody asks here, rather than other nodes alone.
    fn hears_anybody(&self) -> bool {
        self.known().values().any(Heard::asks_here)
    }

    /// For how long at most anybody accepts what has ended: nodes for `own`, and each listener as it says.
    pub fn longest_bound(&self, own: Span, now: UnixMillis) -> Span {
        let known = self.known();
        let told = known.values().filter(|heard| heard.is_connected(now)).map(|heard| heard.bound);
        told.fold(own.max(USUAL_BOUND), Span::max)
    }

    /// Lets nobody wait any longer.
    pub fn stop(&self) {
        self.is_stopping.store(true, Ordering::Release);
        self.news.send_replace(());
    }

    fn complain(&self, verifier: &str, now: UnixMillis) {
        let mut said_at = self.complained_at.lock().unwrap_or_else(PoisonError::into_inner);
        if said_at.is_none_or(|at| now.since(at) >= COMPLAIN_EVERY) {
            *said_at = Some(now);
            tracing::warn!(verifier, "more processes follow by one credential than are told apart");
        }
    }

    fn known(&self) -> MutexGuard<'_, BTreeMap<Name, Heard>> {
        // What is in it is whole after each statement.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether one more process may be told apart that shows this credential. Whoever steals one could make up any number of names.
fn has_room(known: &mut BTreeMap<Name, Heard>, verifier: &str, now: UnixMillis) -> bool {
    let count = |known: &BTreeMap<Name, Heard>| {
        known.keys().filter(|name| name.verifier == verifier && name.instance != CROWD).count()
    };
    if count(known) >= NAMES_OF_ONE {
        known.retain(|name, heard| name.verifier != verifier || heard.is_connected(now));
    }
    count(known) < NAMES_OF_ONE
}

impl Name {
    fn of(row: &Listener) -> Self {
        Self { verifier: row.verifier.clone(), instance: row.instance.clone() }
    }
}

/// For how long a verifier accepts what it hears nothing of, unless it says otherwise.
pub const USUAL_BOUND: Span = Span::seconds(5);

/// After that, whatever a verifier says of itself, every token has expired: it has the longest life and the longest leeway.
const LONGEST_BOUND: Span = Span(LONGEST_ACCESS_LIFETIME.0 + 60_000);

/// How soon other nodes learn that somebody still listens who has nothing to acknowledge.
const HEARTBEAT: Span = Span::seconds(3);

/// How long one that no longer asks counts as connected, unless its bound is longer than half of it.
const CONNECTED: Span = Span::seconds(10);

/// How long it is known when somebody has acknowledged something, and for as long as he counts as connected.
const FORGOTTEN: Span = Span::minutes(5);

/// How many processes are told apart that show one credential.
const NAMES_OF_ONE: usize = 256;

/// What all further ones are called together. None can call itself so.
const CROWD: &str = "…";

/// How often it is logged that there are more.
const COMPLAIN_EVERY: Span = Span::minutes(1);

/// How many calls may wait for acknowledgements at a time. More are answered without waiting.
const WAITERS: usize = 64;

/// How soon to read again what other nodes have heard, and how long the database may take.
const READ_AGAIN: Duration = Duration::from_millis(50);
const PATIENCE: Duration = Duration::from_millis(500);

#[cfg(test)]
mod tests;
