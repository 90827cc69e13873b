"""The issuer's keys: fetched once for everybody, renewed while in use, and not believed for ever."""

from __future__ import annotations

import logging
import threading
from typing import Literal

from . import forked
from .clock import Clock
from .discovery import ConnectError
from .fetch import Fetch
from .jwk import KeySet, KeysRefused, key_set

_log = logging.getLogger("watchword_verifier")


class Keys:
    """Keeps a key set up to date. Nothing runs while nobody asks."""

    def __init__(self, fetch: Fetch, uri: str, clock: Clock, stale_seconds: float) -> None:
        self._fetch = fetch
        self._uri = uri
        self._clock = clock
        self._stale_ms = int(stale_seconds * 1_000)
        self._lock = threading.Lock()
        self._under_way: threading.Event | None = None
        self._failures = 0
        self._retry_at = 0
        now = clock.steady_ms()
        answer = fetch.document(uri)
        try:
            self.current: KeySet = key_set(answer.body)
        except KeysRefused as error:
            raise ConnectError(f"the issuer's keys cannot be used: {error}") from None
        self._document = answer.body
        self._asked_at = now
        self._not_before = _NEVER
        self._due_at = now + self._renewal_ms(answer.max_age)
        self.renewals = 0
        """How often they were fetched again: whoever verified with others may try again."""
        forked.watch(self)

    def after_fork(self) -> None:
        """Forgets a fetch that was under way in the parent."""
        self._lock = threading.Lock()
        self._under_way = None

    def must_wait(self) -> bool:
        """Sees to it that keys are renewed aside when that is due; True if they are so old that one has to wait."""
        now = self._clock.steady_ms()
        if now < self._due_at:
            return False
        self._begin(now)
        return self._are_stale(now) or (now >= self._due_at + _OVERDUE and self._under_way is not None)

    def ensure_usable(self) -> bool:
        """Waits for new keys if the old ones are too old; False if there are none that may still be believed."""
        now = self._clock.steady_ms()
        if now < self._due_at:
            return True
        ended = self._begin(now)
        if not self._are_stale(now):
            if ended is not None and now >= self._due_at + _OVERDUE:
                ended.wait(_MOMENT)
            return True
        if ended is not None:
            ended.wait(_LONGEST)
        return not self._are_stale(self._clock.steady_ms())

    def is_known_absent(self, renewals: int) -> bool:
        """Whether the keys are so new that a name which is in none of them, after so many renewals, needs no question."""
        return self.renewals == renewals and self._clock.steady_ms() < self._asked_at + _UNKNOWN_KEY

    def look_again(self, renewals: int) -> Literal["renewed", "absent", "unanswered"]:
        """Looks for a key that a token names. The issuer is asked at most every five seconds, so that made-up names cost it
        nothing."""
        if self.renewals == renewals:
            if self.is_known_absent(renewals):
                return "absent"
            ended = self._begin(self._clock.steady_ms())
            if ended is not None:
                ended.wait(_LONGEST)
        return "renewed" if self.renewals != renewals else "unanswered"

    @property
    def longest_use_ms(self) -> int:
        """For how many milliseconds a key may be used after it was published last: here, and before that by whoever passed it
        on."""
        return 2 * self._stale_ms

    def distrust(self) -> None:
        """Uses these keys no more until they have been fetched anew."""
        with self._lock:
            self._not_before = self._clock.steady_ms()
            self._asked_at = self._due_at = _NEVER

    def retry_after(self) -> int:
        """Seconds until there is use in trying again."""
        return max(1, (self._retry_at - self._clock.steady_ms()) // 1_000 + 1)

    def _are_stale(self, now: int) -> bool:
        return now >= self._asked_at + self._stale_ms

    def _begin(self, now: int) -> threading.Event | None:
        """Has the keys fetched aside, unless that is under way, or of no use so soon after a failure."""
        with self._lock:
            if self._under_way is None:
                if now < self._retry_at:
                    return None
                ended = self._under_way = threading.Event()
                name = "watchword-keys"
                threading.Thread(target=self._fetch_now, args=(now, ended), name=name, daemon=True).start()
            return self._under_way

    def _fetch_now(self, now: int, ended: threading.Event) -> None:
        try:
            answer = self._fetch.document(self._uri)
            # The same document again must not cost everybody their verified tokens.
            if answer.body != self._document:
                self.current = key_set(answer.body)
                self._document = answer.body
            self._failures = 0
            with self._lock:
                if now >= self._not_before:
                    self._asked_at = now
                    self._due_at = now + self._renewal_ms(answer.max_age)
            self.renewals += 1
        except Exception as error:
            wait = min(_RETRY << min(self._failures, 6), _RETRY_MAX)
            self._failures += 1
            self._retry_at = self._clock.steady_ms() + wait
            _log.warning("the issuer's keys could not be renewed, again in %d ms: %s", wait, error)
        finally:
            with self._lock:
                self._under_way = None
            ended.set()

    def _renewal_ms(self, max_age: int | None) -> int:
        """How long keys are used without asking again: what the issuer allows, within bounds, and long before they are
        stale."""
        seconds = min(max(300 if max_age is None else max_age, 60), 3_600)
        return min(seconds * 1_000, self._stale_ms // 2)


_NEVER = -(2**62)

# Milliseconds after which keys that ought to have been renewed are worth waiting for; and for how many seconds.
_OVERDUE = 60_000
_MOMENT = 0.5

# Longer than any fetch takes.
_LONGEST = 15.0

# Milliseconds within which a name that is not in the keys is known not to be.
_UNKNOWN_KEY = 5_000

# Milliseconds to wait after a failure, doubled by each, up to a minute.
_RETRY = 1_000
_RETRY_MAX = 60_000
