//! What a relay serves on: the entries it has heard, each once, by numbers of its own, and no more of them than fit.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Feed, Seen, View};
use crate::{Revocation, Revoked};

/// The feed of a relay.
pub struct Onward {
    feed: Arc<Feed>,
    /// Whose numbers these are.
    source: String,
    capacity: usize,
    leeway_ms: i64,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    /// The number that is given out next.
    next: u64,
    by_subject: HashMap<Subject, Told>,
    /// How many of them are keys, and clients.
    keys: usize,
    clients: usize,
    /// Before when nothing is dropped.
    expires_at: i64,
}

/// What an entry is about. There is one entry for each.
#[derive(PartialEq, Eq, Hash)]
enum Subject {
    Session([u8; 16]),
    User([u8; 16]),
    Key(Box<str>),
    Client(Box<str>),
    Everybody,
}

/// What has been told of it.
#[derive(Clone, Copy)]
struct Told {
    number: u64,
    /// The epoch or the moment: of two entries the higher one counts.
    level: u64,
    keep_until: i64,
}

impl Kept {
    /// Whether an entry can be told as it is. Keys and clients, of which there are few, take no room from sessions, nor these from
    /// them: what would refuse them instead is far more.
    fn has_room(&self, heard: &Revocation, capacity: usize) -> bool {
        let is_below = match heard {
            Revocation::Key { .. } => self.keys < Revoked::KEY_CAPACITY,
            Revocation::Client { .. } => self.clients < Revoked::KEY_CAPACITY,
            Revocation::Everybody { .. } => true,
            Revocation::Session { .. } | Revocation::Epoch { .. } => self.others() < capacity,
        };
        is_below || self.by_subject.contains_key(&subject(heard))
    }

    /// How many sessions and users there are.
    fn others(&self) -> usize {
        let has_everybody = usize::from(self.by_subject.contains_key(&Subject::Everybody));
        self.by_subject.len() - self.keys - self.clients - has_everybody
    }

    fn insert(&mut self, subject: Subject, told: Told) {
        let count = match subject {
            Subject::Key(_) => Some(&mut self.keys),
            Subject::Client(_) => Some(&mut self.clients),
            _ => None,
        };
        let is_new = !self.by_subject.contains_key(&subject);
        if let Some(count) = count.filter(|_| is_new) {
            *count += 1;
        }
        self.by_subject.insert(subject, told);
    }
}

impl Onward {
    /// A feed of at most `capacity` sessions and users, [`Revoked::KEY_CAPACITY`] keys, as many clients, and one entry more, by
    /// somebody who knows as much as `known` says; `None` while that is not enough to tell anybody. The `source` is to be another one at every start: 1 to 64 letters and digits.
    ///
    /// ```
    /// use verifier::Revocation;
    /// use verifier::feed::{Onward, View};
    /// let onward = Onward::new(10, 5, "r1", || Some(View { now_ms: 1_000, age_ms: 20 }));
    /// let heard = Revocation::Session { sid: [7; 16], keep_until: 60_000 };
    /// onward.hear(vec![heard.clone()], 1_000);
    /// onward.hear(vec![heard], 1_000);
    /// assert_eq!(onward.feed().log().len(), 1);
    /// ```
    pub fn new(
        capacity: usize,
        leeway_seconds: u32,
        source: &str,
        known: impl Fn() -> Option<View> + Send + Sync + 'static,
    ) -> Self {
        let feed = Arc::new(Feed::new(known));
        feed.extend(Vec::new(), source, Seen::default());
        let leeway_ms = i64::from(leeway_seconds) * 1_000;
        Self { feed, source: source.to_owned(), capacity, leeway_ms, kept: Mutex::default() }
    }

    /// What is served.
    pub fn feed(&self) -> &Arc<Feed> {
        &self.feed
    }

