"""What time it is."""

from __future__ import annotations

import time


class Clock:
    """The machine's clocks. Tests have one of their own."""

    def __init__(self) -> None:
        self._ahead = self.wall_ms() - self.steady_ms()

    def wall_ms(self) -> int:
        """Unix milliseconds, as somebody set them."""
        return time.time_ns() // 1_000_000

    def steady_ms(self) -> int:
        """Milliseconds of a clock that only goes forward and that nobody sets; on Linux it counts sleep, too."""
        return time.clock_gettime_ns(_STEADY) // 1_000_000

    def passed_ms(self) -> int:
        """Milliseconds of a clock that never goes back, and that goes on as either of the others does, whichever goes
        further: the steady one may stand still while the machine sleeps."""
        steady = self.steady_ms()
        ahead = self.wall_ms() - steady
        # Of two threads the one that says less may write last; the other's moment has then been told but once.
        if ahead > self._ahead:
            self._ahead = ahead
        return self._ahead + steady


_STEADY: int = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
