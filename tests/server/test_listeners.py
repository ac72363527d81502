"""Which sockets a configuration wants, and what happens to them when it changes."""

from __future__ import annotations

import socket
from collections.abc import Iterable

import pytest

from ftpsd.errors import ConfigError, Location
from ftpsd.server.listeners import Endpoint, Listeners, listen, plan
from ftpsd.settings import Configuration, Host, Settings
from ftpsd.settings.core import CoreSettings
from ftpsd.settings.server import ServerSettings
from ftpsd.testing.ports import free_port
from tests.settings.support import configuration as said

Hosts = Iterable[tuple[int, tuple[str, ...]]]


def configuration(hosts: Hosts, *, tight: bool = False, ipv6: bool = True) -> Configuration:
    server = ServerSettings(socket_bind_tight=tight, use_ipv6=ipv6)
    made = (
        Host(settings=Settings(core=CoreSettings(port=port), server=server), id=number, addresses=addresses)
        for number, (port, addresses) in enumerate(hosts)
    )
    return Configuration(hosts=tuple(made))


@pytest.mark.parametrize(
    ("hosts", "tight", "ipv6", "expected"),
    [
        ([(21, ())], False, True, ["0.0.0.0:21", "[::]:21"]),
        ([(21, ())], False, False, ["0.0.0.0:21"]),
        ([(21, ("127.0.0.1",))], False, False, ["0.0.0.0:21"]),
        ([(21, ("127.0.0.1",))], True, True, ["127.0.0.1:21"]),
        ([(21, ("::1", "127.0.0.1"))], True, True, ["127.0.0.1:21", "[::1]:21"]),
        ([(21, ("[::1]", "::ffff:127.0.0.1"))], True, True, ["127.0.0.1:21", "[::1]:21"]),
        ([(21, ("::1", "127.0.0.1"))], True, False, ["127.0.0.1:21"]),
        ([(21, ()), (990, ())], False, False, ["0.0.0.0:21", "0.0.0.0:990"]),
        ([(21, ()), (21, ("127.0.0.2",))], False, False, ["0.0.0.0:21"]),
        ([(21, ("127.0.0.1",)), (21, ("127.0.0.2",))], True, True, ["127.0.0.1:21", "127.0.0.2:21"]),
        ([(21, ("127.0.0.1",)), (21, ("127.0.0.1",))], True, True, ["127.0.0.1:21"]),
        ([(21, ()), (21, ("127.0.0.2", "::1"))], True, True, ["0.0.0.0:21", "[::]:21"]),
        ([(21, ()), (2121, ("127.0.0.2",))], True, False, ["0.0.0.0:21", "127.0.0.2:2121"]),
        ([(0, ()), (2121, ())], False, False, ["0.0.0.0:2121"]),
        ([(0, ())], False, True, []),
    ],
)
def test_plan(hosts: Hosts, tight: bool, ipv6: bool, expected: list[str]) -> None:
    assert sorted(map(str, plan(configuration(hosts, tight=tight, ipv6=ipv6)))) == expected


@pytest.mark.parametrize(("option", "expected"), [(False, 1), (True, 2), (None, 2)])
def test_options_4_and_6_win_over_useipv6(option: bool | None, expected: int) -> None:
    assert len(plan(configuration([(21, ())]), ipv6=option)) == expected


def test_resolved_names_are_bound() -> None:
    server = ServerSettings(socket_bind_tight=True)
    settings = Settings(core=CoreSettings(port=21), server=server)
    host = Host(settings=settings, addresses=("ftp.example.org",), resolved=("127.0.0.3",))
    assert [str(endpoint) for endpoint in plan(Configuration(hosts=(host,)))] == ["127.0.0.3:21"]


def free_endpoint(address: str = "127.0.0.1") -> Endpoint:
    return Endpoint(address, free_port(address), location=Location("/etc/ftpsd.conf", 7))


def test_change_keeps_descriptors_of_what_stays() -> None:
    first, second, third = free_endpoint(), free_endpoint("127.0.0.2"), free_endpoint("127.0.0.3")
    before, _ = Listeners().changed_to([first, second])
    after, notices = before.changed_to([second, third])
    assert notices == ()
    assert after.sockets[second] is before.sockets[second]
    before.close_all_but(after)
    assert before.sockets[first].fileno() == -1
    assert after.sockets[second].fileno() >= 0
    socket.create_connection((third.address, third.port), timeout=5).close()
    after.close()


