"""The trace: every message of every connection, in ssldump's form, and no password."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftpsd.diag.probe.trace import Trace
from ftpsd.testing.plugin import ServerFactory
from ftpsd.tls import dump
from tests.diag.probe.ask import ask

HANDSHAKE = 22


def ticking() -> Iterator[float]:
    return itertools.count(0.0, 0.001)


def test_the_form_of_the_seed() -> None:
    written: list[str] = []
    clock = ticking()
    trace = Trace(written.append, lambda: next(clock))
    trace.connected(1, ("127.0.0.1", 64148), ("127.0.0.1", 21))
    trace.text(1, False, b"220 ready\r\n", False)
    trace.text(1, True, b"AUTH TLS\r\n", False)
    trace.message(1, True, 0x0303, 20, b"\x01")
    trace.text(1, True, b"PASS ********\r\n", True)
    trace.message(1, False, 0x0303, 21, b"\x01\x00")
    trace.text(1, False, b"\xff\x00\xff", True)
    trace.ended(1, False)
    trace.ended(1, True)
    rule = "-" * 63
    assert written == [
        "New TCP connection #1: 127.0.0.1(64148) <-> 127.0.0.1(21)",
        "1    0.0010 (0.0010)  S>C", rule, "220 ready", rule,
        "1    0.0020 (0.0010)  C>S", rule, "AUTH TLS", rule,
        "1 1  0.0030 (0.0010)  C>S  ChangeCipherSpec",
        "1 2  0.0040 (0.0010)  C>S  application_data", rule, "PASS ********", rule,
        "1 3  0.0050 (0.0010)  S>C  Alert", "    level           warning", "    value           close_notify",
        "1 4  0.0060 (0.0010)  S>C  application_data", rule, "(3 bytes)", rule,
        "1    0.0070 (0.0010)  S>C  TCP FIN",
        "1    0.0080 (0.0010)  C>S  TCP FIN",
    ]


HELLO = (
    b"\x03\x03" + bytes(32) + b"\x02\xab\xcd" + b"\x00\x04\x00\x39\xc0\x30" + b"\x01\x00"
    + b"\x00\x05" + b"\x00\x17\x00\x01\x00")


def test_a_client_hello() -> None:
    assert dump.lines(0x0303, HANDSHAKE, b"\x01" + len(HELLO).to_bytes(3, "big") + HELLO) == (
        "      ClientHello", "        Version 3.3", "        resume [2]=", "          ab cd", "        cipher suites",
        "        TLS_DHE_RSA_WITH_AES_256_CBC_SHA", "        TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
        "        compression methods", "                  NULL", "        extensions",
        "          extended_master_secret[1]",
    )


def test_a_server_hello_and_a_request() -> None:
    hello = b"\x03\x01" + bytes(32) + b"\x00" + b"\x99\x99" + b"\x00"
    assert dump.lines(0x0301, HANDSHAKE, b"\x02\x00\x00\x26" + hello)[1:] == (
        "        Version 3.1", "        cipherSuite         Unknown value 0x9999",
        "        compressionMethod                   NULL",
    )
    request = b"\x02\x01\x40" + b"\x00\x02\x04\x03" + b"\x00\x04" + b"\x00\x02\x30\x00"
    assert dump.lines(0x0303, HANDSHAKE, b"\x0d\x00\x00\x0d" + request)[1:] == (
        "        certificate_types                   rsa_sign",
        "        certificate_types                   ecdsa_sign",
        "        certificate_authority[2]=", "          30 00",
    )


@given(
    st.sampled_from((0x0301, 0x0303, 0x0304)), st.integers(19, 23),
    st.tuples(st.sampled_from((1, 2, 4, 8, 11, 13, 99)), st.binary(max_size=200)))
def test_no_message_is_trusted(version: int, kind: int, message: tuple[int, bytes]) -> None:
    lines = dump.lines(version, kind, bytes([message[0]]) + message[1])
    assert all(line.isprintable() for line in lines)


@pytest.mark.parametrize("version", ["TLSv1.2", "TLSv1.3"])
def test_every_connection_is_traced(ftps_server: ServerFactory, version: str, tmp_path: Path) -> None:
    server = ftps_server(tls=["TLSRequired on", f"TLSProtocol {version}"])
    written: list[str] = []
    facts, _ = ask(server.port, server.authority, ciphers=False, observer=Trace(written.append))
    text = "\n".join(written)
    begun = re.findall(r"^New TCP connection #(\d+):", text, re.MULTILINE)
    assert [int(number) for number in begun] == list(range(1, facts.connections + 1))
    for message in ("ClientHello", "ServerHello", "Certificate", "Finished", "NewSessionTicket"):
        assert re.search(rf"Handshake\n      {message}$", text, re.MULTILINE), message
    assert "PASS ********" in text
    assert "PASS secret" not in text
    assert "Unknown value 0x" not in text
