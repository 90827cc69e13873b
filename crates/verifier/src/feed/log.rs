//! What a node or a relay tells those who ask: every entry that still matters, by its number.

use std::collections::BTreeMap;
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::{Frame, Position, Seen, Watermark};
use crate::Revocation;

/// The entries, and up to where they are complete.
#[derive(Default)]
pub struct Log {
    state: RwLock<State>,
}

#[derive(Default)]
struct State {
    /// Several entries may have one number: those of one transaction.
    entries: BTreeMap<(u64, u32), Revocation>,
    /// Whose numbers these are.
    source: String,
    seen: Seen,
    /// The latest moment that entries were dropped at.
    horizon: i64,
    /// How often entries were added.
    grown: u64,
}

/// What is sent to somebody who asked.
pub struct Answer {
    /// Frames; the last is a watermark.
    pub bytes: Vec<u8>,
    /// That of the watermark.
    pub position: Position,
    /// How many entries there are in it.
    pub entries: usize,
}

impl Log {
    /// Adds entries with their numbers. Nothing of what `seen` says is missing any more. The `source` names whose numbers
    /// these are, in up to 64 of the characters that a position may have, but the dot: positions of another source are
    /// answered with everything.
    ///
    /// ```
    /// use verifier::Revocation;
    /// use verifier::feed::{Log, Seen};
    /// let log = Log::default();
    /// let revocation = Revocation::Session { sid: [1; 16], keep_until: 60_000 };
    /// log.extend([(7, revocation)], "db", Seen::below(8));
    ///
    /// let everything = log.answer(None, 0, 1_000);
    /// assert_eq!(everything.entries, 1);
    /// let since = log.answer(Some(&everything.position), 0, 1_000);
    /// assert_eq!(since.entries, 0);
    /// ```
    pub fn extend(&self, entries: impl IntoIterator<Item = (u64, Revocation)>, source: &str, seen: Seen) {
        let mut state = self.write();
        if state.source != source {
            state.renumber();
            source.clone_into(&mut state.source);
        }
        let mut is_grown = false;
        for (number, revocation) in entries {
            state.insert(number, revocation);
            is_grown = true;
        }
        state.grown += u64::from(is_grown);
        state.seen = seen;
    }

    /// What came since a position; everything, without one or with one that is none of this log. The knowledge of this log
    /// is `age_ms` old, and no clock shows more than `now_ms`; the answer says no less than the end of any entry that was
    /// dropped.
    pub fn answer(&self, position: Option<&Position>, age_ms: i64, now_ms: i64) -> Answer {
        let state = self.read();
        // Whoever hears of no entry must count what it stopped as expired.
        let now_ms = now_ms.max(state.horizon);
        let since = position.and_then(|position| Seen::parse(position, &state.source)).unwrap_or_default();
        let (mut bytes, mut entries) = (Vec::new(), 0);
        for ((number, _), revocation) in state.entries.range((since.lowest_missing(), 0)..) {
            if !since.has(*number) {
                Frame::Entry(revocation.clone()).encode(now_ms, &mut bytes);
                entries += 1;
            }
        }
        let position = state.seen.position(&state.source);
        let age_ms = u32::try_from(age_ms.max(0)).unwrap_or(u32::MAX);
        let watermark = Watermark { age_ms, now_ms, position: position.clone() };
        Frame::Watermark(watermark).encode(now_ms, &mut bytes);
        Answer { bytes, position, entries }
    }

    /// Whether there is something to tell to somebody at this position.
    pub fn has_news_since(&self, position: &Position) -> bool {
        let state = self.read();
        // A position may say less than was seen: whoever stands at the latest has been told everything all the same.
        if state.seen.position(&state.source) == *position {
            return false;
        }
        let Some(since) = Seen::parse(position, &state.source) else { return true };
        let mut newer = state.entries.range((since.lowest_missing(), 0)..);
        newer.any(|((number, _), _)| !since.has(*number))
    }

