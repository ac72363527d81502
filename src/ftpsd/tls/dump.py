"""TLS messages in the way of ssldump(1), which both FAQ pages of mod_tls show. Pure: bytes in, lines out.

As in `tls.messages`, nothing here trusts a length, and neither key material nor the contents of tickets are shown.
"""

from __future__ import annotations

from collections.abc import Iterator

from ftpsd.tls.certificates import subject_of
from ftpsd.tls.messages import ALERTS, EXTENSIONS, HANDSHAKES, SUITES, Reader, Short

_CHANGE_CIPHER_SPEC, _ALERT, _HANDSHAKE = 20, 21, 22
_CERTIFICATE_TYPES = {
    1: "rsa_sign", 2: "dss_sign", 3: "rsa_fixed_dh", 4: "dss_fixed_dh", 64: "ecdsa_sign", 65: "rsa_fixed_ecdh",
    66: "ecdsa_fixed_ecdh",
}
_TLS13 = 0x0304
_MOST = 128
_WIDTH = 16


def title(kind: int) -> str:
    """What stands behind the direction: the record's content type."""
    return {_CHANGE_CIPHER_SPEC: "ChangeCipherSpec", _ALERT: "Alert", _HANDSHAKE: "Handshake"}.get(kind, str(kind))


def lines(version: int, kind: int, data: bytes) -> tuple[str, ...]:
    """The message, indented as ssldump does; () where there is nothing to say."""
    if kind == _ALERT and len(data) >= 2:
        level = "fatal" if data[0] == 2 else "warning"
        name = ALERTS.get(data[1], f"Unknown value {data[1]}").replace(" ", "_").lower()
        return (f"    level           {level}", f"    value           {name}")
    if kind != _HANDSHAKE or len(data) < 4:
        return ()
    name = HANDSHAKES.get(data[0], f"Unknown message {data[0]}")
    return (f"      {name}", *(f"        {line}" for line in _body(data[0], version, data[4:])))


def _body(message: int, version: int, body: bytes) -> Iterator[str]:
    tls13 = version == _TLS13
    part = {
        1: _client_hello, 2: _server_hello, 4: _ticket, 8: _extensions, 11: _chain13 if tls13 else _chain,
        13: _request13 if tls13 else _request,
    }.get(message)
    if part is None:
        return
    try:
        yield from part(Reader(body))
    except Short:
        yield "(the message ends here)"


def _client_hello(reader: Reader) -> Iterator[str]:
    yield from _head(reader, "resume ")
    suites = Reader(reader.vector(2))
    yield "cipher suites"
    for _ in range(_MOST):
        if not suites.left:
            break
        yield suite(suites.number(2))
    yield "compression methods"
    for method in reader.vector(1):
        yield f"{'':10}{'NULL' if method == 0 else f'Unknown value {method:#x}'}"
    yield from _extensions(reader)


def _server_hello(reader: Reader) -> Iterator[str]:
    yield from _head(reader, "session_id")
    yield f"{'cipherSuite':<20}{suite(reader.number(2))}"
    yield f"{'compressionMethod':<36}{'NULL' if reader.number(1) == 0 else 'Unknown value'}"
    yield from _extensions(reader)


def _head(reader: Reader, word: str) -> Iterator[str]:
    yield f"Version {reader.number(1)}.{reader.number(1)}"
    reader.take(32)
    session = reader.vector(1)
    if session:
        yield from _octets(word, session)


def suite(number: int) -> str:
    """The name of a cipher suite, or `Unknown value 0x39`."""
    return SUITES.get(number, f"Unknown value {number:#x}")


def _octets(word: str, data: bytes) -> Iterator[str]:
    yield f"{word}[{len(data)}]="
    for at in range(0, len(data), _WIDTH):
        yield f"  {data[at:at + _WIDTH].hex(' ')}"


def _extensions(reader: Reader) -> Iterator[str]:
    if not reader.left:
        return
    block = Reader(reader.vector(2))
    yield "extensions"
    for _ in range(_MOST):
        if not block.left:
            return
        number = block.number(2)
        size = len(block.vector(2))
        yield f"  {EXTENSIONS.get(number, f'Unknown value {number}')}[{size}]"


def _ticket(reader: Reader) -> Iterator[str]:
    yield f"ticket_lifetime_hint{'':10}{reader.number(4)}"


def _chain(reader: Reader) -> Iterator[str]:
    block = Reader(reader.vector(3))
    for _ in range(_MOST):
        if not block.left:
            return
        yield from _certificate(block.vector(3))


def _chain13(reader: Reader) -> Iterator[str]:
    reader.vector(1)
    block = Reader(reader.vector(3))
    for _ in range(_MOST):
        if not block.left:
            return
        yield from _certificate(block.vector(3))
        block.vector(2)


def _certificate(der: bytes) -> Iterator[str]:
    yield f"certificate[{len(der)}]"
    yield f"  {subject_of(der)}"


def _request(reader: Reader) -> Iterator[str]:
    for each in reader.vector(1):
        yield f"{'certificate_types':<36}{_CERTIFICATE_TYPES.get(each, f'Unknown value {each:#x}')}"
    reader.vector(2)
    yield from _authorities(Reader(reader.vector(2)))


def _request13(reader: Reader) -> Iterator[str]:
    reader.vector(1)
    yield from _extensions(reader)


def _authorities(block: Reader) -> Iterator[str]:
    for _ in range(_MOST):
        if not block.left:
            return
        yield from _octets("certificate_authority", block.vector(2))
