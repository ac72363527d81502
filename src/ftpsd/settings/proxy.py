"""The PROXY protocol (mod_proxy_protocol): clients whose connections a proxy or load balancer hands on."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from ftpsd.settings.addresses import Network, block, canonical
from ftpsd.settings.arguments import ArgumentError, Boolean, Special, duration, want
from ftpsd.settings.declaration import EVERY_HOST, Combine
from ftpsd.settings.declaration import directive as _directive
from ftpsd.settings.modules import OWN
from ftpsd.settings.parsers import keywords

MODULE = "mod_proxy_protocol"

directive = partial(_directive, contexts=EVERY_HOST)
"""Of which class a client is, only the header says."""

USE_SERVER_ADDRESS = "UseProxiedServerAddress"
EITHER = frozenset({1, 2})
_VERSIONS = {"haproxyv1": 1, "haproxyv2": 2}


def version(words: Sequence[str]) -> frozenset[int]:
    """`haproxyV1` or `haproxyV2`."""
    want(words, 1, 1)
    found = _VERSIONS.get(words[0].lower())
    if found is None:
        raise ArgumentError(f"unknown protocol/version: {words[0]}", remedy="It is haproxyV1 or haproxyV2.")
    return frozenset({found})


def timeout(words: Sequence[str]) -> int:
    """Seconds, at least one."""
    want(words, 1, 1)
    seconds = duration(words[0])
    if seconds < 1:
        raise ArgumentError("a connection without a header would be waited for without end", remedy="Write 3, say.")
    return seconds


def options(words: Sequence[str]) -> frozenset[str]:
    """`UseProxiedServerAddress`."""
    want(words, 1)
    return keywords(words, (USE_SERVER_ADDRESS,), "ProxyProtocolOption")


def trust(words: Sequence[str]) -> tuple[Network, ...]:
    """IP addresses and networks."""
    want(words, 1)
    return tuple(_network(word) for word in words)


def _network(word: str) -> Network:
    found = block(word) if "/" in word else None
    if found is None and "/" not in word:
        try:
            found = ipaddress.ip_network(canonical(word))
        except ValueError:
            pass
    if found is None:
        raise ArgumentError(
            f"'{word}' is not an IP address or a network", remedy="Write 192.0.2.10 or 192.0.2.0/24, for example.")
    return found


@dataclass(frozen=True, slots=True)
class ProxySettings:
    """Who may say for whom it connects, and how."""

    engine: bool = directive(
        "ProxyProtocolEngine", Boolean(), False, module=MODULE, needs=("ProxyProtocolTrust",), good=("on", "off"),
        bad=("", "haproxy"),
        doc="Connections from the addresses of ProxyProtocolTrust begin with a header of the PROXY protocol, which says"
        " for which client they are: it is this client for logs, bans, limits, access tables and classes. Such a"
        " connection without a header is closed. Others are served as what they are. docs/proxy.md says more.",
        differs="ProxyProtocolTrust must say who is believed; it may not stand in <IfClass>",
    )
    trust: tuple[Network, ...] = directive(
        "ProxyProtocolTrust", Special("address|network …", trust), (), module=OWN, combine=Combine.TOGETHER,
        good=("192.0.2.10", "10.0.0.0/8 2001:db8::/64", "127.0.0.1 ::1"), bad=("", "proxy.example.org", "10.0.0.0/99"),
        default_text="none",
        doc="The proxies: addresses and networks from which connections have a header, which is believed. Nobody else's"
        " is.",
    )
    versions: frozenset[int] = directive(
        "ProxyProtocolVersion", Special("haproxyV1|haproxyV2", version), EITHER, module=MODULE,
        good=("haproxyV1", "haproxyV2"), bad=("", "3", "haproxyV1 haproxyV2"), default_text="either",
        doc="The only version of the PROXY protocol that is understood.",
        differs="where it does not stand both are understood, not haproxyV1 alone",
    )
    ignore: bool = directive(
        "ProxyProtocolIgnore", Boolean(), False, module=MODULE, good=("on", "off"), bad=("", "maybe"),
        doc="Headers are read, and what they say is not used: the client is the proxy.",
    )
    timeout: int = directive(
        "ProxyProtocolTimeout", Special("seconds", timeout), 3, module=MODULE, good=("5", "10sec"),
        bad=("", "0", "soon"),
        doc="Seconds that a header may take to come.", differs="0 is refused",
    )
    options: frozenset[str] = directive(
        "ProxyProtocolOptions", Special("option …", options), frozenset(), module=MODULE, combine=Combine.UNION,
        good=(USE_SERVER_ADDRESS,), bad=("", "UseNothing"), default_text="none",
        doc="UseProxiedServerAddress: the address and port that the client connected to at the proxy choose the"
        " <VirtualHost>, and PASV tells that address where MasqueradeAddress does not say another.",
    )
    data: bool = directive(
        "ProxyProtocolData", Boolean(), False, module=OWN, needs=("ProxyProtocolEngine", "ProxyProtocolTrust"),
        good=("on", "off"), bad=("", "passive"),
        doc="Whether passive data connections of sessions that came through a proxy come through one, too, and with a"
        " header: it has to tell the address of the session's client. Off: they come without, from that address, or"
        " from one that AllowForeignAddress is for.",
    )

    def trusts(self, address: str) -> bool:
        """Whether what comes from this IP address is handed on by a proxy, with a header that is believed."""
        peer = ipaddress.ip_address(canonical(address))
        return self.engine and any(peer in network for network in self.trust)
