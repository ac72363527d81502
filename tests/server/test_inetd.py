"""ServerType inetd: a process for one connection, started by a real parent that has accepted it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import syslog
from dataclasses import replace
from pathlib import Path
from typing import IO

import pytest

from ftpsd.server import handed
from ftpsd.testing.client import ScriptedClient, client_context
from ftpsd.testing.configs import ServerConfig, User
from ftpsd.testing.daemons import need
from ftpsd.testing.plugin import Certificates
from ftpsd.testing.server import PASS_SOCKET
from tests.server.harness import running, until
from tests.server.inetd import PATIENCE, TREE, Inetd, inetd
from tests.session.proxies import LOCAL, Proxied, two

PLAIN = ServerConfig(None)
REFUSED = b"421 Service not available, closing control connection\r\n"


def everything(server: Inetd) -> bytes:
    """What a client that says nothing gets, until the connection ends."""
    with socket.create_connection(("127.0.0.1", server.port), PATIENCE) as sock:
        found = b""
        while chunk := sock.recv(4096):
            found += chunk
    return found


def run(
    *arguments: str, standard_input: int | IO[bytes] = subprocess.DEVNULL, **environment: str,
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "ftpsd.cli.main", *arguments], stdin=standard_input, capture_output=True, text=True,
        timeout=PATIENCE, env={**os.environ, "PYTHONPATH": str(TREE / "src"), **environment}, check=False)


def who(server: Inetd, *arguments: str) -> str:
    done = run("who", "-f", str(server.files.directory / "scoreboard"), *arguments)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


# ---- whole sessions


@pytest.mark.parametrize(
    ("way", "version"), [
        ("stdio", "TLSv1.2"), ("stdio", "TLSv1.3"), ("stdin", "TLSv1.3"), ("listen-fds", "TLSv1.2"),
        ("both", "TLSv1.3"),
    ])
def test_a_whole_session(ftps_certificates: Certificates, version: str, way: str) -> None:
    config = ServerConfig(ftps_certificates.server)
    with inetd(config, ftps_certificates.authority_file, way=way) as server:
        with server.client(version) as client:
            client.begin()
            assert client.store("STOR new", b"content " * 40_000).code == 226
            assert client.retrieve("RETR new") == b"content " * 40_000
            assert b"new" in client.retrieve("MLSD", mode="PASV")
            client.quit()
        assert server.status() == 0
        assert server.said() == ""
        assert not server.files.pid_file.exists()
        assert not server.files.controls.exists()
        user = config.users[0]
        found = (server.files.home("alice") / "new").stat()
        assert (found.st_uid, found.st_gid) == (user.uid, user.gid)


def test_a_data_connection_has_to_resume_the_session(ftps_certificates: Certificates, tls_version: str) -> None:
    with inetd(ServerConfig(ftps_certificates.server), ftps_certificates.authority_file) as server:
        with server.client(tls_version) as client:
            client.begin()
            connection = client.data()
            client.send_line("LIST")
            client.expect(150)
            with contextlib.suppress(OSError):
                assert connection.handshake(reuse=False).read_all() == b""
            assert client.read_reply().code == 425
        assert "[data-not-resumed]" in server.files.tls_log.read_text()


def test_implicit_tls(ftps_certificates: Certificates, tls_version: str) -> None:
    config = ServerConfig(ftps_certificates.server, tls=("TLSRequired on", "TLSOptions UseImplicitSSL"))
    with inetd(config, ftps_certificates.authority_file) as server:
        with server.client(tls_version) as client:
            client.begin(implicit=True)
            client.store("STOR new", b"content")
            assert client.retrieve("RETR new") == b"content"
            client.quit()
        assert server.status() == 0


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="this machine has no IPv6")
def test_the_address_that_was_connected_to_chooses_the_host(ftps_certificates: Certificates) -> None:
    """The starter listens to IPv4 through IPv6: addresses are IPv4 all the same."""
    second = '<VirtualHost 127.0.0.2>\nPort @PORT@\nServerName "Second"\n</VirtualHost>\n'
    second += "<VirtualHost 127.0.0.4>\nPort 0\n</VirtualHost>\n"
    config = replace(PLAIN, sections=second)
    with inetd(config, ftps_certificates.authority_file, mapped=True) as server:
        for address, name in (("127.0.0.1", "Test Server"), ("127.0.0.2", "Second")):
            with ScriptedClient(address, server.port) as client:
                assert name in str(client.connect())
                if address == "127.0.0.1":
                    client.login()
                    client.retrieve("LIST", mode="PASV")
                    client.retrieve("LIST", mode="PORT")
                assert f"server: {address}:{server.port} ({name})" in who(server, "-v")
        with ScriptedClient("127.0.0.3", server.port) as client:
            assert "Test Server" in str(client.connect())
        with ScriptedClient("127.0.0.4", server.port) as client:
            assert client.read_reply().code == 500
        port = server.port
        assert f"nobody serves 127.0.0.4 port {port}: write Port {port}, or DefaultServer on" in server.log()


def test_sessions_of_several_processes_are_seen_and_counted(ftps_certificates: Certificates) -> None:
    """The last process dies without a word: who comes next finds its place free."""
    config = replace(PLAIN, directives=("MaxClients 2", "MaxInstances 1"))
    with inetd(config, ftps_certificates.authority_file) as server:
        with server.client() as first, server.client() as second, server.client() as third:
            for number, client in enumerate((first, second, third)):
                client.connect()
                client.expect(331, "USER alice")
                client.expect(230 if number < 2 else 530, "PASS secret")
            found = json.loads(who(server, "-o", "json"))
            assert found["server"]["server_type"] == "inetd"
            assert [one.get("user") for one in found["connections"]].count("alice") == 2
            second.quit()
            server.process(1).wait(PATIENCE)
            killed = server.process(0)
            killed.kill()
            killed.wait(PATIENCE)
        assert who(server).splitlines() == ["inetd FTP daemon:", "no users connected"]
        with server.client() as fourth:
            fourth.connect()
            assert fourth.login().code == 230


# ---- the end


def test_sigterm_ends_the_session_in_order(ftps_certificates: Certificates) -> None:
    with inetd(PLAIN, ftps_certificates.authority_file) as server:
        with server.client(tls=False) as client:
            client.connect()
            assert client.login().code == 230
            (seen,) = json.loads(who(server, "-o", "json"))["connections"]
            os.kill(int(seen["pid"]), signal.SIGTERM)  # the number that is shown will do
            assert client.read_reply().code == 421
            client.expect_end()
        assert server.status() == 0
        assert "received SIGTERM: the session is ended" in server.log()
        assert who(server).splitlines()[1:] == ["no users connected"]


def test_logs_are_opened_anew_and_other_signals_do_nothing(ftps_certificates: Certificates) -> None:
    with inetd(PLAIN, ftps_certificates.authority_file) as server:
        with server.client(tls=False) as client:
            client.connect()
            moved = server.files.system_log.rename(server.files.directory / "moved.log")
            for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGUSR1):
                server.process().send_signal(number)
            until(server.files.system_log.exists, "a new log")
            assert client.login().code == 230
            client.quit()
        assert server.status() == 0
        assert "Login successful" in server.log()
        assert "Login successful" not in moved.read_text()


def test_an_announced_shutdown_is_heard(ftps_certificates: Certificates, tmp_path: Path) -> None:
    announced = tmp_path / "shutmsg"
    config = replace(PLAIN, directives=(f"ShutMessageFile {announced}",))
    with inetd(config, ftps_certificates.authority_file) as server:
        with server.client(tls=False) as client:
            client.connect()
            announced.write_text("2025 1 1 0 0 0 0000 0000\nenough for today\n")
            assert (reply := client.read_reply()).code == 421
            assert "enough for today" in str(reply)
        assert everything(server).startswith(b"500 FTP server shut down (enough for today)")
        assert [process.wait(PATIENCE) for process in server.processes] == [0, 0]


# ---- what cannot be served


@pytest.mark.parametrize("arguments", [(), ("-n", "-d", "10")])
def test_nothing_is_written_to_a_client_beside_replies(
    ftps_certificates: Certificates, arguments: tuple[str, ...],
) -> None:
    with inetd(PLAIN, ftps_certificates.authority_file, arguments=arguments) as server:
        with server.client(tls=False) as client:
            client.connect()
            client.login()
            client.expect(200, "NOOP")
            client.expect(221, "QUIT")
            client.expect_end()
        with server.files.configuration.open("a") as file:
            file.write("NoSuchDirective on\n")
        assert everything(server) == b""
        assert server.status() == 1
        server.arguments = ("--no-such-option",)
        assert everything(server) == b""
        assert server.status() == 2


def test_what_is_wrong_is_said_where_it_can_be_heard(ftps_certificates: Certificates) -> None:
    config = replace(PLAIN, directives=("ScoreboardFile /nonexistent/scoreboard",))
    with inetd(config, ftps_certificates.authority_file, way="stdin") as server:
        assert everything(server) == REFUSED
        assert server.status() == 1
        assert "fatal: ScoreboardFile: unable to use '/nonexistent/scoreboard': No such file" in server.said()
        assert "unable to use '/nonexistent/scoreboard'" in server.log()
        server.files.configuration.write_text("NoSuchDirective on\n")
        assert everything(server) == b""
        assert "unknown configuration directive 'NoSuchDirective' on line 1" in server.said()


@pytest.mark.parametrize(("options", "told"), [("", REFUSED), ("TLSOptions UseImplicitSSL", b"")])
def test_nobody_is_asked_for_a_passphrase(
    ftps_certificates: Certificates, tmp_path: Path, options: str, told: bytes,
) -> None:
    identity = ftps_certificates.authority.leaf("localhost")
    locked = identity.write(tmp_path, "locked", password=b"open sesame")
    config = ServerConfig(locked, tls=(options,) if options else ())
    with inetd(config, ftps_certificates.authority_file) as server:
        assert everything(server) == told
        assert server.status() == 1
        assert "ServerType inetd there is nobody to ask for its passphrase" in server.log()


def test_a_program_may_give_the_passphrase(ftps_certificates: Certificates, tmp_path: Path) -> None:
    provider = tmp_path / "provider"
    provider.write_text("#!/bin/sh\necho open sesame\n")
    provider.chmod(0o700)
    identity = ftps_certificates.authority.leaf("localhost")
    config = ServerConfig(
        identity.write(tmp_path, "locked", password=b"open sesame"), tls=(f"TLSPassPhraseProvider {provider}",))
    with inetd(config, ftps_certificates.authority_file) as server, server.client() as client:
        client.begin()
        client.quit()


def test_without_a_scoreboard_each_counts_itself(ftps_certificates: Certificates) -> None:
    config = replace(PLAIN, directives=("ScoreboardFile none", "MaxClients 1"))
    with inetd(config, ftps_certificates.authority_file) as server:
        with server.client() as first, server.client() as second:
            for client in (first, second):
                client.connect()
                assert client.login().code == 230


def test_systemds_own_way(ftps_certificates: Certificates) -> None:
    """The connection is standard input and output, standard error is not."""
    program = need("systemd-socket-activate")
    with inetd(PLAIN, ftps_certificates.authority_file, serves=False) as server:
        number = server.listener.fileno()
        command = [
            sys.executable, "-I", "-S", "-c", PASS_SOCKET, str(number), program, "--inetd", "-a",
            *(f"-E{name}" for name in ("LD_LIBRARY_PATH",) if name in os.environ),  # Python may need it
            f"-EPYTHONPATH={TREE / 'src'}", sys.executable, "-m", "ftpsd.cli.main", "-c",
            str(server.files.configuration)]
        with server.files.stderr.open("wb") as errors:
            parent = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=errors, stderr=errors, pass_fds=(number,))
        try:
            with server.client(tls=False) as client:
                client.connect()
                client.login()
                client.quit()
            until(lambda: "died with code 0" in server.said(), "the end of the session")
        finally:
            parent.terminate()
            parent.wait(PATIENCE)


@pytest.mark.parametrize(("name", "said"), [
    ("bad-service", "the certificate does not match the key"), ("bad-worker", "fatal: workers cannot start"),
    ("bug", "ValueError: a bug"), ("bad-thread", "fatal: can't start new thread\n  Raise the limit of processes"),
])
def test_whatever_fails_before_the_session_sends_the_client_away(tmp_path: Path, name: str, said: str) -> None:
    settings = {"name": name, "port": 21, "server_type": "inetd"}
    (tmp_path / "config.json").write_text(json.dumps(settings))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = socket.create_connection(listener.getsockname(), PATIENCE)
        theirs, _ = listener.accept()
    with client, theirs:
        done = subprocess.run(
            [sys.executable, "-m", "tests.server.fake_server", str(tmp_path / "config.json")], stdin=theirs.fileno(),
            stdout=theirs.fileno(), stderr=subprocess.PIPE, text=True, timeout=PATIENCE, cwd=TREE, check=False,
            env={**os.environ, "PYTHONPATH": f"{TREE / 'src'}:{TREE}"})
        theirs.close()
        assert client.recv(1000) == REFUSED
        assert client.recv(1000) == b""
    assert done.returncode == 1
    assert said in done.stderr


# ---- wrong starts


def started_with(standard_input: int | IO[bytes], directory: Path, **environment: str) -> tuple[int, str]:
    """Status and standard error of ftpsd with this as descriptor 0."""
    configuration = directory / "ftpsd.conf"
    configuration.write_text("ServerType inetd\nSystemLog none\nScoreboardFile none\nUser root\nGroup root\n")
    done = run("-c", str(configuration), standard_input=standard_input, **environment)
    assert done.stdout == ""
    return done.returncode, done.stderr


def test_a_start_by_hand(tmp_path: Path) -> None:
    status, said = started_with(subprocess.DEVNULL, tmp_path)
    assert status == 1
    assert said.splitlines()[0] == (
        "fatal: unable to get connection info: standard input: Socket operation on non-socket")
    assert "Write ServerType standalone otherwise." in said


def test_other_sockets(tmp_path: Path) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs, socket.create_server(("127.0.0.1", 0)) as listener, socket.socket() as fresh:
        for sock, what in (
            (theirs, "is not a TCP connection"), (listener, "is a listening socket, not a connection"),
            (fresh, "Transport endpoint is not connected"),
        ):
            status, said = started_with(sock.fileno(), tmp_path)
            assert status == 1
            assert what in said


def test_more_than_one_socket(tmp_path: Path) -> None:
    status, said = started_with(subprocess.DEVNULL, tmp_path, LISTEN_FDS="2")
    assert (status, said.splitlines()[0]) == (1, "fatal: LISTEN_FDS is 2: ServerType inetd serves one connection")


def test_the_syntax_check_needs_no_connection(tmp_path: Path) -> None:
    started_with(subprocess.DEVNULL, tmp_path)
    done = run("-t", "-c", str(tmp_path / "ftpsd.conf"))
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "Syntax check complete.")


def test_a_server_that_listens_does_not_become_one_of_inetds(tmp_path: Path) -> None:
    with running(tmp_path) as server:
        server.start()
        server.reload(server_type="inetd", name="second")
        assert "fatal: ServerType: ServerType inetd, while this server listens itself" in server.said
        assert server.talk().name == "first"


def test_a_connection_that_has_gone(ftps_certificates: Certificates) -> None:
    with inetd(PLAIN, ftps_certificates.authority_file) as server:
        sock = socket.create_connection(("127.0.0.1", server.port), PATIENCE)
        sock.close()
        assert server.status() in (0, 1)  # it may notice at the greeting only
        assert "Traceback" not in server.log()


def test_what_is_said_goes_to_syslog_in_lines_that_nobody_forges(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[tuple[int, str]] = []
    monkeypatch.setattr(syslog, "syslog", lambda level, text: said.append((level, text)))
    monkeypatch.setattr(syslog, "openlog", lambda *arguments: None)
    stream = handed.SyslogStream()
    print("fatal: one\n  two \x1b[2J\0", file=stream)
    stream.write("x" * 9000)
    stream.write("y\nend")
    stream.flush()
    expected = ["fatal: one", "  two \\x1b[2J\\x00", "x" * 9000, "y", "end"]
    assert said == [(syslog.LOG_ERR, line) for line in expected]


def test_users() -> None:
    assert User().uid != 0, "what is stored above would prove nothing"


# ---- logs in databases


def test_the_last_entries_have_time_to_be_written(ftps_certificates: Certificates, tmp_path: Path) -> None:
    """There is no worker that outlives the session: it is this process that waits for the database, not the client."""
    tmp_path.chmod(0o755)
    path = tmp_path / "log.db"
    database = sqlite3.connect(path, isolation_level=None, timeout=PATIENCE)
    with contextlib.closing(database):
        database.execute("CREATE TABLE said (command TEXT)")
        config = replace(PLAIN, directives=(
            "SQLBackend sqlite3", f"SQLConnectInfo {path}", "SQLEngine log",
            "SQLNamedQuery said INSERT \"'%m'\" said", "SQLLog QUIT said"))
        with inetd(config, ftps_certificates.authority_file) as server:
            with server.client(tls=False) as client:
                client.connect()
                client.login()
                database.execute("BEGIN EXCLUSIVE")
                client.quit()
                process = server.process()
                with pytest.raises(subprocess.TimeoutExpired):
                    process.wait(1.0)
            database.execute("COMMIT")
            assert server.status() == 0
        assert database.execute("SELECT command FROM said").fetchall() == [("QUIT",)]


def test_a_connection_that_a_proxy_hands_on(ftps_certificates: Certificates, tls_version: str) -> None:
    own = ("ProxyProtocolEngine on", "ProxyProtocolTrust 127.0.0.1", "ProxyProtocolData on")
    config = ServerConfig(ftps_certificates.server, directives=own)
    with inetd(config, ftps_certificates.authority_file) as server:
        context, header = client_context(server.authority, version=tls_version), two("127.0.0.5", 4711)
        with Proxied("127.0.0.1", server.port, context=context, header=header, data_header=header) as client:
            client.begin()
            client.store("STOR new", b"content")
            assert "127.0.0.5" in who(server, "-v")
            client.quit()
        assert server.status() == 0
        assert "(127.0.0.5[127.0.0.5]): FTP session opened." in server.log()
        with socket.create_connection(("127.0.0.1", server.port), 5) as check:
            check.sendall(LOCAL)
            assert check.recv(100).startswith(b"220 ")
        assert server.status() == 0
        assert server.log().count("FTP session opened") == 1
