"""Reading and judging certificate files, building chains, printing names."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from ftpsd.errors import ConfigError, Location
from ftpsd.settings.tls import TLSSettings
from ftpsd.testing.ca import DAY, Authority, Identity
from ftpsd.tls import certificates, contexts
from tests.tls import pki
from tests.tls.pki import Draft
from tests.tls.rig import host_of

ROOT = Authority.create("Root")
SERVER_CA = ROOT.intermediate("ServerCA")
DEEPER = SERVER_CA.intermediate("DeeperCA")
CLIENT_CA = ROOT.intermediate("ClientCA")
STRANGER = Authority.create("Root")
"""Same name as ROOT, another key."""


def where(directive: str) -> Location:
    return Location("/etc/ftpsd.conf", len(directive))


def certificate(of: Authority | Identity) -> x509.Certificate:
    return of.identity.certificate if isinstance(of, Authority) else of.certificate


def names(chain: certificates.Chain) -> list[str]:
    return [
        str(link.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value) for link in chain.certificates
    ]


LEAF = DEEPER.leaf("server", kind="p256")


@pytest.mark.parametrize(
    ("given", "store", "chain", "complete"),
    [
        ([], [], [], False),
        ([], [ROOT, CLIENT_CA], [], False),
        ([], [CLIENT_CA, ROOT, SERVER_CA, DEEPER], ["DeeperCA", "ServerCA", "Root"], True),
        ([], [DEEPER], ["DeeperCA"], False),
        ([DEEPER, SERVER_CA], [], ["DeeperCA", "ServerCA"], False),
        ([SERVER_CA, DEEPER], [ROOT], ["DeeperCA", "ServerCA"], True),
        ([ROOT, SERVER_CA, CLIENT_CA, DEEPER], [], ["DeeperCA", "ServerCA", "Root"], True),
        ([DEEPER], [SERVER_CA, ROOT], ["DeeperCA", "ServerCA"], True),
        ([DEEPER, SERVER_CA, STRANGER], [], ["DeeperCA", "ServerCA"], False),
        ([DEEPER, SERVER_CA, STRANGER, ROOT], [], ["DeeperCA", "ServerCA", "Root"], True),
    ],
)
def test_chains(given: list[Authority], store: list[Authority], chain: list[str], complete: bool) -> None:
    built = certificates.build_chain(
        certificate(LEAF), [certificate(link) for link in given], [certificate(link) for link in store]
    )
    assert names(built) == chain
    assert (built.missing is None) is complete


def test_self_signed_needs_no_chain() -> None:
    built = certificates.build_chain(certificate(ROOT), [certificate(SERVER_CA)], [certificate(ROOT)])
    assert built == certificates.Chain((), None)


def write(path: Path, *parts: bytes) -> str:
    path.write_bytes(b"".join(parts))
    path.chmod(0o600)
    return str(path)


@pytest.mark.parametrize("same_file", [False, True])
def test_credentials(tmp_path: Path, same_file: bool) -> None:
    rsa, ec = SERVER_CA.leaf("a", kind="rsa"), SERVER_CA.leaf("b", kind="p256")
    rsa_file = write(tmp_path / "rsa.pem", rsa.certificate_pem, rsa.chain_pem, rsa.key_pem())
    key = ec.key_pem() if same_file else b""
    ec_file = write(tmp_path / "ec.pem", b"Some text\n", ec.certificate_pem, key)
    ec_key = None if same_file else write(tmp_path / "ec.key", ec.key_pem())
    settings = TLSSettings(
        rsa_certificate_file=rsa_file, ec_certificate_file=ec_file, ec_certificate_key_file=ec_key
    )
    credentials, notices = certificates.load_credentials(settings, where)
    assert [one.kind.name for one in credentials] == ["RSA", "EC"]
    assert [one.leaf for one in credentials] == [rsa.certificate, ec.certificate]
    assert credentials[0].extras == rsa.chain
    assert ec.key_pem() in credentials[1].key
    assert notices == ()


MALFORMED = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"


@pytest.mark.parametrize("content", [None, b"", MALFORMED])
@pytest.mark.parametrize("directive", ["TLSRSACertificateFile", "TLSECCertificateFile"])
def test_unusable_certificate(tmp_path: Path, content: bytes | None, directive: str) -> None:
    path = tmp_path / "x.pem"
    if content is not None:
        path.write_bytes(content)
    if directive == "TLSRSACertificateFile":
        settings = TLSSettings(rsa_certificate_file=str(path))
    else:
        settings = TLSSettings(ec_certificate_file=str(path))
    with pytest.raises(ConfigError) as caught:
        certificates.load_credentials(settings, where)
    text = f"'{path}' does not exist or does not contain a certificate"
    assert str(caught.value).startswith(f"fatal: {directive}: {text} on {where(directive)}")


def test_missing_key(tmp_path: Path) -> None:
    leaf = ROOT.leaf("x", kind="p256")
    settings = TLSSettings(
        ec_certificate_file=write(tmp_path / "x.pem", leaf.certificate_pem),
        ec_certificate_key_file=str(tmp_path / "absent"),
    )
    with pytest.raises(ConfigError) as caught:
        certificates.load_credentials(settings, where)
    assert str(caught.value) == (
        f"fatal: TLSECCertificateKeyFile: unable to use '{tmp_path}/absent': No such file or directory on "
        f"{where('TLSECCertificateKeyFile')}"
    )


def test_notices(tmp_path: Path) -> None:
    old = ROOT.leaf("old", kind="p256", first=-9 * DAY, last=-DAY)
    path = write(tmp_path / "x.pem", old.certificate_pem, old.key_pem())
    Path(path).chmod(0o644)
    _, notices = certificates.load_credentials(TLSSettings(rsa_certificate_file=path), where)
    kind, date, mode = notices
    assert kind == f"certificate '{path}': expected RSA certificate, found EC"
    ended = old.certificate.not_valid_after_utc
    assert date == f"certificate '{path}': expired on {ended:%b} {ended.day:2d} {ended:%H:%M:%S %Y} GMT"
    assert mode.startswith(f"key file '{path}' is open to others (mode 0644): chmod 600")


def test_certificate_of_the_future(tmp_path: Path) -> None:
    leaf = ROOT.leaf("young", kind="p256", first=DAY)
    path = write(tmp_path / "x.pem", leaf.certificate_pem, leaf.key_pem())
    _, notices = certificates.load_credentials(TLSSettings(ec_certificate_file=path), where)
    assert len(notices) == 1
    assert notices[0].startswith(f"certificate '{path}': not valid before ")


@pytest.mark.parametrize(("mode", "told"), [(0o600, False), (0o640, False), (0o604, True), (0o660, True)])
def test_key_modes(tmp_path: Path, mode: int, told: bool) -> None:
    leaf = ROOT.leaf("x", kind="p256")
    path = write(tmp_path / "x.pem", leaf.certificate_pem, leaf.key_pem())
    Path(path).chmod(mode)
    _, notices = certificates.load_credentials(TLSSettings(ec_certificate_file=path), where)
    assert bool(notices) is told


def test_authorities_from_file_then_directory(tmp_path: Path) -> None:
    file = write(tmp_path / "ca.pem", CLIENT_CA.pem, ROOT.pem, CLIENT_CA.pem)
    directory = tmp_path / "ca"
    directory.mkdir()
    write(directory / "b.pem", SERVER_CA.pem)
    write(directory / "a.pem", ROOT.pem)
    write(directory / "README", b"not a certificate")
    (directory / "dangling.0").symlink_to("nowhere")
    (directory / "sub").mkdir()
    settings = TLSSettings(ca_certificate_file=file, ca_certificate_path=str(directory))
    assert certificates.authorities(settings, where) == tuple(
        certificate(authority) for authority in (CLIENT_CA, ROOT, SERVER_CA)
    )


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        (TLSSettings(ca_certificate_file="/nonexistent/ca.pem"),
         "TLSCACertificateFile: unable to use '/nonexistent/ca.pem': No such file or directory"),
        (TLSSettings(ca_certificate_file="/dev/null"),
         "TLSCACertificateFile: unable to use '/dev/null': file contained no certificate data"),
        (TLSSettings(ca_certificate_path="/dev/null"),
         "TLSCACertificatePath: parameter must be a directory path"),
        (TLSSettings(ca_certificate_path="/nonexistent"),
         "TLSCACertificatePath: parameter must be a directory path"),
    ],
)
def test_unusable_authorities(settings: TLSSettings, text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        certificates.authorities(settings, where)
    assert str(caught.value).startswith(f"fatal: {text} on line")


def test_unusable_chain_file() -> None:
    assert certificates.chain_file(TLSSettings(), where) == ()
    with pytest.raises(ConfigError, match="file contained no certificate data"):
        certificates.chain_file(TLSSettings(certificate_chain_file="/dev/null"), where)


@pytest.mark.parametrize("password", [None, b"secret"])
def test_encrypted_keys_are_recognised(password: bytes | None) -> None:
    assert certificates.is_encrypted(ROOT.leaf("x", kind="p256").key_pem(password)) is (password is not None)
    assert certificates.is_encrypted(b"-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n")


@pytest.mark.parametrize(
    ("attributes", "text"),
    [
        ([(NameOID.COUNTRY_NAME, "US"), (NameOID.ORGANIZATION_NAME, "Castaglia, Inc"),
          (NameOID.EMAIL_ADDRESS, "a@b.org"), (NameOID.COMMON_NAME, "client")],
         'C = US, O = "Castaglia, Inc", emailAddress = a@b.org, CN = client'),
        ([(NameOID.COMMON_NAME, 'say "hi" \\ there')], 'CN = "say \\"hi\\" \\\\ there"'),
        ([(NameOID.COMMON_NAME, "#1")], 'CN = "#1"'),
        ([(NameOID.PSEUDONYM, "p")], "2.5.4.65 = p"),
        ([(NameOID.COMMON_NAME, "a\0b\r\n2026-01-01 forged")], "CN = a\\00b\\0D\\0A2026-01-01 forged"),
        ([], ""),
    ],
)
def test_names(attributes: list[tuple[x509.ObjectIdentifier, str]], text: str) -> None:
    name = x509.Name([x509.NameAttribute(oid, value) for oid, value in attributes])
    assert certificates.name_text(name) == text


def test_kinds_of_keys() -> None:
    assert certificates.kind_of(ROOT.leaf("x", kind="rsa").certificate) == "RSA"
    assert certificates.kind_of(ROOT.leaf("x", kind="p256").certificate) == "EC"
    assert certificates.kind_of(ROOT.leaf("x", kind="ed25519").certificate) == "ED25519"


@pytest.mark.parametrize("how", [pki.DAMAGED, pki.UNKNOWN])
@pytest.mark.parametrize("directive", ["rsa_certificate_file", "ec_certificate_file"])
def test_keys_that_cannot_be_read(tmp_path: Path, how: str, directive: str) -> None:
    """They are for OpenSSL to judge, which does so when it gets them."""
    leaf = SERVER_CA.leaf("server", kind="p256")
    spoilt = pki.spoil_key(leaf.certificate, how)
    assert certificates.kind_of(spoilt) == "EC"
    path = write(tmp_path / "x.pem", certificates.pem([spoilt]), leaf.key_pem())
    settings = TLSSettings(**{directive: path})  # type: ignore[arg-type]
    _, notices = certificates.load_credentials(settings, where)
    assert any("expected RSA certificate, found EC" in text for text in notices) is (directive[:3] == "rsa")
    with pytest.raises(ConfigError) as caught:
        contexts.build(host_of(settings))
    assert str(caught.value).startswith(
        f"fatal: TLS{directive[:-17].upper()}CertificateFile: unable to use '{path}': ")


@pytest.mark.parametrize("how", [pki.DAMAGED, pki.UNKNOWN])
def test_authorities_whose_keys_cannot_be_read_have_issued_nothing(how: str) -> None:
    ca = pki.authority("Spoilt", None)
    leaf = Draft().sign(ca)
    spoilt = pki.spoil_key(ca.certificate, how)
    assert certificates.issued(leaf.certificate, ca.certificate)
    assert not certificates.issued(leaf.certificate, spoilt)
    built = certificates.build_chain(leaf.certificate, (), (spoilt, ca.certificate))
    assert built == certificates.Chain((ca.certificate,), None)


def test_der() -> None:
    der = ROOT.identity.certificate.public_bytes(Encoding.DER)
    assert certificates.subject_of(der) == "O = ftpsd tests, CN = Root"
    assert certificates.is_self_issued(der)
    assert not certificates.is_self_issued(LEAF.certificate.public_bytes(Encoding.DER))
    assert certificates.subject_of(b"junk") == "(unreadable subject)"
    assert not certificates.is_self_issued(b"junk")


def test_dates_look_like_openssl_s() -> None:
    moment = datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.UTC)
    assert certificates.date_text(moment) == "Jan  2 03:04:05 2026 GMT"
