"""ftpsd itself, rightly configured, gets no warning; the program as a person and as a script call it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest

import ftpsd
from ftpsd.cli import probe
from ftpsd.diag.probe import judge, render
from ftpsd.diag.probe.verdict import Grade
from ftpsd.testing.plugin import Certificates, ServerFactory
from ftpsd.testing.server import RunningServer, server_directory, start_ftpsd
from tests.diag.probe.ask import ask, codes

SOURCES = Path(ftpsd.__file__).parents[1]


@pytest.fixture(scope="module")
def server(ftps_certificates: Certificates) -> Iterator[RunningServer]:
    from ftpsd.testing.configs import ServerConfig

    with server_directory() as files:
        running = start_ftpsd(
            ServerConfig(certificate=ftps_certificates.server, directives=("MaxClientsPerHost 200",)), files,
            ftps_certificates.authority_file)
        yield running
        running.stop()


def call(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "ftpsd.cli.main", "probe", *arguments]
    return subprocess.run(
        command, text=True, timeout=60, capture_output=True, check=False, stdin=subprocess.DEVNULL,
        env=dict(os.environ, PYTHONPATH=str(SOURCES), **environment))


def test_no_false_alarm(server: RunningServer) -> None:
    facts, verdicts = ask(server.port, server.authority, directory="/")
    assert codes(verdicts, Grade.WARNING) == set()
    assert codes(verdicts) == {"resumption-required", "no-forward-secrecy"}
    assert judge.status(facts, verdicts) == 0
    assert [each.name for each in facts.steps if each.error] == []
    assert list(server.home().iterdir()) == []
    assert {series.kind for series in facts.series} == {"TLSv1.3", "TLSv1.2 tickets", "TLSv1.2 ids"}
    assert all(each.good and each.fresh for series in facts.series for each in series.resuming)
    assert not any(series.bare.good for series in facts.series if series.bare is not None)


def test_without_a_login(server: RunningServer) -> None:
    facts, verdicts = ask(server.port, server.authority, user="", ciphers=False)
    assert codes(verdicts) == set()
    assert facts.login is None
    assert "--user" in render.summary(facts, verdicts)


def test_the_bound_on_connections_holds(server: RunningServer) -> None:
    facts, verdicts = ask(server.port, server.authority, most=12)
    assert facts.connections == 12
    assert [str(each.code) for each in verdicts if each.grade is Grade.WARNING] == ["probe-interrupted"]
    assert facts.steps[-1].error == "12 connections are enough"


def test_json(server: RunningServer, tmp_path: Path) -> None:
    secret = tmp_path / "password"
    secret.write_text("secret\nanother line\n")
    done = call(
        f"localhost:{server.port}", "--ca", str(server.authority), "--user", "alice", "--password-file", str(secret),
        "--no-ciphers", "--json")
    report: dict[str, Any] = json.loads(done.stdout)
    assert (done.returncode, done.stderr) == (0, "")
    assert set(report) == {"target", "status", "findings", "observed", "facts"}
    assert report["status"] == 0
    for finding in report["findings"]:
        assert set(finding) == {"grade", "code", "text", "server", "client"}
        assert finding["grade"] in {"error", "warning", "note", "good"}
        assert (finding["code"] is None) is (finding["grade"] == "good")
    assert all(isinstance(line, str) for lines in report["observed"].values() for line in lines)
    assert report["facts"]["login"]["answer"]["code"] == 230
    assert "secret" not in done.stdout


def test_for_a_person(server: RunningServer) -> None:
    done = call(
        f"ftpes://localhost:{server.port}", "--ca", str(server.authority), "--user", "alice", "--no-ciphers",
        "--details", FTPSD_PROBE_PASSWORD="secret")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "\x1b" not in done.stdout + done.stderr
    assert "all is well" in done.stdout
    assert "[resumption-required]" in done.stdout
    assert "TLSv1.3: 4 of 4 listings, 4 resumed" in done.stdout
    assert "secret" not in done.stdout + done.stderr


def test_the_trace_goes_to_standard_error(server: RunningServer) -> None:
    done = call(f"localhost:{server.port}", "--ca", str(server.authority), "--no-ciphers", "--trace")
    assert done.returncode == 0
    assert "all is well" in done.stdout
    assert done.stderr.startswith("# connection\nNew TCP connection #1: ")
    assert "\n      ServerHello\n" in done.stderr


def test_no_second_command_hides_in_an_argument(server: RunningServer) -> None:
    done = call(f"localhost:{server.port}", "--user", "alice", "--write", "/x\r\nDELE y", FTPSD_PROBE_PASSWORD="secret")
    assert done.returncode == 2
    assert "one line each" in done.stderr


def test_the_password_stays_here_without_trust(server: RunningServer) -> None:
    done = call(f"localhost:{server.port}", "--user", "alice", "--no-ciphers", FTPSD_PROBE_PASSWORD="secret")
    assert done.returncode == 1
    assert "[password-withheld]" in done.stdout
    assert "[server-cert-untrusted]" in done.stdout


def test_without_a_terminal_nobody_can_be_asked(server: RunningServer) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "FTPSD_PROBE_PASSWORD"}
    done = subprocess.run(
        [sys.executable, "-m", "ftpsd", "probe", f"localhost:{server.port}", "--user", "alice"], text=True,
        stdin=subprocess.DEVNULL, capture_output=True, start_new_session=True, timeout=60, check=False,
        env={**environment, "PYTHONPATH": str(Path(ftpsd.__file__).parents[1])})
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("fatal: there is no terminal to ask for the password; name a --password-file, or ")


def test_nobody_there(server: RunningServer) -> None:
    done = call("127.0.0.1:1", "--timeout", "2")
    assert done.returncode == 3
    assert "[server-unreachable]" in done.stdout


@pytest.mark.parametrize("target", ["a:b", "host:99999", "user@host", "", "http://x"])
def test_what_is_no_target(target: str) -> None:
    with pytest.raises(click.UsageError, match="is no HOST"):
        probe._understood(target)


@pytest.mark.parametrize(("target", "understood"), [
    ("ftp.example.org", ("ftp.example.org", 0, None)), ("ftp.example.org:2121", ("ftp.example.org", 2121, None)),
    ("ftps://h/", ("h", 0, True)), ("ftpes://h:1", ("h", 1, False)), ("ftp://h", ("h", 0, None)),
    ("192.0.2.1:21", ("192.0.2.1", 21, None)), ("[2001:db8::1]:990", ("2001:db8::1", 990, None)),
    ("2001:db8::1", ("2001:db8::1", 0, None)), ("[fe80::1%eth0]", ("fe80::1%eth0", 0, None)),
])
def test_targets(target: str, understood: tuple[str, int, bool | None]) -> None:
    assert probe._understood(target) == understood


def test_implicit_tls_is_found_out(ftps_server: ServerFactory) -> None:
    server = ftps_server(tls=["TLSRequired on", "TLSOptions UseImplicitSSL"])
    facts, verdicts = ask(server.port, server.authority, ciphers=False, timeout=1.0, active=False)
    assert facts.greeting is not None
    assert facts.greeting.implicit
    assert codes(verdicts, Grade.WARNING) == set()
    assert all(each.good for series in facts.series for each in series.resuming)


def test_the_other_kind_of_tls_is_named(server: RunningServer, ftps_server: ServerFactory) -> None:
    implicit = ftps_server(tls=["TLSRequired on", "TLSOptions UseImplicitSSL"])
    for port, wrong, right in ((server.port, True, "explicit"), (implicit.port, False, "implicit")):
        facts, verdicts = ask(port, server.authority, user="", ciphers=False, timeout=2.0, implicit=wrong)
        assert judge.status(facts, verdicts) == 3
        (verdict,) = verdicts
        assert f"; the port is for {right} TLS (" in verdict.text
        assert f"--{right})" in verdict.text
        assert "the other kind of TLS" in verdict.client


def test_renegotiation_by_clients_is_found(ftps_server: ServerFactory) -> None:
    server = ftps_server(tls=["TLSRequired on", "TLSOptions AllowClientRenegotiations"])
    facts, verdicts = ask(server.port, server.authority, user="", ciphers=False)
    assert facts.renegotiation is not None
    assert facts.renegotiation.by_client == "done"
    assert codes(verdicts) == {"renegotiation-open"}


def test_ipv6(ftps_server: ServerFactory) -> None:
    server = ftps_server(address="::1")
    facts, verdicts = ask(server.port, server.authority, host="::1", ciphers=False)
    assert facts.target == f"[::1]:{server.port}"
    assert codes(verdicts) == {"resumption-required"}
    assert [each.command for each in facts.passive] == ["EPSV"]
    assert [(each.command, each.came) for each in facts.active] == [("EPRT", True)]


def test_a_clients_certificate(ftps_server: ServerFactory, ftps_certificates: Certificates, tmp_path: Path) -> None:
    server = ftps_server(
        tls=["TLSRequired on", "TLSVerifyClient on", f"TLSCACertificateFile {ftps_certificates.authority_file}"])
    own = ftps_certificates.client
    common = [f"localhost:{server.port}", "--ca", str(server.authority), "--no-ciphers"]
    without = call(*common)
    assert (without.returncode, "[client-cert-missing]" in without.stdout) == (2, True)
    shown = call(*common, "--cert", str(own.certificate), "--key", str(own.key))
    assert shown.returncode == 0, shown.stdout
    assert "The client's certificate is accepted." in shown.stdout
    broken = call(*common, "--cert", str(own.certificate), "--key", str(ftps_certificates.server.key))
    assert broken.returncode == 2
    assert "--ca, --cert or --key" in broken.stderr
