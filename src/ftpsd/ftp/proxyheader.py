"""The header with which a proxy says whose connection it hands on (the PROXY protocol of HAProxy, versions 1 and 2).

    PROXY TCP4 192.0.2.7 198.51.100.1 50000 21\\r\\n                           version 1: a line
    \\r\\n\\r\\n\\0\\r\\nQUIT\\n, 0x21, family, length, addresses, ports, TLVs …      version 2: binary

It comes once, before the first byte of FTP or TLS. Who may send one is not decided here. A header that tells of nobody
(LOCAL, UNKNOWN, a Unix socket's) means that the connection is the proxy's own: mostly a look at the server's health.
Source: proxy-protocol.txt (HAProxy), sections 2.1 and 2.2.
"""

from __future__ import annotations

import functools
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import NamedTuple

from ftpsd.ftp.addresses import parse_address

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
LONGEST_LINE = 107
"""Bytes of a header of version 1."""

LONGEST_REST = 8192
"""Bytes of a header of version 2 behind its first 16: addresses and TLVs, a client certificate perhaps."""

LONGEST = len(SIGNATURE) + 4 + LONGEST_REST

_WORD = b"PROXY "
_START = len(SIGNATURE) + 4
_LOCAL, _PROXY = 0x20, 0x21
_UNSPECIFIED, _STREAM, _DATAGRAM, _UNIX = 0, 1, 2, 3
_LENGTHS = {1: 12, 2: 36, 3: 216}
"""Bytes of addresses and ports by family: IPv4, IPv6, Unix."""

_PORT = re.compile(r"0|[1-9][0-9]{0,4}", re.ASCII)
_ALPN, _AUTHORITY, _CHECKSUM, _UNIQUE_ID, _TLS = 1, 2, 3, 5, 0x20
_NOTES = {_ALPN: "alpn", _AUTHORITY: "authority", _UNIQUE_ID: "unique-id"}
_TLS_NOTES = {
    0x21: "tls.version", 0x22: "tls.common-name", 0x23: "tls.cipher", 0x24: "tls.signature-algo", 0x25: "tls.key-algo"}
_AWS, _AZURE = 0xEA, 0xEE
_NOTE = "mod_proxy_protocol."


class WrongHeader(ValueError):
    """What came is no header, or one that cannot be; the text says why."""


class End(NamedTuple):
    """An end of a connection: an IP address (an IPv4-mapped one as IPv4) and a port."""

    host: str
    port: int


@dataclass(frozen=True, slots=True)
class Header:
    """`length` bytes of the stream were the header. `source` and `destination` are the ends of the client's connection
    to the proxy; None: the connection is the proxy's own. `notes` are what else it tells, by the names of
    mod_proxy_protocol's session notes.
    """

    length: int
    version: int
    source: End | None = None
    destination: End | None = None
    notes: tuple[tuple[str, str], ...] = ()


def read(data: bytes, versions: frozenset[int] = frozenset({1, 2})) -> Header | None:
    """The header at the beginning of `data`; None: it is one so far, and there is more to come (all of `data` is its).

    Raises `WrongHeader`, as soon as it can be said.
    """
    if 2 in versions and SIGNATURE.startswith(data[:len(SIGNATURE)]):
        return _binary(data) if len(data) >= _START else None
    if 1 in versions and _WORD.startswith(data[:len(_WORD)]):
        return _line(data)
    raise WrongHeader(_what_it_is(data))


def _what_it_is(data: bytes) -> str:
    if data.startswith((SIGNATURE[:8], _WORD[:4])):
        return "its version is not the one of ProxyProtocolVersion"
    if data.startswith(b"\x16\x03"):
        return "a TLS handshake came in its place"
    return "it does not begin like one"


def _line(data: bytes) -> Header | None:
    end = data.find(b"\n", 0, LONGEST_LINE)
    if end < 0:
        if len(data) >= LONGEST_LINE:
            raise WrongHeader(f"no end of line within {LONGEST_LINE} bytes")
        return None
    if data[end - 1:end] != b"\r":
        raise WrongHeader("its line does not end with CRLF")
    words = data[len(_WORD):end - 1].decode("latin-1").split(" ")
    if words[0] == "UNKNOWN":
        return Header(end + 1, 1)
    if words[0] not in ("TCP4", "TCP6") or len(words) != 5:
        raise WrongHeader("its line is not `PROXY TCP4|TCP6 source destination port port`")
    family = 4 if words[0] == "TCP4" else 6
    source = End(_textual(words[1], family), _port(words[3]))
    return _told(Header(end + 1, 1, source, End(_textual(words[2], family), _port(words[4]))))


