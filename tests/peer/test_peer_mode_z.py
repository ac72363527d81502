"""The same client in MODE Z at a real ProFTPD and at ftpsd: what goes through, and what each makes of a broken stream.

mod_deflate 0.6 fails with "Input/output error" where an upload swells a hundredfold, so it gets less text.
"""

from __future__ import annotations

import os
import zlib

import pytest

from ftpsd.testing.client import Reply, ScriptedClient
from ftpsd.testing.plugin import ServerFactory
from ftpsd.testing.server import RunningServer
from tests.peer.compare import normalised

pytestmark = [pytest.mark.peer, pytest.mark.root]

DIRECTIVES = ("LoadModule mod_deflate.c", "DeflateEngine on")
PLAIN = ("TLSRequired off",)
TEXT = b"a line of text\n" * 20_000
SHORT = TEXT[:9000]
NOISE = os.urandom(200_000)


def fetch(client: ScriptedClient, command: str) -> tuple[str, str, str]:
    """(reply before, the whole body, reply after)."""
    connection = client.data()
    first = client.command(command)
    if first.code != 150:
        connection.close()
        return str(first), "", ""
    decompressor = zlib.decompressobj()
    data = decompressor.decompress(connection.establish().read_all())
    assert decompressor.eof
    connection.close()
    return normalised(str(first)), _sorted(data), str(client.read_reply())


def _sorted(body: bytes) -> str:
    """ProFTPD lists names as they come."""
    return "\n".join(sorted(normalised(body.decode("latin-1")).splitlines()))


def put(client: ScriptedClient, command: str, wire: bytes) -> Reply:
    connection = client.data()
    client.expect(150, command)
    connection.establish().write(wire)
    connection.close()
    return client.read_reply()


def journey(server: RunningServer) -> tuple[list[object], dict[str, str]]:
    """(what must be equal, the replies to broken uploads)."""
    server.give("text", TEXT)
    server.give("noise", NOISE)
    server.give("empty", b"")
    server.give("sub/inner", b"1")
    seen: list[object] = []
    broken: dict[str, str] = {}
    with server.client() as client:
        client.connect()
        client.login()
        client.expect(200, "TYPE I")
        client.expect(200, "MODE Z")
        client.expect(200, "OPTS MODE Z LEVEL 4")
        seen += [fetch(client, f"RETR {name}") for name in ("text", "noise", "empty", "nothere")]
        seen += [fetch(client, "NLST sub"), fetch(client, "MLSD sub"), fetch(client, "LIST sub")]
        client.expect(350, "REST 199990")
        seen.append(fetch(client, "RETR noise"))
        client.expect(200, "TYPE A")
        seen.append(fetch(client, "RETR text"))
        seen.append(str(put(client, "STOR ascii", zlib.compress(b"1\r\n2\r\n"))))
        client.expect(200, "TYPE I")
        for content in (b"", SHORT, NOISE):
            seen.append(str(put(client, "STOR up", zlib.compress(content))))
            seen.append((server.home() / "up").read_bytes() == content)
        seen.append(str(put(client, "APPE up", zlib.compress(SHORT))))
        client.expect(350, "REST 5")
        seen.append(str(put(client, "STOR up", zlib.compress(b"XY"))))
        seen.append((server.home() / "up").read_bytes() == NOISE[:5] + b"XY" + NOISE[7:] + SHORT)
        stream = zlib.compress(SHORT)
        broken["none"] = str(put(client, "STOR bad", b"as it is, not compressed"))
        broken["sum"] = str(put(client, "STOR bad", stream[:-1] + b"?"))
        broken["cut"] = str(put(client, "STOR bad", stream[:-8]))
    log = server.files.transfer_log.read_text()
    seen.append([line.split()[7] for line in log.splitlines() if "/bad" not in line])
    return seen, broken


def test_what_goes_through(proftpd_server: ServerFactory, ftps_server: ServerFactory) -> None:
    theirs, their_faults = journey(proftpd_server(tls=PLAIN, directives=DIRECTIVES))
    ours, our_faults = journey(ftps_server(tls=PLAIN, directives=DIRECTIVES))
    assert ours == theirs
    assert their_faults["cut"].startswith("226"), "ProFTPD takes what is cut for whole, ftpsd does not"
    assert our_faults["cut"].startswith("426")
    for fault in ("none", "sum"):
        assert their_faults[fault].startswith("451")
        assert our_faults[fault].startswith("451")
