"""The program as scripts written for proftpd call it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

import ftpsd
from ftpsd.settings.registry import MODULES
from ftpsd.testing.client import ScriptedClient
from ftpsd.testing.ports import free_port
from tests.server.harness import until

SOURCES = Path(ftpsd.__file__).parents[1]
CALL_AS = "import sys; sys.argv[0] = {name!r}; from ftpsd.cli.main import main; main()"
MINIMAL = "ServerName test\nPort 0\nWtmpLog off\nSystemLog none\nPidFile none\nScoreboardFile none\n"


def call(*arguments: str, name: str = "ftpsd", **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the program under the name `name`."""
    return subprocess.run(
        [sys.executable, "-c", CALL_AS.format(name=f"/usr/sbin/{name}"), *arguments], text=True, timeout=60,
        capture_output=True, stdin=subprocess.DEVNULL, check=False,
        env=dict(os.environ, PYTHONPATH=str(SOURCES), **environment),
    )


def config(directory: Path, text: str) -> str:
    """A configuration file with `text` beside what every one here has."""
    path = directory / "test.conf"
    path.write_text(MINIMAL + text)
    return str(path)


@pytest.mark.parametrize("option", ["-v", "--version"])
@pytest.mark.parametrize(
    ("name", "first"), [
        ("ftpsd", f"ftpsd Version {ftpsd.__version__}"), ("proftpd", "ProFTPD Version 1.3.9"),
        ("in.proftpd", "ProFTPD Version 1.3.9")]
)
def test_version(option: str, name: str, first: str) -> None:
    done = call(option, name=name)
    assert (done.returncode, done.stdout, done.stderr) == (0, first + "\n", "")


def test_python_can_be_asked_for_the_module() -> None:
    def asked(*arguments: str) -> tuple[int, str, str]:
        done = subprocess.run(
            [sys.executable, "-m", "ftpsd", *arguments], text=True, timeout=60, capture_output=True, check=False,
            env=dict(os.environ, PYTHONPATH=str(SOURCES)))
        return done.returncode, done.stdout, done.stderr

    assert asked("-v") == (0, f"ftpsd Version {ftpsd.__version__}\n", "")
    assert asked("--help")[1].startswith("usage: ftpsd [options]\n")
    status, _, said = asked("nonsense")
    assert status == 2
    assert said.endswith("`ftpsd --help` lists the options\n")


def test_version_needs_next_to_nothing() -> None:
    loaded = "import sys\ntry:\n    main()\nfinally:\n    print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", f"from ftpsd.cli.main import main\n{loaded}", "-v"], text=True, timeout=60,
        capture_output=True, check=True, env=dict(os.environ, PYTHONPATH=str(SOURCES)),
    )
    names = done.stdout.split()
    assert "click" in names
    assert not {"ftpsd.settings", "ftpsd.native._openssl", "ftpsd.session", "cryptography"} & set(names)


def test_modules() -> None:
    lines = call("-l").stdout.splitlines()
    assert lines == ["Compiled-in modules:", *(f"  {name}" for name in MODULES)]
    assert "  mod_tls.c" in lines


@pytest.mark.parametrize("option", [("-vv",), ("-v", "-v"), ("--version-status",)])
def test_extended_version(tmp_path: Path, option: tuple[str, ...]) -> None:
    done = call(*option, "-c", config(tmp_path, ""), name="proftpd")
    lines = done.stdout.splitlines()
    assert lines[0] == "ProFTPD Version: 1.3.9 (stable)"
    assert len([line for line in lines if re.fullmatch(r"  mod_\w+/[\d.]+", line)]) == len(MODULES)


def test_compile_time_settings() -> None:
    lines = call("-V").stdout.splitlines()
    assert f"  Version: {ftpsd.__version__} (stable)" in lines
    assert any(line.strip().startswith("configure ") for line in lines)
    features = [line for line in lines if re.fullmatch(r"    [+-] .* support( \(.*\))?", line)]
    assert len(features) > 15
    assert any(line.startswith("    + OpenSSL support (OpenSSL 3.") for line in features)
    assert f"    {'+' if find_spec('pymemcache') else '-'} Memcache support" in features
    assert "    - curses support" in features
    assert "    + Lastlog support" in features


@pytest.mark.parametrize(("name", "file"), [
    ("ftpsd", "/run/ftpsd.pid"), ("proftpd", "/run/proftpd.pid"), ("in.proftpd", "/run/proftpd.pid")])
