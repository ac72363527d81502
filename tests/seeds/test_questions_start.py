"""The seeds' questions about building and starting: libraries, headers, FIPS, passphrases, session caches."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import ftpsd
from ftpsd import settings
from ftpsd.native import _openssl, _system
from ftpsd.session.service import Service
from ftpsd.testing.configs import ServerConfig, ServerFiles
from ftpsd.testing.plugin import Certificates, ServerFactory
from ftpsd.testing.server import start_ftpsd
from tests.seeds.support import in_order

MISMATCH = "compiled using OpenSSL version '{0}' headers, but linked to OpenSSL version '{1}' library"


def test_why_would_i_see_these_errors_while_attempting_to_build_undefined_reference_to_dlopen() -> None:
    """No static libcrypto.a, no -ldl: the native floor is linked against the system's shared OpenSSL."""
    for module in (_openssl, _system):
        done = subprocess.run(
            ["ldd", "-r", str(module.__file__)], capture_output=True, text=True, check=True, timeout=30)
        undefined = [line for line in done.stdout.splitlines() + done.stderr.splitlines()
                     if "undefined symbol" in line and "Py" not in line]
        assert not undefined
    done = subprocess.run(
        ["ldd", str(_openssl.__file__)], capture_output=True, text=True, check=True, timeout=30)
    assert re.search(r"libssl\.so\.3 => /", done.stdout)
    assert re.search(r"libcrypto\.so\.3 => /", done.stdout)


def test_which_openssl_it_is_can_be_asked() -> None:
    """`ftpsd -V` names the library that is loaded, which is the system's."""
    done = subprocess.run(
        [sys.executable, "-m", "ftpsd.cli.main", "-V"], capture_output=True, text=True, check=True,
        timeout=60, env={**os.environ, "PYTHONPATH": str(Path(ftpsd.__file__).parents[1])})
    assert f"+ OpenSSL support ({_openssl.library_version()})" in done.stdout


def test_why_do_i_see_compiled_using_openssl_version_headers_but_linked_to(
    monkeypatch: pytest.MonkeyPatch, directory: ServerFiles, ftps_certificates: Certificates
) -> None:
    """A library older than the headers: a warning at start, not an error."""
    monkeypatch.setattr(_openssl, "header_version", lambda: "OpenSSL 3.9.1 1 Jan 2030")
    expected = "mod_tls/2.9.2: " + MISMATCH.format("OpenSSL 3.9.1 1 Jan 2030", _openssl.library_version())
    assert expected in prepared_notices(directory, ftps_certificates)


@pytest.mark.parametrize("headers", ["OpenSSL 3.0.0 7 sep 2021", None])
def test_no_warning_for_a_library_that_is_newer_than_the_headers(
    monkeypatch: pytest.MonkeyPatch, directory: ServerFiles, ftps_certificates: Certificates,
    headers: str | None,
) -> None:
    """What a distribution's update brings is no reason to worry; nor is the same version."""
    chosen = headers or _openssl.library_version()
    monkeypatch.setattr(_openssl, "header_version", lambda: chosen)
    assert not [one for one in prepared_notices(directory, ftps_certificates) if "compiled using" in one]


def prepared_notices(files: ServerFiles, certificates: Certificates) -> list[str]:
    """What a start would say, in this process."""
    config = ServerConfig(certificates.server, port=2121)
    config.write(files)
    service = Service(settings.load(str(files.configuration)))
    try:
        service.prepare()
        return service.notices
    finally:
        service.close()


def test_what_is_the_difference_between_the_shmcache_and_memcache_modules_one_machine(
    ftps_server: ServerFactory, tls_version: str
) -> None:
    """Neither is needed on one machine: what one worker made, every worker resumes (ticket keys are shared).

    Four workers, so that connections meet different ones.
    """
    server = ftps_server(directives=["Workers 4"])
    context = server.context(tls_version)
    with server.client(context=context).begin() as client:
        client.store("STOR up.txt", b"up")
        session = client.control.session
        client.quit()
    assert session is not None
    for _ in range(8):
        with server.client(context=context) as client:
            client.connect()
            client.expect(234, "AUTH TLS")
            client.handshake(session=session)
            client.login()
            session = client.control.session or session
            client.quit()
    lines = [line for line in server.tls_log() if "client reused previous TLS session" in line]
    assert len(lines) == 8, server.report()


def test_what_is_the_difference_between_the_shmcache_and_memcache_modules_directive(
    ftps_server: ServerFactory, tmp_path: Path
) -> None:
    """shm: a client that comes to another server of the machine resumes its session (memcache: tests/session)."""
    cache = f"TLSSessionCache shm:/file={tmp_path / 'sesscache'}&size=70000 600"
    first, second = (
        ftps_server(tls=["TLSRequired on", "TLSSessionTickets off"], directives=[cache]) for _ in range(2))
    context = first.context("TLSv1.2")
    with first.client(context=context).begin() as client:
        session = client.control.session
    with second.client(context=context) as client:
        client.connect()
        client.expect(234, "AUTH TLS")
        client.handshake(session=session)
        assert client.control.resumed
        client.login()
        client.quit()


def test_the_notice_is_in_the_log_of_a_real_start(
    directory: ServerFiles, ftps_certificates: Certificates
) -> None:
    """Notices of the start are in the SystemLog, where administrators look for them."""
    config = ServerConfig(ftps_certificates.server, tls=["TLSProtocol TLSv1.1 TLSv1.2"])
    server = start_ftpsd(config, directory, ftps_certificates.authority_file)
    try:
        in_order(server.system_log(), "TLSProtocol TLSv1.1: obsolete and weak (RFC 8996)")
    finally:
        server.stop()
