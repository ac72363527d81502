"""The server name (SNI) in a ClientHello that has not been answered yet. Pure.

The virtual host is chosen before OpenSSL sees the hello: by the time of its own callback it has made the session,
looked up tickets and copied half of the context into the connection. Reading the name first means that a
handshake has one context from its first byte to its last, and that nothing needs to survive a swap.

Sources: RFC 8446 sections 4.1.2, 5.1; RFC 6066 section 3.
"""

from __future__ import annotations

from dataclasses import dataclass

from ftpsd.reasons.codes import Code
from ftpsd.settings.addresses import is_ip

LONGEST = 16 * 1024
"""Bytes of a hello that are looked at; a longer one names no host."""

_HANDSHAKE_RECORD, _CLIENT_HELLO, _SERVER_NAME, _HOST_NAME = 22, 1, 0, 0
_RECORD_HEADER, _MESSAGE_HEADER = 5, 4


@dataclass(frozen=True, slots=True)
class Seen:
    """What the first bytes of a connection show: `need` bytes in all are needed to say more (0: no more)."""

    name: str | None = None
    need: int = 0


def look(data: bytes) -> Seen:
    """The server name in what has come so far. Anything that is no ClientHello has none."""
    message = bytearray()
    at = 0
    while True:
        header = data[at:at + _RECORD_HEADER]
        if header and header[0] != _HANDSHAKE_RECORD:
            return Seen()
        if len(header) < _RECORD_HEADER:
            return _more(at + _RECORD_HEADER)
        size = int.from_bytes(header[3:5], "big")
        if size == 0:
            return Seen()
        end = at + _RECORD_HEADER + size
        message += data[at + _RECORD_HEADER:end]
        if message and message[0] != _CLIENT_HELLO:
            return Seen()
        if len(message) >= _MESSAGE_HEADER:
            wanted = _MESSAGE_HEADER + int.from_bytes(message[1:4], "big")
            if len(message) >= wanted:
                return Seen(_server_name(bytes(message[_MESSAGE_HEADER:wanted])))
        if len(data) < end:
            return _more(end)
        at = end


def _more(need: int) -> Seen:
    return Seen(need=need) if need <= LONGEST else Seen()


def _server_name(hello: bytes) -> str | None:
    try:
        at = 2 + 32
        at += 1 + hello[at]
        at += 2 + int.from_bytes(hello[at:at + 2], "big")
        at += 1 + hello[at]
    except IndexError:
        return None
    return _in_extensions(hello[at + 2:])


def _in_extensions(block: bytes) -> str | None:
    at = 0
    while at + 4 <= len(block):
        kind, size = int.from_bytes(block[at:at + 2], "big"), int.from_bytes(block[at + 2:at + 4], "big")
        body = block[at + 4:at + 4 + size]
        if kind == _SERVER_NAME:
            return _host_name(body)
        at += 4 + size
    return None


def _host_name(body: bytes) -> str | None:
    if len(body) < 5 or body[2] != _HOST_NAME:
        return None
    size = int.from_bytes(body[3:5], "big")
    name = body[5:5 + size]
    if len(name) != size or not name or len(name) > 255 or b"\0" in name:
        return None
    return name.decode("utf-8", "backslashreplace")


# ---- what the name means

ACCESS_DENIED, UNRECOGNIZED_NAME = 49, 112


@dataclass(frozen=True, slots=True)
class Rejected:
    """The client is not served under this name: the TLS `alert` (RFC 8446 section 6.2), the TLSLog's `line`."""

    alert: int
    line: str
    reason: Code


def is_address(name: str) -> bool:
    """Whether a name is an IP literal, which names no virtual host."""
    return is_ip(name.strip("[]"))


def judge(
    name: str, *, sent_before: str | None, found: bool, engine: bool, logged_in_elsewhere: bool = False
) -> Rejected | None:
    """Whether a client may shake hands under `name`.

    `sent_before`: what it said with HOST. `found`: a host has the name; `engine`: TLSEngine is on there.
    `logged_in_elsewhere`: the client has logged in to another host (AllowPerUser), whose rules hold for it.
    """
    if sent_before is not None and sent_before.lower() != name.lower():
        line = f"warning: SNI '{name}' does not match HOST '{sent_before}', rejecting SSL/TLS connection"
        return Rejected(ACCESS_DENIED, line, Code.SNI_NOT_HOST)
    if not found:
        line = f"no matching server found for client-sent SNI '{name}', rejecting SSL/TLS connection"
        return Rejected(UNRECOGNIZED_NAME, line, Code.SNI_UNKNOWN)
    if logged_in_elsewhere:
        line = f"SNI '{name}' names another server than the one logged in to, rejecting SSL/TLS connection"
        return Rejected(ACCESS_DENIED, line, Code.SNI_AFTER_LOGIN)
    if not engine:
        return Rejected(UNRECOGNIZED_NAME, f"TLSEngine not enabled for SNI '{name}', rejecting client", Code.SNI_NO_TLS)
    return None


def alert_record(alert: int) -> bytes:
    """A fatal alert in clear, as a handshake that has not begun is refused."""
    return bytes((21, 3, 3, 0, 2, 2, alert))
