"""Which host answers at an address."""

from __future__ import annotations

import pytest

from ftpsd.settings.addresses import canonical
from tests.settings.support import HOSTS, configuration

TEXT = """
ServerName main
DefaultAddress 127.0.0.1
Port 2121
<VirtualHost 127.0.0.2 ::1>
  ServerName two
  Port 2121
</VirtualHost>
<VirtualHost 0.0.0.0>
  ServerName wild
  Port 990
</VirtualHost>
<VirtualHost ftp.example.org>
  ServerName named
  Port 2121
</VirtualHost>
"""


def name_at(text: str, address: str, port: int) -> str | None:
    host = configuration(text).host_for(address, port)
    return host.settings.core.server_name if host is not None else None


@pytest.mark.parametrize(
    ("address", "port", "name"),
    [
        ("127.0.0.1", 2121, "main"),
        ("::ffff:127.0.0.1", 2121, "main"),
        ("127.0.0.2", 2121, "two"),
        ("::1", 2121, "two"),
        ("0:0:0:0:0:0:0:1", 2121, "two"),
        ("127.0.0.9", 990, "wild"),
        ("::1", 990, "wild"),
        ("192.0.2.7", 2121, "named"),
        ("2001:db8::7", 2121, "named"),
        ("127.0.0.3", 2121, "main"),
        ("127.0.0.1", 21, None),
    ],
)
def test_exact_wildcard_nobody(address: str, port: int, name: str | None) -> None:
    assert name_at(TEXT, address, port) == name


@pytest.mark.parametrize(
    ("address", "port", "name"),
    [
        ("127.0.0.3", 2121, "two"),
        ("127.0.0.1", 2121, "main"),
        ("127.0.0.1", 990, "wild"),
        ("127.0.0.1", 4, "two"),
    ],
)
def test_default_server_takes_the_rest(address: str, port: int, name: str) -> None:
    text = TEXT.replace("ServerName two", "ServerName two\nDefaultServer on")
    assert name_at(text, address, port) == name


def test_server_config_without_address_is_behind_a_default_server_of_its_port() -> None:
    text = "ServerName main\n<VirtualHost 127.0.0.2>\nServerName v\nDefaultServer on\n</VirtualHost>"
    assert name_at(text, "127.0.0.9", 21) == "v"
    assert name_at(text.replace("DefaultServer on", ""), "127.0.0.9", 21) == "main"
    assert name_at(text.replace("DefaultServer on", "DefaultServer on\nPort 990"), "127.0.0.9", 21) == "main"


def test_listen_replaces_default_address() -> None:
    found = configuration("DefaultAddress 127.0.0.1", listen="127.0.0.7")
    assert found.hosts[0].addresses == ("127.0.0.7",)
    assert found.host_for("127.0.0.1", 990) is None


TWO = "<VirtualHost 127.0.0.2>\nServerName v\nPort {}\n</VirtualHost>\n"


@pytest.mark.parametrize(("text", "port", "name"), [
    (TWO.format(21), 21, "main"), (TWO.format(990), 21, "main"), (TWO.format(990), 990, "v"),
    (TWO.format("21\nDefaultServer on"), 21, "v"), ("DefaultServer on\n" + TWO.format(990), 990, "v"),
    (TWO.format("990\nDefaultServer on"), 21, "main"), ("DefaultServer off", 21, "main"),
    (TWO.format(990) + TWO.format(990).replace(".2", ".3"), 990, None), ("", 990, None),
    ("<VirtualHost 127.0.0.9>\nPort 0\n</VirtualHost>", 21, None),
    ("<VirtualHost 0.0.0.0>\nPort 0\n</VirtualHost>", 21, None),
])
def test_an_address_that_nobody_claims(text: str, port: int, name: str | None) -> None:
    """As ProFTPD 1.3.8 answers while SocketBindTight is off, but for a port at which several hosts are."""
    assert name_at(f"ServerName main\nDefaultAddress 127.0.0.1\n{text}", "127.0.0.9", port) == name


