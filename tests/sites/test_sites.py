"""Configurations in the style in which people publish them do in ftpsd what they do in ProFTPD, unchanged.

The same file, the same conversations, reply by reply; then the TransferLog, and what became of the files and tables.
"""

from __future__ import annotations

import contextlib
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from ftpsd.testing.configs import MODULES, User, hash_password
from ftpsd.testing.plugin import Certificates, need_proftpd
from tests.peer.compare import ALICE, BOB, Difference, Do, Handshake, Script, Step, Transfer
from tests.sites import support

pytestmark = pytest.mark.root

Exchanges = list[tuple[str, str]]


@dataclass(frozen=True)
class Outcome:
    """What a site did: the conversations, the TransferLog, and what `left` says of its directory."""

    said: list[Exchanges]
    transfers: list[str]
    left: object


def plain(steps: list[Step], user: str = "alice", password: str = "secret") -> Script:
    return Script("plain", ["TYPE I", f"USER {user}", f"PASS {password}", *steps], start="connected")


def private(version: str, steps: list[Step], user: str = "alice", password: str = "secret") -> Script:
    begun: list[Step] = [
        "AUTH TLS", Handshake(), f"USER {user}", f"PASS {password}", "TYPE I",
        Do("PBSZ, PROT", lambda client: client.protect())]
    return Script("private", [*begun, *steps], start="connected", version=version)


def outcome(
    name: str, kind: support.Kind, certificates: Certificates, furnish: Callable[[Path], None], scripts: list[Script],
    left: Callable[[Path], object],
) -> Outcome:
    with support.site(name, kind, certificates, furnish) as server:
        said = [support.talk(server, script) for script in scripts]
        server.stop()
        return Outcome(said, support.transfers(server), left(server.files.directory))


def same(
    name: str, certificates: Certificates, furnish: Callable[[Path], None], scripts: list[Script],
    left: Callable[[Path], object], differences: tuple[Difference, ...] = (),
) -> Outcome:
    need_proftpd()
    ours = outcome(name, "ftpsd", certificates, furnish, scripts, left)
    theirs = outcome(name, "proftpd", certificates, furnish, scripts, left)
    problems = [problem for their, our in zip(theirs.said, ours.said, strict=True)
                for problem in support.differing(their, our, differences)]
    assert not problems, "\n".join(problems)
    assert ours.transfers == theirs.transfers
    assert ours.left == theirs.left
    return ours


def files(base: Path) -> dict[str, tuple[int, int, bytes]]:
    """Mode, owner and content of every file below."""
    found = {}
    for path in sorted(base.rglob("*")):
        status = path.lstat()
        data = path.read_bytes() if path.is_file() else b""
        found[str(path.relative_to(base))] = (status.st_mode, status.st_uid, data)
    return found


# ---- a drop box


def drop(base: Path) -> None:
    support.make(base / "drop", owner=BOB, mode=0o755)
    support.make(base / "drop" / "README", owner=BOB, mode=0o644, data=b"Leave your files in /in\n")
    support.make(base / "drop" / "in", owner=ALICE, mode=0o777)
    support.make(base / "drop" / "in" / "old.zip", owner=ALICE, mode=0o644, data=b"old")


DELIVERY: list[Step] = [
    "PWD", Transfer("LIST"), Transfer("RETR README"), Transfer("STOR here.txt", upload=b"x"), "MKD new", "CWD in",
    Transfer("LIST"), Transfer("NLST"), Transfer("MLSD"), Transfer("RETR old.zip"), "SIZE old.zip", "MDTM old.zip",
    "STAT old.zip", Transfer("STOR parts.zip", upload=b"delivered" * 1000),
    Transfer("STOR parts.zip", upload=b"again"), Transfer("STOR old.zip", upload=b"new"),
    Transfer("APPE old.zip", upload=b"more"), Transfer("STOR virus.exe", upload=b"MZ"), "DELE parts.zip",
    "RNFR parts.zip", "MKD sub", "RMD sub", "SITE CHMOD 777 parts.zip", "REST 5", "CDUP", "QUIT",
]
COLLECTION: list[Step] = [
    "CWD /in", Transfer("NLST"), Transfer("RETR parts.zip"), "SIZE parts.zip", "DELE old.zip", "RNFR parts.zip",
    "RNTO done.zip", "MKD sub", Transfer("STOR answer.txt", upload=b"thanks"), "CWD /", "DELE README", "QUIT",
]


