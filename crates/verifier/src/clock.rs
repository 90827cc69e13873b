//! What time it is: the machine's clock, or one that a test moves.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rustix::time::{ClockId, clock_gettime};

/// Tells the time. Clones tell the same.
///
/// ```
/// use std::time::Duration;
/// let clock = verifier::Clock::manual(1_700_000_000_000);
/// clock.advance(Duration::from_secs(60));
/// assert_eq!(clock.now_ms(), 1_700_000_060_000);
/// ```
#[derive(Clone, Debug)]
pub struct Clock(Source);

#[derive(Clone, Debug)]
enum Source {
    System(Instant),
    Manual { start_ms: i64, now_ms: Arc<AtomicI64> },
}

/// A duration in milliseconds; one that is too long for that is as good as for ever.
pub(crate) fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

impl Clock {
    /// The machine's clock.
    pub fn system() -> Self {
        Self(Source::System(Instant::now()))
    }

    /// A clock that stands at a moment, in unix milliseconds, until it is [advanced](Self::advance).
    pub fn manual(now_ms: i64) -> Self {
        Self(Source::Manual { start_ms: now_ms, now_ms: Arc::new(AtomicI64::new(now_ms)) })
    }

    /// Moves a manual clock, and all its clones; the machine's clock stays as it is.
    pub fn advance(&self, by: Duration) {
        if let Source::Manual { now_ms, .. } = &self.0 {
            now_ms.fetch_add(millis(by), Ordering::AcqRel);
        }
    }

    /// Now, in unix milliseconds: for times that others have written.
    pub fn now_ms(&self) -> i64 {
        match &self.0 {
            Source::System(_) => system_millis(),
            Source::Manual { now_ms, .. } => now_ms.load(Ordering::Acquire),
        }
    }

    /// Milliseconds since an arbitrary moment: for ages, which nobody's setting of the clock may change.
    pub(crate) fn elapsed_ms(&self) -> i64 {
        match &self.0 {
            Source::System(start) => start.elapsed().as_millis() as i64,
            Source::Manual { start_ms, now_ms } => now_ms.load(Ordering::Acquire) - start_ms,
        }
    }

    /// Milliseconds by a clock that nobody sets and that goes on while the machine sleeps, where there is one: for how long
    /// ago something was that may have changed since.
    pub(crate) fn passed_ms(&self) -> i64 {
        match &self.0 {
            Source::System(_) => {
                let since = clock_gettime(AWAKE_AND_ASLEEP);
                since.tv_sec * 1000 + since.tv_nsec / 1_000_000
            }
            Source::Manual { now_ms, .. } => now_ms.load(Ordering::Acquire),
        }
    }
}

#[cfg(target_os = "linux")]
const AWAKE_AND_ASLEEP: ClockId = ClockId::Boottime;
// On Apple's systems the monotonic clock goes on, too.
#[cfg(not(target_os = "linux"))]
const AWAKE_AND_ASLEEP: ClockId = ClockId::Monotonic;

#[expect(clippy::disallowed_methods, reason = "this is the clock")]
fn system_millis() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |past| past.as_millis() as i64)
}
