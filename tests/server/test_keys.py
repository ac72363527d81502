"""Keys and key exchange of the running server: passphrases over reload, tokens, shared keys, groups, FIPS."""

from __future__ import annotations

import contextlib
import os
import pty
import re
import secrets
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import pytest

import ftpsd
from ftpsd.testing.ca import Files
from ftpsd.testing.client import ScriptedClient, client_context
from ftpsd.testing.configs import ServerConfig, ServerFiles
from ftpsd.testing.plugin import Certificates, ServerFactory
from ftpsd.testing.ports import free_port
from ftpsd.testing.server import RunningServer, server_directory
from tests.tls.tokens import make_token

FLAGS = {"TLSv1.2": "-tls1_2", "TLSv1.3": "-tls1_3"}
SECONDS = 30.0
BANNER = "Please provide passphrases for these encrypted certificate keys:"
RELOADED = "the new configuration is served (number 2)"
# Becomes a process with the terminal sys.argv[1], then the server.
ON_TERMINAL = """
import fcntl, os, sys, termios
os.setsid()
fd = os.open(sys.argv[1], os.O_RDWR)
fcntl.ioctl(fd, termios.TIOCSCTTY, 0)
os.execv(sys.argv[2], sys.argv[2:])
"""


def server_command(configuration: Path, *arguments: str) -> list[str]:
    return [sys.executable, "-m", "ftpsd.cli.main", "-c", str(configuration), *arguments]


def environment(**more: str) -> dict[str, str]:
    paths = [str(Path(ftpsd.__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths)), **more}


def encrypted(certificates: Certificates, directory: Path, passphrase: str) -> Files:
    """A certificate of the tests' root whose key is encrypted."""
    return certificates.authority.leaf("localhost", kind="rsa").write(
        directory, "encrypted", password=passphrase.encode())


def provider(directory: Path, text: str) -> Path:
    path = directory / "provider"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o700)
    return path


def transfer(server: RunningServer, version: str) -> None:
    """A whole session over TLS."""
    server.give("hello.txt", b"hello")
    with server.client(version).begin() as client:
        assert client.retrieve("RETR hello.txt") == b"hello"


def s_client(server: RunningServer, *arguments: str) -> str:
    """What `openssl s_client -starttls ftp` says."""
    done = subprocess.run(
        ["openssl", "s_client", "-starttls", "ftp", "-connect", f"{server.address}:{server.port}", *arguments],
        input=b"QUIT\r\n", capture_output=True, timeout=60,
    )
    return (done.stdout + done.stderr).decode("utf-8", "replace")


# --- passphrases --------------------------------------------------------------------------------------------


def test_how_can_i_get_the_daemon_to_start_without_having_to_enter_passphrases(
    ftps_server: ServerFactory, ftps_certificates: Certificates, tls_version: str, tmp_path: Path
) -> None:
    """The seeds' answer: TLSPassPhraseProvider. It is asked once; a reload knows the passphrase."""
    asked = tmp_path / "asked"
    program = provider(tmp_path, f'echo "$@" >> {asked}; echo "open sesame"')
    server = ftps_server(
        certificate=encrypted(ftps_certificates, tmp_path, "open sesame"),
        tls=["TLSRequired on", f"TLSPassPhraseProvider {program}"],
    )
    transfer(server, tls_version)
    program.unlink()
    provider(tmp_path, "exit 1")
    server.signal(signal.SIGHUP)
    server.wait_for_log(RELOADED, log="system", timeout=SECONDS)
    transfer(server, tls_version)
    assert asked.read_text() == f"Test Server:{server.port} RSA\n"


def test_a_reload_that_cannot_open_a_key_changes_nothing(
    ftps_server: ServerFactory, ftps_certificates: Certificates, tmp_path: Path
) -> None:
    files = encrypted(ftps_certificates, tmp_path, "open sesame")
    server = ftps_server(
        certificate=files,
        tls=["TLSRequired on", f"TLSPassPhraseProvider {provider(tmp_path, 'echo open sesame')}"],
    )
    files.key.write_bytes(ftps_certificates.authority.leaf("localhost", kind="rsa").key_pem(b"changed"))
    server.signal(signal.SIGHUP)
    server.wait_for_log("unable to use RSA certificate key in", log="system", timeout=SECONDS)
    server.wait_for_log("nothing has changed", log="system", timeout=SECONDS)
    transfer(server, "TLSv1.3")