def test_a_drop_box(ftps_certificates: Certificates, tls_version: str) -> None:
    done = same("dropbox", ftps_certificates, drop, [
        plain(DELIVERY), private(tls_version, DELIVERY), plain(COLLECTION, "bob"),
        private(tls_version, COLLECTION, "bob"),
    ], lambda base: files(base / "drop"))
    assert len(done.transfers) == 5


# ---- an anonymous mirror


def mirror(base: Path) -> None:
    owner = User("root", uid=0, gid=0)
    support.make(base / "mirror", owner=owner, mode=0o755)
    support.make(base / "mirror" / "welcome.msg", owner=owner, mode=0o644, data=b"Welcome, %U, in %C.\nBe gentle.\n")
    support.make(base / "mirror" / "pub", owner=owner, mode=0o755)
    support.make(base / "mirror" / "pub" / ".message", owner=owner, mode=0o644, data=b"Releases live here.\n")
    support.make(base / "mirror" / "pub" / "release.tar", owner=owner, mode=0o644, data=b"r" * 100_000)
    support.make(base / "mirror" / "pub" / "private", owner=owner, mode=0o600, data=b"p")
    support.make(base / "mirror" / "incoming", mode=0o755)


VISIT: list[Step] = [
    "PWD", Transfer("LIST"), "CWD pub", "CWD pub", Transfer("LIST"), Transfer("NLST"), Transfer("MLSD"),
    "SIZE release.tar", "MDTM private", Transfer("RETR release.tar"), "REST 99990", Transfer("RETR release.tar"),
    Transfer("RETR private"), Transfer("STOR x", upload=b"x"), "DELE release.tar", "MKD x", "RNFR release.tar",
    "SITE CHMOD 600 release.tar", "CWD /incoming", Transfer("STOR gift", upload=b"for you"),
    Transfer("RETR gift"), "DELE gift", "MKD x", "CWD ..", "PWD", "STAT pub", "QUIT",
]


RIGHTS = (Difference(
    "MLSD", r".*perm=adfr;.*", r".*perm=r;.*",
    "ProFTPD judges rights by the owner that DirFakeUser shows; we say what the client may do",
),)


def test_an_anonymous_mirror(ftps_certificates: Certificates, tls_version: str) -> None:
    same("mirror", ftps_certificates, mirror, [
        plain(VISIT, "anonymous", "me@example.org"), private(tls_version, VISIT, "ftp", "-me@example.org"),
        plain(["PWD", Transfer("LIST"), "QUIT"]), plain(["QUIT"], "alice", "wrong"), plain(["QUIT"], "root", "x"),
    ], lambda base: files(base / "mirror"), RIGHTS)


# ---- hosting with customers in a database


def hosting(base: Path) -> None:
    database = base / "hosting.db"
    with contextlib.closing(sqlite3.connect(database, isolation_level=None)) as connection:
        connection.executescript("""
            CREATE TABLE ftpgroup (groupname VARCHAR(16) NOT NULL, gid INTEGER NOT NULL, members VARCHAR(16) NOT NULL);
            CREATE TABLE ftpuser (
                id INTEGER PRIMARY KEY, userid VARCHAR(32) UNIQUE NOT NULL, passwd VARCHAR(128) NOT NULL,
                uid INTEGER NOT NULL, gid INTEGER NOT NULL, homedir VARCHAR(255) NOT NULL, shell VARCHAR(16) NOT NULL,
                count INTEGER NOT NULL DEFAULT 0, LoginAllowed VARCHAR(5) NOT NULL DEFAULT 'true');
            CREATE TABLE ftplog (userid TEXT, command TEXT, path TEXT, code TEXT);
            INSERT INTO ftpgroup VALUES ('customers', 2000, 'shop'), ('customers', 2000, 'blog');
        """)
        hashed = hash_password("secret")
        for number, (name, uid, allowed) in enumerate([
            ("shop", 2001, "true"), ("o'brien", 2002, "true"), ("closed", 2003, "false"), ("low", 33, "true"),
        ]):
            connection.execute(
                "INSERT INTO ftpuser VALUES (?, ?, ?, ?, 2000, ?, '/sbin/nologin', 0, ?)",
                (number, name, hashed, uid, str(base / "web" / name), allowed))
    database.chmod(0o666)
    support.make(base / "web", owner=User("root", uid=0, gid=0), mode=0o755)


