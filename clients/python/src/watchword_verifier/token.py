"""Verifying an access token, in the only order in which nothing is believed before it is checked."""

from __future__ import annotations

from typing import NamedTuple

from . import base64url, strict_json
from .claims import TYP, Claims, Profile, read
from .jwk import KeySet
from .rejection import Refused

MAX_TOKEN_BYTES = 8 * 1024
MAX_HEADER_BYTES = 1_024


class Expectation(NamedTuple):
    """What is demanded of a token."""

    profile: Profile
    issuer: str
    audience: str
    leeway_seconds: int = 5

    def life(self, claims: Claims) -> tuple[int, int]:
        """The milliseconds at which claims count, leeway included; the second no longer."""
        leeway = self.leeway_seconds * 1_000
        begin = claims.iat if claims.nbf is None else max(claims.iat, claims.nbf)
        return max(begin * 1_000, claims.rat) - leeway, claims.exp * 1_000 + leeway


class Verified(NamedTuple):
    """A token whose signature and claims are in order."""

    claims: Claims
    kid: str


def verify(token: str, keys: KeySet, expect: Expectation, now_ms: int) -> Verified:
    """Size → segments and encoding → header → key by `kid` → algorithm → signature → claims → `typ`, `iss`, `aud`,
    times. Raises `Refused`. Revocation is another question."""
    if len(token) > MAX_TOKEN_BYTES:
        raise Refused("too_long")
    parts = token.split(".")
    if len(parts) != 3 or not parts[0] or not parts[2]:
        raise Refused("segments")
    header = _header(parts[0])
    payload, signature = _decoded(parts[1]), _decoded(parts[2])
    if header["alg"] not in _ALGORITHMS:
        raise Refused("algorithm")
    key = keys.get(header.get("kid", ""))
    if key is None or "kid" not in header:
        raise Refused("unknown_key")
    if key.alg != header["alg"]:
        raise Refused("algorithm_mismatch")
    if not key.check(f"{parts[0]}.{parts[1]}".encode("ascii"), signature):
        raise Refused("signature")
    claims = read(payload, expect.profile)
    if not _is_type(header.get("typ", ""), TYP[expect.profile]):
        raise Refused("type")
    if claims.iss != expect.issuer:
        raise Refused("issuer")
    if expect.audience not in claims.aud:
        raise Refused("audience")
    judge_life(expect.life(claims), now_ms)
    return Verified(claims, key.kid)


def judge_life(life: tuple[int, int], now_ms: int) -> None:
    """Judges a moment by what `Expectation.life` said."""
    if now_ms >= life[1]:
        raise Refused("expired")
    if now_ms < life[0]:
        raise Refused("not_yet_valid")


def _header(segment: str) -> dict[str, str]:
    """`alg` and optionally `typ` and `kid`. Whatever else is there is refused, so that no header can ask for anything."""
    # Judged before decoding: four characters carry three bytes.
    if len(segment) > -(-MAX_HEADER_BYTES * 4 // 3):
        raise Refused("header")
    try:
        members = strict_json.parse_object(_decoded(segment), strict_json.HEADER)
    except strict_json.Misshapen:
        raise Refused("header") from None
    texts = {name: value for name, value in members.items() if isinstance(value, str)}
    if len(texts) != len(members) or not texts.keys() <= {"alg", "typ", "kid"} or "alg" not in texts:
        raise Refused("header")
    return texts


def _decoded(segment: str) -> bytes:
    try:
        return base64url.decode(segment)
    except ValueError:
        raise Refused("encoding") from None


def _is_type(typ: str, expected: str) -> bool:
    """Media types compare without case, and `application/` may be left out (RFC 7515 §4.1.9)."""
    return typ.isascii() and typ.lower().removeprefix("application/") == expected.lower()


_ALGORITHMS = ("EdDSA", "ES256", "RS256", "HS256")
