"""Where no log wants to know, the pump goes from the handshake to the data by itself (`native/pump_secure.h`).

Nothing may be lost by that: who does not resume, breaks off, keeps silent or aborts is treated as by `test_reuse` and
its kin, whose servers have logs and therefore judge every connection in Python.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ftpsd.session import transfer
from ftpsd.testing.client import DataConnection, ScriptedClient
from ftpsd.testing.configs import ServerConfig
from ftpsd.testing.plugin import Certificates
from ftpsd.testing.server import RunningServer, server_directory, start_ftpsd
from tests.session.inprocess import InProcess, one_session

QUIET_TLS = ("TLSRequired on", "TLSLog none")
QUIET = ("SystemLog none", "TransferLog none")
NOT_REUSED = "TLS session of the control connection was not reused [data-not-resumed]"
CONTENT = b"hello"


@pytest.fixture(scope="module")
def server(ftps_certificates: Certificates) -> Iterator[RunningServer]:
    """A server without logs, and with little patience for handshakes."""
    config = ServerConfig(
        ftps_certificates.server, tls=(*QUIET_TLS, "TLSTimeoutHandshake 2"), directives=(*QUIET, "TimeoutStalled 10"))
    with server_directory() as files:
        running = start_ftpsd(config, files, ftps_certificates.authority_file)
        running.give("hello.txt", CONTENT)
        try:
            yield running
        finally:
            running.stop()


@pytest.fixture
def client(server: RunningServer, tls_version: str) -> Iterator[ScriptedClient]:
    """A client that has had its first transfer, which is always judged in Python; all must be well at the end."""
    with server.client(tls_version).begin() as connected:
        assert connected.retrieve("RETR hello.txt") == CONTENT
        yield connected
        assert connected.retrieve("RETR hello.txt") == CONTENT
        connected.store("STOR last.txt", CONTENT)
        assert (server.home() / "last.txt").read_bytes() == CONTENT
        connected.quit()


@pytest.fixture
def gone(server: RunningServer) -> Iterator[Path]:
    """The path of an upload that must leave nothing."""
    path = server.home() / "up.txt"
    yield path
    assert not path.exists()


def begun(client: ScriptedClient, command: str) -> DataConnection:
    """A transfer whose 150 has come; the handshake is still to come."""
    connection = client.data()
    client.expect(150, command)
    return connection


@pytest.fixture
def judged(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The titles of the transfers whose peer was judged in Python."""
    calls: list[str] = []
    judge = transfer._judge

    def noting(*rest: object, client: bool) -> None:
        calls.append("judged")
        judge(*rest, client=client)  # type: ignore[arg-type]

    monkeypatch.setattr(transfer, "_judge", noting)
    return calls


@pytest.fixture
def served(ftps_certificates: Certificates, tls_version: str) -> Iterator[InProcess]:
    with one_session(
        QUIET, certificates=ftps_certificates, version=tls_version, tls=QUIET_TLS,
    ) as one:
        yield one


def test_only_what_needs_it_is_judged_in_python(served: InProcess, judged: list[str]) -> None:
    client = served.client.begin()
    for number in range(3):
        client.store(f"STOR new{number}", CONTENT)
        assert client.retrieve(f"RETR new{number}") == CONTENT
        assert b"new0" in client.retrieve("NLST")
    assert judged == ["judged"], "the first, for the log's line about its parameters"
    client.store("STOR new0", b"other")
    assert len(judged) == 2, "an old file is emptied after the proof, before the first byte"
    assert client.retrieve("RETR new0") == b"other"
    client.data().handshake()
    client.expect(150, "RETR new0")
    client.expect(226)
    assert len(judged) == 3, "the handshake was done before the command"
    client.quit()


def test_what_openssl_reports_has_its_listener(
    ftps_certificates: Certificates, tls_version: str, judged: list[str]
) -> None:
    """Under EnableDiags the handshake's messages are ours to hear, so the handshake is not the pump's alone."""
    options = (*QUIET_TLS, "TLSOptions EnableDiags")
    with one_session(QUIET, certificates=ftps_certificates, version=tls_version, tls=options) as one:
        client = one.client.begin()
        for number in range(2):
            client.store(f"STOR diag{number}", CONTENT)
        assert len(judged) == 2
        client.quit()


