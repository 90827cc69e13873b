"""What a route demands of who is asking, beyond a token that stands."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal, TypedDict

from .claims import Claims
from .rejection import Unmet

WhenStale = Literal["fresh", "deny", "introspect", "until_exp"]
"""What becomes of a token that stands as far as is known, while too little is known:

- `fresh`: 401 `stale`. The client refreshes and goes on, because so new a token proves itself.
- `deny`: 503.
- `introspect`: the issuer is asked about this session.
- `until_exp`: it is accepted until it expires, minutes after a logout.
"""


class Demands(TypedDict, total=False):
    """The parts of a `Policy`, as the decorators take them."""

    role: str | Collection[str]
    scope: str | Collection[str]
    authenticated_within: float
    when_stale: WhenStale


@dataclass(frozen=True)
class Policy:
    """What a route demands."""

    role: str | Collection[str] = ()
    """A role that the user must have, or several of which one is enough."""
    scope: str | Collection[str] = ()
    """A scope that must have been granted, or several that all must."""
    authenticated_within: float | None = None
    """How many seconds ago the login may be at most. A refresh is none."""
    when_stale: WhenStale = "fresh"

    def __post_init__(self) -> None:
        if self.when_stale not in ("fresh", "deny", "introspect", "until_exp"):
            raise ValueError(f"when_stale cannot be {self.when_stale!r}")

    def judge(self, claims: Claims, now_ms: int, leeway_seconds: int) -> None:
        """Raises `Unmet` if more is demanded than the claims say."""
        roles, scopes = _several(self.role), _several(self.scope)
        if roles and not any(role in claims.roles for role in roles):
            raise Unmet("insufficient_role", f"this needs the role {' or '.join(roles)}")
        if not all(claims.has_scope(scope) for scope in scopes):
            needed = " ".join(scopes)
            quoted = "".join(character for character in needed if " " <= character <= "~" and character not in '"\\')
            raise Unmet("insufficient_scope", f"this needs the scope {needed}", f', scope="{quoted}"')
        if self.authenticated_within is not None:
            latest = (self.authenticated_within + leeway_seconds) * 1_000
            if claims.auth_time is None or now_ms - claims.auth_time * 1_000 > latest:
                seconds = int(self.authenticated_within)
                message = f"this needs a login within the last {seconds} seconds"
                raise Unmet("insufficient_user_authentication", message, f', max_age="{seconds}"')


def _several(one_or_more: str | Collection[str]) -> tuple[str, ...]:
    return (one_or_more,) if isinstance(one_or_more, str) else tuple(one_or_more)
