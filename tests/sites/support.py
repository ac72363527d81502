"""A configuration as administrators publish them, served by ftpsd and by ProFTPD: paths and the port are put in."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ftpsd.testing.client import client_context
from ftpsd.testing.configs import MODULES, ServerConfig, ServerFiles, User, proftpd_modules
from ftpsd.testing.plugin import Certificates
from ftpsd.testing.server import RunningServer, server_directory, start_ftpsd, start_proftpd
from tests.peer.compare import ALICE, BOB, Difference, Recorder, Script, equal

Kind = Literal["ftpsd", "proftpd"]
KINDS: tuple[Kind, ...] = ("ftpsd", "proftpd")
NOBODY = 65534
LONG_AGO = 1577934245
FTP = User("ftp", uid=NOBODY, gid=NOBODY)
PROFTPDS_MODULES = ("mod_tls", "mod_sql", "mod_sql_passwd", "mod_sql_sqlite")


@dataclass(frozen=True)
class Site(ServerConfig):
    """`body` is the configuration file, the same for both servers."""

    body: str = ""

    def text(self, files: ServerFiles) -> str:
        """The file with its places filled in; ProFTPD has to be told where its modules are."""
        own = self.certificate
        assert own is not None
        assert own.chain is not None
        words = {
            "PORT": str(self.port), "BASE": str(files.directory), "CERTIFICATE": str(own.certificate),
            "KEY": str(own.key), "CHAIN": str(own.chain),
        }
        text = re.sub(r"\b(PORT|BASE|CERTIFICATE|KEY|CHAIN)\b", lambda found: words[found[0]], self.body)
        if self.dialect == "ftpsd":
            return text
        there = [name for name in PROFTPDS_MODULES if (MODULES / f"{name}.so").exists()]
        return "\n".join([*proftpd_modules(*there), text])


def source(name: str) -> str:
    """The file of a site."""
    return (Path(__file__).parent / f"{name}.conf").read_text()


@contextlib.contextmanager
def site(
    name: str, kind: Kind, certificates: Certificates, furnish: Callable[[Path], None],
) -> Iterator[RunningServer]:
    """The site, served by one of the two. `furnish` fills its directory. The body has to stop it."""
    config = Site(certificates.server, users=(ALICE, BOB, FTP), body=source(name))
    start = start_ftpsd if kind == "ftpsd" else start_proftpd
    with server_directory() as files:
        furnish(files.directory)
        server = start(config, files, certificates.authority_file)
        with contextlib.ExitStack() as stack:
            stack.callback(server.stop)
            yield server
            stack.pop_all()


def talk(server: RunningServer, script: Script) -> list[tuple[str, str]]:
    """What the server answers."""
    context = client_context(server.authority, version=script.version)
    with server.client(context=context) as client:
        client.name = "localhost"
        return Recorder(client).run(script)


def transfers(server: RunningServer) -> list[str]:
    """The TransferLog without the moment and the duration."""
    lines = server.files.transfer_log.read_text().splitlines() if server.files.transfer_log.exists() else []
    shown = [re.sub(r"^\w+ \w+ +\d+ [\d:]+ \d+ \d+ ", "", line) for line in lines]
    return [line.replace(str(server.files.directory), "BASE") for line in shown]


def differing(
    theirs: list[tuple[str, str]], ours: list[tuple[str, str]], differences: tuple[Difference, ...] = (),
) -> list[str]:
    """The exchanges that differ and that no difference explains."""
    assert [command for command, _ in theirs] == [command for command, _ in ours]
    return [
        f"{command!r}\n  ProFTPD: {left}\n  ftpsd:   {right}"
        for (command, left), (_, right) in zip(theirs, ours, strict=True)
        if not equal(left, right) and not any(one.explains(command, left, right) for one in differences)
    ]


def make(path: Path, *, owner: User | None = None, mode: int, data: bytes | None = None) -> None:
    """A file (or, without data, a directory) with these rights."""
    if data is None:
        path.mkdir()
    else:
        path.write_bytes(data)
    path.chmod(mode)
    os.utime(path, (LONG_AGO, LONG_AGO))
    uid, gid = (owner.uid, owner.gid) if owner is not None else (NOBODY, NOBODY)
    os.chown(path, uid, gid)
