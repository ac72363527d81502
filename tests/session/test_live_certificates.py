"""New files of certificates come into force by themselves: no session notices, and nothing worse is ever served."""

from __future__ import annotations

import contextlib
import json
import os
import signal
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner
from cryptography import x509

from ftpsd.cli.who import command
from ftpsd.testing.ca import DAY, Files, Identity
from ftpsd.testing.plugin import Certificates, ServerFactory
from ftpsd.testing.server import RunningServer
from ftpsd.testing.wire import Stream
from tests.server.harness import until
from tests.session.test_stapling import FLAGS, serving, status, wait_for
from tests.tls.stapling.rig import certificate, responding

SECONDS = 30.0
NAMES = ("localhost", "127.0.0.1", "::1")
SERVED = "is new (127.0.0.1, ::1, localhost"
UPLOADS, DOWNLOADS = 40, 10
LARGE = 12 << 20
"""More than the kernel keeps of a connection: whoever does not read holds the transfer."""


@pytest.fixture
def old(ftps_certificates: Certificates, tmp_path: Path) -> Files:
    """A certificate that is valid for two months, in files of its own."""
    return ftps_certificates.authority.leaf("localhost", last=60 * DAY).write(tmp_path, "server")


def renewed(
    certificates: Certificates, last: timedelta = 90 * DAY, *, name: str = "localhost",
    alternatives: tuple[str, ...] = NAMES,
) -> Identity:
    """A certificate for the same names; another `name` has another key."""
    return certificates.authority.leaf(name, alternatives=alternatives, last=last)


def replace(path: Path, data: bytes) -> None:
    """As programs do that renew certificates: written beside, then renamed."""
    draft = path.with_suffix(".new")
    draft.touch(mode=0o600)
    draft.write_bytes(data)
    draft.rename(path)


def serial(stream: Stream) -> int:
    assert stream.tls is not None
    der = stream.tls.getpeercert(binary_form=True)
    assert der is not None
    return x509.load_der_x509_certificate(der).serial_number


def shown(server: RunningServer, version: str) -> int:
    """The serial number of the certificate that a new session gets."""
    with server.client(version).begin() as client:
        number = serial(client.control)
        client.quit()
    return number


def shows(server: RunningServer, version: str, identity: Identity) -> None:
    """New sessions get this certificate, as soon as the old workers have heard that they are to accept no more."""
    wanted = identity.certificate.serial_number
    until(lambda: shown(server, version) == wanted, "the new certificate")


def test_renewing_under_fifty_running_transfers_drops_none(
    ftps_server: ServerFactory, ftps_certificates: Certificates, old: Files, tls_version: str,
) -> None:
    server = ftps_server(certificate=old, directives=["Workers 2", "MaxInstances 200"])
    server.give("large", bytes(LARGE))
    before = shown(server, tls_version)
    clients = [server.client(tls_version, timeout=SECONDS).begin() for _ in range(UPLOADS + DOWNLOADS)]
    with contextlib.ExitStack() as stack:
        streams = [
            stack.enter_context(client.transfer(f"STOR up{number}" if number < UPLOADS else "RETR large"))
            for number, client in enumerate(clients)
        ]
        for stream in streams[:UPLOADS]:
            stream.write(b"first half, ")
        new = renewed(ftps_certificates, name="another key")
        replace(old.certificate, new.certificate_pem)
        replace(old.key, new.key_pem())
        server.wait_for_log(SERVED, log="system", timeout=SECONDS)
        shows(server, tls_version, new)
        for stream in streams[:UPLOADS]:
            stream.write(b"second half")
        for stream in streams[UPLOADS:]:
            assert len(stream.read_all()) == LARGE
    for client in clients:
        assert client.last.code == 226
        assert serial(client.control) == before, "sessions that are on keep what they began with"
    assert {(server.home() / f"up{number}").read_bytes() for number in range(UPLOADS)} == {b"first half, second half"}
    assert clients[0].store("STOR after", b"still there").code == 226
    assert clients[-1].retrieve("RETR up0") == b"first half, second half"
    assert not any("[cert-" in line for line in server.system_log())


def test_a_key_that_does_not_fit_keeps_the_old_pair(
    ftps_server: ServerFactory, ftps_certificates: Certificates, old: Files, tls_version: str, tmp_path: Path,
) -> None:
    events = tmp_path / "events"
    server = ftps_server(certificate=old, directives=[f"EventLog {events}"])
    before = shown(server, tls_version)
    new = renewed(ftps_certificates, name="another key")
    replace(old.key, new.key_pem())
    line = server.wait_for_log("[cert-key-mismatch]", log="system", timeout=SECONDS)
    assert f"the key '{old.key}' does not belong to the certificate '{old.certificate}'" in line
    assert line.endswith("; the old certificate is served on [cert-key-mismatch]")
    assert shown(server, tls_version) == before
    replace(old.certificate, new.certificate_pem)
    server.wait_for_log(SERVED, log="system", timeout=SECONDS)
    shows(server, tls_version, new)
    assert sum("[cert-" in line for line in server.system_log()) == 1, "it is said once"
    reasons = [json.loads(line).get("reason") for line in events.read_text().splitlines()]
    assert "cert-key-mismatch" in reasons


