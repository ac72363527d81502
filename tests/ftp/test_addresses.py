"""PORT, PASV, EPRT, EPSV and whom a client may have connected to."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftpsd.errors import Refusal
from ftpsd.ftp import addresses
from ftpsd.ftp.addresses import HostPort


def refusal(call: object, *arguments: object) -> tuple[int, str]:
    assert callable(call)
    with pytest.raises(Refusal) as caught:
        call(*arguments)
    return caught.value.code, caught.value.text


@pytest.mark.parametrize(("argument", "host", "port"), [
    ("127,0,0,1,10,80", "127.0.0.1", 2640),
    (" 127,0,0,1,255,255 ", "127.0.0.1", 65535),
    ("0,0,0,0,4,0", "0.0.0.0", 1024),
    ("010,000,000,001,004,000", "10.0.0.1", 1024),
])
def test_port(argument: str, host: str, port: int) -> None:
    found = addresses.parse_port(argument)
    assert (found.host, found.port) == (host, port)


@pytest.mark.parametrize(
    "argument",
    [
        "",
        "1,2,3",
        "256,0,0,1,10,80",
        "127,0,0,1,10,256",
        "a,b,c,d,e,f",
        "127,0,0,1,10",
        "127,0,0,1,10,80,1",
        "127,0,0,-1,10,80",
        "127, 0,0,1,10,80",
        "127,0,0,1,10,8\u0660",
        "1271,0,0,1,10,80",
        ",,,,,",
        "127.0.0.1,10,80",
    ],
)
def test_port_that_is_none(argument: str) -> None:
    assert refusal(addresses.parse_port, argument) == (501, "Illegal PORT command")


@pytest.mark.parametrize(("argument", "host", "port"), [
    ("|1|127.0.0.1|5000|", "127.0.0.1", 5000),
    ("|2|::1|5000|", "::1", 5000),
    ("|2|0:0:0:0:0:0:0:1|5000|", "::1", 5000),
    ("|2|::|5000|", "::", 5000),
    ("|2|::ffff:127.0.0.1|5000|", "127.0.0.1", 5000),
    ("|2|fe80::1%eth0|5000|", "fe80::1", 5000),
    ("!1!127.0.0.1!65535!", "127.0.0.1", 65535),
])
def test_eprt(argument: str, host: str, port: int) -> None:
    found = addresses.parse_eprt(argument)
    assert (found.host, found.port) == (host, port)


@pytest.mark.parametrize(
    "argument",
    [
        "",
        " ",
        "|1|127.0.0.1|5000",
        "1|127.0.0.1|5000|",
        "|1|::1|5000|",
        "|2|127.0.0.1|5000|",
        "|1|x|5000|",
        "|1|127.0.0.1|0|",
        "|1|127.0.0.1|70000|",
        "|1|127.0.0.1|-5|",
        "|1|127.0.0.1|5000||",
        "||1|127.0.0.1|5000|",
        "|1|127.0.0.1|5000|x",
        "|1||5000|",
        "|1|127.0.0.1|\u0665000|",
        "\u20ac1\u20ac127.0.0.1\u20ac5000\u20ac",
    ],
)
def test_eprt_that_is_none(argument: str) -> None:
    assert refusal(addresses.parse_eprt, argument) == (501, "Illegal EPRT command")


@pytest.mark.parametrize(("argument", "families", "text"), [
    ("|2|::1|5000|", (1,), "Network protocol not supported, use (1)"),
    ("|1|127.0.0.1|5000|", (2,), "Network protocol not supported, use (2)"),
    ("|3|::1|5000|", (1, 2), "Network protocol not supported, use (1,2)"),
    ("|x|::1|5000|", (1, 2), "Network protocol not supported, use (1,2)"),
])
def test_eprt_of_another_family(argument: str, families: tuple[int, ...], text: str) -> None:
    assert refusal(addresses.parse_eprt, argument, families) == (522, text)


@pytest.mark.parametrize(("argument", "value"), [
    ("", None), ("  ", None), ("1", 1), ("2", 2), ("3", 3), ("ALL", "ALL"), ("all", "ALL"), (" All ", "ALL"),
])
def test_epsv(argument: str, value: object) -> None:
    assert addresses.parse_epsv(argument) == value


@pytest.mark.parametrize("argument", ["x", "1 2", "-1", "\u0661", "123456", "ALL x"])
def test_epsv_that_is_none(argument: str) -> None:
    assert refusal(addresses.parse_epsv, argument) == (501, "EPSV: unknown network protocol")


@pytest.mark.parametrize(("first", "second", "same"), [
    ("127.0.0.1", "127.0.0.1", True),
    ("::1", "0:0:0:0:0:0:0:1", True),
    ("::ffff:10.1.2.3", "10.1.2.3", True),
    ("::FFFF:0a01:0203", "10.1.2.3", True),
    ("fe80::1%eth0", "fe80::1", True),
    ("127.0.0.1", "127.0.0.2", False),
    ("::1", "127.0.0.1", False),
    ("10.0.0.1", "10.0.0.01", False),
    ("", "", False),
    ("name", "name", False),
])
def test_same_host(first: str, second: str, same: bool) -> None:
    assert addresses.same_host(first, second) is same
    assert addresses.same_host(second, first) is same


def anybody(address: str) -> bool:
    return True


def test_low_ports_are_refused_whoever_asks() -> None:
    target = addresses.parse_port("127,0,0,1,0,80")
    with pytest.raises(Refusal) as caught:
        addresses.check_active(target, "127.0.0.1", anybody)
    assert (caught.value.code, caught.value.text, caught.value.reason) == (
        500, "Illegal PORT command", "port-below-1024")
    assert caught.value.log == ("Refused PORT 127,0,0,1,0,80 (port 80 below 1024, possible bounce attack)",)
    with pytest.raises(Refusal):
        addresses.check_active(HostPort("127.0.0.1", 1023), "127.0.0.1", None)
    assert addresses.check_active(HostPort("127.0.0.1", 1024), "127.0.0.1", None).port == 1024


def test_another_host_is_refused_unless_allowed() -> None:
    target = addresses.parse_eprt("|1|10.0.0.1|5000|")
    with pytest.raises(Refusal) as caught:
        addresses.check_active(target, "127.0.0.1", None, "EPRT")
    assert caught.value.log == ("Refused EPRT |1|10.0.0.1|5000| (address mismatch)",)
    assert (caught.value.text, caught.value.reason) == ("Illegal EPRT command", "address-mismatch")
    assert addresses.check_active(target, "127.0.0.1", anybody, "EPRT") is target
    assert addresses.check_active(target, "127.0.0.1", "10.0.0.1".__eq__) is target
    with pytest.raises(Refusal):
        addresses.check_active(target, "127.0.0.1", "10.0.0.2".__eq__)


@pytest.mark.parametrize(("target", "peer", "host"), [
    ("::", "::1", "::1"),
    ("0.0.0.0", "127.0.0.1", "127.0.0.1"),
    ("::", "::ffff:127.0.0.1", "127.0.0.1"),
    ("::1", "0:0:0:0:0:0:0:1", "::1"),
    ("127.0.0.1", "::ffff:127.0.0.1", "127.0.0.1"),
])
def test_where_the_connection_goes(target: str, peer: str, host: str) -> None:
    """Nobody is asked about the client's own address."""
    for allows in (None, pytest.fail):
        assert addresses.check_active(HostPort(target, 5000), peer, allows).host == host


