"""The TLSLog's words for handshakes and certificates, as mod_tls's users, log watchers and FAQ know them.

Pure functions from what the binding reports to lines (without time stamp and prefix). An element of a result
is one line of the log, except that a protocol error carries OpenSSL's queue below it: `\\n`, two spaces and
a number per entry, as in mod_tls's log.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from ftpsd.reasons.codes import Code
from ftpsd.reasons.spelling import familiar

UNABLE = "unable to accept TLS connection"
_ROUTER = "usually this indicates an FTP-aware router, NAT, or firewall interfering with the TLS handshake"
_VERSIONS = ("SSLv3", "TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3")


class QueueEntry(Protocol):
    """An entry of OpenSSL's error queue, see `native._openssl.ErrorEntry`."""

    @property
    def text(self) -> str: ...
    @property
    def reason(self) -> str: ...


class Objection(Protocol):
    """What certificate verification found wrong, see `native._openssl.VerifyFailure`."""

    @property
    def depth(self) -> int: ...
    @property
    def text(self) -> str: ...
    @property
    def subject(self) -> str: ...
    @property
    def issuer(self) -> str: ...


Place = Literal["explicit", "implicit", "data"]
"""Which connection a handshake was for: the control connection after AUTH or from the start, or one for data."""


@dataclass(frozen=True, slots=True)
class HandshakeWords:
    """What explanations of a failed handshake refer to: the settings that were in force.

    `timeout` in seconds, `ciphers` the effective TLSCipherSuite of the version that was spoken (`TLSv1.3 …` for that
    one's own list), `protocols` enabled, `offered` the highest version in the client's hello ("": none came), `place`
    of the connection, `asks` whether clients are asked for certificates that they need not have.
    """

    timeout: int
    ciphers: str
    protocols: frozenset[str]
    offered: str = ""
    place: Place = "explicit"
    asks: bool = False


_UNBEGUN: dict[Place, str] = {
    "explicit": "the client asked for TLS and sent no TLS hello",
    "implicit": "no TLS hello came: perhaps the client is set to plain or explicit FTP and waits for a greeting, but "
                "this port is for implicit TLS (UseImplicitSSL)",
    "data": "no TLS hello came: perhaps the client believes that data connections are not encrypted",
}
_UNFINISHED = "the client did not answer: perhaps its user is being asked whether to trust this server's certificate"
_ASKED = "the client was asked for a certificate, which some cannot bear; see TLSOptions NoCertRequest"


def timed_out(words: HandshakeWords) -> tuple[str, ...]:
    """A handshake that took longer than TLSTimeoutHandshake."""
    why = _UNFINISHED if words.offered else _UNBEGUN[words.place]
    return (f"TLS negotiation timed out ({words.timeout} seconds)", f"{UNABLE}: {why}")


def handshake_failure(
    kind: str, queue: Sequence[QueueEntry], number: int, words: HandshakeWords
) -> tuple[str, ...]:
    """Why a handshake failed. `kind` is `TLSError.kind`, `number` its errno."""
    match kind:
        case "timeout":
            return timed_out(words)
        case "closed":
            return (f"{UNABLE}: TLS connection closed", *_asked(words))
        case "eof":
            return (f"{UNABLE}: received EOF that violates protocol", f"{UNABLE}: {_ROUTER}", *_asked(words))
        case "reset" | "syscall":
            return (f"{UNABLE}: system call error: [{number}] {os.strerror(number)}", *_asked(words))
    return (f"{UNABLE}: protocol error: {numbered(queue)}", *_hints(queue, words))


def _asked(words: HandshakeWords) -> tuple[str, ...]:
    """What may have driven a client away that had said hello."""
    return (f"{UNABLE}: {_ASKED}",) if words.asks and words.offered else ()


def numbered(queue: Iterable[QueueEntry]) -> str:
    """OpenSSL's error queue, one numbered line per entry, each on a line of its own."""
    return "".join(f"\n  ({index}) {entry.text}" for index, entry in enumerate(queue, start=1))


_DISABLED = frozenset({"unknown protocol", "unsupported protocol"})
_WRONG_VERSION = "wrong version number"
"""OpenSSL's word for a version that it does not have (a hello has come), and for bytes that are no TLS."""
_ALERTS = {
    "tlsv1 alert unknown ca": "client does not trust the issuer of this server's certificate",
    "sslv3 alert bad certificate": "client rejected this server's certificate",
    "sslv3 alert certificate unknown": "client rejected this server's certificate",
    "sslv3 alert certificate expired": "client rejected this server's certificate as expired",
    "sslv3 alert handshake failure": "client found nothing acceptable in this server's offer",
    "tlsv1 alert protocol version": "client does not support the protocol version that this server chose",
    "http request": "client speaks HTTP, not TLS",
    _WRONG_VERSION: "what the client sent is not TLS",
    "no application protocol": "client offered application protocols (ALPN), and 'ftp' is not among them",
}


