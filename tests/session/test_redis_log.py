"""RedisLogOnCommand and RedisLogOnEvent in real sessions: what lies in Redis afterwards, and that none waits for it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ftpsd.testing import daemons
from ftpsd.testing.client import ScriptedClient
from ftpsd.testing.configs import ServerConfig, User
from ftpsd.testing.plugin import Certificates
from ftpsd.testing.server import RunningServer, server_directory, start_ftpsd

redis = pytest.importorskip("redis")

SECTIONS = r"""
RedisEngine on
RedisServer REDIS
RedisTimeouts 2000 2000
LogFormat full "%m %r %s %u %f %b %{transfer-status} %{note:TLS_PROTOCOL} %{remote-port} %E"
LogFormat short "%m %{remote-port}"
RedisLogOnCommand RETR,STOR full %m:ftp:%u
RedisLogOnEvent ALL full
RedisLogOnEvent CONNECT,DISCONNECT short sessions
RedisLogFormatExtra full "{\"site\": \"%v on %p\", \"test\": true}"
<Directory BASE/homes/alice/in>
  RedisLogOnCommand STOR,MKD short inbox
  RedisLogFormatExtra short {"in":1}
</Directory>
<Directory BASE/homes/alice/quiet>
  RedisLogOnCommand none
  RedisLogOnEvent none
</Directory>
<Anonymous BASE/homes/alice>
  User ftp
  UserAlias anonymous ftp
  RedisLogOnEvent none
  RedisLogOnCommand PWD short guests
</Anonymous>
"""


@dataclass
class Logged:
    """A server, and the Redis that it logs to."""

    server: RunningServer
    client: Any

    def session(self, act: Callable[[ScriptedClient], object], version: str | None = None, *, tls: bool = True) -> int:
        """The client's port in a session that is over."""
        with self.server.client(version, tls=tls) as client:
            port = int(client.control.socket.getsockname()[1])
            act(client)
        return port

    def list(self, key: str, port: int, until: str = "") -> list[dict[str, Any]]:
        """What is in a list of the session from `port`, when the command `until` is there."""
        deadline = time.monotonic() + 10
        while True:
            found = [json.loads(text) for text in self.client.lrange(key, 0, -1)]
            found = [one for one in found if one["remote_port"] == port]
            if not until or (found and found[-1]["command"] == until):
                return found
            assert time.monotonic() < deadline, found
            time.sleep(0.02)


@pytest.fixture(scope="module")
def logged(ftps_certificates: Certificates, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Logged]:
    daemon = daemons.redis(tmp_path_factory.mktemp("redis"))
    config = ServerConfig(
        ftps_certificates.server, users=(User("alice"), User("ftp")), tls=("TLSRequired off",),
        sections=SECTIONS.replace("REDIS", f"127.0.0.1:{daemon.port}", 1))
    try:
        with server_directory() as files:
            server = start_ftpsd(config, files, ftps_certificates.authority_file)
            client = redis.Redis(port=daemon.port, decode_responses=True)
            server.give("file.txt", b"hello\n")
            server.give("quiet/file.txt", b"hello\n")
            server.give_directory("in")
            try:
                yield Logged(server, client)
            finally:
                client.close()
                server.stop()
    finally:
        daemon.stop()


def test_a_session_lies_there_in_order(logged: Logged, tls_version: str) -> None:
    def act(client: ScriptedClient) -> None:
        client.begin()
        assert client.retrieve("RETR file.txt") == b"hello\n"
        client.expect(229, "EPSV")
        client.expect(550, "RETR missing")
        client.expect(221, "QUIT")

    port = logged.session(act, tls_version)
    found = logged.list("full", port, "EXIT")
    commands = [one["command"] for one in found]
    assert commands[:2] == ["CONNECT", "AUTH"]
    assert [name for name in commands if name in ("RETR", "QUIT", "EXIT")] == ["RETR", "RETR", "QUIT", "EXIT"]
    assert all(one["site"].endswith(f" on {logged.server.port}") and one["test"] is True for one in found)
    secret = next(one for one in found if one["command"] == "PASS")
    assert secret["raw_command"] == "PASS (hidden)"
    assert secret["response_code"] == 230
    assert "secret" not in json.dumps(found)
    assert found[-1]["session_end_reason"] == "Quit"
    good, bad = logged.list("RETR:ftp:alice", port, "RETR")
    assert good == next(one for one in found if one["command"] == "RETR")
    assert good == {
        "command": "RETR", "raw_command": "RETR file.txt", "response_code": 226, "user": "alice", "bytes_sent": 6,
        "file": str(logged.server.home() / "file.txt"), "transfer_status": "success", "remote_port": port,
        "NOTE:TLS_PROTOCOL": tls_version, "site": good["site"], "test": True}
    assert (bad["response_code"], bad["transfer_status"]) == (550, "failed")
    assert [one["command"] for one in logged.list("sessions", port, "EXIT")] == ["CONNECT", "EXIT"]