    /// Whether somebody who went on from one position to another has heard of anything on the way, as far as is known here;
    /// without the first, from the beginning.
    ///
    /// ```
    /// use verifier::Revocation;
    /// use verifier::feed::{Log, Seen};
    /// let log = Log::default();
    /// let revocation = Revocation::Session { sid: [1; 16], keep_until: 60_000 };
    /// log.extend([(7, revocation)], "db", Seen::below(9));
    /// let at = |below| Seen::below(below).position("db");
    /// assert!(log.tells_between(Some(&at(7)), &at(8)));
    /// assert!(!log.tells_between(Some(&at(8)), &at(9)));
    /// ```
    pub fn tells_between(&self, from: Option<&Position>, to: &Position) -> bool {
        let state = self.read();
        let Some(to) = Seen::parse(to, &state.source) else { return false };
        let from = from.and_then(|from| Seen::parse(from, &state.source)).unwrap_or_default();
        // What is missing may be very old, and the log long: only these are looked up there.
        let is_there = |number: u64| state.entries.range((number, 0)..=(number, u32::MAX)).next().is_some();
        if from.missing().iter().any(|number| to.has(*number) && is_there(*number)) {
            return true;
        }
        let (begin, end) = (from.end(), to.end());
        let mut newer = state.entries.range((begin, 0)..(end.max(begin), 0)).rev();
        newer.any(|((number, _), _)| to.has(*number))
    }

    /// Whether somebody at this position, or without one, is to be told of more than so many entries.
    pub fn owes_more_than(&self, entries: usize, position: Option<&Position>) -> bool {
        let state = self.read();
        let since = position.and_then(|position| Seen::parse(position, &state.source)).unwrap_or_default();
        let newer = state.entries.range((since.lowest_missing(), 0)..);
        newer.filter(|((number, _), _)| !since.has(*number)).nth(entries).is_some()
    }

    /// The latest entry that is so: whose number it has, and which.
    pub fn find(&self, is_it: impl Fn(&Revocation) -> bool) -> Option<(String, u64)> {
        let mut before = (u64::MAX, u32::MAX);
        loop {
            // Whoever adds entries does not wait until a long log is searched.
            let state = self.read();
            let mut looked_at = None;
            for (at, revocation) in state.entries.range(..before).rev().take(SEARCHED_AT_ONCE) {
                if is_it(revocation) {
                    return Some((state.source.clone(), at.0));
                }
                looked_at = Some(*at);
            }
            before = looked_at?;
        }
    }

    /// How often entries were added: as long as that stays the same, nobody can hear of anything new.
    pub fn grown(&self) -> u64 {
        self.read().grown
    }

    /// Drops what no longer matters.
    pub fn expire(&self, now_ms: i64) {
        let mut state = self.write();
        state.horizon = state.horizon.max(now_ms);
        state.entries.retain(|_, revocation| revocation.keep_until() > now_ms);
    }

    /// Takes entries back in whose place others were added.
    #[cfg(feature = "serve")]
    pub(super) fn drop_superseded(&self, numbers: &[u64]) {
        let mut state = self.write();
        for number in numbers {
            state.entries.remove(&(*number, 0));
        }
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.read().entries.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn read(&self) -> RwLockReadGuard<'_, State> {
        // Every step of a writer leaves a log that tells at most too much.
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Adds an entry, or lets the one that says the same matter for longer: whoever reads a log twice hears of it twice.
    fn insert(&mut self, number: u64, revocation: Revocation) {
        let mut next = 0;
        for ((_, at), known) in self.entries.range_mut((number, 0)..=(number, u32::MAX)) {
            if known.is_like(&revocation) {
                if known.keep_until() < revocation.keep_until() {
                    *known = revocation;
                }
                return;
            }
            next = at + 1;
        }
        self.entries.insert((number, next), revocation);
    }

    /// Numbers of another source say nothing any more. Whoever comes with a position of that is told everything; for
    /// whoever was told since, these are entries that have been seen.
    fn renumber(&mut self) {
        let entries = std::mem::take(&mut self.entries);
        self.entries = entries.into_values().zip(0..).map(|(revocation, at)| ((0, at), revocation)).collect();
    }
}

/// How many entries are searched before others have their turn.
const SEARCHED_AT_ONCE: usize = 4096;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn session(sid: u8, keep_until: i64) -> Revocation {
        Revocation::Session { sid: [sid; 16], keep_until }
    }

