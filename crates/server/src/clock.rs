//! The only reader of the wall clock. It never runs backwards, so a clock stepped back revives nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use domain::{Span, UnixMillis};

use crate::moments::moment;

/// Tells the time, in unix milliseconds. Clones share one latest moment.
#[derive(Clone)]
pub struct Clock {
    /// The latest that the wall clock ever was ahead of the time since the start, in milliseconds.
    ahead: Arc<AtomicI64>,
    source: Source,
}

#[derive(Clone)]
enum Source {
    System(Instant),
    Manual(Arc<AtomicI64>),
}

/// The machine's clock is far behind what the database has seen already.
#[derive(Debug, thiserror::Error)]
#[error(
    "this machine's clock says {wall}, but the database has already seen {floor}. Until one of the two is right, nothing \
     would expire when it should. Set the clock; or, if it is the database that has seen a wrong time, stop the server \
     and run `watchword danger-reset-clock`"
)]
pub struct ClockBehind {
    wall: String,
    floor: String,
}

impl Clock {
    /// The machine's clock, but never earlier than `floor`: the latest moment that an earlier run had seen. A lead of up to
    /// [`TOLERANCE`] is kept; a greater one is an error.
    pub fn system(floor: Option<UnixMillis>) -> Result<Self, ClockBehind> {
        let wall = Self::wall();
        let floor = floor.unwrap_or(wall);
        if floor.since(wall) > TOLERANCE {
            return Err(ClockBehind { wall: moment(wall), floor: moment(floor) });
        }
        Ok(Self { ahead: Arc::new(AtomicI64::new(floor.0)), source: Source::System(Instant::now()) })
    }

    /// A clock that moves only when `moment` is changed, for tests.
    pub fn manual(moment: Arc<AtomicI64>) -> Self {
        Self { ahead: Arc::new(AtomicI64::new(0)), source: Source::Manual(moment) }
    }

    /// What the machine's clock says at this moment, for words on a terminal only.
    pub fn wall() -> UnixMillis {
        UnixMillis(system_millis())
    }

    /// Now. When the wall clock steps back, time goes on from where it was; it neither returns nor stands still.
    pub fn now(&self) -> UnixMillis {
        let (wall, since_start) = match &self.source {
            Source::System(start) => (system_millis(), start.elapsed().as_millis() as i64),
            Source::Manual(moment) => (moment.load(Ordering::Relaxed), 0),
        };
        let ahead = wall - since_start;
        UnixMillis(self.ahead.fetch_max(ahead, Ordering::Relaxed).max(ahead) + since_start)
    }
}

/// How far behind the database a machine's clock may be at the start.
const TOLERANCE: Span = Span::minutes(1);

#[expect(clippy::disallowed_methods, reason = "this is the clock")]
fn system_millis() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_stepped_back_never_shows_an_earlier_time() {
        let moment = Arc::new(AtomicI64::new(5000));
        let clock = Clock::manual(Arc::clone(&moment));
        assert_eq!(clock.now(), UnixMillis(5000));
        moment.store(1000, Ordering::Relaxed);
        assert_eq!(clock.now(), UnixMillis(5000));
        moment.store(6000, Ordering::Relaxed);
        assert_eq!(clock.now(), UnixMillis(6000));
    }

    #[test]
    fn the_time_never_falls_below_what_an_earlier_run_had_seen_and_goes_on_from_there() {
        let floor = UnixMillis(system_millis() + 30_000);
        let clock = Clock::system(Some(floor)).unwrap();
        let first = clock.now();
        assert!(first >= floor);
        while clock.now() == first {
            std::hint::spin_loop();
        }
    }

    #[test]
    fn a_clock_far_behind_the_database_stops_the_start_with_advice() {
        let floor = UnixMillis(system_millis()) + TOLERANCE + Span::minutes(1);
        let error = Clock::system(Some(floor)).err().unwrap().to_string();
        assert!(error.contains("danger-reset-clock"), "{error}");
    }
}
