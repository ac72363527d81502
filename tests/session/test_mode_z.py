"""MODE Z: compressed data connections, in clear and under TLS."""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from ftpsd.testing.client import ScriptedClient
from ftpsd.testing.plugin import Certificates, ServerFactory
from tests.session.hosts import Hosts, serving

TEXT = b"a line of text\n" * 20_000
NOISE = os.urandom(100_000)
RESUME = "AllowStoreRestart on\nAllowOverwrite on"

HOSTS = {
    "on": f"DeflateEngine on\n{RESUME}\nDeflateLog @HOME@/../deflate.log",
    "off": "DeflateEngine off",
    "small": f"DeflateEngine on\n{RESUME}\nMaxStoreFileSize 10 Kb",
    "hidden": "DeflateEngine on\nHiddenStores on",
    "slow": "DeflateEngine on\nTransferRate RETR 1:100",
}


@pytest.fixture(scope="module")
def hosts(ftps_certificates: Certificates) -> Iterator[Hosts]:
    with serving(ftps_certificates, HOSTS) as hosts:
        yield hosts


def begun(hosts: Hosts, name: str = "on", type_: str = "I") -> ScriptedClient:
    client = hosts.logged_in(name)
    client.expect(200, f"TYPE {type_}")
    client.expect(200, "MODE Z")
    return client


def home(hosts: Hosts) -> Path:
    return hosts.server.home()


def inflated(stream: bytes) -> bytes:
    decompressor = zlib.decompressobj()
    data = decompressor.decompress(stream)
    assert decompressor.eof
    assert not decompressor.unused_data
    return data


def test_off_there_is_no_such_mode(hosts: Hosts) -> None:
    with hosts.logged_in("off") as client:
        assert "unrecognized transfer mode" in client.expect(501, "MODE Z").text
        client.expect(500, "OPTS MODE Z LEVEL 3")
        assert "MODE Z" not in str(client.expect(211, "FEAT").lines)


def test_feat_and_options(hosts: Hosts) -> None:
    with hosts.logged_in("on") as client:
        assert " MODE Z" in client.expect(211, "FEAT").lines
        assert client.expect(200, "OPTS MODE Z").text == "MODE Z ENGINE ZLIB LEVEL 6"
        client.expect(200, "OPTS MODE Z LEVEL 1")
        assert client.expect(200, "OPTS MODE Z").text == "MODE Z ENGINE ZLIB LEVEL 1"
        assert client.expect(200, "MODE Z").text == "OK"
        client.expect(501, "MODE Q")
        client.expect(504, "MODE B")
        assert "Mode: Deflate" in str(client.expect(211, "STAT").lines)
        client.expect(200, "MODE S")
        assert "Mode: Stream" in str(client.expect(211, "STAT").lines)


def test_the_level_counts(hosts: Hosts) -> None:
    hosts.server.give("text", TEXT)
    with begun(hosts) as client:
        sizes = []
        for level in (0, 1, 9):
            client.expect(200, f"OPTS MODE Z LEVEL {level}")
            body = client.retrieve("RETR text")
            assert inflated(body) == TEXT
            sizes.append(len(body))
        assert sizes[0] > len(TEXT) > sizes[1] > sizes[2]


@pytest.mark.parametrize("content", [b"", b"x", TEXT, NOISE], ids=["empty", "byte", "text", "noise"])
def test_files_there_and_back(hosts: Hosts, content: bytes) -> None:
    with begun(hosts) as client:
        client.store("STOR up", zlib.compress(content))
        assert (home(hosts) / "up").read_bytes() == content
        assert inflated(client.retrieve("RETR up")) == content
        client.expect(200, "MODE S")
        assert client.retrieve("RETR up") == content


def test_under_tls(ftps_server: ServerFactory, tls_version: str) -> None:
    server = ftps_server(directives=["DeflateEngine on"])
    server.give("text", TEXT)
    with server.client(tls_version).begin() as client:
        client.expect(200, "TYPE I")
        client.expect(200, "MODE Z")
        assert inflated(client.retrieve("RETR text")) == TEXT
        client.store("STOR up", zlib.compress(NOISE))
        assert (server.home() / "up").read_bytes() == NOISE
        assert b"text\r\n" in inflated(client.retrieve("LIST"))
        client.store("APPE up", zlib.compress(NOISE))
        assert (server.home() / "up").read_bytes() == NOISE + NOISE
        connection = client.data()
        client.expect(150, "STOR cut")
        stream = connection.handshake()
        stream.write(zlib.compress(NOISE)[:-3])
        connection.close()
        assert "[deflate-cut]" in client.expect(426).text


