//! The only reader of the wall clock. It never runs backwards, so a clock stepped back revives nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use domain::UnixMillis;

/// Tells the time, in unix milliseconds. Clones share one latest moment.
#[derive(Clone)]
pub struct Clock {
    latest: Arc<AtomicI64>,
    source: Source,
}

#[derive(Clone)]
enum Source {
    System,
    Manual(Arc<AtomicI64>),
}

impl Clock {
    /// The machine's clock, but never earlier than `floor`: the latest moment that an earlier run had seen.
    pub fn system(floor: Option<UnixMillis>) -> Self {
        Self { latest: Arc::new(AtomicI64::new(floor.map_or(0, |floor| floor.0))), source: Source::System }
    }

    /// A clock that moves only when `moment` is changed, for tests.
    pub fn manual(moment: Arc<AtomicI64>) -> Self {
        Self { latest: Arc::new(AtomicI64::new(0)), source: Source::Manual(moment) }
    }

    /// Now, or the latest moment ever told if the source has stepped back since.
    pub fn now(&self) -> UnixMillis {
        let told = match &self.source {
            Source::System => system_millis(),
            Source::Manual(moment) => moment.load(Ordering::Relaxed),
        };
        UnixMillis(self.latest.fetch_max(told, Ordering::Relaxed).max(told))
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the clock")]
fn system_millis() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_stepped_back_stands_still() {
        let moment = Arc::new(AtomicI64::new(5000));
        let clock = Clock::manual(Arc::clone(&moment));
        assert_eq!(clock.now(), UnixMillis(5000));
        moment.store(1000, Ordering::Relaxed);
        assert_eq!(clock.now(), UnixMillis(5000));
        moment.store(6000, Ordering::Relaxed);
        assert_eq!(clock.now(), UnixMillis(6000));
    }

    #[test]
    fn the_time_never_falls_below_what_an_earlier_run_had_seen() {
        let future = UnixMillis(system_millis() + 3_600_000);
        assert_eq!(Clock::system(Some(future)).now(), future);
    }
}
