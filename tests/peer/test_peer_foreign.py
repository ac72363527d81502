"""AllowForeignAddress with a class: ftpsd goes to and lets in whom ProFTPD 1.3.8 does."""

from __future__ import annotations

import contextlib
import re
import socket

import pytest

from ftpsd.testing.server import RunningServer
from tests.peer import differences as but
from tests.peer.compare import Script
from tests.peer.shared import Group, Pairs, same_answers

pytestmark = [pytest.mark.peer, pytest.mark.root]

CLASSES = (
    "<Class all>\nFrom all\n</Class>\n<Class mirrors>\nFrom 127.0.0.96/30 !127.0.0.98\nSatisfy all\n</Class>\n"
    "<Class lan>\nFrom 10.0.0.0/8\n</Class>\n"
)
GONE = Script("a class that is not there", [
    "PORT 127,0,0,97,200,200", "PORT 127,0,0,1,200,200", "EPRT |1|127.0.0.97|51400|",
])
ASKED = [
    "PORT 127,0,0,97,200,200", "PORT 127,0,0,98,200,200", "PORT 127,0,0,99,200,200", "PORT 127,0,0,100,200,200",
    "PORT 127,0,0,97,3,255", "PORT 127,0,0,1,200,200", "PORT 127,0,0,1,3,255", "EPRT |1|127.0.0.97|51400|",
    "EPRT |1|127.0.0.98|51400|", "EPRT |1|127.0.0.97|22|", "EPRT |2|::1|51400|", "EPRT |1|127.0.0.1|51400|",
]
GROUPS = {
    "mirrors": Group("mirrors", (
        Script("a class", [*ASKED, "PORT 10,0,0,1,200,200"], differences=(but.FOREIGN_PORT,)),
    ), ("AllowForeignAddress mirrors",), CLASSES),
    "lan": Group("lan", (
        Script("private addresses", ["PORT 10,0,0,1,200,200", "EPRT |1|10.0.0.1|51400|", "PORT 127,0,0,97,200,200"]),
    ), ("AllowForeignAddress lan",), CLASSES),
    "gone": Group("gone", (GONE,), ("AllowForeignAddress nowhere",), CLASSES),
    "nothing said": Group("nothing said", ()),
    "list": Group("list", (Script("no list", GONE.steps),), ("AllowForeignAddress mirrors,all",), CLASSES),
}
ALL = [(group, script) for group in GROUPS.values() for script in group.scripts]


@pytest.mark.parametrize(("group", "script"), ALL, ids=[script.name for _, script in ALL])
def test_same_answers(servers: Pairs, group: Group, script: Script) -> None:
    same_answers(servers.of(group), script)


def lets_in(server: RunningServer, source: str) -> bool:
    """Whether a passive data connection from `source` is good for a download of the client at 127.0.0.1."""
    server.give("file.txt", b"hello")
    with server.client(tls=False) as client:
        client.connect()
        client.login()
        client.expect(200, "TYPE I")
        port = int(re.findall(r"\d+", client.expect(229, "EPSV").text)[-1])
        with socket.create_connection((client.host, port), 10, source_address=(source, 0)) as other:
            other.settimeout(10)
            client.send_line("RETR file.txt")
            with contextlib.suppress(ConnectionResetError):
                return other.recv(10) == b"hello"
    return False


@pytest.mark.parametrize(("source", "group", "theirs", "ours"), [
    ("127.0.0.1", "mirrors", True, True),
    ("127.0.0.97", "mirrors", True, True),
    ("127.0.0.98", "mirrors", False, False),
    ("127.0.0.100", "mirrors", False, False),
    ("127.0.0.97", "lan", False, False),
    ("127.0.0.97", "gone", True, False),  # of a class that there is not is nobody, and not everybody
    ("127.0.0.97", "nothing said", True, False),  # it is off
])
def test_who_is_let_in(servers: Pairs, source: str, group: str, theirs: bool, ours: bool) -> None:
    proftpd, ftpsd = servers.of(GROUPS[group])
    assert (lets_in(proftpd, source), lets_in(ftpsd, source)) == (theirs, ours)
