"""From a request's header to claims, for whichever framework."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from .claims import Claims
from .policy import Policy
from .rejection import Malformed, Missing
from .verifier import Verifier

Source = Verifier | Callable[[], Verifier]
"""A verifier, or a function that gives it, for programs that make it later."""


def authenticate(source: Source, authorization: Sequence[str], policy: Policy) -> Claims:
    """Who sent a request with these `Authorization` headers. Raises a `Rejection`."""
    token, verifier = bearer(authorization), _verifier(source)
    claims = verifier.verify(token, policy.when_stale)
    verifier.permit(claims, policy)
    return claims


async def authenticate_async(source: Source, authorization: Sequence[str], policy: Policy) -> Claims:
    """The same for coroutines."""
    token, verifier = bearer(authorization), _verifier(source)
    claims = await verifier.verify_async(token, policy.when_stale)
    verifier.permit(claims, policy)
    return claims


def bearer(authorization: Sequence[str]) -> str:
    """The token of a Bearer header (RFC 6750 §2.1). Another scheme is none of ours: it may be meant for a proxy in front."""
    if len(authorization) > 1:
        raise Malformed("there are two Authorization headers")
    scheme, _, token = (authorization[0] if authorization else "").partition(" ")
    if scheme.lower() != "bearer":
        raise Missing
    if not token or " " in token:
        raise Malformed("the Authorization header is not of the form `Bearer <token>`")
    return token


def _verifier(source: Source) -> Verifier:
    return source if isinstance(source, Verifier) else source()
