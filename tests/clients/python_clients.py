"""Python's clients: the standard library's ftplib, and aioftp."""

from __future__ import annotations

import ftplib
import importlib.util
import io
import socket
import ssl
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import ClassVar

from tests.clients.base import HERE, Adapter, ClientFailed, Link, Step, Verb, as_json, run, write_names

SECONDS = 15.0


class ImplicitFTP(ftplib.FTP_TLS):
    """ftplib knows explicit TLS only; its users wrap the socket themselves, as here."""

    def connect(
        self, host: str = "", port: int = 0, timeout: float = SECONDS,
        source_address: tuple[str, int] | None = None,
    ) -> str:
        self.host, self.port, self.timeout = host, port, timeout
        plain = socket.create_connection((host, port), timeout)
        self.af = plain.family
        self.sock = self.context.wrap_socket(plain, server_hostname="localhost")
        self.file = self.sock.makefile("r", encoding=self.encoding)
        self.welcome = self.getresp()
        return self.welcome


def ftplib_session(link: Link) -> ftplib.FTP_TLS:
    """A logged-in ftplib client with PROT P."""
    context = ssl.create_default_context(cafile=link.authority)
    kind = ImplicitFTP if link.implicit else ftplib.FTP_TLS
    client = kind(context=context, timeout=SECONDS, encoding="utf-8")
    client.connect(link.host, link.port, SECONDS)
    client.login(link.user, link.password, secure=not link.implicit)
    client.prot_p()
    client.set_pasv(not link.active)
    return client


class Ftplib(Adapter):
    """The standard library's ftplib.FTP_TLS. It never resumes a session."""

    name = "ftplib"
    resumes: ClassVar[frozenset[str]] = frozenset()

    def missing(self) -> str | None:
        return None

    def perform(self, link: Link, steps: Sequence[Step], work: Path) -> None:
        client = ftplib_session(link)
        try:
            for step in steps:
                self._do(client, step)
            client.quit()
        except ftplib.Error as error:
            raise ClientFailed(f"ftplib: {error}") from error
        finally:
            client.close()

    @staticmethod
    def _do(client: ftplib.FTP_TLS, step: Step) -> None:
        local = Path(step.local)

        def resume_get() -> None:
            with local.open("ab") as file:
                client.retrbinary(f"RETR {step.remote}", file.write, rest=file.tell())

        def resume_put() -> None:
            client.voidcmd("TYPE I")
            done = client.size(step.remote) or 0
            rest = io.BytesIO(local.read_bytes()[done:])
            client.storbinary(f"STOR {step.remote}", rest, rest=done)

        def get() -> None:
            with local.open("wb") as file:
                client.retrbinary(f"RETR {step.remote}", file.write)

        actions: dict[Verb, Callable[[], object]] = {
            "list": lambda: write_names(
                step, [name for name, _ in client.mlsd(step.remote) if name not in (".", "..")]
            ),
            "get": get,
            "put": lambda: client.storbinary(f"STOR {step.remote}", io.BytesIO(local.read_bytes())),
            "resume-get": resume_get,
            "resume-put": resume_put,
            "rename": lambda: client.rename(step.remote, step.other),
            "delete": lambda: client.delete(step.remote),
            "mkdir": lambda: client.mkd(step.remote),
            "rmdir": lambda: client.rmd(step.remote),
        }
        actions[step.verb]()


class Aioftp(Adapter):
    """aioftp: shakes hands on the data connection before it sends the transfer command.

    In a process of its own, because its close() leaves transports to a loop that has ended.
    """

    name = "aioftp"
    active = False

    def missing(self) -> str | None:
        return None if importlib.util.find_spec("aioftp") else "aioftp is not installed (pip)"

    def perform(self, link: Link, steps: Sequence[Step], work: Path) -> None:
        run([sys.executable, str(HERE / "aioftp_session.py")], work, text=as_json(link, steps))
