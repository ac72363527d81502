"""Conversations as tables: a line is a command, ` => ` and the reply that it has to get.

    PWD => 257 "/" is the current directory
    < LIST nothere => 150 ASCII: file list; 450 nothere: No such file or directory
    > STOR up.txt  => 150 BINARY: up.txt; 226 Transfer complete

`<` and `>` are commands with a data connection (EPSV) that is read from or written to; `; ` stands between
the replies to one command and ` / ` between the lines of one reply. `150 ASCII: x` is short for `150 Opening
ASCII mode data connection for x`; ports and made-up names are `PORT` and `UNIQUE`. A whole conversation is
compared, so that a failure shows everything that went wrong.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from collections.abc import Iterator
from typing import NamedTuple

from ftpsd.testing.client import Reply, ScriptedClient, parse_epsv
from ftpsd.testing.configs import ServerConfig, User
from ftpsd.testing.plugin import Certificates
from ftpsd.testing.server import RunningServer, server_directory, start_ftpsd

UPLOAD = b"hello\r\nworld\r\n"
MOMENT = 1577934245
"""2020-01-02 03:04:05 UTC, when `file.txt` was written."""

_VOLATILE = (
    (r"\(\|\|\|\d+\|\)", "(|||PORT|)"),
    (r"\((\d+,\d+,\d+,\d+),\d+,\d+\)", r"(\1,PORT)"),
    (r"FILE: ftp[A-Za-z0-9_]{6}\b", "FILE: UNIQUE"),
    (r"^150 Opening (ASCII|BINARY) mode data connection for ", r"150 \1: "),
)


class Other(NamedTuple):
    """A command that we answer otherwise than ProFTPD 1.3.8, and why."""

    command: str
    ours: str
    proftpd: str
    why: str


@contextlib.contextmanager
def talkative(certificates: Certificates) -> Iterator[RunningServer]:
    """A server for many conversations of alice and bob, which demands no TLS."""
    config = ServerConfig(certificates.server, users=(ALICE, BOB), tls=["TLSRequired off"])
    with server_directory() as files:
        started = start_ftpsd(config, files, certificates.authority_file)
        yield started
        started.stop()


def shown(reply: Reply) -> str:
    """A reply as the tables have it."""
    text = f"{reply.code} " + " / ".join(line.strip() for line in reply.lines)
    for pattern, word in _VOLATILE:
        text = re.sub(pattern, word, text)
    return text


def table(text: str) -> list[tuple[str, str]]:
    """(command, replies) of every line that is not empty."""
    rows = [line.strip().partition(" => ") for line in text.splitlines() if line.strip()]
    return [(command.strip(), replies.strip()) for command, _, replies in rows]


def converse(client: ScriptedClient, text: str, *, data: bytes = UPLOAD) -> None:
    """Holds the conversation of a table; `data` is what uploads send."""
    wrong = []
    for command, expected in table(text):
        got = _exchange(client, command, data)
        if got != expected:
            wrong.append(f"{command}\n    expected {expected}\n    got      {got}")
    assert not wrong, "\n".join(wrong)


def check_others(client: ScriptedClient, others: list[Other]) -> None:
    """The commands that are answered otherwise on purpose."""
    converse(client, "\n".join(f"{other.command} => {other.ours}" for other in others))


def _exchange(client: ScriptedClient, command: str, data: bytes) -> str:
    if command[:2] in ("< ", "> "):
        return _transfer(client, command[2:], data if command[0] == ">" else None)
    return shown(client.command(command.removesuffix("<blank>")))


def _transfer(client: ScriptedClient, command: str, data: bytes | None) -> str:
    connection = client.connect_data(client.host, parse_epsv(client.expect(229, "EPSV").text))
    first = client.command(command)
    if first.code != 150:
        connection.close("fin")
        return shown(first)
    stream = connection.handshake() if client.private_data else connection.establish()
    if data is None:
        stream.read_all()
    else:
        stream.write(data)
    connection.close()
    return f"{shown(first)}; {shown(client.read_reply())}"


ALICE, BOB = User("alice"), User("bob")
if os.getuid() == 0:
    ALICE, BOB = User("alice", uid=1000, gid=1000), User("bob", uid=1001, gid=1001)


def furnish(server: RunningServer) -> None:
    """The files of the conversations in alice's home."""
    server.give("file.txt", b"hello\nworld\n")
    os.utime(server.home() / "file.txt", (MOMENT, MOMENT))
    server.give("big.bin", b"x" * 100_000)
    server.give("sub/inner.txt", b"inner\n")
    server.give("full/x", b"1")
    for name, target in (("link", "file.txt"), ("broken", "/nowhere")):
        (server.home() / name).symlink_to(target)
        os.lchown(server.home() / name, ALICE.uid, ALICE.gid)


def furnish_forbidden(server: RunningServer) -> None:
    """What alice may not touch: a directory and a file of bob's (as root only)."""
    closed = server.home() / "noperm"
    closed.mkdir(mode=0o700)
    (closed / "in").write_bytes(b"1")
    secret = server.home() / "secret"
    secret.write_bytes(b"s")
    secret.chmod(0o600)
    for path in (closed, secret):
        os.chown(path, BOB.uid, BOB.gid)


def refurnish(server: RunningServer) -> None:
    """Alice's home as `furnish` makes it, whatever an earlier test left there."""
    for path in server.home().iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
    furnish(server)
