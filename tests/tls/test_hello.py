"""The server name in a ClientHello, whatever way it arrives, and what it means."""

from __future__ import annotations

import contextlib
import ssl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftpsd.reasons.codes import Code
from ftpsd.tls import hello


def client_hello(name: str | None, version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3) -> bytes:
    """What OpenSSL's client sends first."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.maximum_version = version
    outgoing = ssl.MemoryBIO()
    client = context.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname=name)
    with contextlib.suppress(ssl.SSLWantReadError):
        client.do_handshake()
    return outgoing.read()


def fragmented(data: bytes, size: int) -> bytes:
    """The same message in records of `size` bytes."""
    body = data[5:]
    parts = [body[at:at + size] for at in range(0, len(body), size)]
    return b"".join(data[:3] + len(part).to_bytes(2, "big") + part for part in parts)


def arriving(data: bytes) -> hello.Seen:
    """The hello a byte at a time; `need` never asks for more than is still to come."""
    for size in range(len(data)):
        seen = hello.look(data[:size])
        assert seen.name is None
        assert size < seen.need <= len(data)
    return hello.look(data)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("name", ["ftp.example.org", "x", "a" * 60 + ".example.org", None])
def test_name(version: ssl.TLSVersion, name: str | None) -> None:
    assert arriving(client_hello(name, version)) == hello.Seen(name)


@pytest.mark.parametrize("size", [1, 3, 50, 200])
def test_fragments(size: int) -> None:
    assert arriving(fragmented(client_hello("ftp.example.org"), size)) == hello.Seen("ftp.example.org")


@pytest.mark.parametrize("data", [
    b"USER x\r\n", b"\x15\x03\x01\x00\x02\x02\x28", b"\x16\x03\x01\x00\x00", b"\x16\x03\x01\x00\x04\x02\x00\x00\x00",
    b"\x16\x03\x01\x00\x04\x01\x00\x00\x00", b"\x16\x03\x01\xff\xff\x01\xff\xff\xff",
])
def test_what_is_no_hello_has_no_name(data: bytes) -> None:
    assert hello.look(data) == hello.Seen()


@given(st.binary(max_size=300))
def test_anything_can_come(tail: bytes) -> None:
    hello.look(tail)
    hello.look(b"\x16\x03\x01" + len(tail).to_bytes(2, "big") + tail)
    seen = hello.look(b"\x16\x03\x01" + (len(tail) + 4).to_bytes(2, "big") + b"\x01\x00"
                      + len(tail).to_bytes(2, "big") + tail)
    assert seen.need == 0


@pytest.mark.parametrize(("name", "address"), [
    ("127.0.0.1", True), ("::1", True), ("[::1]", True), ("ftp.example.org", False), ("1.2.3", False),
])
def test_addresses(name: str, address: bool) -> None:
    assert hello.is_address(name) is address


@pytest.mark.parametrize(("sent", "found", "engine", "alert", "line"), [
    (None, True, True, None, ""),
    ("Two.Example.org", True, True, None, ""),
    ("one.example.org", True, True, 49,
     "warning: SNI 'two.example.org' does not match HOST 'one.example.org', rejecting SSL/TLS connection"),
    (None, False, False, 112,
     "no matching server found for client-sent SNI 'two.example.org', rejecting SSL/TLS connection"),
    (None, True, False, 112, "TLSEngine not enabled for SNI 'two.example.org', rejecting client"),
])
def test_judgement(sent: str | None, found: bool, engine: bool, alert: int | None, line: str) -> None:
    rejected = hello.judge("two.example.org", sent_before=sent, found=found, engine=engine)
    if alert is None:
        assert rejected is None
    else:
        assert rejected is not None
        assert (rejected.alert, rejected.line) == (alert, line)


@pytest.mark.parametrize(("sent", "found", "reason"), [
    (None, True, Code.SNI_AFTER_LOGIN), ("one.example.org", True, Code.SNI_NOT_HOST), (None, False, Code.SNI_UNKNOWN)])
def test_judgement_of_who_has_logged_in_elsewhere(sent: str | None, found: bool, reason: Code) -> None:
    rejected = hello.judge("two.example.org", sent_before=sent, found=found, engine=True, logged_in_elsewhere=True)
    assert rejected is not None
    assert rejected.reason is reason
