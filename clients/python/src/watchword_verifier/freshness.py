"""How much is known, and whether that is enough: the rule of the feed, without IO and without a clock of its own."""

from __future__ import annotations

import threading
from typing import NamedTuple


class View(NamedTuple):
    """How things stand at a moment."""

    now_ms: int
    """The latest that the issuer's clock may show, in unix milliseconds. What the issuer dated is judged by it."""
    age_ms: int
    """Everything is known that was committed this many milliseconds ago or earlier."""

    def age_of(self, rat: int) -> int:
        """How old the knowledge is by which a credential is judged that was read at `rat`: it proves by itself that it
        had not been withdrawn then."""
        age = self.now_ms - rat
        # Later than the issuer's clock can show: a clock was set in between. Or the issuer has been silent for so long
        # that the key which signed the time may have been withdrawn.
        if age < 0 or self.age_ms > _RAT_PROVES_FOR:
            return self.age_ms
        return min(age, self.age_ms)


_RAT_PROVES_FOR = 900_000
"""Milliseconds: as long as an access token lives at most."""


class _Proofs(NamedTuple):
    known: int
    asked: int
    issuer: int


class Freshness:
    """What the answers so far have proven. Readers never wait."""

    def __init__(self) -> None:
        self._proofs: _Proofs | None = None
        self._lock = threading.Lock()

    def learn(self, asked: int, age_ms: int, now_ms: int) -> None:
        """Takes note of a watermark, once everything in its answer has been applied. `asked` is when the question was
        sent."""
        with self._lock:
            old, new = self._proofs, _Proofs(asked - age_ms, asked, now_ms)
            if old is not None:
                # Two questions may have been under way at once, and an older node may know less.
                latest = old if old.asked > new.asked else new
                new = latest._replace(known=max(old.known, new.known))
            self._proofs = new

    def at(self, now: int) -> View | None:
        """How things stand. None until the first proof: then nothing may be accepted. Read the clock before the entries
        are looked at."""
        proofs = self._proofs
        if proofs is None:
            return None
        return View(proofs.issuer + (now - proofs.asked), now - proofs.known)
