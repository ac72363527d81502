"""Listings beside those of a real ProFTPD of the same tree.

ProFTPD is spoken to as inetd would run it: the control connection is its standard input. Deliberate
differences, asserted here so that they stay deliberate: names with control characters, facts of links (ours
are those of the file that a client would fetch), names of owners in facts (ProFTPD gives everything to the
user that is logged in), sorted NLST and MLSD, `-r` without `-t` (ProFTPD ignores it).
"""

from __future__ import annotations

import ftplib
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ftpsd.testing.configs import proftpd_modules
from ftpsd.vfs.base import ListingOptions
from ftpsd.vfs.jail import Jail

PROFTPD = shutil.which("proftpd", path="/usr/sbin:/usr/local/sbin:/sbin")
USER, GROUP = 61001, 61002

pytestmark = [
    pytest.mark.peer, pytest.mark.root,
    pytest.mark.skipif(PROFTPD is None, reason="no ProFTPD is installed"),
    pytest.mark.skipif(os.geteuid() != 0, reason="ProFTPD needs root to serve its user"),
]

CONFIGURATION = """
ServerName test
ServerType inetd
UseIPv6 off
UseReverseDNS off
PidFile {here}/pid
ScoreboardFile none
SystemLog {here}/log
TransferLog none
WtmpLog off
User nobody
Group nogroup
AuthUserFile {here}/passwd
AuthGroupFile {here}/group
AuthOrder mod_auth_file.c
RequireValidShell off
DefaultRoot ~
AllowOverwrite on
TimesGMT on
"""
# "secret", as `openssl passwd -1 -salt salt` has it
PASSWORD = "$1$salt$ez2vlPGdaLYkJam5pWs/Y1"


@pytest.fixture
def tree(public: Path) -> Path:
    home = public / "home"
    for directory in ("sub/deep", "empty", ".hidden", "sticky"):
        (home / directory).mkdir(parents=True)
    now = time.time()
    for at, (name, size) in enumerate({
        "a.txt": 6, "Zed": 0, "zed": 10, "_u": 3, ".dot": 1, "sp ace": 100, "big": 123456, "sub/x": 5,
        "sub/y": 7, "sub/deep/z": 1, "ümlaut": 2, "q\"q": 77, "prog": 9,
    }.items()):
        (home / name).write_bytes(b"x" * size)
        os.utime(home / name, (now - at * 86_400 * 19, now - at * 86_400 * 19))
    (home / "prog").chmod(0o755)
    (home / "sticky").chmod(0o1777)
    (home / "sub").chmod(0o2775)
    links = {"link": "a.txt", "dirlink": "/sub", "dangling": "/nowhere", "escape": "/etc/passwd"}
    for name, target in links.items():
        (home / name).symlink_to(target)
    for directory, directories, files in os.walk(home):
        for item in (".", *directories, *files):
            os.chown(os.path.join(directory, item), USER, GROUP, follow_symlinks=False)
    for at, directory in enumerate(("", "sub", "sub/deep", "empty", ".hidden", "sticky")):
        os.utime(home / directory, (now - at * 1000, now - at * 1000))
    os.chown(home / "zed", 70_000, 70_001)
    return home


def log_in(sock: socket.socket) -> ftplib.FTP:
    """A client on a connection that is there already."""
    client = ftplib.FTP(encoding="utf-8", timeout=30)
    client.sock, client.af, client.host = sock, sock.family, "127.0.0.1"
    client.file = sock.makefile("r", encoding="utf-8")
    client.welcome = client.getresp()
    client.login("joe", "secret")
    return client