def test_directories_have_logs_of_their_own(logged: Logged) -> None:
    def act(client: ScriptedClient) -> None:
        client.begin()
        client.store("STOR in/a", b"1")
        client.expect(257, "MKD in/sub")
        client.retrieve("RETR quiet/file.txt")
        client.expect(250, "CWD quiet")
        client.expect(257, "PWD")
        client.expect(250, "CDUP")
        client.expect(221, "QUIT")

    port = logged.session(act)
    commands = [one["command"] for one in logged.list("full", port, "EXIT")]
    assert [name for name in commands if name in ("RETR", "STOR", "MKD", "CWD", "PWD", "CDUP")] == [
        "STOR", "MKD", "CDUP"]
    assert logged.list("inbox", port) == [
        {"command": "STOR", "remote_port": port, "in": 1}, {"command": "MKD", "remote_port": port, "in": 1}]
    assert logged.list("RETR:ftp:alice", port) == []
    assert [one["command"] for one in logged.list("STOR:ftp:alice", port)] == ["STOR"]


def test_what_names_nothing_is_logged_too(logged: Logged) -> None:
    home = logged.server.home()

    def act(client: ScriptedClient) -> None:
        client.begin()
        for name in ("x" * 300, "in/" + "y/" * 200, "../../..", "in/file.txt/z", "file.txt/z", "//in//.."):
            client.command(f"DELE {name}")
        client.expect(257, "MKD gone")
        client.expect(250, "CWD gone")
        (home / "gone").rmdir()
        client.command("PWD")
        client.command("WHAT is this")
        client.expect(221, "QUIT")

    port = logged.session(act)
    commands = [one["command"] for one in logged.list("full", port, "EXIT")]
    assert commands.count("DELE") == 6
    assert commands[-6:] == ["MKD", "CWD", "PWD", "WHAT", "QUIT", "EXIT"]


def test_logins_have_logs_of_their_own(logged: Logged) -> None:
    def act(client: ScriptedClient) -> None:
        client.connect()
        client.expect(331, "USER ftp")
        client.expect(230, "PASS joe@example.org")
        client.expect(257, "PWD")
        client.expect(221, "QUIT")

    port = logged.session(act, tls=False)
    assert [one["command"] for one in logged.list("guests", port, "PWD")] == ["PWD"]
    assert [one["command"] for one in logged.list("full", port, "USER")][-1] == "USER"


def test_no_session_waits_for_a_redis_that_is_away(
    ftps_certificates: Certificates, tls_version: str, tmp_path: Path,
) -> None:
    daemon = daemons.redis(tmp_path)
    config = ServerConfig(ftps_certificates.server, tls=("TLSRequired off",), directives=(
        "RedisEngine on", f"RedisServer 127.0.0.1:{daemon.port}", "RedisTimeouts 5000 5000", "RedisLogOnEvent ALL json",
        "Workers 1"))
    try:
        with server_directory() as files:
            server = start_ftpsd(config, files, ftps_certificates.authority_file)
            try:
                with redis.Redis(port=daemon.port) as client:
                    client.client_pause(60_000)
                began = time.monotonic()
                with server.client(tls_version) as ftp:
                    ftp.begin()
                    for _ in range(200):
                        ftp.expect(200, "NOOP")
                    daemon.stop()
                    ftp.expect(221, "QUIT")
                assert time.monotonic() - began < 5.0
                line = server.wait_for_log("does not answer", log="system")
                assert f"Redis (127.0.0.1:{daemon.port}) does not answer: " in line
                assert line.rstrip().endswith("[redis-log-unreachable]")
                began = time.monotonic()
            finally:
                server.stop()
            assert time.monotonic() - began < 3.0
    finally:
        daemon.stop()


def test_a_name_that_is_no_command_is_told(ftps_certificates: Certificates) -> None:
    config = ServerConfig(ftps_certificates.server, directives=(
        "RedisEngine on", "RedisServer 127.0.0.1:1", "RedisLogOnCommand RETR,RECEIVE,SITE_CHMOD default"))
    with server_directory() as files:
        server = start_ftpsd(config, files, ftps_certificates.authority_file)
        try:
            line = server.wait_for_log("no command RECEIVE", log="system")
            assert "RedisLogOnCommand on line " in line
            assert not any("SITE_CHMOD, it logs nothing" in line for line in server.system_log())
        finally:
            server.stop()
