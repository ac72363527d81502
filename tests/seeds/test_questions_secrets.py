"""The seeds' questions about passphrases at start and about FIPS."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import select
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

import ftpsd
from ftpsd.testing.ca import Files
from ftpsd.testing.client import ScriptedClient, client_context
from ftpsd.testing.configs import ServerConfig, ServerFiles
from ftpsd.testing.plugin import Certificates
from ftpsd.testing.ports import free_port
from ftpsd.testing.server import start_ftpsd
from tests.clients.base import run
from tests.seeds.support import refusal

BANNER = "Please provide passphrases for these encrypted certificate keys:"
RETRY = "Wrong passphrase for this key.  Please try again."
PASSPHRASE = "open sesame"
SECONDS = 20.0


@pytest.fixture
def encrypted(directory: ServerFiles, ftps_certificates: Certificates) -> Files:
    """A server certificate of the run's root whose key needs a passphrase."""
    leaf = ftps_certificates.authority.leaf("localhost")
    return leaf.write(directory.directory, "locked", password=PASSPHRASE.encode())


@dataclass
class AtTerminal:
    """A server that somebody has started by hand."""

    process: subprocess.Popen[bytes]
    master: int
    seen: str = ""

    def wait_for(self, text: str) -> None:
        """Until the terminal shows it; what was before it is forgotten."""
        deadline = time.monotonic() + SECONDS
        while text not in self.seen:
            ready = select.select([self.master], [], [], max(0.0, deadline - time.monotonic()))[0]
            assert ready, f"no {text!r} in {self.seen!r}"
            with contextlib.suppress(OSError):
                self.seen += os.read(self.master, 4096).decode("utf-8", "replace").replace("\r\n", "\n")
        self.seen = self.seen.partition(text)[2]

    def type(self, line: str) -> None:
        """What the person types."""
        os.write(self.master, line.encode() + b"\n")


@contextlib.contextmanager
def at_terminal(config: ServerConfig, files: ServerFiles) -> Iterator[AtTerminal]:
    """`ftpsd -n -c FILE` with a terminal of its own."""
    config.write(files)
    master, slave = pty.openpty()

    def take_terminal() -> None:
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    command = [sys.executable, "-m", "ftpsd.cli.main", "-n", "-c", str(files.configuration)]
    process = subprocess.Popen(
        command, stdin=slave, stdout=slave, stderr=slave, start_new_session=True, preexec_fn=take_terminal,
        env={**os.environ, "PYTHONPATH": str(Path(ftpsd.__file__).parents[1])})
    os.close(slave)
    try:
        yield AtTerminal(process, master)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(SECONDS)
        finally:
            process.kill()
            os.close(master)


def serves(port: int, authority: Path, version: str) -> None:
    """A whole session under TLS with the key that was locked."""
    deadline = time.monotonic() + SECONDS
    while True:
        try:
            client = ScriptedClient("127.0.0.1", port, context=client_context(authority, version=version))
            break
        except ConnectionRefusedError:
            assert time.monotonic() < deadline, "the server does not listen"
            time.sleep(0.05)
    with client.begin():
        client.store("STOR up.txt", b"up")
        client.quit()


def test_when_proftpd_starts_up_i_am_prompted_to_enter_the_passphrases(
    directory: ServerFiles, ftps_certificates: Certificates, encrypted: Files, tls_version: str
) -> None:
    """The situation: a person at a terminal, one wrong passphrase, then the right one."""
    config = ServerConfig(encrypted, port=free_port())
    with at_terminal(config, directory) as person:
        person.wait_for(BANNER)
        prompt = f"RSA key for the 127.0.0.1#{config.port} (Test Server) server: "
        person.wait_for(prompt)
        person.type("wrong")
        person.wait_for(RETRY)
        person.wait_for(prompt)
        person.type(PASSPHRASE)
        serves(config.port, ftps_certificates.authority_file, tls_version)
        assert PASSPHRASE not in person.seen, "it is not shown"


