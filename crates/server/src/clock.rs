//! The only reader of the wall clock. It never runs backwards, so a clock stepped back revives nothing; and all nodes on one
//! PostgreSQL go by the clock of that, so their own may say what they like.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use domain::{Span, UnixMillis};
use rustix::time::{ClockId, clock_gettime};
use store::Store;

use crate::app::StartError;
use crate::moments::moment;

/// Tells the time, in unix milliseconds. Clones share one latest moment.
#[derive(Clone)]
pub struct Clock {
    /// By how much the time is ahead of what the source counts, in milliseconds: the most that it ever was, but for what
    /// [`Clock::look`] takes back.
    ahead: Arc<AtomicI64>,
    source: Source,
}

#[derive(Clone)]
enum Source {
    System(Instant),
    /// [`ticks`] from one look at the database's clock to the next; and the latest time told.
    Database(Arc<AtomicI64>),
    Manual(Arc<AtomicI64>),
}

/// A clock is far behind what the database has seen already.
#[derive(Debug, thiserror::Error)]
#[error(
    "{whose} clock says {says}, but the database has already seen {floor}. Until one of the two is right, nothing \
     would expire when it should. Set the clock; or, if it is the database that has seen a wrong time, stop the server \
     and run `watchword danger-reset-clock`"
)]
pub struct ClockBehind {
    whose: &'static str,
    says: String,
    floor: String,
}

impl Clock {
    /// The clock of an installation: the database's if that is a server, or else this machine's. Never earlier than what
    /// an earlier run had seen. A lead of up to [`TOLERANCE`] is kept; a greater one is an error.
    pub async fn of(store: &Store) -> Result<Self, StartError> {
        let floor = store.clock_floor().await?;
        let asked = ticks();
        let Some(says) = store.time().await? else { return Ok(Self::system(floor)?) };
        let floor = checked("the database server's", says, floor)?;
        let clock = Self::database(floor.max(says), ticks());
        clock.reckon(asked, says, ticks());
        Ok(clock)
    }

    /// The machine's clock, but never earlier than `floor`: the latest moment that an earlier run had seen. A lead of up to
    /// [`TOLERANCE`] is kept; a greater one is an error.
    pub fn system(floor: Option<UnixMillis>) -> Result<Self, ClockBehind> {
        let floor = checked("this machine's", Self::wall(), floor)?;
        Ok(Self { ahead: Arc::new(AtomicI64::new(floor.0)), source: Source::System(Instant::now()) })
    }

    /// A clock that moves only when `moment` is changed, for tests.
    pub fn manual(moment: Arc<AtomicI64>) -> Self {
        Self { ahead: Arc::new(AtomicI64::new(0)), source: Source::Manual(moment) }
    }

    fn database(time: UnixMillis, ticks: i64) -> Self {
        let ahead = Arc::new(AtomicI64::new(time.0 - ticks));
        Self { ahead, source: Source::Database(Arc::new(AtomicI64::new(i64::MIN))) }
    }

    /// What the machine's clock says at this moment, for words on a terminal only.
    pub fn wall() -> UnixMillis {
        UnixMillis(system_millis())
    }

    /// Now. When the clock behind it steps back, time goes on from where it was; it neither returns nor stands still.
    pub fn now(&self) -> UnixMillis {
        let (wall, since_start) = match &self.source {
            Source::System(start) => (system_millis(), start.elapsed().as_millis() as i64),
            Source::Manual(moment) => (moment.load(Ordering::Relaxed), 0),
            Source::Database(latest) => return self.told(latest, ticks()),
        };
        let ahead = wall - since_start;
        UnixMillis(self.ahead.fetch_max(ahead, Ordering::Relaxed).max(ahead) + since_start)
    }

    fn told(&self, latest: &AtomicI64, ticks: i64) -> UnixMillis {
        let now = self.ahead.load(Ordering::Relaxed) + ticks;
        UnixMillis(latest.fetch_max(now, Ordering::Relaxed).max(now))
    }

    /// Looks at the database's clock, if that is the one that counts.
    pub async fn look(&self, store: &Store) -> Result<(), store::Error> {
        if let Source::Database(_) = self.source {
            let asked = ticks();
            if let Some(says) = store.time().await? {
                self.reckon(asked, says, ticks());
            }
        }
        Ok(())
    }

