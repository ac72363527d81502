"""TLS messages as text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftpsd.tls import messages

HELLO = (
    b"\x01\x00\x00\x3b\x03\x03" + bytes(range(32)) + b"\x02\xaa\xbb" + b"\x00\x04\x13\x01\x12\x34"
    + b"\x01\x00" + b"\x00\x0b" + b"\x00\x00\x00\x03abc" + b"\xff\xfe\x00\x00"
)


def test_client_hello_is_decoded() -> None:
    head, text = messages.message_lines(False, 0x0301, 22, HELLO)
    assert head == f"[msg] received TLSv1 'ClientHello' Handshake message ({len(HELLO)} bytes)"
    assert text.splitlines() == [
        "[msg] ", "ClientHello:", "  client_version = TLS 1.2", "  random:",
        f"    random_bytes (32 bytes) {bytes(range(32)).hex()}", "  session_id (2 bytes)", "    aabb",
        "  cipher_suites (4 bytes)", "    TLS_AES_128_GCM_SHA256 (0x1301)", "    [unknown/unsupported] (0x1234)",
        "  compression_methods (1 byte)", "    None", "  extensions (11 bytes)",
        "    extension_type = server_name (3 bytes)", "    extension_type = [unknown/unsupported] 65534 (0 bytes)",
    ]


@pytest.mark.parametrize(("sent", "version", "kind", "data", "line"), [
    (True, 0x0303, 20, b"\x01", "[msg] sent TLSv1.2 ChangeCipherSpec message (1 byte)"),
    (True, 0x0304, 21, b"\x01\x00", "[msg] sent TLSv1.3 warning 'close_notify' Alert message (2 bytes)"),
    (False, 0x0303, 21, b"\x02\x28", "[msg] received TLSv1.2 fatal 'handshake_failure' Alert message (2 bytes)"),
    (False, 0x0303, 21, b"\x02\xfe", "[msg] received TLSv1.2 Alert message, unknown type (2 bytes)"),
    (True, 0x0303, 22, b"\x0b\0\0\0", "[msg] sent TLSv1.2 'Certificate' Handshake message (4 bytes)"),
    (True, 0x0304, 22, b"\x63\0\0\0", "[msg] sent TLSv1.3 Handshake message, unknown type 99 (4 bytes)"),
    (True, 0x7777, 22, b"\x14\0\0\0", "[msg] sent 0x7777 'Finished' Handshake message (4 bytes)"),
])
def test_other_messages(sent: bool, version: int, kind: int, data: bytes, line: str) -> None:
    assert messages.message_lines(sent, version, kind, data) == (line,)


def test_tickets_are_not_shown() -> None:
    ticket = b"\x04\x00\x00\x0a\x00\x00\x0e\x10\x00\x04SECR"
    head, text = messages.message_lines(True, 0x0303, 22, ticket)
    assert head == "[msg] sent TLSv1.2 'NewSessionTicket' Handshake message (14 bytes)"
    assert text.splitlines()[2:] == ["  ticket_lifetime_hint", "    3600 (sec)", "  ticket (4 bytes)"]
    assert b"SECR".hex() not in text


@given(st.booleans(), st.sampled_from([0x0303, 0x0304, 5]), st.integers(0, 30), st.binary(max_size=200))
def test_anything_can_come(sent: bool, version: int, kind: int, data: bytes) -> None:
    assert all(line.isprintable() or "\n" in line for line in messages.message_lines(sent, version, kind, data))


@given(st.integers(0, len(HELLO)))
def test_a_hello_that_is_cut_off(size: int) -> None:
    assert len(messages.message_lines(False, 0x0303, 22, HELLO[:size])) in (0, 1, 2)


@pytest.mark.parametrize(("where", "value", "state", "line"), [
    (0x10, 1, "before SSL initialization", "[info] (unknown): before SSL initialization (HANDSHAKE_START)"),
    (0x20, 1, "SSL negotiation finished successfully",
     "[info] ok: SSL negotiation finished successfully (HANDSHAKE_DONE)"),
    (0x2001, 1, "SSLv3/TLS write finished", "[info] accepting: SSLv3/TLS write finished"),
    (0x1001, 1, "SSLv3/TLS write finished", "[info] connecting: SSLv3/TLS write finished"),
    (0x2002, 0, "error", "[info] accepting: failed in error"),
    (0x2002, -1, "SSLv3/TLS read client hello", None),
    (0x4008, 0x100, "", "[info] writing: SSL/TLS alert warning: close notify"),
    (0x4004, 0x230, "", "[info] reading: SSL/TLS alert fatal: unknown CA"),
])
def test_states(where: int, value: int, state: str, line: str | None) -> None:
    assert messages.state_line(where, value, state) == line
