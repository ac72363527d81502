"""Servers that others wrote, each with what a test wants to be wrong with it.

vsftpd and Pure-FTPd come from Debian's packages, unpacked beside each other (`bench.programs`): installed they would
conflict with ProFTPD's. Both need root, and so does ProFTPD.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import threading
import warnings
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from bench.programs import Unavailable, libraries, unpacked
from cryptography.x509.oid import ExtendedKeyUsageOID

from bench import packaged
from ftpsd.testing.ca import DAY, Authority, Files, Identity
from ftpsd.testing.configs import ServerConfig, User, hash_password
from ftpsd.testing.daemons import Daemon
from ftpsd.testing.plugin import need_proftpd
from ftpsd.testing.server import server_directory, start_ftpsd, start_proftpd
from tests.diag.probe.fake import FakeServer, Faults
from tests.tls import pki

ALICE = User("alice", uid=1000, gid=1000)
SHA1 = Path(__file__).parents[1] / "sha1.txt"
_VSFTPD = """\
listen=YES
listen_address=127.0.0.1
background=NO
anonymous_enable=NO
local_enable=YES
write_enable=YES
chroot_local_user=YES
allow_writeable_chroot=YES
pam_service_name=vsftpd
xferlog_enable=NO
ssl_enable=YES
ssl_sslv2=NO
ssl_sslv3=NO
ssl_tlsv1=YES
force_local_logins_ssl=YES
force_local_data_ssl=YES
ssl_ciphers=HIGH
"""
_PURE = (
    "--noanonymous", "--chrooteveryone", "--dontresolve", "--maxclientsnumber=500", "--minuid=1",
    "--syslogfacility=none",
)


@dataclass(frozen=True)
class Shown:
    """A certificate as servers want it: file of certificate and chain, file of the key, both in one."""

    certificate: Path
    key: Path
    both: Path


class Workshop:
    """Certificates good and bad, and servers that have them. All ends with the stack."""

    def __init__(self, stack: ExitStack, directory: Path) -> None:
        self._stack = stack
        self._directory = directory
        directory.chmod(0o755)
        self._root = Authority.create()
        self._issuer = self._root.intermediate()
        self.authority = self._root.write(directory / "root.pem")
        self._made: dict[str, Shown] = {}

    def certificate(self, kind: str) -> Shown:
        """`good`, `expired`, `lonely` (its intermediate is missing), `other` (for another name), `self` (signed by
        itself), `weak` (RSA 1024), `sha1`, `disordered`.
        """
        if kind not in self._made:
            self._made[kind] = self._write(kind)
        return self._made[kind]

    def _write(self, kind: str) -> Shown:
        if kind == "sha1":
            text = SHA1.read_bytes()
            return self._files(kind, text, text)
        made = self._identity(kind)
        chain = {"lonely": b"", "disordered": self._root.pem + made.chain_pem}.get(kind, made.chain_pem)
        return self._files(kind, made.certificate_pem + chain, made.key_pem())

    def _identity(self, kind: str) -> Identity:
        if kind == "expired":
            return self._issuer.leaf(first=-30 * DAY, last=-DAY)
        if kind == "other":
            return self._issuer.leaf("www.example.org", alternatives=("www.example.org",))
        if kind in ("self", "weak"):
            draft = pki.Draft(
                ("localhost",), ("localhost",), key=kind if kind == "weak" else "rsa", last=365 * DAY,
                usage=(ExtendedKeyUsageOID.SERVER_AUTH,))
            return draft.sign(self._issuer.identity if kind == "weak" else None)
        return self._issuer.leaf()

    def _files(self, kind: str, certificate: bytes, key: bytes) -> Shown:
        paths = [self._directory / f"{kind}.{part}.pem" for part in ("cert", "key", "both")]
        for path, text in zip(paths, (certificate, key, certificate + key), strict=True):
            path.touch(mode=0o600)
            path.write_bytes(text)
        return Shown(*paths)

    @contextlib.contextmanager
    def shift(self) -> Iterator[None]:
        """Servers that are started within end with the block."""
        before = self._stack
        with ExitStack() as stack:
            self._stack = stack
            try:
                yield
            finally:
                self._stack = before

    # -- servers, each on a port of this machine

    def ftpsd(self, *, tls: Sequence[str] = ("TLSRequired on",), directives: Sequence[str] = ()) -> int:
        files = self._stack.enter_context(server_directory())
        server = start_ftpsd(self._config("good", tls, directives), files, self.authority)
        self._stack.callback(server.stop)
        return server.port

    def proftpd(
        self, kind: str = "good", *, tls: Sequence[str] = ("TLSRequired on",), directives: Sequence[str] = (),
    ) -> int:
        need_proftpd()
        files = self._stack.enter_context(server_directory())
        server = start_proftpd(self._config(kind, tls, directives), files, self.authority)
        self._stack.callback(server.stop)
        return server.port

    def _config(self, kind: str, tls: Sequence[str], directives: Sequence[str]) -> ServerConfig:
        shown = self.certificate(kind)
        chain = None if kind in ("lonely", "sha1") else self._chain(shown, kind)
        files = Files(shown.certificate, shown.key, chain, "p256" if kind == "sha1" else "rsa")
        return ServerConfig(certificate=files, users=(ALICE,), tls=tls, directives=directives)

    def _chain(self, shown: Shown, kind: str) -> Path:
        """What follows the first certificate."""
        path = self._directory / f"{kind}.chain.pem"
        end = b"-----END CERTIFICATE-----\n"
        path.write_bytes(shown.certificate.read_bytes().split(end, 1)[1])
        return path

    def vsftpd(self, kind: str = "good", *, lines: Sequence[str] = ()) -> int:
        root = self._unpacked("vsftpd", "libwrap0")
        files = self._stack.enter_context(server_directory())
        home = files.home(ALICE.name)
        home.mkdir(parents=True)
        ALICE.own(home)
        packaged.accounts(files, home, ALICE)
        empty = files.directory / "empty"
        empty.mkdir()
        shown = self.certificate(kind)
        settings = dict(line.split("=", 1) for line in _VSFTPD.split())
        settings |= {"secure_chroot_dir": str(empty), "rsa_cert_file": str(shown.certificate)}
        settings |= {"rsa_private_key_file": str(shown.key), **dict(line.split("=", 1) for line in lines)}
        files.configuration.write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
        inside = ["sh", "-c", packaged.PRIVATE, "sh", str(files.directory)]
        command = [str(root / "usr/sbin/vsftpd"), str(files.configuration), "-olisten_port={port}"]
        return self._daemon(root, ["unshare", "--mount", "--propagation=private", *inside, *command], files.directory)

    def pureftpd(self, kind: str = "good", *, arguments: Sequence[str] = ("--tls=3",)) -> int:
        root = self._unpacked("pure-ftpd", "libsodium23")
        files = self._stack.enter_context(server_directory())
        home = files.home(ALICE.name)
        home.mkdir(parents=True)
        ALICE.own(home)
        users, database = files.directory / "passwd", files.directory / "puredb"
        hashed = hash_password(ALICE.password, ALICE.salt)
        users.write_text(f"{ALICE.name}:{hashed}:{ALICE.uid}:{ALICE.gid}::{home}/./::::::::::::\n")
        subprocess.run(
            [str(root / "usr/bin/pure-pw"), "mkdb", str(database), "-f", str(users)], check=True, capture_output=True,
            env={**os.environ, "LD_LIBRARY_PATH": libraries(root)}, timeout=30)
        command = [
            str(root / "usr/sbin/pure-ftpd"), "--bind=127.0.0.1,{port}", f"--certfile={self.certificate(kind).both}",
            f"--login=puredb:{database}", f"--pidfile={files.pid_file}", *_PURE, *arguments]
        return self._daemon(root, command, files.directory)

    def _unpacked(self, *packages: str) -> Path:
        if os.getuid() != 0:
            pytest.skip("it needs root")
        try:
            return unpacked(*packages)
        except Unavailable as error:
            pytest.skip(str(error))

    def _daemon(self, root: Path, command: Sequence[str], directory: Path) -> int:
        daemon = Daemon(["env", f"LD_LIBRARY_PATH={libraries(root)}", *command], directory)
        self._stack.callback(daemon.stop)
        return daemon.port

    def pyftpdlib(self, kind: str = "good", **changes: Any) -> int:
        """`changes` are attributes of its handler; `prepare` is called with its OpenSSL context."""
        server = _Pyftpdlib(self.certificate(kind).both, self._directory / "pyftpdlib", changes)
        self._stack.callback(server.close)
        return server.port

    def fake(self, kind: str = "good", **faults: Any) -> int:
        shown = self.certificate(kind)
        server = FakeServer(shown.certificate, shown.key, Faults(**faults))
        self._stack.callback(server.close)
        return server.port


class _Pyftpdlib:
    """pyftpdlib on a thread of this process."""

    def __init__(self, certificate: Path, home: Path, changes: dict[str, Any]) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from pyftpdlib.authorizers import DummyAuthorizer
            from pyftpdlib.handlers import TLS_FTPHandler
            from pyftpdlib.ioloop import IOLoop
            from pyftpdlib.servers import FTPServer
        home.mkdir(exist_ok=True)
        authorizer = DummyAuthorizer()
        authorizer.add_user(ALICE.name, ALICE.password, str(home), perm="elradfmwMT")
        prepare = changes.pop("prepare", None)

        class Handler(TLS_FTPHandler):  # type: ignore[misc]
            certfile = str(certificate)
            tls_control_required = tls_data_required = True
            ssl_context = None

            @classmethod
            def get_ssl_context(cls) -> Any:
                if cls.ssl_context is None and prepare is not None:
                    cls.ssl_context = prepare(str(certificate))
                return super().get_ssl_context()

        Handler.authorizer = authorizer
        for name, value in changes.items():
            setattr(Handler, name, value)
        self._loop = IOLoop()
        self._server = FTPServer(("127.0.0.1", 0), Handler, ioloop=self._loop)
        self.port: int = self._server.address[1]
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._stop.is_set():
            self._loop.loop(timeout=0.05, blocking=False)

    def close(self) -> None:
        self._stop.set()
        self._thread.join(10)
        with contextlib.suppress(OSError):
            self._server.close_all()
