"""ExtendedLog in real sessions: which commands get a record, and what the record says."""

from __future__ import annotations

import itertools
import json
import os
import re
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ftpsd.settings.logformat import VARIABLES
from ftpsd.testing.client import ScriptedClient
from ftpsd.testing.configs import ServerConfig, User
from ftpsd.testing.plugin import Certificates, ServerFactory
from ftpsd.testing.server import RunningServer, server_directory, start_ftpsd
from tests.server.harness import until

EVERYTHING = " ".join(
    f"%{one.spelling}" for one in VARIABLES.values() if not re.search("NAME|format", one.spelling)
) + " %{SITE}e %{GONE}e %{TLS_CIPHER}e %{note:TLS_CIPHER} %{note:FTPS}"
SECTIONS = f"""
SetEnv SITE others
SetEnv SITE "our files"
SetEnv GONE soon
UnsetEnv GONE
LogFormat rows "{EVERYTHING}"
LogFormat line "%m %s"
ExtendedLog BASE/rows ALL,EXIT,CONNECT json:rows
ExtendedLog BASE/auth AUTH line
ExtendedLog BASE/all ALL
ExtendedLog BASE/json ALL,EXIT json
<Class here>
  From 127.0.0.1
</Class>
<Anonymous BASE/homes/alice>
  User ftp
  UserAlias anonymous ftp
  ExtendedLog BASE/anonymous ALL line
  ExtendedLog BASE/auth NONE line
</Anonymous>
<VirtualHost 127.0.0.1>
  ServerName "Other"
  ServerAlias other.example
  Port @PORT@
  AuthUserFile BASE/passwd
  AuthGroupFile BASE/group
  AuthOrder mod_auth_file.c
  RequireValidShell off
  UseReverseDNS off
  WtmpLog off
  ExtendedLog BASE/other ALL,EXIT line
  <IfClass here>
    ExtendedLog BASE/class AUTH line
  </IfClass>
</VirtualHost>
<IfUser bob>
  ExtendedLog BASE/bob ALL line
</IfUser>
"""
USERS = (User("alice"), User("ftp"), User("bob"))


@dataclass
class Logged:
    """A running server and what its ExtendedLogs say."""

    server: RunningServer

    def session(
        self, act: Callable[[ScriptedClient], object], *, tls: bool = True, version: str | None = None,
    ) -> list[dict[str, Any]]:
        """The records of a session in which the client does `act`, from CONNECT to EXIT."""
        with self.server.client(version, tls=tls) as client:
            port = client.control.socket.getsockname()[1]
            client.connect()
            act(client)
        return self._rows(port)

    def _rows(self, port: int) -> list[dict[str, Any]]:
        deadline = time.monotonic() + 10
        while True:
            rows = [json.loads(line) for line in self.lines("rows")]
            rows = [row for row in rows if row["remote_port"] == port]
            if rows and rows[-1]["command"] == "EXIT":
                return rows
            assert time.monotonic() < deadline, rows
            time.sleep(0.02)

    def lines(self, name: str) -> list[str]:
        """Whole ones: the last may still be on its way."""
        return (self.server.files.directory / name).read_text().rpartition("\n")[0].splitlines()

    @property
    def home(self) -> Path:
        return self.server.home()


@pytest.fixture(scope="module")
def logged(ftps_certificates: Certificates) -> Iterator[Logged]:
    config = ServerConfig(
        ftps_certificates.server, users=USERS, tls=("TLSRequired off",), sections=SECTIONS,
        directives=("MaxLoginAttempts 2", "TimeoutStalled 1", "ServerAlias localhost"))
    with server_directory() as files:
        server = start_ftpsd(config, files, ftps_certificates.authority_file)
        server.give("file.txt", b"hello\nworld\n")
        server.give("sub/inner", b"1")
        server.give("big", bytes(20_000_000))
        try:
            yield Logged(server)
        finally:
            server.stop()


def commands(rows: list[dict[str, Any]]) -> list[str]:
    return [f"{row['command']} {row.get('response_code', '-')}" for row in rows]


def row_of(rows: list[dict[str, Any]], command: str) -> dict[str, Any]:
    return next(row for row in rows if row.get("raw_command") == command)


