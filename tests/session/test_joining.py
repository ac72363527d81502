"""COMB and AVBL."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from ftpsd.session import labour
from ftpsd.testing.client import ScriptedClient
from ftpsd.testing.configs import User
from ftpsd.testing.plugin import Certificates
from ftpsd.vfs import trees
from tests.session.hosts import Hosts, serving
from tests.session.inprocess import one_session

HOSTS = {
    "on": "AllowStoreRestart on\nAllowOverwrite on\nUmask 027",
    "once": "AllowStoreRestart off",
    "small": "AllowStoreRestart on\nMaxStoreFileSize 10 B",
    "guarded": "AllowStoreRestart on\nPathDenyFilter \\.exe$\n<Directory @HOME@/alice/kept>\n<Limit DELE>\nDenyAll\n"
    "</Limit>\n</Directory>\n<Directory @HOME@/alice/unread>\n<Limit READ>\nDenyAll\n</Limit>\n</Directory>\n"
    "<Directory @HOME@/alice/unwritten>\n<Limit STOR>\nDenyAll\n</Limit>\n</Directory>",
    "without": "<Limit COMB AVBL>\nDenyAll\n</Limit>",
}


@pytest.fixture(scope="module")
def hosts(ftps_certificates: Certificates) -> Iterator[Hosts]:
    with serving(ftps_certificates, HOSTS) as hosts:
        yield hosts


def give(hosts: Hosts, directory: str, *names: str) -> Path:
    """Files that hold their names, in a directory of their own."""
    for name in names:
        hosts.server.give(f"{directory}/{name}", name.encode())
    return hosts.server.home() / directory


def names_in(directory: Path) -> set[str]:
    return {path.name for path in directory.iterdir()}


def entered(hosts: Hosts, name: str, directory: str) -> ScriptedClient:
    client = hosts.logged_in(name)
    client.expect(250, f"CWD {directory}")
    return client


def test_a_new_file(hosts: Hosts) -> None:
    place = give(hosts, "new", "p1", "p 2", "p3")
    with entered(hosts, "on", "new") as client:
        assert client.expect(250, 'COMB "whole file" p1 "p 2" "p3"').text == "COMB command successful"
    assert names_in(place) == {"whole file"}
    assert (place / "whole file").read_bytes() == b"p1p 2p3"
    assert (place / "whole file").stat().st_mode & 0o777 == 0o640


def test_behind_a_file_that_is_there(hosts: Hosts) -> None:
    place = give(hosts, "more", "file", "p1", "p2")
    inode = (place / "file").stat().st_ino
    with entered(hosts, "on", "more") as client:
        client.expect(250, "COMB file p1 p2")
    assert (place / "file").read_bytes() == b"filep1p2"
    assert (place / "file").stat().st_ino == inode
    assert names_in(place) == {"file"}


def test_much(hosts: Hosts) -> None:
    place = give(hosts, "much", "x")
    pieces = [os.urandom(20_000_000), b"", os.urandom(3_000_000)]
    for number, piece in enumerate(pieces):
        hosts.server.give(f"much/part{number}", piece)
    with entered(hosts, "on", "much") as client:
        client.expect(250, "COMB x part0 part1 part2")
    assert (place / "x").read_bytes() == b"x" + b"".join(pieces)


@pytest.mark.parametrize(("command", "code"), [
    ("COMB", 501), ("COMB file", 501), ('COMB "file', 501), ('COMB "" p1', 501), ('COMB file "" p1', 501),
    ("COMB file nothere", 550), ("COMB file p1 nothere", 550), ("COMB file sub", 550), ("COMB sub p1", 550),
    ("COMB file p1 p1", 550), ("COMB file file", 550), ("COMB file p1 link", 550), ("COMB nowhere/x p1", 550),
])
def test_what_is_refused_changes_nothing(hosts: Hosts, command: str, code: int) -> None:
    place = give(hosts, "same", "file", "p1")
    (place / "sub").mkdir(exist_ok=True)
    if not (place / "link").exists():
        (place / "link").symlink_to("p1")
    with entered(hosts, "on", "same") as client:
        client.expect(code, command)
    assert names_in(place) == {"file", "p1", "sub", "link"}
    assert (place / "file").read_bytes() == b"file"


def test_restarts_that_are_not_allowed(hosts: Hosts) -> None:
    place = give(hosts, "once", "file", "p1", "p2")
    with entered(hosts, "once", "once") as client:
        client.expect(451, "COMB file p1")
        client.expect(250, "COMB fresh p1 p2")
    assert names_in(place) == {"file", "fresh"}


def test_no_larger_than_a_file_may_be(hosts: Hosts) -> None:
    place = give(hosts, "small", "file", "1234567", "123456")
    with entered(hosts, "small", "small") as client:
        client.expect(552, "COMB file 1234567")
        client.expect(552, "COMB new 1234567 123456")
        client.expect(250, "COMB file 123456")
    assert (place / "file").read_bytes() == b"file123456"
    assert names_in(place) == {"file", "1234567"}


@pytest.mark.parametrize("command", [
    "COMB file kept/p", "COMB file unread/p", "COMB unwritten/new p1", "COMB bad.exe p1",
])
def test_it_may_no_more_than_what_it_stands_for(hosts: Hosts, command: str) -> None:
    give(hosts, "kept", "p")
    give(hosts, "unread", "p")
    give(hosts, "unwritten", "p")
    hosts.server.give("p1", b"p1")
    with hosts.logged_in("guarded") as client:
        client.expect(550, command)
        client.expect(250, "COMB joined p1")
    assert (hosts.server.home() / "joined").read_bytes() == b"p1"
    (hosts.server.home() / "joined").unlink()


def test_without_it(hosts: Hosts) -> None:
    hosts.server.give("p1", b"p1")
    with hosts.logged_in("without") as client:
        assert "[limit-denied]" in client.expect(550, "COMB file p1").text
        assert "[limit-denied]" in client.expect(550, "AVBL").text


@pytest.mark.root
@pytest.mark.parametrize("exists", [False, True])
def test_a_full_disk(ftps_certificates: Certificates, small_disk: Path, exists: bool) -> None:
    with serving(ftps_certificates, {"full": f"AllowStoreRestart on\nDefaultRoot {small_disk}"}) as hosts:
        for number in range(3):
            (small_disk / f"part{number}").write_bytes(bytes(250_000))
        if exists:
            (small_disk / "file").write_bytes(b"old")
        for path in small_disk.iterdir():
            path.chmod(0o666)
        before = names_in(small_disk)
        with hosts.logged_in("full") as client:
            client.expect(250, "CWD /")
            client.expect(452, "COMB file part0 part1 part2")
        assert names_in(small_disk) == before
        assert not exists or (small_disk / "file").read_bytes() == b"old"


@pytest.mark.parametrize("exists", [False, True])
def test_abor_takes_it_back(monkeypatch: pytest.MonkeyPatch, exists: bool) -> None:
    monkeypatch.setattr(labour, "PULSE", 0.0)
    monkeypatch.setattr(trees, "PIECE", 4096)
    with one_session() as served:
        system = served.service.configuration.hosts[0].settings.logging.system_log
        assert system is not None
        home = Path(system).parent / "homes" / "alice"
        for number in range(2):
            with (home / f"part{number}").open("wb") as file:
                file.truncate(64 << 20)
        if exists:
            (home / "file").write_bytes(b"old")
        for path in home.iterdir():
            User().own(path)
        before = names_in(home)
        client = served.client
        client.connect()
        client.login()
        client.send_line("COMB file part0 part1")
        assert client.read_line() == "250-Joining files"
        assert client.read_line() == f"250-0% of {128 << 20} bytes"
        client.send_line("ABOR")
        while (line := client.read_line())[3] == "-":
            pass
        assert line == "250 Aborted"
        client.expect(226)
        client.expect(257, "PWD")
        assert names_in(home) == before
        assert not exists or (home / "file").read_bytes() == b"old"


def test_avbl(hosts: Hosts) -> None:
    give(hosts, "room", "file")
    free = os.statvfs(hosts.server.home())
    with hosts.logged_in("on") as client:
        for command in ("AVBL", "AVBL /", "AVBL room"):
            told = int(client.expect(213, command).text)
            assert abs(told - free.f_bavail * free.f_frsize) < 10 ** 9
        client.expect(550, "AVBL room/file")
        client.expect(550, "AVBL nothere")
        assert {" AVBL", " COMB"} <= set(client.expect(211, "FEAT").lines)
