"""Session reuse that is not asked of some: by user, group and network, as docs/troubleshooting.md advises for clients
that cannot. Everybody else has to prove it.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ftpsd.testing.client import ScriptedClient
from ftpsd.testing.configs import User
from ftpsd.testing.plugin import Certificates
from tests.session.hosts import Hosts, serving

USERS = (User("alice"), User("bob", gid=4001))
FREE = "TLSOptions NoSessionReuseRequired"
HOSTS = {
    "user": f"<IfUser bob>\n{FREE}\n</IfUser>",
    "group": f"<IfGroup bob>\n{FREE}\n</IfGroup>",
    "here": f"<IfClass near>\n{FREE}\n</IfClass>",
    "elsewhere": f"<IfClass !near>\n{FREE}\n</IfClass>",
}
REFUSED = (
    "425 Unable to build data connection: TLS session of the control connection was not reused [data-not-resumed]")


@pytest.fixture(scope="module")
def hosts(ftps_certificates: Certificates) -> Iterator[Hosts]:
    """A host for each way."""
    sections = "<Class near>\nFrom 127.0.0.0/8\n</Class>\n"
    with serving(ftps_certificates, HOSTS, users=USERS, tls=("TLSRequired on",), sections=sections) as running:
        for user in USERS:
            running.server.give("file.txt", b"hello", user=user.name)
        yield running


def transfer(client: ScriptedClient) -> tuple[bytes, str]:
    """What a download over a TLS connection that resumes nothing brings, and what it is answered."""
    connection = client.data()
    client.expect(150, "RETR file.txt")
    stream = connection.handshake(reuse=False)
    assert not stream.resumed
    data = stream.read_all()
    connection.close()
    return data, str(client.read_reply())


@pytest.mark.parametrize("version", ["TLSv1.2", "TLSv1.3"])
@pytest.mark.parametrize(("host", "user", "free"), [
    ("user", "bob", True), ("user", "alice", False), ("group", "bob", True), ("group", "alice", False),
    ("here", "alice", True), ("elsewhere", "alice", False),
])
def test_who_need_not_resume(hosts: Hosts, version: str, host: str, user: str, free: bool) -> None:
    with hosts.client(host, version).begin(user=user) as client:
        assert transfer(client) == ((b"hello", "226 Transfer complete") if free else (b"", REFUSED))
        client.expect(200, "NOOP")
        assert client.retrieve("RETR file.txt") == b"hello", "who can, may resume"