def test_every_command_has_one_record(logged: Logged, tls_version: str) -> None:
    def act(client: ScriptedClient) -> None:
        client.auth()
        client.command("BOGUS x")
        client.command("USER alice")
        client.command("PASS wrong")
        client.login()
        client.protect()
        client.retrieve("LIST")
        client.quit()

    rows = logged.session(act, version=tls_version)
    assert commands(rows) == [
        "CONNECT -", "AUTH 234", "BOGUS 500", "USER 331", "PASS 530", "USER 331", "PASS 230", "PBSZ 200", "PROT 200",
        "EPSV 229", "LIST 226", "QUIT 221", "EXIT -"]
    assert [row["protocol"] for row in rows] == ["ftp"] + ["ftps"] * 12
    assert rows[4]["raw_command"] == "PASS (hidden)"
    assert rows[4]["original_user"] == "alice"
    assert "user" not in rows[4]
    assert rows[6]["user"] == "alice"
    assert rows[6]["uid"] == USERS[0].uid
    assert rows[-1]["session_end_reason"] == "Quit"
    assert rows[-1]["user"] == "alice"


def test_who_and_where(logged: Logged) -> None:
    rows = logged.session(lambda client: (client.login(), client.command("CWD sub"), client.command("NOOP")), tls=False)
    row = rows[-2]
    assert row["remote_ip"] == row["local_ip"] == row["server_ip"] == row["server_dns"] == "127.0.0.1"
    assert row["local_port"] == logged.server.port
    assert row["server_name"] == "Test Server"
    assert row["connection_class"] == "here"
    assert row["dir_name"] == "/sub"
    assert row["ENV:SITE"] == "our files"
    assert "ENV:GONE" not in row
    assert row["response_msg"] == "NOOP command successful"
    assert row["session_bytes_rcvd"] == len("USER alice\r\nPASS secret\r\nCWD sub\r\nNOOP\r\n")
    assert row["session_bytes_sent"] > 100
    assert rows[-1]["session_end_reason"] == "Read EOF from client"
    cwd = row_of(rows, "CWD sub")
    assert cwd["dir_path"] == cwd["file"] == str(logged.home / "sub")
    assert cwd["dir_name"] == cwd["basename"] == "sub"


def test_transfers(logged: Logged, tls_version: str) -> None:
    def act(client: ScriptedClient) -> None:
        client.auth()
        client.login()
        client.protect()
        client.expect(200, "TYPE I")
        client.retrieve("RETR file.txt")
        client.expect(350, "REST 4")
        client.retrieve("RETR file.txt")
        client.store(f"STOR {tls_version}", b"12345")
        client.store(f"STOR {tls_version}", b"123")
        client.store(f"APPE {tls_version}", b"45")
        client.store("STOU", b"x")
        client.command("RETR nothere")
        client.expect(200, "TYPE A")
        client.retrieve("NLST sub")

    rows = logged.session(act, version=tls_version)
    transfers = [row for row in rows if row["command"] in ("RETR", "STOR", "APPE", "STOU")]
    assert [
        (row.get("bytes_sent"), row.get("file_size"), row.get("file_offset"), row["file_modified"],
         row["transfer_status"]) for row in transfers
    ] == [
        (12, 12, 0, False, "success"), (8, 12, 4, False, "success"), (5, 5, 0, False, "success"),
        (3, 3, 0, True, "success"), (2, 5, 3, True, "success"), (1, 1, 0, False, "success"),
        (None, None, None, False, "failed"),
    ]
    assert transfers[0]["transfer_path"] == "/file.txt"
    assert transfers[0]["file"] == str(logged.home / "file.txt")
    assert transfers[0]["transfer_secs"] >= 0
    assert transfers[0]["transfer_type"] == "binary"
    assert Path(transfers[5]["file"]).parent == logged.home
    assert transfers[5]["transfer_path"].startswith("/ftp")
    assert transfers[6]["transfer_failure"] == "nothere: No such file or directory"
    listing = row_of(rows, "NLST sub")
    assert listing["bytes_sent"] == len("sub/inner\r\n")
    assert listing["transfer_type"] == "ASCII"
    assert listing["dir_path"] == str(logged.home / "sub")
    ports = [row["transfer_port"] for row in rows if "transfer_port" in row]
    assert len(set(ports)) == 7, "every EPSV and the transfer that follows it name the same port"


def test_network_counters_hold_what_tls_adds(logged: Logged, tls_version: str) -> None:
    def act(client: ScriptedClient) -> None:
        client.auth()
        client.login()
        client.protect()
        client.expect(200, "TYPE I")
        client.retrieve("RETR big")
        client.store("STOR up", bytes(100_000))

    rows = logged.session(act, version=tls_version)
    before, after = row_of(rows, "TYPE I"), rows[-1]
    sent = after["session_bytes_sent"] - before["session_bytes_sent"]
    assert 20_000_000 < sent < 20_400_000
    received = after["session_bytes_rcvd"] - before["session_bytes_rcvd"]
    assert 100_000 < received < 110_000


