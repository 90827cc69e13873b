//! How many of the delays lie between which bounds, each wider than the one before by the same factor.

use std::fmt;

use crate::clock::MILLISECOND;

/// First those up to 0, then from 10 microseconds to 100 seconds, five to a power of ten.
pub struct Histogram {
    pub counts: Vec<usize>,
}

impl Histogram {
    pub const BINS: usize = 1 + 7 * 5;

    /// Of delays in nanoseconds.
    pub fn of(delays: &[i64]) -> Self {
        let mut counts = vec![0; Self::BINS];
        for delay in delays {
            counts[Self::bin(*delay)] += 1;
        }
        Self { counts }
    }

    /// Where a bin ends, in milliseconds.
    pub fn end(bin: usize) -> f64 {
        if bin == 0 { 0.0 } else { 10f64.powf((bin as f64 - 10.0) / 5.0) }
    }

    /// Where on the axis a delay in milliseconds is: so many bins from its left.
    pub fn place(milliseconds: f64) -> f64 {
        if milliseconds <= 0.0 { 0.5 } else { (milliseconds.log10() * 5.0 + 11.0).clamp(1.0, Self::BINS as f64) }
    }

    /// The bins from the first to the last with something in it.
    pub fn range(&self) -> std::ops::Range<usize> {
        let first = self.counts.iter().position(|count| *count > 0).unwrap_or(0);
        let last = self.counts.iter().rposition(|count| *count > 0).unwrap_or(0);
        first..last + 1
    }

    fn bin(delay: i64) -> usize {
        (1..Self::BINS - 1)
            .find(|bin| delay as f64 <= Self::end(*bin) * MILLISECOND as f64)
            .map_or(Self::BINS - 1, |bin| if delay <= 0 { 0 } else { bin })
    }
}

impl fmt::Display for Histogram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let most = self.counts.iter().max().copied().unwrap_or(0).max(1);
        for bin in self.range() {
            let (count, end) = (self.counts[bin], Self::end(bin));
            let until = if bin == 0 { "before".to_owned() } else { format!("to {}", milliseconds(end)) };
            writeln!(f, "  {until:>10} ms {count:>7}  {}", "#".repeat((count * 60).div_ceil(most)))?;
        }
        Ok(())
    }
}

/// Two digits that count.
pub fn milliseconds(value: f64) -> String {
    match value {
        10.0.. => format!("{value:.0}"),
        1.0..10.0 => format!("{value:.1}"),
        0.1..1.0 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}