def test_a_certificate_that_only_a_class_is_shown(
    ftps_server: ServerFactory, ftps_certificates: Certificates, old: Files, tls_version: str,
) -> None:
    section = "<Class here>\nFrom 127.0.0.0/8\n</Class>\n<IfClass here>\nTLSEngine on\n</IfClass>\n"
    server = ftps_server(certificate=old, directives=["TLSEngine off"], sections=section)
    new = renewed(ftps_certificates, name="another key")
    assert shown(server, tls_version) != new.certificate.serial_number
    replace(old.certificate, new.certificate_pem)
    replace(old.key, new.key_pem())
    server.wait_for_log(SERVED, log="system", timeout=SECONDS)
    shows(server, tls_version, new)


def test_clients_resume_their_sessions_after_a_renewal(
    ftps_server: ServerFactory, ftps_certificates: Certificates, old: Files, tls_version: str,
) -> None:
    server = ftps_server(certificate=old)
    context = server.context(tls_version)
    first = server.client(context=context).begin()
    session = first.control.session
    assert session is not None
    new = renewed(ftps_certificates)
    replace(old.certificate, new.certificate_pem)
    server.wait_for_log(SERVED, log="system", timeout=SECONDS)
    second = server.client(context=context)
    second.connect()
    second.expect(234, "AUTH TLS")
    second.handshake(session=session)
    assert second.control.resumed
    first.quit()
    second.quit()
    shows(server, tls_version, new)


def test_what_is_worse_is_refused_until_somebody_reloads(
    ftps_server: ServerFactory, ftps_certificates: Certificates, old: Files,
) -> None:
    server = ftps_server(certificate=old)
    before = shown(server, "TLSv1.3")
    fewer = renewed(ftps_certificates, alternatives=("localhost",))
    replace(old.certificate, fewer.certificate_pem)
    line = server.wait_for_log("[cert-names-lost]", log="system", timeout=SECONDS)
    assert "no longer bears 127.0.0.1, ::1" in line
    server.wait_for_log("SIGHUP takes it nevertheless", log="system", timeout=SECONDS)
    assert shown(server, "TLSv1.3") == before
    server.signal(signal.SIGHUP)
    server.wait_for_log("the new configuration is served (number 2)", log="system", timeout=SECONDS)
    shows(server, "TLSv1.3", fewer)


def test_slow_and_broken_writers(
    ftps_server: ServerFactory, ftps_certificates: Certificates, old: Files, tmp_path: Path,
) -> None:
    """A link is turned to a directory whose files come bit by bit (as certbot's and Kubernetes' links are turned)."""
    live = tmp_path / "live"
    first, second = tmp_path / "1", tmp_path / "2"
    for place in (first, second):
        place.mkdir()
    (first / "cert.pem").write_bytes(old.certificate.read_bytes())
    (first / "key.pem").write_bytes(old.key.read_bytes())
    (first / "key.pem").chmod(0o600)
    live.symlink_to(first)
    server = ftps_server(certificate=Files(live / "cert.pem", live / "key.pem", None, "rsa"))
    new = renewed(ftps_certificates, name="another key")
    data = new.certificate_pem
    (second / "key.pem").touch(mode=0o600)
    draft = tmp_path / "link"
    draft.symlink_to(second)
    os.rename(draft, live)
    with (second / "cert.pem").open("wb", buffering=0) as file:
        file.write(data[: len(data) // 2])
        (second / "key.pem").write_bytes(new.key_pem())
        file.write(data[len(data) // 2 :])
    server.wait_for_log(SERVED, log="system", timeout=SECONDS)
    shows(server, "TLSv1.3", new)


def test_nothing_happens_where_it_is_switched_off(
    ftps_server: ServerFactory, ftps_certificates: Certificates, old: Files,
) -> None:
    server = ftps_server(certificate=old, directives=["TLSCertificateWatch off"])
    before = shown(server, "TLSv1.3")
    new = renewed(ftps_certificates)
    replace(old.certificate, new.certificate_pem)
    assert shown(server, "TLSv1.3") == before
    server.signal(signal.SIGHUP)
    server.wait_for_log("the new configuration is served (number 2)", log="system", timeout=SECONDS)
    shows(server, "TLSv1.3", new)
    assert not any(SERVED in line for line in server.system_log())


def test_the_end_is_announced(ftps_server: ServerFactory, ftps_certificates: Certificates, tmp_path: Path) -> None:
    leaf = ftps_certificates.authority.leaf("localhost", first=-81 * DAY, last=timedelta(days=9, hours=1))
    files = leaf.write(tmp_path, "server")
    server = ftps_server(certificate=files)
    line = server.wait_for_log("[cert-expires-soon]", log="system", timeout=SECONDS)
    assert f"certificate '{files.certificate}' expires on " in line
    assert ", in 9 days" in line
    said = CliRunner().invoke(command, ["-f", str(server.files.directory / "scoreboard")]).output
    assert "warning: certificate of Server Test Server expires on " in said
    listed = CliRunner().invoke(command, ["-o", "json", "-f", str(server.files.directory / "scoreboard")]).output
    assert json.loads(listed)["server"]["warnings"][0].endswith(", in 9 days")


def test_responses_are_stapled_for_the_new_certificate(tls_version: str) -> None:
    with responding() as responder, serving(responder.url) as server:
        wait_for(server.files.tls_log, "stapling OCSP response from", 2)
        asked = responder.asked
        new = certificate(key="ec", url=responder.url)
        replace(server.files.directory / "ec.cert.pem", new.certificate_pem)
        server.wait_for_log("is new (127.0.0.1, localhost", log="system", timeout=SECONDS)
        wait_for(server.files.tls_log, "stapling OCSP response from", 3)
        assert responder.asked == asked + 1
        assert status(server, FLAGS[tls_version], "-sigalgs", "ECDSA+SHA256") == "good"