def test_changes(logged: Logged) -> None:
    def act(client: ScriptedClient) -> None:
        client.login()
        client.store("STOR old", b"123")
        for line in ("RNFR old", "RNTO new", "DELE new", "DELE new", "MKD dir", "RMD dir", "SITE CHMOD 644 file.txt"):
            client.command(line)

    rows = logged.session(act, tls=False)
    assert row_of(rows, "RNTO new")["rename_from"] == "/old"
    assert row_of(rows, "RNTO new")["transfer_path"] == "/new"
    first, second = (row for row in rows if row.get("raw_command") == "DELE new")
    assert (first["bytes_sent"], second.get("bytes_sent")) == (3, None)
    assert row_of(rows, "MKD dir")["dir_path"] == str(logged.home / "dir")
    site = row_of(rows, "SITE CHMOD 644 file.txt")
    assert site["command"] == "SITE CHMOD"
    assert site["command_params"] == "CHMOD 644 file.txt"
    assert site["file"] == str(logged.home / "file.txt")


def test_what_went_wrong_has_its_code(logged: Logged, tls_version: str) -> None:
    def act(client: ScriptedClient) -> None:
        client.auth()
        for command in ("PWD", "USER alice", "PASS wrong", "USER alice", "PASS secret", "PBSZ 0", "PROT P"):
            client.command(command)
        client.private_data = True
        client.command("DELE missing")
        client.command("RETR sub")
        client.command("BOGUS x")
        client.retrieve("RETR file.txt")
        client.close("rst")

    rows = logged.session(act, version=tls_version)
    found = [(row.get("raw_command", row["command"]), row["reason"]) for row in rows if "reason" in row]
    assert found == [
        ("PWD", "login-required"), ("PASS (hidden)", "login-wrong-password"), ("DELE missing", "file-not-found"),
        ("RETR sub", "not-a-regular-file"), ("BOGUS x", "command-unknown"), ("EXIT", "client-disconnected")]


def test_an_aborted_download(logged: Logged) -> None:
    def act(client: ScriptedClient) -> None:
        client.login()
        client.expect(200, "TYPE I")
        connection = client.data()
        client.send_line("RETR big")
        client.expect(150)
        connection.establish().read()
        client.send_line("NOOP")
        client.expect(200)
        client.send_line("ABOR")
        client.expect(426)
        client.expect(226)
        connection.close("fin")

    rows = logged.session(act, tls=False)
    assert commands(rows)[-5:] == ["EPSV 229", "NOOP 200", "RETR 426", "ABOR 226", "EXIT -"]
    retr, abor = rows[-3], rows[-2]
    assert retr["transfer_status"] == "failed"
    assert retr["transfer_failure"] == "Data connection closed"
    assert 0 < retr["bytes_sent"] < 20_000_000
    assert "file_size" not in retr
    assert abor["transfer_status"] == "cancelled"


def test_a_stalled_transfer(logged: Logged) -> None:
    def act(client: ScriptedClient) -> None:
        client.login()
        connection = client.data()
        client.send_line("STOR up")
        client.expect(150)
        connection.establish().write(b"1")
        client.expect(426)
        client.expect(421)

    rows = logged.session(act, tls=False)
    assert commands(rows)[-2:] == ["STOR 426", "EXIT -"]
    assert rows[-2]["transfer_status"] == "timeout"
    assert rows[-1]["session_end_reason"] == "Timeout exceeded: TimeoutStalled"


def test_the_end_of_too_many_logins_is_told(logged: Logged) -> None:
    def act(client: ScriptedClient) -> None:
        for _ in range(2):
            client.command("USER alice")
            client.command("PASS wrong")

    rows = logged.session(act, tls=False)
    assert commands(rows)[-2:] == ["PASS 530", "EXIT -"]
    assert rows[-1]["session_end_reason"] == "Configured policy: Denied by MaxLoginAttempts"


def test_what_a_client_sends_forges_no_line(logged: Logged) -> None:
    evil = 'x" 226 999\x1b[2J\x9b\u2028\udcff'

    def act(client: ScriptedClient) -> None:
        client.command(f"USER {evil}")
        client.login("bob")
        client.command(f"DELE {evil}")
        client.command(f"{evil} {evil}")

    before = len(logged.lines("all"))
    rows = logged.session(act, tls=False)
    lines = logged.lines("all")[before:]
    assert len(lines) == len(rows) - 2
    for line in lines:
        assert re.fullmatch(r'127\.0\.0\.1 UNKNOWN \S+ \[[^]]+\] "(?:[^"\\]|\\.)*" \d{3} (?:-|\d+)', line), line
        assert "\x1b" not in line
    assert [len(line) > 0 and json.loads(line)["remote_ip"] for line in logged.lines("json")[-len(rows) + 1:]]


