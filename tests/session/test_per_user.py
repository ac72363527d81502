"""What is known of a user counts before and after his password: IfSessionOptions, Protocols."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ftpsd.testing.client import ConnectionEnded, ScriptedClient
from ftpsd.testing.configs import User
from ftpsd.testing.plugin import Certificates
from tests.session.hosts import Hosts, serving
from tests.session.talk import converse

USERS = (User("alice"), User("bob", gid=4001), User("carol", gid=4002))
REQUIRED = (
    "TLSRequired off\n<IfUser bob>\nTLSRequired on\n</IfUser>\n<IfGroup carol>\nTLSRequired auth\n</IfGroup>\n"
    "<IfUser nobody-there>\nTLSRequired on\n</IfUser>\n"
)
EARLY = "IfSessionOptions PerUnauthenticatedUser\n"
HOSTS = {
    "after the password": REQUIRED,
    "at USER": EARLY + REQUIRED,
    "at USER, AllowPerUser": EARLY + "TLSOptions AllowPerUser\n" + REQUIRED,
    "freed": EARLY + "TLSRequired off\nTLSOptions AllowPerUser\n<IfUser alice>\nTLSRequired data\n</IfUser>\n",
    "own words": EARLY + '<IfUser alice>\nAccessDenyMsg "No, %u"\n</IfUser>',
    "ftp": "Protocols ftp",
    "ftps": "Protocols ftps\nTLSLog @HOME@/../ftps.log",
    "both": "Protocols ftp FTPS sftp",
    "ftps for bob": "<IfUser bob>\nProtocols ftps\n</IfUser>",
    "without TLS": "TLSEngine off\nProtocols ftps",
}
CUT_OFF = "SSL/TLS required but absent on control channel, disconnecting"


def login(client: ScriptedClient, user: str = "alice") -> int:
    """The code of the reply to PASS."""
    client.expect(331, f"USER {user}")
    return client.command("PASS secret").code


@pytest.fixture(scope="module")
def hosts(ftps_certificates: Certificates) -> Iterator[Hosts]:
    """One host per configuration."""
    with serving(ftps_certificates, HOSTS, users=USERS) as running:
        yield running


def test_without_the_option_sections_count_after_the_login(hosts: Hosts) -> None:
    with hosts.connected("after the password") as client:
        converse(client, """
            USER bob => 331 Password required for bob
            PASS secret => 230 User bob logged in
        """)


@pytest.mark.parametrize("user", ["bob", "carol", "nobody-there"])
def test_with_it_the_password_is_refused_in_clear(hosts: Hosts, user: str) -> None:
    """Also for names that nobody has: the reply does not tell who exists."""
    with hosts.connected("at USER") as client:
        client.expect(331, f"USER {user}")
        assert client.command("PASS secret").text == "SSL/TLS required on the control channel [tls-required-control]"


def test_another_name_has_other_sections(hosts: Hosts) -> None:
    """What USER bob changed is gone with USER alice: USER itself is not refused where only auth of others is."""
    with hosts.connected("at USER") as client:
        converse(client, """
            USER carol => 331 Password required for carol
            PASS secret => 550 SSL/TLS required on the control channel [tls-required-control]
            NOOP => 200 NOOP command successful
        """)
    with hosts.connected("at USER") as client:
        converse(client, """
            USER alice => 331 Password required for alice
            PASS secret => 230 User alice logged in
        """)


def test_settings_of_the_login_itself_count_in_time(hosts: Hosts) -> None:
    with hosts.connected("own words") as client:
        converse(client, """
            USER bob => 331 Password required for bob
            PASS wrong => 530 Login incorrect.
            USER alice => 331 Password required for alice
            PASS wrong => 530 No, alice
        """)


def test_under_tls_the_login_goes_on(hosts: Hosts, tls_version: str) -> None:
    for host in ("at USER", "at USER, AllowPerUser"):
        with hosts.client(host, tls_version) as client:
            client.connect()
            client.auth()
            assert client.login("bob").code == 230


def test_with_allow_per_user_the_session_ends_at_user(hosts: Hosts) -> None:
    with hosts.connected("at USER, AllowPerUser") as client:
        assert str(client.command("USER bob")) == "530 Login incorrect."
        with pytest.raises(ConnectionEnded):
            client.command("PASS secret")
    hosts.server.wait_for_log(CUT_OFF)


def test_what_the_section_demands_of_data_counts_after_the_login(hosts: Hosts) -> None:
    with hosts.logged_in("freed") as client:
        converse(client, "< LIST => 522 SSL/TLS required on the data channel [tls-required-data]")


@pytest.mark.parametrize(("host", "protocol", "code"), [
    ("ftp", "ftp", 230), ("ftp", "ftps", 530), ("ftps", "ftp", 530), ("ftps", "ftps", 230),
    ("both", "ftp", 230), ("both", "ftps", 230), ("without TLS", "ftp", 530),
])
def test_protocols(hosts: Hosts, host: str, protocol: str, code: int, tls_version: str) -> None:
    with hosts.client(host, tls_version) as client:
        client.connect()
        if protocol == "ftps":
            client.auth()
        assert login(client) == code
        if code == 530:
            with pytest.raises(ConnectionEnded):
                client.command("NOOP")
            hosts.server.wait_for_log(f"{protocol} protocol denied by Protocols config", log="system")


def test_protocols_of_one_user(hosts: Hosts) -> None:
    with hosts.connected("ftps for bob") as client:
        assert client.login("alice").code == 230
    with hosts.connected("ftps for bob") as client:
        assert login(client, "bob") == 530


def test_the_log_says_why(hosts: Hosts) -> None:
    with hosts.connected("ftps") as client:
        login(client)
    hosts.wait_for("ftps", "ftp protocol denied by Protocols config")
