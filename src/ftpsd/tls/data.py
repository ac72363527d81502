"""TLS on one data connection.

It never sends a session ticket: a client that only uploads does not read, and closing over unread bytes
makes its kernel send RST, which destroys the end of the upload (clients.md 1). The handshake is driven step
by step, because some clients shake hands before they send the transfer command and some after (clients.md
2).
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Literal, Protocol

from ftpsd.native._openssl import Connection, TLSError
from ftpsd.reasons.codes import Code, Good
from ftpsd.settings.tls import TLSSettings
from ftpsd.tls import certificates, handshake, logtext, reuse, server_identity
from ftpsd.tls.channel import ControlChannel
from ftpsd.tls.contexts import HostTLS
from ftpsd.tls.handshake import HandshakeFailed
from ftpsd.tls.reuse import Proof

__all__ = ["DataTLS", "HandshakeFailed", "Proof"]

_READ_SIZE = 64 * 1024
MOST_DISCARDED = 1024 * 1024
"""Bytes that a client may still send after a download."""


class HasDescriptor(Protocol):
    """A socket, as far as it matters here."""

    def fileno(self) -> int:
        """Its descriptor."""


class DataTLS:
    """The server's side of TLS on the data connection `sock`, bound to the session of `control`.

    The caller keeps the socket and closes it.
    """

    def __init__(
        self, sock: HasDescriptor, host: HostTLS, control: ControlChannel, *, nonblocking: bool = False,
        connection: Connection | None = None,
    ) -> None:
        """`nonblocking`: the socket is known to be; otherwise it is made so. `connection`: it is made already."""
        fd = sock.fileno()
        if not nonblocking:
            os.set_blocking(fd, False)
        self._host = host
        self.control = control.session_connection
        """What the proof refers to; None after `close`."""
        self.connection = connection or Connection(
            host.context, fd, role="data", control=self.control, nonblocking=True)

    def handshake_step(self) -> Literal["done", "read", "write"]:
        """As far as the handshake goes without waiting. Raises `HandshakeFailed`."""
        try:
            return self.connection.handshake_step()
        except TLSError as error:
            raise self.handshake_failure(error) from None

    def handshake_until(self, deadline: float) -> bool:
        """Whether the handshake was done by `deadline` (monotonic seconds). Raises `HandshakeFailed`."""
        try:
            return self.connection.handshake_until(deadline)
        except TLSError as error:
            raise self.handshake_failure(error) from None

    def handshake_failure(self, error: TLSError) -> HandshakeFailed:
        """What the log says about a handshake of `connection` that ended with `error`."""
        return handshake.failure(error, self.connection, self._host)

    def prove(self, *, ccc_used: bool, options: frozenset[str] = frozenset()) -> Proof:
        """Whether this connection belongs to the control connection, see `reuse`.

        `options` are the TLSOptions of the login, which add to the host's (NoSessionReuseRequired).
        """
        required = self._host.reuse_required and "NoSessionReuseRequired" not in options
        return reuse.prove(self.control, self.connection, required=required, ccc_used=ccc_used)

    def accepted_line(self) -> str:
        """The TLSLog's line about the parameters of a session's first data connection."""
        connection = self.connection
        return logtext.data_accepted(
            connection.version, connection.cipher, connection.bits, resumed=connection.resumed
        )

    def failure_lines(self, error: TLSError) -> tuple[str, ...]:
        """What the TLSLog says about an `error` of the transfer; may be nothing."""
        renegotiated = self.connection.renegotiations_by_peer > 0
        return logtext.connection_failure(error.kind, error.queue, error.errno, renegotiated=renegotiated)

    def send_close_notify(self) -> Literal["done", "read", "write"]:
        """Says that our data is complete, as far as that goes without waiting.

        "done": the kernel has it, and all that was sent before; otherwise it is to be called again when the
        socket is ready. Raises `ConnectionResetError` when the connection broke.
        """
        try:
            return self.connection.shutdown_step()
        except TLSError as error:
            raise ConnectionResetError(104, str(error)) from None

    def peer_close_style(self) -> Literal["notify", "fin"] | None:
        """How the client has ended its side: None as long as it has not. Its data is thrown away.

        Does not wait, and reads no more than 64 KiB at a time. Raises `ConnectionResetError` when the connection or its
        TLS broke, `ConnectionAbortedError` when the client has sent more than `MOST_DISCARDED` bytes.
        """
        try:
            style = self.connection.peer_end(_READ_SIZE)
        except TLSError as error:
            raise ConnectionResetError(104, str(error)) from None
        if style is None and self.connection.discarded > MOST_DISCARDED:
            raise ConnectionAbortedError(103, "too much data after the end")
        return style

    def close(self) -> None:
        """Lets go of TLS; the socket stays open.

        Without close_notify, unless `send_close_notify` was called: what ends here otherwise is a transfer
        that failed, and the client must not take the part that it has for the whole.
        """
        self.control = None


class DataTLSClient(DataTLS):
    """The client's side of TLS on a data connection (SSCN): its peer is another FTP server."""

    def __init__(
        self, sock: HasDescriptor, host: HostTLS, control: ControlChannel, address: str,
        reverse_name: Callable[[], str | None],
    ) -> None:
        """`address` is the peer's; `reverse_name` looks up its confirmed name, when TLSVerifyServer needs it."""
        connection = Connection(host.client, sock.fileno(), server=False, role="data")
        super().__init__(sock, host, control, nonblocking=True, connection=connection)
        self._reverse_name = reverse_name
        self._address = address

    def prove(self, *, ccc_used: bool, options: frozenset[str] = frozenset()) -> Proof:
        """Whether the server is the one that is meant (TLSVerifyServer). No session is resumed."""
        connection, certificate = self.connection, self.connection.peer_certificate
        code, text = connection.verify_result
        settings: TLSSettings = self._host.settings
        verdict = server_identity.judge(
            settings.verify_server, certificate, text if code else "", self._address, self._reverse_name)
        if not verdict.ok:
            return Proof(False, verdict.lines, Code.DATA_SERVER_NOT_VERIFIED)
        subject = (f"Server: {certificates.subject_of(certificate)}",) if certificate is not None else ()
        return Proof(True, (
            *verdict.lines, "making TLS connection for data connection", *subject,
            f"{connection.version} connection created, using cipher {connection.cipher} ({connection.bits} bits)",
        ), Good.DATA_SERVER_VERIFIED)
