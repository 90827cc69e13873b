//! A node of the issuer: it reads the log by the difference of snapshots, and answers from memory.

use super::MOST;
use super::database::{Database, Numbers};
use super::follower::{Position, Telling};
use crate::Bug;

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Node {
    /// The entries that it has. It drops each when that is no longer kept.
    pub(crate) entries: Numbers,
    /// Where it stands in the log.
    seen: Numbers,
    /// With a mistake only.
    last_seq: u8,
    /// Everything committed before is known.
    pub(crate) known: Option<i8>,
    /// What it has read and not yet taken in.
    pub(crate) read: Option<Read>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Read {
    news: Numbers,
    snapshot: Numbers,
    /// When it was asked for, if that is a proof.
    asked: Option<i8>,
}

impl Node {
    /// Reads what was committed behind where it stands.
    pub(crate) fn read(&mut self, database: &Database, now: i8, bug: Option<Bug>) {
        let snapshot = database.snapshot();
        let xmin = if bug == Some(Bug::SeqCursorBelowXmin) { database.xmin() } else { MOST };
        let by_seq = matches!(bug, Some(Bug::SeqCursor | Bug::SeqCursorBelowXmin));
        let is_behind =
            |number: usize| if by_seq { database.seq(number) > self.last_seq } else { !self.seen.has(number) };
        let is_new = |number: &usize| {
            snapshot.has(*number) && is_behind(*number) && *number < xmin && database.keep_until(*number) > now
        };
        let news = (0..MOST).filter(is_new).fold(Numbers::default(), Numbers::with);
        // Even who leaves out what is behind an open transaction may know that something was left out.
        let asked = (xmin..MOST).all(|number| !snapshot.has(number)).then_some(now);
        let read = Read { news, snapshot, asked };
        if bug == Some(Bug::WatermarkOvertakes) {
            self.move_on(read);
        }
        self.read = Some(read);
    }

    /// Takes in what it has read.
    pub(crate) fn take_in(&mut self, database: &Database) {
        if let Some(read) = self.read.take() {
            self.entries = self.entries.and(read.news);
            let seqs = (0..MOST).filter(|number| read.news.has(*number)).map(|number| database.seq(number));
            self.last_seq = seqs.fold(self.last_seq, u8::max);
            self.move_on(read);
        }
    }

    fn move_on(&mut self, read: Read) {
        self.seen = read.snapshot;
        self.known = self.known.max(read.asked);
    }

    /// What came since a position; nothing while it knows nothing.
    pub(crate) fn tell(
        &self,
        since: Option<Position>,
        database: &Database,
        now: i8,
        bug: Option<Bug>,
    ) -> Option<Telling> {
        let known = self.known?;
        let seen = since.filter(|position| position.source == DATABASE).map(|position| position.seen);
        let seen = match (seen.unwrap_or_default(), bug) {
            (seen, Some(Bug::PositionWithoutMissing)) => seen.without_gaps(),
            (seen, _) => seen,
        };
        let mut remaining = [0; MOST];
        for (number, remaining) in remaining.iter_mut().enumerate() {
            if self.entries.has(number) && !seen.has(number) {
                *remaining = (database.keep_until(number) - now).max(0);
            }
        }
        let position = Position { source: DATABASE, seen: self.seen };
        Some(Telling { remaining, age: now - known, now, position, is_everything: since.is_none() })
    }
}

/// Whose numbers those in the positions of nodes are.
pub(crate) const DATABASE: u8 = 0;