def test_pid_file_that_settings_show(name: str, file: str) -> None:
    lines = call("-V", name=name).stdout.splitlines()
    assert lines[lines.index("    Pid File:") + 1] == f"      {file}"


@pytest.mark.parametrize("option", ["-h", "--help"])
def test_help(option: str) -> None:
    done = call(option, name="proftpd")
    assert done.returncode == 0
    assert done.stdout.startswith("usage: proftpd [options]\n -h, --help\n")
    for words in (" -c [config-file], --config\n", " -n, --nodaemon\n", " -t, --configtest\n", " passwd\n"):
        assert words in done.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--nonsense",), "fatal: No such option '--nonsense'"),
        (("-c",), "fatal: Option '-c' requires an argument."),
        (("-d", "11"), "'-d' / '--debug': 11 is not in the range 0<=x<=10"),
        (("-p", "2"), "'2' is not one of '0', '1'"),
        (("nonsense",), "fatal: unknown parameter: 'nonsense' (commands: run, "),
        (("chek",), "fatal: unknown parameter: 'chek'; did you mean check? (commands: run, "),
        (("-c", "x", "who"), "fatal: options before 'who' are the server's; those of who stand behind it"),
        (("quota",), "fatal: Missing command."),
        (("demo", "--port", "x"), "'x' is not a valid integer range"),
    ],
)
def test_misuse_is_one_message(arguments: tuple[str, ...], message: str) -> None:
    done = call(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr
    assert done.stderr.count("\n") == 2
    assert "--help` lists the options" in done.stderr


@pytest.mark.parametrize("name", ["ftpsctl", "ftpsd"])
def test_misuse_is_not_what_a_probe_or_a_request_found(name: str) -> None:
    assert call("--nonsense", name=name).returncode == 2


@pytest.mark.parametrize("name", ["proftpd", "in.proftpd", "ftpdctl", "ftpwho", "ftpcount", "ftptop", "ftpshut"])
def test_misuse_under_the_name_of_one_of_proftpds_programs(name: str) -> None:
    assert call("--nonsense", name=name).returncode == 1


@pytest.mark.parametrize(
    "arguments", [("-t",), ("run", "-t"), ("--configtest", "-q"), ("-td5",), ("-t", "-d", "0")]
)
def test_syntax_check(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    done = call(*arguments, "-c", config(tmp_path, ""))
    assert done.stdout == "Checking syntax of configuration file\nSyntax check complete.\n"
    assert done.returncode == 0


def test_syntax_check_of_a_relative_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert call("-t", "-c", os.path.basename(config(tmp_path, ""))).returncode == 0


@pytest.mark.parametrize("mode", [("-t",), ("-n",), ("-n", "-q"), ()])
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Prot 21\n", "unknown configuration directive 'Prot' on line 7 of '{file}'"),
        ("<IfModule mod_tls.c>\n  TLSEngine perhaps\n</IfModule>\n", "on line 8 of '{file}'"),
        ("TLSEngine on\nTLSRSACertificateFile /nonexistent/cert.pem\n", "'/nonexistent/cert.pem'"),
    ],
)
def test_check_and_start_find_the_same_errors(
    tmp_path: Path, mode: tuple[str, ...], text: str, message: str
) -> None:
    file = config(tmp_path, text)
    done = call(*mode, "-c", file)
    assert done.returncode == 1
    assert done.stderr.startswith("fatal: ")
    assert message.format(file=file) in done.stderr
    assert "Traceback" not in done.stderr
    assert "complete" not in done.stdout


@pytest.mark.parametrize("mode", [("-t",), ("-n",), ()])
def test_missing_configuration(tmp_path: Path, mode: tuple[str, ...]) -> None:
    done = call(*mode, "-c", str(tmp_path / "none.conf"))
    assert done.returncode == 1
    assert f"'{tmp_path}/none.conf': No such file or directory" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ((), 0), (("-D", "BROKEN"), 1), (("-DBROKEN",), 1), (("-DOTHER", "--define", "BROKEN"), 1),
        (("-DOTHER",), 0),
    ],
)
def test_defines(tmp_path: Path, arguments: tuple[str, ...], code: int) -> None:
    file = config(tmp_path, "<IfDefine BROKEN>\n  Nonsense on\n</IfDefine>\n")
    assert call("-t", *arguments, "-c", file).returncode == code
    assert call(*arguments, "run", "-t", "-c", file).returncode == code


def test_environment(tmp_path: Path) -> None:
    file = config(tmp_path, "TimeoutIdle %{env:TEST_IDLE}\n")
    assert call("-t", "-c", file, TEST_IDLE="17").returncode == 0
    assert call("-t", "-c", file, TEST_IDLE="x").returncode == 1


