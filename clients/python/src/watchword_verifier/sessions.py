"""Whether a session is live: asked of the issuer, for routes that ask when too little is known."""

from __future__ import annotations

import logging
import threading
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout

from . import forked, strict_json
from .clock import Clock
from .fetch import Fetch, FetchError
from .following import Following
from .rejection import Refused, Unavailable

_log = logging.getLogger("watchword_verifier")


class Sessions:
    """One question about a session at a time, however many wait for it."""

    def __init__(self, fetch: Fetch, endpoint: str, clock: Clock, following: Following) -> None:
        self._fetch = fetch
        self._endpoint = endpoint
        self._clock = clock
        self._following = following
        self._read_at: dict[str, int] = {}
        self._quiet_until = 0
        self.after_fork()
        forked.watch(self)

    def after_fork(self) -> None:
        """Forgets questions that were under way in the parent."""
        self._lock = threading.Lock()
        self._under_way: dict[str, Future[int | None]] = {}
        self._places = threading.Semaphore(_QUESTIONS)

    def introspect(self, token: str, sid: str) -> None:
        """Passes if the session of a token is live, as the issuer says. The answer holds for all tokens of the session while
        it is fresh. Raises `Refused` or `Unavailable`."""
        if self._is_fresh(self._read_at.get(sid)):
            return
        with self._lock:
            answer = self._under_way.get(sid)
            is_first = answer is None
            if answer is None:
                answer = self._under_way[sid] = Future()
        if is_first:
            try:
                answer.set_result(self._ask(token))
            except Exception as error:
                answer.set_exception(error)
            finally:
                with self._lock:
                    self._under_way.pop(sid, None)
        try:
            read_at = answer.result(_PATIENCE * 2)
        except FutureTimeout:
            raise Unavailable from None
        if read_at is None:
            raise Refused("revoked")
        if len(self._read_at) >= _KEPT:
            self._read_at = {}
        self._read_at[sid] = read_at

    def _is_fresh(self, read_at: int | None) -> bool:
        view = self._following.view()
        return read_at is not None and view is not None and self._following.is_enough(view, read_at)

    def _ask(self, token: str) -> int | None:
        """When the issuer read the session, in unix milliseconds; None if there is none."""
        if self._clock.steady_ms() < self._quiet_until or not self._places.acquire(timeout=_QUEUE):
            raise Unavailable
        try:
            answer = self._fetch.get(self._endpoint, {"Authorization": f"Bearer {token}"}, _PATIENCE)
        except FetchError as error:
            _log.warning("the issuer could not be asked about a session: %s", error)
            self._quiet_until = self._clock.steady_ms() + _QUIET
            raise Unavailable from None
        finally:
            self._places.release()
        if answer.status == 401:
            return None
        if answer.status != 200:
            _log.warning("the issuer did not say whose a session is: it answered %d", answer.status)
            if answer.status >= 500:
                self._quiet_until = self._clock.steady_ms() + _QUIET
            raise Unavailable
        try:
            read_at = strict_json.parse_object(answer.body, strict_json.KEYS).get("read_at")
        except strict_json.Misshapen:
            read_at = None
        if type(read_at) is not int:
            _log.warning("the issuer's answer about a session is not readable")
            raise Unavailable
        return read_at


# Most questions under way at a time, and how many seconds one may wait for its turn, and then for its answer.
_QUESTIONS = 32
_QUEUE = 0.5
_PATIENCE = 2.0

# Most sessions remembered.
_KEPT = 50_000

# Milliseconds after a failure in which nobody asks, so that an issuer in trouble is left alone.
_QUIET = 500