def _hints(queue: Iterable[QueueEntry], words: HandshakeWords) -> tuple[str, ...]:
    """What the entries of the queue usually mean."""
    hints = []
    for entry in queue:
        hint = _hint(familiar(entry.reason), words)
        if hint is not None and f"{UNABLE}: {hint}" not in hints:
            hints.append(f"{UNABLE}: {hint}")
    return tuple(hints)


def _hint(reason: str, words: HandshakeWords) -> str | None:
    if reason in _DISABLED or (reason == _WRONG_VERSION and words.offered):
        disabled = " ".join(version for version in _VERSIONS if version not in words.protocols)
        return f"perhaps client requested disabled TLS protocol version: {disabled}"
    if reason == "version too low":
        return f"perhaps client requested unsupported TLS protocol version: {words.offered or 'unknown'}"
    if reason == "no shared cipher":
        word, _, suites = words.ciphers.rpartition(" ")
        command = f"-s -tls1_3 -ciphersuites {suites}" if word else suites
        return (
            f"client does not support any cipher from 'TLSCipherSuite {words.ciphers}' "
            f"(see `openssl ciphers {command}` for full list)"
        )
    if reason == "peer did not return a certificate":
        return "client did not provide certificate, but one is required via 'TLSVerifyClient on'"
    return _ALERTS.get(reason)


_REASONS: dict[str, Code] = {
    "timeout": Code.HANDSHAKE_TIMEOUT,
    "closed": Code.HANDSHAKE_CLOSED,
    "eof": Code.HANDSHAKE_EOF,
    "reset": Code.HANDSHAKE_RESET,
    "syscall": Code.HANDSHAKE_SYSTEM_ERROR,
    "renegotiation": Code.RENEGOTIATION_BY_CLIENT,
}
_PROTOCOL_REASONS: dict[str, Code] = {
    "no shared cipher": Code.NO_SHARED_CIPHER,
    "peer did not return a certificate": Code.CLIENT_CERT_MISSING,
    "version too low": Code.PROTOCOL_DISABLED,
    "no application protocol": Code.FOREIGN_ALPN,
    "http request": Code.NOT_TLS,
    _WRONG_VERSION: Code.NOT_TLS,
    "tlsv1 alert unknown ca": Code.SERVER_CERT_UNTRUSTED,
    "sslv3 alert certificate expired": Code.SERVER_CERT_EXPIRED,
    "sslv3 alert bad certificate": Code.SERVER_CERT_REJECTED,
    "sslv3 alert certificate unknown": Code.SERVER_CERT_REJECTED,
    "sslv3 alert unsupported certificate": Code.SERVER_CERT_REJECTED,
    "tlsv1 alert protocol version": Code.PROTOCOL_DISABLED,
}
_VERIFY_FAILED = "certificate verify failed"
_OBJECTIONS: dict[int, Code] = {
    **dict.fromkeys((2, 18, 19, 20, 21), Code.CLIENT_CERT_UNKNOWN_CA),
    **dict.fromkeys((3, 8, 11, 12, 35), Code.CLIENT_CERT_CRL_UNUSABLE),
    **dict.fromkeys((66, 67, 68), Code.CLIENT_CERT_WEAK),
    9: Code.CLIENT_CERT_NOT_YET_VALID,
    10: Code.CLIENT_CERT_EXPIRED,
    22: Code.CLIENT_CERT_CHAIN_TOO_LONG,
    23: Code.CLIENT_CERT_REVOKED,
    26: Code.CLIENT_CERT_WRONG_PURPOSE,
}
"""X509_V_ERR_… numbers."""


def objection_code(number: int) -> Code:
    """The stable reason code of what OpenSSL's verification holds against a client's certificate."""
    return _OBJECTIONS.get(number, Code.CLIENT_CERT_INVALID)


