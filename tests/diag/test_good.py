"""What is good gives no false alarm: the seeds' configurations, Debian's stock layout, the demonstration's."""

from __future__ import annotations

from pathlib import Path

import pytest

from ftpsd.cli import demo_site
from ftpsd.diag.check import Report, check
from ftpsd.diag.finding import Severity
from ftpsd.reasons.codes import Code
from ftpsd.testing.configs import ServerConfig, ServerFiles
from ftpsd.testing.plugin import Certificates
from tests.diag.world import Bench, World, examine
from tests.seeds.support import Written
from tests.seeds.test_configurations import FIRST, SECOND, STOCK, stock_configuration, with_paths


def alarms(report: Report) -> list[tuple[Code, str]]:
    return [(each.code, each.text) for each in report.all() if each.severity is not Severity.NOTE]


def knowing(certificates: Certificates) -> Bench:
    """A machine whose clients know the authority of the tests."""
    return Bench(roots=(certificates.authority.identity.certificate.subject,))


def checked(body: str, files: ServerFiles, certificates: Certificates) -> Report:
    config = Written(certificates.server, body=body, port=2121)
    config.write(files)
    return check(str(files.configuration), machine=knowing(certificates))


@pytest.fixture
def files(tmp_path: Path) -> ServerFiles:
    return ServerFiles(tmp_path)


@pytest.mark.parametrize("text", [FIRST, SECOND], ids=["seed-a", "seed-b"])
def test_the_seeds_configurations(text: str, files: ServerFiles, ftps_certificates: Certificates) -> None:
    report = checked(with_paths(text, files, ftps_certificates), files, ftps_certificates)
    assert {code for code, _ in alarms(report)} == {Code.PROTOCOL_OBSOLETE}, alarms(report)  # and that is true
    assert report.status == 1


def test_debians_stock_layout(files: ServerFiles, ftps_certificates: Certificates) -> None:
    if not (STOCK / "proftpd.conf").exists():
        pytest.skip("package proftpd-core is not installed")
    report = checked(stock_configuration(files, ftps_certificates), files, ftps_certificates)
    assert {code for code, _ in alarms(report)} == {Code.PROTOCOL_OBSOLETE}, alarms(report)  # SSLv23: all versions


def test_the_demonstration(tmp_path: Path) -> None:
    report = check(demo_site.make(str(tmp_path), 2121).config)
    assert alarms(report) == []


def test_what_the_tests_use(files: ServerFiles, ftps_certificates: Certificates) -> None:
    config = ServerConfig(ftps_certificates.server, port=2121)
    config.write(files)
    assert alarms(check(str(files.configuration), machine=knowing(ftps_certificates))) == []


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return World(tmp_path_factory.mktemp("good"))


@pytest.mark.parametrize("more", [
    "TLSCipherSuite HIGH:!aNULL:!MD5:!RC4:!3DES:!EXPORT:!LOW", "TLSCipherSuite DEFAULT:!SSLv2", "ServerName "
    "ftp.example.org",
    "ServerAlias ftp.example.org *.example.net", "PassivePorts 20000 21000",
    "TLSCACertificateFile @/clients.pem\nTLSVerifyClient on\nTLSCARevocationFile @/crl.pem",
    "AuthUserFile @/users\nAuthOrder mod_auth_file.c", "MasqueradeAddress ftp.example.org\nPassivePorts 20000 30000",
    "TLSProtocol TLSv1.3", "Umask 077", "TLSLog @/tls.log\nTransferLog none", "TLSOptions EnableDiags",
])
def test_nothing_is_found_where_nothing_is_wrong(world: World, more: str) -> None:
    report, found = examine(f"Include @/base.conf\nInclude @/tls.conf\n{more}\n", world)
    assert found == []
    assert report.status == 0


@pytest.mark.parametrize("certificate", ["good", "wildcard", "public", "rsa"])
def test_good_certificates(world: World, certificate: str) -> None:
    kind = "RSA" if certificate == "rsa" else "EC"
    chain = "" if certificate == "public" else "TLSCertificateChainFile @/chain.pem\n"
    _, found = examine((
        f"Include @/base.conf\nTLSEngine on\nTLSRequired on\nServerAlias ftp.example.org\n{chain}"
        f"TLS{kind}CertificateFile @/{certificate}.pem\nTLS{kind}CertificateKeyFile @/{certificate}.key\n"), world)
    assert found == []
