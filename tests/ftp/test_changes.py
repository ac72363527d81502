"""MFF's facts."""

from __future__ import annotations

import pytest

from ftpsd.errors import Refusal
from ftpsd.ftp import changes
from ftpsd.ftp.changes import Changes


@pytest.mark.parametrize(("text", "expected"), [
    ("modify=20200101000000;", Changes(modify=1577836800)),
    ("MODIFY=20200101000000.5;", Changes(modify=1577836800.5)),
    ("UNIX.mode=0644;", Changes(mode=0o644)),
    ("unix.mode=7777;UNIX.group=www;", Changes(mode=0o7777, group="www")),
    ("UNIX.groupname=7;UNIX.mode=1;UNIX.mode=2;", Changes(mode=2, group="7")),
])
def test_changes(text: str, expected: Changes) -> None:
    assert changes.parse(text) == expected


@pytest.mark.parametrize(("text", "code", "reply"), [
    ("modify=20200101000000", 501, "modify=20200101000000: Invalid argument"),
    ("modify;", 501, "modify: Invalid argument"),
    ("modify=;", 501, "modify=: Invalid argument"),
    ("modify=2020;", 501, "2020: Invalid argument"),
    ("UNIX.mode=9;", 501, "9: Invalid argument"),
    ("UNIX.mode=77777;", 501, "77777: Invalid argument"),
    (";", 504, "Cannot modify fact ''"),
    ("modify=20200101000000;;", 504, "Cannot modify fact ''"),
    ("size=3;", 504, "Cannot modify fact 'size=3'"),
    ("UNIX.owner=0;", 504, "Cannot modify fact 'UNIX.owner=0'"),
])
def test_what_cannot_be_changed(text: str, code: int, reply: str) -> None:
    with pytest.raises(Refusal) as caught:
        changes.parse(text)
    assert (caught.value.code, caught.value.text) == (code, reply)