def test_a_change_that_fails_leaves_nothing_open() -> None:
    kept, new = free_endpoint(), free_endpoint()
    before, _ = Listeners().changed_to([kept])
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = Endpoint("127.0.0.1", other.getsockname()[1], location=Location("/etc/ftpsd.conf", 7))
        with pytest.raises(ConfigError) as caught:
            before.changed_to([kept, new, taken])
    assert f"unable to bind to 127.0.0.1 port {taken.port}: Address already in use" in caught.value.text
    assert caught.value.remedy is not None
    assert f":{taken.port}" in caught.value.remedy
    assert str(caught.value.location) == "line 7 of '/etc/ftpsd.conf'"
    assert before.sockets[kept].fileno() >= 0
    listen(new).close()
    before.close()


def test_from_every_address_to_one_needs_a_restart() -> None:
    port = free_endpoint().port
    before, _ = Listeners().changed_to([Endpoint("127.0.0.1", port)])
    with pytest.raises(ConfigError, match="Address already in use") as caught:
        before.changed_to([Endpoint("0.0.0.0", port)])
    assert caught.value.remedy is not None
    assert "restart ftpsd" in caught.value.remedy
    before.close()


def test_foreign_address_is_explained() -> None:
    with pytest.raises(ConfigError, match="Cannot assign requested address") as caught:
        Listeners().changed_to([Endpoint("192.0.2.1", 2121)])
    assert caught.value.remedy == (
        "no interface of this machine has that address: mend DefaultAddress or <VirtualHost>"
    )


def test_given_sockets_are_used_instead_of_binding() -> None:
    with socket.create_server(("127.0.0.1", 0)) as given:
        listeners = Listeners.from_sockets([given])
        port = given.getsockname()[1]
        after, notices = listeners.changed_to([Endpoint("0.0.0.0", port), Endpoint("0.0.0.0", 1)])
        assert after is listeners
        assert list(after.sockets.values()) == [given]
        assert notices == ("no socket for port 1 among those passed by LISTEN_FDS: nobody listens there",)


@pytest.mark.parametrize(("given", "wanted", "unheard"), [
    ("127.0.0.1", "192.0.2.1", True), ("127.0.0.1", "127.0.0.1", False), ("127.0.0.1", "0.0.0.0", False),
    ("127.0.0.1", "::", False), ("0.0.0.0", "192.0.2.1", False), ("0.0.0.0", "2001:db8::1", True),
])
def test_an_address_that_no_given_socket_hears_is_told(given: str, wanted: str, unheard: bool) -> None:
    """A reload that names another DefaultAddress cannot have it: the sockets are systemd's."""
    with socket.create_server((given, 0)) as sock:
        port = sock.getsockname()[1]
        _, notices = Listeners.from_sockets([sock]).changed_to([Endpoint(wanted, port)])
    text = f"no socket for {wanted} port {port} among those passed by LISTEN_FDS: nobody listens there"
    assert notices == ((text,) if unheard else ())


def test_reuseport_lets_another_server_listen() -> None:
    """SocketOptions reuseport on."""
    text = "Port 2121\nSocketOptions reuseport on\n<VirtualHost 127.0.0.1>\nPort 2122\n</VirtualHost>\n"
    assert {one.port: one.reuse_port for one in plan(said(text))} == {2121: True, 2122: False}
    port = free_endpoint().port
    with listen(Endpoint("127.0.0.1", port, reuse_port=True)):
        listen(Endpoint("127.0.0.1", port, reuse_port=True)).close()
        with pytest.raises(OSError, match="in use"):
            listen(Endpoint("127.0.0.1", port))


def test_ipv6_sockets_serve_ipv6_only() -> None:
    try:
        sock = listen(Endpoint("::1", 0))
    except OSError as error:
        pytest.skip(f"no IPv6 here: {error}")
    with sock:
        assert sock.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY) == 1
        assert not sock.getblocking()
