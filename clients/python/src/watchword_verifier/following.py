"""Following the issuer's revocations: questions, which prove how much is known, and beside them a stream, which is quick."""

from __future__ import annotations

import contextlib
import logging
import os
import random
import re
import secrets
import socket
import threading
import time
from typing import NamedTuple

from . import forked
from .claims import Marks
from .clock import Clock
from .discovery import ConnectError
from .fetch import Channel, Fetch, FetchError, Pace, retry_after
from .frames import DeadKey, End, Frames, Unknown, Watermark, last_watermark
from .freshness import Freshness, View
from .keys import Keys
from .revoked import Revoked

_log = logging.getLogger("watchword_verifier")


class _Interrupted(Exception):
    """Why following goes on with a pause."""


class _Applied(NamedTuple):
    """What has come in: whether all of it was understood, whether something was withdrawn, and whether something is known
    by it that was not."""

    is_whole: bool = True
    is_news: bool = False
    is_new: bool = False


class Following:
    """What is known of the issuer's revocations. Followed by two threads until `stop`."""

    def __init__(
        self,
        fetch: Fetch,
        endpoint: str,
        credential: str,
        name: str | None,
        bound: float,
        clock: Clock,
        revoked: Revoked,
        keys: Keys | None = None,
    ) -> None:
        if not _CREDENTIAL.fullmatch(credential):
            raise ConnectError("the credential of the verifier cannot be one: `watchword verifier add NAME` prints it")
        if name is not None and not _NAME.fullmatch(name):
            raise ConnectError("the name of the verifier cannot be one: it takes 1 to 64 letters, digits and `-._`")
        if not 0.03 <= bound <= 86_400:
            raise ConnectError("the bound takes seconds, from 0.03 to a day")
        self.revoked = revoked
        self.bound_ms = int(bound * 1_000)
        self._fetch = fetch
        self._endpoint = endpoint
        self._headers = {"Authorization": f"Bearer {credential}"}
        self._own_name = name
        self._clock = clock
        # Whose withdrawal is heard of; None where somebody else keeps them.
        self._keys = keys
        self._pace = max(bound / 3, 0.01)
        # An answer that takes longer than the bound proves nothing any more.
        self._patience = min(max(bound, 1.0), 5.0)
        self._stop = threading.Event()
        self._begin_anew()
        self._questions, self._streams = fetch.channel(), fetch.channel()
        forked.watch(self)

    def begin(self) -> None:
        """Learns everything, and goes on learning. Raises FetchError or ConnectError if the first question fails."""
        try:
            self._ask(self._questions)
        except _Interrupted as error:
            self.stop()
            raise ConnectError(f"the issuer's revocations cannot be followed: {error}") from None
        except FetchError:
            self.stop()
            raise
        self._start()

    def view(self) -> View | None:
        """How things stand. To be asked before looking at what has been withdrawn."""
        return self._freshness.at(self._clock.passed_ms())

    def wait_ready(self, seconds: float) -> bool:
        """Waits for the first whole answer."""
        return self._ready.wait(seconds)

    def is_enough(self, view: View, rat: int) -> bool:
        """Whether enough is known to judge a credential that was read at `rat`, with the view that was had before its
        withdrawal was looked for."""
        return view.age_of(rat) <= self.bound_ms

    def wait_withdrawn(self, marks: Marks, seconds: float | None) -> bool:
        """Waits until a credential is withdrawn, or that may have been missed in a long silence; whether it was."""
        with self._changed:
            return self._changed.wait_for(
                lambda: marks.rat < self._unbroken_since or self.revoked.is_revoked(marks), seconds
            )

    def stop(self) -> None:
        """Stops following. What is known grows old from then on."""
        self._stop.set()
        self._news.set()
        for channel in (self._questions, self._streams):
            channel.close()
        for thread in self._threads:
            thread.join(_JOIN)

    def after_fork(self) -> None:
        """Follows in this process too. Nothing is known here until it has asked."""
        for channel in (self._questions, self._streams):
            channel.leave_to_parent()
        is_stopped = self._stop.is_set()
        self._stop = threading.Event()
        self.revoked.forget()
        self._begin_anew()
        if is_stopped:
            self._stop.set()
        else:
            self._start()

    def _begin_anew(self) -> None:
        self._freshness = Freshness()
        self._position: str | None = None
        self._news = threading.Event()
        self._ready = threading.Event()
        self._changed = threading.Condition()
        self._unbroken_since = -(2**62)
        self._name = _name_of_process(self._own_name)
        self._threads: list[threading.Thread] = []

    def _start(self) -> None:
        for target, name in ((self._ask_on, "watchword-questions"), (self._listen_on, "watchword-stream")):
            thread = threading.Thread(target=target, name=name, daemon=True)
            self._threads.append(thread)
            thread.start()

    def _ask(self, channel: Channel, wait: float = 0.0) -> bool:
        """Asks what is new; for up to `wait` seconds the answer may be held back. Whether anything in it was new."""
        asked = self._clock.passed_ms()
        pace = Pace(self._patience + wait, _LONGEST_ANSWER)
        answer = channel.get(self._url("", wait), self._headers, pace, MAX_BYTES)
        if answer.status != 200:
            raise FetchError(self._endpoint, f"answered {answer.status}", answer.status, answer.retry_after)
        watermark = last_watermark(answer.body)
        if watermark is None:
            raise _Interrupted("the answer was cut off")
        applied = self._apply(Frames(answer.body), watermark.now_ms)
        if not applied.is_whole:
            raise _Interrupted("the issuer tells of something that this version does not know; renew this program")
        # Before it is known again, so that nobody is admitted who is then overlooked.
        self._note_silence(watermark)
        self._freshness.learn(asked, watermark.age_ms, watermark.now_ms)
        self._ready.set()
        return applied.is_new

    def _note_silence(self, watermark: Watermark) -> None:
        """After a long silence something may have been withdrawn and forgotten before it could be heard."""
        view = self.view()
        if view is None or view.age_ms <= _SHORTEST_LIFE:
            return
        # Not while the silence goes on behind a relay: keys that are fetched then are as doubtful.
        if self._keys is not None and watermark.age_ms <= _SHORTEST_LIFE:
            self._keys.distrust()
        with self._changed:
            self._unbroken_since = max(self._unbroken_since, watermark.now_ms)
            self._changed.notify_all()

    def _listen(self) -> bool:
        """Listens to one stream until it ends; whether it said anything."""
        has_spoken, applied, frames, pace = False, _Applied(), Frames(), Pace(self._patience)
        response = self._streams.open(self._url("/stream"), self._headers, pace)
        if response.status != 200:
            self._streams.close()
            response.close()
            place = f"{self._endpoint}/stream"
            raise FetchError(place, f"answered {response.status}", response.status, retry_after(response))
        pace.patience = _QUIET
        try:
            while not self._stop.is_set():
                try:
                    part = response.read1(65_536)
                except Exception as error:
                    if has_spoken:
                        return True
                    raise FetchError(f"{self._endpoint}/stream", f"is silent: {error!r}") from None
                if not part:
                    break
                has_spoken = True
                frames.push(part)
                view = self.view()
                if view is not None:
                    applied = self._apply(frames, view.now_ms, applied.is_whole)
                    if applied.is_news:
                        self._news.set()
        finally:
            self._streams.close()
            response.close()
        return has_spoken

    def _apply(self, frames: Frames, now_ms: int, is_whole: bool = True) -> _Applied:
        """Heeds what has come in. It goes on from a watermark only as long as everything before it was understood, so that what
        was not comes again."""
        is_news = is_new = False
        for frame in frames.take(now_ms):
            if isinstance(frame, Watermark):
                if is_whole:
                    self._position = frame.position
            elif isinstance(frame, Unknown):
                is_whole = False
            elif not isinstance(frame, End):
                if isinstance(frame, DeadKey) and self._keys is not None:
                    # For as long as keys are used that were fetched before.
                    longest = now_ms + self._keys.longest_use_ms
                    frame = frame._replace(keep_until=max(frame.keep_until, longest))
                is_new = self.revoked.insert(frame, now_ms) or is_new
                is_news = True
        if is_news:
            with self._changed:
                self._changed.notify_all()
        return _Applied(is_whole, is_news, is_new)

    def _url(self, suffix: str, wait: float = 0.0) -> str:
        # No cache on the way may answer for the issuer.
        fresh = secrets.token_hex(8)
        wait_ms = round(wait * 1_000)
        url = f"{self._endpoint}{suffix}?wait={wait_ms}&fresh={fresh}&name={self._name}"
        if self.bound_ms != _USUAL_BOUND:
            url += f"&bound={self.bound_ms}"
        return url if self._position is None else f"{url}&position={self._position}"

    def _ask_on(self) -> None:
        pause = _Pause()
        stop, news = self._stop, self._news
        wait = 0.0 if not self._ready.is_set() else self._pace
        while not stop.is_set():
            begun = time.monotonic()
            if news.wait(wait):
                stop.wait(max(0.0, min(_SOON, wait - (time.monotonic() - begun))))
                news.clear()
            if stop.is_set():
                break
            try:
                self._ask(self._questions)
                pause, wait = _Pause(), self._pace
                view = self.view()
                if view is not None:
                    self.revoked.expire(view.now_ms)
            except Exception as error:
                wait = pause.after(error, self._pace)
                if not stop.is_set():
                    _log.warning("the revocations could not be asked for: %s", error)
        self._questions.close()

    def _listen_on(self) -> None:
        pause, silent, stop = _Pause(), 0, self._stop
        # A stream says where it stands by what a question has told.
        while not stop.is_set() and not self._ready.wait(_QUIET):
            pass
        while not stop.is_set():
            if silent >= _SILENT_STREAMS:
                # Something on the way holds streams back. Questions that wait are as quick; they only cost more.
                silent = 0
                self._ask_waiting(pause)
                continue
            error: Exception | None = None
            try:
                has_spoken = self._listen()
                pause, silent = (_Pause(), 0) if has_spoken else (pause, silent + 1)
            except Exception as caught:
                error, silent = caught, silent + 1
                _log.debug("the stream of revocations ended: %s", error)
            stop.wait(pause.after(error, self._pace))

    def _ask_waiting(self, pause: _Pause) -> None:
        until, longest = time.monotonic() + WITHOUT_STREAM, min(self._pace, _LONGEST_WAIT)
        with contextlib.closing(self._fetch.channel()) as channel:
            while not self._stop.is_set() and time.monotonic() < until:
                begun = time.monotonic()
                try:
                    is_new = self._ask(channel, longest)
                    pause = _Pause()
                    # Of two relays under one name each answers with everything, at once, to a position of the other.
                    left = max(0.0, longest - (time.monotonic() - begun))
                    self._stop.wait(min(_SOON, left) if is_new else left)
                except Exception as error:
                    self._stop.wait(pause.after(error, self._pace))


