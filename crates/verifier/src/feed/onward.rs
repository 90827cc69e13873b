//! What a relay serves on: the entries it has heard, each once, by numbers of its own, and no more of them than fit.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Feed, Seen, View};
use crate::Revocation;

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

impl Onward {
    /// A feed of at most `capacity` entries and one, by somebody who knows as much as `known` says; `None` while that is not
    /// enough to tell anybody. The `source` is to be another one at every start: 1 to 64 letters and digits.
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
            if kept.by_subject.len() >= self.capacity && !kept.by_subject.contains_key(&subject(&heard)) {
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
            kept.by_subject.insert(subject(&heard), Told { number, level: level(&heard), keep_until });
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
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::feed::{Answer, Frame, Frames, Position};
    use crate::{Marks, Revoked};

    fn onward(capacity: usize) -> Onward {
        Onward::new(capacity, 5, "r", || Some(View { now_ms: 0, age_ms: 0 }))
    }

    fn session(sid: u8, keep_until: i64) -> Revocation {
        Revocation::Session { sid: [sid; 16], keep_until }
    }

    fn told(onward: &Onward, position: Option<&Position>, now_ms: i64) -> (Vec<Revocation>, Position) {
        let Answer { bytes, position, .. } = onward.feed().log().answer(position, 0, now_ms);
        let (mut frames, mut entries) = (Frames::default(), Vec::new());
        frames.push(&bytes);
        while let Some(frame) = frames.next(now_ms) {
            if let Frame::Entry(entry) = frame {
                entries.push(entry);
            }
        }
        (entries, position)
    }

    #[test]
    fn what_is_heard_again_is_told_once_and_what_says_more_is_told_again() {
        let onward = onward(10);
        onward.hear(vec![session(1, 60_000)], 0);
        let (_, position) = told(&onward, None, 0);
        onward.hear(vec![session(1, 60_900)], 0);
        assert_eq!(told(&onward, Some(&position), 0).0, [], "estimated anew");
        onward.hear(vec![session(1, 90_000)], 0);
        let (again, _) = told(&onward, Some(&position), 0);
        assert!(again[0].keep_until() >= 90_000, "{again:?}");
        assert_eq!(onward.feed().log().len(), 1, "one entry takes the place of the other");
    }

    #[test]
    fn entries_are_told_by_their_maximum() {
        let onward = onward(10);
        let epoch = |epoch, keep_until| Revocation::Epoch { user: [1; 16], epoch, keep_until };
        onward.hear(vec![epoch(7, 60_000)], 0);
        onward.hear(vec![epoch(3, 200_000)], 0);
        onward.hear(vec![epoch(9, 50_000)], 0);
        let (entries, _) = told(&onward, None, 0);
        let [Revocation::Epoch { epoch: 9, keep_until, .. }] = entries[..] else { panic!("{entries:?}") };
        assert!(keep_until >= 200_000);
    }

    #[test]
    fn an_answer_says_no_earlier_time_than_the_end_of_what_was_dropped() {
        let onward = onward(10);
        onward.hear(vec![session(1, 60_000)], 0);
        onward.expire(80_000);
        assert!(onward.feed().log().is_empty());
        let answer = onward.feed().log().answer(None, 0, 1_000);
        let mut frames = Frames::default();
        frames.push(&answer.bytes);
        let Some(Frame::Watermark(watermark)) = frames.next(0) else { panic!("only a watermark") };
        assert_eq!(watermark.now_ms, 80_000);
        onward.hear(vec![session(1, 100_000)], 80_000);
        assert_eq!(onward.feed().log().len(), 1, "it may come back");
    }

    #[test]
    fn beyond_the_cap_everybody_is_refused_and_memory_stays_as_it_is() {
        let onward = onward(2);
        onward.hear((0..200).map(|sid| session(sid, 60_000)).collect(), 1_000);
        assert_eq!(onward.feed().log().len(), 3);
        let revoked = Revoked::new(10, 5);
        for entry in told(&onward, None, 1_000).0 {
            revoked.insert(&entry, 1_000);
        }
        let marks = |sid: u8, rat| Marks { sid: [sid; 16], user: None, uep: 0, rat, kid: None, client_id: None };
        for sid in 0..200 {
            assert!(revoked.is_revoked(&marks(sid, 1_000)), "{sid}");
        }
        assert!(revoked.is_revoked(&marks(250, 1_000)), "more than was asked for");
        assert!(!revoked.is_revoked(&marks(250, 7_000)), "whoever refreshes goes on");
        onward.hear(vec![Revocation::Key { kid: "k".into(), keep_until: 60_000 }], 1_000);
        for entry in told(&onward, None, 1_000).0 {
            revoked.insert(&entry, 1_000);
        }
        assert!(revoked.is_revoked(&marks(250, i64::MAX)), "a thief's token may say anything");
    }

    proptest! {
        #[test]
        fn whoever_follows_step_by_step_refuses_whatever_was_heard(
            heard in prop::collection::vec((0u8..4, 0u8..6, 0i64..50), 0..60), capacity in 1usize..8,
        ) {
            let onward = onward(capacity);
            let (ours, theirs) = (Revoked::new(100, 5), Revoked::new(100, 5));
            let mut position = None;
            for (kind, of, level) in heard {
                let keep_until = 60_000 + level;
                let entry = match kind {
                    0 => Revocation::Session { sid: [of; 16], keep_until },
                    1 => Revocation::Epoch { user: [of; 16], epoch: level as u64, keep_until },
                    2 => Revocation::Client { client_id: of.to_string(), read_until: level, keep_until },
                    _ => Revocation::Everybody { read_until: level - 20, keep_until },
                };
                ours.insert(&entry, 0);
                onward.hear(vec![entry], 0);
                let (entries, next) = told(&onward, position.as_ref(), 0);
                position = Some(next);
                for entry in &entries {
                    theirs.insert(entry, 0);
                }
            }
            prop_assert!(onward.feed().log().len() <= capacity + 1);
            for of in 0..6u8 {
                let name = of.to_string();
                for rat in 0..50 {
                    let marks = Marks { sid: [of; 16], user: Some([of; 16]), uep: 20, rat, kid: None, client_id: Some(&name) };
                    prop_assert!(!ours.is_revoked(&marks) || theirs.is_revoked(&marks));
                }
            }
        }
    }
}
