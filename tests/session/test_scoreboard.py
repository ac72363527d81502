"""What a session shows of itself on the scoreboard."""

from __future__ import annotations

from ftpsd.ftp.phase import Phase
from ftpsd.server.scoreboard import Entry, Scoreboard
from ftpsd.testing.client import ScriptedClient
from ftpsd.testing.plugin import ServerFactory
from ftpsd.testing.server import RunningServer

MORE_THAN_BUFFERS_HOLD = 32 << 20


def _entry(server: RunningServer, client: ScriptedClient) -> Entry:
    board = Scoreboard.open(str(server.files.directory / "scoreboard"))
    port = client.control.socket.getsockname()[1]
    try:
        return next(entry for entry in board.entries() if entry.peer_port == port)
    finally:
        board.close()


def test_from_the_greeting_to_the_transfer(ftps_server: ServerFactory) -> None:
    server = ftps_server(sections="<Class local>\n  From 127.0.0.0/8\n</Class>")
    server.give_directory("in")
    server.give("in/large", bytes(MORE_THAN_BUFFERS_HOLD))
    client = server.client()
    client.connect()
    entry = _entry(server, client)
    assert (entry.phase, entry.protocol, entry.server) == (Phase.CONNECTED, "ftp", "Test Server")
    assert (len(entry.session), entry.user, entry.location, entry.client_class) == (12, "", "", "local")

    client.auth()
    assert _entry(server, client).protocol == "ftps"
    client.login()
    entry = _entry(server, client)
    assert (entry.phase, entry.user, entry.location) == (Phase.IDLE, "alice", "/")

    client.protect()
    client.expect(200, "TYPE I")
    client.expect(250, "CWD in")
    assert _entry(server, client).location == "/in"
    with client.transfer("RETR large") as stream:
        entry = _entry(server, client)
        assert (entry.phase, entry.command, entry.size) == (Phase.SENDING, "RETR large", MORE_THAN_BUFFERS_HOLD)
        stream.read()
        assert 0 < _entry(server, client).transferred < MORE_THAN_BUFFERS_HOLD
        stream.read_all()
    entry = _entry(server, client)
    assert (entry.phase, entry.bytes) == (Phase.IDLE, MORE_THAN_BUFFERS_HOLD)
    with client.transfer("STOR back") as stream:
        assert _entry(server, client).phase is Phase.RECEIVING