def test_help_explains_directives() -> None:
    done = call("help", "tlsrequired")
    assert done.returncode == 0
    assert done.stdout.startswith("TLSRequired on|off|")
    assert "TLSRequired" in call("help").stdout.split()


def test_help_fits_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    for name in ("TLSOptions", "Include", "Limit"):
        assert max(map(len, call("help", name).stdout.splitlines())) < 60
    lines = call("help", "TLSRequired").stdout.splitlines()
    second = next(number for number, line in enumerate(lines) if line.startswith("Context: ")) + 1
    assert lines[second].startswith(" " * 11 + "<")


def test_help_of_a_command() -> None:
    done = call("help", "check")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == call("check", "--help").stdout


def test_help_suggests() -> None:
    done = call("help", "TLSRequire")
    assert (done.returncode, done.stdout) == (1, "")
    assert "Did you mean TLSRequired" in done.stderr


def test_nobody_else_can_change_what_python_keeps_of_a_server(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    text = f"Port 0\nPidFile {tmp_path}/pid\nScoreboardFile none\nSystemLog none\nWtmpLog off\n"
    (tmp_path / "ftpsd.conf").write_text(text)
    settings = {"PYTHONPYCACHEPREFIX": str(kept), "PYTHONDONTWRITEBYTECODE": ""}
    assert call("-c", str(tmp_path / "ftpsd.conf"), **settings).returncode == 0
    os.kill(int((tmp_path / "pid").read_text()), signal.SIGTERM)
    until(lambda: not (tmp_path / "pid").exists(), "the end")
    found = list(kept.rglob("*"))
    assert any(path.name.startswith("service.") for path in found), "what sessions need is compiled once"
    assert [path for path in found if path.stat().st_mode & 0o022] == []


@pytest.mark.parametrize("name", ["proftpd", "in.proftpd", "ftpsd"])
def test_the_system_log_names_the_program_that_filters_look_for(tmp_path: Path, name: str) -> None:
    """The words that fail2ban's filter proftpd.conf demands in front of what it looks for, and the client's address."""
    port = free_port("127.0.0.1")
    (tmp_path / "users").touch(mode=0o600)
    (tmp_path / "ftpsd.conf").write_text(
        f"Port {port}\nPidFile {tmp_path}/pid\nScoreboardFile none\nSystemLog {tmp_path}/log\nWtmpLog off\n"
        f"AuthOrder mod_auth_file.c\nAuthUserFile {tmp_path}/users\nUseReverseDNS off\nTransferLog none\n")
    assert call("-c", str(tmp_path / "ftpsd.conf"), name=name).returncode == 0
    try:
        for _ in range(2):
            with ScriptedClient("127.0.0.1", port) as client:
                client.connect()
                client.expect(331, "USER nobodyknows")
                client.expect(530, "PASS x")
            os.kill(int((tmp_path / "pid").read_text()), signal.SIGHUP)
            until(lambda: "is served (number 2)" in (tmp_path / "log").read_text(), "the reload")
    finally:
        os.kill(int((tmp_path / "pid").read_text()), signal.SIGTERM)
    until(lambda: not (tmp_path / "pid").exists(), "the end")
    lines = (tmp_path / "log").read_text().splitlines()
    program = "ftpsd" if name == "ftpsd" else "proftpd"
    assert all(re.match(rf"[-0-9]+ [:0-9]+,\d+ \S+ {program}\[\d+\] \S+", line) for line in lines), lines
    assert sum("(127.0.0.1[127.0.0.1]): USER nobodyknows: no such user found" in line for line in lines) == 2, lines


def test_a_daemon_loads_a_relative_path_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    text = f"Port 0\nPidFile {tmp_path}/pid\nScoreboardFile none\nSystemLog {tmp_path}/log\nWtmpLog off\n"
    (tmp_path / "ftpsd.conf").write_text(text)
    assert call("-c", "ftpsd.conf").returncode == 0
    pid = int((tmp_path / "pid").read_text())
    try:
        os.kill(pid, signal.SIGHUP)
        until(lambda: "is served (number 2)" in (tmp_path / "log").read_text(), "the reload")
    finally:
        os.kill(pid, signal.SIGTERM)
    until(lambda: not (tmp_path / "pid").exists(), "the end")


@pytest.mark.parametrize(("encoding", "shown"), [("utf-8:strict", "'/x\\udce9'"), ("ascii:strict", "'/x?'")])
def test_what_no_terminal_can_show(tmp_path: Path, encoding: str, shown: str) -> None:
    path = tmp_path / "test.conf"
    path.write_bytes(MINIMAL.encode() + b"Include /x\xe9\n")
    done = call("check", str(path), PYTHONIOENCODING=encoding)
    assert done.returncode == 2
    assert f"unable to include {shown}: No such file or directory" in done.stdout
    assert done.stderr == ""


@pytest.mark.parametrize("name", ["ftpsd", "ftpwho"])
def test_where_nothing_can_be_written(name: str) -> None:
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [sys.executable, "-c", CALL_AS.format(name=f"/usr/sbin/{name}"), "--help"], stdout=full, timeout=60,
            stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, check=False,
            env=dict(os.environ, PYTHONPATH=str(SOURCES)))
    assert done.stderr == b"fatal: cannot write the output: No space left on device\n"
    assert done.returncode == 1


