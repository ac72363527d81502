"""A byte stream over a socket, in clear or under TLS, on which a test decides everything.

TLS runs over memory buffers (`ssl.MemoryBIO`), so that a test can stop a handshake halfway, end without
close_notify, send close_notify without waiting for the peer's, or reset the connection, and can go back
to clear text (CCC). Every wait has the stream's deadline and raises `TimeoutError` when it passes.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import time
from typing import Literal

Ending = Literal["notify", "notify-nowait", "fin", "rst"]
CHUNK = 1 << 16
OPERATION_SECONDS = 30.0
"""How long an operation may take on a busy machine; a server that hangs is told from a slow one by this."""


class Stream:
    """A connected TCP socket with an optional TLS layer. `timeout`: seconds for each single operation."""

    def __init__(self, sock: socket.socket, *, timeout: float = OPERATION_SECONDS) -> None:
        self.socket = sock
        self.timeout = timeout
        self.tls: ssl.SSLObject | None = None
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()

    def start_tls(
        self, context: ssl.SSLContext, *, session: ssl.SSLSession | None = None, name: str = "localhost",
    ) -> None:
        """Do a whole TLS handshake as the client, offering `session` for resumption."""
        self.begin_tls(context, session=session, name=name)
        self._run_handshake()

    def begin_tls(
        self, context: ssl.SSLContext, *, session: ssl.SSLSession | None = None, name: str = "localhost",
    ) -> None:
        """Send the ClientHello and stop there; `finish_tls` does the rest."""
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(
            self._incoming, self._outgoing, server_hostname=name, session=session
        )
        with contextlib.suppress(ssl.SSLWantReadError):
            self.tls.do_handshake()
        self._flush()

    def finish_tls(self) -> None:
        """The rest of a handshake that `begin_tls` began."""
        self._run_handshake()

    def _run_handshake(self) -> None:
        assert self.tls is not None
        deadline = time.monotonic() + self.timeout
        while True:
            try:
                self.tls.do_handshake()
                return
            except ssl.SSLWantReadError:
                self._flush()
                self._fill(deadline)
            finally:
                self._flush()

    @property
    def session(self) -> ssl.SSLSession | None:
        """The TLS session to resume, with the newest ticket that has been read."""
        return self.tls.session if self.tls is not None else None

    @property
    def resumed(self) -> bool:
        """Whether this connection's handshake resumed a session."""
        return bool(self.tls is not None and self.tls.session_reused)

    @property
    def version(self) -> str | None:
        """`TLSv1.3`, `TLSv1.2` or None in clear."""
        return self.tls.version() if self.tls is not None else None

    def write(self, data: bytes) -> None:
        """Send all of `data`."""
        if self.tls is None:
            self._send(data)
            return
        deadline = time.monotonic() + self.timeout
        view = memoryview(data)
        while view:
            try:
                written = self.tls.write(view[:CHUNK])
            except ssl.SSLWantReadError:  # the server renegotiates
                self._flush()
                self._fill(deadline)
                continue
            view = view[written:]
            self._flush()

    def write_raw(self, data: bytes) -> None:
        """Send bytes past the TLS layer."""
        self._send(data)

    def read(self, size: int = CHUNK) -> bytes:
        """Some bytes; `b""` at the end (close_notify under TLS, FIN in clear).

        A FIN without close_notify raises `ssl.SSLEOFError`, a reset `ConnectionResetError`.
        """
        deadline = time.monotonic() + self.timeout
        if self.tls is None:
            return self._receive(deadline, size)
        while True:
            try:
                return self.tls.read(size)
            except ssl.SSLWantReadError:
                self._flush()
                self._fill(deadline)
            except ssl.SSLZeroReturnError:
                return b""

    def read_all(self, limit: int = 1 << 28) -> bytes:
        """Everything up to the end, at most `limit` bytes."""
        parts = bytearray()
        while chunk := self.read():
            parts += chunk
            if len(parts) > limit:
                raise ValueError(f"the peer sent more than {limit} bytes")
        return bytes(parts)

    def end_tls(self, *, wait: bool = True) -> bytes:
        """Send close_notify, wait for the peer's (`wait`), and go back to clear text.

        Returns what the peer sent in clear behind its close_notify and has been read already.
        """
        assert self.tls is not None
        deadline = time.monotonic() + self.timeout
        while True:
            try:
                self.tls.unwrap()
                break
            except ssl.SSLWantReadError:
                self._flush()
                if not wait:
                    break
                self._fill(deadline)
            except ssl.SSLError as error:
                # Data that the peer sent before it saw our close_notify: read it away, as clients do.
                if error.reason != "APPLICATION_DATA_AFTER_CLOSE_NOTIFY":
                    raise
        self._flush()
        self.tls = None
        return self._incoming.read()

    def drop_tls(self) -> bytes:
        """Wait for the peer's close_notify, answer with none, and go back to clear text; see `end_tls`."""
        if data := self.read():
            raise ssl.SSLError(f"data instead of close_notify: {data[:100]!r}")
        self.tls = None
        return self._incoming.read()

    def close(self, ending: Ending = "notify") -> None:
        """End the connection.

        `notify`: close_notify both ways, then FIN; `notify-nowait`: close_notify and FIN at once; `fin`:
        FIN alone; `rst`: reset. In clear the first two are a FIN. Closing again does nothing.
        """
        if self.socket.fileno() < 0:
            return
        if self.tls is not None and ending in ("notify", "notify-nowait"):
            with contextlib.suppress(OSError):
                self.end_tls(wait=ending == "notify")
        if ending == "rst":
            linger = struct.pack("ii", 1, 0)
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.socket.close()

    def _flush(self) -> None:
        if self._outgoing.pending:
            self._send(self._outgoing.read())

    def _send(self, data: bytes) -> None:
        self.socket.settimeout(self.timeout)
        self.socket.sendall(data)

    def _fill(self, deadline: float) -> None:
        data = self._receive(deadline, CHUNK)
        if data:
            self._incoming.write(data)
        else:
            self._incoming.write_eof()

    def _receive(self, deadline: float, size: int) -> bytes:
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError(f"nothing from the peer within {self.timeout} s")
        self.socket.settimeout(left)
        return self.socket.recv(size)
