"""The header of the PROXY protocol: every form, everything that is none, cut anywhere."""

from __future__ import annotations

import ipaddress
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftpsd.ftp.proxyheader import LONGEST, LONGEST_LINE, LONGEST_REST, SIGNATURE, End, Header, WrongHeader, read

LOCAL, PROXY = 0x20, 0x21
PORTS = struct.pack("!HH", 5, 21)
FOUR = ipaddress.ip_address("192.0.2.7").packed + ipaddress.ip_address("198.51.100.1").packed + PORTS
SIX = ipaddress.ip_address("2001:db8::7").packed + ipaddress.ip_address("2001:db8::1").packed + PORTS
MAPPED = ipaddress.ip_address("::ffff:192.0.2.7").packed + ipaddress.ip_address("::ffff:198.51.100.1").packed + PORTS
UNIX = b"/run/a".ljust(108, b"\0") + b"/run/b".ljust(108, b"\0")
SOURCE, DESTINATION = End("192.0.2.7", 5), End("198.51.100.1", 21)


def two(command: int, kind: int, rest: bytes) -> bytes:
    return SIGNATURE + struct.pack("!BBH", command, kind, len(rest)) + rest


def tlv(kind: int, value: bytes) -> bytes:
    return struct.pack("!BH", kind, len(value)) + value


GOOD = {
    b"PROXY TCP4 192.0.2.7 198.51.100.1 5 21\r\n": (SOURCE, DESTINATION),
    b"PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n": (
        End("255.255.255.255", 65535), End("255.255.255.255", 65535)),
    b"PROXY TCP6 2001:db8::7 2001:db8:0:0::1 5 0\r\n": (End("2001:db8::7", 5), End("2001:db8::1", 0)),
    b"PROXY TCP6 ::ffff:192.0.2.7 ::ffff:198.51.100.1 5 21\r\n": (SOURCE, DESTINATION),
    b"PROXY UNKNOWN\r\n": (None, None),
    b"PROXY UNKNOWN ffff:f...f:ffff ffff:f...f:ffff 65535 65535\r\n": (None, None),
    b"PROXY UNKNOWN " + b"x" * (LONGEST_LINE - 16) + b"\r\n": (None, None),
    two(PROXY, 0x11, FOUR): (SOURCE, DESTINATION),
    two(PROXY, 0x21, SIX): (End("2001:db8::7", 5), End("2001:db8::1", 21)),
    two(PROXY, 0x21, MAPPED): (SOURCE, DESTINATION),
    two(PROXY, 0x31, UNIX): (None, None),
    two(PROXY, 0x00, b""): (None, None),
    two(PROXY, 0x00, b"anything"): (None, None),
    two(PROXY, 0x10, FOUR): (None, None),
    two(LOCAL, 0x00, b""): (None, None),
    two(LOCAL, 0x11, FOUR): (None, None),
    two(LOCAL, 0xff, b"?"): (None, None),
    two(PROXY, 0x11, FOUR + tlv(4, b"x" * 100) + tlv(0xF0, b"")): (SOURCE, DESTINATION),
    two(PROXY, 0x11, FOUR + tlv(4, b"\0" * (LONGEST_REST - 15))): (SOURCE, DESTINATION),
}


@pytest.mark.parametrize("data", GOOD, ids=range(len(GOOD)))
@pytest.mark.parametrize("behind", [
    b"", b"\r\n", b"\x16\x03\x01", b"PROXY TCP4 192.0.2.9 192.0.2.9 1 1\r\n", SIGNATURE,
])
def test_a_header_is_read_to_its_last_byte_and_no_further(data: bytes, behind: bytes) -> None:
    found = read(data + behind)
    assert found is not None
    assert (found.length, found.source, found.destination) == (len(data), *GOOD[data])
    assert found.version == (1 if data.startswith(b"PROXY") else 2)


@pytest.mark.parametrize("data", GOOD, ids=range(len(GOOD)))
def test_a_header_may_come_in_any_pieces(data: bytes) -> None:
    short = data if len(data) < 400 else data[:300] + data[-100:]
    if short is data:
        assert all(read(data[:length]) is None for length in range(len(data)))
    assert read(data) is not None


