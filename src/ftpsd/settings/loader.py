"""`load`: from a file's name to a configuration. The only part of settings/ that looks at the machine."""

from __future__ import annotations

import array
import contextlib
import dataclasses
import fcntl
import os
import socket
import struct
from collections.abc import Collection, Mapping

from ftpsd.config import FileSource, Source, Tree, parse
from ftpsd.settings import rules
from ftpsd.settings.builder import Resolve, build
from ftpsd.settings.by_class import with_variants
from ftpsd.settings.model import Configuration, Settings
from ftpsd.settings.registry import has_module, module_meant
from ftpsd.settings.serverwide import without_servers


def look_up(name: str) -> tuple[str, ...]:
    """IP addresses of `name` from the system's resolver, or, where that knows none, of the network interface of that
    name; () when there is neither.
    """
    try:
        answers = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return of_interface(name)
    return tuple(dict.fromkeys(str(answer[4][0]) for answer in answers))


_REQUEST = struct.Struct("16s H 2x 4s 16x")
"""A struct ifreq with a sockaddr_in in it."""
_MOST_ADDRESSES = 1024
_SIOCGIFCONF = 0x8912
_LINK_LOCAL = "20"


def of_interface(name: str) -> tuple[str, ...]:
    """IP addresses of a network interface of this machine (eth0, eth0:1, lo), but for those that are good on its own
    link only; () when there is no such interface. See netdevice(7).
    """
    return tuple(address for owner, address in interface_addresses() if owner == name)


def interface_names() -> frozenset[str]:
    """The network interfaces of this machine that have addresses."""
    return frozenset(name for name, _ in interface_addresses())


def interface_addresses() -> list[tuple[str, str]]:
    """(name, address) of the network interfaces, IPv4 before IPv6. What cannot be asked has none."""
    found = list[tuple[str, str]]()
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        places = array.array("B", bytes(_REQUEST.size * _MOST_ADDRESSES))
        asked = struct.pack("iP", len(places), places.buffer_info()[0])
        length, _ = struct.unpack("iP", fcntl.ioctl(sock, _SIOCGIFCONF, asked))
        for owner, family, address in _REQUEST.iter_unpack(places[:length].tobytes()):
            if family == socket.AF_INET:
                found.append((owner.partition(b"\0")[0].decode("utf-8", "surrogateescape"), socket.inet_ntoa(address)))
    with contextlib.suppress(OSError), open("/proc/net/if_inet6", encoding="utf-8", errors="surrogateescape") as table:
        for line in table:
            digits, _, _, scope, _, owner = line.split()
            if scope != _LINK_LOCAL:
                found.append((owner, socket.inet_ntop(socket.AF_INET6, bytes.fromhex(digits))))
    return found


def load(
    path: str,
    *,
    defines: Collection[str] = (),
    env: Mapping[str, str] = os.environ,
    listen: str | None = None,
    source: Source | None = None,
    resolve: Resolve = look_up,
    base: Settings | None = None,
) -> Configuration:
    """Read the configuration file `path` and what it includes.

    `defines`: names given with -D. `env`: for `%{env:NAME}`. `listen`: address in place of DefaultAddress
    (-S).
    `source` and `resolve` replace the file system and the system's resolver, `base` the defaults. Raises
    `ConfigError`.
    """
    absolute = path if source is not None else os.path.abspath(path)
    tree = parse(
        absolute, source or FileSource(), environment=env, defines=defines, has_module=has_module, meant=module_meant)
    interfaces = interface_names() if source is None else frozenset[str]()
    return configured(tree, listen=listen, resolve=resolve, base=base, interfaces=interfaces)


def configured(
    tree: Tree, *, listen: str | None = None, resolve: Resolve, base: Settings | None = None,
    interfaces: Collection[str] = (),
) -> Configuration:
    """The configuration that a tree describes, see `build`, with everything held against everything else."""
    configuration, unused = without_servers(
        build(tree, listen=listen, resolve=resolve, base=base, interfaces=interfaces))
    configuration = with_variants(configuration)
    notices = rules.check(configuration)
    return dataclasses.replace(configuration, notices=configuration.notices + unused + notices)
