"""Network namespaces as machines of a test (root only)."""

from __future__ import annotations

import contextlib
import ctypes
import os
import subprocess
from collections.abc import Iterator, Sequence

import pytest

from ftpsd.testing.daemons import need

_CLONE_NEWNET = 0x40000000


def _ip(*words: str) -> None:
    done = subprocess.run([need("ip"), *words], capture_output=True, text=True, timeout=30, check=False)
    if done.returncode:
        raise OSError(done.returncode, f"ip {' '.join(words)}: {done.stderr.strip()}")


@contextlib.contextmanager
def network(names: Sequence[str]) -> Iterator[dict[str, str]]:
    """Machines that reach each other: their addresses by name. `inside` goes there.

    The first one is the switch too. Nothing of the test's own namespace is touched. Skips where the system does not
    allow it.
    """
    spaces = {name: f"ftpsd-{os.getpid()}-{name}" for name in names}
    addresses = {name: f"10.77.7.{number}" for number, name in enumerate(names, start=1)}
    with contextlib.ExitStack() as undo:
        try:
            for name in names:
                _ip("netns", "add", spaces[name])
                undo.callback(_ip, "netns", "del", spaces[name])
                _ip("-n", spaces[name], "link", "set", "lo", "up")
            _connect(list(names), spaces, addresses)
        except OSError as error:
            pytest.skip(f"no network namespaces here: {error}")
        yield addresses


def _connect(names: list[str], spaces: dict[str, str], addresses: dict[str, str]) -> None:
    hub = spaces[names[0]]
    _ip("-n", hub, "link", "add", "br0", "type", "bridge")
    _ip("-n", hub, "addr", "add", f"{addresses[names[0]]}/24", "dev", "br0")
    _ip("-n", hub, "link", "set", "br0", "up")
    for name in names[1:]:
        _ip("-n", hub, "link", "add", f"to-{name}", "type", "veth", "peer", "name", "eth0", "netns", spaces[name])
        _ip("-n", hub, "link", "set", f"to-{name}", "master", "br0", "up")
        _ip("-n", spaces[name], "addr", "add", f"{addresses[name]}/24", "dev", "eth0")
        _ip("-n", spaces[name], "link", "set", "eth0", "up")


@contextlib.contextmanager
def inside(name: str) -> Iterator[None]:
    """This thread, and what it starts, is on that machine for the block."""
    libc = ctypes.CDLL(None, use_errno=True)
    here = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    there = os.open(f"/run/netns/ftpsd-{os.getpid()}-{name}", os.O_RDONLY | os.O_CLOEXEC)
    try:
        if libc.setns(there, _CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "setns")
        try:
            yield
        finally:
            libc.setns(here, _CLONE_NEWNET)
    finally:
        os.close(there)
        os.close(here)