@pytest.fixture
def peer(tree: Path, tmp_path: Path) -> Iterator[ftplib.FTP]:
    (tmp_path / "passwd").write_text(f"joe:{PASSWORD}:{USER}:{GROUP}::{tree}:/bin/sh\n")
    (tmp_path / "group").write_text(f"staff:x:{GROUP}:joe\n")
    for name in ("passwd", "group"):
        (tmp_path / name).chmod(0o600)
    (tmp_path / "conf").write_text("\n".join([*proftpd_modules(), CONFIGURATION.format(here=tmp_path)]))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        sock = socket.create_connection(listener.getsockname(), timeout=30)
        ends, _ = listener.accept()
    with ends:
        process = subprocess.Popen(
            [str(PROFTPD), "-c", str(tmp_path / "conf")], stdin=ends.fileno(), stdout=ends.fileno(),
            stderr=subprocess.DEVNULL)
    client: ftplib.FTP | None = None
    try:
        client = log_in(sock)
        yield client
    finally:
        if client is not None:
            client.close()
        sock.close()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(5)


@pytest.fixture
def jail(tree: Path) -> Iterator[Jail]:
    store = Jail(str(tree))
    yield store
    store.close()


def ask(client: ftplib.FTP, command: str) -> bytes:
    sock = client.transfercmd(command)
    body = b""
    with sock:
        while piece := sock.recv(65_536):
            body += piece
    client.voidresp()
    return body


def owner(uid: int) -> str:
    return "joe" if uid == USER else str(uid)


def group(gid: int) -> str:
    return "staff" if gid == GROUP else str(gid)


def sizes(body: bytes) -> list[bytes]:
    return [line[34:42] for line in body.split(b"\r\n")]


LISTS: list[tuple[str, str, str | None, dict[str, object]]] = [
    ("LIST", "/", None, {}),
    ("LIST -l", "/", None, {"long": True}),
    ("LIST -a", "/", None, {"all": True}),
    ("LIST -A", "/", None, {"almost_all": True}),
    ("LIST -F", "/", None, {"classify": True}),
    ("LIST -n", "/", None, {"numeric": True}),
    ("LIST -L", "/", None, {"dereference": True}),
    ("LIST -R", "/", None, {"recursive": True}),
    ("LIST -aR sub", "/sub", "sub", {"recursive": True, "all": True}),
    ("LIST -R /sub", "/sub", "/sub", {"recursive": True}),
    ("LIST -S", "/", None, {"sort": "size"}),
    ("LIST -t sub", "/sub", "sub", {"sort": "time"}),
    ("LIST -tr sub", "/sub", "sub", {"sort": "time", "reverse": True}),
    ("LIST -d sub", "/sub", "sub", {"directory": True}),
    ("LIST -h", "/", None, {"human": True}),
    ("LIST -1", "/", None, {"bare": True}),
    ("LIST -1F", "/", None, {"bare": True, "classify": True}),
    ("LIST -1L", "/", None, {"bare": True, "dereference": True}),
    ("LIST -1R", "/", None, {"bare": True, "recursive": True}),
    ("LIST -C", "/", None, {"columns": True}),
    ("LIST sub", "/sub", "sub", {}),
    ("LIST dirlink", "/dirlink", "dirlink", {}),
    ("LIST link", "/link", "link", {}),
    ("LIST sub/x", "/sub/x", "sub/x", {}),
    ("LIST sub/*", "/sub/*", "sub/*", {}),
    ("LIST z*", "/z*", "z*", {}),
    ("LIST sp ace", "/sp ace", "sp ace", {}),
    ("LIST empty", "/empty", "empty", {}),
]


@pytest.mark.parametrize(("command", "path", "shown", "options"), LISTS, ids=[case[0] for case in LISTS])
def test_list_is_byte_for_byte_the_same(
    peer: ftplib.FTP, jail: Jail, command: str, path: str, shown: str | None, options: dict[str, object],
) -> None:
    wanted = ListingOptions(owner=owner, group=group, **options)  # type: ignore[arg-type]
    ours = jail.listing(path, wanted, shown=shown)
    theirs = ask(peer, command)
    if "-S" in command:  # the order of equal sizes is left to qsort there
        assert sorted(ours.split(b"\r\n")) == sorted(theirs.split(b"\r\n"))
        assert sizes(ours) == sizes(theirs)
    else:
        assert ours == theirs


