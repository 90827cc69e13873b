"""JSON text read strictly: one object, bounded depth and size, no member twice anywhere."""

from __future__ import annotations

import json
import math
from typing import NamedTuple


class Limits(NamedTuple):
    """How large a text may be in structure."""

    depth: int
    """Objects and arrays inside each other; the outermost counts as one."""
    items: int
    """Members and elements in the whole text."""


HEADER = Limits(depth=4, items=32)
CLAIMS = Limits(depth=8, items=1_024)
KEYS = Limits(depth=8, items=16_384)


class Misshapen(ValueError):
    """The text is not within the limits, not one JSON object, or has a member twice."""


def parse_object(data: bytes, limits: Limits) -> dict[str, object]:
    """Reads one object. Whole numbers that fit 64 bits are `int`, all others `float`."""
    try:
        value = json.loads(
            data.decode("utf-8"),
            object_pairs_hook=_members,
            parse_int=_integer,
            parse_float=_finite,
            parse_constant=_refuse,
        )
    except (ValueError, RecursionError) as error:
        raise Misshapen(str(error)) from None
    if not isinstance(value, dict):
        raise Misshapen("not an object")
    _measure(value, limits)
    return value


def _members(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs) or len(pairs) > _MEMBERS_PER_OBJECT:
        raise Misshapen("duplicate or too many members")
    return members


def _integer(text: str) -> int | float:
    if text == "-0" or len(text) > 20:
        return _finite(text)
    number = int(text)
    return number if -(2**63) <= number < 2**64 else float(number)


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise Misshapen("a number out of range")
    return number


def _refuse(text: str) -> object:
    raise Misshapen(f"{text} is not JSON")


def _measure(value: object, limits: Limits) -> None:
    items = 0
    level = [value]
    for depth in range(limits.depth + 1):
        below: list[object] = []
        for one in level:
            if isinstance(one, str):
                _check_text(one)
            elif isinstance(one, dict | list):
                if depth == limits.depth:
                    raise Misshapen("too deep")
                items += len(one)
                below.extend(one.values() if isinstance(one, dict) else one)
                if isinstance(one, dict):
                    for name in one:
                        _check_text(name)
        if items > limits.items:
            raise Misshapen("too many items")
        level = below


def _check_text(text: str) -> None:
    # An escape can name half of a surrogate pair, which is no character.
    if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
        raise Misshapen("half a character")


_MEMBERS_PER_OBJECT = 64
