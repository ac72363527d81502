"""What a check asks of the machine beside the files that a configuration names. Tests put another one in its place."""

from __future__ import annotations

import functools
import ipaddress
import os
import queue
import re
import socket
import threading
import warnings
from datetime import UTC, datetime

from cryptography import x509

from ftpsd.auth.chain import Authenticator
from ftpsd.settings.auth import AuthSettings
from ftpsd.settings.loader import look_up
from ftpsd.tls import certificates

PATIENCE = 5.0
"""Seconds that a server has to accept a connection."""

_EPHEMERAL = "/proc/sys/net/ipv4/ip_local_port_range"
_ROUTES = "/proc/net/fib_trie"
_ROOTS = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem")
_LOCAL = re.compile(r"\|-- ([0-9.]+)\n\s+/32 host LOCAL")


class Machine:
    """This machine, now."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def is_root(self) -> bool:
        return os.geteuid() == 0

    def resolve(self, name: str) -> tuple[str, ...]:
        """IP addresses of a name, or of an address itself; () when there are none."""
        return look_up(name)

    def ephemeral_ports(self) -> tuple[int, int] | None:
        """The ports that the kernel takes for outgoing connections; None: not known."""
        try:
            low, high = (int(word) for word in _read(_EPHEMERAL).split())
        except (OSError, ValueError):
            return None
        return low, high

    def addresses(self) -> tuple[str, ...]:
        """This machine's own IPv4 addresses but those of the loopback; () when they are not known."""
        try:
            found = dict.fromkeys(_LOCAL.findall(_read(_ROUTES)))
        except OSError:
            return ()
        return tuple(each for each in found if not ipaddress.ip_address(each).is_loopback)

    def unreachable(self, host: str, port: int, path: str = "") -> str:
        """Why nobody accepts connections there (a local socket: at `path`); "": somebody does. Takes `PATIENCE` at
        most, whatever name servers do."""
        answers: queue.SimpleQueue[str] = queue.SimpleQueue()
        threading.Thread(target=lambda: answers.put(_connect(host, port, path)), daemon=True).start()
        try:
            return answers.get(timeout=PATIENCE)
        except queue.Empty:
            return f"no answer within {PATIENCE:g} seconds"

    def pam_problem(self, settings: AuthSettings) -> str:
        """Why PAM cannot be asked where `settings` want it to be, and behind ". " the remedy; "": it can, or nobody
        wants it.
        """
        return Authenticator(settings).pam_problem

    def public_roots(self) -> frozenset[x509.Name]:
        """The names of the authorities that this system trusts, as an example of what clients have."""
        return frozenset(each.subject for each in system_roots())


def is_forbidden(path: str) -> bool:
    """Whether a file is there that this process may not read; what else is wrong with it, whoever reads it says."""
    try:
        os.close(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC))
    except PermissionError:
        return True
    except OSError:
        pass
    return False


def _connect(host: str, port: int, path: str) -> str:
    try:
        if path:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
                sock.settimeout(PATIENCE)
                sock.connect(path)
        else:
            socket.create_connection((host, port), PATIENCE).close()
    except OSError as error:
        return error.strerror or str(error)
    return ""


@functools.cache
def system_roots() -> tuple[x509.Certificate, ...]:
    """The authorities that this system trusts."""
    for path in _ROOTS:
        try:
            with warnings.catch_warnings(action="ignore"):  # some roots are older than today's rules
                return certificates.certificates_in(certificates.read_file(path))
        except OSError:
            continue
    return ()


def _read(path: str) -> str:
    with open(path, encoding="ascii", errors="replace") as file:
        return file.read(1 << 20)