BAD = [
    b"USER alice\r\n", b"\x16\x03\x01\x02\x00", b"proxy TCP4 192.0.2.7 192.0.2.1 5 21\r\n", b"PROXYTCP4", b"PROXX",
    b"PROXY  TCP4 192.0.2.7 192.0.2.1 5 21\r\n", b"PROXY TCP4 192.0.2.7  192.0.2.1 5 21\r\n",
    b"PROXY TCP4 192.0.2.7 192.0.2.1 5 21\n", b"PROXY TCP4 192.0.2.7 192.0.2.1 5\r\n", b"PROXY \n", b"PROXY \r\n",
    b"PROXY TCP4 192.0.2.7 192.0.2.1 5 21 \r\n", b"PROXY TCP4 192.0.2.7 192.0.2.1 5 65536\r\n",
    b"PROXY TCP4 192.0.2.7 192.0.2.1 05 21\r\n", b"PROXY TCP4 192.0.2.7 192.0.2.1 -5 21\r\n",
    "PROXY TCP4 192.0.2.7 192.0.2.1 ٥ 21\r\n".encode(), b"PROXY TCP4 192.0.2.007 192.0.2.1 5 21\r\n",
    b"PROXY TCP4 2001:db8::7 2001:db8::1 5 21\r\n", b"PROXY TCP6 192.0.2.7 192.0.2.1 5 21\r\n",
    b"PROXY TCP6 fe80::1%eth0 fe80::2 5 21\r\n", b"PROXY TCP4 host.example.org 192.0.2.1 5 21\r\n",
    b"PROXY UDP4 192.0.2.7 192.0.2.1 5 21\r\n", b"PROXY unknown\r\n", b"PROXY TCP4 0.0.0.0 192.0.2.1 5 21\r\n",
    b"PROXY TCP6 :: ::1 5 21\r\n", b"PROXY TCP6 ::ffff:0.0.0.0 ::1 5 21\r\n",
    b"PROXY TCP4 224.0.0.1 192.0.2.1 5 21\r\n",
    b"PROXY " + b"x" * LONGEST_LINE, b"PROXY UNKNOWN " + b"x" * (LONGEST_LINE - 15) + b"\r\n",
    SIGNATURE[:-1] + b"X", two(0x11, 0x11, FOUR), two(0x22, 0x11, FOUR), two(0x31, 0x11, FOUR), two(PROXY, 0x41, FOUR),
    two(PROXY, 0x13, FOUR), two(PROXY, 0x12, FOUR), two(PROXY, 0x22, SIX), two(PROXY, 0x32, UNIX),
    two(PROXY, 0x11, FOUR[:-1]), two(PROXY, 0x21, FOUR), two(PROXY, 0x31, UNIX[:-1]), two(PROXY, 0x11, b""),
    two(PROXY, 0x11, bytes(12)), two(PROXY, 0x11, FOUR + b"\4"), two(PROXY, 0x11, FOUR + b"\4\0\2x"),
    SIGNATURE + struct.pack("!BBH", PROXY, 0x11, LONGEST_REST + 1), SIGNATURE + struct.pack("!BBH", PROXY, 0x11, 65535),
    two(PROXY, 0x11, FOUR + tlv(3, b"abc")), two(PROXY, 0x11, FOUR + tlv(3, b"abcd")),
    two(PROXY, 0x11, FOUR + tlv(0x20, b"\1\0\0\0\0\x21\0\x09x")),
]


@pytest.mark.parametrize("data", BAD, ids=range(len(BAD)))
def test_what_is_no_header_is_found_out(data: bytes) -> None:
    with pytest.raises(WrongHeader):
        read(data)


@pytest.mark.parametrize(("data", "enough"), [
    (SIGNATURE + struct.pack("!BBH", PROXY, 0x11, 65535), 16), (b"GET / HTTP/1.1", 1), (b"\x16\x03\x01", 1),
    (b"PASS x", 2), (b"\r\n\r\nUSER", 5), (b"PROXY UNKNOWN" + b"x" * 200, LONGEST_LINE),
])
def test_nobody_waits_for_what_cannot_become_one(data: bytes, enough: int) -> None:
    assert enough == 1 or read(data[:enough - 1]) is None
    with pytest.raises(WrongHeader):
        read(data[:enough])


