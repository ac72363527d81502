"""Which host answers at an address. Names in <VirtualHost> must have been resolved by the loader before."""

from __future__ import annotations

import fnmatch
import ipaddress
import re
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ftpsd.settings.model import Host


@lru_cache(maxsize=1024)
def canonical(address: str) -> str:
    """`address` in one spelling: compressed, without brackets and zone, IPv4-mapped as IPv4; names in lower
    case."""
    bare = address.strip("[]").partition("%")[0]
    try:
        parsed = ipaddress.ip_address(bare)
    except ValueError:
        return bare.lower().rstrip(".")
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(parsed)


def is_ip(text: str) -> bool:
    """Whether `text` is an IP address, not a name."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_BITS = re.compile("[0-9]{1,3}")


def block(text: str) -> Network | None:
    """The block that `address/bits` or `address/netmask` (192.0.2.0/255.255.255.0) is; None: it is none.

    An IPv4-mapped address is an IPv4 address, its bits may be counted either way. A host mask (0.0.0.255) is no mask.
    """
    base, _, mask = text.partition("/")
    try:
        address = ipaddress.ip_address(base.partition("%")[0])
        if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        if not _BITS.fullmatch(mask):
            return ipaddress.ip_network(f"{address}/{_bits_of(mask)}", strict=False) if address.version == 4 else None
        bits = int(mask)
        if address.version == 4 and ":" in base and bits > 32:
            bits -= 96
        return ipaddress.ip_network(f"{address}/{bits}", strict=False)
    except ValueError:
        return None


def _bits_of(netmask: str) -> int:
    """Bits of a dotted netmask; raises `ValueError`."""
    hosts = ~int(ipaddress.IPv4Address(netmask)) & 0xFFFFFFFF
    if hosts & (hosts + 1):
        raise ValueError("bits of the host stand before bits of the network")
    return 32 - hosts.bit_length()


WILDCARDS = frozenset({"0.0.0.0", "::"})


def _ways(host: Host, address: str) -> int:
    """How well `host` fits `address`: 0 exact, 1 a wildcard that it names, 2 it names no address, 3 not at
    all."""
    own = {canonical(entry) for entry in host.resolved or host.addresses}
    if canonical(address) in own:
        return 0
    if own & WILDCARDS:
        return 1
    return 3 if own else 2


def described(host: Host) -> str:
    """`NAME (address:port)` for messages, `NAME (port N)` where it has no address of its own."""
    core, own = host.settings.core, host.resolved or host.addresses
    if not own:
        return f"{core.server_name} (port {core.port})"
    address = canonical(own[0])
    return f"{core.server_name} ({f'[{address}]' if ':' in address else address}:{core.port})"


def choose(hosts: Sequence[Host], address: str, port: int) -> Host | None:
    """See `Configuration.host_for`. A host without any address of its own comes behind DefaultServer on its
    port; behind them server config on its port, and a host that is alone on its port: where sockets are open to every
    address ProFTPD has these answer, too, though DefaultAddress or <VirtualHost> name others (a public one behind NAT).
    They do not answer for a host that has been taken down.
    """
    claimant = claiming(hosts, address, port)
    if claimant is not None:
        return claimant
    here = [host for host in hosts if host.settings.core.port == port]
    default = [host for host in hosts if host.settings.core.default_server]
    preferences = (
        [host for host in default if host in here],
        [host for host in here if _ways(host, address) == 2],
        [] if _is_down(hosts, address) else [host for host in here if host.id == 0 or len(here) == 1],
        default,
    )
    return next((found[0] for found in preferences if found), None)


def claiming(hosts: Sequence[Host], address: str, port: int) -> Host | None:
    """The first host that names that address or, where none does, a wildcard, and has that port."""
    here = [host for host in hosts if host.settings.core.port == port]
    fitting = (host for way in (0, 1) for host in here if _ways(host, address) == way)
    return next(fitting, None)


def _is_down(hosts: Sequence[Host], address: str) -> bool:
    """Whether the address is that of a host with Port 0, its own or a wildcard."""
    return any(not host.settings.core.port and _ways(host, address) < 2 for host in hosts)


def named(hosts: Sequence[Host], name: str, address: str, port: int) -> Host | None:
    """See `Configuration.host_named`."""
    return next((host for host in candidates(hosts, address, port) if goes_by(host, name)), None)


def candidates(hosts: Sequence[Host], address: str, port: int) -> list[Host]:
    """The hosts that a name can choose from at `address`:`port`, those first whose own address it is."""
    fitting = [host for host in hosts if host.settings.core.port == port and _ways(host, address) < 3]
    return sorted(fitting, key=lambda host: _ways(host, address))


def goes_by(host: Host, name: str) -> bool:
    """Whether `name` is one of the host's."""
    wanted = canonical(name)
    return any(fnmatch.fnmatchcase(wanted, alias.lower().rstrip(".")) for alias in host.names)
