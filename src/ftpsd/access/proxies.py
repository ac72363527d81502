"""Whose word counts about who a client is (ProxyProtocolTrust)."""

from __future__ import annotations

import ipaddress

from ftpsd.settings.addresses import canonical
from ftpsd.settings.proxy import ProxySettings


def is_trusted(proxies: ProxySettings, address: str) -> bool:
    """Whether what comes from this address is handed on by a proxy, with a header that is believed. Raises `ValueError`
    for what is no address."""
    peer = ipaddress.ip_address(canonical(address))
    return proxies.engine and any(peer in network for network in proxies.trust)
