"""Pebble, Let's Encrypt's test server for ACME clients (Debian's package `pebble`), and a name server for it."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import ssl
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from ftpsd.testing.ca import Authority
from ftpsd.testing.ports import free_ports

START_SECONDS = 20.0


@dataclass(frozen=True)
class Pebble:
    """A running server: its directory's address, who vouches for it, and where it asks its questions."""

    url: str
    authority: Path
    http_port: int
    tls_port: int
    management: str

    def root(self) -> bytes:
        """The root (PEM) of the certificates that it issues."""
        context = ssl.create_default_context(cafile=str(self.authority))
        with urllib.request.urlopen(f"{self.management}/roots/0", timeout=10, context=context) as answer:
            data = answer.read()
            assert isinstance(data, bytes)
            return data


@contextlib.contextmanager
def pebble(directory: Path) -> Iterator[Pebble]:
    """A server whose names all lead to 127.0.0.1. Skips where it is not installed."""
    if shutil.which("pebble") is None or shutil.which("pebble-challtestsrv") is None:
        pytest.skip("pebble is not installed (package pebble)")
    authority = Authority.create("pebble's authority")
    files = authority.leaf("localhost", kind="p256").write(directory, "pebble")
    acme, management, http, tls, dns, control = free_ports(6)
    config = {"pebble": {
        "listenAddress": f"127.0.0.1:{acme}", "managementListenAddress": f"127.0.0.1:{management}",
        "certificate": str(files.certificate), "privateKey": str(files.key), "httpPort": http, "tlsPort": tls,
        "ocspResponderURL": "", "externalAccountBindingRequired": False,
    }}
    (directory / "pebble.json").write_text(json.dumps(config))
    names = [
        "pebble-challtestsrv", "-defaultIPv4", "127.0.0.1", "-defaultIPv6", "", "-dns01", f"127.0.0.1:{dns}",
        "-http01", "", "-https01", "", "-tlsalpn01", "", "-management", f"127.0.0.1:{control}"]
    server = ["pebble", "-config", str(directory / "pebble.json"), "-dnsserver", f"127.0.0.1:{dns}", "-strict"]
    environment = {**os.environ, "PEBBLE_VA_NOSLEEP": "1", "PEBBLE_AUTHZREUSE": "0", "PEBBLE_WFE_NONCEREJECT": "0"}
    with contextlib.ExitStack() as stack:
        log = stack.enter_context((directory / "pebble.log").open("wb"))
        for command in (names, server):
            process = subprocess.Popen(
                command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=directory)
            stack.callback(_end, process)
        _await(acme)
        made = Pebble(
            f"https://127.0.0.1:{acme}/dir", authority.write(directory / "pebble-ca.pem"), http, tls,
            f"https://127.0.0.1:{management}")
        yield made


def _await(port: int) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        time.sleep(0.05)
    raise AssertionError("pebble did not start")


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait(10)
