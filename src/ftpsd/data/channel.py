"""One data connection, from the moment that PASV or PORT announced it until it is closed.

The server cannot choose the order of events: most clients send the transfer command first and shake hands
when they see 150, some shake hands first and then send the command (clients.md 2). So the channel is a
small machine that is pushed on by whoever waits: the session while it waits for the next command
(`interest`, `advance`), the transfer while it waits for the connection. Nothing here blocks.

    LISTENING or CONNECTING → CONNECTED → HANDSHAKING → READY → ENDING → ENDED
                    any of them → FAILED (the reason is kept until the transfer command asks for it)

Closing has its own rule. A socket that is closed while bytes of the peer lie unread answers with RST, and
RST makes the peer's kernel throw away what *we* sent and it has not read yet. After sending, the channel
therefore half-closes and lingers until the peer's end is seen (`Lingering`), without holding up the reply.
"""

from __future__ import annotations

import os
import select
import socket
from collections.abc import Callable
from enum import Enum

from ftpsd.data.endpoints import ActiveTarget, PassiveListener, SocketTuning
from ftpsd.data.outcomes import CloseStyle
from ftpsd.tls.data import DataTLS, HandshakeFailed

Securer = Callable[[socket.socket], DataTLS]


class Stage(Enum):
    """How far the data connection has come."""

    LISTENING = "listening"
    CONNECTING = "connecting"
    CONNECTED = "connected"
    HANDSHAKING = "handshaking"
    READY = "ready"
    ENDING = "ending"
    ENDED = "ended"
    FAILED = "failed"


class DataChannel:
    """The session's one data connection.

    `source` says where the connection comes from, `secure` makes the TLS side of a fresh socket.
    """

    def __init__(self, source: PassiveListener | ActiveTarget, secure: Securer, tuning: SocketTuning) -> None:
        self._source = source
        self._secure = secure
        self._tuning = tuning
        self._wants = select.POLLIN
        self.stage = Stage.LISTENING if isinstance(source, PassiveListener) else Stage.CONNECTING
        self.socket: socket.socket | None = None
        self.tls: DataTLS | None = None
        self.failure: HandshakeFailed | OSError | None = None
        self.strangers: list[str] = []

    @property
    def passive(self) -> bool:
        return isinstance(self._source, PassiveListener)

    @property
    def port(self) -> int:
        """Our port where the connection is passive, the client's where it is active."""
        return self._source.port

    def connect(self) -> None:
        """Starts an active connection (the transfer command has come). Failure is kept in `failure`."""
        if isinstance(self._source, ActiveTarget) and self.socket is None:
            try:
                self.socket = self._source.connect(self._tuning)
            except OSError as error:
                self._fail(error)

    def interest(self, private: bool) -> tuple[int, int] | None:
        """(descriptor, poll events) that the next step waits for; None: nothing to wait for."""
        match self.stage:
            case Stage.LISTENING:
                assert isinstance(self._source, PassiveListener)
                return self._source.fileno(), select.POLLIN
            case Stage.CONNECTING if self.socket is not None:
                return self.socket.fileno(), select.POLLOUT
            case Stage.CONNECTED if private and self.socket is not None:
                return self.socket.fileno(), select.POLLIN
            case Stage.HANDSHAKING | Stage.ENDING if self.socket is not None:
                return self.socket.fileno(), self._wants
        return None

    def advance(self, private: bool) -> None:
        """Does what can be done without waiting; never raises for what the peer does."""
        try:
            if self.stage is Stage.LISTENING:
                self._accept()
            elif self.stage is Stage.CONNECTING:
                self._finish_connect()
            elif self.stage in (Stage.CONNECTED, Stage.HANDSHAKING) and private:
                self._handshake()
            elif self.stage is Stage.ENDING:
                self._end()
        except (OSError, HandshakeFailed) as error:
            self._fail(error)

    def _accept(self) -> None:
        assert isinstance(self._source, PassiveListener)
        sock, stranger = self._source.accept()
        if stranger is not None:
            self.strangers.append(stranger)
        if sock is not None:
            self._source.close()
            self.socket = sock
            self.stage = Stage.CONNECTED

    def _finish_connect(self) -> None:
        if self.socket is None:
            return
        number = self.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if number:
            raise OSError(number, os.strerror(number))
        self.stage = Stage.CONNECTED

    def _handshake(self) -> None:
        assert self.socket is not None
        if self.tls is None:
            self.tls = self._secure(self.socket)
            self.stage = Stage.HANDSHAKING
        step = self.tls.handshake_step()
        if step == "done":
            self.stage = Stage.READY
        else:
            self._wants = select.POLLOUT if step == "write" else select.POLLIN

    def begin_as_client(self, secure: Securer) -> None:
        """We speak first on the connection that stands (SSCN): `secure` makes the client's side."""
        self._secure = secure
        self.advance(True)

    def _fail(self, error: HandshakeFailed | OSError) -> None:
        self.failure = error
        self.stage = Stage.FAILED

    def fail(self, error: OSError) -> None:
        """Ends the channel from outside (a deadline passed)."""
        self._fail(error)

    def end_sending(self, private: bool) -> None:
        """Begins to end our side: close_notify, which may have to wait for room.

        `private` says whether the data was; PROT C may have come after a handshake. The stage is ENDED when the kernel
        has taken everything, FAILED when the connection broke before.
        """
        if self.tls is not None and not private:
            self.tls.close()
            self.tls = None
        self.stage = Stage.ENDING
        self.advance(private)

    def _end(self) -> None:
        step = self.tls.send_close_notify() if self.tls is not None else "done"
        if step == "done":
            self.stage = Stage.ENDED
        else:
            self._wants = select.POLLOUT if step == "write" else select.POLLIN

    def linger(self) -> Lingering | None:
        """Sends the FIN of a download that has ended; the socket lingers for the peer's end."""
        if self.socket is None:
            return None
        try:
            self.socket.shutdown(socket.SHUT_WR)
        except OSError:
            self.close()
            return None
        lingering = Lingering(self.socket, self.tls)
        self.socket = None
        self.tls = None
        return lingering

    def close(self) -> None:
        """Closes whatever is open; harmless when nothing is."""
        if isinstance(self._source, PassiveListener):
            self._source.close()
        if self.tls is not None:
            self.tls.close()
            self.tls = None
        if self.socket is not None:
            self.socket.close()
            self.socket = None


class Lingering:
    """A data connection whose data went out completely and whose peer may still be reading."""

    def __init__(self, sock: socket.socket, tls: DataTLS | None) -> None:
        self._socket = sock
        self._tls = tls

    def fileno(self) -> int:
        return self._socket.fileno()

    def ended(self) -> tuple[bool, CloseStyle | None]:
        """(whether the peer has closed, how it ended its TLS stream), without waiting."""
        try:
            if self._tls is not None:
                style = self._tls.peer_close_style()
                return style is not None, style
            return self._socket.recv(4096) == b"", None
        except BlockingIOError:
            return False, None
        except OSError:
            return True, None

    def close(self) -> None:
        if self._tls is not None:
            self._tls.close()
        self._socket.close()
