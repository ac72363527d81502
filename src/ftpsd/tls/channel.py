"""The control connection's bytes: in clear, under TLS after AUTH, in clear again after CCC.

Three rules hold it together. Nothing that came before a handshake is read after it: the session clears its
line reader, and this channel reads no byte ahead of the handshake. Every wait has a deadline. And the way
back to clear (CCC) follows the client, because clients differ (clients.md 5): some send close_notify and
wait for ours, some only wait for ours, some go on at once in clear and would take our close_notify for a
reply. So the server looks at the client's next byte before it says anything. A TLS record starts with 20 to
23; an FTP command starts with a letter, or with 255 (telnet), never with one of those.
"""

from __future__ import annotations

import contextlib
import select
import socket
import time

from ftpsd.native._openssl import Connection, TLSError, library_version
from ftpsd.tls import handshake, hello, logtext
from ftpsd.tls.contexts import HostTLS
from ftpsd.tls.handshake import HandshakeFailed, HandshakeReport
from ftpsd.tls.identity import Peer
from ftpsd.tls.variables import Facts

__all__ = ["ControlChannel", "HandshakeFailed", "HandshakeReport"]

_TLS_RECORDS = frozenset({20, 21, 22, 23})
_PATIENCE = 0.5
"""Seconds in which a client usually makes its move after CCC; then it is taken to wait for ours."""
_MOST_DISCARDED = 64 * 1024
_SHORTEST = 0.001
_GLANCE = 0.01
_REFUSAL_SECONDS = 5.0
_INPUT = select.POLLIN | select.POLLRDHUP


