"""Many configurations in one server: each is a <VirtualHost> with a loopback address of its own.

A server takes half a second to start; a test that wants to see a dozen settings at work gives each a host
(127.0.0.2, 127.0.0.3, …) instead of a server.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from ftpsd.testing.client import ScriptedClient
from ftpsd.testing.configs import ServerConfig, ServerFiles, User
from ftpsd.testing.plugin import Certificates
from ftpsd.testing.server import LOG_SECONDS, RunningServer, server_directory, start_ftpsd

PLAIN = ("TLSRequired off",)


@dataclass(frozen=True)
class HostsConfig(ServerConfig):
    """`hosts`: the lines of each <VirtualHost> by name. `shared` stands in <Global>, `directives` in server
    config; `own_tls`: no line about TLS does, the hosts have theirs. In a line `@HOME@` is the directory of
    the homes, `@PORT@` the port, `@CERTIFICATE@` the lines that name certificate, key and chain.
    """

    hosts: Mapping[str, str] = field(default_factory=dict)
    shared: Sequence[str] = ()
    own_tls: bool = False

    def address_of(self, name: str) -> str:
        """The address of a host."""
        return f"127.0.0.{2 + list(self.hosts).index(name)}"

    def text(self, files: ServerFiles) -> str:
        """Server config with what only it may say, <Global>, the hosts."""
        written = (*self.directives, *self.shared)
        lines = [line for line in self._server(files) if not _named_in(line, written)]
        root = [line for line in lines if line.split()[0] in _ROOT_ONLY]
        shared = [line for line in lines if line.split()[0] not in _ROOT_ONLY and not line.startswith("User ")]
        tls = [] if self.own_tls else [*self.tls, *self._tls(files)]
        parts = [*self.directives, *root, "<Global>", *self.shared, *shared, *tls, "</Global>"]
        for name, own in self.hosts.items():
            head = [f"<VirtualHost {self.address_of(name)}>", f'ServerName "{name}"', f"Port {self.port}"]
            parts += [*head, *own.strip().splitlines(), "</VirtualHost>"]
        text = "\n".join(parts) + "\n" + self.sections
        certificate = "\n".join(line for line in self._tls(files) if "Certificate" in line)
        words = {"@HOME@": str(files.directory / "homes"), "@PORT@": str(self.port), "@CERTIFICATE@": certificate}
        for word, meaning in words.items():
            text = text.replace(word, meaning)
        return text


_ROOT_ONLY = frozenset({
    "ServerName", "ServerAdmin", "ServerType", "Port", "DefaultAddress", "UseIPv6", "SocketBindTight", "User",
    "Group", "PidFile", "ScoreboardFile", "SystemLog", "ControlsSocket",
})


def _named_in(line: str, lines: Sequence[str]) -> bool:
    return any(line.split()[0].lower() == other.split()[0].lower() for other in lines)


@dataclass(frozen=True)
class Hosts:
    """A running server with hosts."""

    server: RunningServer
    config: HostsConfig

    def client(self, name: str, version: str | None = None) -> ScriptedClient:
        """A control connection to a host, in clear unless a TLS version is given; nothing read yet."""
        context = self.server.context(version) if version is not None else None
        client = ScriptedClient(self.config.address_of(name), self.server.port, context=context)
        self.server.clients.append(client)
        return client

    def connected(self, name: str) -> ScriptedClient:
        """In clear, greeted."""
        client = self.client(name)
        client.connect()
        return client

    def log(self, name: str) -> list[str]:
        """The messages of the host's own TLSLog (`TLSLog @HOME@/../NAME.log`), without their prefix."""
        with contextlib.suppress(FileNotFoundError):
            text = (self.server.files.directory / f"{name}.log").read_text("utf-8")
            lines = text.rpartition("\n")[0].splitlines()  # the last one may still be on its way
            return [line.partition("]: ")[2] or line.strip() for line in lines]
        return []

    def wait_for(self, name: str, message: str, *, seconds: float = LOG_SECONDS) -> list[str]:
        """The messages of the host's own TLSLog, as soon as one begins with `message`."""
        deadline = time.monotonic() + seconds
        while not any(line.startswith(message) for line in self.log(name)):
            assert time.monotonic() < deadline, f"no {message!r} in {self.log(name)}"
            time.sleep(0.01)
        return self.log(name)

    def wait_for_lines(self, name: str, count: int, *, seconds: float = LOG_SECONDS) -> list[str]:
        """The messages of the host's own TLSLog, as soon as there are as many."""
        deadline = time.monotonic() + seconds
        while len(self.log(name)) < count:
            assert time.monotonic() < deadline, self.log(name)
            time.sleep(0.01)
        return self.log(name)

    def logged_in(self, name: str, user: str = "alice", password: str = "secret") -> ScriptedClient:
        """In clear, logged in."""
        client = self.connected(name)
        client.login(user, password)
        return client


@contextlib.contextmanager
def serving(
    certificates: Certificates, hosts: Mapping[str, str], *, users: Sequence[User] = (User(),),
    tls: Sequence[str] = PLAIN, shared: Sequence[str] = (), directives: Sequence[str] = (), sections: str = "",
    own_tls: bool = False,
) -> Iterator[Hosts]:
    """A server with `hosts`, stopped at the end."""
    config = HostsConfig(
        certificates.server, address="0.0.0.0", users=users, tls=tls, hosts=hosts, shared=shared,
        directives=("DefaultAddress 127.0.0.1", *directives), sections=sections, own_tls=own_tls,
    )
    with server_directory() as files:
        server = start_ftpsd(config, files, certificates.authority_file)
        try:
            yield Hosts(server, config)
        finally:
            server.stop()
