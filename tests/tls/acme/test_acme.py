"""Certificates from a real ACME server (Pebble): by both challenges, and what is said when none comes."""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from ftpsd.reasons.codes import Code
from ftpsd.settings import Configuration
from ftpsd.testing.ports import free_port
from ftpsd.tls import certificates
from ftpsd.tls.acme import plan, running, storage
from ftpsd.tls.live import facts
from tests.settings.support import configuration
from tests.tls.acme.pebble import Pebble, pebble

NAMES = ("a.ftp.example.test", "b.ftp.example.test")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pebble]:
    with pebble(tmp_path_factory.mktemp("pebble")) as running_server:
        yield running_server


def configured(server: Pebble, directory: Path, *more: str, kind: str = "EC") -> Configuration:
    defaults = (
        f"ACMEServer {server.url}", f"ACMECACertificateFile {server.authority}", "ACMEAgreeToTerms on",
        f"ACMEAccountKeyFile {directory}/account/key.pem", f"ACMENames {' '.join(NAMES)}",
        f"ACMEChallenge http-01 127.0.0.1:{server.http_port}", "ACMEContact admin@example.test",
        "TLSEngine on", f"TLS{kind}CertificateFile {directory}/cert.pem",
        f"TLS{kind}CertificateKeyFile {directory}/key.pem")
    said = {line.split()[0] for line in more}
    return configuration("\n".join((*more, *(line for line in defaults if line.split()[0] not in said))))


@pytest.mark.parametrize("challenge", ["http-01", "tls-alpn-01"])
def test_a_certificate_is_got(server: Pebble, tmp_path: Path, challenge: str) -> None:
    port = server.http_port if challenge == "http-01" else server.tls_port
    kind = "EC" if challenge == "http-01" else "RSA"
    settings = configured(server, tmp_path, f"ACMEChallenge {challenge} 127.0.0.1:{port}", kind=kind)
    said: list[str] = []
    outcome = running.run(settings, said.append)
    assert outcome.failures == ()
    assert [each.certificate for each in outcome.obtained] == [f"{tmp_path}/cert.pem"]
    assert said[0] == f"certificate '{tmp_path}/cert.pem' for {', '.join(NAMES)}: there is none"
    leaf, *chain = certificates.certificates_in((tmp_path / "cert.pem").read_bytes())
    assert facts.names(leaf) == NAMES
    assert certificates.kind_of(leaf) == kind
    (root,) = certificates.certificates_in(server.root())
    assert certificates.build_chain(leaf, chain, [root]).missing in (None, root.subject)
    assert certificates.issued(leaf, chain[0])
    key = load_pem_private_key((tmp_path / "key.pem").read_bytes(), None)
    assert key.public_key() == leaf.public_key()
    assert stat.S_IMODE((tmp_path / "key.pem").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "account").stat().st_mode) == 0o700
    assert sorted(os.listdir(tmp_path)) == ["account", "cert.pem", "key.pem"]

    assert running.run(settings, said.append) == running.Outcome(again=plan.DAILY), "it is not due"
    account = (tmp_path / "account" / "key.pem").read_bytes()
    assert running.run(settings, said.append, force=True).failures == ()
    assert (tmp_path / "account" / "key.pem").read_bytes() == account, "the account stays"
    renewed = certificates.certificates_in((tmp_path / "cert.pem").read_bytes())[0]
    assert renewed.serial_number != leaf.serial_number
    assert renewed.public_key() != leaf.public_key()


def failing(settings: Configuration) -> tuple[Code, str]:
    outcome = running.run(settings, lambda text: None, force=True)
    (failure,) = outcome.failures
    assert failure.remedy
    assert outcome.obtained == ()
    assert outcome.again < 1.2 * plan.FIRST_PAUSE
    return failure.code, failure.text


def test_names_that_do_not_lead_here(server: Pebble, tmp_path: Path) -> None:
    elsewhere = free_port()
    settings = configured(server, tmp_path, f"ACMEChallenge http-01 127.0.0.1:{elsewhere}")
    code, text = failing(settings)
    assert code is Code.ACME_VALIDATION
    assert "a.ftp.example.test: " in text
    assert not (tmp_path / "cert.pem").exists()
    waiting = running.run(settings, lambda text: None, patient=True)
    assert waiting.failures == ()
    assert 0 < waiting.again < 1.2 * plan.FIRST_PAUSE


