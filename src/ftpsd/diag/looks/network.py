"""Passive ports, the address that clients are told, NAT."""

from __future__ import annotations

import ipaddress

from ftpsd.access.classes import belongs, class_named
from ftpsd.diag.subject import Subject
from ftpsd.ftp.addresses import is_private
from ftpsd.reasons.codes import Code
from ftpsd.settings.addresses import is_ip
from ftpsd.settings.proxy import USE_SERVER_ADDRESS

_ANYBODY = (("192.0.2.1", "198.51.100.1", "203.0.113.1"), ("2001:db8::1", "2001:db8:8000::1", "3fff::1"))
"""Addresses that nobody has (RFC 5737, 3849, 9637): a class that all those of one kind are of is everybody's."""

_WIDE = 7
"""Bits of a network below which it is next to everybody's (fc00::/7 is a private one)."""

_MASQUERADES = ("MasqueradeAddress", "TLSMasqueradeAddress")


def look(subject: Subject) -> None:
    _ports(subject)
    for directive in _MASQUERADES:
        if isinstance(subject.value(directive), str):
            _masquerade(subject, directive, subject.value(directive))
    if subject.settings.proxy.engine:
        _behind_proxy(subject)
    else:
        _behind_nat(subject)
    _foreign(subject)


def _foreign(subject: Subject) -> None:
    foreign = subject.settings.transfer.allow_foreign_address
    if not foreign.allowed:
        return
    if foreign.of_class is not None and not _is_everybodys(subject, foreign.of_class):
        return
    subject.warn(
        Code.FOREIGN_ADDRESSES_ALLOWED,
        f"AllowForeignAddress {foreign}: data connections may go to and come from anybody, so the server can be made "
        "to attack third parties, and files can be taken by others where TLS does not prevent it",
        "Name a <Class> of the servers that files go to and come from, or say it in an <IfClass> or <IfUser> for "
        "those who need it (site-to-site transfers).",
        of="AllowForeignAddress")


def _behind_proxy(subject: Subject) -> None:
    proxy, foreign = subject.settings.proxy, subject.settings.transfer.allow_foreign_address
    subject.fact("PROXY protocol", f"believed from {', '.join(map(str, proxy.trust))}")
    wide = [str(one) for one in proxy.trust if one.prefixlen < _WIDE]
    if wide:
        subject.warn(
            Code.PROXY_TRUST_WIDE, f"ProxyProtocolTrust {', '.join(wide)}: whoever connects from there can say that he "
            "is anybody, and gets round bans, limits and classes",
            "Name the proxies, or a network in which there are no clients.", of="ProxyProtocolTrust")
    if not any(subject.says(each) for each in _MASQUERADES) and USE_SERVER_ADDRESS not in proxy.options:
        subject.note(
            Code.PROXY_ADDRESS, "PASV tells clients this machine's address, and they connect to the proxy's",
            f"MasqueradeAddress with the proxy's address, or ProxyProtocolOptions {USE_SERVER_ADDRESS}.",
            of="ProxyProtocolEngine")
    if not proxy.data and not proxy.ignore and not foreign.allowed:
        subject.note(
            Code.PROXY_DATA_PLAIN, "passive data connections that come through the proxy are refused, as nothing says "
            "whose they are", "ProxyProtocolData on, and the header on the proxy's passive ports, too.",
            of="ProxyProtocolEngine")


def _is_everybodys(subject: Subject, name: str) -> bool:
    """Whether whoever has no name is of the class, as `session.foreign` sees him."""
    section, looks = class_named(subject.configuration.classes, name), subject.settings.core.use_reverse_dns
    return section is not None and any(
        all(belongs(section, address, address if looks else None) for address in kind) for kind in _ANYBODY)


def _ports(subject: Subject) -> None:
    ports = subject.settings.transfer.passive_ports
    if ports is None:
        subject.fact("passive ports", "any that the kernel gives")
        if any(subject.says(directive) for directive in _MASQUERADES):
            subject.warn(
                Code.MASQUERADE_WITHOUT_PORTS,
                "MasqueradeAddress without PassivePorts: a router or firewall cannot know which ports to let through",
                "Write PassivePorts 30000 30999, for example, and forward those ports to this machine.",
                of=next(each for each in _MASQUERADES if subject.says(each)))
        return
    count = ports.high - ports.low + 1
    subject.fact("passive ports", f"{ports.low} to {ports.high} ({count})")
    bounds = [
        (value, name) for name in ("MaxClients", "MaxInstances")
        if isinstance(value := _bound(subject, name), int) and value > count
    ]
    if bounds:
        most, name = min(bounds)
        subject.warn(
            Code.PASSIVE_PORTS_FEW, f"{count} passive ports for up to {most} sessions ({name}): when they are in use, "
            "transfers wait for one, and fail after five seconds",
            f"Widen PassivePorts to {most} ports or more.", of="PassivePorts")
    _clashes(subject, ports.low, ports.high)


def _bound(subject: Subject, directive: str) -> object:
    """The value of a bound on the number of sessions, however this version keeps it."""
    value = subject.value(directive)
    return getattr(value, "count", getattr(value, "limit", value))


def _clashes(subject: Subject, low: int, high: int) -> None:
    kernel = subject.machine.ephemeral_ports()
    if kernel is not None and low <= kernel[1] and kernel[0] <= high:
        subject.note(
            Code.PASSIVE_PORTS_EPHEMERAL,
            f"the passive ports overlap with those that the kernel takes for outgoing connections ({kernel[0]} to "
            f"{kernel[1]}): some may be in use", f"sysctl -w net.ipv4.ip_local_reserved_ports={low}-{high}",
            of="PassivePorts")
    for host in subject.configuration.hosts:
        port = host.settings.core.port
        if low <= port <= high:
            subject.warn(
                Code.PASSIVE_PORTS_CLASH, f"port {port} of '{host.settings.core.server_name}' lies within PassivePorts",
                "Choose a range without it.", of="PassivePorts")


def _masquerade(subject: Subject, directive: str, name: str) -> None:
    found = subject.machine.resolve(name)
    if not found:
        subject.error(
            Code.MASQUERADE_UNRESOLVABLE, f"'{name}' cannot be resolved: the server does not start",
            "Write the address, or a name that this machine can look up.", of=directive)
        return
    chosen = next((each for each in found if ":" not in each), found[0])
    subject.fact("address told to clients", f"{chosen} ({directive} {name})")
    if ":" in chosen:
        subject.warn(
            Code.MASQUERADE_UNRESOLVABLE, f"'{name}' is an IPv6 address, which PASV cannot tell: it has no effect",
            "Write an IPv4 address.", of=directive)
    elif is_private(chosen):
        subject.warn(
            Code.MASQUERADE_PRIVATE,
            f"'{name}' is {chosen}, an address that clients outside of this network cannot reach",
            "Write the public address, or a name that means it here, too (split DNS answers otherwise inside).",
            of=directive)


def _behind_nat(subject: Subject) -> None:
    if any(subject.says(directive) for directive in _MASQUERADES):
        return
    named = [each for each in subject.host.resolved or subject.host.addresses if is_ip(each)]
    own = [each for each in named if not ipaddress.ip_address(each).is_unspecified] or list(subject.machine.addresses())
    if not all(is_private(each) for each in own):
        return
    outside = [each for each in own if not ipaddress.ip_address(each).is_loopback and ":" not in each]
    if outside:
        subject.note(
            Code.BEHIND_NAT, f"PASV tells clients {outside[0]}, a private address: clients behind another router "
            f"cannot "
            "reach it", "If clients come from outside: MasqueradeAddress with the public address, and PassivePorts.")
