"""The issuer: what its URL must look like, and what it says about itself (RFC 8414)."""

from __future__ import annotations

import ipaddress
import logging
import time
from collections.abc import Callable
from typing import NamedTuple, TypeVar
from urllib.parse import urlsplit

from . import strict_json
from .fetch import Fetch, FetchError, Origin

_log = logging.getLogger("watchword_verifier")

_T = TypeVar("_T")


class ConnectError(Exception):
    """Why an issuer cannot be used. The message says what to do."""


class Issuer(NamedTuple):
    """What an issuer says about itself."""

    jwks_uri: str
    session_endpoint: str | None
    revocations_endpoint: str | None


def origin_of(url: str) -> Origin:
    """The origin of a URL that an issuer may have: https, or http on this machine."""
    origin = Origin.of(url)
    if origin is not None:
        parts = urlsplit(url)
        is_safe = origin.scheme == "https" or (origin.scheme == "http" and _is_loopback(origin.host))
        if is_safe and "@" not in parts.netloc and "?" not in url and "#" not in url and not url.endswith("/"):
            return origin
    raise ConnectError(
        f"`{url}` cannot be an issuer: it takes https, or http on this machine, without user, query, fragment or a slash "
        "at the end, such as https://login.example.org"
    )


def discover(url: str, fetch: Fetch) -> Issuer:
    """Reads what the issuer says about itself, and believes it only what concerns itself."""
    parts = urlsplit(url)
    # The well-known place is put in before the path (RFC 8414 §3.1).
    place = f"{parts.scheme}://{parts.netloc}/.well-known/oauth-authorization-server{parts.path}"
    body = fetch.document(place).body
    try:
        metadata = strict_json.parse_object(body, strict_json.KEYS)
    except strict_json.Misshapen as error:
        raise ConnectError(f"{place} is not the description of an authorization server: {error}") from None
    named = metadata.get("issuer")
    if named != url:
        raise ConnectError(
            f"{url} calls itself {named}: use that name here, or correct the server's public_url (RFC 8414 §3.3)"
        )

    def own(name: str) -> str | None:
        address = metadata.get(name)
        if address is None:
            return None
        if not isinstance(address, str) or Origin.of(address) != fetch.origin:
            raise ConnectError(f"{address} is not at the issuer's own origin")
        return address

    jwks_uri = own("jwks_uri")
    if jwks_uri is None:
        raise ConnectError(f"{place} is not the description of an authorization server: it names no jwks_uri")
    return Issuer(jwks_uri, own("watchword_session_endpoint"), own("watchword_revocations_endpoint"))


def retried(attempt: Callable[[], _T], seconds: float) -> _T:
    """Tries until the issuer answers, so that both may be started at once, but no longer than so many seconds."""
    until = time.monotonic() + seconds
    while True:
        try:
            return attempt()
        except FetchError as error:
            if time.monotonic() >= until:
                raise ConnectError(f"the issuer does not answer: {error}") from error
            _log.warning("the issuer does not answer yet: %s", error)
        time.sleep(min(_RETRY, max(0.0, until - time.monotonic())))


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


_RETRY = 0.5
