"""The examples of docs/accounts.md: each is run, with other paths, and somebody logs in."""

from __future__ import annotations

import base64
import os
import re
import time
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.twofactor.hotp import HOTP

from ftpsd.auth.chain import Authenticator
from ftpsd.auth.pam import Pam
from ftpsd.auth.unix import Shadow
from ftpsd.testing.configs import User, hash_password
from tests.auth.slapd import BASE, Slapd, group, person, ssha
from tests.auth.support import CHEAP, ImaginarySystem, account, write
from tests.auth.test_pam import RealModule
from tests.session.inprocess import one_session
from tests.settings.support import configuration

PAGE = Path(__file__).parents[2] / "docs" / "accounts.md"
KEY = b"12345678901234567890"
ALICE = User()


def examples() -> dict[str, str]:
    """The examples by the headings that they stand under."""
    pattern = r"^## ([^\n]+)\n(?:(?!^## ).)*?^```\n(.*?)^```$"
    return dict(re.findall(pattern, PAGE.read_text("utf-8"), re.DOTALL | re.MULTILINE))


def test_every_section_but_one_has_an_example() -> None:
    headings = re.findall(r"^## (.+)$", PAGE.read_text("utf-8"), re.MULTILINE)
    assert [name for name in headings if name not in examples()] == ["Limits of a process"]


def place(tmp_path: Path, text: str) -> list[str]:
    """The lines with paths of the test's: /etc/ftpsd and /srv are directories in tmp_path."""
    tmp_path.chmod(0o755)
    for name in ("etc", "srv/shared", "skel"):
        (tmp_path / name).mkdir(parents=True, exist_ok=True)
    home = tmp_path / "srv" / "alice"
    home.mkdir()
    for owned in (home, tmp_path / "srv" / "shared"):
        ALICE.own(owned)
    (tmp_path / "srv").chmod(0o755)
    write(tmp_path / "etc" / "users", ALICE.passwd_line(home))
    write(tmp_path / "etc" / "groups", f"users:x:{ALICE.gid}:alice")
    text = text.replace("/etc/ftpsd/skel", str(tmp_path / "skel")).replace("/etc/ftpsd", str(tmp_path / "etc"))
    text = text.replace("/var/lib/ftpsd", str(tmp_path / "etc"))
    return text.replace("/srv", str(tmp_path / "srv")).splitlines()


def attempts(lines: list[str], *tries: tuple[str, str, int]) -> None:
    """Names and passwords with the codes that they are answered."""
    with one_session(("MaxLoginAttempts 20", *lines)) as served:
        served.client.connect()
        for user, password, code in tries:
            served.client.expect(331, f"USER {user}")
            served.client.expect(code, f"PASS {password}")


def test_a_file(tmp_path: Path) -> None:
    attempts(place(tmp_path, examples()["A file"]), ("alice", "wrong", 530), ("alice", "secret", 230))


@pytest.mark.parametrize("rule", ["AnonymousGroup users", "IfSessionOptions PerUnauthenticatedUser", ""])
def test_a_group_file_that_is_away_for_a_moment(tmp_path: Path, rule: str) -> None:
    """An editor's: nobody gets in meanwhile, and the same session goes on when it is back."""
    lines = place(tmp_path, examples()["A file"])
    groups = tmp_path / "etc" / "groups"
    with one_session(("MaxLoginAttempts 20", rule, *lines)) as served:
        served.client.connect()
        groups.rename(tmp_path / "etc" / "groups~")
        for user in ("alice", "nobody-there"):
            if served.client.command(f"USER {user}").code == 331:
                served.client.expect(530, "PASS secret")
        (tmp_path / "etc" / "groups~").rename(groups)
        served.client.expect(331, "USER alice")
        served.client.expect(230, "PASS secret")


def test_pam(tmp_path: Path) -> None:
    """With a stack of the test's under the example's name; PAM alone counts, though /etc/shadow would say yes, too."""
    script = tmp_path / "check"
    script.write_text('#!/bin/sh\n[ "$(tr -d "\\0")" = "right pass" ]\n')
    script.chmod(0o755)
    (tmp_path / "proftpd").write_text(
        f"auth required pam_exec.so quiet expose_authtok {script}\naccount required pam_permit.so\n")
    module = RealModule(tmp_path)
    rules = configuration(examples()["The system, and PAM"] + "RequireValidShell off").hosts[0].settings.auth
    users = ImaginarySystem(account("alice", source="system"), shadows={"alice": Shadow(CHEAP)})
    chain = Authenticator(
        rules, system=users,
        pam=lambda service: Pam(service, load=lambda name: module, exists=lambda name: (tmp_path / name).exists()))
    assert chain.prepare() == ()
    assert chain.check(chain.lookup("alice"), "right pass", "peer").ok
    assert not chain.check(chain.lookup("alice"), "geheim", "peer").ok


def test_a_directory(tmp_path: Path) -> None:
    (tmp_path / "slapd").mkdir()
    slapd = Slapd(tmp_path / "slapd", (
        person("dora", ALICE.uid, ssha("secret"), "/nowhere", group=ALICE.gid), group("users", ALICE.gid, "dora")))
    try:
        text = examples()["A directory (LDAP)"].replace("ldap.example.org", slapd.address)
        assert BASE in text
        lines = place(tmp_path, text.replace("/etc/ssl/ldap-ca.pem", str(slapd.authority)))
        attempts(lines, ("dora", "wrong", 530), ("dora)(uid=*", "secret", 530), ("dora", "secret", 230))
        assert (tmp_path / "srv" / "ftp" / "dora").is_dir()
    finally:
        slapd.stop()


def test_one_time_passwords(tmp_path: Path) -> None:
    lines = place(tmp_path, examples()["One-time passwords"])
    write(tmp_path / "etc" / "otp", f"alice:{base64.b32encode(KEY).decode()}")
    code = HOTP(KEY, 6, hashes.SHA1()).generate(int(time.time()) // 30).decode()
    attempts(lines, ("alice", "secret", 530), ("alice", "wrong" + code, 530), ("alice", "secret" + code, 230))
    attempts(lines, ("alice", "secret" + code, 530))


def test_names_and_passwords(tmp_path: Path) -> None:
    lines = place(tmp_path, examples()["Names and passwords of one's own"])
    assert hash_password("upload") in "\n".join(lines)
    attempts(lines, ("alice", "upload", 530), ("drop", "secret", 530), ("drop", "upload", 230))


def test_homes(tmp_path: Path) -> None:
    lines = place(tmp_path, examples()["Homes"])
    (tmp_path / "skel" / "welcome").write_text("hello")
    home = tmp_path / "srv" / "alice"
    home.rmdir()
    attempts(lines, ("alice", "secret", 230))
    assert os.listdir(home) == ["welcome"]
    assert home.stat().st_mode & 0o777 == 0o750


def test_virtual_folders(tmp_path: Path) -> None:
    lines = place(tmp_path, examples()["Virtual folders"])
    with one_session(lines) as served:
        served.client.connect()
        served.client.login()
        served.client.expect(250, "CWD shared")
        served.client.expect(257, "MKD made")
    assert (tmp_path / "srv" / "shared" / "made").is_dir()
