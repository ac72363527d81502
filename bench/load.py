"""The load: a lean FTPS client over blocking sockets, and the workloads made of it.

Data connections resume the control connection's session with the newest ticket, as good clients do; how
many really were resumed is part of the result.
"""

from __future__ import annotations

import re
import socket
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from bench import process_tree
from bench.servers import Server

TIMEOUT = 60.0
CHUNK = 1 << 18
VERSIONS = {"TLSv1.2": ssl.TLSVersion.TLSv1_2, "TLSv1.3": ssl.TLSVersion.TLSv1_3}


class Session:
    """A logged-in FTPS session with PROT P and TYPE I."""

    def __init__(self, server: Server, context: ssl.SSLContext) -> None:
        self.context = context
        self.address = ("127.0.0.1", server.port)
        plain = socket.create_connection(self.address, TIMEOUT)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._control: socket.socket = plain
        self._buffer = b""
        self.resumed = self.connections = 0
        self._expect(b"220")
        self.command("AUTH TLS", b"234")
        self.tls = context.wrap_socket(plain, server_hostname="localhost")
        self._control = self.tls
        self.command("USER alice", b"331")
        self.command("PASS secret", b"230")
        self.command("PBSZ 0", b"200")
        self.command("PROT P", b"200")
        self.command("TYPE I", b"200")

    def _line(self) -> bytes:
        while b"\n" not in self._buffer:
            chunk = self._control.recv(65536)
            if not chunk:
                raise ConnectionError("control connection closed")
            self._buffer += chunk
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line

    def _expect(self, code: bytes) -> bytes:
        line = self._line()
        while line[3:4] == b"-" or not line[:3].isdigit():
            line = self._line()
        if not line.startswith(code):
            raise RuntimeError(f"expected {code!r}, got {line!r}")
        return line

    def command(self, text: str, code: bytes) -> bytes:
        """Send a command and demand a reply code; the reply's line."""
        self._control.sendall(text.encode() + b"\r\n")
        return self._expect(code)

    def _data(self, command: str) -> ssl.SSLSocket:
        found = re.search(rb"\|\|\|(\d+)\|", self.command("EPSV", b"229"))
        assert found is not None
        plain = socket.create_connection(("127.0.0.1", int(found[1])), TIMEOUT)
        self.command(command, b"1")
        data = self.context.wrap_socket(plain, server_hostname="localhost", session=self.tls.session)
        self.connections += 1
        self.resumed += bool(data.session_reused)
        return data

    def fetch(self, command: str) -> int:
        """A transfer from the server; how many bytes came."""
        total, buffer = 0, bytearray(CHUNK)
        with self._data(command) as data:
            while size := data.recv_into(buffer):
                total += size
            data.unwrap().close()
        self._expect(b"226")
        return total

    def send(self, command: str, size: int) -> int:
        """A transfer to the server of `size` bytes."""
        block = memoryview(bytes(CHUNK))
        with self._data(command) as data:
            left = size
            while left:
                left -= data.send(block[:left])
            data.unwrap().close()
        self._expect(b"226")
        return size

    def quit(self) -> None:
        """QUIT."""
        self.command("QUIT", b"221")
        self.tls.close()

    def close(self) -> None:
        """Leave without a word."""
        self.tls.close()


@dataclass(frozen=True)
class Sample:
    """One measurement: how much was done, wall and server CPU seconds, the share of data connections that
    resumed a session, bytes of memory per session.
    """

    amount: float
    wall: float
    cpu: float
    resumed: float = 1.0
    memory: float = 0.0


def context(server: Server, version: str) -> ssl.SSLContext:
    """A client context for one TLS version."""
    made = ssl.create_default_context(cafile=server.authority)
    made.minimum_version = made.maximum_version = VERSIONS[version]
    return made


def measured(server: Server, work: Callable[[], tuple[float, float]]) -> Sample:
    """Run `work` (it returns the amount and the share of resumed connections) and take the server's cost."""
    before_processes = len(process_tree.tree(server.pid))
    cpu, wall = process_tree.cpu_seconds(server.pid), time.monotonic()
    amount, resumed = work()
    wall = time.monotonic() - wall
    process_tree.settle(server.pid, before_processes)
    return Sample(amount, wall, process_tree.cpu_seconds(server.pid) - cpu, resumed)


def in_session(
    server: Server, version: str, work: Callable[[Session], float], warm: Callable[[Session], object],
) -> Sample:
    """`work` in one session that stands already; the login is not part of the measurement."""
    session = Session(server, context(server, version))
    warm(session)
    session.connections = session.resumed = 0

    def run() -> tuple[float, float]:
        amount = work(session)
        return amount, session.resumed / max(1, session.connections)

    sample = measured(server, run)
    session.quit()
    return sample


def download(server: Server, size: int) -> Sample:
    """One large file from the server; the amount is in GiB."""
    def work(session: Session) -> float:
        got = session.fetch("RETR bulk.bin")
        if got != size:
            raise RuntimeError(f"{server.name} sent {got} bytes instead of {size}")
        return got / (1 << 30)

    return in_session(server, "TLSv1.3", work, lambda session: session.fetch("RETR small.bin"))


def upload(server: Server, size: int) -> Sample:
    """One large file to the server; the amount is in GiB."""
    def work(session: Session) -> float:
        return session.send("STOR upload.bin", size) / (1 << 30)

    sample = in_session(server, "TLSv1.3", work, lambda session: session.fetch("RETR small.bin"))
    stored = (server.home / "upload.bin").stat().st_size
    if stored != size:
        raise RuntimeError(f"{server.name} stored {stored} bytes instead of {size}")
    return sample


def small_files(server: Server, version: str, count: int) -> Sample:
    """Many small downloads, each over its own resumed TLS data connection."""
    def work(session: Session) -> float:
        for _ in range(count):
            session.fetch("RETR small.bin")
        return count

    return in_session(server, version, work, lambda session: session.fetch("RETR small.bin"))


def listings(server: Server, count: int) -> Sample:
    """LIST of a directory with many entries."""
    def work(session: Session) -> float:
        for _ in range(count):
            session.fetch("LIST many")
        return count

    return in_session(server, "TLSv1.3", work, lambda session: session.fetch("LIST many"))


def logins(server: Server, count: int, threads: int = 4) -> Sample:
    """Connect, full handshake, login, QUIT, by several clients at once."""
    chosen = context(server, "TLSv1.3")
    failures: list[BaseException] = []

    def work() -> None:
        try:
            for _ in range(count // threads):
                Session(server, chosen).quit()
        except BaseException as error:
            failures.append(error)

    def run() -> tuple[float, float]:
        workers = [threading.Thread(target=work) for _ in range(threads)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        if failures:
            raise failures[0]
        return count // threads * threads, 1.0

    return measured(server, run)


def idle(server: Server, count: int) -> Sample:
    """Memory of sessions that are logged in over TLS, have listed a directory, and wait."""
    chosen = context(server, "TLSv1.3")
    Session(server, chosen).quit()
    processes = len(process_tree.tree(server.pid))
    process_tree.settle(server.pid, processes)
    before, start = process_tree.memory_bytes(server.pid), time.monotonic()
    sessions = [Session(server, chosen) for _ in range(count)]
    for session in sessions:
        session.fetch("RETR small.bin")
    memory = process_tree.memory_bytes(server.pid) - before
    wall = time.monotonic() - start
    for session in sessions:
        session.close()
    process_tree.settle(server.pid, processes)
    return Sample(count, wall, 0.0, memory=memory / count)