def test_formats() -> None:
    assert addresses.format_pasv("127.0.0.1", 39911) == "Entering Passive Mode (127,0,0,1,155,231)."
    assert addresses.format_pasv("::ffff:10.0.0.1", 1024) == "Entering Passive Mode (10,0,0,1,4,0)."
    assert addresses.format_epsv(24063) == "Entering Extended Passive Mode (|||24063|)"
    with pytest.raises(ValueError, match="PASV cannot name"):
        addresses.format_pasv("::1", 1)


@given(st.ip_addresses(v=4), st.integers(1, 65535))
def test_pasv_and_port_agree(address: ipaddress.IPv4Address, port: int) -> None:
    text = addresses.format_pasv(str(address), port)
    found = addresses.parse_port(text[text.index("(") + 1:text.index(")")])
    assert (found.host, found.port) == (str(address), port)


@given(st.ip_addresses(), st.integers(1, 65535), st.sampled_from("|!,#~"))
def test_eprt_of_any_address(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address, port: int, delimiter: str
) -> None:
    family = 1 if address.version == 4 else 2
    found = addresses.parse_eprt(delimiter.join(["", str(family), str(address), str(port), ""]))
    assert addresses.same_host(found.host, str(address))
    assert found.port == port


@given(st.text(max_size=40))
def test_anything_is_understood_or_refused(text: str) -> None:
    for parser in (addresses.parse_port, addresses.parse_eprt, addresses.parse_epsv):
        code = 0
        try:
            parser(text)
        except Refusal as refused:
            code = refused.code
        assert code in (0, 501, 522)
