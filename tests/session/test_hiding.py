"""What listings leave out and disguise, what does not exist where IgnoreHidden says so, and who owns what is made."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

import pytest

from ftpsd.testing.client import ScriptedClient
from ftpsd.testing.configs import User
from ftpsd.testing.plugin import Certificates
from tests.session.hosts import Hosts, serving
from tests.session.talk import ALICE, BOB, converse, furnish, furnish_forbidden, refurnish
from tests.session.test_limits import directory, limit

HOME = "@HOME@/alice"
USERS = (ALICE, BOB, User("carol", uid=ALICE.uid, gid=4007))


def everywhere(*lines: str) -> str:
    return directory(HOME, "\n".join(lines))


HOSTS = {
    "files": everywhere("HideFiles ^(file|inner)"),
    "all but": everywhere("HideFiles !^(file|sub|link)"),
    "not below": everywhere("HideFiles ^(file|inner|sub)") + directory(f"{HOME}/sub", "HideFiles none"),
    "first counts": everywhere("HideFiles ^file", "HideFiles ^big"),
    "by user": everywhere("HideFiles ^file user bob", "HideFiles ^big user alice", "HideFiles ^full"),
    "by group and class": everywhere("HideFiles ^file group !alice", "HideFiles ^big class nowhere", "HideFiles ^full"),
    "ignored": everywhere("HideFiles ^file", limit("READ WRITE DIRS", "IgnoreHidden on")),
    "bob's": everywhere("HideUser bob"),
    "own": everywhere("HideUser ~"),
    "all but bob's": everywhere("HideUser nobody-knows-me", "HideUser !bob"),
    "bob's group": everywhere("HideGroup bob"),
    "no access": everywhere("HideNoAccess on"),
    "no listing of sub": directory(f"{HOME}/sub", limit("DIRS", "DenyAll")),
    "no listing of a file": directory(f"{HOME}/file.txt", limit("LIST NLST MLSD MLST STAT", "DenyAll")),
    "fakes": "DirFakeUser on\nDirFakeGroup on www\nDirFakeMode 0440\n" + directory(f"{HOME}/sub", "DirFakeUser off"),
    "own names": "DirFakeUser on ~\nDirFakeGroup on ~",
    "owners": everywhere("UserOwner bob", "GroupOwner bob") + directory(f"{HOME}/sub", "UserOwner carol"),
    "group": everywhere("GroupOwner ~") + directory(f"{HOME}/full", "GroupOwner bob"),
    "two": (
        f"<Anonymous {HOME}/sub>\nUser alice\nUserAlias anonymous alice\n</Anonymous>\n"
        f"<Anonymous {HOME}/full>\nUser alice\nUserAlias anonymous alice\n</Anonymous>\n"),
}


@pytest.fixture(scope="module")
def hosts(ftps_certificates: Certificates) -> Iterator[Hosts]:
    """One host per configuration."""
    with serving(ftps_certificates, HOSTS, users=USERS) as running:
        furnish(running.server)
        yield running


@pytest.fixture(autouse=True)
def fresh(hosts: Hosts) -> None:
    """Every test finds the same files."""
    refurnish(hosts.server)


def names(client: ScriptedClient, command: str) -> set[str]:
    """The names that a listing shows, without `.` and `..`."""
    lines = client.retrieve(command).decode().splitlines()
    if command.startswith("NLST"):
        found = set(lines)
    elif command.startswith("MLSD"):
        found = {line.partition("; ")[2] for line in lines}
    else:
        found = {line.partition(" -> ")[0].split(maxsplit=8)[8] for line in lines if len(line.split()) > 8}
    return found - {".", ".."}


EVERYTHING = {"big.bin", "broken", "file.txt", "full", "link", "sub"}


@pytest.mark.parametrize(("host", "gone"), [
    ("files", {"file.txt", "link"}),
    ("all but", {"big.bin", "broken", "full"}),
    ("not below", {"file.txt", "link", "sub"}),
    ("first counts", {"file.txt", "link"}),
    ("by user", {"big.bin"}),
    ("by group and class", {"full"}),
    ("no listing of sub", {"sub"}),
    ("no listing of a file", {"file.txt", "link"}),
])
def test_what_is_left_out(hosts: Hosts, host: str, gone: set[str]) -> None:
    """Of every form of a listing; a link goes with that to which it leads. (NLST and MLSD have no broken links.)"""
    with hosts.logged_in(host) as client:
        for command in ("LIST", "LIST *", "LIST -la", "LIST -L"):
            expected = EVERYTHING - gone - ({"broken"} if "L" in command[5:] else set())
            if command == "LIST *":
                assert names(client, command) & EVERYTHING == expected
            else:
                assert names(client, command) == expected, command
        for command in ("NLST", "MLSD", "NLST *"):
            assert names(client, command) == EVERYTHING - gone - {"broken"}, command
        shown = {line.split()[8] for line in client.command("STAT .").lines[1:-1]} - {".", ".."}
        assert shown == EVERYTHING - gone


def test_hidden_and_listed_below(hosts: Hosts) -> None:
    with hosts.logged_in("not below") as client:
        assert names(client, "LIST sub") == {"inner.txt"}
        assert b"inner.txt" not in client.retrieve("LIST -R")
    with hosts.logged_in("files") as client:
        assert names(client, "LIST sub") == set()
        assert names(client, "NLST sub") == set()
        assert b"inner" not in client.retrieve("LIST -R") + client.retrieve("LIST */*") + client.retrieve("NLST */*")


def test_a_pattern_that_only_a_hidden_name_matches_says_what_one_without_any_match_says(hosts: Hosts) -> None:
    with hosts.logged_in("not below") as client:
        assert [client.command(f"NLST {pattern}").code for pattern in ("su[b]", "su[x]")] == [450, 450]
        assert client.retrieve("NLST sub")


def test_a_pattern_does_not_tell_hidden_directories(hosts: Hosts) -> None:
    with hosts.logged_in("not below") as client:
        everything = client.retrieve("NLST */*").decode().split("\r\n")
        assert everything
        assert not any(line.startswith("sub/") for line in everything)
        assert client.retrieve("NLST sub/*")


def test_hidden_is_not_forbidden(hosts: Hosts) -> None:
    with hosts.logged_in("files") as client:
        assert client.retrieve("LIST file.txt") == client.retrieve("NLST file.txt") == b""
        assert client.retrieve("RETR file.txt").startswith(b"hello")
        converse(client, """
            MLST file.txt => 250 Start of list for file.txt / End of list
            STAT file.txt => 213 Status of file.txt: / End of status
            DELE file.txt => 250 DELE command successful
        """)


def test_with_ignore_hidden_it_does_not_exist(hosts: Hosts) -> None:
    with hosts.logged_in("ignored") as client:
        client.expect(200, "TYPE I")
        converse(client, """
            < RETR file.txt => 550 file.txt: No such file or directory
            SIZE file.txt => 550 file.txt: No such file or directory
            MDTM file.txt => 550 file.txt: No such file or directory
            DELE file.txt => 550 file.txt: No such file or directory
            RNFR file.txt => 550 file.txt: No such file or directory
            MKD file.d => 550 file.d: Permission denied [limit-denied]
            MLST file.txt => 550 Unable to handle command [limit-denied]
            < NLST file.txt => 450 file.txt: No such file or directory
            DELE big.bin => 250 DELE command successful
        """)
        assert client.retrieve("LIST file.txt") == b""
    assert (hosts.server.home() / "file.txt").exists()


@pytest.mark.root
@pytest.mark.parametrize(("host", "gone"), [
    ("bob's", {"noperm", "secret"}),
    ("bob's group", {"noperm", "secret"}),
    ("no access", {"noperm", "secret"}),
    ("own", {"big.bin", "file.txt", "full", "link", "sub"}),
    ("all but bob's", {"big.bin", "file.txt", "full", "link", "sub"}),
])
def test_what_is_left_out_by_owner_and_rights(hosts: Hosts, host: str, gone: set[str]) -> None:
    furnish_forbidden(hosts.server)
    with hosts.logged_in(host) as client:
        assert names(client, "LIST") == (EVERYTHING | {"noperm", "secret"}) - gone
        for command in ("NLST", "MLSD"):
            assert names(client, command) == (EVERYTHING | {"noperm", "secret"}) - gone - {"broken"}


def test_owners_and_modes_that_are_not_true(hosts: Hosts) -> None:
    with hosts.logged_in("fakes") as client:
        lines = client.retrieve("LIST").decode().splitlines()
        assert all(re.match(r"(-r--r-----|dr-xr-x---|lr--r-----) +\d+ ftp +www +\d+ ", line) for line in lines), lines
        facts = client.retrieve("MLSD").decode()
        assert set(re.findall(r"UNIX.mode=(\d+);", facts)) == {"0440"}
        assert set(re.findall(r"UNIX.ownername=(\w+);", facts)) == {"ftp"}
        assert set(re.findall(r"UNIX.groupname=(\w+);", facts)) == {"www"}
        assert re.search(r"perm=adfrw;.* file.txt", facts), "what may be done is told truly"
        assert "alice" in client.retrieve("LIST sub").decode()
        assert "UNIX.mode=0440;" in client.expect(250, "MLST file.txt").lines[1]
    with hosts.logged_in("own names") as client:
        assert " alice    alice " in client.retrieve("LIST").decode()


def owner(hosts: Hosts, name: str) -> tuple[int, int]:
    status = (hosts.server.home() / name).stat()
    return status.st_uid, status.st_gid


@pytest.mark.root
def test_who_owns_what_is_made(hosts: Hosts) -> None:
    with hosts.logged_in("owners") as client:
        converse(client, """
            > STOR new => 150 ASCII: new; 226 Transfer complete
            > APPE grown => 150 ASCII: grown; 226 Transfer complete
            > STOR sub/new => 150 ASCII: sub/new; 226 Transfer complete
            MKD made => 257 "/made" - Directory successfully created
            > STOR file.txt => 150 ASCII: file.txt; 226 Transfer complete
        """)
    assert {owner(hosts, name) for name in ("new", "grown", "made", "file.txt")} == {(BOB.uid, BOB.gid)}
    assert owner(hosts, "sub/new") == (ALICE.uid, BOB.gid), "carol has alice's number"


@pytest.mark.root
def test_what_group_the_things_made_have(hosts: Hosts) -> None:
    """A file in the directory gives nobody a group that he is not in; the administrator does."""
    (hosts.server.home() / "sub").chmod(0o2775)
    os.chown(hosts.server.home() / "sub", ALICE.uid, 4711)
    hosts.server.give("big/.ftpaccess", b"GroupOwner root\n")
    with hosts.logged_in("group") as client:
        for name in ("sub/new", "full/new", "big/new"):
            converse(client, f"> STOR {name} => 150 ASCII: {name}; 226 Transfer complete")
    assert [owner(hosts, f"{name}/new")[1] for name in ("sub", "full", "big")] == [ALICE.gid, BOB.gid, ALICE.gid]


def test_of_two_anonymous_sections_the_later_one_counts(hosts: Hosts) -> None:
    with hosts.connected("two") as client:
        client.expect(331, "USER anonymous")
        client.expect(230, "PASS a@b")
        assert names(client, "LIST") == {"x"}