def _textual(text: str, family: int) -> str:
    try:
        address = (IPv4Address if family == 4 else IPv6Address)(text)
    except ValueError:
        raise WrongHeader(f"'{text[:50]}' is no IPv{family} address") from None
    if "%" in text:
        raise WrongHeader("an address has a scope")
    return str(parse_address(str(address)))


def _port(text: str) -> int:
    if not _PORT.fullmatch(text) or int(text) > 65535:
        raise WrongHeader(f"'{text[:50]}' is no port")
    return int(text)


def _binary(data: bytes) -> Header | None:
    command, kind, length = struct.unpack_from("!BBH", data, len(SIGNATURE))
    if command not in (_LOCAL, _PROXY):
        raise WrongHeader(f"unknown version or command 0x{command:02x}")
    if length > LONGEST_REST:
        raise WrongHeader(f"{length} bytes are more than the {LONGEST_REST} that it may have")
    family, transport = kind >> 4, kind & 15
    if command == _PROXY and (family > _UNIX or transport > _DATAGRAM):
        raise WrongHeader(f"unknown address family 0x{kind:02x}")
    if command == _PROXY and transport == _DATAGRAM:
        raise WrongHeader("it tells of datagrams")
    told = command == _PROXY and transport == _STREAM and family != _UNSPECIFIED
    if told and length < _LENGTHS[family]:
        raise WrongHeader(f"{length} bytes are too few for its addresses")
    if len(data) < _START + length:
        return None
    whole, tail = data[:_START + length], _LENGTHS.get(family, 0)
    if not told or family == _UNIX:
        if told:
            _check(whole, _START + tail)
        return Header(len(whole), 2)
    notes = tuple(_notes(whole, _START + tail))
    size = (tail - 4) // 2
    source, destination = whole[_START:_START + size], whole[_START + size:_START + 2 * size]
    ports = struct.unpack_from("!HH", whole, _START + 2 * size)
    return _told(Header(
        len(whole), 2, End(_numeric(source), ports[0]), End(_numeric(destination), ports[1]), notes))


def _numeric(packed: bytes) -> str:
    address = IPv4Address(packed) if len(packed) == 4 else IPv6Address(packed)
    return str(parse_address(str(address)))


def _told(header: Header) -> Header:
    """The unspecified address means this machine where it is connected to, a group's is nobody's."""
    assert header.source is not None
    source = parse_address(header.source.host)
    if source.is_unspecified or source.is_multicast:
        raise WrongHeader(f"no client has the address {source}")
    return header


def _values(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Type, place and value of each TLV of `data`."""
    at = 0
    while at < len(data):
        if at + 3 > len(data):
            raise WrongHeader("a TLV is cut off")
        kind, length = struct.unpack_from("!BH", data, at)
        if at + 3 + length > len(data):
            raise WrongHeader("a TLV is longer than the header")
        yield kind, at + 3, data[at + 3:at + 3 + length]
        at += 3 + length


def _check(header: bytes, start: int) -> None:
    """Raises `WrongHeader` where the TLVs from `start` on do not fit, or a checksum is there and not the header's."""
    for kind, at, value in _values(header[start:]):
        if kind == _CHECKSUM:
            if len(value) != 4:
                raise WrongHeader("its checksum has not 4 bytes")
            zeroed = header[:start + at] + bytes(4) + header[start + at + 4:]
            if _crc32c(zeroed) != int.from_bytes(value, "big"):
                raise WrongHeader("its checksum is wrong")


def _notes(header: bytes, start: int) -> Iterator[tuple[str, str]]:
    _check(header, start)
    for kind, _, value in _values(header[start:]):
        if kind in _NOTES:
            yield _NOTE + _NOTES[kind], _text(value)
        elif kind == _AWS and value[:1] == b"\1":
            yield _NOTE + "aws.vpc-endpoint-id", _text(value[1:])
        elif kind == _AZURE and value[:1] == b"\1" and len(value) == 5:
            yield _NOTE + "azure.private-endpoint-linkid", str(int.from_bytes(value[1:], "little"))
        elif kind == _TLS and len(value) >= 5:
            yield from ((_NOTE + _TLS_NOTES[inner], _text(text)) for inner, _, text in _values(value[5:])
                        if inner in _TLS_NOTES)


def _text(value: bytes) -> str:
    return value.decode("utf-8", "replace")


@functools.cache
def _crc_table() -> tuple[int, ...]:
    table = []
    for number in range(256):
        for _ in range(8):
            number = number >> 1 ^ (0x82F63B78 if number & 1 else 0)
        table.append(number)
    return tuple(table)


def _crc32c(data: bytes) -> int:
    """Castagnoli's checksum (RFC 4960 appendix B)."""
    table, value = _crc_table(), 0xFFFFFFFF
    for byte in data:
        value = table[(value ^ byte) & 0xFF] ^ value >> 8
    return value ^ 0xFFFFFFFF
