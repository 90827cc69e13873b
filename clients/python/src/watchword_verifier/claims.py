"""What an access token says, and how it is read from a payload."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, NamedTuple, TypeVar

from . import strict_json
from .rejection import Refused

Profile = Literal["rfc9068", "flask-jwt-extended"]
"""Which dialect of access token is spoken: the server's `tokens.profile`."""

TYP: dict[str, str] = {"rfc9068": "at+jwt", "flask-jwt-extended": "JWT"}


class Marks(NamedTuple):
    """By what a credential can be revoked."""

    sid: bytes
    user: bytes | None
    uep: int
    rat: int
    kid: str | None
    client_id: str | None


@dataclass(frozen=True, slots=True)
class Claims:
    """The claims of a verified access token (RFC 9068 §2.2). Times are unix seconds, but for `rat`."""

    iss: str
    sub: str
    """Whom it speaks for: the user's id, which never changes, or the id of a client that acts for itself."""
    aud: tuple[str, ...]
    exp: int
    iat: int
    jti: str
    nbf: int | None
    sid: str
    """The session that it belongs to."""
    client_id: str
    scope: str
    roles: tuple[str, ...]
    auth_time: int | None
    amr: tuple[str, ...]
    preferred_username: str | None
    """The name that the user goes by, for greeting only."""
    fresh: bool
    uep: int
    """The epoch of the user when it was issued."""
    rat: int
    """When the session and the user were read, in unix milliseconds."""
    raw: Mapping[str, object]
    """All claims as they were written, an application's own too."""

    def has_scope(self, scope: str) -> bool:
        """Whether a scope was granted."""
        return scope in self.scope.split(" ")

    def marks(self, kid: str | None) -> Marks:
        """By what it can be revoked, if the key of this name signed it."""
        sid = parse_id(self.sid)
        assert sid is not None, "it was read from a session id"
        return Marks(sid, parse_id(self.sub), self.uep, self.rat, kid, self.client_id)


def parse_id(text: str) -> bytes | None:
    """An id in its one spelling: a hyphenated UUID in lower case (RFC 9562 §4)."""
    return bytes.fromhex(text.replace("-", "")) if _ID.fullmatch(text) else None


def read(payload: bytes, profile: Profile) -> Claims:
    """Reads the shape first, then every claim with its type, then what the profile requires. Unknown claims are
    ignored (RFC 7519 §4); `null` is a wrong type, never an absence."""
    try:
        members = strict_json.parse_object(payload, strict_json.CLAIMS)
    except strict_json.Misshapen:
        raise Refused("payload") from None
    texts = {name: _text(members, name) for name in _TEXTS}
    numbers = {name: _number(members, name) for name in _NUMBERS}
    uep = _number(members, "uep", 0, 2**64)
    roles, amr = _strings(members, "roles"), _strings(members, "amr")
    aud = _audience(members)
    fresh = members.get("fresh")
    if "fresh" in members and not isinstance(fresh, bool):
        raise Refused("claims")
    if profile == "flask-jwt-extended":
        kind = _required(texts["type"], "type")
        _required(numbers["nbf"], "nbf")
        _required(fresh, "fresh")
        if kind != "access":
            raise Refused("type")
    sid = _required(texts["sid"], "sid")
    claims = Claims(
        iss=_required(texts["iss"], "iss"),
        sub=_non_empty(_required(texts["sub"], "sub")),
        aud=_required(aud, "aud"),
        exp=_required(numbers["exp"], "exp"),
        iat=_required(numbers["iat"], "iat"),
        jti=_non_empty(_required(texts["jti"], "jti")),
        nbf=numbers["nbf"],
        sid=sid if parse_id(sid) else _refuse(),
        client_id=_required(texts["client_id"], "client_id"),
        scope=texts["scope"] or "",
        roles=roles or (),
        auth_time=numbers["auth_time"],
        amr=amr or (),
        preferred_username=texts["preferred_username"],
        fresh=bool(fresh),
        uep=_required(uep, "uep"),
        rat=_required(numbers["rat"], "rat"),
        raw=MappingProxyType(members),
    )
    return claims


_T = TypeVar("_T")


def _required(value: _T | None, name: str) -> _T:
    if value is None:
        raise Refused("missing_claim", name)
    return value


def _refuse() -> str:
    raise Refused("claims")


def _non_empty(text: str) -> str:
    return text or _refuse()


def _text(members: Mapping[str, object], name: str) -> str | None:
    value = members.get(name)
    if name in members and not isinstance(value, str):
        raise Refused("claims")
    return value if isinstance(value, str) else None


def _number(members: Mapping[str, object], name: str, low: int = -(2**63), high: int = 2**63) -> int | None:
    if name not in members:
        return None
    value = members[name]
    # A truth value is an `int` too, for Python.
    if type(value) is not int or not low <= value < high:
        raise Refused("claims")
    return value


def _strings(members: Mapping[str, object], name: str) -> tuple[str, ...] | None:
    if name not in members:
        return None
    value = members[name]
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise Refused("claims")
    return tuple(value)


def _audience(members: Mapping[str, object]) -> tuple[str, ...] | None:
    one = members.get("aud")
    return (one,) if isinstance(one, str) else _strings(members, "aud")


_TEXTS = ("iss", "sub", "jti", "sid", "client_id", "scope", "preferred_username", "type")
_NUMBERS = ("exp", "iat", "nbf", "auth_time", "rat")
_ID = re.compile("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
