"""Where the troubles happen: servers that several of them share, and what each of them made to be seen."""

from __future__ import annotations

import contextlib
import ssl
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from ftpsd.reasons.trouble import Place, Sight
from ftpsd.testing.ca import Files, Identity
from ftpsd.testing.client import ConnectionEnded, ScriptedClient, UnexpectedReply, client_context
from ftpsd.testing.configs import ServerConfig, User
from ftpsd.testing.plugin import Certificates
from ftpsd.testing.server import RunningServer, server_directory, start_ftpsd
from tests.diag.world import World, examine
from tests.seeds.support import refusal
from tests.tls import pki

DEADLINE = 5.0
BOTH = ("TLSv1.2", "TLSv1.3")
CLIENTS = pki.authority("Clients", None)
GOLDEN = Path(__file__).parents[1] / "diag" / "golden"


@dataclass
class Stage:
    """Servers by their configuration, until the last test has run."""

    certificates: Certificates
    directory: Path
    stack: contextlib.ExitStack
    _servers: dict[str, RunningServer] = field(default_factory=dict)
    _world: World | None = None

    def server(
        self, *tls: str, directives: Sequence[str] = (), sections: str = "", certificate: Files | None = None,
        address: str = "127.0.0.1", without_tls: bool = False, users: Sequence[str] = ("alice",),
    ) -> RunningServer:
        """The one with this configuration."""
        shown = None if without_tls else certificate or self.certificates.server
        config = ServerConfig(
            shown, address=address, tls=tls, directives=directives, sections=sections,
            users=[User(name) for name in users])
        if (found := self._servers.get(repr(config))) is None:
            files = self.stack.enter_context(server_directory())
            found = start_ftpsd(config, files, self.certificates.authority_file)
            self.stack.callback(found.stop)
            self._servers[repr(config)] = found
            found.give("hello.txt", b"hello")
        return found

    def refused(self, config: ServerConfig, *arguments: str) -> str:
        """What a start with this configuration ends with."""
        with server_directory() as files:
            return refusal(config, files, self.certificates.authority_file, arguments=arguments)

    @property
    def world(self) -> World:
        """Files for `ftpsd check`."""
        if self._world is None:
            (self.directory / "world").mkdir()
            self._world = World(self.directory / "world")
        return self._world

    def file(self, name: str, data: bytes) -> Path:
        """A file that lasts as long as the servers."""
        path = self.directory / name
        path.write_bytes(data)
        path.chmod(0o644)
        return path

    def written(self, name: str, identity: Identity) -> Files:
        """A server's certificate as files."""
        return identity.write(self.directory, name)


@dataclass
class Scene:
    """One trouble under one TLS version: what is seen of it."""

    stage: Stage
    version: str
    patch: pytest.MonkeyPatch
    _said: dict[Place, list[str]] = field(default_factory=dict)
    _since: list[tuple[RunningServer, int, int]] = field(default_factory=list)

    def server(self, *tls: str, **more: object) -> RunningServer:
        """As `Stage.server`; its logs are looked at from here on."""
        server = self.stage.server(*tls, **more)  # type: ignore[arg-type]
        self._since.append((server, len(server.tls_log()), len(server.system_log())))
        return server

    def client(self, server: RunningServer, **more: object) -> ScriptedClient:
        """A client with this scene's TLS version."""
        return server.client(self.version, **more)  # type: ignore[arg-type]

    def context(self, server: RunningServer, shown: Identity | None = None) -> ssl.SSLContext:
        """A client's context, with a certificate if one is to be shown."""
        context = client_context(server.authority, version=self.version)
        if shown is not None:
            name = f"client-{shown.certificate.serial_number:x}.pem"
            chain = b"".join(each.public_bytes(Encoding.PEM) for each in shown.chain)
            context.load_cert_chain(self.stage.file(name, shown.certificate_pem + chain + shown.key_pem()))
        return context

    def handshake(self, server: RunningServer, context: ssl.SSLContext) -> None:
        """AUTH TLS and a handshake that is refused, at once or (TLS 1.3) with what follows."""
        with server.client(context=context) as client:
            client.connect()
            with contextlib.suppress(ssl.SSLError, OSError, ConnectionEnded, UnexpectedReply):
                client.auth()
                client.command("NOOP")

    def say(self, place: Place, text: object) -> None:
        """Somebody sees this."""
        self._said.setdefault(place, []).append(str(text))

    def check(self, name: str) -> None:
        """`ftpsd check` of a golden file's configuration."""
        self.check_text((GOLDEN / f"{name}.txt").read_text().partition("=== findings\n")[0])

    def check_text(self, configuration: str) -> None:
        """`ftpsd check` of a configuration as golden files write it."""
        _, found = examine(configuration, self.stage.world)
        for line in found:
            self.say("check", line)

    def seen(self, place: Place) -> str:
        """All that is seen there so far."""
        lines = list(self._said.get(place, ()))
        for server, tls, system in self._since:
            if place == "TLSLog":
                lines += server.tls_log()[tls:]
            elif place == "system log":
                lines += server.system_log()[system:]
            elif place == "EventLog":
                lines += (server.files.directory / "events.json").read_text().splitlines()
        return "\n".join(lines)

    def shows(self, sight: Sight) -> bool:
        """Whether that is seen, or will be soon (logs are written behind the replies)."""
        deadline = time.monotonic() + (DEADLINE if sight.place in ("TLSLog", "system log", "EventLog") else 0)
        while not sight.matches(self.seen(sight.place)):
            if time.monotonic() >= deadline:
                return False
            time.sleep(0.02)
        return True


Way = Callable[[Scene], None]
WAYS: dict[str, tuple[Way, tuple[str, ...]]] = {}
"""How each trouble is made, and the TLS versions under which: by its key."""


def way(key: str, *versions: str) -> Callable[[Way], Way]:
    """Registers how the trouble of that key is made; without versions once, under TLS 1.3."""

    def register(function: Way) -> Way:
        assert key not in WAYS
        WAYS[key] = function, versions or BOTH[1:]
        return function

    return register


@contextlib.contextmanager
def opened(certificates: Certificates, directory: Path) -> Iterator[Stage]:
    """A stage; all its servers end well with it."""
    with contextlib.ExitStack() as stack:
        yield Stage(certificates, directory, stack)
