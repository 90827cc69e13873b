//! Moments and lengths of time, both in milliseconds, so that neither is mistaken for a bare number.

use std::fmt;
use std::ops::{Add, Sub};
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A moment: milliseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UnixMillis(pub i64);

impl UnixMillis {
    /// Whole seconds since the epoch, rounded down, as JWT dates are written (RFC 7519 §2, NumericDate).
    pub fn seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// The time from `earlier` to `self`; zero when `earlier` is the later one.
    pub fn since(self, earlier: Self) -> Span {
        Span(self.0.saturating_sub(earlier.0).max(0))
    }
}

impl Add<Span> for UnixMillis {
    type Output = Self;
    fn add(self, span: Span) -> Self {
        Self(self.0.saturating_add(span.0))
    }
}

impl Sub<Span> for UnixMillis {
    type Output = Self;
    fn sub(self, span: Span) -> Self {
        Self(self.0.saturating_sub(span.0))
    }
}

/// A length of time in milliseconds. Written in configuration as `90s`, `10m`, `24h` or `30d`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(pub i64);

impl Span {
    /// No time at all.
    pub const ZERO: Self = Self(0);

    /// `n` seconds.
    pub const fn seconds(n: i64) -> Self {
        Self(n * 1000)
    }

    /// `n` minutes.
    pub const fn minutes(n: i64) -> Self {
        Self::seconds(n * 60)
    }

    /// `n` hours.
    pub const fn hours(n: i64) -> Self {
        Self::minutes(n * 60)
    }

    /// `n` days of 24 hours.
    pub const fn days(n: i64) -> Self {
        Self::hours(n * 24)
    }

    /// Whole seconds, rounded up: what `Retry-After` and `expires_in` promise.
    pub fn whole_seconds(self) -> i64 {
        self.0.saturating_add(999).div_euclid(1000)
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = self.0;
        let (unit, name) = UNITS.iter().find(|(unit, _)| ms % unit == 0).unwrap_or(&UNITS[UNITS.len() - 1]);
        write!(f, "{}{name}", ms / unit)
    }
}

/// Why a text is not a [`Span`].
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a number with a unit, such as 90s, 10m, 24h or 30d (at most 3650d)")]
pub struct NotASpan;

impl FromStr for Span {
    type Err = NotASpan;

    fn from_str(text: &str) -> Result<Self, NotASpan> {
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (number, name) = text.split_at(digits);
        let number: i64 = number.parse().map_err(|_| NotASpan)?;
        let (unit, _) = UNITS.iter().find(|(_, unit)| *unit == name).ok_or(NotASpan)?;
        number.checked_mul(*unit).map(Self).filter(|span| *span <= Self::days(3650)).ok_or(NotASpan)
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

const UNITS: [(i64, &str); 5] = [(86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1000, "s"), (1, "ms")];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_written_with_the_largest_unit_that_fits() {
        for (span, text) in [(Span::days(30), "30d"), (Span::hours(25), "25h"), (Span(1500), "1500ms")] {
            assert_eq!(span.to_string(), text);
            assert_eq!(text.parse(), Ok(span));
        }
    }

    #[test]
    fn a_number_without_a_unit_or_beyond_ten_years_is_refused() {
        for text in ["", "10", "m", "-5s", "5 m", "3651d", "99999999999999999d", "１0s"] {
            assert_eq!(text.parse::<Span>(), Err(NotASpan), "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn every_span_reads_back_as_it_was_written(ms in 0i64..=Span::days(3650).0) {
            proptest::prop_assert_eq!(Span(ms).to_string().parse(), Ok(Span(ms)));
        }
    }
}
