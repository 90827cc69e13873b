//! The clocks of a verifier's machine.

use crate::Bug;

/// By how much the clocks differ from the time that has really passed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Clock {
    /// How long the machine slept. The steady clock stood still meanwhile.
    slept: i8,
    /// By how much somebody has set the wall clock.
    set: i8,
    /// By how much the wall clock was set forward: what has passed by either clock since it was looked at last, whichever
    /// says more, and that summed up, is too much by this.
    gained: i8,
    /// With a mistake only: the furthest that the wall clock ever was ahead of the steady one.
    ahead: i8,
}

impl Clock {
    /// What the verifier goes by, when `now` has really passed.
    pub(crate) fn local(self, now: i8, bug: Option<Bug>) -> i8 {
        match bug {
            Some(Bug::WallClockAlone) => now + self.set,
            Some(Bug::SteadyClockAlone) => now - self.slept,
            Some(Bug::FurthestLead) => now - self.slept + self.ahead,
            _ => now + self.gained,
        }
    }

    pub(crate) fn sleep(&mut self) {
        self.slept += 1;
        self.look(0);
    }

    pub(crate) fn set(&mut self, by: i8) {
        self.set += by;
        self.look(by);
    }

    /// Whether it goes by the time that has really passed.
    pub(crate) fn is_right(self) -> bool {
        self == Self::default()
    }

    fn look(&mut self, by: i8) {
        self.gained += by.max(0);
        self.ahead = self.ahead.max(self.set + self.slept);
    }
}