def test_passphrases_without_a_terminal_stop_the_start(
    directory: ServerFiles, ftps_certificates: Certificates, encrypted: Files
) -> None:
    said = refusal(ServerConfig(encrypted), directory, ftps_certificates.authority_file)
    assert f"unable to use RSA certificate key in '{encrypted.key}', exiting" in " ".join(said.split())
    assert "TLSPassPhraseProvider" in said, "the remedy"


def test_passphrases_cure_remove_it_from_the_key_file(
    directory: ServerFiles, ftps_certificates: Certificates, encrypted: Files, tls_version: str
) -> None:
    """As Apache's FAQ says; openssl does it."""
    plain = directory.directory / "plain.key"
    run(["openssl", "pkey", "-in", str(encrypted.key), "-passin", f"pass:{PASSPHRASE}", "-out", str(plain)],
        directory.directory)
    plain.chmod(0o600)
    server = start_ftpsd(
        ServerConfig(replace(encrypted, key=plain)), directory, ftps_certificates.authority_file)
    try:
        serves(server.port, ftps_certificates.authority_file, tls_version)
    finally:
        server.stop()


def test_passphrases_cure_tlspassphraseprovider(
    directory: ServerFiles, ftps_certificates: Certificates, encrypted: Files, tls_version: str
) -> None:
    """A program gives it: it gets the server's name with port, and the kind of key, as arguments."""
    asked = directory.directory / "asked"
    provider = directory.directory / "provider"
    provider.write_text(f'#!/bin/sh\necho "$1 $2" >> {asked}\necho "{PASSPHRASE}"\n')
    provider.chmod(0o700)
    config = ServerConfig(encrypted, directives=[f"TLSPassPhraseProvider {provider}"])
    server = start_ftpsd(config, directory, ftps_certificates.authority_file)
    try:
        serves(server.port, ftps_certificates.authority_file, tls_version)
        assert asked.read_text() == f"Test Server:{server.port} RSA\n"
    finally:
        server.stop()


def fips_module() -> Path:
    done = subprocess.run(["openssl", "version", "-m"], capture_output=True, text=True, check=True, timeout=30)
    return Path(done.stdout.split('"')[1]) / "fips.so"


def test_how_can_i_configure_mod_tls_to_use_openssl_in_fips_mode(
    directory: ServerFiles, ftps_certificates: Certificates
) -> None:
    """-D TLS_USE_FIPS: where OpenSSL has its FIPS provider the log says so, otherwise no start."""
    config = ServerConfig(ftps_certificates.server)
    asked = ("-D", "TLS_USE_FIPS")
    if fips_module().exists():
        server = start_ftpsd(config, directory, ftps_certificates.authority_file, arguments=asked)
        server.wait_for_log("FIPS mode enabled", log="system")
        server.stop()
        return
    said = refusal(config, directory, ftps_certificates.authority_file, arguments=asked)
    assert "mod_tls/2.9.2: unable to use FIPS mode: " in said
    assert "openssl fipsinstall" in said, "what is to be done today instead of fipsld"


def test_fips_mode_cannot_be_had_by_a_line_of_the_configuration(
    directory: ServerFiles, ftps_certificates: Certificates
) -> None:
    """`Define TLS_USE_FIPS` in the file comes after OpenSSL has begun, as the answer says; -D is the way."""
    config = ServerConfig(ftps_certificates.server, directives=["Define TLS_USE_FIPS"])
    server = start_ftpsd(config, directory, ftps_certificates.authority_file)
    try:
        assert not any("FIPS" in line for line in server.system_log())
    finally:
        server.stop()


def test_without_the_define_there_is_no_fips(directory: ServerFiles, ftps_certificates: Certificates) -> None:
    server = start_ftpsd(ServerConfig(ftps_certificates.server), directory, ftps_certificates.authority_file)
    try:
        assert not any("FIPS" in line for line in server.system_log())
    finally:
        server.stop()
