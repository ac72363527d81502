"""One data connection, from the moment that PASV or PORT announced it until it is closed.

The server cannot choose the order of events: most clients send the transfer command first and shake hands
when they see 150, some shake hands first and then send the command (clients.md 2). So the channel is a
small machine that is pushed on by whoever waits: the session while it waits for the next command
(`interest`, `advance`), the transfer while it waits for the connection. Nothing here blocks, but for the name of a
stranger where AllowForeignAddress names a class that has rules about names (`session.foreign`).

    LISTENING or CONNECTING → CONNECTED → HANDSHAKING → READY → ENDING → ENDED
                    any of them → FAILED (the reason is kept until the transfer command asks for it)

Closing has its own rule. A socket that is closed while bytes of the peer lie unread answers with RST, and
RST makes the peer's kernel throw away what *we* sent and it has not read yet. After sending, the channel
therefore half-closes and lingers until the peer's end is seen (`Lingering`), without holding up the reply.
"""

from __future__ import annotations

import math
import os
import select
import socket
from collections.abc import Callable
from enum import Enum

from ftpsd.data.endpoints import ActiveTarget, DataSocket, PassiveListener, SocketTuning, Stranger, reset_at_close
from ftpsd.data.outcomes import CloseStyle
from ftpsd.ftp.addresses import is_hidden_from, same_host
from ftpsd.reasons.codes import Code
from ftpsd.reasons.system import EXHAUSTED
from ftpsd.tls.data import MOST_DISCARDED, DataTLS, HandshakeFailed
from ftpsd.tls.errors import TLSError

Securer = Callable[[DataSocket], DataTLS]


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


# Names for what is asked several times per transfer: looking up a member of an enumeration costs a call.
_LISTENING, _CONNECTING, _CONNECTED, _HANDSHAKING = (
    Stage.LISTENING, Stage.CONNECTING, Stage.CONNECTED, Stage.HANDSHAKING)
_READY, _ENDING, _ENDED, _FAILED = Stage.READY, Stage.ENDING, Stage.ENDED, Stage.FAILED
_CLOSE_TO_END = 64 * 1024
"""Bytes of a client that goes on talking which are thrown away at a time."""


