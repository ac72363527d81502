"""A real client through a real HAProxy, which sends headers of the PROXY protocol on control and data ports."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from ftpsd.testing import daemons
from ftpsd.testing.configs import ServerConfig
from ftpsd.testing.daemons import Daemon
from ftpsd.testing.plugin import Certificates
from ftpsd.testing.ports import free_range
from ftpsd.testing.server import RunningServer, server_directory, start_ftpsd
from tests.server.harness import until

FRONT, BACK, PROXY, CLIENT = "127.0.0.1", "127.0.0.2", "127.0.0.9", "127.0.0.5"
"""Where HAProxy listens, where the server does, whence HAProxy connects to it, and where the client is."""

HAPROXY = """
defaults
    mode tcp
    timeout connect 5s
    timeout client 60s
    timeout server 60s
    timeout check 10s
    source {proxy}
listen control
    bind {front}:"$PORT"
    {look}
    server ftp {back}:{server} {header} check inter 500ms
listen data
    bind {front}:{low}-{high}
    server ftp {back} {header}
"""
GREETING = "option tcp-check\n    tcp-check expect rstring ^220"
PORTS = 20


@dataclass(frozen=True)
class Behind:
    """A server behind a proxy."""

    server: RunningServer
    proxy: Daemon
    implicit: bool

    def curl(self, path: str, *arguments: str) -> bytes:
        """What curl prints that gets or puts `path`."""
        scheme, port = "ftps" if self.implicit else "ftp", self.proxy.port
        done = subprocess.run([
            daemons.need("curl"), "-sS", "--ssl-reqd", "--cacert", self.server.authority, "-u", "alice:secret",
            "--interface", CLIENT, "--resolve", f"localhost:{port}:{FRONT}", "--max-time", "60", *arguments,
            f"{scheme}://localhost:{port}/{path}",
        ], capture_output=True, timeout=90)
        assert done.returncode == 0, done.stderr.decode() + self.server.report() + self.proxy.report()
        return done.stdout


@contextlib.contextmanager
def behind(
    certificates: Certificates, directory: Path, header: str, *, implicit: bool, directives: Sequence[str] = (),
) -> Iterator[Behind]:
    haproxy = daemons.need("haproxy")
    low = free_range(PORTS, FRONT)
    config = ServerConfig(
        certificates.server, address=BACK, tls=["TLSRequired on", *(["TLSOptions UseImplicitSSL"] if implicit else [])],
        directives=[
            "ProxyProtocolEngine on", f"ProxyProtocolTrust {PROXY}", "ProxyProtocolData on",
            f"PassivePorts {low} {low + PORTS - 1}", f"MasqueradeAddress {FRONT}", *directives])
    with server_directory() as files:
        server = start_ftpsd(config, files, certificates.authority_file)
        try:
            written = directory / "haproxy.cfg"
            written.write_text(HAPROXY.format(
                proxy=PROXY, front=FRONT, back=BACK, server=server.port, header=header, low=low, high=low + PORTS - 1,
                look="" if implicit else GREETING))
            proxy = Daemon(["sh", "-c", f"PORT={{port}} exec {haproxy} -db -f {written}"], directory, address=FRONT)
            try:
                yield Behind(server, proxy, implicit)
            finally:
                proxy.stop()
        finally:
            server.stop()


@pytest.mark.parametrize("implicit", [False, True])
@pytest.mark.parametrize("header", ["send-proxy", "send-proxy-v2", "send-proxy-v2 proxy-v2-options crc32c,unique-id"])
def test_curl_through_haproxy(
    ftps_certificates: Certificates, tmp_path: Path, tls_version: str, header: str, implicit: bool,
) -> None:
    only = tls_version.removeprefix("TLSv")
    version = [f"--tlsv{only}", "--tls-max", only]
    content = bytes(range(256)) * 4000
    (tmp_path / "up.bin").write_bytes(content)
    with behind(ftps_certificates, tmp_path, header, implicit=implicit) as there:
        for mode in ("--ftp-pasv", "--disable-epsv"):
            there.curl("up.bin", *version, mode, "-T", str(tmp_path / "up.bin"))
            assert there.curl("up.bin", *version, mode) == content
        assert b"up.bin" in there.curl("", *version)
        until(lambda: len(there.server.files.transfer_log.read_text().splitlines()) >= 4, "the transfers")
        transfers = there.server.files.transfer_log.read_text().splitlines()
        log = there.server.system_log()
    assert {line.split()[6] for line in transfers} == {CLIENT}
    assert not [line for line in log if PROXY in line], "looks at the server's health leave no trace"
    logins = [line for line in log if "Login successful" in line]
    assert len(logins) == 5
    assert all(f"{CLIENT}[{CLIENT}]" in line for line in logins)
