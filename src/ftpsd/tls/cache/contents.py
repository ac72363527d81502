"""What a cached TLS session is, for people who look into a cache. Its secrets stay where they are."""

from __future__ import annotations

from dataclasses import dataclass

from ftpsd.native._openssl import OpenSSLError, Session

_CONTEXT = 0xA4
"""Tag of the session id context ([4], constructed) among the fields of OpenSSL's SSL_SESSION."""


@dataclass(frozen=True, slots=True)
class SessionFacts:
    """`started` in seconds since the epoch."""

    context: bytes
    protocol: str
    started: float


def describe(value: bytes) -> SessionFacts | None:
    """The session in a cache's value; None: it is none that this OpenSSL can read."""
    try:
        session = Session.from_der(value)
    except OpenSSLError:
        return None
    return SessionFacts(_context(value), session.version, float(session.created))


def _context(der: bytes) -> bytes:
    """The session id context; b"" when there is none. (No accessor of OpenSSL's gives it without a connection.)"""
    _, body, _ = _element(der)
    while body:
        tag, content, body = _element(body)
        if tag == _CONTEXT:
            return _element(content)[1]
    return b""


def _element(der: bytes) -> tuple[int, bytes, bytes]:
    """Tag, content and what comes behind; OpenSSL has read these bytes before, so they are well formed."""
    length, start = der[1], 2
    if length & 0x80:
        start += length & 0x7F
        length = int.from_bytes(der[2:start])
    return der[0], der[start : start + length], der[start + length :]
