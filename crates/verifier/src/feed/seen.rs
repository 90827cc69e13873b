//! Which entries of a log somebody has seen, when entries do not become visible in the order of their numbers.

use std::fmt;

use super::Position;

/// Every entry with a number below `below`, but for those in `missing`. On PostgreSQL the number is the transaction's, and this is
/// a snapshot: of two transactions the one that began later may be committed first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    below: u64,
    /// Ascending, each lower than `below`.
    missing: Vec<u64>,
}

impl Seen {
    /// Everything below a number.
    ///
    /// ```
    /// use verifier::feed::Seen;
    /// let seen = Seen::below(7);
    /// assert!(seen.has(6) && !seen.has(7));
    /// ```
    pub fn below(below: u64) -> Self {
        Self { below, missing: Vec::new() }
    }

    /// Everything below a number, but for some.
    ///
    /// ```
    /// use verifier::feed::Seen;
    /// let seen = Seen::below_without(10, [8, 5]);
    /// assert!(seen.has(4) && !seen.has(5) && seen.has(7) && !seen.has(8) && !seen.has(10));
    /// assert_eq!(seen.lowest_missing(), 5);
    /// ```
    pub fn below_without(below: u64, missing: impl IntoIterator<Item = u64>) -> Self {
        let mut missing: Vec<_> = missing.into_iter().filter(|number| *number < below).collect();
        missing.sort_unstable();
        missing.dedup();
        Self { below, missing }
    }

    /// Whether an entry is among them.
    pub fn has(&self, number: u64) -> bool {
        number < self.below && self.missing.binary_search(&number).is_err()
    }

    /// The lowest number that is not among them.
    pub fn lowest_missing(&self) -> u64 {
        self.missing.first().copied().unwrap_or(self.below)
    }

    /// Those below its end that are not among them, ascending.
    pub(super) fn missing(&self) -> &[u64] {
        &self.missing
    }

    /// The number below which they all are.
    pub(super) fn end(&self) -> u64 {
        self.below
    }

    /// As a position in the log of `source`, whose name is up to 64 of the characters that a position may have, but the dot.
    ///
    /// ```
    /// use verifier::feed::Seen;
    /// let seen = Seen::below_without(751, [747, 749]);
    /// let position = seen.position("db7");
    /// assert_eq!(position.as_str(), "1.db7.747:4:2");
    /// assert_eq!(Seen::parse(&position, "db7"), Some(seen));
    /// assert_eq!(Seen::parse(&position, "another"), None);
    /// ```
    pub fn position(&self, source: &str) -> Position {
        Position::parse(&format!("{VERSION}.{source}.{self}"))
            .expect("its characters are allowed and its length is bounded")
    }

    /// What a position says, if it is one in the log of `source`.
    pub fn parse(position: &Position, source: &str) -> Option<Self> {
        let text = position.as_str().strip_prefix(VERSION)?.strip_prefix('.')?;
        let mut numbers = text.strip_prefix(source)?.strip_prefix('.')?.split([':', ',']);
        let mut number = || numbers.next().map(|number| number.parse::<u64>().ok());
        let base = number()??;
        let below = base.checked_add(number()??)?;
        let mut seen = Self::below(below);
        if below > base {
            // What it is counted from is itself the first that is missing.
            seen.missing.push(base);
        }
        while let Some(step) = number() {
            let next = seen.missing.last()?.checked_add(step?)?;
            if step? == 0 || next >= below {
                return None;
            }
            seen.missing.push(next);
        }
        Some(seen)
    }
}

/// The lowest missing number, how far from there the end is, and each further missing number by its distance from the one before. When
/// that would be too long, it says less than was seen: hearing of an entry twice is harmless.
impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (listed, rest) = self.missing.split_at(self.missing.len().min(MOST_LISTED));
        let below = rest.first().copied().unwrap_or(self.below);
        let base = self.lowest_missing();
        write!(f, "{base}:{}", below - base)?;
        for (at, pair) in listed.windows(2).enumerate() {
            write!(f, "{}{}", if at == 0 { ':' } else { ',' }, pair[1] - pair[0])?;
        }
        Ok(())
    }
}

/// Of the form of positions.
const VERSION: &str = "1";

/// How many missing numbers a position lists, of which each takes 20 digits and a comma at most.
const MOST_LISTED: usize = 90;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_position_never_says_more_than_was_seen(below in 0u64..3_000, missing in prop::collection::vec(0u64..3_000, 0..200)) {
            let seen = Seen::below_without(below, missing);
            let read = Seen::parse(&seen.position("a"), "a").unwrap();
            for number in 0..3_001 {
                prop_assert!(!read.has(number) || seen.has(number), "{number}");
            }
            if seen.missing.len() <= MOST_LISTED {
                prop_assert_eq!(read, seen);
            }
        }

        #[test]
        fn whatever_a_position_says_it_is_read_without_harm(text in "1\\.a\\.[0-9:,]{0,40}") {
            if let Some(seen) = Seen::parse(&Position::parse(&text).unwrap(), "a") {
                prop_assert!(seen.missing.is_sorted());
                prop_assert!(seen.missing.iter().all(|number| *number < seen.below));
            }
        }
    }

    #[test]
    fn the_longest_position_fits() {
        let seen = Seen::below_without(u64::MAX, (0..1_000).map(|at| at * (u64::MAX / 1_000)));
        let position = seen.position(&"a".repeat(64));
        assert!(position.as_str().len() <= Position::MAX_BYTES);
        assert!(Seen::parse(&position, &"a".repeat(64)).is_some());
    }
}
