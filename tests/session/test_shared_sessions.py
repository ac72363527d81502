"""Clients that come back: to the other worker, after a reload, with Redis gone; and whose sessions prove nothing.

Each kind of TLSSessionCache serves TLS 1.2 with session ids, TLS 1.2 with tickets and TLS 1.3 alike.
"""

from __future__ import annotations

import contextlib
import select
import signal
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from ftpsd.testing import daemons
from ftpsd.testing.client import ScriptedClient
from ftpsd.testing.configs import ServerConfig
from ftpsd.testing.daemons import Daemon
from ftpsd.testing.plugin import Certificates
from ftpsd.testing.server import RunningServer, server_directory, start_ftpsd
from ftpsd.tls.cache.shared import SMALLEST
from tests.session.test_reuse import FOREIGN, REFUSED

TRIES = 60


@dataclass(frozen=True)
class Mode:
    """How a session is resumed."""

    name: str
    version: str
    tickets: bool

    def context(self, server: RunningServer) -> ssl.SSLContext:
        context = server.context(self.version)
        if not self.tickets:
            context.options |= ssl.OP_NO_TICKET
        return context


MODES = [Mode("1.2 id", "TLSv1.2", False), Mode("1.2 ticket", "TLSv1.2", True), Mode("1.3", "TLSv1.3", True)]
CACHES = ["internal", "shm", "memcache", "redis"]


@contextlib.contextmanager
def running(certificates: Certificates, *directives: str) -> Iterator[RunningServer]:
    config = ServerConfig(certificates.server, directives=["Workers 2", *directives], tls=["TLSRequired on"])
    with server_directory() as files:
        server = start_ftpsd(config, files, certificates.authority_file)
        try:
            server.give("hello.txt", b"hello")
            yield server
        finally:
            server.stop()


@pytest.fixture(scope="module")
def redis_daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    daemon = daemons.redis(tmp_path_factory.mktemp("redis"))
    yield daemon
    daemon.stop()


@pytest.fixture(scope="module")
def memcache_daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    daemon = daemons.memcached(tmp_path_factory.mktemp("memcached"))
    yield daemon
    daemon.stop()


# A busy machine may keep a server from answering for longer than handshakes wait by default.


def redis_directives(daemon: Daemon) -> list[str]:
    return ["RedisEngine on", f"RedisServer 127.0.0.1:{daemon.port}", "RedisTimeouts 5000 5000",
            "TLSSessionCache redis: 600"]


def memcache_directives(daemon: Daemon) -> list[str]:
    return ["MemcacheEngine on", f"MemcacheServers 127.0.0.1:{daemon.port}", "MemcacheTimeouts 5000 5000 5000",
            "TLSSessionCache memcache:/json 600"]


@pytest.fixture(scope="module", params=CACHES)
def server(
    request: pytest.FixtureRequest, ftps_certificates: Certificates, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningServer]:
    """Two workers with one cache."""
    directives, undo = ["TLSSessionCache internal: 600"], contextlib.ExitStack()
    if request.param == "shm":
        path = tmp_path_factory.mktemp("shm") / "sessions"
        directives = [f"TLSSessionCache shm:/file={path}&size={SMALLEST} 600"]
        undo.callback(lambda: path.exists() and pytest.fail("the segment stays"))
    elif request.param == "redis":
        directives = redis_directives(request.getfixturevalue("redis_daemon"))
    elif request.param == "memcache":
        directives = memcache_directives(request.getfixturevalue("memcache_daemon"))
    with undo, running(ftps_certificates, *directives) as started:
        yield started


@pytest.fixture(params=MODES, ids=lambda mode: mode.name)
def mode(request: pytest.FixtureRequest) -> Mode:
    found: Mode = request.param
    return found


def worker(server: RunningServer, client: ScriptedClient) -> int:
    return server.worker_of(client.control.socket.getsockname()[1])