class Terminal:
    """A terminal with a process on it, and the person before it."""

    def __init__(self, *command: str) -> None:
        self.master, slave = pty.openpty()
        self.shown = ""
        self.process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", ON_TERMINAL, os.ttyname(slave), *command],
            stdin=subprocess.DEVNULL, stdout=slave, stderr=slave, env=environment(),
        )
        os.close(slave)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(SECONDS)
        os.close(self.master)

    def wait_for(self, text: str, count: int = 1) -> None:
        deadline = time.monotonic() + SECONDS
        while self.shown.count(text) < count:
            assert time.monotonic() < deadline, self.shown
            if select.select([self.master], [], [], 0.1)[0]:
                try:
                    self.shown += os.read(self.master, 4096).decode("utf-8", "replace")
                except OSError:
                    raise AssertionError(self.shown) from None

    def type(self, text: str) -> None:
        os.write(self.master, text.encode() + b"\n")

    def rest(self) -> int:
        """Everything until the process's end; its exit status."""
        deadline = time.monotonic() + SECONDS
        while time.monotonic() < deadline:
            ended = self.process.poll() is not None  # what it has said before is there to be read
            if select.select([self.master], [], [], 0.1)[0]:
                try:
                    self.shown += os.read(self.master, 4096).decode("utf-8", "replace")
                    continue
                except OSError:
                    break
            if ended:
                break
        return self.process.wait(SECONDS)


@pytest.fixture
def files() -> Iterator[ServerFiles]:
    with server_directory() as place:
        yield place


def write(files: ServerFiles, certificate: Files, port: int = 0, *tls: str) -> ServerConfig:
    config = ServerConfig(certificate, port=port, tls=["TLSRequired on", *tls])
    config.write(files)
    return config


PROMPT = "RSA key for the 127.0.0.1#{} (Test Server) server: "


def test_three_wrong_passphrases_at_the_terminal(
    files: ServerFiles, ftps_certificates: Certificates, tmp_path: Path
) -> None:
    write(files, encrypted(ftps_certificates, tmp_path, "open sesame"))
    with Terminal(*server_command(files.configuration, "-n")) as terminal:
        for number in range(1, 4):
            terminal.wait_for(PROMPT.format(0), number)
            terminal.type("xyzzy")
        assert terminal.rest() == 1
    assert terminal.shown.count(BANNER) == 1
    assert terminal.shown.count("Wrong passphrase for this key.  Please try again.") == 3
    assert "mod_tls/2.9.2: unable to use RSA certificate key in" in terminal.shown
    assert "xyzzy" not in terminal.shown, "what is typed is not shown"


def wait_for(files: ServerFiles, text: str) -> None:
    deadline = time.monotonic() + SECONDS
    while text not in files.system_log.read_text("utf-8", "replace"):
        assert time.monotonic() < deadline, files.system_log.read_text("utf-8", "replace")[-3000:]
        time.sleep(0.02)


def children(pid: int) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                if int((entry / "stat").read_text().rpartition(")")[2].split()[1]) == pid:
                    found.append(int(entry.name))
            except OSError:
                continue
    return found


def has_in_memory(pid: int, text: bytes) -> bool:
    """A process that is gone (the workers of the old configuration end) has no memory."""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        return _in_memory(pid, text)
    return False


def _in_memory(pid: int, text: bytes) -> bool:
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", 0) as memory:
        for line in maps:
            found = re.match(r"([0-9a-f]+)-([0-9a-f]+) rw", line)
            if found is None:
                continue
            first, last = int(found[1], 16), int(found[2], 16)
            try:
                memory.seek(first)
                if text in memory.read(last - first):
                    return True
            except (OSError, OverflowError, ValueError):
                continue
    return False


@pytest.mark.skipif(os.getuid() != 0, reason="reading another process's memory needs root")
def test_a_daemon_keeps_the_passphrase_and_its_workers_do_not(
    files: ServerFiles, ftps_certificates: Certificates, tmp_path: Path
) -> None:
    """Typed at the terminal, kept over the daemon's forks and a reload, in no worker's memory."""
    passphrase = secrets.token_hex(12)
    port = free_port()
    write(files, encrypted(ftps_certificates, tmp_path, passphrase), port)
    with Terminal(*server_command(files.configuration)) as terminal:
        terminal.wait_for(PROMPT.format(port))
        terminal.type(passphrase)
        assert terminal.rest() == 0, terminal.shown
    assert passphrase not in terminal.shown
    pid = int(files.pid_file.read_text())
    try:
        for generation in ("STARTUP", RELOADED):
            wait_for(files, generation)
            context = client_context(ftps_certificates.authority_file)
            with ScriptedClient("127.0.0.1", port, context=context) as client:
                client.connect()
                client.auth()
                client.login()
            workers = children(pid)
            assert workers
            assert [worker for worker in workers if has_in_memory(worker, passphrase.encode())] == []
            assert has_in_memory(pid, passphrase.encode())
            os.kill(pid, signal.SIGHUP)
    finally:
        os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + SECONDS
        while Path(f"/proc/{pid}").exists() and time.monotonic() < deadline:
            time.sleep(0.02)
    assert not files.pid_file.exists()


def test_without_terminal_and_provider_the_start_is_refused(
    files: ServerFiles, ftps_certificates: Certificates, tmp_path: Path
) -> None:
    write(files, encrypted(ftps_certificates, tmp_path, "open sesame"))
    done = subprocess.run(
        server_command(files.configuration, "-t"), capture_output=True, text=True, timeout=60, env=environment(),
        stdin=subprocess.DEVNULL, start_new_session=True,
    )
    assert done.returncode == 1
    assert "there is no terminal to ask for its passphrase" in done.stderr
    assert "TLSPassPhraseProvider" in done.stderr


