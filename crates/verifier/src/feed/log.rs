//! What a node or a relay tells those who ask: every entry that still matters, by its number.

use std::collections::BTreeMap;
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::{Frame, Position, Seen, Watermark};
use crate::Revocation;

/// The entries, and up to where they are complete.
pub struct Log {
    source: String,
    state: RwLock<State>,
}

#[derive(Default)]
struct State {
    /// Several entries may have one number: those of one transaction.
    entries: BTreeMap<(u64, u32), Revocation>,
    seen: Seen,
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
    /// An empty log. The `source` names whose numbers these are: positions of another source are answered with everything.
    pub fn new(source: impl Into<String>) -> Self {
        Self { source: source.into(), state: RwLock::default() }
    }

    /// Adds entries with their numbers. If `seen` says something, nothing of that is missing any more.
    ///
    /// ```
    /// use verifier::Revocation;
    /// use verifier::feed::{Log, Seen};
    /// let log = Log::new("db");
    /// let revocation = Revocation::Session { sid: [1; 16], keep_until: 60_000 };
    /// log.extend([(7, revocation)], Some(Seen::below(8)));
    ///
    /// let everything = log.answer(None, 0, 1_000);
    /// assert_eq!(everything.entries, 1);
    /// let since = log.answer(Some(&everything.position), 0, 1_000);
    /// assert_eq!(since.entries, 0);
    /// ```
    pub fn extend(&self, entries: impl IntoIterator<Item = (u64, Revocation)>, seen: Option<Seen>) {
        let mut state = self.write();
        for (number, revocation) in entries {
            // Whoever reads a log twice hears of an entry twice.
            let own = state.entries.range((number, 0)..=(number, u32::MAX));
            let (mut next, mut is_known) = (0, false);
            for ((_, at), known) in own {
                next = at + 1;
                is_known |= *known == revocation;
            }
            if !is_known {
                state.entries.insert((number, next), revocation);
            }
        }
        if let Some(seen) = seen {
            state.seen = seen;
        }
    }

    /// What came since a position; everything, without one or with one that is none of this log. The knowledge of this log
    /// is `age_ms` old, and no clock shows more than `now_ms`.
    pub fn answer(&self, position: Option<&Position>, age_ms: i64, now_ms: i64) -> Answer {
        let since = position.and_then(|position| Seen::parse(position, &self.source)).unwrap_or_default();
        let state = self.read();
        let (mut bytes, mut entries) = (Vec::new(), 0);
        for ((number, _), revocation) in state.entries.range((since.lowest_missing(), 0)..) {
            if !since.has(*number) {
                Frame::Entry(revocation.clone()).encode(now_ms, &mut bytes);
                entries += 1;
            }
        }
        let position = state.seen.position(&self.source);
        let age_ms = u32::try_from(age_ms.max(0)).unwrap_or(u32::MAX);
        let watermark = Watermark { age_ms, now_ms, position: position.clone() };
        Frame::Watermark(watermark).encode(now_ms, &mut bytes);
        Answer { bytes, position, entries }
    }

    /// Whether there is something to tell to somebody at this position.
    pub fn has_news_since(&self, position: &Position) -> bool {
        let Some(since) = Seen::parse(position, &self.source) else { return true };
        let state = self.read();
        let mut newer = state.entries.range((since.lowest_missing(), 0)..);
        newer.any(|((number, _), _)| !since.has(*number))
    }

    /// The number of the latest entry that says this.
    pub fn number_of(&self, revocation: &Revocation) -> Option<u64> {
        let state = self.read();
        state.entries.iter().rev().find(|(_, known)| *known == revocation).map(|((number, _), _)| *number)
    }

    /// What somebody has seen who stands at this position; nothing that is known, if it is none of this log.
    pub fn seen_by(&self, position: &Position) -> Option<Seen> {
        Seen::parse(position, &self.source)
    }

    /// Where somebody stands who has been told everything.
    pub fn position(&self) -> Position {
        self.read().seen.position(&self.source)
    }

    /// Drops what no longer matters.
    pub fn expire(&self, now_ms: i64) {
        self.write().entries.retain(|_, revocation| revocation.keep_until() > now_ms);
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
