"""What a session shows of itself on the scoreboard."""

from __future__ import annotations

import time
from collections.abc import Callable

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


def _until(server: RunningServer, client: ScriptedClient, condition: Callable[[Entry], bool]) -> Entry:
    """The client's entry once it is as it should be: the session writes it after the client has its answer."""
    deadline = time.monotonic() + 20
    while not condition(entry := _entry(server, client)):
        assert time.monotonic() < deadline, entry
        time.sleep(0.01)
    return entry


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
    _until(server, client, lambda entry: entry.protocol == "ftps")
    client.login()
    _until(server, client, lambda entry: (entry.phase, entry.user, entry.location) == (Phase.IDLE, "alice", "/"))

    client.protect()
    client.expect(200, "TYPE I")
    client.expect(250, "CWD in")
    _until(server, client, lambda entry: entry.location == "/in")
    with client.transfer("RETR large") as stream:
        entry = _entry(server, client)
        assert (entry.phase, entry.command, entry.size) == (Phase.SENDING, "RETR large", MORE_THAN_BUFFERS_HOLD)
        stream.read()
        _until(server, client, lambda entry: 0 < entry.transferred < MORE_THAN_BUFFERS_HOLD)
        stream.read_all()
    _until(server, client, lambda entry: (entry.phase, entry.bytes) == (Phase.IDLE, MORE_THAN_BUFFERS_HOLD))
    with client.transfer("STOR back") as stream:
        _until(server, client, lambda entry: entry.phase is Phase.RECEIVING)
