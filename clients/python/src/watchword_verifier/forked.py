"""What has to begin anew in a process that was forked: its threads are gone, and locks may be held for ever."""

from __future__ import annotations

import os
import weakref
from typing import Protocol


class Forked(Protocol):
    """Something with threads, locks or connections."""

    def after_fork(self) -> None:
        """Called in the new process, where no other thread runs yet."""


_all: weakref.WeakSet[Forked] = weakref.WeakSet()


def watch(what: Forked) -> None:
    """Has it told of forks, for as long as it lives."""
    _all.add(what)


def _after_fork() -> None:
    for what in list(_all):
        what.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