# --- FIPS ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("arguments", [("-t",), ("-n",)])
def test_how_do_i_use_fips_mode(
    files: ServerFiles, ftps_certificates: Certificates, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    """`-D TLS_USE_FIPS` without the provider stops the start before the configuration is read."""
    files.configuration.write_text("Nonsense on\n")
    done = subprocess.run(
        server_command(files.configuration, "-D", "TLS_USE_FIPS", *arguments), capture_output=True, text=True,
        timeout=60, env=environment(OPENSSL_MODULES=str(tmp_path)), stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 1
    assert "fatal: mod_tls/2.9.2: unable to use FIPS mode: " in done.stderr
    assert "Nonsense" not in done.stderr


# --- tokens, shared keys, groups ----------------------------------------------------------------------------


def test_a_key_on_a_token(
    ftps_server: ServerFactory, monkeypatch: pytest.MonkeyPatch, ftps_certificates: Certificates, tls_version: str
) -> None:
    """Each worker reaches the token for itself, as root; sessions sign as User."""
    with server_directory() as place:
        leaf = ftps_certificates.authority.leaf("localhost", kind="rsa")
        token = make_token(place.directory / "hsm", leaf)
        _give_to_all(place.directory / "hsm")
        for name, value in token.environment.items():
            monkeypatch.setenv(name, value)
        written = leaf.write(place.directory, "token")
        written.key.unlink()
        server = ftps_server(
            certificate=written, tls=["TLSRequired on", f"TLSRSACertificateKeyFile {token.uri_with_pin}"])
        transfer(server, tls_version)
        transfer(server, tls_version)


def _give_to_all(directory: Path) -> None:
    for path in (directory, *directory.rglob("*")):
        path.chmod(0o777 if path.is_dir() else 0o666)


def test_a_shared_key_instead_of_certificates(
    ftps_server: ServerFactory, tls_version: str, tmp_path: Path
) -> None:
    key = secrets.token_hex(32)
    file = tmp_path / "camera.psk"
    file.touch(mode=0o600)
    file.write_text(key + "\n")
    server = ftps_server(tls=["TLSRequired on", f"TLSPreSharedKey camera hex:{file}"])
    cipher = ["-cipher", "kECDHEPSK"] if tls_version == "TLSv1.2" else []
    said = s_client(server, FLAGS[tls_version], *cipher, "-psk_identity", "camera", "-psk", key)
    assert "no peer certificate available" in said
    server.wait_for_log(f"{tls_version} connection accepted, using cipher ")
    assert not any("resumed session" in line for line in server.tls_log())
    transfer(server, tls_version)
    wrong = s_client(server, "-tls1_2", "-cipher", "kECDHEPSK", "-psk_identity", "camera", "-psk", "00" * 32)
    unknown = s_client(server, "-tls1_2", "-cipher", "kECDHEPSK", "-psk_identity", "nobody", "-psk", "00" * 32)
    alerts = [re.findall(r"alert ([a-z ]+)", said) for said in (wrong, unknown)]
    assert alerts[0] == alerts[1], "who guesses names learns nothing"
    assert alerts[0]


def test_groups_and_dh_parameters(ftps_server: ServerFactory, tls_version: str) -> None:
    server = ftps_server(tls=["TLSRequired on", "TLSECDHCurve P-384:P-256"])
    said = s_client(server, FLAGS[tls_version], "-groups", "X25519:P-256:P-384")
    assert re.search(r"Temp Key: ECDH, (secp384r1|P-384), 384 bits", said), said
    transfer(server, tls_version)


def test_pkcs12_dsa_and_protocol_words(
    ftps_server: ServerFactory, ftps_certificates: Certificates, tls_version: str, tmp_path: Path
) -> None:
    """A host with nothing but a TLSPKCS12File, and cipher lists for each version."""
    leaf = ftps_certificates.authority.leaf("localhost", kind="rsa")
    written = leaf.write(tmp_path, "p12")
    bundle = tmp_path / "server.p12"
    subprocess.run(
        ["openssl", "pkcs12", "-export", "-in", written.certificate, "-inkey", written.key, "-passout", "pass:",
         "-out", bundle], check=True, capture_output=True, timeout=60,
    )
    server = ftps_server(
        without_tls=True,
        directives=[
            "TLSEngine on", f"TLSLog {tmp_path / 'tls.log'}", f"TLSPKCS12File {bundle}",
            "TLSCipherSuite TLSv1.2 ECDHE-RSA-AES256-GCM-SHA384", "TLSCipherSuite TLSv1.3 TLS_AES_128_GCM_SHA256",
        ],
    )
    transfer(server, tls_version)
    said = s_client(server, FLAGS[tls_version])
    wanted = {"TLSv1.2": "ECDHE-RSA-AES256-GCM-SHA384", "TLSv1.3": "TLS_AES_128_GCM_SHA256"}[tls_version]
    assert f"Cipher is {wanted}" in said