def test_a_port_that_is_not_free(server: Pebble, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, text = failing(configured(server, tmp_path, f"ACMEChallenge http-01 127.0.0.1:{port}"))
    assert code is Code.ACME_PORT
    assert text == f"unable to listen on 127.0.0.1, port {port}: Address already in use"


def test_nobody_has_agreed(server: Pebble, tmp_path: Path) -> None:
    code, text = failing(configured(server, tmp_path, "ACMEAgreeToTerms off"))
    assert code is Code.ACME_REFUSED
    assert "has terms of service (" in text


def test_a_server_that_cannot_be_trusted(server: Pebble, tmp_path: Path) -> None:
    code, text = failing(configured(server, tmp_path, f"ACMECACertificateFile {other_authority(tmp_path)}"))
    assert code is Code.ACME_UNREACHABLE
    assert "cannot be trusted" in text


def other_authority(directory: Path) -> Path:
    from ftpsd.testing.ca import Authority

    return Authority.create("somebody else").write(directory / "other.pem")


def test_a_server_that_is_not_there(server: Pebble, tmp_path: Path) -> None:
    port = free_port()
    code, text = failing(configured(server, tmp_path, f"ACMEServer https://127.0.0.1:{port}/dir"))
    assert code is Code.ACME_UNREACHABLE
    assert f"'https://127.0.0.1:{port}/dir' cannot be reached" in text


def test_something_else_answers(server: Pebble, tmp_path: Path) -> None:
    code, text = failing(configured(server, tmp_path, f"ACMEServer {server.management}/roots/0"))
    assert code is Code.ACME_REFUSED
    assert "no answer that could be understood" in text


def test_directories_that_do_not_exist(server: Pebble, tmp_path: Path) -> None:
    settings = configured(
        server, tmp_path, f"TLSECCertificateFile {tmp_path}/missing/cert.pem",
        f"TLSECCertificateKeyFile {tmp_path}/missing/key.pem")
    code, text = failing(settings)
    assert code is Code.ACME_UNWRITABLE
    assert text == f"unable to write '{tmp_path}/missing/cert.pem': No such file or directory"


def test_failures_are_remembered_and_doubled(tmp_path: Path) -> None:
    path = str(tmp_path / "key.pem")
    failures = storage.Failures.load(path)
    failures.note("/cert.pem", 2, 123.5)
    assert storage.Failures.load(path).by_certificate == {"/cert.pem": (2, 123.5)}
    failures.forget("/cert.pem")
    assert storage.Failures.load(path).by_certificate == {}
    (tmp_path / "key.pem.failures").write_text('{"x": 1}')
    assert storage.Failures.load(path).by_certificate == {}
    assert [plan.pause(count, 0.5) for count in (1, 2, 3, 10)] == [3600, 7200, 14_400, 86_400]


def test_an_account_key_that_is_none(tmp_path: Path) -> None:
    from ftpsd.tls.acme.errors import AcmeError

    path = tmp_path / "account.key"
    path.write_bytes(storage.make_key("RSA"))
    with pytest.raises(AcmeError, match="holds no account key"):
        storage.account_key(str(path))


def test_what_is_present(tmp_path: Path) -> None:
    from ftpsd.testing.ca import Authority

    authority = Authority.create()
    path = tmp_path / "cert.pem"
    assert storage.present(str(path)) is None
    path.write_bytes(b"nothing")
    assert storage.present(str(path)) is None
    authority.write(path)
    found = storage.present(str(path))
    assert found is not None
    assert found.provisional
    path.write_bytes(authority.leaf("localhost", kind="p256").certificate_pem)
    found = storage.present(str(path))
    assert found is not None
    assert not found.provisional
    assert found.ends > datetime.now(UTC)
    assert isinstance(x509.load_pem_x509_certificate(path.read_bytes()), x509.Certificate)
