"""What `ftpsd demo` serves: certificates, a user, files and the configuration that joins them."""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
import stat
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding

from ftpsd.auth.passwords import hash_password
from ftpsd.cli import fresh, naming
from ftpsd.errors import ConfigError

USER = "demo"
DAYS = 30
PORTS_TRIED = 100
_WELCOME = "welcome.txt"
_LOOPBACKS = ("127.0.0.1", "::1")

_CONFIGURATION = """\
# Written by `ftpsd demo`. `{program} -n -c {config}` serves it too.
ServerName       "ftpsd demonstration"
Port             {port}
DefaultAddress   {addresses}
SocketBindTight  on
PidFile          {base}/ftpsd.pid
ScoreboardFile   {base}/scoreboard
SystemLog        {base}/ftpsd.log
WtmpLog          off
UseReverseDNS    off

AuthOrder        mod_auth_file.c
AuthUserFile     {base}/users
RequireValidShell off
DefaultRoot      ~
AllowOverwrite   on
AllowStoreRestart on
AllowRetrieveRestart on

<IfModule mod_tls.c>
  TLSEngine                 on
  TLSLog                    {base}/tls.log
  TLSProtocol               TLSv1.2 TLSv1.3
  TLSRequired               on
  TLSECCertificateFile      {base}/server.pem
  TLSECCertificateKeyFile   {base}/server.key
  TLSCertificateChainFile   {base}/ca.pem
</IfModule>
"""

_INSTRUCTIONS = """
ftpsd serves {home}
on port {port} of this machine until Ctrl-C. User {user}, password {password}

curl:       curl --cacert {base}/ca.pem --ssl-reqd -u {user}:{password} ftp://localhost:{port}/
  upload:   curl --cacert {base}/ca.pem --ssl-reqd -u {user}:{password} -T FILE ftp://localhost:{port}/
  download: curl --cacert {base}/ca.pem --ssl-reqd -u {user}:{password} -O ftp://localhost:{port}/welcome.txt
lftp:       lftp -u {user},{password} -p {port} -e 'set ssl:ca-file {base}/ca.pem; set ftp:ssl-force yes' localhost
FileZilla:  Host ftpes://localhost  Username {user}  Password {password}  Port {port}
            The certificate that it shows must have the SHA-256 fingerprint
            {fingerprint}

Configuration: {config}   Logs: {base}/ftpsd.log, {base}/tls.log
Who is on:     {program} who -c {config}
"""


@dataclass(frozen=True, slots=True)
class Site:
    """A demonstration: its directory, configuration file, port, user's home and password."""

    base: str
    config: str
    port: int
    home: str
    password: str
    fingerprint: str


def make(base: str, port: int) -> Site:
    """Write everything into `base` and return what clients need to know. Raises `ConfigError`, `OSError`."""
    directory = Path(base)
    _check(base)
    fingerprint = _write_certificates(directory)
    password = secrets.token_urlsafe(9)
    home = directory / "files"
    uid, gid = fresh.account()
    _furnish(home, uid, gid)
    line = f"{USER}:{hash_password(password)}:{uid}:{gid}:ftpsd demo:{home}:/bin/sh\n"
    _write(directory / "users", line.encode(), 0o600)
    config = directory / "ftpsd.conf"
    addresses = " ".join(address for address in _LOOPBACKS if _can_bind(address, 0))
    text = _CONFIGURATION.format(config=config, port=port, base=base, addresses=addresses,
                                 program=naming.program())
    _write(config, text.encode(), 0o644)
    return Site(base, str(config), port, str(home), password, fingerprint)


def how_to_connect(site: Site) -> str:
    """The lines to paste."""
    return _INSTRUCTIONS.format(
        base=site.base, config=site.config, port=site.port, home=site.home, user=USER,
        password=site.password, fingerprint=site.fingerprint, program=naming.program(),
    )


def free_port(first: int) -> int:
    """The first port from `first` on that is free on every loopback address. Raises `ConfigError`."""
    for port in range(first, first + PORTS_TRIED):
        usable = [address for address in _LOOPBACKS if _can_bind(address, 0)]
        if all(_can_bind(address, port) for address in usable):
            return port
    raise ConfigError(
        f"no free port from {first} to {first + PORTS_TRIED - 1}", remedy="name one with --port PORT"
    )


def _can_bind(address: str, port: int) -> bool:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind((address, port))
            return True
    except OSError:
        return False


def _check(base: str) -> None:
    """Refuses a directory in which somebody else could put a link where root is going to write."""
    found = os.stat(base)
    if found.st_uid != os.geteuid():
        raise ConfigError(
            f"'{base}' belongs to somebody else",
            remedy="Name a directory that does not exist yet, or one of your own.")
    if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise ConfigError(
            f"others could write to '{base}'",
            remedy=f"Name a directory that does not exist yet, or write: chmod go-w {base}")


def _furnish(home: Path, uid: int, gid: int) -> None:
    """The user's home with a file. What is there may be the user's, who is anybody: nothing of it is followed."""
    try:
        with contextlib.suppress(FileExistsError):
            home.mkdir(mode=0o755)
        there = os.open(home, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            os.fchown(there, uid, gid)
            with contextlib.suppress(FileNotFoundError):
                os.unlink(_WELCOME, dir_fd=there)
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            with open(os.open(_WELCOME, flags, 0o644, dir_fd=there), "wb") as file:
                os.fchown(file.fileno(), uid, gid)
                file.write(b"This came over TLS.\n")
        finally:
            os.close(there)
    except OSError as error:
        raise ConfigError(
            f"unable to use '{home}': {error.strerror}", remedy="Remove what is in its way, or name another directory.",
        ) from None


def _write(path: Path, data: bytes, mode: int) -> None:
    """In the place of what an earlier demonstration wrote."""
    path.unlink(missing_ok=True)
    fresh.write(path, data, mode)


def _write_certificates(directory: Path) -> str:
    """A CA and a server certificate for this machine's loopback names; the certificate's fingerprint."""
    issuer = fresh.authority("ftpsd demonstration CA", DAYS)
    pair = fresh.server(("localhost", *_LOOPBACKS), DAYS, issuer)
    _write(directory / "ca.pem", issuer[0].public_bytes(Encoding.PEM), fresh.CERTIFICATE_MODE)
    _write(directory / "server.pem", pair.certificate, fresh.CERTIFICATE_MODE)
    _write(directory / "server.key", pair.key, fresh.SECRET_MODE)
    return pair.fingerprint
