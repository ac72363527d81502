"""A defect in the server's own code costs one command, not the session."""

from __future__ import annotations

import errno

import pytest

from ftpsd.ftp.commands import COMMANDS, Command
from ftpsd.ftp.replies import Reply
from ftpsd.session import handlers
from ftpsd.session.state import Session
from ftpsd.testing.plugin import Certificates
from tests.session.inprocess import one_session, system_log


class Defect(Exception):
    """What nobody has thought of."""


def _fail(session: Session, command: Command) -> Reply:
    raise Defect(f"cannot handle {command.name}")


def test_a_defect_is_answered_and_logged_and_the_session_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(handlers._HANDLERS, "files.mdtm", _fail)
    with one_session() as served:
        client = served.client
        client.connect()
        client.login()
        for _ in range(2):
            reply = client.expect(451, "MDTM x")
            assert reply.text == "MDTM: internal error, see the server's log [internal-error]"
            client.expect(200, "NOOP")
        client.expect(550, "SIZE x")
        client.quit()
        logged = system_log(served)
    assert "defect in MDTM: Traceback (most recent call last):" in logged
    assert "Defect: cannot handle MDTM" in logged


@pytest.mark.parametrize(("line", "shown"), [("PASS hunter2", "PASS"), ("MDTM hunter2", "hunter2")])
def test_an_error_of_the_system_tells_no_password(monkeypatch: pytest.MonkeyPatch, line: str, shown: str) -> None:
    def fail(session: Session, command: Command) -> Reply:
        raise OSError(errno.EIO, "broken")

    spec = COMMANDS[line.partition(" ")[0]]
    monkeypatch.setitem(handlers._HANDLERS, spec.handler, fail)
    with one_session() as served:
        client = served.client
        client.connect()
        if not spec.secret:
            client.login()
        assert client.expect(550, line).text.startswith(f"{shown}: Input/output error")
        client.quit()
        logged = system_log(served)
    assert "hunter2" not in logged or not spec.secret


def test_a_defect_in_a_transfer_leaves_no_data_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*rest: object) -> None:
        raise Defect("in the middle")

    with one_session() as served:
        client = served.client
        client.connect()
        client.login()
        monkeypatch.setattr("ftpsd.session.transfer._pump", fail)
        connection = client.data()
        client.expect(150, "STOR up")
        client.expect(451)
        assert connection.establish().read() == b""
        monkeypatch.undo()
        client.store("STOR up", b"hello")
        assert client.retrieve("RETR up") == b"hello"
        client.quit()


@pytest.mark.parametrize("place", ["ftpsd.tls.channel.Connection", "ftpsd.session.tls_steps._follow_server_name"])
@pytest.mark.parametrize("error", [Defect("in OpenSSL"), MemoryError(), OSError(5, "of a callback")])
def test_a_defect_in_a_handshake_leads_to_no_plain_session(
    monkeypatch: pytest.MonkeyPatch, ftps_certificates: Certificates, tls_version: str, error: Exception, place: str
) -> None:
    """234 was said already: what the client sends now is no command."""
    def fail(*rest: object, **more: object) -> None:
        raise error

    monkeypatch.setattr(place, fail)
    options = ["TLSRequired off"]
    with one_session(certificates=ftps_certificates, version=tls_version, tls=options) as served:
        client = served.client
        client.connect()
        client.expect(234, "AUTH TLS")
        assert client.expect(421).text == "TLS handshake failed"
        client.expect_end()
        logged = system_log(served)
    assert "defect in the TLS handshake: Traceback (most recent call last):" in logged


def test_what_a_client_sends_cannot_forge_lines_of_the_log(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(handlers._HANDLERS, "files.mdtm", _fail)
    with one_session() as served:
        client = served.client
        client.connect()
        client.login()
        client.send(b"MDTM a\xc3\x01\rb\r\n")
        client.expect(451)
        client.quit()
        logged = system_log(served)
    assert "cannot handle MDTM" in logged
    assert "\x01" not in logged
    assert "\r" not in logged


def test_a_defect_of_the_session_itself_ends_it_and_is_logged(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(text: str) -> None:
        raise Defect(f"cannot parse {text}")

    monkeypatch.setattr("ftpsd.session.loop.parse", fail)
    with one_session() as served:
        served.client.connect()
        served.client.send_line("NOOP")
        served.client.expect_end()
        logged = system_log(served)
    assert "defect in a session: Defect('cannot parse NOOP')" in logged
