"""RANG, MFF, MFCT, CSID: extensions of the protocol, answered as ProFTPD 1.3.8 answers them."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from ftpsd import __version__
from ftpsd.testing.client import ScriptedClient
from ftpsd.testing.plugin import Certificates, ServerFactory
from ftpsd.testing.server import RunningServer
from tests.session.talk import ALICE, BOB, converse, refurnish, talkative


@pytest.fixture(scope="module")
def running(ftps_certificates: Certificates) -> Iterator[RunningServer]:
    with talkative(ftps_certificates) as server:
        yield server


@pytest.fixture
def server(running: RunningServer) -> RunningServer:
    refurnish(running)
    return running


def begin(server: RunningServer, *, protected: bool = False) -> ScriptedClient:
    """A session of alice's, in clear or with everything under TLS."""
    client = server.client("TLSv1.3", tls=protected)
    if protected:
        return client.begin()
    client.connect()
    client.login()
    return client


def talk(server: RunningServer, text: str, *, data: bytes = b"abcdef") -> None:
    with begin(server) as client:
        converse(client, text, data=data)


RANGES = """
    RANG => 500 'RANG' not understood
    RANG 1 0 0 => 500 'RANG 1 0 0' not understood
    RANG 0 5 => 551 RANG: Transfer ranges not allowed in ASCII mode
    TYPE I => 200 Type set to I
    RANG 6 10 => 350 Transferring byte range of 5 bytes starting from 6
    < LIST sub => 150 BINARY: file list; 226 Transfer complete
    < RETR file.txt => 150 BINARY: file.txt (5 bytes); 226 Transfer complete
    < RETR file.txt => 150 BINARY: file.txt (12 bytes); 226 Transfer complete
    RANG 6 100 => 350 Transferring byte range of 95 bytes starting from 6
    < RETR file.txt => 150 BINARY: file.txt (6 bytes); 226 Transfer complete
    RANG 20 30 => 350 Transferring byte range of 11 bytes starting from 20
    RETR file.txt => 554 RANG: invalid file.txt argument
    RANG 12 12 => 350 Transferring byte range of 1 byte starting from 12
    RETR file.txt => 554 RANG: invalid file.txt argument
    RANG 2 4 => 350 Transferring byte range of 3 bytes starting from 2
    REST 11 => 350 Restarting at 11. Send STORE or RETRIEVE to initiate transfer
    < RETR file.txt => 150 BINARY: file.txt (1 bytes); 226 Transfer complete
    REST 11 => 350 Restarting at 11. Send STORE or RETRIEVE to initiate transfer
    RANG 2 4 => 350 Transferring byte range of 3 bytes starting from 2
    < RETR file.txt => 150 BINARY: file.txt (3 bytes); 226 Transfer complete
    RANG 2 4 => 350 Transferring byte range of 3 bytes starting from 2
    RANG 1 0 => 350 Reset byte transfer range
    < RETR file.txt => 150 BINARY: file.txt (12 bytes); 226 Transfer complete
    RANG 2 4 => 350 Transferring byte range of 3 bytes starting from 2
    APPE file.txt => 550 APPE incompatible with RANG
    RANG 2 4 => 350 Transferring byte range of 3 bytes starting from 2
    STOU => 550 STOU incompatible with RANG
    RANG 2 4 => 350 Transferring byte range of 3 bytes starting from 2
    STOR new => 554 RANG: invalid new argument
"""


def test_ranges(server: RunningServer) -> None:
    talk(server, RANGES)
    assert not (server.home() / "new").exists()


@pytest.mark.parametrize("protected", [False, True])
def test_a_download_sends_the_bytes_of_its_range(server: RunningServer, protected: bool) -> None:
    content = bytes(range(256)) * 4000
    server.give("numbers", content)
    with begin(server, protected=protected) as client:
        client.expect(200, "TYPE I")
        for first, last in ((0, 0), (1, 70_000), (65_535, 65_536), (1_000_000, 1_023_999), (1_023_999, 2_000_000)):
            client.expect(350, f"RANG {first} {last}")
            assert client.retrieve("RETR numbers") == content[first:last + 1]


@pytest.mark.parametrize(("data", "replies", "content"), [
    (b"abc", "226 Transfer complete", b"heabc\nworld\n"),
    (b"a", "226 Transfer complete", b"healo\nworld\n"),
    (b"abcdef", "552 Transfer aborted. File too large", b"heabc\nworld\n"),
])
def test_an_upload_replaces_no_more_than_its_range(
    server: RunningServer, data: bytes, replies: str, content: bytes
) -> None:
    talk(server, f"""
        TYPE I => 200 Type set to I
        RANG 2 4 => 350 Transferring byte range of 3 bytes starting from 2
        > STOR file.txt => 150 BINARY: file.txt; {replies}
    """, data=data)
    assert (server.home() / "file.txt").read_bytes() == content


