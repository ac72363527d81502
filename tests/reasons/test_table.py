"""Every code is used and explained; what explains it is current and names only what there is."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from ftpsd.reasons.codes import Code, Good, Show, marked
from ftpsd.reasons.reason import Reason
from ftpsd.reasons.reference import page
from ftpsd.reasons.table import TABLE, THEMES
from ftpsd.settings.registry import DIRECTIVES
from ftpsd.settings.tls_parsers import SUPPORTED_OPTIONS

TREE = Path(__file__).resolve().parents[2]
SOURCES = TREE / "src" / "ftpsd"
EVERY = pytest.mark.parametrize("reason", TABLE.values(), ids=lambda reason: reason.code)


_ENUMS = ("Code", "Good")


def used() -> set[str]:
    """Names of the members of `Code` and `Good` that code outside of `reasons` mentions."""
    names: set[str] = set()
    for path in SOURCES.rglob("*.py"):
        if path.is_relative_to(SOURCES / "reasons") and path.name != "system.py":
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in _ENUMS:
                names.add(node.attr)
    return names


def test_every_code_is_explained_once() -> None:
    listed = [reason.code for _, reasons in THEMES for reason in reasons]
    assert sorted(listed) == sorted(Code), "a code needs a Reason in the module of its theme (src/ftpsd/reasons)"
    assert list(TABLE) == listed


def test_every_code_is_used() -> None:
    assert {code.name for code in (*Code, *Good)} - used() == set(), "nothing raises these codes"


def test_names_follow_the_codes() -> None:
    for code in (*Code, *Good):
        assert code.name == code.value.upper().replace("-", "_")
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", code)


@EVERY
def test_an_explanation_helps(reason: Reason) -> None:
    assert reason.causes
    assert reason.shown
    entries = (reason.what, *reason.causes, *reason.confirm, *reason.server, *reason.client)
    assert all(entry.strip() == entry and "  " not in entry for entry in entries)
    assert reason.what.endswith((".", "\""))


WORDS = {
    "FileZilla", "WinSCP", "GnuTLS", "SELinux", "AppArmor", "OpenSSL", "ProFTPD", "PerUnauthenticatedUser",
    "FTPSClient", "LimitNOFILE", "ProtectSystem", "ReadWritePaths", "IfUser", "NoDisconnectOnError",
    "IfClass", "IfGroup", "UseProxiedServerAddress", "VirtualHost", "TLSLog", "TLSv",
}
MENTION = re.compile(r"\b[A-Z][A-Za-z]*[a-z][A-Z][A-Za-z]*\b|\bTLS[A-Z][a-z]\w+")


@EVERY
def test_only_what_exists_is_recommended(reason: Reason) -> None:
    known = {declaration.name for declaration in DIRECTIVES.values()} | set(SUPPORTED_OPTIONS) | WORDS
    text = " ".join((reason.what, *reason.causes, *reason.confirm, *reason.server, *reason.client))
    unknown = set(MENTION.findall(text)) - known
    assert unknown == set()


@EVERY
def test_shown_replies_carry_the_code_where_clients_see_it(reason: Reason) -> None:
    for line in reason.shown:
        if re.match(r"\d{3} ", line) and "]" in line:
            assert line.endswith(f"[{reason.code}]")


def test_logins_look_alike() -> None:
    assert not [code for code in Code if code.startswith("login-") and Show.REPLY in code.show]


def test_marked() -> None:
    assert marked("x", Code.PROT_REFUSED) == "x [prot-refused]"
    assert marked("x", Code.LOGIN_WRONG_PASSWORD) == marked("x", Good.PROT_CLEAR) == "x"


def test_the_page_is_current() -> None:
    written = (TREE / "docs" / "reference" / "reasons.md").read_text(encoding="utf-8")
    assert written == page(), "run `make docs`"


def test_the_page_is_what_the_module_prints() -> None:
    printed = subprocess.run(
        [sys.executable, "-W", "error", "-m", "ftpsd.reasons.reference"], capture_output=True, check=True, timeout=60,
        env={"PYTHONPATH": str(TREE / "src"), "PYTHONUTF8": "1"},
    )
    assert printed.stdout.decode() == page()
