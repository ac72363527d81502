"""The same AuthUserFile before a real ProFTPD and before us: the same people get in."""

from __future__ import annotations

import ftplib
import os
import pwd
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from ftpsd.auth.chain import Authenticator
from ftpsd.auth.files import check_permissions
from ftpsd.auth.passwords import hash_password
from ftpsd.errors import ConfigError
from ftpsd.settings.account_files import AccountFile
from ftpsd.settings.auth import AuthSettings
from ftpsd.testing.ports import free_port
from tests.auth.support import CHEAP, user_line, write

PROFTPD = shutil.which("proftpd", path="/usr/sbin:/usr/local/sbin:/usr/bin")
pytestmark = [
    pytest.mark.peer, pytest.mark.root,
    pytest.mark.skipif(PROFTPD is None, reason="no ProFTPD here"),
    pytest.mark.skipif(os.geteuid() != 0, reason="ProFTPD takes on users' rights only as root"),
]

CONFIGURATION = """
ServerName peer
ServerType standalone
DefaultAddress 127.0.0.1
UseIPv6 off
UseReverseDNS off
Port {port}
User nobody
Group {group}
AuthUserFile {users}
AuthOrder mod_auth_file.c
AuthPAM off
WtmpLog off
MaxLoginAttempts 10
PidFile {directory}/pid
ScoreboardFile none
SystemLog {directory}/log
<IfModule mod_delay.c>
  DelayEngine off
</IfModule>
"""


def configuration(directory: Path, users: str, port: int) -> Path:
    nobody = pwd.getpwnam("nobody")
    group = subprocess.run(
        ["id", "-gn", nobody.pw_name], check=True, capture_output=True, text=True, timeout=30).stdout.strip()
    path = directory / "proftpd.conf"
    path.write_text(CONFIGURATION.format(port=port, users=users, directory=directory, group=group))
    return path


@contextmanager
def proftpd(directory: Path, users: str) -> Iterator[int]:
    port = free_port()
    assert PROFTPD is not None
    process = subprocess.Popen(
        [PROFTPD, "-n", "-q", "-c", str(configuration(directory, users, port))],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 30
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 5).close()
                break
            except OSError:
                assert process.poll() is None, "ProFTPD did not start"
                assert time.monotonic() < deadline, "ProFTPD does not answer"
                time.sleep(0.05)
        yield port
    finally:
        process.terminate()
        process.wait(30)


def peer_lets_in(port: int, user: str, password: str) -> bool:
    with ftplib.FTP(timeout=30) as client:
        client.connect("127.0.0.1", port)
        client.sendcmd(f"USER {user}")
        try:
            return client.sendcmd(f"PASS {password}").startswith("230")
        except ftplib.error_perm:
            return False


LOGINS = [
    ("alice", "geheim"), ("alice", "wrong"), ("alice", "geheim "), ("Alice", "geheim"), ("nobody there", "x"),
    ("locked", "geheim"), ("star", "*"), ("bang", "!"), ("shadowed", "x"), ("toor", "geheim"),
    ("noshell", "geheim"), ("emptyshell", "geheim"), ("news", "geheim"), ("nouid", "geheim"),
    ("badgid", "geheim"), ("short", "geheim"), ("more", "geheim"), ("twice", "geheim"), ("twice", "second"),
    ("with blank", "geheim"), ("jürgen", "geheim"), ("#hash", "geheim"), ("after", "geheim"),
    ("md5", "geheim"), ("sha256", "geheim"), ("yescrypt", "geheim"), ("bcrypt", "geheim"), ("des", "geheim"),
    ("des", "geheim and more than eight characters"), ("md5", "Geheim"), ("leadingzero", "geheim"),
]


def test_the_same_people_get_in(tmp_path: Path) -> None:
    home = "/"      # everybody may enter it, unlike what is below tmp_path
    table: dict[str, dict[str, Any]] = {
        "alice": {}, "locked": {"password": "!" + CHEAP}, "star": {"password": "*"},
        "bang": {"password": "!"}, "shadowed": {"password": "x"}, "toor": {"uid": 0, "gid": 0},
        "noshell": {"shell": "/bin/false"}, "emptyshell": {"shell": ""},
        "news": {}, "twice": {}, "with blank": {}, "jürgen": {}, "#hash": {},
        "leadingzero": {"uid": "01001"},
        **{scheme: {"password": hash_password("geheim", scheme)}
           for scheme in ("md5", "sha256", "yescrypt", "bcrypt", "des")},
    }
    lines = [user_line(name, home=home, **changes) for name, changes in table.items()]
    lines += [
        user_line("nouid", home=home).replace(":1001:1001:", "::1001:"),
        user_line("badgid", home=home).replace(":1001:1001:", ":1001:staff:"),
        f"short:{CHEAP}:1001:1001:",
        user_line("more", home=home) + ":and:more",
        user_line("twice", home=home, password=hash_password("second", "md5")), "# comment", "",
        user_line("after", home=home),
    ]
    users = write(tmp_path / "users", *lines, mode=0o640)
    ours = Authenticator(
        AuthSettings(auth_user_file=AccountFile(users), auth_order=("mod_auth_file.c",), auth_pam=False))
    with proftpd(tmp_path, users) as port:
        theirs = {login: peer_lets_in(port, *login) for login in LOGINS}
    assert {login: ours.check(ours.lookup(login[0]), login[1], "test").ok for login in LOGINS} == theirs
    assert True in theirs.values()
    assert False in theirs.values()


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o644, 0o602, 0o666, 0o604])
@pytest.mark.parametrize("directory_mode", [0o755, 0o777])
def test_the_same_files_are_trusted(tmp_path: Path, mode: int, directory_mode: int) -> None:
    place = tmp_path / "etc"
    place.mkdir()
    place.chmod(directory_mode)
    users = write(place / "users", user_line("alice"), mode=mode)
    assert PROFTPD is not None
    theirs = subprocess.run(
        [PROFTPD, "-t", "-c", str(configuration(tmp_path, users, 21))], capture_output=True, timeout=30,
        check=False)
    try:
        check_permissions("AuthUserFile", users, world_readable=False)
        ours = True
    except ConfigError:
        ours = False
    assert ours is (theirs.returncode == 0)
