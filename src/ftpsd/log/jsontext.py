"""JSON objects as entries of a log: what is too long for one is shortened inside, so that each line is an object."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ftpsd.log.files import LONGEST_ENTRY

_LONGEST, _SHORTEST = 8192, 8
_MORE = "..."


def json_text(members: Mapping[str, Any]) -> str:
    """An object on one line, in ASCII. One longer than an entry of a log has its long strings and lists shortened, to
    8 KiB as they are written or, where that is not enough, to half of it, and so on; `...` stands at their ends."""
    text, most = json.dumps(members), _LONGEST
    while len(text) > LONGEST_ENTRY and most >= _SHORTEST:
        text = json.dumps({name: _short(value, most) for name, value in members.items()})
        most //= 2
    return text


def _short(value: Any, most: int) -> Any:
    if len(json.dumps(value)) <= most:
        return value
    if isinstance(value, str):
        return _beginning(value, most)
    if isinstance(value, list):
        return _first(value, most)
    if isinstance(value, dict):
        return {name: _short(each, most) for name, each in value.items()}
    return value


def _beginning(text: str, most: int) -> str:
    """As much of the beginning as takes no more than `most` bytes, counting what escapes take."""
    low, high = 0, most
    while low < high:
        middle = (low + high + 1) // 2
        if len(json.dumps(text[:middle] + _MORE)) <= most:
            low = middle
        else:
            high = middle - 1
    return text[:low] + _MORE


def _first(items: list[Any], most: int) -> list[Any]:
    """The first ones, as many as take no more than `most` bytes; a long one is shortened."""
    found: list[Any] = []
    room = most - len(json.dumps([_MORE]))
    for item in items:
        part = _short(item, max(room - 2, _SHORTEST))
        room -= len(json.dumps(part)) + 2
        if room < 0:
            return [*found, _MORE]
        found.append(part)
    return found
