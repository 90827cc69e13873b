"""What answers of the revocation feed are made of: frames, as the protocol lays them out."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from typing import NamedTuple


class Session(NamedTuple):
    """The session is over."""

    sid: bytes
    keep_until: int


class Epoch(NamedTuple):
    """Whatever was issued to the user under a lower epoch is void."""

    user: bytes
    epoch: int
    keep_until: int


class DeadKey(NamedTuple):
    """Signatures by the key no longer count."""

    kid: str
    keep_until: int


class Everybody(NamedTuple):
    """Whatever was read up to a moment is void, whoever it belongs to."""

    read_until: int
    keep_until: int


class Client(NamedTuple):
    """Whatever a client was given up to a moment is void."""

    client_id: str
    read_until: int
    keep_until: int


Revocation = Session | Epoch | DeadKey | Everybody | Client


class Watermark(NamedTuple):
    """That everything committed up to a moment has been told. Times are milliseconds."""

    age_ms: int
    now_ms: int
    position: str


class End(NamedTuple):
    """The stream ends here, although nothing is wrong: open another."""


class Unknown(NamedTuple):
    """From a later version. A watermark behind it in the same answer proves nothing."""


Frame = Revocation | Watermark | End | Unknown


class Frames:
    """Splits an answer into frames while it comes in."""

    def __init__(self, data: bytes = b"") -> None:
        self._buffer = bytearray(data)
        self._read = 0

    def push(self, data: bytes) -> None:
        """Adds what has come in."""
        del self._buffer[: self._read]
        self._read = 0
        self._buffer += data

    def take(self, now_ms: int) -> Iterator[Frame]:
        """The frames that are all there, heard at `now_ms`."""
        buffer = self._buffer
        while len(buffer) >= self._read + 3:
            kind, length = _HEAD.unpack_from(buffer, self._read)
            begin = self._read + 3
            if len(buffer) < begin + length:
                return
            self._read = begin + length
            yield _decoded(kind, bytes(buffer[begin : begin + length]), now_ms)

    def is_between(self) -> bool:
        """Whether it stands between two frames: an answer that stops elsewhere was cut off."""
        return self._read == len(self._buffer)


def last_watermark(data: bytes) -> Watermark | None:
    """The watermark that an answer ends with; None if it was cut off."""
    at, last = 0, None
    while at + 3 <= len(data):
        last = at
        at += 3 + _HEAD.unpack_from(data, at)[1]
    if last is None or at != len(data):
        return None
    frame = _decoded(data[last], data[last + 3 :], 0)
    return frame if isinstance(frame, Watermark) else None


def _decoded(kind: int, body: bytes, now_ms: int) -> Frame:
    try:
        if kind == 0x10:
            return _watermark(body)
        if kind == 0x11 and not body:
            return End()
        return _entry(kind, body, now_ms)
    except (ValueError, struct.error):
        return Unknown()


def _entry(kind: int, body: bytes, now_ms: int) -> Frame:
    (remaining,) = _REMAINING.unpack_from(body)
    keep_until = now_ms + remaining * 1_000
    if kind == 0x01:
        (sid,) = _SESSION.unpack(body[4:])
        return Session(sid, keep_until)
    if kind == 0x02:
        user, epoch = _EPOCH.unpack(body[4:])
        return Epoch(user, epoch, keep_until)
    if kind == 0x03:
        return DeadKey(_name(body[4:]), keep_until)
    if kind == 0x04:
        (moment,) = _MOMENT.unpack(body[4:])
        return Everybody(moment, keep_until)
    if kind == 0x05:
        (moment,) = _MOMENT.unpack_from(body, 4)
        return Client(_name(body[12:]), moment, keep_until)
    return Unknown()


def _watermark(body: bytes) -> Watermark:
    age_ms, now_ms = _WATERMARK.unpack_from(body)
    position = body[12:].decode("ascii")
    if not _POSITION.fullmatch(position):
        raise ValueError("a position of other characters")
    return Watermark(age_ms, now_ms, position)


def _name(data: bytes) -> str:
    if not 1 <= len(data) <= 256:
        raise ValueError("a name that is empty or too long")
    return data.decode("utf-8")


_HEAD = struct.Struct(">BH")
_REMAINING = struct.Struct(">I")
_SESSION = struct.Struct(">16s")
_EPOCH = struct.Struct(">16sQ")
_MOMENT = struct.Struct(">Q")
_WATERMARK = struct.Struct(">IQ")
_POSITION = re.compile(r"[A-Za-z0-9\-._~:,]{1,2048}")
