//! A limit that a stall of this machine cannot use up.

use std::time::{Duration, Instant};

/// Time that is left, counted from one look to the next. Between two looks lies an answer of the server: where that took longer than an
/// answer takes, the test, the server or the whole machine stood still, and so it counts as [`STEP`]. On a machine at work it is
/// the time that has passed; on one that stands still nothing is taken for slowness of what is promised.
pub struct Calm {
    left: Duration,
    step: Duration,
    looked: Instant,
}

impl Calm {
    /// So much of it, from now on.
    pub fn new(limit: Duration) -> Self {
        Self::with_steps(limit, STEP)
    }

    /// The same where a look is due only every so often.
    pub fn with_steps(limit: Duration, step: Duration) -> Self {
        Self { left: limit, step, looked: Instant::now() }
    }

    /// Whether some is left.
    pub fn lasts(&mut self) -> bool {
        let now = Instant::now();
        self.left = self.left.saturating_sub(now.duration_since(self.looked).min(self.step));
        self.looked = now;
        !self.left.is_zero()
    }
}

/// The longest that an answer takes on a machine at work.
const STEP: Duration = Duration::from_millis(10);