    /// Takes it that the database's clock said `says` at some moment between two counts of ticks.
    ///
    /// So this clock is never ahead of the database's, and behind it by the shortest way there and back that was seen.
    fn reckon(&self, asked: i64, says: UnixMillis, answered: i64) {
        let (least, most) = (says.0 - answered, says.0 - asked);
        let ahead = self.ahead.fetch_max(least, Ordering::Relaxed);
        if ahead > most {
            // This machine counts faster, or the database's clock was set back. Time goes on, a little slower.
            self.ahead.fetch_sub((ahead - most).min(GIVE_WAY), Ordering::Relaxed);
        }
    }

    /// By how many milliseconds this machine's clock is ahead of the one that counts, if that is another machine's.
    pub fn off(&self) -> Option<i64> {
        matches!(self.source, Source::Database(_)).then(|| system_millis() - self.now().0)
    }
}

/// The later of what a clock says and what an earlier run had seen.
fn checked(whose: &'static str, says: UnixMillis, floor: Option<UnixMillis>) -> Result<UnixMillis, ClockBehind> {
    let floor = floor.unwrap_or(says);
    if floor.since(says) > TOLERANCE {
        return Err(ClockBehind { whose, says: moment(says), floor: moment(floor) });
    }
    Ok(floor)
}

/// How far behind the database a clock may be at the start.
const TOLERANCE: Span = Span::minutes(1);

/// By how many milliseconds time is held back at one look, at most: a look comes every second.
const GIVE_WAY: i64 = 1;

/// Milliseconds from some moment in the past of this machine. Nobody sets them, and they go on while it sleeps.
fn ticks() -> i64 {
    let since = clock_gettime(TICKS);
    since.tv_sec * 1000 + since.tv_nsec / 1_000_000
}

#[cfg(target_os = "linux")]
const TICKS: ClockId = ClockId::Boottime;
#[cfg(not(target_os = "linux"))]
const TICKS: ClockId = ClockId::Monotonic;

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
        assert!(error.contains("danger-reset-clock") && error.contains("this machine's"), "{error}");
    }

    /// What a clock on the database tells after so many ticks.
    fn told(clock: &Clock, ticks: i64) -> i64 {
        let Source::Database(latest) = &clock.source else { unreachable!() };
        clock.told(latest, ticks).0
    }

    const T0: UnixMillis = UnixMillis(1_800_000_000_000);

    #[test]
    fn the_databases_time_is_followed_from_behind_and_the_closer_the_quicker_it_answers() {
        let clock = Clock::database(T0, 1000);
        clock.reckon(900, T0, 1000);
        assert_eq!(told(&clock, 1500), T0.0 + 500);
        // Asked and answered within 10: it cannot be earlier than this.
        clock.reckon(2000, T0 + Span(1095), 2010);
        assert_eq!(told(&clock, 2010), T0.0 + 1095);
        // A slow answer says nothing new.
        clock.reckon(3000, T0 + Span(2090), 4000);
        assert_eq!(told(&clock, 4000), T0.0 + 3085);
    }

    #[test]
    fn a_database_whose_clock_is_set_on_takes_all_nodes_with_it() {
        let clock = Clock::database(T0, 0);
        clock.reckon(1000, T0 + Span::hours(1), 1002);
        assert_eq!(told(&clock, 1002), (T0 + Span::hours(1)).0);
    }

    #[test]
    fn a_database_whose_clock_is_set_back_makes_time_go_slower_but_never_back() {
        let clock = Clock::database(T0, 0);
        assert_eq!(told(&clock, 100), T0.0 + 100);
        clock.reckon(100, T0 - Span::hours(1), 100);
        assert_eq!(told(&clock, 100), T0.0 + 100, "it does not return");
        assert_eq!(told(&clock, 200), T0.0 + 199);
        for second in 1..=20 {
            clock.reckon(second * 1000, T0 - Span::hours(1) + Span(second * 1000), second * 1000);
        }
        assert_eq!(told(&clock, 20_000), T0.0 + 20_000 - 21);
    }

    #[test]
    fn a_machine_that_counts_too_fast_is_held_back() {
        let clock = Clock::database(T0, 0);
        // One part in two thousand, and answers within one millisecond.
        for second in 1..=3600 {
            let ticks = second * 1000 + second / 2;
            clock.reckon(ticks, T0 + Span(second * 1000), ticks + 1);
            assert!((told(&clock, ticks) - T0.0 - second * 1000).abs() <= 2);
        }
    }
}
