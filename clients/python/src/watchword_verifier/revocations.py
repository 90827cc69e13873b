"""The revocations alone, for a program whose tokens another library verifies."""

from __future__ import annotations

import ssl
from collections.abc import Mapping

from .claims import Marks, parse_id
from .clock import Clock
from .discovery import ConnectError, discover, origin_of, retried
from .fetch import Fetch
from .following import Following
from .keys import Keys
from .revoked import CAPACITY, Revoked


class Revocations:
    """What the issuer has withdrawn, known within milliseconds."""

    def __init__(self, following: Following, leeway_seconds: int) -> None:
        self._following = following
        self._leeway_ms = leeway_seconds * 1_000

    @classmethod
    def from_issuer(
        cls,
        url: str,
        *,
        follow: str,
        relay: str | None = None,
        name: str | None = None,
        bound: float = 5.0,
        capacity: int = CAPACITY,
        leeway_seconds: int = 5,
        retry_for: float = 30.0,
        ssl_context: ssl.SSLContext | None = None,
    ) -> Revocations:
        """Follows the revocations of an issuer, or of its relay, as `Verifier.from_issuer` does, without its keys."""
        fetch, clock = Fetch(origin_of(url if relay is None else relay), ssl_context), Clock()
        revoked = Revoked(capacity, leeway_seconds)

        def attempt() -> Revocations:
            endpoint = relay or discover(url, fetch).revocations_endpoint
            return cls(followed(endpoint, fetch, follow, name, bound, clock, revoked), leeway_seconds)

        return retried(attempt, retry_for)

    def blocklist(self, header: Mapping[str, object], payload: Mapping[str, object]) -> bool:
        """Whether a verified token does not count: it was withdrawn, or too little is known to say that it was not. For
        flask-jwt-extended: `jwt.token_in_blocklist_loader(revocations.blocklist)`. A payload without the claims by which
        Watchword withdraws tokens is none of Watchword's, and does not count either."""
        view = self._following.view()
        marks = _marks(header, payload)
        exp = payload.get("exp")
        if view is None or marks is None or type(exp) is not int:
            return True
        revoked = self._following.revoked
        is_revoked = revoked.is_revoked(marks)
        # By the issuer's clock, and read after the set: an entry that was missed because it had been dropped is expired.
        if is_revoked or max(view.now_ms, revoked.horizon) >= exp * 1_000 + self._leeway_ms:
            return True
        return not self._following.is_enough(view, marks.rat)

    def age(self) -> float | None:
        """How many seconds ago the latest moment is up to which everything is known. None before the first answer. For a
        health endpoint: above the bound, clients are told to refresh."""
        view = self._following.view()
        return None if view is None else max(0, view.age_ms) / 1_000

    def wait_ready(self, seconds: float) -> bool:
        """Waits for the first answer, in a process that was forked."""
        return self._following.wait_ready(seconds)

    def wait_withdrawn(self, marks: Marks, seconds: float | None = None) -> bool:
        """Waits until a credential is withdrawn, so that what it left open can be closed; whether it was."""
        return self._following.wait_withdrawn(marks, seconds)

    def stop(self) -> None:
        """Stops following."""
        self._following.stop()


def followed(
    endpoint: str | None,
    fetch: Fetch,
    credential: str,
    name: str | None,
    bound: float,
    clock: Clock,
    revoked: Revoked,
    keys: Keys | None = None,
) -> Following:
    """Begins to follow whoever tells of the revocations there."""
    if endpoint is None:
        raise ConnectError("the issuer's revocations cannot be followed: it is of a version that does not tell of them")
    following = Following(fetch, endpoint, credential, name, bound, clock, revoked, keys)
    following.begin()
    return following


def _marks(header: Mapping[str, object], payload: Mapping[str, object]) -> Marks | None:
    sid, sub, uep, rat = (payload.get(name) for name in ("sid", "sub", "uep", "rat"))
    kid, client_id = header.get("kid"), payload.get("client_id")
    if not isinstance(sid, str) or not isinstance(sub, str) or type(uep) is not int or type(rat) is not int:
        return None
    session = parse_id(sid)
    if session is None or not isinstance(kid, str | None) or not isinstance(client_id, str | None):
        return None
    return Marks(session, parse_id(sub), uep, rat, kid, client_id)
