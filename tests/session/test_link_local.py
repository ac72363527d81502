"""Clients on link-local addresses of IPv6, which mean nothing without the interface: two machines, root only."""

from __future__ import annotations

import socket
import time
from pathlib import Path

import pytest

from ftpsd.testing.client import ScriptedClient
from ftpsd.testing.configs import ServerConfig
from ftpsd.testing.namespaces import inside, network
from ftpsd.testing.plugin import Certificates
from ftpsd.testing.server import server_directory, start_ftpsd

PATIENCE = 20.0
_TENTATIVE = 0x40


def link_local(machine: str) -> str:
    """That machine's link-local address, once the kernel has found that nobody else has it."""
    deadline = time.monotonic() + PATIENCE
    with inside(machine):
        while time.monotonic() < deadline:
            for line in Path("/proc/thread-self/net/if_inet6").read_text(encoding="ascii").splitlines():
                digits, _, _, _, flags, name = line.split()
                if digits.startswith("fe80") and name in ("br0", "eth0") and not int(flags, 16) & _TENTATIVE:
                    return socket.inet_ntop(socket.AF_INET6, bytes.fromhex(digits))
            time.sleep(0.05)
    pytest.skip("no link-local address of IPv6 here")


@pytest.mark.root
def test_data_connections_over_link_local_addresses(ftps_certificates: Certificates) -> None:
    config = ServerConfig(certificate=ftps_certificates.server, address="::", tls=("TLSRequired off",))
    with network(["server", "client"]), server_directory() as files:
        theirs, ours = link_local("server"), link_local("client")
        with inside("server"):
            server = start_ftpsd(config, files, ftps_certificates.authority_file)
        try:
            with inside("client"), socket.create_server(("::", 0), family=socket.AF_INET6) as listener:
                client = ScriptedClient(f"{theirs}%eth0", server.port)
                client.connect()
                client.login()
                assert client.store("STOR f", b"data", ending="fin").code == 226
                client.expect(200, f"EPRT |2|{ours}|{listener.getsockname()[1]}|")
                client.expect(150, "RETR f")
                listener.settimeout(PATIENCE)
                connection, peer = listener.accept()
                assert peer[0].partition("%")[0] == theirs
                assert connection.recv(99) == b"data"
                connection.close()
                assert client.read_reply().code == 226
                client.quit()
            assert f" {ours} " in files.transfer_log.read_text(encoding="utf-8")
        finally:
            server.stop()
