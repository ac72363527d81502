"""SystemLog, TransferLog and Trace in <IfClass> and <IfUser>, as ProFTPD's pages on logging and tracing have them."""

from __future__ import annotations

from ftpsd.testing.configs import User
from ftpsd.testing.plugin import ServerFactory
from ftpsd.testing.server import RunningServer

USERS = (User("alice"), User("bob"))


def _sessions(server: RunningServer) -> None:
    """A transfer of alice's, then one of bob's; the logs are complete afterwards."""
    for name in ("alice", "bob"):
        server.give("file.txt", b"hello", user=name)
        with server.client(tls=False) as client:
            client.connect()
            client.login(name)
            assert client.retrieve("RETR file.txt") == b"hello"
            client.quit()
    server.stop()


def _log(server: RunningServer, name: str) -> str:
    return (server.files.directory / name).read_text()


def test_nothing_is_written_of_some_clients(ftps_server: ServerFactory) -> None:
    server = ftps_server(
        users=USERS, tls=["TLSRequired off"],
        sections="<Class invisible>\nFrom 127.0.0.1\n</Class>\n<IfClass invisible>\nSystemLog none\n"
        "ExtendedLog BASE/ext.log NONE\nTransferLog none\n</IfClass>\n")
    _sessions(server)
    assert server.files.transfer_log.read_text() == _log(server, "ext.log") == ""
    written = server.files.system_log.read_text()
    assert "STARTUP" in written
    assert "SHUTDOWN" in written
    assert "127.0.0.1" not in written


def test_a_user_has_logs_of_his_own(ftps_server: ServerFactory) -> None:
    server = ftps_server(
        users=USERS, tls=["TLSRequired off"],
        sections="<IfUser bob>\nSystemLog BASE/bob.log\nTransferLog BASE/bob.xfer\n</IfUser>\n")
    _sessions(server)
    assert "/bob/file.txt" in _log(server, "bob.xfer")
    assert "/alice/file.txt" not in _log(server, "bob.xfer")
    assert "/bob/file.txt" not in server.files.transfer_log.read_text()
    assert "/alice/file.txt" in server.files.transfer_log.read_text()
    assert "USER bob: Login successful" in _log(server, "bob.log")
    assert "USER bob" not in server.files.system_log.read_text()
    assert "USER alice: Login successful" in server.files.system_log.read_text()


def test_one_user_is_traced(ftps_server: ServerFactory) -> None:
    server = ftps_server(
        users=USERS, tls=["TLSRequired off"],
        sections="TraceLog BASE/trace.log\n<IfUser bob>\nTrace session DEFAULT:10\n</IfUser>\n")
    _sessions(server)
    assert _log(server, "trace.log").count("dispatching CMD command 'RETR file.txt'") == 1
    assert "230 User bob logged in" in _log(server, "trace.log")
    assert "alice" not in _log(server, "trace.log")
