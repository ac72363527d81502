"""Facts and times."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftpsd.ftp import facts


def test_feat_line_as_proftpd_has_it() -> None:
    assert facts.feat_line() == (
        "MLST modify*;perm*;size*;type*;unique*;"
        "UNIX.group*;UNIX.groupname*;UNIX.mode*;UNIX.owner*;UNIX.ownername*;"
    )
    assert facts.feat_line(["size", "type"]).count("*") == 2
    assert facts.feat_line([]).count("*") == 0


@pytest.mark.parametrize(("argument", "shown"), [
    ("type;size;", "size;type;"),
    ("size;perm;Type", "perm;size;type;"),
    ("unix.mode;", "UNIX.mode;"),
    ("foo;", ""),
    ("", ""),
    (" modify ; size", "modify;size;"),
])
def test_choose(argument: str, shown: str) -> None:
    chosen, text = facts.choose(argument)
    assert text == shown
    assert chosen == frozenset(filter(None, shown.split(";")))


@pytest.mark.parametrize(("text", "seconds"), [
    ("19700101000000", 0), ("20200101000000", 1577836800), ("20200229235959", 1583020799),
    ("20161231235960", 1483228800),
    ("19691231235959", -1),
])
def test_times(text: str, seconds: float) -> None:
    assert facts.parse_time(text) == seconds
    if not text.endswith("60"):
        assert facts.format_time(seconds) == text


def test_fractions() -> None:
    assert facts.parse_time("20200101000000.5") == 1577836800.5
    assert facts.format_time(1577836800.9) == "20200101000000"


@pytest.mark.parametrize("text", [
    "", "2020", "20201301000000", "20200001000000", "20190229000000", "20200132000000", "20200101240000",
    "20200101006000", "20200101000061", "2020010100000", "202001010000000", "20200101000000.",
    "20200101000000.x", "-0200101000000",
    "2020010100000\u0660", " 20200101000000", "00000101000000",
])
def test_what_is_no_time(text: str) -> None:
    assert facts.parse_time(text) is None


def test_reply_to_mfmt() -> None:
    assert facts.modified("20200101000000.123", "a b") == "Modify=20200101000000; a b"


@given(st.integers(-62135596800, 253402300799))
def test_times_come_back(seconds: int) -> None:
    assert facts.parse_time(facts.format_time(seconds)) == seconds
