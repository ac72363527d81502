"""docs/access.md: each example is a host, and its dialogue is had with it."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from ftpsd.guard import quotafile
from ftpsd.testing.client import Reply, ScriptedClient
from ftpsd.testing.configs import User
from ftpsd.testing.plugin import Certificates
from tests.session.hosts import Hosts, serving

PAGE = Path(__file__).resolve().parents[2] / "docs" / "access.md"
_SECTION = re.compile(r"^## (.+?)$(.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)
_BLOCK = re.compile(r"^```(apache)?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_CLASS = re.compile(r"<Class .*?</Class>\n", re.DOTALL)
_BAN_TABLE = re.compile(r"^BanTable .*\n", re.MULTILINE)
"""Stands outside of all hosts."""
_UPLOAD = re.compile(r"(.+) \((\d+) bytes\)")


@dataclass(frozen=True)
class Example:
    title: str
    configuration: str
    dialogue: tuple[str, ...]


def examples() -> list[Example]:
    found = []
    for title, body in _SECTION.findall(PAGE.read_text()):
        blocks = _BLOCK.findall(body)
        if blocks:
            (kind, configuration), (other, dialogue) = blocks
            assert (kind, other) == ("apache", "")
            found.append(Example(title, configuration, tuple(dialogue.splitlines())))
    return found


EXAMPLES = examples()


@pytest.fixture(scope="module")
def hosts(ftps_certificates: Certificates) -> Iterator[Hosts]:
    classes = "".join(text for one in EXAMPLES for text in _CLASS.findall(one.configuration))
    own = {
        one.title: _BAN_TABLE.sub("", _CLASS.sub("", one.configuration)).replace("/etc/ftpsd", "@HOME@").replace(
            "file:/var/lib/ftpsd/tally.tab", f"file:{_tally()}")
        for one in EXAMPLES
    }
    with serving(
        ftps_certificates, own, users=(User("alice"), User("bob")), sections=classes,
        directives=("Workers 2", "BanTable @HOME@/ban.tab", "ServerAdmin admin@example.org"),
    ) as running:
        homes = running.server.files.directory / "homes"
        (homes / "allow").write_text("proftpd : 192.0.2. EXCEPT 192.0.2.66\n")
        (homes / "deny").write_text("ALL : ALL\n")
        for name in ("private", "shared"):
            running.server.give(f"{name}/old", b"x")
            running.server.give(f"{name}/.ftpaccess", b"<Limit ALL>\nDenyAll\n</Limit>\n")
        yield running


_TABLES: list[str] = []


def _tally() -> str:
    """A tally table: it has to be there when the server starts."""
    return _TABLES[0]


@pytest.fixture(scope="module", autouse=True)
def _tables(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    path = tmp_path_factory.mktemp("quota") / "tally.tab"
    quotafile.create(str(path), quotafile.TALLIES)
    _TABLES.append(str(path))
    yield
    _TABLES.clear()


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda one: str(one.title))
def test_an_example(hosts: Hosts, example: Example) -> None:
    client = hosts.client(example.title)
    heard = [] if _greets(example) else [client.read_reply()]
    for line in example.dialogue:
        if line == "(connect again)":
            client = hosts.client(example.title)
            heard = [client.read_reply()]
        elif line == "(log in)":
            client.login()
            client.expect(200, "TYPE I")
        elif line.startswith("> "):
            heard = [_said(client, line[2:])]
        else:
            expected, reply = line[2:], heard.pop()
            shown = f"{reply.code} {reply.lines[0].strip()}"
            assert re.fullmatch(re.escape(expected).replace(r"\*", ".*"), shown) or shown == expected, (line, shown)


def _greets(example: Example) -> bool:
    """Whether the dialogue begins with the greeting."""
    return example.dialogue[0].startswith("<")


def _said(client: ScriptedClient, command: str) -> Reply:
    upload = _UPLOAD.fullmatch(command)
    if upload is None:
        return client.command(command)
    connection = client.data()
    client.expect(150, upload[1])
    with contextlib.suppress(OSError):
        connection.establish().write(b"x" * int(upload[2]))
    connection.close("fin")
    return client.read_reply()


def test_the_page_has_an_example_of_each_kind() -> None:
    assert len(EXAMPLES) == 9
    assert all(any(line.startswith("< ") for line in one.dialogue) for one in EXAMPLES)
