//! Moments in words.

use std::fmt;

use domain::{Span, UnixMillis};
use jiff::Timestamp;

/// For example `2026-11-23 14:05 UTC`.
pub fn moment(at: UnixMillis) -> String {
    Timestamp::from_millisecond(at.0)
        .map_or_else(|_| "never".to_owned(), |t| t.strftime("%Y-%m-%d %H:%M UTC").to_string())
}

/// For example `2026-11-23 14:05:07 UTC`.
pub fn second(at: UnixMillis) -> String {
    Timestamp::from_millisecond(at.0)
        .map_or_else(|_| "never".to_owned(), |t| t.strftime("%Y-%m-%d %H:%M:%S UTC").to_string())
}

/// For example `just now`, `5 minutes ago` or `3 days ago`.
pub fn ago(at: UnixMillis, now: UnixMillis) -> String {
    let span = now.since(at);
    if span < Span::minutes(1) { "just now".to_owned() } else { format!("{} ago", words(span)) }
}

/// For example `in 13 days`, or `now`.
pub fn until(at: UnixMillis, now: UnixMillis) -> String {
    let span = at.since(now);
    if span == Span::ZERO { "now".to_owned() } else { format!("in {}", words(span)) }
}

/// A moment on a page: in words, with the exact time for machines and for whoever points at it.
pub struct When {
    at: UnixMillis,
    words: String,
}

impl When {
    /// As [`ago`].
    pub fn ago(at: UnixMillis, now: UnixMillis) -> Self {
        Self { at, words: ago(at, now) }
    }

    /// As [`second`].
    pub fn to_the_second(at: UnixMillis) -> Self {
        Self { at, words: second(at) }
    }

    /// As [`moment`].
    pub fn exactly(at: UnixMillis) -> Self {
        Self { at, words: moment(at) }
    }
}

impl fmt::Display for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let exact = Timestamp::from_millisecond(self.at.0).unwrap_or_default();
        let machine = exact.strftime("%Y-%m-%dT%H:%M:%SZ");
        write!(f, "<time datetime=\"{machine}\" title=\"{}\">{}</time>", moment(self.at), self.words)
    }
}

impl askama::FastWritable for When {
    fn write_into(&self, dest: &mut dyn fmt::Write, _: &dyn askama::Values) -> askama::Result<()> {
        Ok(write!(dest, "{self}")?)
    }
}

// Made of numbers and our own words only.
impl askama::filters::HtmlSafe for When {}

fn words(span: Span) -> String {
    let units =
        [(Span::days(1), "day"), (Span::hours(1), "hour"), (Span::minutes(1), "minute"), (Span::seconds(1), "second")];
    let (unit, name) = units.into_iter().find(|(unit, _)| span >= *unit).unwrap_or((Span::seconds(1), "second"));
    let count = (span.0 / unit.0).max(1);
    format!("{count} {name}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_read_as_people_say_them() {
        let now = UnixMillis(1_795_442_700_000);
        assert_eq!(moment(now), "2026-11-23 14:05 UTC");
        for (span, text) in
            [(Span::seconds(5), "just now"), (Span::minutes(1), "1 minute ago"), (Span::days(3), "3 days ago")]
        {
            assert_eq!(ago(now - span, now), text);
        }
        assert_eq!(until(now + Span::hours(49), now), "in 2 days");
        assert_eq!(until(now, now), "now");
    }
}
