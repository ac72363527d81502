"""Configurations for tests, in ProFTPD's language, that ftpsd and a real ProFTPD 1.3.8 both read.

ProFTPD takes the *first* of two equal directives in one context, so a default below gives way to a line
of the test's own that names the same directive.
"""

from __future__ import annotations

import ctypes
import functools
import grp
import os
import pwd
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from ftpsd.testing.ca import Files

MODULES = Path("/usr/lib/proftpd")
SHARED = ("mod_delay", "mod_ls", "mod_xfer")
"""Modules that Debian 12 compiles into ProFTPD; Debian 13's has to load them, as its modules.conf does."""
SALT = "$5$rounds=1000$ftpsdtesting$"


def proftpd_modules(*names: str) -> list[str]:
    """A ProFTPD's first lines: where its modules are, those that it needs in any case, and `names` (without `.c`)."""
    shared = [name for name in SHARED if (MODULES / f"{name}.so").exists()]
    return [f"ModulePath {MODULES}", *(f"LoadModule {name}.c" for name in (*shared, *names))]


@functools.lru_cache(maxsize=64)
def hash_password(password: str, salt: str = SALT) -> str:
    """The hash that the system's libcrypt makes of `password`; cheap and unsafe, for tests only."""
    library = ctypes.CDLL("libcrypt.so.1")
    library.crypt.restype = ctypes.c_char_p
    library.crypt.argtypes = (ctypes.c_char_p, ctypes.c_char_p)
    hashed = library.crypt(password.encode(), salt.encode())
    if not isinstance(hashed, bytes) or not hashed.startswith(salt.encode()[:3]):
        raise ValueError(f"libcrypt does not know the scheme of salt {salt!r}")
    return hashed.decode()


def _default_uid() -> int:
    return os.getuid() or 1000


def _default_gid() -> int:
    return os.getgid() or 1000


@dataclass(frozen=True)
class User:
    """An AuthUserFile entry. As root it is uid and gid 1000 by default, otherwise the tests' own."""

    name: str = "alice"
    password: str = "secret"
    uid: int = field(default_factory=_default_uid)
    gid: int = field(default_factory=_default_gid)
    shell: str = "/bin/sh"
    salt: str = SALT

    def passwd_line(self, home: Path) -> str:
        """The line of the AuthUserFile, without its newline."""
        hashed = hash_password(self.password, self.salt)
        return f"{self.name}:{hashed}:{self.uid}:{self.gid}:{self.name}:{home}:{self.shell}"

    def own(self, path: Path) -> None:
        """Give `path` to the user (as root; otherwise it is the user's already)."""
        if os.getuid() == 0:
            os.chown(path, self.uid, self.gid, follow_symlinks=False)


@dataclass(frozen=True)
class ServerFiles:
    """Everything that a server under test reads and writes, below one directory."""

    directory: Path

    @property
    def configuration(self) -> Path:
        """The configuration file."""
        return self.directory / "ftpsd.conf"

    @property
    def tls_log(self) -> Path:
        """TLSLog."""
        return self.directory / "tls.log"

    @property
    def system_log(self) -> Path:
        """SystemLog."""
        return self.directory / "system.log"

    @property
    def transfer_log(self) -> Path:
        """TransferLog (xferlog)."""
        return self.directory / "xferlog"

    @property
    def stderr(self) -> Path:
        """Standard output and standard error of the process."""
        return self.directory / "stderr"

    @property
    def pid_file(self) -> Path:
        """PidFile."""
        return self.directory / "pid"

    @property
    def controls(self) -> Path:
        """ControlsSocket."""
        return self.directory / "controls"

    def home(self, user: str) -> Path:
        """The home directory of a user."""
        return self.directory / "homes" / user


