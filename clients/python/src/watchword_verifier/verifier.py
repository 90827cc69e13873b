"""The verifier: keys, what was withdrawn, and the rule that makes a verdict of both."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import ssl
from collections.abc import Mapping
from types import TracebackType
from typing import NamedTuple

from .claims import Claims, Marks, Profile
from .clock import Clock
from .discovery import ConnectError, discover, origin_of, retried
from .fetch import Fetch
from .following import Following
from .freshness import View
from .jwk import KeySet
from .keys import Keys
from .policy import Policy, WhenStale
from .rejection import Refused, Stale, Unavailable
from .revocations import Revocations, followed
from .revoked import CAPACITY, Revoked
from .sessions import Sessions
from .token import Expectation, judge_life, verify

_log = logging.getLogger("watchword_verifier")


class _Entry(NamedTuple):
    """What is remembered of a token. All but the keys is judged again on every check."""

    keys: KeySet
    life: tuple[int, int]
    marks: Marks
    claims: Claims


class _MustAsk(Exception):
    """The answer is not in memory."""


class Verifier:
    """Verifies the access tokens of one issuer. Make one, at the start; threads may share it.

    Everything is answered from memory, but for keys that have to be renewed, a key that nobody knows, and routes with
    `introspect`. So `verify` may be called from coroutines, too, and `verify_async` leaves even those to a thread.
    """

    def __init__(
        self,
        keys: Keys,
        expect: Expectation,
        clock: Clock,
        revoked: Revoked,
        following: Following | None,
        sessions: Sessions | None,
    ) -> None:
        self._keys = keys
        self._expect = expect
        self._clock = clock
        self._revoked = revoked
        self._following = following
        self._sessions = sessions
        self._known: dict[str, _Entry] = {}
        self._admitted_stale = itertools.count(1)
        self.admitted_stale = 0
        """How many tokens were accepted although too little was known, with `until_exp`."""

    @classmethod
    def from_issuer(
        cls,
        url: str,
        *,
        audience: str | None = None,
        follow: str | None = None,
        relay: str | None = None,
        name: str | None = None,
        bound: float = 5.0,
        profile: Profile = "rfc9068",
        leeway_seconds: int = 5,
        keys_stale_for: float = 3_600.0,
        capacity: int = CAPACITY,
        retry_for: float = 30.0,
        ssl_context: ssl.SSLContext | None = None,
    ) -> Verifier:
        """Begins to trust an issuer: the URL that its server has as `public_url`. Raises `ConnectError`.

        - `audience`: whom tokens must be meant for, the server's `tokens.audience`; else the issuer itself, as there.
        - `follow`: the credential that `watchword verifier add` prints. With it a logout holds here within milliseconds.
        - `relay`: the URL of a relay's revocations, to follow that instead of the issuer; `follow` is then a secret of the relay.
        - `name`: what this program calls itself towards the issuer, for people; its process is added to it.
        - `bound`: how many seconds after a logout its tokens may still be accepted when the issuer cannot be asked.
        - `leeway_seconds`: by how much clocks may differ, at most 60.
        - `keys_stale_for`: for how many seconds keys are used that cannot be renewed.
        - `capacity`: how many revoked sessions and users are remembered one by one.
        - `retry_for`: for how many seconds to go on trying while the issuer does not answer.
        """
        if not 0 <= leeway_seconds <= 60:
            raise ConnectError("leeway_seconds takes 0 to 60")
        expect = Expectation(profile, url, url if audience is None else audience, leeway_seconds)
        fetch, clock = Fetch(origin_of(url), ssl_context), Clock()
        revoked = Revoked(capacity, leeway_seconds)

        def attempt() -> Verifier:
            issuer = discover(url, fetch)
            keys = Keys(fetch, issuer.jwks_uri, clock, keys_stale_for)
            if follow is None:
                return cls(keys, expect, clock, revoked, None, None)
            of = fetch if relay is None else Fetch(origin_of(relay), ssl_context)
            following = followed(relay or issuer.revocations_endpoint, of, follow, name, bound, clock, revoked, keys)
            endpoint = issuer.session_endpoint
            sessions = None if endpoint is None else Sessions(fetch, endpoint, clock, following)
            return cls(keys, expect, clock, revoked, following, sessions)

        return retried(attempt, retry_for)

    def verify(self, token: str, when_stale: WhenStale = "fresh") -> Claims:
        """The claims of a token that counts now. Raises a `Rejection`: `Refused`, `Stale` or `Unavailable`."""
        try:
            return self._from_memory(token, when_stale)
        except _MustAsk:
            return self._asking(token, when_stale)

    async def verify_async(self, token: str, when_stale: WhenStale = "fresh") -> Claims:
        """The same for coroutines: what takes a question to the issuer is left to a thread."""
        try:
            return self._from_memory(token, when_stale)
        except _MustAsk:
            return await asyncio.to_thread(self._asking, token, when_stale)

    def permit(self, claims: Claims, policy: Policy) -> None:
        """Judges verified claims by the demands of a route. Raises `Unmet`."""
        view = None if self._following is None else self._following.view()
        now_ms = self._clock.wall_ms() if view is None else view.now_ms
        policy.judge(claims, now_ms, self._expect.leeway_seconds)

    @property
    def revocations(self) -> Revocations | None:
        """What was withdrawn; None unless it is followed."""
        return None if self._following is None else Revocations(self._following, self._expect.leeway_seconds)

    def blocklist(self, header: Mapping[str, object], payload: Mapping[str, object]) -> bool:
        """Whether a token that another library verified does not count: see `Revocations.blocklist`."""
        revocations = self.revocations
        if revocations is None:
            raise ConnectError("a blocklist needs the revocations: give from_issuer a credential to follow with")
        return revocations.blocklist(header, payload)

    def age(self) -> float | None:
        """How many seconds ago the latest moment is up to which it is known what was withdrawn. None before the first answer,
        and without following. For a health endpoint: above the bound, clients are told to refresh."""
        revocations = self.revocations
        return None if revocations is None else revocations.age()

    def wait_withdrawn(self, claims: Claims, seconds: float | None = None) -> bool:
        """Waits until the session of a token is withdrawn, so that what was opened with it can be closed; whether it was."""
        if self._following is None:
            raise ConnectError("nothing is heard of withdrawals without following them")
        return self._following.wait_withdrawn(claims.marks(None), seconds)

    def stop(self) -> None:
        """Stops following. What is known grows old from then on, and within the bound nothing is accepted any more."""
        if self._following is not None:
            self._following.stop()

    def __enter__(self) -> Verifier:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self.stop()

    def _from_memory(self, token: str, when_stale: WhenStale) -> Claims:
        if self._keys.must_wait():
            raise _MustAsk
        renewals = self._keys.renewals
        try:
            claims, view = self._judged(token)
        except Refused as refused:
            if refused.code == "unknown_key" and not self._keys.is_known_absent(renewals):
                raise _MustAsk from None
            raise
        if self._following is not None:
            if view is None:
                raise _MustAsk
            if not self._following.is_enough(view, claims.rat):
                if when_stale == "introspect" and self._sessions is not None:
                    raise _MustAsk
                self._admit_stale(when_stale)
        return claims

    def _asking(self, token: str, when_stale: WhenStale) -> Claims:
        keys, following = self._keys, self._following
        if not keys.ensure_usable():
            raise Unavailable(keys.retry_after())
        if following is not None and not following.wait_ready(_READY):
            raise Unavailable
        renewals = keys.renewals
        try:
            claims, view = self._judged(token)
        except Refused as refused:
            if refused.code != "unknown_key":
                raise
            looked = keys.look_again(renewals)
            if looked == "absent":
                raise
            if looked == "unanswered":
                raise Unavailable(keys.retry_after()) from None
            claims, view = self._judged(token)
        if following is not None and not (view is not None and following.is_enough(view, claims.rat)):
            if when_stale == "introspect" and self._sessions is not None:
                self._sessions.introspect(token, claims.sid)
            else:
                self._admit_stale(when_stale)
        return claims

    def _judged(self, token: str) -> tuple[Claims, View | None]:
        """The claims, and how much was known when their withdrawal was looked for."""
        view = None if self._following is None else self._following.view()
        now_ms = self._clock.wall_ms() if view is None else view.now_ms
        keys = self._keys.current
        entry = self._known.get(token)
        if entry is None or entry.keys is not keys:
            claims, kid = verify(token, keys, self._expect, max(now_ms, self._revoked.horizon))
            entry = _Entry(keys, self._expect.life(claims), claims.marks(kid), claims)
            self._remember(token, entry)
        is_revoked = self._revoked.is_revoked(entry.marks)
        # The horizon is read after the set: an entry that was missed because it had been dropped is then expired here.
        judge_life(entry.life, max(now_ms, self._revoked.horizon))
        if is_revoked:
            raise Refused("revoked")
        return entry.claims, view

    def _remember(self, token: str, entry: _Entry) -> None:
        known = self._known
        while len(known) >= _KEPT:
            # Another thread may drop the same one.
            with contextlib.suppress(KeyError, RuntimeError, StopIteration):
                del known[next(iter(known))]
        known[token] = entry

    def _admit_stale(self, when_stale: WhenStale) -> None:
        if when_stale == "fresh":
            raise Stale
        if when_stale != "until_exp":
            raise Unavailable
        count = self.admitted_stale = next(self._admitted_stale)
        if count % _LOG_EVERY == 1:
            _log.warning("tokens are accepted although it is not known what was withdrawn")


# Most tokens remembered.
_KEPT = 10_000

# For how many seconds a process that was forked waits for its first answer.
_READY = 2.0

_LOG_EVERY = 1_000
