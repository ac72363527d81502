"""Addresses for data connections: PORT and PASV (RFC 959), EPRT and EPSV (RFC 2428), and who may be named.

Addresses are compared as addresses, never as text: `::1`, `0:0:0:0:0:0:0:1` and `::ffff:127.0.0.1` come in
all spellings. The unspecified address (`EPRT |2|::|port|`, as some clients behind NAT send it) stands for
the control connection's peer. A port below 1024 or another host's address is how a server is abused to
attack third parties (RFC 2577 sections 3 and 4).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Literal

from ftpsd.errors import Refusal
from ftpsd.reasons.codes import Code

Address = IPv4Address | IPv6Address

LOWEST_PORT = 1024
_PRIVATE = tuple(ip_network(text) for text in (
    "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "169.254.0.0/16", "127.0.0.0/8", "fc00::/7",
    "fe80::/10", "::1/128",
))
_FAMILY = {"1": 4, "2": 6}
_PORT_ARGUMENT = re.compile(r"[0-9]{1,3}(?:,[0-9]{1,3}){5}", re.ASCII)


@dataclass(frozen=True, slots=True)
class HostPort:
    """Where a client wants to be connected to; `text` is the argument that said so."""

    host: str
    port: int
    text: str = ""


def parse_address(text: str) -> Address:
    """The address, without scope, an IPv4-mapped one as IPv4; raises `ValueError`."""
    address = ip_address(text.partition("%")[0])
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


@lru_cache(maxsize=1024)
def one_spelling(text: str) -> str:
    """The address as `parse_address` understands it, always written the same; raises `ValueError`."""
    return str(parse_address(text))


@lru_cache(maxsize=256)
def _is_address(text: str) -> bool:
    try:
        parse_address(text)
    except ValueError:
        return False
    return True


def same_host(first: str, second: str) -> bool:
    """Whether two addresses, in whatever spelling, are the same; False for what is no address."""
    if first == second:
        return _is_address(first)
    try:
        return parse_address(first) == parse_address(second)
    except ValueError:
        return False


def is_link_local(address: str) -> bool:
    """Whether it is an address of IPv6 that a socket needs a scope for (fe80::/10)."""
    try:
        parsed = parse_address(address)
    except ValueError:
        return False
    return isinstance(parsed, IPv6Address) and parsed.is_link_local


def scoped(address: str, scope: int) -> str:
    """The address as a socket needs it: a link-local one of IPv6 with its scope (0: none is known), `fe80::1%2`."""
    return f"{address}%{scope}" if scope and is_link_local(address) else address


def is_hidden_from(announced: str, peer: str) -> bool:
    """Whether `announced` is an address of a private network, and `peer` comes from outside of any."""
    return is_private(announced) and not is_private(peer)


def is_private(address: str) -> bool:
    """Whether an address has a meaning within one network only (RFC 1918, 6598, 3927, 4193; loopback)."""
    try:
        parsed = parse_address(address)
    except ValueError:
        return False
    return any(parsed in network for network in _PRIVATE if network.version == parsed.version)


def parse_port(argument: str) -> HostPort:
    """PORT's `h1,h2,h3,h4,p1,p2`; raises `Refusal` 501."""
    compact = argument.strip()
    numbers = [int(part) for part in compact.split(",")] if _PORT_ARGUMENT.fullmatch(compact) else []
    if len(numbers) != 6 or max(numbers) > 255:
        raise Refusal(501, "Illegal PORT command", Code.SYNTAX)
    return HostPort(".".join(map(str, numbers[:4])), numbers[4] * 256 + numbers[5], compact)


def parse_eprt(argument: str, families: tuple[int, ...] = (1, 2)) -> HostPort:
    """EPRT's `|family|address|port|` with any printable delimiter (RFC 2428 section 2).

    `families`: the numbers that this connection can use (1 IPv4, 2 IPv6). Raises `Refusal` 522 for another
    one, 501 for what is no EPRT argument.
    """
    compact = argument.strip()
    illegal = Refusal(501, "Illegal EPRT command", Code.SYNTAX)
    if not compact or not "!" <= compact[0] <= "~":
        raise illegal
    parts = compact.split(compact[0])
    if len(parts) != 5 or parts[0] or parts[4]:
        raise illegal
    family, host, port = parts[1:4]
    if family not in _FAMILY or int(family) not in families:
        usable = ",".join(map(str, families))
        raise Refusal(522, f"Network protocol not supported, use ({usable})", Code.NETWORK_PROTOCOL)
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        raise illegal from None
    if address.version != _FAMILY[family] or not _is_port(port):
        raise illegal
    return HostPort(str(parse_address(host)), int(port), compact)


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 5 and 0 < int(text) <= 65535


def parse_epsv(argument: str) -> int | Literal["ALL"] | None:
    """EPSV's argument: a family number (1 IPv4, 2 IPv6, others unknown), "ALL", or None without one.

    Raises `Refusal` 501 for anything else.
    """
    word = argument.strip().upper() if argument else ""
    if not word:
        return None
    if word == "ALL":
        return "ALL"
    if word.isascii() and word.isdigit() and len(word) <= 5:
        return int(word)
    raise Refusal(501, "EPSV: unknown network protocol", Code.SYNTAX)


def check_active(
    target: HostPort, peer: str, allows: Callable[[str], bool] | None, command: str = "PORT",
) -> HostPort:
    """Where to connect to for PORT or EPRT: `target`, the unspecified address replaced by the control `peer`.

    Raises `Refusal` 500 for a port below 1024 and, unless `allows` says that it is good (AllowForeignAddress), for an
    address that is not the peer's. The refusal's `log` is ProFTPD's line for the system log.
    """
    shown = f"Refused {command} {target.text or f'{target.host},{target.port}'}"
    if target.port < LOWEST_PORT:
        line = f"{shown} (port {target.port} below 1024, possible bounce attack)"
        raise Refusal(500, f"Illegal {command} command", Code.PORT_BELOW_1024, log=(line,))
    if parse_address(target.host).is_unspecified:
        return HostPort(str(parse_address(peer)), target.port, target.text)
    if not same_host(target.host, peer) and (allows is None or not allows(target.host)):
        line = f"{shown} (address mismatch)"
        raise Refusal(500, f"Illegal {command} command", Code.ADDRESS_MISMATCH, log=(line,))
    return target


def format_pasv(address: str, port: int) -> str:
    """The text of a 227 reply; raises `ValueError` for an IPv6 address, which PASV cannot say."""
    return f"Entering Passive Mode ({_commas(address)},{port // 256},{port % 256})."


@cache
def _commas(address: str) -> str:
    """An IPv4 address as PASV writes it. Kept: a server has few addresses of its own."""
    parsed = parse_address(address)
    if not isinstance(parsed, IPv4Address):
        raise ValueError(f"PASV cannot name {address}")
    return str(parsed).replace(".", ",")


def format_epsv(port: int) -> str:
    """The text of a 229 reply."""
    return f"Entering Extended Passive Mode (|||{port}|)"
