"""ListStyle, UseGlobbing, StoreUniquePrefix, TransferOptions, UseNonCompliantActiveTransfer, Facts…: what they do."""

from __future__ import annotations

import os
import re
import socket

import pytest

from ftpsd.ftp import facts
from ftpsd.settings import facts as facts_settings
from ftpsd.testing.client import ScriptedClient
from ftpsd.testing.plugin import ServerFactory
from ftpsd.testing.server import RunningServer
from tests.session.talk import converse, furnish


def begin(start: ServerFactory, *directives: str, sections: str = "") -> tuple[RunningServer, ScriptedClient]:
    """A session of alice's in clear, with a server of its own."""
    server = start(tls=["TLSRequired off"], directives=directives, sections=sections)
    furnish(server)
    client = server.client(tls=False)
    client.connect()
    client.login()
    return server, client


def lines(client: ScriptedClient, command: str) -> list[str]:
    return client.retrieve(command).decode().splitlines()


def test_list_style_windows(ftps_server: ServerFactory) -> None:
    server, client = begin(ftps_server, "ListStyle Windows")
    server.give("sub/.hidden", b"12345")
    os.utime(server.home() / "sub/.hidden", (1577880245, 1577880245))  # 12:04:05
    assert lines(client, "LIST file.txt") == ["01-02-20  03:04AM                   12 file.txt"]
    assert lines(client, "LIST sub/.hidden") == ["01-01-20  12:04PM                    5 sub/.hidden"]
    pattern = r"\d\d-\d\d-\d\d  \d\d:\d\d[AP]M (      <DIR>         | {14} *\d+) (.*)"
    shown = {match[2]: match[1].strip() for line in lines(client, "LIST -la") if (match := re.fullmatch(pattern, line))}
    assert shown == {
        "big.bin": "100000", "broken": "8", "file.txt": "12", "full": "<DIR>", "link": "8", "sub": "<DIR>"}
    assert len(lines(client, "LIST -a sub")) == 2
    assert lines(client, "NLST sub") == ["sub/inner.txt"]
    assert lines(client, "LIST -1 sub") == ["inner.txt"]
    assert any("<DIR>" in line for line in client.expect(212, "STAT .").lines)


def test_patterns_that_are_none(ftps_server: ServerFactory) -> None:
    server, client = begin(ftps_server, "UseGlobbing off")
    server.give("[x]")
    converse(client, """
        < LIST *.txt => 150 ASCII: file list; 450 *.txt: No such file or directory
        NLST *.txt => 450 *.txt: No such file or directory
        STAT *.txt => 450 *.txt: No such file or directory
    """)
    assert lines(client, "NLST [x]") == ["[x]"]
    assert lines(client, "NLST") == ["[x]", "big.bin", "file.txt", "full", "link", "sub"]


def test_store_unique_prefix(ftps_server: ServerFactory) -> None:
    inside = "<Directory BASE/homes/alice/sub>\nStoreUniquePrefix in-\n</Directory>\n"
    server, client = begin(ftps_server, "StoreUniquePrefix up-", sections=inside)
    assert client.store("STOU", b"x").code == 226
    client.expect(250, "CWD sub")
    assert client.store("STOU", b"x").code == 226
    assert [name for name in os.listdir(server.home()) if re.fullmatch("up-[A-Za-z0-9]{6}", name)]
    assert [name for name in os.listdir(server.home() / "sub") if re.fullmatch("in-[A-Za-z0-9]{6}", name)]


def test_transfers_without_translation(ftps_server: ServerFactory) -> None:
    server, client = begin(ftps_server, "TransferOptions IgnoreASCII")
    client.expect(200, "TYPE A")
    converse(client, """
        < RETR file.txt => 150 ASCII: file.txt (12 bytes); 226 Transfer complete
        > STOR up => 150 ASCII: up; 226 Transfer complete
    """, data=b"a\r\nb\r\n")
    assert client.retrieve("RETR file.txt") == b"hello\nworld\n"
    assert (server.home() / "up").read_bytes() == b"a\r\nb\r\n"


@pytest.mark.parametrize("allowed", [False, True])
def test_uploads_to_links_that_lead_nowhere(ftps_server: ServerFactory, allowed: bool) -> None:
    server, client = begin(ftps_server, *(["TransferOptions AllowSymlinkUpload"] if allowed else []))
    ending = "150 ASCII: broken; 226 Transfer complete" if allowed else "550 broken: Not a regular file"
    converse(client, f"> STOR broken => {ending}\n> APPE link => 150 ASCII: link; 226 Transfer complete")
    assert (server.home() / "nowhere").exists() is allowed


def taken(port: int) -> bool:
    """Whether somebody listens on it or is connected from it: no server can use it then."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
        return False


@pytest.mark.parametrize("compliant", [False, True])
def test_the_port_that_active_connections_come_from(ftps_server: ServerFactory, compliant: bool) -> None:
    server, client = begin(ftps_server, *(["UseNonCompliantActiveTransfer off"] if compliant else []))
    while compliant and taken(server.port - 1):      # another port is taken then: it is another test's
        server, client = begin(ftps_server, "UseNonCompliantActiveTransfer off")
    for _ in range(2):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            listener.settimeout(10)
            port = listener.getsockname()[1]
            client.expect(200, f"EPRT |1|127.0.0.1|{port}|")
            client.expect(150, "NLST sub")
            connection, origin = listener.accept()
            with connection:
                connection.settimeout(10)
                while connection.recv(4096):
                    pass
            client.expect(226)
            assert (origin[1] == server.port - 1) is compliant


def features(client: ScriptedClient) -> list[str]:
    return [line.strip() for line in client.expect(211, "FEAT").lines]


def test_facts_that_are_not_advertised(ftps_server: ServerFactory) -> None:
    _, client = begin(ftps_server, "FactsAdvertise off")
    client.expect(200, "OPTS MLST type;")
    assert not {line.partition(" ")[0] for line in features(client)} & {"MLST", "MFF", "MFMT", "TVFS"}
    converse(client, "MLST file.txt => 250 Start of list for file.txt / type=file; /file.txt / End of list")


def test_the_facts_of_the_settings_are_those_of_the_protocol() -> None:
    assert facts_settings.FACTS == facts.FACTS


def test_facts_by_default(ftps_server: ServerFactory) -> None:
    _, client = begin(ftps_server, "FactsDefault Type size")
    assert "MLST modify;perm;size*;type*;unique;UNIX.group;UNIX.groupname;UNIX.mode;UNIX.owner;UNIX.ownername;" \
        in features(client)
    converse(client, """
        MLST file.txt => 250 Start of list for file.txt / size=12;type=file; /file.txt / End of list
        OPTS MLST unix.MODE;size; => 200 MLST OPTS size;UNIX.mode;
        OPTS MLST size type => 501 'OPTS MLST' not understood
        MLST file.txt => 250 Start of list for file.txt / size=12;UNIX.mode=0644; /file.txt / End of list
    """)


def test_facts_options(ftps_server: ServerFactory) -> None:
    _, client = begin(ftps_server, "FactsOptions NoNames UseSlink")
    assert "MLST modify*;perm*;size*;type*;unique*;UNIX.group*;UNIX.mode*;UNIX.owner*;" in features(client)
    body = lines(client, "MLSD")
    assert not [line for line in body if "name=" in line]
    assert [line for line in body if "type=OS.unix=slink:file.txt;" in line and line.endswith("; link")]
    client.expect(200, "OPTS MLST type;UNIX.ownername;")
    assert client.expect(250, "MLST file.txt").lines[1].strip() == "type=file; /file.txt"