    #[test]
    fn whoever_stands_at_a_position_of_another_source_is_told_everything_although_the_numbers_are_lower() {
        let log = Log::default();
        log.extend([(740, session(1, 9_000))], "before", Seen::below(751));
        let before = log.answer(None, 0, 0).position;
        // After a crash, a number below 751 is given out again.
        log.extend([(740, session(1, 9_000)), (748, session(2, 9_000))], "after", Seen::below_without(749, [745]));
        assert!(log.has_news_since(&before));
        let told = log.answer(Some(&before), 0, 0);
        assert_eq!(told.entries, 3, "the first twice: by its number now, and as one from before");
        assert!(!log.has_news_since(&told.position));
        assert_eq!(log.answer(Some(&told.position), 0, 0).entries, 0);
    }

    #[test]
    fn an_entry_is_found_however_far_back_it_is() {
        let log = Log::default();
        // Several have one number, as those of one transaction have.
        log.extend(
            (0..20_000).map(|at| (at / 3, Revocation::Key { kid: at.to_string(), keep_until: 9_000 })),
            "db",
            Seen::below(9_000),
        );
        let number = |at: u64| log.find(|one| matches!(one, Revocation::Key { kid, .. } if *kid == at.to_string()));
        for at in (0..20_000).step_by(97).chain([0, 19_999]) {
            assert_eq!(number(at), Some(("db".to_owned(), at / 3)));
        }
        assert_eq!(number(20_000), None);
    }

    #[test]
    fn an_entry_that_is_read_again_is_told_once_and_kept_for_as_long_as_either_says() {
        let log = Log::default();
        log.extend([(1, session(1, 5_000))], "db", Seen::below(2));
        log.extend([(1, session(1, 9_000)), (1, session(2, 3_000)), (1, session(1, 7_000))], "db", Seen::below(2));
        assert_eq!(log.len(), 2);
        log.expire(8_999);
        assert_eq!(log.len(), 1);
        log.expire(9_000);
        assert!(log.is_empty());
    }

    proptest! {
        #[test]
        fn somebody_hears_on_the_way_of_what_is_in_the_log_and_known_behind_it_alone(
            numbers in prop::collection::btree_set(0u64..40, 0..8),
            from in (0u64..40, prop::collection::vec(0u64..40, 0..4)),
            to in (0u64..40, prop::collection::vec(0u64..40, 0..4)),
        ) {
            let log = Log::default();
            log.extend(numbers.iter().map(|number| (*number, session(*number as u8, 9_000))), "db", Seen::below(40));
            let [from, to] = [from, to].map(|(below, missing)| Seen::below_without(below, missing));
            let tells = numbers.iter().any(|number| to.has(*number) && !from.has(*number));
            prop_assert_eq!(log.tells_between(Some(&from.position("db")), &to.position("db")), tells);
        }
    }

    #[test]
    fn whoever_has_been_told_everything_waits_although_a_position_cannot_list_all_that_is_open() {
        let log = Log::default();
        let entries: Vec<_> = (0..300).map(|at| (at * 2 + 1, session(at as u8, 9_000))).collect();
        log.extend(entries, "db", Seen::below_without(600, (0..300).map(|at| at * 2)));
        let position = log.answer(None, 0, 0).position;
        assert!(log.answer(Some(&position), 0, 0).entries > 0, "some are told twice");
        assert!(!log.has_news_since(&position));
    }
}
