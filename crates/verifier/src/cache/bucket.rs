//! A line of memory of the cache's table: where up to seven entries are.

use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::{ArcSwapAny, Guard};

use super::entry::Kept;

/// Places for entries. Any thread may look; whoever changes anything but [`State::Used`] holds the table's lock.
///
/// What a reader is told by `states` may be of a moment before or after what it then finds in the place, so that a token
/// may be missed, or another one found. That is why it compares the whole token, and may verify one anew.
#[repr(align(64))]
pub(super) struct Bucket {
    /// A byte for each place: zero where it is free, else the tag of the entry's hash. The last byte has a bit for each place
    /// whose entry was asked for.
    states: AtomicU64,
    places: [ArcSwapAny<Option<Kept>>; PLACES],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Free,
    /// Nobody has asked for the entry since it came, or since the hand last passed.
    Unused,
    Used,
}

/// How many places a bucket has: with their states they fill a line.
pub(super) const PLACES: usize = 7;
const _: () = assert!(size_of::<Bucket>() == 64);

impl Bucket {
    pub(super) fn new() -> Self {
        Self { states: AtomicU64::new(0), places: std::array::from_fn(|_| ArcSwapAny::new(None)) }
    }

    /// The entry of a token, and its place. Takes no lock and, but for the first time, writes nothing that is shared.
    #[inline]
    pub(super) fn find(&self, tag: u8, token: &[u8]) -> Option<(usize, Guard<Option<Kept>>)> {
        let states = self.states.load(Ordering::Acquire);
        (0..PLACES).filter(|place| states.to_le_bytes()[*place] == tag).find_map(|place| {
            let kept = self.places[place].load();
            let is_it = kept.as_ref().is_some_and(|kept| kept.slice == *token);
            if is_it && states & used(place) == 0 {
                self.states.fetch_or(used(place), Ordering::Relaxed);
            }
            is_it.then_some((place, kept))
        })
    }

    pub(super) fn state(&self, place: usize) -> State {
        let states = self.states.load(Ordering::Acquire);
        match (states.to_le_bytes()[place], states & used(place)) {
            (0, _) => State::Free,
            (_, 0) => State::Unused,
            _ => State::Used,
        }
    }

    /// The first place in a state.
    pub(super) fn first(&self, state: State) -> Option<usize> {
        (0..PLACES).find(|place| self.state(*place) == state)
    }

    /// Lets an entry count as one that nobody has asked for.
    pub(super) fn forgive(&self, place: usize) {
        self.states.fetch_and(!used(place), Ordering::Relaxed);
    }

    /// Fills a free place.
    pub(super) fn put(&self, place: usize, tag: u8, kept: Kept) {
        self.forgive(place);
        self.places[place].store(Some(kept));
        self.states.fetch_or(u64::from(tag) << (8 * place), Ordering::Release);
    }

    /// Frees a place.
    pub(super) fn take(&self, place: usize) -> Option<Kept> {
        self.states.fetch_and(!(0xff << (8 * place)), Ordering::Release);
        self.places[place].swap(None)
    }
}

/// The bit of a place that was asked for.
fn used(place: usize) -> u64 {
    1 << (8 * PLACES + place)
}

#[cfg(test)]
mod tests {
    use token::{Claims, Expectation, Profile};

    use super::super::Entry;
    use super::*;

    fn kept(token: &[u8]) -> Kept {
        let expect = Expectation::new(Profile::Rfc9068, "i", "a");
        Kept::from_header_and_slice(Entry::new(Claims::default(), "k", &expect, 0), token)
    }

    #[test]
    fn each_place_has_a_state_of_its_own() {
        for place in 0..PLACES {
            let bucket = Bucket::new();
            let only = |state| {
                (0..PLACES).all(|other| bucket.state(other) == if other == place { state } else { State::Free })
            };
            bucket.put(place, 0xff, kept(b"token"));
            assert!(only(State::Unused), "{place}");
            assert_eq!(bucket.find(0xff, b"token").map(|(place, _)| place), Some(place));
            assert!(only(State::Used), "{place}");
            assert_eq!(bucket.first(State::Used), Some(place));
            bucket.forgive(place);
            assert!(only(State::Unused), "{place}");
            assert!(bucket.find(0xff, b"token").is_some() && bucket.take(place).is_some());
            assert!(only(State::Free), "{place}");
            assert!(bucket.find(0xff, b"token").is_none() && bucket.take(place).is_none());
            bucket.put(place, 0x80, kept(b"another"));
            assert!(only(State::Unused), "{place}: it was the one before that was asked for");
        }
    }

    #[test]
    fn another_token_of_the_same_tag_is_not_found_and_not_asked_for() {
        let bucket = Bucket::new();
        bucket.put(0, 0x81, kept(b"one"));
        bucket.put(1, 0x81, kept(b"other"));
        assert_eq!(bucket.find(0x81, b"other").map(|(place, _)| place), Some(1));
        assert!(bucket.find(0x81, b"third").is_none() && bucket.find(0x82, b"one").is_none());
        assert_eq!([bucket.state(0), bucket.state(1)], [State::Unused, State::Used]);
    }
}
