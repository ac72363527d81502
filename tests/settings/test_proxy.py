"""The directives of the PROXY protocol, and the configuration of docs/proxy.md."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ftpsd.errors import ConfigError
from tests.settings.support import configuration

PAGE = Path(__file__).resolve().parents[2] / "docs" / "proxy.md"
ON = "ProxyProtocolEngine on\n"


@pytest.mark.parametrize(("trust", "address", "trusted"), [
    ("10.0.0.5", "10.0.0.5", True), ("10.0.0.5", "10.0.0.6", False), ("10.0.0.5", "::ffff:10.0.0.5", True),
    ("::ffff:10.0.0.0/104", "10.9.9.9", True), ("10.0.0.0/255.0.0.0", "10.9.9.9", True),
    ("10.0.0.5/8", "10.9.9.9", True),
    ("2001:db8::/64", "2001:db8::ffff", True), ("2001:db8::/64", "2001:db8:0:1::1", False), ("::/0", "10.0.0.5", False),
    ("0.0.0.0/0", "2001:db8::1", False), ("fe80::5", "fe80::5%eth0", True), ("10.0.0.5 10.0.0.6", "10.0.0.6", True),
    ("10.0.0.5\nProxyProtocolTrust 10.0.0.6", "10.0.0.5", True), ("::1", "0.0.0.1", False),
])
def test_who_is_trusted(trust: str, address: str, trusted: bool) -> None:
    proxies = configuration(f"{ON}ProxyProtocolTrust {trust}").hosts[0].settings.proxy
    assert proxies.trusts(address) is trusted


def test_nobody_is_trusted_while_the_engine_is_off() -> None:
    proxies = configuration("ProxyProtocolTrust 10.0.0.5").hosts[0].settings.proxy
    assert not proxies.trusts("10.0.0.5")


@pytest.mark.parametrize("text", [ON, "ProxyProtocolTrust 10.0.0.5\nProxyProtocolData on"])
def test_what_must_stand_together(text: str) -> None:
    with pytest.raises(ConfigError, match="needs ProxyProtocol"):
        configuration(text)


def test_hosts_have_proxies_of_their_own() -> None:
    found = configuration(
        f"<Global>\n{ON}ProxyProtocolTrust 10.0.0.5\n</Global>\n"
        "<VirtualHost 127.0.0.1>\nProxyProtocolTrust 10.0.0.6\n</VirtualHost>\n"
        "<VirtualHost 127.0.0.2>\nProxyProtocolEngine off\n</VirtualHost>\n")
    trusted = [[host.settings.proxy.trusts(f"10.0.0.{last}") for last in (5, 6)] for host in found.hosts]
    assert trusted == [[True, False], [False, True], [False, False]]


def test_the_examples_of_the_page() -> None:
    blocks = re.findall(r"^```apache\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    (found,) = [configuration(block).hosts[0].settings for block in blocks]
    assert found.proxy.data
    assert found.proxy.trusts("10.0.0.6")
