"""What is said of hosts in <IfClass>, <IfUser> and <IfAuthenticated>: where ProFTPD 1.3.8 heeds it, ftpsd does.

ProFTPD loads mod_ifsession last, as Debian has it, so that <IfClass> is in force before other modules look.
"""

from __future__ import annotations

import pytest

from ftpsd.testing.client import ConnectionEnded
from ftpsd.testing.server import RunningServer
from tests.peer.shared import Group, Pairs

pytestmark = [pytest.mark.peer, pytest.mark.root]

CLASSES = "<Class here>\nFrom 127.0.0.0/8\n</Class>\n"
SECTIONS = {"class": ("IfClass here", "IfClass"), "user": ("IfUser alice", "IfUser"),
            "authenticated": ("IfAuthenticated", "IfAuthenticated")}

LOGIN = ("USER alice", "PASS secret")
CASES: dict[str, tuple[str, tuple[str, ...], tuple[str, ...]]] = {
    "ServerIdent": ('ServerIdent on "mine"', (), ("class",)),
    "MaxLoginAttempts": ("MaxLoginAttempts 1", ("USER alice", "PASS wrong", "USER alice"), ("class",)),
    "UserAlias": ("UserAlias rob alice", ("USER rob", "PASS secret"), ("class", "user", "authenticated")),
    "AuthAliasOnly": ("AuthAliasOnly on", LOGIN, ("class",)),
    "MaxPasswordSize": ("MaxPasswordSize 1", LOGIN, ("class",)),
    "SiteMiscEngine": ("SiteMiscEngine off", (*LOGIN, "SITE MKDIR new"), ("class",)),
    "DefaultTransferMode": (
        "DefaultTransferMode binary", (*LOGIN, "SIZE file"), ("class", "user", "authenticated")),
}


def replies(server: RunningServer, commands: tuple[str, ...]) -> list[str]:
    """The greeting's text where it is not the program's own, and the codes of the replies; `-` where it ends."""
    with server.client(tls=False) as client:
        greeting = client.connect().text
        found = [greeting if greeting == "mine" else ""]
        for command in commands:
            try:
                client.send_line(command)
                found.append(str(client.read_reply().code))
            except (OSError, ConnectionEnded):
                found.append("-")
                break
    return found


@pytest.fixture(scope="module")
def plain(servers: Pairs) -> tuple[RunningServer, RunningServer]:
    return servers.of(Group("nothing of a host", (), (), CLASSES))


@pytest.mark.parametrize("kind", SECTIONS)
@pytest.mark.parametrize("name", CASES)
def test_same_effect(servers: Pairs, plain: tuple[RunningServer, RunningServer], name: str, kind: str) -> None:
    line, commands, effective = CASES[name]
    head, tail = SECTIONS[kind]
    group = Group(f"{name} in {kind}", (), (), f"{CLASSES}<{head}>\n{line}\n</{tail}>\n")
    for server, other in zip(servers.of(group), plain, strict=True):
        for one in (server, other):
            one.give("file", b"hello")
        with_it, without = replies(server, commands), replies(other, commands)
        assert (with_it != without) is (kind in effective), (server.kind, with_it, without)