    /// Adds what was heard when the issuer's clock showed at most `now_ms`, and tells whoever waits. What says no more than
    /// was told already is not told again.
    ///
    /// What does not fit refuses everybody instead whose credential was read up to now: more than was asked for, and nothing
    /// that was withdrawn slips through.
    pub fn hear(&self, entries: Vec<Revocation>, now_ms: i64) {
        let mut kept = self.kept();
        let (mut news, mut superseded) = (Vec::new(), Vec::new());
        for heard in entries {
            let mut heard = heard;
            if !kept.has_room(&heard, self.capacity) {
                heard = self.coarser(&heard, now_ms);
            }
            let before = kept.by_subject.get(&subject(&heard)).copied();
            if before.is_some_and(|told| level(&heard) <= told.level && heard.keep_until() <= told.keep_until) {
                continue;
            }
            if let Some(before) = before {
                superseded.push(before.number);
                raise(&mut heard, before);
            }
            // An entry that is heard again is estimated anew, a little differently: that is no news.
            let keep_until = heard.keep_until().saturating_add(MARGIN);
            *keep_until_of(&mut heard) = keep_until;
            let number = kept.next;
            kept.next += 1;
            kept.insert(subject(&heard), Told { number, level: level(&heard), keep_until });
            news.push((number, heard));
        }
        // While nobody else gives out numbers. What is superseded goes last, so that no reader finds neither.
        if !news.is_empty() {
            self.feed.extend(news, &self.source, Seen::below(kept.next));
            self.feed.log().drop_superseded(&superseded);
        }
    }

    /// Drops what no longer matters, every ten seconds: all of it has to be looked at, and everybody waits meanwhile.
    pub fn expire(&self, now_ms: i64) {
        let mut kept = self.kept();
        if now_ms < kept.expires_at {
            return;
        }
        kept.expires_at = now_ms.saturating_add(EXPIRY);
        self.feed.log().expire(now_ms);
        kept.by_subject.retain(|_, told| told.keep_until > now_ms);
        kept.keys = kept.by_subject.keys().filter(|subject| matches!(subject, Subject::Key(_))).count();
        kept.clients = kept.by_subject.keys().filter(|subject| matches!(subject, Subject::Client(_))).count();
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        // Every step of a writer leaves a log that tells at most too much.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What refuses everything that an entry refuses, and more.
    fn coarser(&self, heard: &Revocation, now_ms: i64) -> Revocation {
        let read_until = match heard {
            // Who holds a dead key signs whatever he likes.
            Revocation::Key { .. } => i64::MAX,
            Revocation::Everybody { read_until, .. } | Revocation::Client { read_until, .. } => *read_until,
            Revocation::Session { .. } | Revocation::Epoch { .. } => now_ms.saturating_add(self.leeway_ms),
        };
        Revocation::Everybody { read_until, keep_until: heard.keep_until() }
    }
}

fn subject(revocation: &Revocation) -> Subject {
    match revocation {
        Revocation::Session { sid, .. } => Subject::Session(*sid),
        Revocation::Epoch { user, .. } => Subject::User(*user),
        Revocation::Key { kid, .. } => Subject::Key(kid.as_str().into()),
        Revocation::Everybody { .. } => Subject::Everybody,
        Revocation::Client { client_id, .. } => Subject::Client(client_id.as_str().into()),
    }
}

fn level(revocation: &Revocation) -> u64 {
    match revocation {
        Revocation::Session { .. } | Revocation::Key { .. } => 0,
        Revocation::Epoch { epoch, .. } => *epoch,
        Revocation::Everybody { read_until, .. } | Revocation::Client { read_until, .. } => {
            u64::try_from(*read_until).unwrap_or(0)
        }
    }
}

/// Entries merge by maximum.
fn raise(heard: &mut Revocation, before: Told) {
    let longest = heard.keep_until().max(before.keep_until.saturating_sub(MARGIN));
    *keep_until_of(heard) = longest;
    match heard {
        Revocation::Session { .. } | Revocation::Key { .. } => {}
        Revocation::Epoch { epoch, .. } => *epoch = (*epoch).max(before.level),
        Revocation::Everybody { read_until, .. } | Revocation::Client { read_until, .. } => {
            *read_until = (*read_until).max(i64::try_from(before.level).unwrap_or(i64::MAX));
        }
    }
}

fn keep_until_of(revocation: &mut Revocation) -> &mut i64 {
    match revocation {
        Revocation::Session { keep_until, .. }
        | Revocation::Epoch { keep_until, .. }
        | Revocation::Key { keep_until, .. }
        | Revocation::Everybody { keep_until, .. }
        | Revocation::Client { keep_until, .. } => keep_until,
    }
}

/// Milliseconds between two times that entries are dropped.
const EXPIRY: i64 = 10_000;

/// For how many milliseconds longer than was heard an entry is kept and told.
const MARGIN: i64 = 10_000;

#[cfg(test)]
mod tests;