@contextlib.contextmanager
def on_another_worker(
    server: RunningServer, context: ssl.SSLContext, other_than: int, session: ssl.SSLSession | None
) -> Iterator[ScriptedClient]:
    """A client under TLS, at a worker that is not `other_than`; it offered `session`.

    Those who came to the same worker stay until then: the more it has, the longer it leaves a newcomer to the others.
    """
    with contextlib.ExitStack() as others:
        for _ in range(TRIES):
            client = server.client(context=context)
            client.connect()
            others.callback(client.close, "fin")
            if worker(server, client) != other_than:
                client.expect(234, "AUTH TLS")
                client.handshake(session=session)
                yield client
                return
    raise AssertionError("it is always the same worker" + server.report())


def go_on(client: ScriptedClient) -> None:
    """Logs in and moves a file each way."""
    client.login()
    client.protect()
    client.expect(200, "TYPE I")
    assert client.retrieve("RETR hello.txt") == b"hello"
    client.store("STOR up.txt", b"up")


def test_a_client_that_comes_to_the_other_worker_resumes(server: RunningServer, mode: Mode) -> None:
    context = mode.context(server)
    with server.client(context=context).begin() as first:
        assert not first.control.resumed
        session = first.control.session
        with on_another_worker(server, context, worker(server, first), session) as second:
            assert second.control.resumed, server.report()
            go_on(second)
        assert first.retrieve("RETR hello.txt") == b"hello"


def test_what_another_worker_gave_out_is_no_proof(server: RunningServer, mode: Mode) -> None:
    """The session (or ticket) of connection A on a data connection of B."""
    context = mode.context(server)
    with server.client(context=context).begin() as first:
        with on_another_worker(server, context, worker(server, first), None) as second:
            assert not second.control.resumed
            second.login()
            second.protect()
            connection = second.data()
            second.expect(150, "RETR hello.txt")
            connection.handshake(session=first.next_session())
            assert second.expect(425).text == (FOREIGN if mode.tickets else REFUSED)
            assert second.retrieve("RETR hello.txt") == b"hello"
        assert first.retrieve("RETR hello.txt") == b"hello"


class SClient:
    """`openssl s_client` on the control connection, with its session in a file."""

    def __init__(self, server: RunningServer, mode: Mode, *files: str) -> None:
        version = {"TLSv1.2": "-tls1_2", "TLSv1.3": "-tls1_3"}[mode.version]
        self.process = subprocess.Popen(
            ["openssl", "s_client", "-connect", f"127.0.0.1:{server.port}", "-starttls", "ftp", "-CAfile",
             str(server.authority), "-verify_return_error", version, *([] if mode.tickets else ["-no_ticket"]), *files],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, bufsize=0)
        self.said = ""

    def read_until(self, *words: str) -> str:
        """The first of the words that it prints."""
        assert self.process.stdout is not None
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            for word in words:
                if word in self.said:
                    return word
            if select.select([self.process.stdout], [], [], 0.1)[0]:
                chunk = self.process.stdout.read(65536)
                if not chunk:
                    break
                self.said += chunk.decode(errors="replace")
        raise AssertionError(f"s_client does not say {words}:\n{self.said}")

    def noop(self) -> None:
        """Then the server has kept the session: in TLS 1.2 it does so after its last message of the handshake."""
        assert self.process.stdin is not None
        self.process.stdin.write(b"NOOP\r\n")
        self.read_until("200 NOOP")

    def __enter__(self) -> SClient:
        return self

    def __exit__(self, *error: object) -> None:
        self.process.kill()
        self.process.wait(10)
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe is not None
            pipe.close()

    @property
    def port(self) -> int:
        """Of its end of the connection."""
        inodes = set()
        for entry in Path(f"/proc/{self.process.pid}/fd").iterdir():
            with contextlib.suppress(OSError):
                inodes.add(str(entry.readlink()).removeprefix("socket:[").removesuffix("]"))
        for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[9] in inodes:
                return int(fields[1].rpartition(":")[2], 16)
        raise AssertionError("it has no connection")


