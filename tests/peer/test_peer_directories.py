"""Which <Directory> holds where several fit: what ProFTPD 1.3.8 allows and refuses, ftpsd does, too."""

from __future__ import annotations

import os
from random import Random

import pytest

from ftpsd.testing.plugin import ServerFactory
from ftpsd.testing.server import RunningServer
from tests.peer.compare import ALICE, BOB, equal
from tests.peer.directory_sections import DIRECTORIES, HOME, anonymous, conditional, directories, files, probes

pytestmark = [pytest.mark.peer, pytest.mark.root]

IFSESSION = "<IfModule mod_dso.c>\nLoadModule mod_ifsession.c\n</IfModule>\n"
LOCAL = "<Class local>\nFrom 127.0.0.1\n</Class>\n"


def _furnish(server: RunningServer, more: dict[str, str]) -> None:
    for name in ("", *(f"{directory}/" for directory in DIRECTORIES)):
        os.utime(server.give(f"{name}f", b"x"), (1_000_000_000, 1_000_000_000))
    for name, text in more.items():
        server.give(name, text.encode())


def _answers(server: RunningServer, *login: str) -> list[tuple[str, str]]:
    with server.client(tls=False) as client:
        client.connect()
        return [(line, str(client.command(line))) for line in (*login, *probes())]


def _compare(sections: str, theirs: list[tuple[str, str]], ours: list[tuple[str, str]]) -> list[str]:
    return [
        f"{line!r}\n  ProFTPD: {left}\n  ftpsd:   {right}\nwith\n{sections}"
        for (line, left), (_, right) in zip(theirs, ours, strict=True) if not equal(left, right)
    ]


def _sections(kind: str, random: Random) -> str:
    if kind == "conditional":
        return conditional(random)
    if kind == "anonymous":
        return anonymous(random)
    own = directories(random, random.choice((3, 4, 5, 6)))
    everywhere = f"<Global>\n{''.join(directories(random, 2))}</Global>\n" if kind == "global" else ""
    return everywhere + "".join(own)


CASES = [
    *(("plain", seed) for seed in range(12)), *(("global", seed) for seed in range(4)),
    *((kind, seed) for kind in ("conditional", "anonymous", "files") for seed in range(5)),
]


@pytest.mark.parametrize(("kind", "seed"), CASES)
def test_same_places(proftpd_server: ServerFactory, ftps_server: ServerFactory, kind: str, seed: int) -> None:
    """Sections that lie over each other: a host's, <Global>'s, those of <IfUser> and its like, of an <Anonymous>, and
    .ftpaccess files.
    """
    random = Random(f"{kind} {seed}")
    sections = _sections(kind, random)
    more = files(random) if kind == "files" else {}
    login = ("USER anonymous", "PASS me@example.org") if kind == "anonymous" else ("USER alice", "PASS secret")
    answers = []
    for start in (proftpd_server, ftps_server):
        server = start(sections=IFSESSION + LOCAL + sections, without_tls=True, users=(ALICE, BOB))
        _furnish(server, more)
        answers.append(_answers(server, *login))
    problems = _compare(f"{sections}{more}", *answers)
    assert not problems, f"{len(problems)} differences\n" + "\n".join(problems[:10])


@pytest.mark.parametrize("own", [(), ("",), ("a/",), ("", "a/"), ("", "a/", "a/b/")])
def test_files_take_no_section_out_of_force(
    proftpd_server: ServerFactory, ftps_server: ServerFactory, own: tuple[str, ...],
) -> None:
    section = f"<Directory {HOME}/*/b>\n<Limit ALL>\nDenyAll\n</Limit>\n</Directory>\n"
    answers = []
    for start in (proftpd_server, ftps_server):
        server = start(sections=section, without_tls=True, users=(ALICE, BOB))
        _furnish(server, {f"{place}.ftpaccess": "AllowOverwrite on\n" for place in own})
        with server.client(tls=False) as client:
            client.connect()
            client.login()
            answers.append([client.command(line).code for line in ("MDTM f", "MDTM a/f", "MDTM a/b/f", "DELE a/b/f")])
    assert answers == [[213, 213, 550, 550]] * 2
