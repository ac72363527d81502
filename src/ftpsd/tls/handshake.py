"""How a handshake ended: a report of what was agreed, or an error that carries its log lines."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from ftpsd.errors import FtpsdError
from ftpsd.native._openssl import Connection, Stapled, TLSError
from ftpsd.reasons.codes import Code
from ftpsd.tls import certificates, logtext
from ftpsd.tls.contexts import HostTLS
from ftpsd.tls.identity import Peer

LONGEST = 300.0
"""Seconds that a handshake may take where TLSTimeoutHandshake sets no bound (0)."""


class HandshakeFailed(FtpsdError):
    """A handshake failed; `lines` for the TLSLog, `reason` the stable reason code."""

    def __init__(self, reason: Code, lines: tuple[str, ...]) -> None:
        super().__init__(lines[0] if lines else reason)
        self.reason = reason
        self.lines = lines


@dataclass(frozen=True, slots=True)
class HandshakeReport:
    """What a handshake on the control connection agreed on.

    `client` is the subject of the client's certificate (None: it showed none) and `certificate` its DER,
    `verified` and `pinnable` as in `verification.Accepted`; `server_name` is its SNI, `bits` the strength of
    the cipher. `lines` for the TLSLog. `stapled`: what the client got as its certificate's status.
    """

    version: str
    cipher: str
    bits: int
    resumed: bool
    client: str | None
    server_name: str | None
    certificate: bytes | None
    verified: bool
    pinnable: bool
    lines: tuple[str, ...]
    stapled: Stapled = ""


def failure(error: TLSError, connection: Connection, host: HostTLS) -> HandshakeFailed:
    """What the log says about a handshake that ended with `error`."""
    words = host.words(connection.client_hello_version)
    lines = (
        *(connection.verification or ()),
        *logtext.verify_failures(connection.verify_failures),
        *logtext.handshake_failure(error.kind, error.queue, error.errno, words),
    )
    numbers = [failure.code for failure in connection.verify_failures]
    return HandshakeFailed(logtext.reason_code(error.kind, error.queue, words.offered, numbers), lines)


def timeout(host: HostTLS, offered: str) -> HandshakeFailed:
    """What the log says about the handshake of a data connection that whoever drives it gave up waiting for.

    `offered` as in `logtext.HandshakeWords`.
    """
    words = dataclasses.replace(host.words(offered), place="data")
    return HandshakeFailed(Code.HANDSHAKE_TIMEOUT, logtext.timed_out(words))


def report(connection: Connection, host: HostTLS, peer: Peer | None) -> HandshakeReport:
    """What was agreed on a control connection. Raises `HandshakeFailed` when the client is not to go on."""
    der = connection.peer_certificate
    client = certificates.subject_of(der) if der is not None else None
    accepted = host.verification.accept(connection, peer)
    remarks = (
        *(connection.verification or ()), *logtext.verify_failures(connection.verify_failures),
        *accepted.lines,
    )
    if accepted.reason:
        raise HandshakeFailed(accepted.reason, remarks)
    version, cipher, bits, resumed = connection.version, connection.cipher, connection.bits, connection.resumed
    lines = logtext.control_accepted(
        version, cipher, bits, resumed=resumed, secure_renegotiation=connection.secure_renegotiation, client=client)
    return HandshakeReport(
        version, cipher, bits, resumed, client, connection.server_name, der, accepted.verified, accepted.pinnable,
        (*remarks, *lines), connection.stapled)