def test_anonymous_logins_have_logs_of_their_own(logged: Logged) -> None:
    auth = len(logged.lines("auth"))

    def act(client: ScriptedClient) -> None:
        client.login("anonymous", "me@here")
        client.command("PWD")
        client.quit()

    rows = logged.session(act, tls=False)
    assert logged.lines("anonymous")[-3:] == ["PASS 230", "PWD 257", "QUIT 221"]
    assert logged.lines("auth")[auth:] == ["USER 331"], "the section's own line for that file counts after the login"
    assert rows[-1]["anon_password"] == "me@here"
    assert rows[-1]["user"] == "ftp"
    assert rows[-1]["original_user"] == "anonymous"


def test_users_have_logs_of_their_own(logged: Logged) -> None:
    logged.session(lambda client: (client.login("bob"), client.command("PWD")), tls=False)
    assert logged.lines("bob")[-2:] == ["PASS 230", "PWD 257"]


def test_classes_of_clients_have_logs_of_their_own_from_the_beginning(logged: Logged) -> None:
    with logged.server.client(tls=False) as client:
        client.connect()
        client.expect(220, "HOST other.example")
        client.expect(331, "USER bob")
        client.expect(200, "NOOP")
    assert logged.lines("class")[-1] == "USER 331"


def test_another_host_has_its_own_log_from_host_on(logged: Logged) -> None:
    with logged.server.client(tls=False) as client:
        client.connect()
        client.expect(200, "NOOP")
        client.expect(220, "HOST other.example")
        client.expect(200, "NOOP")
        client.quit()
    deadline = time.monotonic() + 10
    while "EXIT -" not in (lines := logged.lines("other")):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert "NOOP 200" in lines
    assert lines[0] == "HOST 220"


def test_notes_are_there_and_variables_only_with_the_option(logged: Logged, tls_version: str) -> None:
    rows = logged.session(lambda client: (client.auth(), client.command("NOOP")), version=tls_version)
    assert rows[-1]["NOTE:FTPS"] == "1"
    assert rows[-1]["NOTE:TLS_CIPHER"].endswith(("GCM_SHA384", "GCM-SHA384"))
    assert "ENV:TLS_CIPHER" not in rows[-1]
    assert "NOTE:FTPS" not in rows[0]


def test_log_files_are_opened_anew_for_running_sessions(logged: Logged) -> None:
    path = logged.server.files.directory / "auth"
    with logged.server.client(tls=False) as client:
        client.connect()
        client.command("USER alice")
        old = path.rename(path.with_name("auth.1"))
        logged.server.signal(signal.SIGUSR1)

        def is_opened_anew() -> bool:
            """By the session's worker: the others and the supervisor have their own times."""
            client.command("USER alice")
            return path.exists() and "USER 331\n" in path.read_text()

        until(is_opened_anew, "the new file")
        client.command("PASS secret")
        client.quit()
        assert old.read_text().endswith("USER 331\n")
        until(lambda: path.read_text().endswith("USER 331\nPASS 230\n"), "the record in the new file")


@pytest.mark.parametrize("good", [True, False], ids=["loaded", "refused"])
def test_a_reload_opens_log_files_anew_for_running_sessions(
    ftps_server: ServerFactory, tls_version: str, good: bool,
) -> None:
    server = ftps_server(sections="TransferLog BASE/xferlog\n")
    path = server.files.directory / "xferlog"
    numbers = itertools.count()
    with server.client(tls_version) as client:
        client.connect()
        client.auth()
        client.login()
        client.protect()
        client.store("STOR before", b"x")
        old = path.rename(path.with_name("xferlog.1"))
        if not good:
            with server.files.configuration.open("a") as file:
                file.write("NoSuchDirective on\n")
        server.signal(signal.SIGHUP)

        def is_opened_anew() -> bool:
            """By the session's worker, which hears of it in its own time."""
            name = f"after-{next(numbers)}"
            client.store(f"STOR {name}", b"x")
            return path.exists() and f"/{name} " in path.read_text()

        until(is_opened_anew, "the new file")
        assert "/before " in old.read_text()
        assert "/before " not in path.read_text()
        server.wait_for_log("is served (number 2)" if good else "nothing has changed", log="system")
        client.quit()


def test_set_env_is_the_servers_too(ftps_server: ServerFactory) -> None:
    server = ftps_server(
        directives=["SetEnv TZ UTC-5"], sections='LogFormat zone "%{%z}t %{TZ}e"\nExtendedLog BASE/zone ALL zone\n')
    with server.client(tls=False) as client:
        client.connect()
        client.command("NOOP")
        client.quit()
    path = server.files.directory / "zone"
    deadline = time.monotonic() + 10
    while path.read_text().count("\n") < 2:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert path.read_text() == "+0500 UTC-5\n" * 2
    assert os.stat(path).st_mode & 0o777 == 0o640