def test_files_that_no_command_expects() -> None:
    done = call("demo", "--directory", "/proc/nothere")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "fatal: /proc/nothere: No such file or directory\n"


def test_who_reads_no_more() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with open(writing, "wb") as gone:
        done = subprocess.run(
            [sys.executable, "-c", CALL_AS.format(name="/usr/sbin/ftpsd"), "help"], stdout=gone, timeout=60,
            stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, check=False,
            env=dict(os.environ, PYTHONPATH=str(SOURCES)))
    assert (done.returncode, done.stderr) == (1, b"")


@pytest.mark.parametrize(("name", "says"), [
    ("stor", "STOR <sp> pathname\n\nFTP command: uploads a file.\n\nSource:    RFC 959 4.1.3\n"),
    ("mod_dso.c", "mod_dso is part of ftpsd.\n\nLoadFile  LoadModule  "),
    ("mod_tls_shmcache", "mod_tls_shmcache is part of ftpsd.\n\nIt has no directives.\n"),
    ("mod_sftp", "ftpsd does not have mod_sftp: take its directives out"),
])
def test_help_on_modules_and_commands(name: str, says: str) -> None:
    done = call("help", name)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(says)


def standing(directory: Path) -> str:
    """The configuration of a server that has a PidFile, `pid`."""
    listening = f"Port {free_port('127.0.0.1')}\nDefaultAddress 127.0.0.1\nPidFile {directory}/pid"
    path = directory / "test.conf"
    path.write_text(MINIMAL.replace("Port 0", listening).replace("PidFile none\n", ""))
    return str(path)


@pytest.mark.parametrize("name", ["ftpsd", "proftpd"])
def test_scripts_find_the_process_by_its_name(tmp_path: Path, name: str) -> None:
    """As `pidof` does: by the first word of the command line, which must not be the interpreter's."""
    script = tmp_path / name
    script.write_text(f"#!{sys.executable}\nfrom ftpsd.cli.main import main\nmain()\n")
    script.chmod(0o755)
    path = standing(tmp_path)
    server = subprocess.Popen(
        [script, "-n", "-c", path], env=dict(os.environ, PYTHONPATH=str(SOURCES)), stdin=subprocess.DEVNULL)
    try:
        until(lambda: (tmp_path / "pid").exists() or server.poll() is not None, "a PidFile")
        words = Path(f"/proc/{server.pid}/cmdline").read_bytes().rstrip(b"\0").split(b"\0")
        assert words == [os.fsencode(script), b"-n", b"-c", os.fsencode(path)]
        assert Path(f"/proc/{server.pid}/comm").read_text() == f"{name}\n"
    finally:
        server.terminate()
        server.wait(20)


def test_an_old_pid_file_stops_nobody(tmp_path: Path) -> None:
    """Of a server that crashed, with the number of a process that is now something else: that one is left alone."""
    with subprocess.Popen(["sleep", "60"]) as other:
        pid = tmp_path / "pid"
        pid.write_text(f"{other.pid}\n")
        path = standing(tmp_path)
        server = subprocess.Popen(
            [sys.executable, "-c", CALL_AS.format(name="ftpsd"), "-n", "-c", path], stdin=subprocess.DEVNULL,
            env=dict(os.environ, PYTHONPATH=str(SOURCES)))
        try:
            until(lambda: pid.read_text() == f"{server.pid}\n" or server.poll() is not None, "a PidFile")
            assert server.poll() is None
        finally:
            server.terminate()
            assert server.wait(20) == 0
            alone = other.poll() is None
            other.kill()
        assert alone
        assert not pid.exists()
