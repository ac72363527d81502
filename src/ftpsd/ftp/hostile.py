"""Recognises somebody who speaks another protocol to us.

A browser or mail program that is tricked into talking to an FTP server sends its own verbs, and some of its
lines may be FTP commands (ALPACA, CVE-2021-3618): so the first such verb ends the session, before and after
AUTH. So does a TLS ClientHello in clear, which a client sends to the explicit port when it is set to
implicit TLS.
"""

from __future__ import annotations

from dataclasses import dataclass

_HTTP = frozenset({
    "CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE", "PROPFIND", "PRI",
})
_SMTP = frozenset({
    "DATA", "EHLO", "EXPN", "HELO", "MAIL", "RCPT", "RSET", "VRFY", "STARTTLS", "BDAT",
})
_PROTOCOLS = {**dict.fromkeys(_HTTP, "HTTP"), **dict.fromkeys(_SMTP, "SMTP"), "PROXY": "PROXY"}
_SIGNATURE_LINE = "\0"
"""The third line of the signature of the PROXY protocol, version 2."""

_TLS_HANDSHAKE = b"\x16\x03"
_SSL2_HELLO = 0x80


@dataclass(frozen=True, slots=True)
class Hostile:
    """What somebody speaks instead of FTP: "HTTP", "SMTP", "TLS" or "PROXY" (a header that
    is not expected, `ftp.proxyheader`); `word` gave it away."""

    protocol: str
    word: str

    @property
    def reason(self) -> str:
        return f"{self.protocol.lower()}-on-ftp-port"


def foreign_protocol(text: str) -> Hostile | None:
    """Whether a command line belongs to another protocol."""
    verb = text.split(None, 1)[0].upper() if text.strip() else ""
    protocol = _PROTOCOLS.get(verb)
    if protocol is not None:
        return Hostile(protocol, verb)
    if text == _SIGNATURE_LINE:
        return Hostile("PROXY", "signature of version 2")
    return Hostile("TLS", "ClientHello") if text.startswith("\x16\x03") else None


def foreign_start(start: bytes) -> Hostile | None:
    """Whether the first bytes of a connection (at least two) are a TLS or SSL ClientHello in clear."""
    if start.startswith(_TLS_HANDSHAKE):
        return Hostile("TLS", "ClientHello")
    if len(start) >= 3 and start[0] == _SSL2_HELLO and start[2] == 1:
        return Hostile("TLS", "SSLv2 ClientHello")
    return None