WORK: list[Step] = [
    "PWD", Transfer("LIST"), Transfer("STOR index.html", upload=b"<html>"), "MKD img",
    Transfer("STOR img/it's.png", upload=b"png"), Transfer("RETR img/it's.png"), "SITE CHMOD 640 index.html",
    "RNFR index.html", "RNTO index.htm", "DELE index.htm", "CWD ..", "PWD", Transfer("NLST"), "CWD /img", "PWD",
    "DELE it's.png", "QUIT",
]


def left_by_customers(base: Path) -> object:
    with contextlib.closing(sqlite3.connect(base / "hosting.db")) as connection:
        counts = connection.execute("SELECT userid, count FROM ftpuser ORDER BY id").fetchall()
        logged = connection.execute("SELECT userid, command, code FROM ftplog ORDER BY rowid").fetchall()
    return files(base / "web"), counts, logged


def test_hosting_with_customers_in_a_database(ftps_certificates: Certificates, tls_version: str) -> None:
    pytest.importorskip("sqlalchemy")
    need_proftpd()
    if not (MODULES / "mod_sql_sqlite.so").exists():
        pytest.skip("package proftpd-mod-sqlite is not installed")
    same("hosting", ftps_certificates, hosting, [
        plain(WORK, "shop"), private(tls_version, WORK, "shop"), plain(["QUIT"], "shop", "wrong"),
        plain(["QUIT"], "closed"), plain(["QUIT"], "low"), plain(["QUIT"], "nobody-knows"),
        plain(["QUIT"], "' OR '1'='1"), plain(["QUIT"], "root"), private(tls_version, WORK, "shop"),
    ], left_by_customers)



# ---- all of them


def full(name: str, kind: support.Kind, certificates: Certificates) -> list[str]:
    """What clients hear at the door when the places are taken."""
    with support.site(name, kind, certificates, mirror) as server, contextlib.ExitStack() as stack:
        heard = []
        for user in ("anonymous", "ftp", "anonymous", "alice", "bob"):
            client = stack.enter_context(server.client(tls=False))
            heard.append(str(client.connect()))
            heard.append(str(client.command(f"USER {user}")))
            heard.append(str(client.command("PASS secret")))
        server.stop()
        return heard


def test_the_mirror_has_so_many_places_and_no_more(ftps_certificates: Certificates) -> None:
    need_proftpd()
    ours, theirs = (full("mirror", kind, ftps_certificates) for kind in support.KINDS)
    assert support.differing([("", line) for line in theirs], [("", line) for line in ours]) == []
    assert "all 2 places are taken" in "\n".join(ours)
    assert "Only 3 connections" in "\n".join(ours)


@pytest.mark.parametrize(("name", "furnish"), [("dropbox", drop), ("mirror", mirror), ("hosting", hosting)])
def test_check_finds_nothing_wrong(
    name: str, furnish: Callable[[Path], None], ftps_certificates: Certificates,
) -> None:
    with support.site(name, "ftpsd", ftps_certificates, furnish) as server:
        server.stop()
        done = subprocess.run(
            [sys.executable, "-m", "ftpsd.cli.main", "check", "-c", str(server.files.configuration)],
            capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout  # notes at most