class DataChannel:
    """The session's one data connection.

    `source` says where the connection comes from, `secure` makes the TLS side of a fresh socket.
    """

    def __init__(self, source: PassiveListener | ActiveTarget, secure: Securer, tuning: SocketTuning) -> None:
        self._source = source
        self._secure = secure
        self._tuning = tuning
        self._wants = select.POLLIN
        self._listener = source if isinstance(source, PassiveListener) else None
        self.stage = _CONNECTING if self._listener is None else _LISTENING
        self.socket: DataSocket | None = None
        self.tls: DataTLS | None = None
        self.failure: HandshakeFailed | OSError | None = None
        self.strangers: list[Stranger] = []

    @property
    def passive(self) -> bool:
        return self._listener is not None

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
        stage, sock = self.stage, self.socket
        if stage is _LISTENING:
            assert self._listener is not None
            return self._listener.awaited, select.POLLIN
        if sock is None:
            return None
        if stage is _CONNECTED:
            return (sock.descriptor, select.POLLIN) if private else None
        if stage is _HANDSHAKING or stage is _ENDING:
            return sock.descriptor, self._wants
        return (sock.descriptor, select.POLLOUT) if stage is _CONNECTING else None

    def advance(self, private: bool) -> None:
        """Does what can be done without waiting; never raises for what the peer does."""
        try:
            if self.stage is _LISTENING:
                self._accept()
            elif self.stage is _CONNECTING:
                self._finish_connect()
            elif self.stage is _CONNECTED or self.stage is _HANDSHAKING:
                if private:
                    self._handshake()
            elif self.stage is _ENDING:
                self._end()
        except (OSError, HandshakeFailed) as error:
            self._fail(error)

    def _accept(self) -> None:
        assert self._listener is not None
        sock, stranger = self._listener.accept()
        if stranger is not None:
            self.strangers.append(stranger)
        if sock is not None:
            self._listener.close()
            self.socket = sock
            self.stage = _CONNECTED

    def _finish_connect(self) -> None:
        if self.socket is None:
            return
        number = self.socket.library.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if number:
            raise OSError(number, os.strerror(number))
        self.stage = _CONNECTED

    def shake_hands(self, deadline: float) -> None:
        """Goes on with the handshake, and waits for it until `deadline` (monotonic seconds).

        The stage tells what came of it; never raises for what the peer does.
        """
        try:
            if self.secured().handshake_until(deadline):
                self.stage = _READY
        except (OSError, HandshakeFailed) as error:
            self._fail(error)

    def handshake_failed(self, error: TLSError | None) -> None:
        """The handshake that a pump did (`Pump.run`) failed of `error`; None: it took too long."""
        assert self.tls is not None
        late = TimeoutError(110, "Connection timed out")
        self._fail(late if error is None else self.tls.handshake_failure(error))

    def secured(self) -> DataTLS:
        """Our side of TLS, the handshake of which is under way from now on."""
        if self.tls is None:
            assert self.socket is not None
            self.tls = self._secure(self.socket)
            self.stage = _HANDSHAKING
        return self.tls

    def _handshake(self) -> None:
        step = self.secured().handshake_step()
        if step == "done":
            self.stage = _READY
        else:
            self._wants = select.POLLOUT if step == "write" else select.POLLIN

    def begin_as_client(self, secure: Securer) -> None:
        """We speak first on the connection that stands (SSCN): `secure` makes the client's side."""
        self._secure = secure
        self.advance(True)

    def _fail(self, error: HandshakeFailed | OSError) -> None:
        self.failure = error
        self.stage = _FAILED

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
        self.stage = _ENDING
        self.advance(private)

    def _end(self) -> None:
        step = self.tls.send_close_notify() if self.tls is not None else "done"
        if step == "done":
            self.stage = _ENDED
        else:
            self._wants = select.POLLOUT if step == "write" else select.POLLIN

    def sending_ended(self, private: bool) -> None:
        """The pump has ended our side (`Pump.finished`); `private` as for `end_sending`."""
        if self.tls is not None and not private:
            self.tls.close()
            self.tls = None
        self.stage = _ENDED

    def linger(self, *, fin_sent: bool = False) -> Lingering | None:
        """Sends the FIN of a download that has ended (if not `fin_sent`); the socket lingers for the peer's end."""
        if self.socket is None:
            return None
        try:
            if not fin_sent:
                self.socket.library.shutdown(socket.SHUT_WR)
        except OSError:
            self.close()
            return None
        lingering = Lingering(self.socket, self.tls)
        self.socket = None
        self.tls = None
        return lingering

    def not_connected(self, peer: str) -> tuple[Code, str]:
        """Why the client at `peer` and we did not meet, and the line about it for the system log."""
        what = getattr(self.failure, "strerror", None) or str(self.failure)
        exhausted = getattr(self.failure, "errno", None) in EXHAUSTED
        if isinstance(self._source, ActiveTarget):
            line = f"unable to connect to the client's {self._source.host} port {self._source.port}: {what}"
            if exhausted:
                return Code.SERVER_EXHAUSTED, line
            refused = isinstance(self.failure, ConnectionRefusedError)
            return Code.ACTIVE_REFUSED if refused else Code.ACTIVE_UNREACHABLE, line
        if exhausted:
            return Code.SERVER_EXHAUSTED, f"the data connection from {peer} could not be accepted: {what}"
        announced = self._source.announced
        line = f"no data connection came from {peer} to {announced or 'passive'} port {self._source.port}: {what}"
        hidden = announced is not None and is_hidden_from(announced, peer)
        return Code.NAT_PRIVATE_ADDRESS if hidden else Code.DATA_NOT_CONNECTED, line

    @property
    def patience(self) -> float:
        """When `advance` has something to do though nothing comes (monotonic seconds); inf: never."""
        return self._source.patience if isinstance(self._source, PassiveListener) else math.inf

    def far_end(self) -> str:
        """The address that the connection leads to, whoever hands it on. Raises `OSError` when it is gone."""
        assert self.socket is not None
        told = self._listener.came_from if self._listener is not None else None
        return told or str(self.socket.library.getpeername()[0])

    def leads_to(self, host: str) -> bool:
        """Whether the other end of the connection has the address `host`: not another server (FXP)."""
        try:
            return same_host(self.far_end(), host)
        except OSError:
            return True

    def abort(self) -> None:
        """Ends the connection with a reset, which nobody takes for the end of the data."""
        if self.socket is not None:
            reset_at_close(self.socket.library)
        self.close()

    def close(self) -> None:
        """Closes whatever is open; harmless when nothing is."""
        if self._listener is not None and self._listener.descriptor >= 0:
            self._listener.close()
        if self.tls is not None:
            self.tls.close()
            self.tls = None
        if self.socket is not None:
            self.socket.close()
            self.socket = None


class Lingering:
    """A data connection whose data went out completely and whose peer may still be reading."""

    def __init__(self, sock: DataSocket, tls: DataTLS | None) -> None:
        self._socket = sock
        self._tls = tls
        self._discarded = 0

    def fileno(self) -> int:
        return self._socket.fileno()

    def ended(self) -> tuple[bool, CloseStyle | None]:
        """(whether the peer has closed, how it ended its TLS stream), without waiting."""
        try:
            if self._tls is not None:
                style = self._tls.peer_close_style()
                return style is not None, style
        except ConnectionResetError:
            self._tls = None  # its data may still be on the way; to close over what has come would destroy that
        except OSError:
            return True, None
        try:
            size = len(self._socket.library.recv(_CLOSE_TO_END))
            self._discarded += size
            return not size or self._discarded > MOST_DISCARDED, None
        except BlockingIOError:
            return False, None
        except OSError:
            return True, None

    def close(self) -> None:
        """Closes it and lets go of TLS."""
        self._tls = None
        self._socket.close()
