"""Grammars of directives that hide and disguise files."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ftpsd.settings.arguments import ArgumentError, boolean, want
from ftpsd.settings.regexes import Regex
from ftpsd.settings.sections import for_whom
from ftpsd.settings.values import HiddenOwner, HideFiles


def hide_files(words: Sequence[str]) -> tuple[HideFiles, ...]:
    """`[!]regex|none [user|group|class expression]`."""
    if len(words) not in (1, 3):
        raise ArgumentError("wrong number of parameters", remedy="Write HideFiles regex [user|group|class expression].")
    whom = for_whom(words[1:])
    if words[0].lower() == "none":
        return (HideFiles(None, whom=whom),)
    negated = words[0].startswith("!")
    return (HideFiles(Regex(words[0].removeprefix("!")), negated, whom),)


def hidden_owner(words: Sequence[str]) -> tuple[HiddenOwner, ...]:
    """`[!]name` or `[!]~`."""
    want(words, 1, 1)
    name = words[0].removeprefix("!")
    if not name:
        raise ArgumentError("parameter must not be empty")
    return (HiddenOwner(name, words[0].startswith("!")),)


def fake_name(words: Sequence[str]) -> str | None:
    """`on [name]`, `off`; without a name it is `ftp`."""
    want(words, 1, 2)
    switch = boolean(words[0])
    if switch is None:
        raise ArgumentError("expected boolean argument", remedy="Write on, on NAME, or off.")
    name = words[1] if len(words) == 2 else "ftp"
    if not name or re.search(r"[\x00-\x20;\x7f]", name):
        raise ArgumentError(f"'{name}' cannot be the name of an owner")
    return name if switch else None


def fake_mode(words: Sequence[str]) -> int:
    """Permission bits, octal."""
    want(words, 1, 1)
    if not re.fullmatch("[0-7]{1,4}", words[0]):
        raise ArgumentError("parameter must be an octal number", remedy="Write for example 0444.")
    return int(words[0], 8)
