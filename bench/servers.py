"""The servers that are compared: what they have in common, ours, and those that Python or the package provides.

All have the same certificate, user, password hash and files, demand TLS for control and data, resume sessions as they
do by default, write no log, and have no artificial delay. Each runs in a session (setsid) of its own: the scheduler
may share the processors out between sessions first. Those from unpacked packages are in packaged.py.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from bench.cost import Meter, meter
from bench.programs import Unavailable, package_version, program
from ftpsd.testing.ca import Authority, Files
from ftpsd.testing.configs import MODULES, ServerConfig, ServerFiles, User, hash_password
from ftpsd.testing.server import PROFTPD, RunningServer, ServerFault, server_directory, start_ftpsd, start_proftpd

SALT = "$6$rounds=1000$ftpsdbench$"
OWNER = User(salt=SALT)
LINES = ("TransferLog none", "MaxInstances none", "TimeoutIdle 3600", "TimeoutLogin 600")
PROFTPD_LINES = ("DelayEngine off", "SystemLog none")
UNIT = Path(__file__).parents[1] / "packaging/systemd/ftpsd.service"
Kind = Literal["rsa", "p256"]


@dataclass(frozen=True)
class Server:
    """A running server. `home` is the user's directory."""

    name: str
    version: str
    port: int
    meter: Meter
    home: Path

    @property
    def bare(self) -> bool:
        """Whether it speaks no FTP at all."""
        return self.name == "bare"


@dataclass(frozen=True)
class Setting:
    """What servers are started with; the stack ends them. `lines` are ftpsd's alone (Workers), `threads` the bare
    program's: more than clients would only take turns with cold caches. `faults` are what was wrong at servers' ends.
    """

    certificates: Mapping[Kind, Files]
    authority: Path
    stack: ExitStack
    kind: Kind = "rsa"
    lines: tuple[str, ...] = ()
    threads: int = 1
    faults: list[str] = field(default_factory=list)

    @property
    def certificate(self) -> Files:
        """The certificate that this server is to have."""
        return self.certificates[self.kind]

    def files(self) -> ServerFiles:
        """A directory of its own, removed at the end."""
        return self.stack.enter_context(server_directory())

    def combined(self, files: ServerFiles) -> Path:
        """Certificate and key in one file."""
        path = files.directory / "combined.pem"
        path.touch(mode=0o600)
        path.write_bytes(self.certificate.certificate.read_bytes() + self.certificate.key.read_bytes())
        return path

    def home(self, files: ServerFiles) -> Path:
        """The user's home, made and owned."""
        home = files.home(OWNER.name)
        home.mkdir(parents=True)
        OWNER.own(home)
        return home

    def started(self, name: str, version: str, port: int, pid: int, home: Path) -> Server:
        """The server that now runs, with its meter."""
        found = meter(pid)
        self.stack.callback(found.close)
        return Server(name, version, port, found, home)


def setting(stack: ExitStack) -> Setting:
    """A CA and the servers' certificates, RSA-2048 and P-256."""
    directory = stack.enter_context(server_directory()).directory
    root = Authority.create()
    kinds: tuple[Kind, ...] = ("rsa", "p256")
    made = {kind: root.leaf(kind=kind).write(directory, kind) for kind in kinds}
    return Setting(made, root.write(directory / "root.pem"), stack)


def end(process: subprocess.Popen[bytes]) -> None:
    """Stop a process that we started and wait for it."""
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(10)
    if process.stdout is not None:
        process.stdout.close()


def listening(process: subprocess.Popen[bytes], files: ServerFiles) -> int:
    """The port that a program of ours prints once it listens. Raises `Unavailable`."""
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line.strip():
        raise Unavailable(files.stderr.read_text("utf-8", "replace").strip() or "it did not start")
    return int(line)


def _config(lines: tuple[str, ...]) -> ServerConfig:
    return ServerConfig(
        certificate=None, users=(OWNER,), tls=("TLSRequired on", "TLSLog none"), directives=LINES + lines,
    )


def _running(chosen: Setting, running: RunningServer, version: str) -> Server:
    # Metered after the callback that stops it was pushed, so that the group is empty when it is removed.
    group = ExitStack()
    chosen.stack.push(group)
    chosen.stack.callback(_stop, running, chosen.faults)
    server = replace(chosen, stack=group).started(
        running.kind, version, running.port, running.process.pid, running.home(),
    )
    return server