def reason_code(
    kind: str, queue: Iterable[QueueEntry], offered: str = "", objections: Sequence[int] = ()
) -> Code:
    """The stable reason code of a failed handshake; `offered` as in `HandshakeWords`, `objections` are the numbers
    of what verification held against the client's certificate, the decisive one last."""
    if kind in _REASONS:
        return _REASONS[kind]
    for entry in queue:
        reason = familiar(entry.reason)
        if reason in _DISABLED or (reason == _WRONG_VERSION and offered):
            return Code.PROTOCOL_DISABLED
        if reason in _PROTOCOL_REASONS:
            return _PROTOCOL_REASONS[reason]
        if reason == _VERIFY_FAILED:
            return objection_code(objections[-1] if objections else 1)
        if "alert" in reason:
            return Code.CLIENT_ALERT
    return Code.HANDSHAKE_ERROR


def verify_failures(failures: Iterable[Objection]) -> tuple[str, ...]:
    """What verification held against the client's certificate chain."""
    lines: list[str] = []
    for failure in failures:
        lines += (
            f"error: unable to verify certificate at depth {failure.depth}: {failure.text}",
            f"error: cert subject: {failure.subject}",
            f"error: cert issuer: {failure.issuer}",
            f"client certificate failed verification: {failure.text}",
        )
    return tuple(lines)


def _parameters(version: str, cipher: str, bits: int, resumed: bool, channel: str) -> str:
    suffix = ", resumed session" if resumed else ""
    return f"{version} {channel} accepted, using cipher {cipher} ({bits} bits{suffix})"


def control_accepted(
    version: str, cipher: str, bits: int, *, resumed: bool, secure_renegotiation: bool, client: str | None
) -> tuple[str, ...]:
    """A handshake on the control connection succeeded; `client` is the subject of its certificate."""
    lines = ["client supports secure renegotiations"] if secure_renegotiation else []
    if client is not None:
        lines.append(f"Client: {client}")
    lines.append(_parameters(version, cipher, bits, resumed, "connection"))
    if resumed:
        lines.append("client reused previous TLS session for control connection")
    return tuple(lines)


STAPLED = {
    "response": "returning OCSP response",
    "try-later": "returning fake tryLater OCSP response",
    "nothing": "no OCSP response to return",
}
"""What is traced of a client that asked for the certificate's status, by what it got (`Connection.stapled`)."""


def traced(
    *, server_name: str | None, chosen: str | None, alpn: bytes, ignored: bool, stapled: str,
) -> Iterator[tuple[int, str]]:
    """(level, text) of what the trace channel `tls` tells of a handshake on the control connection.

    `server_name` is the client's SNI, `chosen` the one that chose a host, `ignored`: TLSOptions IgnoreSNI.
    """
    if server_name is not None:
        yield 5, f"received SNI '{server_name}'"
        if chosen is None:
            why = "due to IgnoreSNI TLSOption" if ignored else "no name-based <VirtualHost> configured"
            yield 5, f"{why}, ignoring SNI '{server_name}'"
    if stapled:
        yield 5, STAPLED[stapled]
    yield 9, f"ALPN selected: {alpn.decode('ascii', 'backslashreplace')}" if alpn else "no ALPN selected"
    yield 17, "TLS handshake on ctrl conn COMPLETED"


def data_accepted(version: str, cipher: str, bits: int, *, resumed: bool) -> str:
    """A handshake on a data connection succeeded (mod_tls logs a session's first only)."""
    return _parameters(version, cipher, bits, resumed, "data connection")


def shutdown_failed(kind: str, queue: Sequence[QueueEntry], number: int) -> tuple[str, ...]:
    """TLS could not be ended (CCC); a client that is merely gone is none of it."""
    if kind == "protocol":
        return (f"SSL_shutdown error: {numbered(queue)}",)
    return (f"SSL_shutdown error: [{number}] {os.strerror(number)}",) if kind in ("reset", "syscall") else ()


def connection_failure(
    kind: str, queue: Sequence[QueueEntry], number: int, *, renegotiated: bool
) -> tuple[str, ...]:
    """An established connection broke. `renegotiated`: the client has started a handshake on it."""
    match kind:
        case "renegotiation" if renegotiated:
            return ("warning: client-initiated session renegotiation detected, aborting connection",)
        case "renegotiation":
            return ("warning: client sends too many TLS key updates, aborting connection",)
        case "protocol" if any(entry.reason == "no renegotiation" for entry in queue):
            return ("client declined the requested TLS renegotiation, disconnecting",)
        case "protocol":
            return (f"panic: SSL_ERROR_SSL: {numbered(queue)}", "unexpected OpenSSL error, disconnecting")
        case "reset" | "syscall":
            return (f"system call error: [{number}] {os.strerror(number)}",)
    return ()
