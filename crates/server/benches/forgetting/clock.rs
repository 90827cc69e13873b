//! One clock for all processes of this machine, which nobody sets.

use rustix::time::{ClockId, clock_gettime};

/// Nanoseconds since some moment before all of this began.
pub fn now() -> i64 {
    let since = clock_gettime(ClockId::Monotonic);
    since.tv_sec * 1_000_000_000 + since.tv_nsec
}

pub const MILLISECOND: i64 = 1_000_000;

/// As milliseconds.
pub fn millis(nanoseconds: i64) -> f64 {
    nanoseconds as f64 / MILLISECOND as f64
}
