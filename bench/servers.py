"""The servers that are compared, all with the same certificate, user, files and TLS demands."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from ftpsd.testing.ca import Authority, Files
from ftpsd.testing.configs import MODULES, ServerConfig, ServerFiles, User
from ftpsd.testing.server import PROFTPD, server_directory, start_ftpsd, start_proftpd

LINES = ("TransferLog none", "MaxInstances none", "TimeoutIdle 600", "TimeoutLogin 600")


@dataclass(frozen=True)
class Server:
    """A running server. `home` is the user's directory, `pid` the root of its process tree."""

    name: str
    version: str
    port: int
    pid: int
    home: Path
    authority: Path


@dataclass(frozen=True)
class Setting:
    """What every server is started with."""

    authority: Path
    certificate: Files
    stack: ExitStack

    def files(self) -> ServerFiles:
        """A directory of its own, removed at the end."""
        return self.stack.enter_context(server_directory())

    def config(self) -> ServerConfig:
        """The configuration in ProFTPD's language."""
        return ServerConfig(certificate=self.certificate, directives=LINES)


def setting(stack: ExitStack) -> Setting:
    """The CA and the server's RSA-2048 certificate."""
    directory = stack.enter_context(server_directory()).directory
    root = Authority.create()
    return Setting(root.write(directory / "root.pem"), root.leaf().write(directory, "server"), stack)


def ftpsd(chosen: Setting) -> Server:
    """ftpsd as it is in this tree."""
    from importlib.metadata import PackageNotFoundError, version

    files = chosen.files()
    running = start_ftpsd(chosen.config(), files, chosen.authority)
    chosen.stack.callback(running.stop)
    try:
        known = version("ftpsd")
    except PackageNotFoundError:
        known = "source"
    return Server("ftpsd", known, running.port, running.process.pid, running.home(), chosen.authority)


def proftpd(chosen: Setting) -> Server | None:
    """ProFTPD with mod_tls from packages; it needs root."""
    if os.getuid() != 0 or not PROFTPD.exists() or not (MODULES / "mod_tls.so").exists():
        return None
    running = start_proftpd(chosen.config(), chosen.files(), chosen.authority)
    chosen.stack.callback(running.stop)
    said = subprocess.run([str(PROFTPD), "-v"], capture_output=True, text=True, check=False)
    version = (said.stdout + said.stderr).split()[-1]
    return Server("proftpd", version, running.port, running.process.pid, running.home(), chosen.authority)


def pyftpdlib(chosen: Setting) -> Server | None:
    """pyftpdlib's TLS handler on its own event loop, one process as it comes."""
    try:
        import pyftpdlib as package
    except ImportError:
        return None
    files = chosen.files()
    home = files.home("alice")
    home.mkdir(parents=True)
    combined = files.directory / "combined.pem"
    combined.write_bytes(chosen.certificate.certificate.read_bytes() + chosen.certificate.key.read_bytes())
    with files.stderr.open("wb") as errors:
        process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("pyftpdlib_server.py")), str(combined), str(home)],
            stdout=subprocess.PIPE, stderr=errors, stdin=subprocess.DEVNULL,
        )
    chosen.stack.callback(_end, process)
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line.strip():
        raise RuntimeError(f"pyftpdlib did not start: {files.stderr.read_text()}")
    return Server("pyftpdlib", package.__ver__, int(line), process.pid, home, chosen.authority)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    process.wait(10)
    assert process.stdout is not None
    process.stdout.close()


STARTERS: dict[str, Callable[[Setting], Server | None]] = {
    "ftpsd": ftpsd, "proftpd": proftpd, "pyftpdlib": pyftpdlib,
}


def furnish(server: Server, *, bulk: int, entries: int, small: int) -> None:
    """The files that the workloads move: sizes in bytes."""
    owner = User()
    block = os.urandom(1 << 20)
    with (server.home / "bulk.bin").open("wb") as file:
        for _ in range(bulk >> 20):
            file.write(block)
    (server.home / "small.bin").write_bytes(os.urandom(small))
    many = server.home / "many"
    shutil.rmtree(many, ignore_errors=True)
    many.mkdir()
    for number in range(entries):
        (many / f"an ordinary file name {number:05}.txt").touch()
    for path in (server.home / "bulk.bin", server.home / "small.bin", many, *many.iterdir()):
        owner.own(path)
