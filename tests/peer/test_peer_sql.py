"""Users in a database: whom ftpsd lets in and what it logs, as Debian's ProFTPD with mod_sql_sqlite and mod_sql_passwd.

Each configuration is a <VirtualHost> of one server; the same text is read by both.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from ftpsd.testing import databases
from ftpsd.testing.client import ScriptedClient
from ftpsd.testing.configs import MODULES, User, hash_password, proftpd_modules
from ftpsd.testing.databases import TestDatabase
from ftpsd.testing.plugin import Certificates, need_proftpd
from ftpsd.testing.server import server_directory, start_ftpsd, start_proftpd
from tests.session.hosts import Hosts, HostsConfig

pytestmark = [pytest.mark.peer, pytest.mark.root]

PASSWORD = b"secret"
NOBODY = 65534
SALT, SALT16, SALT32 = b"pepper", b"0123456789abcdef", b"0123456789abcdef0123456789abcdef"


def md5(data: bytes) -> bytes:
    return hashlib.md5(data).digest()


def hexed(data: bytes) -> bytes:
    return data.hex().encode()


STORED: dict[str, bytes] = {
    "crypt": hash_password("secret").encode(), "yescrypt": b"$y$j9T$fJeXcFYBV6R2ZMSFrsMGe/$H/y4nFxyLQ5wMDQTzEOaR7Qjb"
    b"pZoN8ICNbMBbWZBP2.", "plain": PASSWORD, "empty": b"", "md5": hexed(md5(PASSWORD)),
    "MD5": hexed(md5(PASSWORD)).upper(), "md5-64": base64.b64encode(md5(PASSWORD)),
    "sha1": hexed(hashlib.sha1(PASSWORD).digest()), "sha256": hexed(hashlib.sha256(PASSWORD).digest()),
    "sha512": hexed(hashlib.sha512(PASSWORD).digest()),
    "openssl": b"{sha1}" + base64.b64encode(hashlib.sha1(PASSWORD).digest()),
    "md5-behind": hexed(md5(PASSWORD + SALT)), "md5-before": hexed(md5(SALT + PASSWORD)),
    "md5-named": hexed(md5(PASSWORD + b"md5-named")), "md5-own": hexed(md5(b"salt of md5-own" + PASSWORD)),
    "md5-3": hexed(md5(hexed(md5(hexed(md5(PASSWORD)))))),
    "md5-hp": hexed(md5(md5(PASSWORD) + SALT)), "md5-hep": hexed(md5(hexed(md5(PASSWORD)) + SALT)),
    "md5-hs": hexed(md5(PASSWORD + md5(SALT))), "md5-hes": hexed(md5(PASSWORD + hexed(md5(SALT)))),
    "md5-hes-hep": hexed(md5(hexed(md5(PASSWORD)) + hexed(md5(SALT)))),
    "pbkdf2": hexed(hashlib.pbkdf2_hmac("sha1", PASSWORD, SALT, 1000, 20)),
    "pbkdf2-own": hexed(hashlib.pbkdf2_hmac("sha512", PASSWORD, SALT, 500, 40)),
    "scrypt": hexed(hashlib.scrypt(PASSWORD, salt=SALT32, n=2**14, r=8, p=1, maxmem=2**26, dklen=32)),
}
_PASSWD = "SQLPasswordEngine on\nSQLAuthTypes "
_SALTED = f"{_PASSWD}MD5\nSQLPasswordSaltFile DIR/salt"
HOSTS = {
    "crypt": "SQLAuthTypes Crypt", "plain": "SQLAuthTypes Plaintext", "both": "SQLAuthTypes Crypt Plaintext",
    "empty": "SQLAuthTypes Empty", "openssl": "SQLAuthTypes OpenSSL", "md5": f"{_PASSWD}MD5",
    "MD5": f"{_PASSWD}MD5\nSQLPasswordEncoding HEX", "base64": f"{_PASSWD}MD5\nSQLPasswordEncoding base64",
    "sha1": f"{_PASSWD}SHA1", "sha256": f"{_PASSWD}SHA256", "sha512": f"{_PASSWD}SHA512 SHA1",
    "behind": _SALTED, "before": f"{_SALTED} Prepend", "named": f"{_PASSWD}MD5\nSQLPasswordUserSalt name",
    "own": f"{_PASSWD}MD5\nSQLPasswordUserSalt sql:/salt Prepend",
    "rounds": f"{_PASSWD}MD5\nSQLPasswordRounds 3", "hp": f"{_SALTED}\nSQLPasswordOptions HashPassword",
    "hep": f"{_SALTED}\nSQLPasswordOptions HashEncodePassword", "hs": f"{_SALTED}\nSQLPasswordOptions HashSalt",
    "hes": f"{_SALTED}\nSQLPasswordOptions HashEncodeSalt",
    "hes hep": f"{_SALTED}\nSQLPasswordOptions HashEncodeSalt HashEncodePassword",
    "pbkdf2": f"{_PASSWD}PBKDF2\nSQLPasswordPBKDF2 sha1 1000 20\nSQLPasswordSaltFile DIR/salt",
    "pbkdf2 own": f"{_PASSWD}PBKDF2\nSQLPasswordPBKDF2 sql:/pbkdf2\nSQLPasswordSaltFile DIR/salt",
    "custom": "SQLAuthTypes Plaintext\nSQLUserInfo custom:/user/by-id",
    "where": "SQLAuthTypes Plaintext\nSQLUserWhereClause \"userid <> 'plain' OR '%a' = '1.2.3.4'\"",
    "where not": "SQLAuthTypes Plaintext\nSQLUserWhereClause \"userid = '%U' AND '%a' = '127.0.0.1'\"",
    "columns": "SQLAuthTypes Plaintext\nSQLUserInfo users userid passwd NULL NULL NULL NULL\n"
               "SQLDefaultUID 1000\nSQLDefaultGID 1000\nSQLDefaultHomedir @HOME@/alice",
    "no home": "SQLAuthTypes Plaintext\nSQLUserInfo users userid passwd uid gid NULL shell",
    "groups": "SQLAuthTypes Plaintext\n<Limit LOGIN>\nDenyGroup staff\n</Limit>",
    "other groups": "SQLAuthTypes Plaintext\n<Limit LOGIN>\nAllowGroup crew\nDenyAll\n</Limit>",
    "normalized": "SQLAuthTypes Plaintext\nSQLOptions UseNormalizedGroupSchema\n"
                  "<Limit LOGIN>\nDenyGroup staff\n</Limit>",
    "users only": "SQLAuthTypes Plaintext\nSQLAuthenticate users\n<Limit LOGIN>\nDenyGroup staff\n</Limit>",
    "engine off": "SQLAuthTypes Plaintext\nSQLEngine off", "info": "SQLAuthTypes Plaintext\n"
    "SQLShowInfo PASS 230 \"here %{count} times, %u from %a\"\nSQLShowInfo NOOP 200 \"and %{gone}\"",
    "logs": "SQLAuthTypes Plaintext\nSQLLog PASS,CWD,ERR_CWD,RETR,STOR,DELE,RNTO,MKD,NOOP log",
}
SHARED = (
    "DelayEngine off", "AuthOrder mod_sql.c", "SQLBackend sqlite3", "SQLConnectInfo DIR/users.db", "SQLMinID 100",
    """SQLNamedQuery salt SELECT "'salt of %{0}'" """,
    """SQLNamedQuery pbkdf2 SELECT "'sha512', 500, 40" """,
    """SQLNamedQuery user SELECT "userid, passwd, uid, gid, homedir, shell FROM users WHERE userid = '%U'" """,
    """SQLNamedQuery by-id SELECT "userid, passwd, uid, gid, homedir, shell FROM users WHERE uid = %{0}" """,
    """SQLNamedQuery count SELECT "count(*) FROM users WHERE userid = '%u'" """,
    """SQLNamedQuery gone SELECT "passwd FROM users WHERE userid = 'no such user'" """,
    """SQLNamedQuery log INSERT "'%m', '%u', '%U', '%f', '%F', '%J', '%s', '%b', '%d', '%a|%{protocol}|%g|%w'" """
    "history",
)


@dataclass
class Pair:
    """Both servers, and the database that they have in common."""

    theirs: Hosts
    ours: Hosts
    database: TestDatabase


@pytest.fixture(scope="module")
def pair(ftps_certificates: Certificates) -> Iterator[Pair]:
    need_proftpd()
    pytest.importorskip("sqlalchemy")
    if not (MODULES / "mod_sql_sqlite.so").exists():
        pytest.skip("proftpd-mod-sqlite is not installed")
    with server_directory() as shared, server_directory() as first, server_directory() as second:
        directory = shared.directory
        database = databases.sqlite(directory / "users.db")
        (directory / "salt").write_bytes(SALT + b"\n")
        (directory / "salt").chmod(0o600)
        _fill(database, directory)
        for path in (directory, directory / "users.db"):
            os.chown(path, NOBODY, NOBODY)  # ProFTPD opens it with the rights of its User
        config = _config(ftps_certificates, directory)
        with contextlib.ExitStack() as stack:
            theirs = start_proftpd(config, first, ftps_certificates.authority_file)
            stack.callback(theirs.stop)
            ours = start_ftpsd(config, second, ftps_certificates.authority_file)
            stack.callback(ours.stop)
            yield Pair(Hosts(theirs, config), Hosts(ours, config), database)


def _config(certificates: Certificates, directory: Path) -> HostsConfig:
    home = f"{directory}/homes"
    filled = {name: text.replace("DIR", str(directory)).replace("@HOME@", home) for name, text in HOSTS.items()}
    modules = ("mod_tls", "mod_sql", "mod_sql_sqlite", "mod_sql_passwd")
    return HostsConfig(
        certificates.server, address="0.0.0.0", users=(User("alice", uid=1000, gid=1000),), tls=("TLSRequired off",),
        hosts=filled, shared=tuple(line.replace("DIR", str(directory)) for line in SHARED),
        directives=(*proftpd_modules(*modules), "DefaultAddress 127.0.0.1", "UseReverseDNS off"))


def _fill(database: TestDatabase, directory: Path) -> None:
    database.script("""
        CREATE TABLE users (userid VARCHAR(30) NOT NULL UNIQUE, passwd VARCHAR(200) NOT NULL, uid INTEGER, gid INTEGER,
                            homedir VARCHAR(255), shell VARCHAR(255));
        CREATE TABLE groups (groupname VARCHAR(30) NOT NULL, gid INTEGER NOT NULL, members VARCHAR(255));
        CREATE TABLE history (m, u, uu, f, ff, j, s, b, d, more)
    """)
    home = directory / "homes" / "alice"
    (home / "sub").mkdir(parents=True)
    (home / "file").write_bytes(b"x" * 10)
    for path in (home, home / "sub", home / "file"):
        User("alice", uid=1000, gid=1000).own(path)
    for name, stored in STORED.items():
        database.run("INSERT INTO users VALUES (?, ?, 1000, 1000, ?, '/bin/sh')", name, stored.decode(), str(home))
    for row in (("people", 1000, ""), ("staff", 2000, "zoe,plain"), ("crew", 2001, "md5,crypt")):
        database.run("INSERT INTO groups VALUES (?, ?, ?)", *row)


def outcomes(hosts: Hosts, name: str, users: Sequence[str]) -> list[str]:
    """What each user hears with the right password and with one that is wrong."""
    heard = []
    for user in users:
        for password in ("secret", "wrong"):
            with hosts.connected(name) as client:
                client.command(f"USER {user}")
                heard.append(f"{user}/{password}: {client.command(f'PASS {password}').code}")
    return heard


def _users(name: str) -> list[str]:
    """All users who might be concerned: asking for all of them on every host would take minutes."""
    family = [user for user in STORED if user.startswith(("md5", "MD5"))] if "md5" in HOSTS[name].lower() else []
    return list(dict.fromkeys(["plain", "crypt", name.replace(" ", "-"), *family[:4], "nobody-there", "' OR ''='"]))


PLACES = {"behind": "md5-behind", "before": "md5-before", "named": "md5-named", "own": "md5-own", "rounds": "md5-3",
          "hp": "md5-hp", "hep": "md5-hep", "hs": "md5-hs", "hes": "md5-hes", "hes hep": "md5-hes-hep",
          "base64": "md5-64"}


@pytest.mark.parametrize("name", [name for name in HOSTS if name not in ("info", "logs")])
def test_the_same_users_get_in(pair: Pair, name: str) -> None:
    users = [*_users(name), *([PLACES[name]] if name in PLACES else [])]
    theirs, ours = outcomes(pair.theirs, name, users), outcomes(pair.ours, name, users)
    assert ours == theirs
    if name in PLACES or name in STORED:
        assert f"{PLACES.get(name, name)}/secret: 230" in ours


def test_lines_behind_replies(pair: Pair) -> None:
    found = []
    for hosts in (pair.theirs, pair.ours):
        with hosts.connected("info") as client:
            client.command("USER plain")
            found.append([client.command("PASS secret").lines, client.command("NOOP").lines])
    assert found[1] == found[0]


def history(pair: Pair, hosts: Hosts, count: int) -> list[tuple[object, ...]]:
    """The rows that a session leaves."""
    pair.database.run("DELETE FROM history")
    with hosts.connected("logs") as client:
        _session(client)
        deadline = time.monotonic() + 15
        while pair.database.run("SELECT count(*) FROM history") != [(count,)] and time.monotonic() < deadline:
            time.sleep(0.05)
    return pair.database.run("SELECT * FROM history ORDER BY rowid")


def _session(client: ScriptedClient) -> None:
    client.login("plain", "secret")
    client.command("TYPE I")
    client.retrieve("RETR file")
    client.store("STOR it's", b"12345")
    for command in ("CWD sub", "CWD nowhere", "CDUP", "RNFR it's", "RNTO new", "DELE new", "MKD \"quoted", "NOOP"):
        client.command(command)
    client.command("RMD \"quoted")


def test_the_same_rows_are_logged(pair: Pair) -> None:
    theirs, ours = history(pair, pair.theirs, 9), history(pair, pair.ours, 9)
    assert ours == [_as_ours(row) for row in theirs]


def _as_ours(row: tuple[object, ...]) -> tuple[object, ...]:
    """A row of ProFTPD's with what we do otherwise: %b of commands that move nothing is the number 0, not `0.0`, and
    %f of a CWD that failed is the directory that it named, not the current one.
    """
    command, path, bytes_ = row[0], row[3], row[7]
    if command == "CWD" and row[6] == "550":
        path = f"{path}/{row[5]}"
    return (*row[:3], path, *row[4:7], "0" if bytes_ == "0.0" else bytes_, *row[8:])
