"""What an .ftpaccess file says: every line that can be read counts, whatever stands around it."""

from __future__ import annotations

import difflib

import pytest

from ftpsd.settings.builder import MOST_WRONG, ftpaccess
from ftpsd.settings.restrictions import LimitSection

FILE = "/srv/.ftpaccess"


def read(*lines: str, defines: tuple[str, ...] = ()) -> tuple[tuple[LimitSection, ...], str | None, tuple[str, ...]]:
    """The <Limit> sections, AllowAll or DenyAll outside of them, and what is wrong."""
    section, wrong = ftpaccess("\n".join(lines), FILE, "/srv", defines=defines)
    return section.restrictions.limits, section.restrictions.everything, wrong


@pytest.mark.parametrize(("bad", "said"), [
    ("DenyUserr bob", "unknown configuration directive 'DenyUserr'"),
    ("Allow from x/y", "bad ACL 'x/y'"),
    ("Order neither", "invalid argument"),
    ("Umask 022", "not allowed"),
    ("<Limit STOR>\nAllowAll\n</Limit>", "not allowed"),
])
def test_a_wrong_line_in_a_limit_takes_nothing_else_away(bad: str, said: str) -> None:
    (limit,), _, wrong = read("<Limit ALL>", *bad.split("\n"), "DenyAll", "</Limit>")
    assert limit.commands == {"ALL"}
    assert limit.deny.everybody
    assert not limit.allow.everybody
    (line,) = wrong
    assert said in line
    assert f"line 2 of '{FILE}'" in line


@pytest.mark.parametrize(("condition", "name", "counts"), [
    ("<IfModule mod_auth.c>", "IfModule", True), ("<IfModule !mod_auth.c>", "IfModule", False),
    ("<IfModule mod_nothing.c>", "IfModule", False), ("<ifmodule !mod_nothing.c>", "ifmodule", True),
    ("<IfDefine SITE>", "IfDefine", True), ("<IfDefine OTHER>", "IfDefine", False),
    ("<IfDefine !OTHER>", "IfDefine", True),
])
def test_conditions_are_decided(condition: str, name: str, counts: bool) -> None:
    limits, _, wrong = read(condition, "<Limit ALL>", "DenyAll", "</Limit>", f"</{name}>", defines=("SITE",))
    assert [limit.deny.everybody for limit in limits] == [True] * counts
    assert wrong == ()
    (limit,), everything, wrong = read(
        "<Limit ALL>", condition, "AllowUser alice", f"</{name}>", "DenyAll", "</Limit>", "DenyAll", defines=("SITE",))
    assert (bool(limit.allow.users), limit.deny.everybody, everything, wrong) == (counts, True, "deny", ())


def test_what_a_condition_leaves_out_is_not_read() -> None:
    limits, everything, wrong = read(
        "<IfModule mod_nothing.c>", "Nonsense \"", "<IfDefine X>", "</IfModule>", "</IfDefine>", "DenyAll",
        "</IfModule>", "<Limit STOR>", "DenyAll")
    assert [limit.commands for limit in limits] == [{"STOR"}]
    assert everything is None
    assert [line for line in wrong if "line 4" in line] == list(wrong)
    assert len(wrong) == 1


def test_a_condition_that_cannot_be_read_leaves_nothing_out() -> None:
    _, everything, wrong = read("<IfModule>", "DenyAll", "</IfModule>")
    assert everything == "deny"
    assert len(wrong) == 1


@pytest.mark.parametrize("around", [("", ""), ("<Limit ALL>", "</Limit>")])
@pytest.mark.parametrize("unknown", ["DenyUserr", "<Limmit>"])
def test_a_client_is_told_no_remedies(unknown: str, around: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """To look for one takes milliseconds, and a file has room for thousands of such lines."""
    asked: list[object] = []

    def close(*words: object, **options: object) -> list[str]:
        asked.append(words)
        return []

    monkeypatch.setattr(difflib, "get_close_matches", close)
    end = unknown.replace("<", "</") if unknown.startswith("<") else "# nothing"
    limits, everything, wrong = read(around[0], *[unknown, end] * 1000, around[1], "DenyAll")
    assert (len(limits), everything, asked) == (bool(around[0]), "deny", [])
    assert len(wrong) == MOST_WRONG
    assert wrong[1].endswith(f"on line 4 of '{FILE}'")
    assert unknown in wrong[1]
