"""One session in a thread of the test's own process, over a real connection on loopback.

For what a test has to replace or look at inside the server; everything else belongs to the running server.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator, Sequence

from ftpsd import settings
from ftpsd.access.occupancy import Exceeded, Holding, Judge, Shown
from ftpsd.ftp.phase import Phase
from ftpsd.session.service import Service
from ftpsd.session.state import Session
from ftpsd.testing.client import ScriptedClient, client_context
from ftpsd.testing.configs import ServerConfig, User
from ftpsd.testing.plugin import Certificates
from ftpsd.testing.server import server_directory

DEADLINE = 10.0


class Slot:
    """A place on a scoreboard that nobody looks at."""

    def update(
        self, *, user: str | None = None, command: str | None = None, phase: Phase | None = None,
        bytes: int | None = None,
    ) -> None:
        """Takes note of nothing."""

    def describe(
        self, *, session: str | None = None, peer_name: str | None = None, client_class: str | None = None,
        server: str | None = None, protocol: str | None = None, location: str | None = None,
        thread: int | None = None,
    ) -> None:
        """Takes note of nothing."""

    def arrive(self, peer: tuple[str, int], local: tuple[str, int]) -> None:
        """Takes note of nothing."""

    def transfer(self, phase: Phase, size: int) -> None:
        """Takes note of nothing."""

    @property
    def progress(self) -> memoryview | None:
        """Nobody looks."""
        return None

    @property
    def index(self) -> int:
        """The first."""
        return 0

    def everybody(self) -> list[Shown]:
        """Nobody is shown."""
        return []

    def take(self, holding: Holding, judge: Judge) -> Exceeded | None:
        """The only session."""
        return judge(())

    def hold(self, holding: Holding) -> None:
        """Takes note of nothing."""

    def give_back_transfer(self) -> None:
        """Takes note of nothing."""

    def give_back(self) -> None:
        """Takes note of nothing."""


class InProcess:
    """A prepared service that serves one client."""

    def __init__(self, config: ServerConfig, service: Service, client: ScriptedClient) -> None:
        self.config = config
        self.service = service
        self.client = client

    def session(self) -> Session:
        """The session, once the server has greeted."""
        (found,) = self.service._sessions
        return found


@contextlib.contextmanager
def one_session(
    directives: Sequence[str] = (), *, users: Sequence[User] = (User(),), host: str | None = None,
    certificates: Certificates | None = None, version: str | None = None, tls: Sequence[str] = ("TLSRequired on",),
) -> Iterator[InProcess]:
    """A connected client in clear, nothing read yet; at the end the session must end.

    `host` are the lines of a <VirtualHost> on a port of its own, which the client connects to. With `certificates`
    there is TLS, configured by the lines `tls`, of which the client wants `version`.
    """
    with server_directory() as files, contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        port = main = listener.getsockname()[1]
        sections = ""
        if host is not None:
            main = stack.enter_context(socket.create_server(("127.0.0.1", 0))).getsockname()[1]
            sections = f"<VirtualHost 127.0.0.1>\nPort {port}\n{host}\n</VirtualHost>\n"
        config = ServerConfig(
            None if certificates is None else certificates.server, port=main, users=users, directives=directives,
            sections=sections, tls=tls)
        config.write(files)
        service = Service(settings.load(str(files.configuration)))
        service.prepare()
        context = client_context(certificates.authority_file, version=version) if certificates is not None else None
        client = ScriptedClient("127.0.0.1", port, context=context)
        accepted, _ = listener.accept()
        thread = threading.Thread(target=service.serve, args=(accepted, Slot()), daemon=True)
        thread.start()
        try:
            yield InProcess(config, service, client)
        finally:
            client.close("fin")
            thread.join(DEADLINE)
            service.close()
        assert not thread.is_alive(), "the session did not end with its client"


def system_log(served: InProcess) -> str:
    """What the service has logged."""
    found = served.service.configuration.hosts[0].settings.logging.system_log
    assert found is not None
    with open(found, encoding="utf-8") as stream:
        return stream.read()
