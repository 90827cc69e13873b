"""The revoked set: what has been told to be forgotten, asked on every check."""

from __future__ import annotations

import threading
from collections.abc import Hashable
from typing import Generic, TypeVar

from .claims import Marks
from .frames import Client, DeadKey, Epoch, Everybody, Revocation, Session

CAPACITY = 250_000
"""The number of sessions and users that a set holds unless told otherwise: some 50 MB."""

NAME_CAPACITY = 4_096
"""The number of dead keys, and that of clients, beside it. An installation has a handful."""

_NEVER = -(2**63)
_ALWAYS = 2**63

_K = TypeVar("_K", bound=Hashable)


class _Table(Generic[_K]):
    """Entries that merge by maximum, each with the moment until which it matters."""

    def __init__(self) -> None:
        self.entries: dict[_K, tuple[int, int]] = {}
        # Which entries may be dropped at which second.
        self._due: dict[int, list[_K]] = {}

    def insert(self, key: _K, value: int, keep_until: int, has_room: bool) -> bool | None:
        """Whether its value is new or higher than before; None if there is no room for it."""
        old = self.entries.get(key)
        if old is None and not has_room:
            return None
        new = (value, keep_until) if old is None else (max(old[0], value), max(old[1], keep_until))
        self.entries[key] = new
        if old is None or new[1] > old[1]:
            self._due.setdefault(-(-new[1] // 1_000), []).append(key)
        return old is None or new[0] > old[0]

    def expire(self, now_ms: int) -> None:
        for second in [second for second in self._due if second * 1_000 <= now_ms]:
            for key in self._due.pop(second):
                entry = self.entries.get(key)
                if entry is not None and entry[1] <= now_ms:
                    del self.entries[key]

    def value(self, key: _K) -> int | None:
        entry = self.entries.get(key)
        return None if entry is None else entry[0]


class Revoked:
    """Entries merge by maximum, so neither order nor repetition matters. Memory is bounded: what does not fit raises a floor
    that refuses more than was asked for. Nothing is dropped before its time, and at most a second after it. Readers never
    wait."""

    def __init__(self, capacity: int = CAPACITY, leeway_seconds: int = 5) -> None:
        self._capacity = capacity
        self._leeway_ms = leeway_seconds * 1_000
        self.horizon = _NEVER
        """The latest moment at which entries were dropped. Whoever judges expiry must not believe an earlier clock."""
        self.forget()

    def forget(self) -> None:
        """Begins anew, for a process that has to be told everything again. Nothing may be accepted until then."""
        self._writer = threading.Lock()
        self._floor = _NEVER
        self._floor_keep_until = _NEVER
        self._sessions: _Table[bytes] = _Table()
        self._epochs: _Table[bytes] = _Table()
        self._keys: _Table[str] = _Table()
        self._clients: _Table[str] = _Table()

    def insert(self, entry: Revocation, now_ms: int) -> bool:
        """Adds an entry, in effect when this returns; whether something is known by it that was not. When there is no room for
        it, everything read up to now is refused instead: who was not to be stopped refreshes."""
        with self._writer:
            has_room = len(self._sessions.entries) + len(self._epochs.entries) < self._capacity
            floor = now_ms + self._leeway_ms
            if isinstance(entry, Session):
                is_new = self._sessions.insert(entry.sid, 0, entry.keep_until, has_room)
            elif isinstance(entry, Epoch):
                is_new = self._epochs.insert(entry.user, entry.epoch, entry.keep_until, has_room)
            elif isinstance(entry, DeadKey):
                # The thief of a dead key can sign any time.
                has_room, floor = len(self._keys.entries) < NAME_CAPACITY, _ALWAYS
                is_new = self._keys.insert(entry.kid, _ALWAYS, entry.keep_until, has_room)
            elif isinstance(entry, Client):
                has_room, floor = len(self._clients.entries) < NAME_CAPACITY, entry.read_until
                is_new = self._clients.insert(entry.client_id, entry.read_until, entry.keep_until, has_room)
            else:
                assert isinstance(entry, Everybody)
                is_new, floor = None, entry.read_until
            if is_new is None:
                # A session or a user that has no room is as unknown when it is told again, however high the floor has become.
                is_new = floor > self._floor and not isinstance(entry, (Session, Epoch))
                self._floor_keep_until = max(self._floor_keep_until, entry.keep_until)
                self._floor = max(self._floor, floor)
            return is_new

    def is_revoked(self, marks: Marks) -> bool:
        """Whether a credential has been withdrawn."""
        if marks.rat <= self._floor or marks.sid in self._sessions.entries:
            return True
        if marks.user is not None:
            lowest = self._epochs.value(marks.user)
            if lowest is not None and marks.uep < lowest:
                return True
        for table, name in ((self._keys, marks.kid), (self._clients, marks.client_id)):
            if name is not None and table.entries:
                latest = table.value(name)
                if latest is not None and marks.rat <= latest:
                    return True
        return False

    def expire(self, now_ms: int) -> None:
        """Drops what no longer matters. From then on nothing that had expired by `now_ms` may count as live, even if the
        clock steps back: see `horizon`."""
        with self._writer:
            # Before anything is dropped, so that no reader sees neither.
            self.horizon = max(self.horizon, now_ms)
            for table in (self._sessions, self._epochs):
                table.expire(now_ms)
            for names in (self._keys, self._clients):
                names.expire(now_ms)
            if self._floor_keep_until <= now_ms:
                self._floor = self._floor_keep_until = _NEVER

    @property
    def floor(self) -> int | None:
        """The moment up to which everything is refused; else None."""
        return None if self._floor == _NEVER else self._floor

    def __len__(self) -> int:
        tables = (self._sessions, self._epochs)
        names = (self._keys, self._clients)
        return sum(len(table.entries) for table in tables) + sum(len(table.entries) for table in names)