def test_listings(hosts: Hosts) -> None:
    hosts.server.give("sub/inner.txt", b"1")
    with begun(hosts) as client:
        for command in ("LIST sub", "NLST sub", "MLSD sub"):
            body = client.retrieve(command)
            client.expect(200, "MODE S")
            assert b"inner.txt\r\n" in inflated(body)
            assert inflated(body) == client.retrieve(command)
            client.expect(200, "MODE Z")


def test_text_is_converted_inside(hosts: Hosts) -> None:
    hosts.server.give("lines", b"one\ntwo\n")
    with begun(hosts, type_="A") as client:
        assert inflated(client.retrieve("RETR lines")) == b"one\r\ntwo\r\n"
        client.store("STOR back", zlib.compress(b"1\r\n2\r\n"))
        assert (home(hosts) / "back").read_bytes() == b"1\n2\n"


def test_restarts_count_bytes_of_the_file(hosts: Hosts) -> None:
    hosts.server.give("numbers", b"0123456789")
    with begun(hosts) as client:
        client.expect(350, "REST 7")
        assert inflated(client.retrieve("RETR numbers")) == b"789"
        client.expect(350, "REST 5")
        client.store("STOR numbers", zlib.compress(b"XY"))
        assert (home(hosts) / "numbers").read_bytes() == b"01234XY789"
        client.store("APPE numbers", zlib.compress(b"end"))
        assert (home(hosts) / "numbers").read_bytes() == b"01234XY789end"


def upload(client: ScriptedClient, name: str, wire: bytes, code: int) -> str:
    connection = client.data()
    client.expect(150, f"STOR {name}")
    connection.establish().write(wire)
    connection.close()
    return client.expect(code).text


def test_what_is_broken_is_said(hosts: Hosts) -> None:
    stream = zlib.compress(TEXT)
    with begun(hosts) as client:
        assert "[deflate-broken]" in upload(client, "bad", b"as it is, not compressed", 451)
        assert "[deflate-broken]" in upload(client, "bad", stream + b"more", 451)
        assert "[deflate-broken]" in upload(client, "bad", stream[:-1] + b"?", 451)
        assert "[deflate-cut]" in upload(client, "bad", stream[:-4], 426)
        assert "[deflate-cut]" in upload(client, "bad", b"", 426)
        upload(client, "bad", stream, 226)
    lines = (hosts.server.files.directory / "deflate.log").read_text().splitlines()
    assert any(line.endswith("then: incorrect header check") for line in lines)
    assert any(f"inflated {len(stream)} bytes to {len(TEXT)} bytes (9" in line for line in lines)
    assert all("mod_deflate/0.6[" in line for line in lines)


def test_a_hidden_store_that_is_cut_never_appears(hosts: Hosts) -> None:
    with begun(hosts, "hidden") as client:
        upload(client, "never", zlib.compress(TEXT)[:-4], 426)
        assert not (home(hosts) / "never").exists()


def test_a_bomb_is_bounded(hosts: Hosts) -> None:
    with begun(hosts, "small") as client:
        upload(client, "bomb", zlib.compress(bytes(10_000_000), 9), 552)
        assert (home(hosts) / "bomb").stat().st_size == 10 * 1024
        upload(client, "bomb", zlib.compress(bytes(10 * 1024)), 226)


def test_the_rate_is_that_of_the_wire(hosts: Hosts) -> None:
    """300,000 bytes at 1 KiB/s would take minutes; compressed they are 900 or so."""
    hosts.server.give("text", TEXT)
    with begun(hosts, "slow") as client:
        assert inflated(client.retrieve("RETR text")) == TEXT


def test_xferlog_has_the_file_s_bytes(hosts: Hosts) -> None:
    hosts.server.give("counted", TEXT)
    with begun(hosts) as client:
        client.retrieve("RETR counted")
        client.store("STOR stored", zlib.compress(TEXT))
    log = hosts.server.files.transfer_log.read_text()
    for name in ("counted", "stored"):
        line = next(line for line in log.splitlines() if f"/{name} " in line)
        assert f" {len(TEXT)} " in line


def test_abor(hosts: Hosts) -> None:
    size = 2 * 1024 ** 3
    with (home(hosts) / "zeros").open("wb") as file:
        file.truncate(size)
    (home(hosts) / "zeros").chmod(0o644)
    with begun(hosts) as client:
        connection = client.data()
        client.expect(150, "RETR zeros")
        connection.establish()
        client.send_line("ABOR")
        client.expect(426)
        client.expect(226)
        connection.close("fin")
        client.expect(200, "NOOP")
