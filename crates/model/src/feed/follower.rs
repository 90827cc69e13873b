//! Who follows the feed: a verifier, or a relay.

use super::MOST;
use super::database::Numbers;
use crate::Bug;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Position {
    pub(crate) source: u8,
    pub(crate) seen: Numbers,
}

/// The contents of an answer, or of one frame and its watermark on a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Telling {
    /// Of the entries in it, for how long they still matter; 0 if it is not in it.
    pub(crate) remaining: [i8; MOST],
    pub(crate) age: i8,
    pub(crate) now: i8,
    pub(crate) position: Position,
    /// Whether it was asked for without a position.
    pub(crate) is_everything: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Follower {
    proofs: Option<Proofs>,
    pub(crate) position: Option<Position>,
    entries: [Entry; MOST],
    /// The latest end of an entry that it has dropped, by the issuer's clock.
    horizon: i8,
    /// Whether it was told everything since it was started. It does not know this; the rules do.
    pub(crate) was_told_everything: bool,
    /// How many questions it has sent.
    pub(crate) questions: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Proofs {
    known: i8,
    asked: i8,
    issuer: i8,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
enum Entry {
    #[default]
    Unheard,
    /// Until a moment of the issuer's clock.
    Kept(i8),
    Dropped,
}

/// How things stand at a moment.
#[derive(Clone, Copy)]
pub(crate) struct View {
    /// The latest that the issuer's clock may show.
    pub(crate) now: i8,
    pub(crate) age: i8,
}

impl Follower {
    /// One that was just started, when its own clock shows `local`.
    pub(crate) fn started(local: i8, bug: Option<Bug>) -> Self {
        let proofs = Proofs { known: local, asked: local, issuer: local };
        Self { proofs: (bug == Some(Bug::EmptyIsComplete)).then_some(proofs), ..Self::default() }
    }

    /// Forgets everything. How often it may still ask is a matter of the model.
    pub(crate) fn start_anew(&mut self, local: i8, bug: Option<Bug>) {
        *self = Self { questions: self.questions, ..Self::started(local, bug) };
    }

    /// Takes note of entries and of where to go on.
    pub(crate) fn heed(&mut self, telling: Telling) {
        self.take_in(telling);
        self.position = Some(telling.position);
    }

    /// Takes note of entries.
    pub(crate) fn take_in(&mut self, telling: Telling) {
        for (entry, remaining) in self.entries.iter_mut().zip(telling.remaining) {
            let until = telling.now + remaining;
            match *entry {
                Entry::Kept(kept) if remaining > 0 => *entry = Entry::Kept(kept.max(until)),
                Entry::Unheard | Entry::Dropped if remaining > 0 => *entry = Entry::Kept(until),
                _ => {}
            }
        }
        self.was_told_everything |= telling.is_everything;
    }

    /// Takes note of what the answer to a question proves that was sent at `asked`; it came at `local`.
    pub(crate) fn learn(&mut self, asked: i8, telling: Telling, local: i8, bug: Option<Bug>) {
        let since = if bug == Some(Bug::KnownFromArrival) { local } else { asked };
        let known = since - telling.age;
        let new = Proofs { known, asked, issuer: telling.now };
        let latest = self.proofs.filter(|old| old.asked > asked).unwrap_or(new);
        let known = self.proofs.map_or(known, |old| old.known.max(known));
        self.proofs = Some(Proofs { known, ..latest });
    }

    /// Drops what no longer matters.
    pub(crate) fn drop_expired(&mut self, local: i8) {
        let Some(View { now, .. }) = self.estimate(local) else { return };
        for entry in &mut self.entries {
            if let Entry::Kept(until) = *entry
                && until <= now
            {
                *entry = Entry::Dropped;
                self.horizon = self.horizon.max(until);
            }
        }
    }

    /// How things stand. Nothing while nothing was proven.
    pub(crate) fn view(&self, local: i8, bug: Option<Bug>) -> Option<View> {
        let view = self.estimate(local)?;
        let horizon = if bug == Some(Bug::HorizonLeftOut) { 0 } else { self.horizon };
        Some(View { now: view.now.max(horizon), ..view })
    }

    pub(crate) fn is_kept(&self, number: usize) -> bool {
        matches!(self.entries[number], Entry::Kept(_))
    }

    pub(crate) fn was_told(&self, number: usize) -> bool {
        self.entries[number] != Entry::Unheard
    }

    /// Everything committed before this moment of its own clock is known.
    pub(crate) fn known(&self) -> Option<i8> {
        self.proofs.map(|proofs| proofs.known)
    }

    /// What a relay says came since a position. Its positions are its own, and change with every start of it.
    pub(crate) fn tell(&self, since: Option<Position>, source: u8, local: i8, bug: Option<Bug>) -> Option<Telling> {
        let left_out = if bug == Some(Bug::RelayHorizonLeftOut) { Some(Bug::HorizonLeftOut) } else { bug };
        let View { now, age } = self.view(local, left_out)?;
        let seen = since.filter(|position| position.source == source).map_or(Numbers::default(), |since| since.seen);
        let mut remaining = [0; MOST];
        for (number, remaining) in remaining.iter_mut().enumerate() {
            if let Entry::Kept(until) = self.entries[number]
                && !seen.has(number)
            {
                *remaining = until - now;
            }
        }
        let told = (0..MOST).filter(|number| self.was_told(*number)).fold(Numbers::default(), Numbers::with);
        let age = if bug == Some(Bug::RelayAgeLeftOut) { 0 } else { age };
        let position = Position { source, seen: told };
        Some(Telling { remaining, age, now, position, is_everything: since.is_none() })
    }

    fn estimate(&self, local: i8) -> Option<View> {
        let proofs = self.proofs?;
        Some(View { now: proofs.issuer + (local - proofs.asked), age: local - proofs.known })
    }
}