def _stop(running: RunningServer, faults: list[str]) -> None:
    try:
        running.stop()
    except ServerFault as fault:
        faults.append(str(fault))


def ftpsd(chosen: Setting) -> Server:
    """ftpsd as it is in this tree."""
    config = replace(_config(("SystemLog none", *chosen.lines)), certificate=chosen.certificate)
    started = start_ftpsd(config, chosen.files(), chosen.authority, environment=unit_environment())
    return _running(chosen, started, _revision())


def unit_environment() -> dict[str, str]:
    """What our systemd unit sets for the C library."""
    prefix = "Environment="
    lines = (line.removeprefix(prefix) for line in UNIT.read_text().splitlines() if line.startswith(prefix))
    return dict(line.split("=", 1) for line in lines if line.startswith("GLIBC_TUNABLES="))


def _revision() -> str:
    """The commit of this tree, if it is a git tree."""
    command = ["git", "describe", "--always", "--dirty"]
    said = subprocess.run(command, cwd=Path(__file__).parent, capture_output=True, text=True, check=False)
    return said.stdout.strip() or "source"


def proftpd(chosen: Setting) -> Server:
    """ProFTPD with mod_tls from packages; it needs root."""
    if os.getuid() != 0:
        raise Unavailable("it needs root")
    if not PROFTPD.exists() or not (MODULES / "mod_tls.so").exists():
        raise Unavailable("proftpd-core and proftpd-mod-crypto are not installed")
    config = replace(_config(PROFTPD_LINES), certificate=chosen.certificate)
    running = start_proftpd(config, chosen.files(), chosen.authority)
    return _running(chosen, running, package_version("proftpd-core"))


def pyftpdlib(chosen: Setting) -> Server:
    """pyftpdlib's TLS handler on its own event loop, one process as it comes."""
    try:
        import pyftpdlib as package
    except ImportError:
        raise Unavailable("it is not installed") from None
    files = chosen.files()
    home = chosen.home(files)
    script = str(Path(__file__).with_name("pyftpdlib_server.py"))
    command = [sys.executable, script, str(chosen.combined(files)), str(home), hash_password(OWNER.password, SALT)]
    return _printing("pyftpdlib", package.__ver__, command, chosen, files, home)


def bare(chosen: Setting) -> Server:
    """Only TLS and files: what the machine can do (native/bare.c)."""
    files = chosen.files()
    home = chosen.home(files)
    own = chosen.certificate
    command = [str(program("bare")), str(own.certificate), str(own.key), str(home), str(chosen.threads)]
    return _printing("bare", "", command, chosen, files, home)


def _printing(
    name: str, version: str, command: list[str], chosen: Setting, files: ServerFiles, home: Path,
) -> Server:
    group = ExitStack()
    chosen.stack.push(group)
    with files.stderr.open("wb") as errors:
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=errors, stdin=subprocess.DEVNULL, start_new_session=True,
        )
    chosen.stack.callback(end, process)
    port = listening(process, files)
    return replace(chosen, stack=group).started(name, version, port, process.pid, home)


def furnish(server: Server, *, bulk: Path | None = None, small: int = 0, entries: int = 0) -> None:
    """The files that a workload moves: `bulk` is linked, small.bin has `small` bytes, `many…` gets `entries` files."""
    if bulk is not None and not (server.home / bulk.name).exists():
        os.link(bulk, server.home / bulk.name)
    path = server.home / "small.bin"
    if small and not path.exists():
        path.write_bytes(os.urandom(small))
        OWNER.own(path)
    many = server.home / f"many{entries}"
    if entries and not many.exists():
        many.mkdir()
        for number in range(entries):
            (many / f"an ordinary file name {number:06}.txt").touch()
        for path in (many, *many.iterdir()):
            OWNER.own(path)


def clear_uploads(server: Server) -> None:
    """Remove what clients have stored."""
    for path in server.home.glob("up*"):
        path.unlink()


def make_bulk(path: Path, size: int) -> None:
    """A file of random bytes that all homes share."""
    block = os.urandom(1 << 20)
    with path.open("wb") as file:
        for _ in range(size >> 20):
            file.write(block)
    OWNER.own(path)


def hash_cost(times: int = 20) -> float:
    """CPU milliseconds of one password hash: part of every login on every server."""
    start = time.process_time()
    for number in range(times):
        hash_password(f"{OWNER.password}{start}{number}", SALT)
    return (time.process_time() - start) * 1e3 / times


Starter = Callable[[Setting], Server]