@dataclass(frozen=True)
class ServerConfig:
    """What a test wants to be configured; `write` makes the files.

    `tls` are lines for the TLS block (the certificate's are there already), `directives` lines for the
    server config, `sections` text that follows (VirtualHost, Anonymous, …; `BASE` in it is the directory of
    all the server's files, `@PORT@` its port). `certificate=None` means no
    TLS block at all.
    """

    certificate: Files | None
    address: str = "127.0.0.1"
    port: int = 0
    users: Sequence[User] = (User(),)
    tls: Sequence[str] = ("TLSRequired on",)
    directives: Sequence[str] = ()
    sections: str = ""
    dialect: Literal["ftpsd", "proftpd"] = "ftpsd"

    def text(self, files: ServerFiles) -> str:
        """The configuration file's text."""
        own = tuple(self.directives)
        lines = [*self._head(), *own, *_without(self._server(files), own)]
        if self.certificate is not None:
            tls = tuple(self.tls)
            lines += ["<IfModule mod_tls.c>", *tls, *_without(self._tls(files), tls), "</IfModule>"]
        return "\n".join(lines) + "\n" + self._filled(files)

    def _filled(self, files: ServerFiles) -> str:
        return self.sections.replace("BASE", str(files.directory)).replace("@PORT@", str(self.port))

    def write(self, files: ServerFiles) -> None:
        """Write the configuration, the AuthUserFile, the AuthGroupFile and make the homes."""
        passwd: list[str] = []
        groups: dict[int, list[str]] = {}
        for user in self.users:
            home = files.home(user.name)
            home.mkdir(parents=True, exist_ok=True)
            user.own(home)
            passwd.append(user.passwd_line(home))
            groups.setdefault(user.gid, []).append(user.name)
        _private(files.directory / "passwd", "\n".join(passwd) + "\n")
        lines = [f"{names[0]}:x:{gid}:{','.join(names)}" for gid, names in groups.items()]
        _private(files.directory / "group", "\n".join(lines) + "\n")
        files.configuration.write_text(self.text(files))

    def _head(self) -> list[str]:
        if self.dialect == "ftpsd":
            return []
        return proftpd_modules("mod_tls")

    def _server(self, files: ServerFiles) -> list[str]:
        runs_as, group = _identity()
        return [
            'ServerName "Test Server"', "ServerAdmin admin@example.org", "ServerType standalone",
            f"Port {self.port}", f"DefaultAddress {self.address}", "UseIPv6 on", "SocketBindTight on",
            f"User {runs_as}", f"Group {group}", "Umask 022 022",
            f"AuthUserFile {files.directory / 'passwd'}", f"AuthGroupFile {files.directory / 'group'}",
            "AuthOrder mod_auth_file.c", "RequireValidShell off", "DefaultRoot ~", "WtmpLog off",
            "UseReverseDNS off", "AllowOverwrite on", "AllowStoreRestart on", "MaxLoginAttempts 10",
            f"PidFile {files.pid_file}", f"ScoreboardFile {files.directory / 'scoreboard'}",
            f"ControlsSocket {files.controls}",
            f"SystemLog {files.system_log}", f"TransferLog {files.transfer_log}",
        ]

    def _tls(self, files: ServerFiles) -> list[str]:
        assert self.certificate is not None
        kind = "RSA" if self.certificate.kind == "rsa" else "EC"
        lines = [
            "TLSEngine on", f"TLSLog {files.tls_log}", "TLSProtocol TLSv1.2 TLSv1.3",
            f"TLS{kind}CertificateFile {self.certificate.certificate}",
            f"TLS{kind}CertificateKeyFile {self.certificate.key}",
        ]
        if self.certificate.chain is not None:
            lines.append(f"TLSCertificateChainFile {self.certificate.chain}")
        return lines


def _without(defaults: list[str], own: Sequence[str]) -> list[str]:
    named = {line.split()[0].lower() for line in own if line.split()}
    return [line for line in defaults if line.split()[0].lower() not in named]


def _identity() -> tuple[str, str]:
    """User and Group for the server: nobody as root, else ourselves."""
    if os.getuid() == 0:
        return "nobody", "nogroup"
    return pwd.getpwuid(os.getuid()).pw_name, grp.getgrgid(os.getgid()).gr_name


def _private(path: Path, text: str) -> None:
    path.touch(mode=0o600)
    path.write_text(text)
