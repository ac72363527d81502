"""The seeds' question about transfers that end after 1 GB: renegotiations that clients do not support."""

from __future__ import annotations

import os
import random
import ssl
from pathlib import Path

import pytest

from ftpsd.testing.client import ScriptedClient
from ftpsd.testing.plugin import ServerFactory
from ftpsd.testing.server import RunningServer
from tests.seeds.support import lftp
from tests.session.test_renegotiation import started_by_the_client

SOME = random.Random(3).randbytes(3_000_000)
REQUEST = "requesting TLS renegotiation on data channel (512 KB data limit)"


def client_without_renegotiation(server: RunningServer) -> ScriptedClient:
    """A client of TLS 1.2 that does not renegotiate, whoever asks; logged in."""
    context = server.context("TLSv1.2")
    context.options |= ssl.OP_NO_RENEGOTIATION
    return server.client(context=context).begin()


def start(ftps_server: ServerFactory, *tls: str) -> RunningServer:
    """A server with something to download; 512 KiB stand for the question's 1 GB."""
    server = ftps_server(tls=["TLSRequired on", *tls])
    server.give("some", SOME)
    return server


def requested(server: RunningServer) -> bool:
    return any("requesting TLS" in line for line in server.tls_log())


def test_my_ftps_client_sometimes_times_out_after_more_than_1_gb(ftps_server: ServerFactory) -> None:
    """The renegotiation that such a client cannot do breaks the transfer in the middle; the log says so."""
    server = start(ftps_server, "TLSRenegotiate data 512 timeout 2")
    os.truncate(server.give("large"), 64_000_000)
    with client_without_renegotiation(server) as client:
        connection = client.data()
        client.expect(150, "RETR large")
        stream = connection.handshake()
        with pytest.raises((ssl.SSLError, ConnectionError)):
            stream.read_all()
        connection.close("rst")
        client.expect(426)
    server.wait_for_log(REQUEST)


@pytest.mark.parametrize("cure", ["TLSRenegotiate required off", "TLSRenegotiate none", None])
def test_my_ftps_client_sometimes_times_out_after_more_than_1_gb_cure(
    ftps_server: ServerFactory, cure: str | None
) -> None:
    """The answer's `required off`, `none`, and ftpsd's default: nothing is forced on the client."""
    server = start(ftps_server, *([cure] if cure else []))
    with client_without_renegotiation(server) as client:
        assert client.retrieve("RETR some") == SOME
        client.store("STOR up", SOME)
        client.quit()
    assert not requested(server)


def test_more_than_1_gb_with_a_client_that_can(ftps_server: ServerFactory, tls_version: str) -> None:
    """A client that supports it (or has TLS 1.3, where new keys ask for nothing) notices nothing."""
    server = start(ftps_server, "TLSRenegotiate data 512")
    with server.client(tls_version).begin() as client:
        assert client.retrieve("RETR some") == SOME
        client.quit()
    assert requested(server)


@pytest.mark.parametrize("limit", [64, 512])
def test_more_than_1_gb_with_lftp(ftps_server: ServerFactory, tmp_path: Path, limit: int) -> None:
    """GnuTLS takes new keys of TLS 1.3, however small the limit is that they follow."""
    server = start(ftps_server, f"TLSRenegotiate data {limit}", "TLSProtocol TLSv1.3")
    os.truncate(server.give("large"), 64_000_000)
    done = lftp(
        server, tmp_path, "set ftp:ssl-force yes", f"open -u alice,secret -p {server.port} localhost", "get large")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "large").stat().st_size == 64_000_000
    assert requested(server)


def test_the_seeds_tlsrenegotiate_required_off_lets_clients_ask(ftps_server: ServerFactory) -> None:
    """"Accept renegotiations if the client requests one": shown with the native floor as client."""
    server = ftps_server(tls=["TLSRequired off", "TLSRenegotiate required off"])
    started_by_the_client(server)
    assert not any("client-initiated session renegotiation" in line for line in server.tls_log())