@pytest.mark.parametrize(("version", "data"), [(2, b"PROXY UNKNOWN\r\n"), (1, two(LOCAL, 0, b""))])
def test_another_version_than_the_one_that_is_wanted(version: int, data: bytes) -> None:
    assert read(data) is not None
    with pytest.raises(WrongHeader, match="ProxyProtocolVersion"):
        read(data, frozenset({version}))


def test_a_checksum_is_looked_at() -> None:
    bare = two(PROXY, 0x11, FOUR + tlv(4, b"\0") + tlv(3, bytes(4)))
    value = struct.pack("!I", crc32c(bare))
    good = bare[:-4] + value
    assert read(good) == Header(len(good), 2, SOURCE, DESTINATION)
    with pytest.raises(WrongHeader, match="checksum"):
        read(good.replace(ipaddress.ip_address("192.0.2.7").packed, ipaddress.ip_address("192.0.2.8").packed))


def crc32c(data: bytes) -> int:
    """Bit by bit."""
    value = 0xFFFFFFFF
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 * (value & 1))
    return value ^ 0xFFFFFFFF


def test_the_checksum_is_castagnolis() -> None:
    assert crc32c(b"123456789") == 0xE3069283


def test_what_else_it_tells() -> None:
    tls = b"\1\0\0\0\0" + tlv(0x21, b"TLSv1.3") + tlv(0x22, "jürgen".encode()) + tlv(0x25, b"EC256")
    told = tlv(1, b"ftp") + tlv(2, b"ftp.example.org") + tlv(0x20, tls) + tlv(0xEA, b"\1vpce-08d2") + tlv(0x30, b"ns")
    told += tlv(0xEE, b"\1\2\1\0\0") + tlv(0xEE, b"\2") + tlv(0xEA, b"") + tlv(0x20, b"\1")
    found = read(two(PROXY, 0x11, FOUR + told))
    assert found is not None
    assert dict(found.notes) == {
        "mod_proxy_protocol.alpn": "ftp", "mod_proxy_protocol.authority": "ftp.example.org",
        "mod_proxy_protocol.tls.version": "TLSv1.3", "mod_proxy_protocol.tls.common-name": "jürgen",
        "mod_proxy_protocol.tls.key-algo": "EC256", "mod_proxy_protocol.aws.vpc-endpoint-id": "vpce-08d2",
        "mod_proxy_protocol.azure.private-endpoint-linkid": "258"}


@given(st.one_of(
    st.binary(max_size=200), st.binary(max_size=200).map(lambda tail: b"PROXY " + tail),
    st.binary(max_size=300).map(lambda tail: SIGNATURE + tail),
    st.builds(two, st.sampled_from([LOCAL, PROXY]), st.integers(0, 255), st.binary(max_size=300))))
def test_nothing_else_is_ever_raised_and_bounds_hold(data: bytes) -> None:
    try:
        found = read(data)
    except WrongHeader:
        return
    if found is None:
        assert len(data) < LONGEST
        return
    assert found.length <= min(len(data), LONGEST)
    assert read(data[:found.length]) == found
    assert read(data[:found.length - 1]) is None


@given(st.ip_addresses(), st.integers(0, 65535), st.ip_addresses(v=4), st.integers(0, 65535))
def test_what_is_written_is_read(
    source: ipaddress.IPv4Address | ipaddress.IPv6Address, port: int, other: ipaddress.IPv4Address, second: int,
) -> None:
    destination = other if source.version == 4 else ipaddress.IPv6Address(0x2001_0DB8 << 96 | int(other))
    line = f"PROXY TCP{source.version} {source} {destination} {port} {second}\r\n".encode()
    packed = source.packed + destination.packed + struct.pack("!HH", port, second)
    binary = two(PROXY, 0x11 if source.version == 4 else 0x21, packed)
    mapped = getattr(source, "ipv4_mapped", None) or source
    if mapped.is_unspecified or mapped.is_multicast:
        for data in (line, binary):
            with pytest.raises(WrongHeader):
                read(data)
        return
    for data in (line, binary):
        found = read(data)
        assert found is not None
        assert (found.source, found.destination) == (End(str(mapped), port), End(str(destination), second))