def test_openssl_s_client_resumes_at_the_other_worker(server: RunningServer, mode: Mode, tmp_path: Path) -> None:
    saved = tmp_path / "session.pem"
    with SClient(server, mode, "-sess_out", str(saved)) as first:
        first.read_until("Verification: OK")
        deadline = time.monotonic() + 20
        while not (saved.exists() and saved.stat().st_size) and time.monotonic() < deadline:
            time.sleep(0.01)
        first.noop()
        here = server.worker_of(first.port)
        with contextlib.ExitStack() as others:
            for _ in range(TRIES):
                again = others.enter_context(SClient(server, mode, "-sess_in", str(saved)))
                how = again.read_until("Reused, TLSv1", "New, TLSv1")
                if server.worker_of(again.port) != here:
                    assert how == "Reused, TLSv1", server.report()
                    return
    raise AssertionError("it is always the same worker")


def test_a_reload_keeps_sessions_and_tickets(ftps_certificates: Certificates) -> None:
    """And the control connections that are open, with their data connections."""
    with running(ftps_certificates, "TLSSessionTicketKeys count 1") as server:
        for mode in MODES:
            context = mode.context(server)
            with server.client(context=context).begin() as first:
                old = worker(server, first)
                server.signal(signal.SIGHUP)
                with on_another_worker(server, context, old, first.control.session) as second:
                    assert second.control.resumed, (mode, server.report())
                    go_on(second)
                assert first.retrieve("RETR hello.txt") == b"hello"


def wait_for(what: Callable[[], bool], server: RunningServer) -> None:
    deadline = time.monotonic() + 40
    while not what():
        assert time.monotonic() < deadline, server.report()
        time.sleep(0.1)


@pytest.mark.parametrize("kind", ["redis", "memcache"])
def test_without_its_server_there_are_full_handshakes(
    kind: str, request: pytest.FixtureRequest, ftps_certificates: Certificates
) -> None:
    daemon: Daemon = request.getfixturevalue(f"{kind}_daemon")
    directives = {"redis": redis_directives, "memcache": memcache_directives}[kind](daemon)
    by_id = MODES[0]

    def resumes(server: RunningServer, context: ssl.SSLContext) -> bool:
        with server.client(context=context).begin() as first:
            session = first.control.session
            with on_another_worker(server, context, worker(server, first), session) as second:
                go_on(second)
                return second.control.resumed

    with running(ftps_certificates, *directives) as server:
        context = by_id.context(server)
        assert resumes(server, context)
        with server.client(context=context).begin() as through:
            daemon.stop()
            assert not resumes(server, context)
            assert through.retrieve("RETR hello.txt") == b"hello"
            assert not resumes(server, context)
            daemon.start()
            wait_for(lambda: resumes(server, context), server)
            assert through.retrieve("RETR hello.txt") == b"hello"
        lines = [line for line in server.system_log() if f"{kind} cache" in line]
        assert sum("handshakes do without it" in line for line in lines) <= 2, "once in each worker"
        assert any("it answers again" in line for line in lines)
        assert any("TLSSessionTicketPool" in line for line in server.system_log())


def test_machines_of_a_pool_resume_each_others_sessions(
    mode: Mode, redis_daemon: Daemon, ftps_certificates: Certificates, tmp_path: Path
) -> None:
    """Two servers, one Redis, one secret; what one gave proves nothing on data connections of the other; a restart."""
    secret = tmp_path / "secret"
    secret.write_bytes(b"s" * 40)
    secret.chmod(0o600)
    prefix = mode.name.replace(" ", "-")
    directives = [*redis_directives(redis_daemon), f"TLSSessionTicketPool redis:/prefix={prefix} {secret}"]
    with running(ftps_certificates, *directives) as one:
        context = mode.context(one)
        with one.client(context=context).begin() as first:
            session = first.control.session
            with running(ftps_certificates, *directives) as two:
                with two.client(context=context) as second:
                    second.connect()
                    second.expect(234, "AUTH TLS")
                    second.handshake(session=session)
                    assert second.control.resumed, two.report()
                    go_on(second)
                with two.client(context=context).begin() as other:
                    connection = other.data()
                    other.expect(150, "RETR hello.txt")
                    connection.handshake(session=first.next_session())
                    assert other.expect(425).text == (FOREIGN if mode.tickets else REFUSED)
    with running(ftps_certificates, *directives) as again, again.client(context=context) as client:
        client.connect()
        client.expect(234, "AUTH TLS")
        client.handshake(session=session)
        assert client.control.resumed, again.report()
        go_on(client)
