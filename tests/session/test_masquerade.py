"""MasqueradeAddress and TLSMasqueradeAddress: what clients are told, and where a name that nobody knows stands."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from ftpsd.errors import ConfigError
from ftpsd.session import masquerade
from ftpsd.session.endpoints import Ends
from ftpsd.session.masquerade import Masquerade
from ftpsd.settings import Configuration
from ftpsd.testing.client import ScriptedClient, parse_pasv
from ftpsd.testing.plugin import Certificates
from ftpsd.tls.policy import TLSState
from tests.session.hosts import Hosts, serving
from tests.settings.support import configuration

HOSTS = {
    "both": 'MasqueradeAddress 192.0.2.7\nTLSMasqueradeAddress 192.0.2.8\nServerIdent on "hello %L"',
    "TLS only": "TLSMasqueradeAddress localhost",
    "IPv6": "MasqueradeAddress 2001:db8::7",
    "by class": """
        MasqueradeAddress 192.0.2.7
        <IfClass near>
          MasqueradeAddress 192.0.2.9
          TLSMasqueradeAddress 192.0.2.10
        </IfClass>
        <IfClass !near>
          MasqueradeAddress 192.0.2.11
        </IfClass>
    """,
    "by user": "MasqueradeAddress 192.0.2.7\n<IfUser alice>\nMasqueradeAddress 192.0.2.12\n</IfUser>",
}
ENDS = Ends("127.0.0.2", 21, "127.0.0.1", 50000)
UNKNOWN = "no-such-host.invalid"


@pytest.fixture(scope="module")
def hosts(ftps_certificates: Certificates) -> Iterator[Hosts]:
    shared = ("TLSOptions NoSessionReuseRequired",)
    near = "<Class near>\nFrom 127.0.0.0/8\n</Class>\n"
    with serving(ftps_certificates, HOSTS, shared=shared, sections=near) as running:
        running.server.give("file.txt", b"hello")
        yield running


def told(client: ScriptedClient) -> str:
    return parse_pasv(client.expect(227, "PASV").text)[0]


def secured(hosts: Hosts, name: str, version: str) -> ScriptedClient:
    client = hosts.client(name, version)
    return client.begin()


def test_an_address_of_its_own_under_tls(hosts: Hosts, tls_version: str) -> None:
    with hosts.logged_in("both") as client:
        assert told(client) == "192.0.2.7"
    with secured(hosts, "both", tls_version) as client:
        assert "hello 192.0.2.7" in client.transcript[0]
        assert told(client) == "192.0.2.8"
        assert client.expect(229, "EPSV")
        client.clear_control()
        assert told(client) == "192.0.2.8"  # as ProFTPD has it: what the client is told does not change under it


def test_clients_inside_are_told_another_address(hosts: Hosts, tls_version: str) -> None:
    """As ProFTPD's page on NAT has it."""
    with hosts.client("by class") as client:
        assert "[192.0.2.9]" in client.connect().text
        client.login()
        assert told(client) == "192.0.2.9"
    with secured(hosts, "by class", tls_version) as client:
        assert told(client) == "192.0.2.10"
    with hosts.client("by user") as client:
        assert "[192.0.2.7]" in client.connect().text
        client.login()
        assert told(client) == "192.0.2.12"


def test_without_masqueradeaddress(hosts: Hosts, tls_version: str) -> None:
    with hosts.logged_in("TLS only") as client:
        assert told(client) == hosts.config.address_of("TLS only")
    with secured(hosts, "TLS only", tls_version) as client:
        assert told(client) == "127.0.0.1"


def test_pasv_cannot_tell_an_ipv6_address(hosts: Hosts) -> None:
    with hosts.logged_in("IPv6") as client:
        assert told(client) == hosts.config.address_of("IPv6")
        assert client.retrieve("RETR file.txt") == b"hello"


def test_implicit_tls_counts_from_the_greeting_on() -> None:
    both = Masquerade("192.0.2.7", "192.0.2.8")
    assert both.shown(ENDS, TLSState(mechanism=True)) == "192.0.2.8"
    assert both.shown(ENDS, TLSState()) == "192.0.2.7"
    assert Masquerade().shown(ENDS, TLSState(mechanism=True)) == ENDS.local
    assert Masquerade("2001:db8::1").shown(ENDS, TLSState()) == "2001:db8::1"


@pytest.mark.parametrize("directive", ["MasqueradeAddress", "TLSMasqueradeAddress"])
@pytest.mark.parametrize("error", [socket.gaierror(-2, "Name or service not known"), UnicodeError("label too long")])
def test_a_name_that_nobody_knows(monkeypatch: pytest.MonkeyPatch, directive: str, error: Exception) -> None:
    def unknown(name: str, *arguments: object, **more: object) -> object:
        raise error

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    loaded = configuration(f"Port 0\n<VirtualHost 127.0.0.1>\n  Port 0\n  {directive} {UNKNOWN}\n</VirtualHost>\n")
    with pytest.raises(ConfigError) as caught:
        masquerade.resolve(loaded.hosts[1])
    message = str(caught.value)
    assert f"{directive}: unable to resolve '{UNKNOWN}'" in message
    assert "on line 4 of" in message


def test_a_name_in_a_section_that_nobody_knows() -> None:
    loaded = configuration(f"Port 0\n<IfUser alice>\nMasqueradeAddress {UNKNOWN}\n</IfUser>\n")
    with pytest.raises(ConfigError, match="on line 3 of"):
        masquerade.resolve(loaded.hosts[0])


def test_what_is_shared_by_global_is_found_there() -> None:
    text = f"Port 0\n<Global>\n  MasqueradeAddress {UNKNOWN}\n</Global>\n"
    loaded: Configuration = configuration(text)
    with pytest.raises(ConfigError, match="on line 3 of"):
        masquerade.resolve(loaded.hosts[0])


def test_names_are_looked_up(tmp_path: Path) -> None:
    loaded = configuration("Port 0\nMasqueradeAddress localhost\n")
    assert masquerade.resolve(loaded.hosts[0]) == Masquerade("127.0.0.1")
