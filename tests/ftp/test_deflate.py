"""OPTS MODE Z."""

from __future__ import annotations

import pytest

from ftpsd.errors import Refusal
from ftpsd.ftp import deflate


@pytest.mark.parametrize(("argument", "level"), [
    ("Z", 6), ("Z LEVEL 0", 0), ("z level 9", 9), ("Z ENGINE ZLIB LEVEL 3", 3), ("Z LEVEL 1 METHOD 8", 1),
    ("Z ENGINE zlib", 6), ("Z LEVEL 2 LEVEL 4", 4), ("Z METHOD deflate", 6),
])
def test_what_is_understood(argument: str, level: int) -> None:
    assert deflate.options(argument, 6) == level


@pytest.mark.parametrize(("argument", "code"), [
    ("", 500), ("S", 500), ("S LEVEL 5", 500), ("Z LEVEL", 501), ("Z LEVEL 10", 501), ("Z LEVEL -1", 501),
    ("Z LEVEL x", 501), ("Z LEVEL \u0663", 501), ("Z ENGINE LZO", 501), ("Z METHOD 9", 501), ("Z EXTRA on", 501),
    ("Z BLOCKSIZE 9", 501), ("Z LEVEL 5 FOO 8", 501),
])
def test_what_is_not(argument: str, code: int) -> None:
    with pytest.raises(Refusal) as refused:
        deflate.options(argument, 6)
    assert refused.value.code == code


def test_the_mode_is_a_letter() -> None:
    assert deflate.chosen("z")
    assert deflate.chosen(" Z ")
    assert not any(deflate.chosen(word) for word in ("", "S", "ZZ", "Z X"))


def test_what_is_in_force_is_shown() -> None:
    assert deflate.settings(4) == "MODE Z ENGINE ZLIB LEVEL 4"
