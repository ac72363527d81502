"""VRootAlias in sessions: what a user sees of directories outside his root, and what he may do there."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from ftpsd.testing.configs import User
from ftpsd.testing.plugin import Certificates
from tests.session.hosts import Hosts, serving
from tests.session.talk import converse

USERS = (User("alice"), User("bob"))
HOSTS = {
    "folders": "VRootEngine on\nVRootAlias @HOME@/../shared ~/shared\nVRootAlias @HOME@/../own/%u mine\n"
               "VRootAlias @HOME@/../shared/notice.txt /notice.txt\nVRootAlias /no/such/place ~/missing",
    "off": "VRootAlias @HOME@/../shared ~/shared",
    "limited": "VRootEngine on\nVRootAlias @HOME@/../shared shared\n<Directory @HOME@/../shared>\n"
               "<Limit WRITE>\nDenyAll\n</Limit>\n</Directory>",
    "deep": "VRootEngine on\nVRootAlias @HOME@/../tree ~/tree\n"
            "<Directory @HOME@/../tree>\nHideFiles \\.private$\n</Directory>\n"
            "<Directory @HOME@/../tree/closed>\n<Limit LIST NLST>\nDenyAll\n</Limit>\n</Directory>",
}


@pytest.fixture(scope="module")
def hosts(ftps_certificates: Certificates) -> Iterator[Hosts]:
    """One host per way to share."""
    with serving(ftps_certificates, HOSTS, users=USERS) as running:
        directory = running.server.files.directory
        for place, user in (("shared", USERS[0]), ("own/alice", USERS[0]), ("own/bob", USERS[1])):
            (directory / place).mkdir(parents=True)
            user.own(directory / place)
        (directory / "own").chmod(0o755)
        (directory / "shared" / "notice.txt").write_text("hello\n")
        (directory / "shared" / "escape").symlink_to(directory / "passwd")
        (directory / "own" / "alice" / "hers").touch()
        for place in ("tree/open/inner", "tree/closed", "tree/kept.private"):
            (directory / place).mkdir(parents=True)
            (directory / place / "file").touch()
        locked = [directory / "tree/locked", directory / "tree/open/note.private"]
        for each in locked:
            each.mkdir(mode=0o000)
        yield running
        for each in locked:
            each.chmod(0o700)


def test_a_session_sees_folders(hosts: Hosts) -> None:
    with hosts.logged_in("folders") as client:
        assert client.retrieve("NLST") == b"mine\r\nnotice.txt\r\nshared\r\n"
        converse(client, """
            CWD shared => 250 CWD command successful
            PWD => 257 "/shared" is the current directory
            > STOR up => 150 ASCII: up; 226 Transfer complete
            < RETR notice.txt => 150 ASCII: notice.txt (6 bytes); 226 Transfer complete
            RETR escape => 550 escape: No such file or directory
            MKD made => 257 "/shared/made" - Directory successfully created
            RNFR up => 350 File or directory exists, ready for destination name
            RNTO /moved => 550 /moved: Invalid cross-device link
            CDUP => 250 CDUP command successful
            RMD shared => 550 shared: Device or resource busy
            DELE notice.txt => 550 notice.txt: Device or resource busy
            CWD ../../shared => 250 CWD command successful
            CWD ../.. => 250 CWD command successful
            PWD => 257 "/" is the current directory
            CWD missing => 550 missing: No such file or directory
            SIZE mine/hers => 550 SIZE not allowed in ASCII mode
        """)
        assert b"hers" in client.retrieve("LIST mine")
    assert (hosts.server.files.directory / "shared" / "up").exists()
    assert not list(hosts.server.home("alice").iterdir())
    assert "VRootAlias /no/such/place ~/missing: not shown to alice: No such file or directory" in "\n".join(
        hosts.server.system_log())


def test_each_user_has_his_own(hosts: Hosts) -> None:
    with hosts.logged_in("folders", "bob") as client:
        assert client.retrieve("NLST mine") == b""
        converse(client, "> STOR mine/his => 150 ASCII: mine/his; 226 Transfer complete")
    assert (hosts.server.files.directory / "own" / "bob" / "his").exists()


def test_without_the_engine_there_are_none(hosts: Hosts) -> None:
    with hosts.logged_in("off") as client:
        client.expect(550, "CWD shared")


def test_directory_sections_are_of_the_source(hosts: Hosts) -> None:
    with hosts.logged_in("limited") as client:
        converse(client, """
            MKD shared/no => 550 shared/no: Permission denied [limit-denied]
            MKD yes => 257 "/yes" - Directory successfully created
            RMD yes => 250 RMD command successful
        """)


@pytest.mark.skipif(os.geteuid() != 0, reason="an ordinary user's server has the rights of the files' owner")
def test_recursion_goes_where_hiding_and_rights_let_it(hosts: Hosts) -> None:
    with hosts.logged_in("deep") as client:
        listed = client.retrieve("LIST -R").decode().split("\r\n")
        assert [line for line in listed if line.endswith(":")] == ["tree:", "tree/open:", "tree/open/inner:"]
        assert client.retrieve("NLST t*/*") == b"tree/locked\r\ntree/open\r\n"
        assert client.retrieve("NLST t*/*/*") == b"tree/open/inner\r\n"
        assert client.retrieve("NLST tree/kept.private/*") == b"tree/kept.private/file\r\n"