@pytest.mark.parametrize(("command", "path", "shown", "options"), [
    ("NLST", "/", None, {}), ("NLST sub", "/sub", "sub", {}), ("NLST -a sub", "/sub", "sub", {"all": True}),
    ("NLST /sub", "/sub", "/sub", {}), ("NLST sub/*", "/sub/*", "sub/*", {}),
    ("NLST link", "/link", "link", {}), ("NLST empty", "/empty", "empty", {}),
    ("NLST -1 sub", "/sub", "sub", {"bare": True}),
    ("NLST -lR sub", "/sub", "sub", {"long": True, "recursive": True}),
])
def test_nlst_has_the_same_names(
    peer: ftplib.FTP, jail: Jail, command: str, path: str, shown: str | None, options: dict[str, object],
) -> None:
    wanted = ListingOptions(form="nlst", **options)  # type: ignore[arg-type]
    ours = jail.listing(path, wanted, shown=shown).split(b"\r\n")
    assert ours == sorted(ours[:-1]) + [b""]
    assert sorted(ours) == sorted(ask(peer, command).split(b"\r\n"))


DIFFERENT = (b"UNIX.ownername", b"UNIX.groupname", b"perm")


def parsed(body: bytes) -> dict[bytes, list[bytes]]:
    """Name → facts in their order, less those in which we differ on purpose."""
    result = {}
    for line in body.split(b"\r\n")[:-1]:
        facts, _, name = line.partition(b" ")
        result[name] = [fact for fact in facts.split(b";") if not fact.startswith(DIFFERENT)]
    return result


def test_mlsd_has_the_same_facts(peer: ftplib.FTP, jail: Jail) -> None:
    ours = parsed(jail.listing("/", ListingOptions(form="mlsd", owner=owner, group=group)))
    theirs = parsed(ask(peer, "MLSD"))
    assert ours.keys() == theirs.keys()
    for name in ours.keys() - {b"link", b"dirlink"}:
        assert ours[name] == theirs[name], name
    for name in (b"link", b"dirlink"):
        for fact in ours[name]:
            if fact.startswith((b"type", b"unique")):
                assert fact in theirs[name]


def test_mlst(peer: ftplib.FTP, jail: Jail) -> None:
    for path in ("/", "/sub", "/a.txt", "/sub/deep/z"):
        line = peer.sendcmd(f"MLST {path}").splitlines()[1].lstrip().encode() + b"\r\n"
        assert parsed(line) == parsed(jail.facts(path, ListingOptions()).encode() + b"\r\n")


@pytest.mark.parametrize(("commands", "words"), [
    (["MKD sub"], "File exists"), (["MKD sub/"], "File exists"), (["RMD sub"], "Directory not empty"),
    (["RMD a.txt"], "Not a directory"), (["DELE sub"], "Is a directory"),
    (["DELE nope"], "No such file or directory"),
    (["RNFR sub", "RNTO a.txt"], "Not a directory"), (["RNFR sub", "RNTO sub/deep/n"], "Invalid argument"),
    (["RETR sub"], "Not a regular file"), (["MKD no/such"], "No such file or directory"),
])
def test_refusals_have_the_same_words(peer: ftplib.FTP, jail: Jail, commands: list[str], words: str) -> None:
    for command in commands[:-1]:
        peer.sendcmd(command)
    with pytest.raises(ftplib.error_perm, match=words):
        peer.sendcmd(commands[-1])
    calls: dict[str, Callable[[str], object]] = {
        "MKD": jail.mkdir, "RMD": jail.rmdir, "DELE": jail.unlink, "RETR": jail.open_read,
        "RNTO": lambda new: jail.rename("/" + commands[0].partition(" ")[2], new),
    }
    verb, _, path = commands[-1].partition(" ")
    with pytest.raises(OSError) as caught:
        calls[verb]("/" + path)
    assert caught.value.strerror == words