def test_whoever_does_not_resume_gets_nothing_and_empties_nothing(
    server: RunningServer, client: ScriptedClient, gone: Path,
) -> None:
    server.give("old.txt", b"old")
    for command in ("RETR hello.txt", f"STOR {gone.name}", "STOR old.txt"):
        connection = begun(client, command)
        stream = connection.handshake(reuse=False)
        assert client.expect(425).text.endswith(NOT_REUSED)
        assert stream.read() == b""
        connection.close()
    assert (server.home() / "old.txt").read_bytes() == b"old"


def test_the_session_of_somebody_else_gets_nothing(server: RunningServer, client: ScriptedClient, gone: Path) -> None:
    with server.client(context=client.context).begin() as other:
        other.retrieve("RETR hello.txt")
        for command in ("RETR hello.txt", f"STOR {gone.name}"):
            connection = begun(client, command)
            connection.handshake(session=other.next_session())
            assert client.expect(425).text.endswith("[data-wrong-session]")
            connection.close()


@pytest.mark.parametrize("phase", ["nothing", "noise", "hello"])
@pytest.mark.parametrize("ending", ["fin", "rst"])
def test_a_peer_that_breaks_off_in_the_handshake(client: ScriptedClient, gone: Path, phase: str, ending: str) -> None:
    for command in ("RETR hello.txt", f"STOR {gone.name}"):
        connection = begun(client, command)
        stream = connection.establish()
        if phase == "noise":
            stream.write_raw(b"this is no ClientHello at all")
        elif phase == "hello":
            assert client.context is not None
            stream.begin_tls(client.context, session=client.next_session())
        connection.close("rst" if ending == "rst" else "fin")
        assert client.expect(425).text.startswith("Unable to build data connection: TLS handshake failed")


def test_a_peer_that_breaks_off_after_the_handshake(server: RunningServer, client: ScriptedClient) -> None:
    for number, ending in enumerate(("fin", "rst")):
        connection = begun(client, f"STOR part{number}.txt")
        connection.handshake().write(b"half")
        connection.close("rst" if ending == "rst" else "fin")
        assert client.expect(426).text.startswith("Transfer aborted.")
        assert (server.home() / f"part{number}.txt").exists(), "it can be resumed"


def test_a_peer_that_says_nothing_has_its_time(client: ScriptedClient, gone: Path) -> None:
    connection = begun(client, f"STOR {gone.name}")
    client.expect(200, "NOOP")
    assert client.expect(425).text.startswith("Unable to build data connection: TLS handshake failed")
    connection.close()


@pytest.mark.parametrize("hello", [False, True])
def test_abor_before_the_end_of_the_handshake(client: ScriptedClient, gone: Path, hello: bool) -> None:
    for command in ("RETR hello.txt", f"STOR {gone.name}"):
        connection = begun(client, command)
        if hello:
            assert client.context is not None
            connection.establish().begin_tls(client.context, session=client.next_session())
        client.send(b"ABOR\r\n")
        client.expect(426)
        assert client.expect(226).text == "Abort successful"
        connection.close("rst")


def test_commands_are_answered_while_the_handshake_is_to_come(client: ScriptedClient) -> None:
    connection = begun(client, "RETR hello.txt")
    assert client.expect(211, "STAT").lines[-2].strip() == "Data connection announced"
    client.send(b"PWD\r\n")
    client.expect(200, "NOOP")
    assert connection.handshake().read_all() == CONTENT
    connection.close()
    client.expect(226)
    client.expect(257)


def test_a_file_that_changes_before_the_handshake_is_sent_as_it_is_then(
    server: RunningServer, client: ScriptedClient,
) -> None:
    for change, found in (("grow", b"more than before"), ("shrink", b"m"), ("vanish", CONTENT)):
        path = server.give("changing.txt", CONTENT)
        connection = begun(client, "RETR changing.txt")
        if change == "vanish":
            path.unlink()
        else:
            with open(path, "r+b") as file:
                file.write(found)
                os.ftruncate(file.fileno(), len(found))
        assert connection.handshake().read_all() == found
        connection.close()
        client.expect(226)


def test_a_client_that_vanishes_in_the_handshake_leaves_nothing(
    server: RunningServer, tls_version: str, gone: Path,
) -> None:
    client = server.client(tls_version).begin()
    client.retrieve("RETR hello.txt")
    connection = begun(client, f"STOR {gone.name}")
    client.control.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, bytes([1, 0, 0, 0, 0, 0, 0, 0]))
    client.control.socket.close()
    assert connection.establish().read() == b""
    connection.close()
    deadline = time.monotonic() + 5
    while gone.exists() and time.monotonic() < deadline:
        time.sleep(0.01)