class ControlChannel:
    """One control connection; owns its socket, which it makes non-blocking."""

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        self._socket = sock
        self._ending: Connection | None = None
        self.connection: Connection | None = None
        """The TLS that is on now."""
        self.session_connection: Connection | None = None
        """The TLS that data connections refer to: also after CCC the one that was on."""
        self.report: HandshakeReport | None = None
        """What the handshake agreed on."""
        self.shutdown_failure: tuple[str, ...] = ()
        """Why TLS could not be ended, for the TLSLog."""

    def fileno(self) -> int:
        return self._socket.fileno()

    def has_pending(self) -> bool:
        """Whether bytes can be had that `poll` knows nothing of, because they are decrypted already."""
        return self.connection is not None and self.connection.pending() > 0

    def recv_available(self, size: int) -> bytes | None:
        """Up to `size` bytes without waiting; b"": the client has closed, None: nothing now.

        A FIN without close_notify counts as closing: no command can be cut short unnoticed, it lacks its line
        end. Raises `TLSError` (kind "renegotiation" too) or `OSError` when the connection broke.
        """
        if self.connection is not None:
            try:
                return self.connection.read_available(size)
            except TLSError as error:
                if error.kind in ("eof", "closed"):
                    return b""
                raise
        if self._ending is not None and not self._settle(self._ending):
            return None
        try:
            return self._socket.recv(size)
        except (BlockingIOError, InterruptedError):
            return None

    def failure_lines(self, error: TLSError) -> tuple[str, ...]:
        """What the TLSLog says about an `error` of `recv_available`, `recv` or `send`; may be nothing."""
        connection = self.session_connection
        renegotiated = connection is not None and connection.renegotiations_by_peer > 0
        return logtext.connection_failure(error.kind, error.queue, error.errno, renegotiated=renegotiated)

    def recv(self, size: int, timeout: float) -> bytes:
        """Up to `size` bytes; b"": the client has closed. Raises `TimeoutError` after `timeout` seconds."""
        deadline = time.monotonic() + timeout
        while True:
            data = self.recv_available(size)
            if data is not None:
                return data
            if not self._wait(select.POLLIN, deadline):
                raise TimeoutError(110, "Connection timed out")

    def _wait(self, events: int, deadline: float) -> bool:
        """Waits until the socket is ready (True) or the deadline has passed."""
        poll = select.poll()
        poll.register(self._socket, events)
        remaining = deadline - time.monotonic()
        return remaining > 0 and bool(poll.poll(remaining * 1000))

    def send(self, data: bytes, timeout: float = 30.0) -> None:
        """Sends all of `data`. Raises `TLSError` or `OSError`, also when that takes over `timeout`
        seconds."""
        if self.connection is not None:
            self.connection.write(data, timeout if timeout > _SHORTEST else _SHORTEST)
            return
        deadline = time.monotonic() + timeout
        view = memoryview(data)
        while view:
            try:
                view = view[self._socket.send(view):]
            except (BlockingIOError, InterruptedError):
                if not self._wait(select.POLLOUT, deadline):
                    raise TimeoutError(110, "Connection timed out") from None

    def hold_back(self) -> None:
        """The connection is about to be closed: what is sent from now on goes out with its end, in one segment.

        (Or after the kernel's 200 ms.)
        """
        with contextlib.suppress(OSError):
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 1)

    def peek_server_name(self, timeout: float) -> str | None:
        """The name (SNI) in the client's hello, which stays unread; None: it has none, or none came.

        Waits up to `timeout` seconds (0: `handshake.LONGEST`). Raises `OSError`.
        """
        deadline = time.monotonic() + (timeout if timeout > 0 else handshake.LONGEST)
        seen, before = hello.Seen(need=1), -1
        try:
            while seen.need and self._wait(_INPUT, deadline):
                data = self._socket.recv(hello.LONGEST, socket.MSG_PEEK)
                if not data:
                    break
                seen = hello.look(data)
                self._await_bytes(seen.need)
                if len(data) == before:
                    time.sleep(_GLANCE)  # the kernel's buffer is too small to wait for so many
                before = len(data)
                if self._peer_ended():
                    break
        finally:
            self._await_bytes(1)
        return seen.name

    def _await_bytes(self, count: int) -> None:
        """The socket counts as readable from `count` unread bytes on."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, max(count, 1))

    def _peer_ended(self) -> bool:
        poll = select.poll()
        poll.register(self._socket, select.POLLRDHUP)
        return bool(poll.poll(0))

    def refuse_tls(self, alert: int) -> None:
        """Answers the hello with a fatal alert instead of a handshake. The channel stays in clear."""
        with contextlib.suppress(OSError):
            self._socket.recv(hello.LONGEST)
            self.send(hello.alert_record(alert), _REFUSAL_SECONDS)

    def start_tls(
        self, host: HostTLS, timeout: float, identity: bytes, peer: Peer | None = None
    ) -> HandshakeReport:
        """Shakes hands as the server, within `timeout` seconds (0: `handshake.LONGEST`).

        `identity` (32 random bytes) marks every session that data connections may resume; `peer` is who the
        client is, for TLSOptions that want to see that in its certificate. Raises `HandshakeFailed`, after
        which a 421 can still be sent: in clear, or under TLS where the handshake was good but not the
        certificate.
        """
        connection = Connection(host.context, self._socket.fileno(), identity=identity, nonblocking=True)
        try:
            connection.handshake(timeout if timeout > 0 else handshake.LONGEST)
        except TLSError as error:
            raise handshake.failure(error, connection, host) from None
        self._ending = None
        self.connection = connection
        self.session_connection = connection
        self.report = handshake.report(connection, host, peer)
        return self.report

    def facts(self) -> Facts | None:
        """What others may know of the TLS that is on (session notes, StdEnvVars)."""
        connection = self.connection
        if connection is None:
            return None
        leaf = connection.peer_certificate
        return Facts(
            connection.version, connection.cipher, connection.bits, connection.algorithm_bits, connection.session_id,
            connection.server_name, library_version(), connection.own_certificate,
            connection.peer_chain or ((leaf,) if leaf is not None else ()),
        )

    def offer_ticket(self) -> bool:
        """Under TLS 1.3, sends a fresh session ticket along with the next reply; whether there is one.

        Called before the reply that announces a data connection, so that a client that uses each ticket once
        never runs out (clients.md 4).
        """
        return self.connection is not None and self.connection.new_session_ticket()

    def update_keys(self, timeout: float = 30.0) -> bool:
        """Under TLS 1.3, new keys for both directions, with the next bytes sent; whether it was possible.

        A ticket that `offer_ticket` has queued goes out before, within `timeout` seconds: OpenSSL refuses new
        keys while it has one to send. Raises `TLSError`.
        """
        connection = self.connection
        if connection is None or connection.version != "TLSv1.3":
            return False
        connection.flush(max(timeout, _SHORTEST))
        connection.key_update(True)
        return True

    def renegotiate(self) -> None:
        """Under TLS 1.2 and older, asks the client for a new handshake, which comes with later reads.

        Raises `TLSError`.
        """
        if self.connection is not None:
            self.connection.renegotiate()

    def clear_tls(self, timeout: float) -> bool:
        """Ends TLS after CCC's 200 was sent; the channel is in clear then. False: the client is gone.

        Waits up to `timeout` seconds for the client's move (see above). A client that makes none is taken
        as it comes later: the first bytes that are read decide.
        """
        connection = self.connection
        if connection is None:
            return True
        self.connection = None
        self._ending = connection
        deadline = time.monotonic() + timeout
        try:
            if not self._wait(select.POLLIN, min(deadline, time.monotonic() + _PATIENCE)):
                connection.close_notify()
            while not self._settle(connection):
                if not self._wait(select.POLLIN, deadline):
                    return True
            return self._next_byte() != b""
        except TLSError as error:
            self.shutdown_failure = logtext.shutdown_failed(error.kind, error.queue, error.errno)
            return False
        except OSError:
            return False

    def _settle(self, connection: Connection) -> bool:
        """Takes in what remains of the client's TLS stream; True when its next byte is in clear (or its end).

        Raises `TLSError` or `OSError`.
        """
        discarded = 0
        while True:
            byte = self._next_byte()
            if byte is None:
                return False
            if not byte or (byte[0] not in _TLS_RECORDS and not connection.in_record()):
                break
            data = connection.read_available(4096)
            if data is None:
                return False
            if not data:
                connection.close_notify()
                break
            discarded += len(data)
            if discarded > _MOST_DISCARDED:
                raise OSError(71, "too much data after CCC")
        self._ending = None
        return True

    def _next_byte(self) -> bytes | None:
        """The next byte without taking it; b"": the end, None: none yet."""
        try:
            return self._socket.recv(1, socket.MSG_PEEK)
        except (BlockingIOError, InterruptedError):
            return None

    def close(self) -> None:
        """Closes the connection without waiting: close_notify, FIN, then the socket.

        What the client has sent meanwhile is read away, because closing over unread bytes makes the kernel
        send RST, which can kill the last reply on its way.
        """
        if self._socket.fileno() < 0:
            return
        if self.connection is not None:
            self.connection.close_notify()
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_WR)
            drained = 0
            while drained < _MOST_DISCARDED and (data := self._socket.recv(4096)):
                drained += len(data)
        self.connection = self.session_connection = self._ending = None
        self._socket.close()