class _Pause:
    """Pauses between tries: longer each time, and never the same for two verifiers."""

    def __init__(self) -> None:
        self._tries = 0

    def after(self, error: Exception | None, longest: float) -> float:
        """Seconds to wait, at most a third of the bound unless the issuer asks for more."""
        pause = min(_FIRST_PAUSE * (1 << min(self._tries, 16)), longest)
        self._tries += 1
        pause -= pause * random.random() / 2
        asked = error.retry_after if isinstance(error, FetchError) else 0
        return max(pause, min(asked, _LONGEST_PAUSE))


def _name_of_process(name: str | None) -> str:
    """Different for every process, also for those that were forked: each acknowledges for itself."""
    base = name or re.sub("[^A-Za-z0-9-._]", "-", socket.gethostname()) or "verifier"
    own = f".{os.getpid()}-{secrets.token_hex(2)}"
    return base[: 64 - len(own)] + own


# An entry is told of for at least so many milliseconds: the longest life of an access token.
_SHORTEST_LIFE = 900_000

# The bound of whoever does not say, in milliseconds.
_USUAL_BOUND = 5_000

_CREDENTIAL = re.compile(r"[!-~]{1,512}")
_NAME = re.compile(r"[A-Za-z0-9\-._]{1,64}")

# Seconds that a stream, which speaks once a second, may be silent.
_QUIET = 3.0

# How soon news on a stream is acknowledged.
_SOON = 0.05

MAX_BYTES = 64 << 20
"""The longest answer: some three million entries."""

_LONGEST_ANSWER = 60.0

# For how many seconds an issuer holds an answer back at most.
_LONGEST_WAIT = 25.0

# After how many streams in a row that said nothing to go on without one, and for how long.
_SILENT_STREAMS = 3
WITHOUT_STREAM = 300.0

_FIRST_PAUSE = 0.05
_LONGEST_PAUSE = 5.0
_JOIN = 2.0