def test_names_are_kept_as_written_and_resolved() -> None:
    host = configuration(TEXT).hosts[3]
    assert host.addresses == ("ftp.example.org",)
    assert host.resolved == ("192.0.2.7", "2001:db8::7")
    assert configuration(TEXT).hosts[1].resolved == ()


NAMED = """
<VirtualHost 127.0.0.1>
  ServerName a
  ServerAlias a.example.org
</VirtualHost>
<VirtualHost 127.0.0.1>
  ServerName b
  ServerAlias b.example.org *.b.example.org
  ServerAlias extra
</VirtualHost>
"""


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("a.example.org", "a"),
        ("B.Example.ORG.", "b"),
        ("x.b.example.org", "b"),
        ("extra", "b"),
        ("c.example.org", None),
    ],
)
def test_hosts_by_name(name: str, found: str | None) -> None:
    loaded = configuration(NAMED)
    host = loaded.host_named(name, "127.0.0.1", 21)
    assert (host.settings.core.server_name if host else None) == found
    assert loaded.host_named(name, "127.0.0.1", 990) is None
    first = loaded.host_for("127.0.0.1", 21)
    assert first is loaded.hosts[1]
    assert loaded.notices == ()


def test_hosts_that_nobody_can_reach_are_told() -> None:
    notices = configuration("ServerName main\n" + 2 * "<VirtualHost 127.0.0.1>\n</VirtualHost>\n").notices
    assert notices == ('"main" address/port (127.0.0.1:21) already in use by "main": nobody reaches '
                       "the one on line 4 of '/etc/main.conf'; give it another address or Port, or a ServerAlias",)
    (notice,) = configuration(2 * "<VirtualHost localhost>\n</VirtualHost>\n").notices  # of one name
    assert "nobody reaches the one on line 3" in notice
    assert configuration(2 * "<VirtualHost localhost>\nServerAlias *.test\n</VirtualHost>\n").notices == ()


IMPLIED = """
DefaultAddress localhost
<VirtualHost 127.0.0.1>
  ServerName second
  ServerAlias second.test
</VirtualHost>
<VirtualHost ftp.example.org>
  ServerName third
</VirtualHost>
<VirtualHost other.example.org 192.0.2.9>
  ServerName fourth
  ServerAlias also.test
</VirtualHost>
"""


@pytest.mark.parametrize(("name", "address", "found"), [
    ("LocalHost", "127.0.0.1", "ftpsd"), ("second.test", "127.0.0.1", "second"),
    ("ftp.example.org", "192.0.2.7", "third"), ("other.example.org", "192.0.2.7", "fourth"),
    ("also.test", "192.0.2.7", "fourth"), ("localhost", "192.0.2.7", None), ("192.0.2.9", "192.0.2.9", None),
])
def test_names_of_addresses_are_aliases(
    monkeypatch: pytest.MonkeyPatch, name: str, address: str, found: str | None
) -> None:
    monkeypatch.setitem(HOSTS, "other.example.org", ("192.0.2.7",))
    loaded = configuration(IMPLIED)
    host = loaded.host_named(name, address, 21)
    assert (host.settings.core.server_name if host else None) == found
    assert loaded.notices == ()
    assert loaded.hosts[2].names == ("ftp.example.org",)
    assert configuration("", listen="localhost").hosts[0].names == ()


def test_names_count_where_a_host_has_one() -> None:
    loaded = configuration("DefaultAddress 127.0.0.1\n<VirtualHost ftp.example.org>\n</VirtualHost>")
    assert not loaded.names_tell("127.0.0.1", 21)
    assert loaded.names_tell("192.0.2.7", 21)
    assert not loaded.names_tell("192.0.2.7", 990)


@pytest.mark.parametrize(
    ("written", "one"),
    [
        ("[::1]", "::1"),
        ("::FFFF:1.2.3.4", "1.2.3.4"),
        ("fe80::1%eth0", "fe80::1"),
        ("Host.Example.", "host.example"),
    ],
)
def test_canonical(written: str, one: str) -> None:
    assert canonical(written) == one