def test_a_range_is_a_restart_where_those_are_forbidden(ftps_server: ServerFactory) -> None:
    server = ftps_server(
        tls=["TLSRequired off"], directives=["AllowStoreRestart off", "AllowRetrieveRestart off"])
    server.give("file.txt", b"hello")
    talk(server, """
        TYPE I => 200 Type set to I
        RANG 1 2 => 350 Transferring byte range of 2 bytes starting from 1
        RETR file.txt => 451 file.txt: Restart not permitted, try again
        RANG 0 2 => 350 Transferring byte range of 3 bytes starting from 0
        STOR file.txt => 451 file.txt: Append/Restart not permitted, try again
        RANG 0 2 => 350 Transferring byte range of 3 bytes starting from 0
        < RETR file.txt => 150 BINARY: file.txt (3 bytes); 226 Transfer complete
    """)


def test_restarts_beyond_four_gigabytes(server: RunningServer) -> None:
    with (server.home() / "huge").open("wb") as file:
        file.truncate(2**33)
        file.seek(2**33 - 3)
        file.write(b"end")
    with begin(server) as client:
        client.expect(200, "TYPE I")
        assert client.expect(213, "SIZE huge").text == str(2**33)
        client.expect(350, f"REST {2**33 - 3}")
        assert client.retrieve("RETR huge") == b"end"
        client.expect(350, f"RANG {2**33 - 3} {2**33 - 2}")
        assert client.retrieve("RETR huge") == b"en"
        client.expect(200, "TYPE A")
        client.expect(501, f"REST {2**33}")


FACTS = """
    MFF => 501 Invalid number of parameters
    MFF modify=20200102030405; => 501 Invalid number of parameters
    MFF modify=20210102030405; file.txt => 213 modify=20210102030405; file.txt
    MDTM file.txt => 213 20210102030405
    MFF Modify=20220102030405;UNIX.mode=0600; file.txt => 213 Modify=20220102030405;UNIX.mode=0600; file.txt
    MFF modify=20230102030405;UNIX.mode=9; file.txt => 501 9: Invalid argument
    MFF modify=20230102030405;size=1; file.txt => 504 Cannot modify fact 'size=1'
    MFF UNIX.group=nosuchgroup; file.txt => 501 nosuchgroup: Invalid argument
    MFF modify=20230102030405; nothere => 550 nothere: No such file or directory
    MDTM file.txt => 213 20220102030405
    MFCT => 502 MFCT command not implemented
    MFCT 20200102030405 file.txt => 502 MFCT command not implemented
"""


def test_facts(server: RunningServer) -> None:
    group = ALICE.gid
    talk(server, FACTS + f"MFF UNIX.group={group}; file.txt => 213 UNIX.group={group}; file.txt")
    assert (server.home() / "file.txt").stat().st_mode & 0o7777 == 0o600


@pytest.mark.skipif(os.getuid() != 0, reason="needs files of another user")
def test_facts_of_others(server: RunningServer) -> None:
    server.give("others", b"")
    os.chown(server.home() / "others", BOB.uid, BOB.gid)
    talk(server, f"""
        MFF UNIX.group={BOB.gid}; file.txt => 501 file.txt: Operation not permitted
        MFF modify=20200102030405; others => 501 others: Operation not permitted
        MFF UNIX.mode=0777; others => 501 others: Operation not permitted
    """)


def test_csid(server: RunningServer) -> None:
    answer = f"200 name=ftpsd;version={__version__};casesensitive=1;"
    talk(server, f"CSID => {answer}\nCSID Name=Foo; Version=1; => {answer}")


def test_csid_without_server_ident(ftps_server: ServerFactory) -> None:
    server = ftps_server(tls=["TLSRequired off"], directives=["ServerIdent off"])
    talk(server, "CSID Name=Foo; => 200 name=ftpsd;casesensitive=1;")


def test_the_longest_range(server: RunningServer) -> None:
    """2^63 bytes: one more than the system's numbers of bytes reach."""
    talk(server, """
        TYPE I => 200 Type set to I
        RANG 0 9223372036854775807 => 350 Transferring byte range of 9223372036854775808 bytes starting from 0
        > STOR file.txt => 150 BINARY: file.txt; 226 Transfer complete
    """, data=b"HEL")
    assert (server.home() / "file.txt").read_bytes() == b"HELlo\nworld\n"
