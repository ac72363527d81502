"""Who connects where a proxy hands connections on (PROXY protocol): asked before anything else is.

A header counts from the addresses of ProxyProtocolTrust alone, and from there one has to come. One that tells of
nobody, or of the proxy itself (HAProxy in version 1), and a connection that ends before its first byte, are how proxies
look whether the server lives: they are answered, and no log hears of them until the proxy wants more than a greeting.
"""

from __future__ import annotations

import select
import socket
import time
from collections.abc import Callable, Mapping
from typing import NamedTuple

from ftpsd.data.proxied import HeaderReader, NoHeader
from ftpsd.data.waits import wait_for
from ftpsd.ftp.proxyheader import End, Header, WrongHeader
from ftpsd.ftp.replies import Reply
from ftpsd.log import events
from ftpsd.reasons.codes import Code
from ftpsd.session.closing import Doors
from ftpsd.session.endpoints import Ends
from ftpsd.session.state import Session
from ftpsd.settings.proxy import USE_SERVER_ADDRESS, ProxySettings

_GREETING = Reply(220, "FTP server ready").encode()
_GOODBYE = Reply(221, "Goodbye.").encode()
_LOOK = socket.MSG_PEEK | socket.MSG_DONTWAIT


class Arrival(NamedTuple):
    """Who has come, and how: `destination` is what he connected to at the proxy, where that is to count; `greeted`: a
    greeting has gone out; `notes`: what else the proxy tells, as session notes."""

    ends: Ends
    destination: End | None = None
    greeted: bool = False
    notes: Mapping[str, str] = {}


class TurnedAway(Exception):
    """A proxy did not say for whom it connects; the client's `reply`, and `text` and `reason` for the log."""

    def __init__(self, text: str, reason: Code) -> None:
        super().__init__(text)
        self.reason = reason
        self.reply = Reply(421, f"PROXY header expected, closing control connection [{reason}]").encode()


Say = Callable[[events.Event], None]


def arrive(
    sock: socket.socket, ends: Ends, settings: ProxySettings, say: Say, *, greets: bool, doors: Doors,
) -> Arrival | None:
    """Reads the header of a connection from a trusted proxy; None: it was a look at the server's health, and is over.

    `greets`: the server speaks first (not where TLS is implicit). Where the `doors` are closed the proxy
    hears so. Raises `TurnedAway`, `OSError`.
    """
    header = _header(sock, ends, settings)
    source = header.source if header is not None and header.source != (ends.peer, ends.peer_port) else None
    if header is not None and source is None and doors.closed:
        if greets:
            sock.sendall(doors.turned_away(ends, ends.peer)[0])
        return None
    if header is None or (source is None and not _in_earnest(sock, settings.timeout, greets=greets)):
        say(events.Debug(5, f"{ends.peer} has looked whether the server answers"))
        return None
    if source is None:
        return Arrival(ends, greeted=greets)
    if settings.ignore:
        say(events.Debug(10, f"ProxyProtocolIgnore: {ends.peer} connects for {source.host}"))
        return Arrival(ends)
    say(events.Debug(5, f"{ends.peer} port {ends.peer_port} connects for {source.host} port {source.port}"))
    told = Ends(source.host, source.port, ends.local, ends.local_port, wire=ends)
    destination = header.destination if USE_SERVER_ADDRESS in settings.options else None
    return Arrival(told, destination, notes=dict(header.notes))


def _header(sock: socket.socket, ends: Ends, settings: ProxySettings) -> Header | None:
    """None: the connection ended before its first byte. Raises `TurnedAway`."""
    reader, deadline = HeaderReader(sock, settings.versions), time.monotonic() + settings.timeout
    try:
        while (header := reader.step()) is None:
            if not wait_for(sock.fileno(), select.POLLIN, -1, 0, deadline):
                what = "half a PROXY header" if reader.begun else "no PROXY header"
                text = f"{what} from {ends.peer} within {settings.timeout} seconds (ProxyProtocolTimeout)"
                raise TurnedAway(text, Code.PROXY_HEADER_MISSING)
    except NoHeader as error:
        if error.silent:
            return None
        raise TurnedAway(f"no PROXY header from {ends.peer}: {error}", Code.PROXY_HEADER_MISSING) from None
    except WrongHeader as error:
        raise TurnedAway(f"no PROXY header from {ends.peer}: {error}", Code.PROXY_HEADER_WRONG) from None
    return header


def _in_earnest(sock: socket.socket, seconds: float, *, greets: bool) -> bool:
    """Whether a proxy that connects for itself wants more than a greeting within that time, QUIT left aside."""
    if greets:
        sock.sendall(_GREETING)
    if not wait_for(sock.fileno(), select.POLLIN, -1, 0, time.monotonic() + seconds):
        return False
    try:
        begin = sock.recv(6, _LOOK)
    except OSError:
        return False
    if greets and begin.rstrip().upper() == b"QUIT":
        sock.recv(len(begin), socket.MSG_DONTWAIT)  # what lies unread makes the end a reset
        sock.sendall(_GOODBYE)
        return False
    return bool(begin)


def of_data(session: Session) -> ProxySettings | None:
    """Who is to hand on the session's passive data connections with a header; None: they come without."""
    settings = session.service.proxies_before(session)
    return settings if settings.data and settings.trusts(session.ends.own.peer) else None
