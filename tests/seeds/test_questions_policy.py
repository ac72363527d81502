"""The seeds' questions about who needs TLS: per user, per class, impossible configurations, implicit TLS."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ftpsd.testing.client import ConnectionEnded
from ftpsd.testing.configs import ServerConfig, ServerFiles, User
from ftpsd.testing.plugin import Certificates, ServerFactory
from ftpsd.testing.server import RunningServer
from tests.seeds.support import in_order, lftp, refusal

ANONYMOUS = (
    "<Anonymous BASE/homes/bob>\n  User bob\n  Group bob\n  UserAlias anonymous bob\n"
    "  RequireValidShell off\n"
    "  # Note how TLSRequired is set to off here in the <Anonymous> context\n  TLSRequired off\n"
    "</Anonymous>\n"
)
REQUIRED = "SSL/TLS required but absent on control channel, disconnecting"


def users() -> tuple[User, User]:
    """As root two users of different groups, otherwise two names of our own."""
    if os.getuid() == 0:
        return User("alice", uid=1000, gid=1000), User("bob", uid=1001, gid=1001)
    return User("alice"), User("bob")


def in_clear(server: RunningServer, user: str, password: str = "secret") -> int:
    """What a login without TLS ends with; 230 only if a listing works, too."""
    with server.client(tls=False) as client:
        client.connect()
        reply = client.command(f"USER {user}")
        if reply.code != 331:
            return reply.code
        code = client.command(f"PASS {password}").code
        if code == 230:
            client.retrieve("NLST")
        else:
            with pytest.raises(ConnectionEnded):
                client.command("NOOP")
        return code


def under_tls(server: RunningServer, user: str, version: str) -> int:
    """What a login under TLS ends with."""
    with server.client(version) as client:
        client.connect()
        client.auth()
        return client.login(user).code


def test_can_i_require_tls_on_a_per_user_basis_anonymous(
    ftps_server: ServerFactory, tls_version: str
) -> None:
    """The answer's own configuration: TLS for everybody but anonymous logins."""
    server = ftps_server(
        tls=["TLSOptions AllowPerUser", "TLSRequired on"], sections=ANONYMOUS, users=users())
    assert in_clear(server, "anonymous", "me@example.org") == 230
    assert in_clear(server, "alice") == 530
    assert under_tls(server, "alice", tls_version) == 230
    in_order(server.tls_log(), REQUIRED)


@pytest.mark.root
def test_can_i_require_tls_on_a_per_user_basis_ifgroup(ftps_server: ServerFactory, tls_version: str) -> None:
    server = ftps_server(
        tls=["TLSOptions AllowPerUser", "TLSRequired on"], users=users(),
        sections="<IfGroup bob>\n  TLSRequired off\n</IfGroup>\n")
    assert in_clear(server, "bob") == 230
    assert in_clear(server, "alice") == 530
    assert under_tls(server, "alice", tls_version) == under_tls(server, "bob", tls_version) == 230


def test_can_i_require_tls_on_a_per_user_basis_the_risk(ftps_server: ServerFactory) -> None:
    """AllowPerUser lets USER and PASS through in clear, as the answer warns; without it they are refused."""
    lenient = ftps_server(
        tls=["TLSOptions AllowPerUser", "TLSRequired on"], sections=ANONYMOUS, users=users())
    with lenient.client(tls=False) as client:
        client.connect()
        client.expect(331, "USER alice")
        client.expect(530, "PASS secret")
    strict = ftps_server(tls=["TLSRequired on"])
    with strict.client(tls=False) as client:
        client.connect()
        client.expect(550, "USER alice")


def test_tls_by_user_through_ifuser(ftps_server: ServerFactory) -> None:
    server = ftps_server(
        tls=["TLSOptions AllowPerUser", "TLSRequired off"], users=users(),
        sections="<IfUser alice>\n  TLSRequired on\n</IfUser>\n")
    assert in_clear(server, "alice") == 530
    assert in_clear(server, "bob") == 230
    in_order(server.tls_log(), REQUIRED)


@pytest.mark.parametrize("required", ["on", "auth", "auth+data"])
def test_cannot_enforce_both_tlsrequired_auth_and_allowperuser(
    directory: ServerFiles, ftps_certificates: Certificates, required: str
) -> None:
    tls = [f"TLSRequired {required}", "TLSOptions AllowPerUser"]
    said = refusal(
        ServerConfig(ftps_certificates.server, tls=tls), directory, ftps_certificates.authority_file)
    text = "cannot enforce both 'TLSRequired auth' and 'TLSOptions AllowPerUser' at the same time"
    assert f"mod_tls/2.9.2: Server Test Server: {text}" in said.replace("\n", " ")


LOCAL_AND_REMOTE = """
<Class local>
  From {network}
</Class>
<IfModule mod_tls.c>
  # Normal mod_tls configuration here
  <IfClass local>
    # Don't require FTPS from local clients
    TLSRequired off
  </IfClass>
  <IfClass !local>
    # Require FTPS from remote/non-local clients
    TLSRequired on
  </IfClass>
</IfModule>
"""


@pytest.mark.parametrize(("network", "code"), [("127.0.0.0/8", 230), ("192.0.2.0/24", 550)])
def test_is_there_a_way_to_require_tls_for_remote_clients_only(
    ftps_server: ServerFactory, tls_version: str, network: str, code: int
) -> None:
    """The answer's configuration; where we are local, clear text passes, else only TLS."""
    server = ftps_server(tls=[], sections=LOCAL_AND_REMOTE.format(network=network))
    assert in_clear(server, "alice") == code
    assert under_tls(server, "alice", tls_version) == 230


def test_how_come_implicit_ftps_is_not_supported_it_is_with_useimplicitssl(
    ftps_server: ServerFactory, tls_version: str, tmp_path: Path
) -> None:
    server = ftps_server(tls=["TLSRequired on", "TLSOptions UseImplicitSSL"])
    server.give("hello.txt", b"hello")
    with server.client(tls_version).begin(implicit=True) as client:
        assert client.retrieve("RETR hello.txt") == b"hello"
        client.quit()
    in_order(server.tls_log(), "TLSOption UseImplicitSSL in effect, starting SSL/TLS handshake", tls_version)
    opening = f"open -u alice,secret ftps://localhost:{server.port}"
    assert "hello.txt" in lftp(server, tmp_path, opening, "cls").stdout


def test_how_come_implicit_ftps_is_not_supported_explicit_and_implicit_are_two_hosts(
    ftps_server: ServerFactory, tls_version: str
) -> None:
    """The option is one of a host: an explicit server goes on answering AUTH TLS."""
    server = ftps_server(tls=["TLSRequired on"])
    with server.client(tls_version).begin() as client:
        client.expect(503, "AUTH TLS")
