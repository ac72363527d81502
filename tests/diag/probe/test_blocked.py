"""Ports for data connections that a firewall swallows: two machines (network namespaces), root only."""

from __future__ import annotations

import os
import subprocess
from dataclasses import replace

import pytest

from ftpsd.testing.configs import ServerConfig
from ftpsd.testing.daemons import need
from ftpsd.testing.namespaces import inside, network
from ftpsd.testing.plugin import Certificates
from ftpsd.testing.server import server_directory, start_ftpsd
from tests.diag.probe.ask import ask, codes

LOW, HIGH = 50000, 50099


def swallow(machine: str) -> None:
    """Packets that come to that machine for its passive ports vanish: a rule before the one for its own addresses."""
    for rule in (
        "add pref 100 lookup local", "del pref 0 lookup local",
        f"add pref 10 iif eth0 ipproto tcp dport {LOW}-{HIGH} blackhole",
    ):
        done = subprocess.run(
            [need("ip"), "-n", f"ftpsd-{os.getpid()}-{machine}", "rule", *rule.split()], capture_output=True, text=True,
            timeout=30, check=False)
        if done.returncode:
            pytest.skip(f"no rules by port here: {done.stderr.strip()}")


@pytest.mark.root
def test_a_blocked_port_is_found(ftps_certificates: Certificates) -> None:
    config = ServerConfig(certificate=ftps_certificates.server, directives=(f"PassivePorts {LOW} {HIGH}",))
    with network(["client", "server"]) as addresses, server_directory() as files:
        swallow("server")
        with inside("server"):
            server = start_ftpsd(replace(config, address=addresses["server"]), files, ftps_certificates.authority_file)
        try:
            with inside("client"):
                facts, verdicts = ask(
                    server.port, server.authority, host=addresses["server"], insecure=True, ciphers=False, timeout=1.0,
                    directory="/")
        finally:
            server.stop()
    assert codes(verdicts) == {"data-not-connected", "cert-names"}
    assert [each.error.partition(":")[0] for each in facts.passive] == ["no answer", "no answer"]
    assert facts.series == ()
