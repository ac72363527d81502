"""<IfClass> with what is said of hosts: greeting, accounts, TLS, limits for the clients of a class alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ftpsd.testing.configs import User
from ftpsd.testing.plugin import Certificates
from tests.session.hosts import Hosts, serving
from tests.session.talk import converse

SECTIONS = "<Class here>\nFrom 127.0.0.0/8\n</Class>\n<Class far>\nFrom 10.0.0.0/8\n</Class>\n"
LINES = {
    "greeting": 'ServerIdent on "for the class"\nMaxLoginAttempts 1',
    "accounts": "AuthUserFile OTHERS",
    "alias": "UserAlias rob alice\nAuthAliasOnly on",
    "no tls": "TLSEngine off",
    "tls 1.2": "TLSProtocol TLSv1.2",
    "no extras": "SiteMiscEngine off\nLangEngine off\nFactsAdvertise off",
    "binary": "DefaultTransferMode binary",
}
HOSTS = {
    name: f"<IfClass {which}>\n{text}\n</IfClass>"
    for title, text in LINES.items()
    for which, name in (("here", title), ("far", f"{title}, others"))
}
HOSTS["user"] = """
    <IfUser alice>
      DefaultTransferMode binary
      DigestEngine off
      CDPath /shelf
      ServerIdent off
    </IfUser>
"""


@pytest.fixture(scope="module")
def hosts(ftps_certificates: Certificates, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hosts]:
    users = (User("alice"), User("bob"))
    others = tmp_path_factory.mktemp("accounts") / "others"
    others.write_text(User("carol").passwd_line(Path("/")) + "\n")
    others.chmod(0o600)
    texts = {name: text.replace("OTHERS", str(others)) for name, text in HOSTS.items()}
    with serving(ftps_certificates, texts, users=users, sections=SECTIONS) as running:
        for user in ("alice", "bob"):
            running.server.give("file.txt", b"hello", user=user)
            running.server.give("shelf/inner/x", b"", user=user)
        yield running


def test_the_greeting_and_the_attempts(hosts: Hosts) -> None:
    with hosts.client("greeting") as client:
        assert client.connect().text == "for the class"
        client.expect(331, "USER alice")
        client.expect(530, "PASS wrong")
        client.expect_end()
    with hosts.client("greeting, others") as client:
        assert "for the class" not in client.connect().text
        client.expect(331, "USER alice")
        client.expect(530, "PASS wrong")
        client.login()


@pytest.mark.parametrize(("host", "user", "code"), [
    ("accounts", "carol", 230), ("accounts", "alice", 530), ("accounts, others", "carol", 530),
    ("accounts, others", "alice", 230), ("alias", "rob", 230), ("alias", "alice", 530), ("alias, others", "rob", 530),
])
def test_accounts(hosts: Hosts, host: str, user: str, code: int) -> None:
    with hosts.connected(host) as client:
        client.expect(331, f"USER {user}")
        client.expect(code, "PASS secret")


def test_without_tls(hosts: Hosts, tls_version: str) -> None:
    with hosts.connected("no tls") as client:
        assert " AUTH TLS" not in client.expect(211, "FEAT").lines
        client.expect(500, "AUTH TLS")
    with hosts.client("no tls, others", tls_version).begin() as client:
        client.login()


def test_protocols_of_a_class(hosts: Hosts, tls_version: str) -> None:
    with hosts.client("tls 1.2, others", tls_version).begin() as client:
        client.login()
        assert client.retrieve("RETR file.txt") == b"hello"
    if tls_version == "TLSv1.2":
        with hosts.client("tls 1.2", tls_version).begin() as client:
            client.login()
            assert client.retrieve("RETR file.txt") == b"hello"
        return
    with hosts.client("tls 1.2", tls_version) as client, pytest.raises(OSError):
        client.begin()


def test_modules(hosts: Hosts) -> None:
    with hosts.logged_in("no extras") as client:
        features = client.expect(211, "FEAT").lines
        assert not [line for line in features if "LANG" in line or "MLST" in line]
        client.expect(500, "SITE MKDIR new")
    with hosts.logged_in("no extras, others") as client:
        features = client.expect(211, "FEAT").lines
        assert len([line for line in features if "LANG" in line or "MLST" in line]) == 2


@pytest.mark.parametrize(("host", "user", "told"), [
    ("binary", "alice", "213 5"), ("binary, others", "alice", "550"), ("user", "alice", "213 5"),
    ("user", "bob", "550"),
])
def test_the_first_type(hosts: Hosts, host: str, user: str, told: str) -> None:
    with hosts.logged_in(host, user) as client:
        client.expect(int(told.split()[0]), "SIZE file.txt")


def test_a_user(hosts: Hosts) -> None:
    """What counts after the login for a user; what would come too late does not count."""
    with hosts.connected("user") as client:
        client.login()
        converse(client, """
            XCRC file.txt => 500 XCRC not understood
            CWD inner => 250 CWD command successful
        """)
    with hosts.logged_in("user", "bob") as client:
        client.expect(250, "XCRC file.txt")
        client.expect(550, "CWD inner")
