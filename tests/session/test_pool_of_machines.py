"""Two machines behind a load balancer, with one Redis or memcached: network namespaces and HAProxy."""

from __future__ import annotations

import contextlib
import ssl
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from ftpsd.testing import daemons
from ftpsd.testing.client import ScriptedClient
from ftpsd.testing.configs import ServerConfig
from ftpsd.testing.daemons import Daemon
from ftpsd.testing.namespaces import inside, network
from ftpsd.testing.plugin import Certificates
from ftpsd.testing.server import RunningServer, server_directory, start_ftpsd
from tests.session.test_shared_sessions import MODES, Mode

pytestmark = pytest.mark.root

HUB, MACHINES = "hub", ("a", "b")
TRIES = 40

HAPROXY = """\
defaults
    mode tcp
    timeout connect 5s
    timeout client 60s
    timeout server 60s
listen ftp
    bind {hub}:{{port}}
    balance roundrobin
"""


@dataclass(frozen=True)
class Pool:
    """The balancer's address is the hub's; `store` is Redis or memcached."""

    hub: str
    port: int
    store: Daemon
    servers: dict[str, RunningServer]

    def connect(self, context: ssl.SSLContext) -> tuple[str, ScriptedClient]:
        """A client of the balancer, and the machine that it has got."""
        client = ScriptedClient(self.hub, self.port, context=context)
        greeting = client.connect().text
        return next(name for name in MACHINES if f"machine {name}" in greeting), client

    def resume(self, context: ssl.SSLContext, session: ssl.SSLSession | None, other_than: str) -> bool:
        """A client comes back until the balancer sends it elsewhere, and works there; whether it resumed."""
        for _ in range(TRIES):
            name, client = self.connect(context)
            with client:
                if name == other_than:
                    continue
                client.expect(234, "AUTH TLS")
                client.handshake(session=session)
                work(client)
                return client.control.resumed
        raise AssertionError("always the same machine")

    def comes_back(self, mode: Mode) -> bool:
        """Whether a client that was at one machine resumes at the other; both move files in any case."""
        context = mode.context(self.servers["a"])
        name, first = self.connect(context)
        with first:
            first.auth()
            work(first)
            resumed = self.resume(context, first.control.session, name)
            assert first.retrieve("RETR hello.txt", mode="PASV") == b"hello"
        return resumed


def work(client: ScriptedClient) -> None:
    """Logs in and moves files; data connections go to the machine itself."""
    client.login()
    client.protect()
    client.expect(200, "TYPE I")
    assert client.retrieve("RETR hello.txt", mode="PASV") == b"hello"
    client.store("STOR up.txt", b"up", mode="PASV")


@contextlib.contextmanager
def machine(name: str, address: str, certificates: Certificates, directives: list[str]) -> Iterator[RunningServer]:
    config = ServerConfig(
        certificates.server, address=address, tls=["TLSRequired on"],
        directives=["Workers 2", f'ServerIdent on "machine {name}"', *directives])
    with server_directory() as files:
        with inside(name):
            server = start_ftpsd(config, files, certificates.authority_file)
        try:
            server.give("hello.txt", b"hello")
            yield server
        finally:
            server.stop()


@pytest.fixture(params=["redis", "memcache"])
def pool(
    request: pytest.FixtureRequest, ftps_certificates: Certificates, tmp_path: Path
) -> Iterator[Pool]:
    haproxy = daemons.need("haproxy")
    secret = tmp_path / "secret"
    secret.write_bytes(b"a secret that all machines of the pool have")
    secret.chmod(0o600)
    with contextlib.ExitStack() as undo:
        addresses = undo.enter_context(network([HUB, *MACHINES]))
        hub = addresses[HUB]
        undo.enter_context(inside(HUB))
        store = (daemons.redis if request.param == "redis" else daemons.memcached)(
            tmp_path, *(["--protected-mode", "no"] if request.param == "redis" else []), address=hub)
        undo.callback(store.stop)
        place = f"{hub}:{store.port}"
        reach = {"redis": ["RedisEngine on", f"RedisServer {place}"],
                 "memcache": ["MemcacheEngine on", f"MemcacheServers {place}"]}[request.param]
        directives = [
            *reach, f"TLSSessionCache {request.param}: 600", f"TLSSessionTicketPool {request.param}: {secret}"]
        servers = {
            name: undo.enter_context(machine(name, addresses[name], ftps_certificates, directives))
            for name in MACHINES}
        config = tmp_path / "haproxy.cfg"
        lines = [f"    server {name} {server.address}:{server.port}\n" for name, server in servers.items()]
        config.write_text(HAPROXY.format(hub=hub).format(port="$PORT") + "".join(lines))
        balancer = Daemon(["sh", "-c", f"PORT={{port}} exec {haproxy} -db -f {config}"], tmp_path, address=hub)
        undo.callback(balancer.stop)
        yield Pool(hub, balancer.port, store, servers)


def test_clients_of_a_balancer_resume_on_either_machine(pool: Pool) -> None:
    """With the store, without it (tickets still, ids not), and when it is back; and files move all the time."""
    assert [pool.comes_back(mode) for mode in MODES] == [True, True, True]
    pool.store.stop()
    assert [pool.comes_back(mode) for mode in MODES] == [False, True, True]
    assert not pool.comes_back(MODES[0])
    pool.store.start()
    deadline = time.monotonic() + 90
    in_a_row = 0
    while in_a_row < 4:  # every worker of every machine has found out
        in_a_row = in_a_row + 1 if pool.comes_back(MODES[0]) else 0
        assert time.monotonic() < deadline, pool.servers["a"].report()
    assert [pool.comes_back(mode) for mode in MODES[1:]] == [True, True]
    for server in pool.servers.values():
        assert not any("did not reuse" in line for line in server.tls_log()), server.report()
