"""Asking the issuer: every answer is bounded in time and size, and no redirect is followed."""

from __future__ import annotations

import contextlib
import http.client
import io
import os
import re
import socket
import ssl
import threading
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

DOCUMENT_BYTES = 256 * 1024
DOCUMENT_SECONDS = 5.0
_CONNECT_SECONDS = 2.0


class FetchError(Exception):
    """Why there is no answer. `status` is that of an answer that is not 200."""

    def __init__(self, url: str, why: str, status: int = 0, retry_after: int = 0) -> None:
        self.status = status
        self.retry_after = retry_after
        super().__init__(f"{url} {why}")


class Answer(NamedTuple):
    """An answer, whole."""

    status: int
    body: bytes
    max_age: int | None
    """For how many seconds it may be reused (RFC 9111 §5.2.2.1)."""
    retry_after: int
    """After how many seconds to try again, if it says so; else 0."""


class Origin(NamedTuple):
    """Whom to ask."""

    scheme: str
    netloc: str
    host: str
    port: int | None

    @classmethod
    def of(cls, url: str) -> Origin | None:
        """The origin of a URL with a scheme and a host."""
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
        except ValueError:
            return None
        if not parts.scheme or not host or not _PRINTABLE.fullmatch(url):
            return None
        return cls(parts.scheme.lower(), parts.netloc.lower(), host, port)


class Pace:
    """How long to wait for the next bytes, and for all of them."""

    def __init__(self, patience: float, total: float | None = None) -> None:
        self.patience = patience
        self._until = None if total is None else time.monotonic() + total

    def left(self) -> float:
        """Seconds to wait for the next bytes. Raises TimeoutError when none are left."""
        left = self.patience if self._until is None else min(self.patience, self._until - time.monotonic())
        if left <= 0:
            raise TimeoutError("timed out")
        return left


class Channel:
    """One connection at a time, kept open from question to question. For one thread."""

    def __init__(self, origin: Origin, context: ssl.SSLContext | None = None) -> None:
        self._origin = origin
        self._context = context
        self._connection: http.client.HTTPConnection | None = None
        # The connection gives its socket away to an answer that ends with it.
        self._sock: socket.socket | None = None
        self._lock = threading.Lock()

    def get(self, url: str, headers: Mapping[str, str], pace: Pace, most: int) -> Answer:
        """Asks, and reads the whole answer, whatever its status."""
        response = self.open(url, headers, pace)
        try:
            length = response.length
            if length is not None and length > most:
                raise FetchError(_place(url), f"answered with more than {most >> 10} kB")
            body = response.read(most + 1)
            if len(body) > most:
                raise FetchError(_place(url), f"answered with more than {most >> 10} kB")
            if length is not None and len(body) < length:
                raise FetchError(_place(url), "broke off its answer")
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise FetchError(_place(url), f"broke off its answer: {error!r}") from None
        except FetchError:
            self.close()
            raise
        finally:
            response.close()
        return Answer(response.status, body, _max_age(response.headers.get("Cache-Control", "")), retry_after(response))

    def open(self, url: str, headers: Mapping[str, str], pace: Pace) -> http.client.HTTPResponse:
        """Asks, and gives the answer while it comes in."""
        is_kept = self._connection is not None and self._connection.sock is not None
        try:
            try:
                return self._ask(url, headers, pace)
            except (ConnectionError, http.client.RemoteDisconnected):
                # The other side may close a connection that was kept, just as it is used.
                if not is_kept:
                    raise
                self.close()
                return self._ask(url, headers, pace)
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise FetchError(_place(url), f"cannot be reached: {error!r}") from None

    def close(self) -> None:
        """Closes the connection; whoever waits on it in another thread is told so."""
        with self._lock:
            connection, self._connection = self._connection, None
            sock, self._sock = self._sock, None
        if sock is not None:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        if connection is not None:
            connection.close()

    def leave_to_parent(self) -> None:
        """In a process that was forked: lets go of the parent's connection without a word to the other side."""
        sock, self._sock, self._connection, self._lock = self._sock, None, None, threading.Lock()
        if sock is not None:
            with contextlib.suppress(OSError):
                os.close(sock.detach())

    def _ask(self, url: str, headers: Mapping[str, str], pace: Pace) -> http.client.HTTPResponse:
        connection = self._connection
        if connection is None or connection.sock is None:
            connection = self._connected()
        # The library makes the response from the socket, and the pace belongs to this question alone.
        connection.response_class = lambda sock, *args, **more: _Response(pace, sock, *args, **more)  # type: ignore[assignment]
        assert connection.sock is not None
        connection.sock.settimeout(pace.left())
        parts = urlsplit(url)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection.request("GET", target, headers={"Accept-Encoding": "identity", **headers})
        return connection.getresponse()

    def _connected(self) -> http.client.HTTPConnection:
        origin = self._origin
        if origin.scheme == "https":
            context = self._context or ssl.create_default_context()
            connection: http.client.HTTPConnection = http.client.HTTPSConnection(
                origin.host, origin.port, timeout=_CONNECT_SECONDS, context=context
            )
        else:
            connection = http.client.HTTPConnection(origin.host, origin.port, timeout=_CONNECT_SECONDS)
        # Never again by itself: whoever closes it means it.
        connection.auto_open = 0
        connection.connect()
        with self._lock:
            self._connection, self._sock = connection, connection.sock
        return connection


class Fetch:
    """Asks one issuer for documents, each over a connection of its own."""

    def __init__(self, origin: Origin, context: ssl.SSLContext | None = None) -> None:
        self.origin = origin
        self._context = context

    def channel(self) -> Channel:
        """A connection to keep."""
        return Channel(self.origin, self._context)

    def get(self, url: str, headers: Mapping[str, str], seconds: float) -> Answer:
        """Asks once."""
        with contextlib.closing(self.channel()) as channel:
            return channel.get(url, {"Connection": "close", **headers}, Pace(seconds, seconds), DOCUMENT_BYTES)

    def document(self, url: str) -> Answer:
        """Asks for a document: anything but 200 is an error. A redirect is not followed: it could lead anywhere."""
        answer = self.get(url, {"Accept": "application/json"}, DOCUMENT_SECONDS)
        if answer.status != 200:
            raise FetchError(url, f"answered {answer.status}", answer.status)
        return answer


class _Response(http.client.HTTPResponse):
    def __init__(self, pace: Pace, sock: socket.socket, *args: object, **more: object) -> None:
        super().__init__(sock, *args, **more)  # type: ignore[arg-type]
        raw = sock.makefile("rb", buffering=0)
        self.fp.close()
        self.fp = io.BufferedReader(_Paced(raw, sock, pace))


class _Paced(io.RawIOBase):
    """Reads from a socket, never for longer than a pace allows."""

    def __init__(self, raw: socket.SocketIO, sock: socket.socket, pace: Pace) -> None:
        self._raw, self._sock, self._pace = raw, sock, pace

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int | None:
        self._sock.settimeout(self._pace.left())
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


def retry_after(response: http.client.HTTPResponse) -> int:
    """`Retry-After` in seconds; 0 without."""
    text = response.headers.get("Retry-After", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 6 else 0


def _place(url: str) -> str:
    # The position is no secret, but it is long.
    return url.partition("?")[0]


def _max_age(cache_control: str) -> int | None:
    found = _MAX_AGE.search(cache_control)
    return int(found[1]) if found else None


_MAX_AGE = re.compile(r'(?:^|[\s,])max-age="?([0-9]{1,9})(?![0-9])', re.IGNORECASE)
_PRINTABLE = re.compile(r"[!-~]+")
