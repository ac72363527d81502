"""Values of settings as `ftpsd check` prints them."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from ftpsd.cli.check import command
from ftpsd.diag.values import shown
from ftpsd.settings import DIRECTIVES
from ftpsd.settings.bound_parsers import session_timeout

SECRETS = ("secret", "$5$salt")
"""What passwords and hashes in the examples of directives begin with."""


@pytest.mark.parametrize(("line", "text"), [
    ("60", "seconds=60 whom=none"),
    ("60 user alice,!bob", "seconds=60 whom=user alice or !bob"),
    ("60 group staff,ftp", "seconds=60 whom=group staff and ftp"),
])
def test_for_whom_a_line_is(line: str, text: str) -> None:
    assert shown(session_timeout(line.split())) == text


@pytest.mark.parametrize(("name", "example"), [
    (each.name, example) for each in DIRECTIVES.values() if each.secret for example in each.good])
def test_passwords_are_not_shown(name: str, example: str) -> None:
    declaration = DIRECTIVES[name.lower()]
    value = declaration.argument.parse(shlex.split(example))
    assert not any(secret in shown(value) for secret in SECRETS)
    assert ("(hidden)" in shown(value)) is any(secret in example for secret in SECRETS)


def test_directives_for_passwords_are_known() -> None:
    assert {each.name for each in DIRECTIVES.values() if each.secret} == {
        "GroupPassword", "LDAPBindDN", "RedisServer", "SQLConnectInfo", "SQLNamedConnectInfo", "UserPassword"}


@pytest.mark.parametrize(("line", "value"), [
    ('LDAPBindDN "cn=reader" hunter2\nLDAPServer ldap://127.0.0.1/', "name=cn=reader password=(hidden)"),
    ("SQLConnectInfo ftp@localhost ftpd hunter2\nSQLBackend postgres", "user=ftpd password=(hidden)"),
    ("RedisServer 127.0.0.1:6379 ftpd hunter2", "username=ftpd password=(hidden)"),
    ("<Anonymous /srv>\nUserPassword ftp hunter2hunter2\n</Anonymous>", "none"),
])
def test_explain_shows_no_password(tmp_path: Path, line: str, value: str) -> None:
    path = tmp_path / "test.conf"
    path.write_text(f"ServerName test\nPort 0\n{line}\n")
    (name,) = (word for word in line.split() if word.lower() in DIRECTIVES and DIRECTIVES[word.lower()].secret)
    for options in ([], ["--json"]):
        output = CliRunner().invoke(command, [str(path), "--explain", name, *options]).output
        assert "hunter2" not in output
        assert value in output
        assert f"{name} (hidden)" in output
    (found,) = json.loads(output)
    assert [each["line"] for each in found["lines"] + found["elsewhere"]] == [4 if value == "none" else 3]
