//! Throttling: how many tries in a row, and how soon the next (the generic cell rate algorithm, ITU-T I.371).

use crate::{Span, UnixMillis};

/// A limit on tries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// How many tries may follow each other without pause.
    pub burst: u32,
    /// How long until one try is given back.
    pub every: Span,
}

/// What a try meets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Try {
    /// It may go on; the record moves to this moment.
    Allowed(UnixMillis),
    /// It may not; the next one may after this long.
    Refused(Span),
}

impl Limit {
    /// Judges a try at `now`. `free_at` is the stored moment at which all tries would have been given back
    /// (the theoretical arrival time); absent if there is no record.
    pub fn judge(&self, free_at: Option<UnixMillis>, now: UnixMillis) -> Try {
        let full = now + Span(self.every.0 * i64::from(self.burst));
        // No record is ever beyond `full`, but for one that was written while the clock was wrong.
        let next = free_at.unwrap_or(now).clamp(now, full) + self.every;
        let over = next.since(full);
        if over > Span::ZERO { Try::Refused(over) } else { Try::Allowed(next) }
    }

    /// The record after one try is given back, because it succeeded.
    pub fn give_back(&self, free_at: UnixMillis) -> UnixMillis {
        free_at - self.every
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const T0: UnixMillis = UnixMillis(1_800_000_000_000);
    const LIMIT: Limit = Limit { burst: 3, every: Span::minutes(1) };

    #[test]
    fn a_burst_is_allowed_and_then_one_try_per_interval() {
        let mut free_at = None;
        for _ in 0..3 {
            let Try::Allowed(next) = LIMIT.judge(free_at, T0) else { panic!("within the burst") };
            free_at = Some(next);
        }
        assert_eq!(LIMIT.judge(free_at, T0), Try::Refused(Span::minutes(1)));
        assert_eq!(LIMIT.judge(free_at, T0 + Span::seconds(59)), Try::Refused(Span::seconds(1)));
        assert!(matches!(LIMIT.judge(free_at, T0 + Span::minutes(1)), Try::Allowed(_)));
    }

    #[test]
    fn refused_tries_do_not_lengthen_the_wait() {
        let free_at = Some(T0 + Span::minutes(3));
        for _ in 0..100 {
            assert_eq!(LIMIT.judge(free_at, T0), Try::Refused(Span::minutes(1)));
        }
    }

    #[test]
    fn a_record_from_a_wrong_clock_holds_nobody_for_long() {
        assert_eq!(LIMIT.judge(Some(T0 + Span::days(365)), T0), Try::Refused(Span::minutes(1)));
    }

    #[test]
    fn a_try_that_succeeded_is_given_back() {
        let free_at = LIMIT.give_back(T0 + Span::minutes(3));
        assert!(matches!(LIMIT.judge(Some(free_at), T0), Try::Allowed(_)));
    }
}
