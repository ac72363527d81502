"""The TLSLog's lines, against those that the seeds and mod_tls show."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest

from ftpsd.tls import logtext
from ftpsd.tls.logtext import HandshakeWords

WORDS = HandshakeWords(300, "HIGH:!EXPORT", frozenset({"TLSv1.2", "TLSv1.3"}), "TLSv1.1")
M = "unable to accept TLS connection"


@dataclass(frozen=True)
class Entry:
    """An entry of the error queue."""

    code: str
    reason: str

    @property
    def text(self) -> str:
        return f"error:{self.code}:SSL routines::{self.reason}"


@dataclass(frozen=True)
class Failure:
    """An objection of the certificate verification."""

    depth: int
    text: str
    subject: str = "CN = client"
    issuer: str = "CN = authority"


@pytest.mark.parametrize(
    ("kind", "number", "lines", "reason"),
    [
        ("timeout", 0, (
            "TLS negotiation timed out (300 seconds)",
            f"{M}: the client did not answer: perhaps its user is being asked whether to trust this server's "
            "certificate",
        ), "handshake-timeout"),
        ("closed", 0, (f"{M}: TLS connection closed",), "handshake-closed"),
        ("eof", 0, (
            f"{M}: received EOF that violates protocol",
            f"{M}: usually this indicates an FTP-aware router, NAT, or firewall interfering with the TLS "
            "handshake",
        ), "handshake-eof"),
        ("reset", 104, (f"{M}: system call error: [104] Connection reset by peer",), "handshake-reset"),
        ("syscall", 113, (f"{M}: system call error: [113] No route to host",), "handshake-system-error"),
    ],
)
def test_without_a_queue(kind: str, number: int, lines: tuple[str, ...], reason: str) -> None:
    assert logtext.handshake_failure(kind, (), number, WORDS) == lines
    assert logtext.reason_code(kind, ()) == reason


@pytest.mark.parametrize(("place", "said"), [
    ("explicit", "the client asked for TLS and sent no TLS hello"),
    ("implicit", "waits for a greeting, but this port is for implicit TLS (UseImplicitSSL)"),
    ("data", "perhaps the client believes that data connections are not encrypted"),
])
def test_no_hello_in_time(place: logtext.Place, said: str) -> None:
    words = replace(WORDS, offered="", place=place)
    assert logtext.handshake_failure("timeout", (), 0, words)[-1].endswith(said)


@pytest.mark.parametrize("kind", ["closed", "eof", "reset"])
@pytest.mark.parametrize(("asks", "offered", "said"), [
    (True, "TLSv1.2", True), (True, "", False), (False, "TLSv1.2", False),
])
def test_who_went_away_after_being_asked_for_a_certificate(kind: str, asks: bool, offered: str, said: bool) -> None:
    lines = logtext.handshake_failure(kind, (), 104, replace(WORDS, asks=asks, offered=offered))
    assert ("NoCertRequest" in lines[-1]) == said


@pytest.mark.parametrize(
    ("entry", "hint", "reason"),
    [
        (Entry("0A0000C1", "no shared cipher"),
         "client does not support any cipher from 'TLSCipherSuite HIGH:!EXPORT' "
         "(see `openssl ciphers HIGH:!EXPORT` for full list)", "no-shared-cipher"),
        (Entry("140760FC", "unknown protocol"),
         "perhaps client requested disabled TLS protocol version: SSLv3 TLSv1 TLSv1.1", "protocol-disabled"),
        (Entry("0A000102", "unsupported protocol"),
         "perhaps client requested disabled TLS protocol version: SSLv3 TLSv1 TLSv1.1", "protocol-disabled"),
        (Entry("0A00018C", "version too low"),
         "perhaps client requested unsupported TLS protocol version: TLSv1.1", "protocol-disabled"),
        (Entry("140890C7", "peer did not return a certificate"),
         "client did not provide certificate, but one is required via 'TLSVerifyClient on'",
         "client-cert-missing"),
        (Entry("0A000086", "certificate verify failed"), None, "client-cert-invalid"),
        (Entry("0A000418", "tlsv1 alert unknown ca"),
         "client does not trust the issuer of this server's certificate", "server-cert-untrusted"),
        (Entry("0A000410", "sslv3 alert handshake failure"),
         "client found nothing acceptable in this server's offer", "client-alert"),
        (Entry("0A000410", "ssl/tls alert handshake failure"),
         "client found nothing acceptable in this server's offer", "client-alert"),
        (Entry("0A000415", "ssl/tls alert certificate expired"),
         "client rejected this server's certificate as expired", "server-cert-expired"),
        (Entry("0A00010B", "something new"), None, "handshake-error"),
    ],
)
def test_protocol_error(entry: Entry, hint: str | None, reason: str) -> None:
    lines = logtext.handshake_failure("protocol", (entry,), 0, WORDS)
    assert lines[0] == f"{M}: protocol error: \n  (1) {entry.text}"
    assert lines[1:] == (() if hint is None else (f"{M}: {hint}",))
    assert logtext.reason_code("protocol", (entry,)) == reason


def test_the_whole_queue_is_numbered_and_hints_are_not_repeated() -> None:
    queue = (Entry("1", "no shared cipher"), Entry("2", "internal error"), Entry("1", "no shared cipher"))
    lines = logtext.handshake_failure("protocol", queue, 0, WORDS)
    assert lines[0].split("\n")[1:] == [
        "  (1) error:1:SSL routines::no shared cipher",
        "  (2) error:2:SSL routines::internal error",
        "  (3) error:1:SSL routines::no shared cipher",
    ]
    assert len(lines) == 2


def test_verification() -> None:
    assert logtext.verify_failures([Failure(1, "certificate chain too long")]) == (
        "error: unable to verify certificate at depth 1: certificate chain too long",
        "error: cert subject: CN = client",
        "error: cert issuer: CN = authority",
        "client certificate failed verification: certificate chain too long",
    )
    assert logtext.verify_failures([]) == ()


@pytest.mark.parametrize(
    ("resumed", "secure", "client", "lines"),
    [
        (False, False, None, ("TLSv1.3 connection accepted, using cipher C (256 bits)",)),
        (False, True, "C = US, CN = x", (
            "client supports secure renegotiations", "Client: C = US, CN = x",
            "TLSv1.3 connection accepted, using cipher C (256 bits)",
        )),
        (True, False, None, (
            "TLSv1.3 connection accepted, using cipher C (256 bits, resumed session)",
            "client reused previous TLS session for control connection",
        )),
    ],
)
def test_control_accepted(resumed: bool, secure: bool, client: str | None, lines: tuple[str, ...]) -> None:
    assert logtext.control_accepted(
        "TLSv1.3", "C", 256, resumed=resumed, secure_renegotiation=secure, client=client
    ) == lines


def test_data_accepted() -> None:
    assert logtext.data_accepted("TLSv1.2", "C", 128, resumed=True) == (
        "TLSv1.2 data connection accepted, using cipher C (128 bits, resumed session)"
    )
