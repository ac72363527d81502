"""Keys of every kind and from everywhere: encrypted, PKCS #12, DSA, Ed25519, tokens; all of them at once."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import pkcs12

from ftpsd.errors import ConfigError
from ftpsd.native._openssl import Context
from ftpsd.settings.tls import TLSSettings
from ftpsd.settings.values import CipherSuite
from ftpsd.testing.ca import Authority, Identity
from ftpsd.tls import contexts, keys
from ftpsd.tls.contexts import HostTLS
from ftpsd.tls.passphrases import Passphrases, Request, Secret, Unavailable
from tests.native.openssl_support import KeyKind as NativeKind
from tests.native.openssl_support import leaf as native_leaf
from tests.native.openssl_support import root as native_root
from tests.native.test_openssl_devices import accept
from tests.tls.rig import VERSIONS, Files, Pair, client_context, hierarchy, host_of
from tests.tls.test_passphrases import Person, fill
from tests.tls.tokens import make_token

every_version = pytest.mark.parametrize("version", VERSIONS)


def asked(*answers: bytes) -> Passphrases:
    """Passphrases from somebody at a terminal."""

    def provider(path: str, arguments: tuple[str, str], into: Secret) -> None:
        into.wipe()
        fill(into, answers[0])

    return Passphrases(Person(list(answers)), provider)


def build(settings: TLSSettings, *answers: bytes, provider: str | None = None) -> HostTLS:
    return contexts.build(host_of(settings), passphrases=asked(*answers), provider=provider)


def start_error(settings: TLSSettings, *answers: bytes) -> str:
    with pytest.raises(ConfigError) as caught:
        build(settings, *answers)
    return str(caught.value)


def shown(host: HostTLS, client: Context) -> str:
    """The common name of the certificate that `client` is shown."""
    with Pair(host) as pair:
        pair.start_tls(client)
        der = pair.tls.peer_certificate
    assert der is not None
    subject = x509.load_der_x509_certificate(der).subject
    return str(subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)[0].value)


# --- encrypted keys -----------------------------------------------------------------------------------------


def encrypted(files: Files, leaf: Identity, form: str) -> str:
    """A key file encrypted with `open sesame`: PKCS #8, or as OpenSSL once wrote it."""
    layout = serialization.PrivateFormat.PKCS8 if form == "pkcs8" else serialization.PrivateFormat.TraditionalOpenSSL
    pem = leaf.key.private_bytes(
        serialization.Encoding.PEM, layout, serialization.BestAvailableEncryption(b"open sesame")
    )
    return files.write(f"{form}.key", pem)


@every_version
@pytest.mark.parametrize("form", ["pkcs8", "traditional"])
@pytest.mark.parametrize("provider", [None, "/provider"])
def test_an_encrypted_key_is_opened(files: Files, version: str, form: str, provider: str | None) -> None:
    leaf = hierarchy().server_ca.leaf("server", kind="rsa")
    settings = TLSSettings(
        rsa_certificate_file=files.rsa_certificate, rsa_certificate_key_file=encrypted(files, leaf, form),
        certificate_chain_file=files.chain,
    )
    assert shown(build(settings, b"open sesame", provider=provider), client_context(version)) == "server"


def test_a_passphrase_that_never_fits_stops_the_start(files: Files) -> None:
    leaf = hierarchy().server_ca.leaf("server", kind="p256")
    key = encrypted(files, leaf, "pkcs8")
    settings = TLSSettings(ec_certificate_file=files.certificate, ec_certificate_key_file=key)
    error = start_error(settings, b"wrong", b"bad", b"no")
    assert error.startswith(
        f"fatal: TLSECCertificateKeyFile: mod_tls/2.9.2: unable to use EC certificate key in '{key}', exiting on line 7"
    )
    assert "wrong 3 times" in error
    assert "bad" not in error


def test_the_right_passphrase_of_the_wrong_key(files: Files) -> None:
    other = encrypted(files, hierarchy().server_ca.leaf("other", kind="p256"), "pkcs8")
    settings = TLSSettings(ec_certificate_file=files.certificate, ec_certificate_key_file=other)
    assert f"error checking key from TLSECCertificateKeyFile '{other}': key values mismatch" in start_error(
        settings, b"open sesame"
    )


def test_the_prompt_names_the_first_address(files: Files) -> None:
    host = replace(host_of(TLSSettings()), addresses=("ftp.example.org",), resolved=("192.0.2.7", "192.0.2.8"))
    request = keys.Unlocker(host, lambda directive: None, None, None).request(keys.PKCS12, "/s.p12")
    assert isinstance(request, Request)
    assert request.prompt == "PKCS12 password for the 192.0.2.7#21 (Test) server: "


# --- PKCS #12 -----------------------------------------------------------------------------------------------


def bundle(files: Files, leaf: Identity, password: bytes | None) -> str:
    protection: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if password is not None:
        protection = serialization.BestAvailableEncryption(password)
    data = pkcs12.serialize_key_and_certificates(b"x", leaf.key, leaf.certificate, leaf.chain, protection)
    return files.write("server.p12", data)


@every_version
@pytest.mark.parametrize("kind", ["rsa", "p256"])
@pytest.mark.parametrize("password", [None, b"open sesame"])
def test_pkcs12_has_certificate_key_and_chain(
    files: Files, version: str, kind: str, password: bytes | None
) -> None:
    leaf = hierarchy().server_ca.leaf("bundled", kind="rsa" if kind == "rsa" else "p256")
    host = build(TLSSettings(pkcs12_file=bundle(files, leaf, password)), b"open sesame")
    assert host.has_certificates
    assert host.notices == ()
    assert shown(host, client_context(version)) == "bundled"


def test_pkcs12_that_cannot_be_used(files: Files) -> None:
    head = "fatal: TLSPKCS12File:"
    assert start_error(TLSSettings(pkcs12_file="/nonexistent")).startswith(f"{head} '/nonexistent' does not exist on")
    garbage = files.write("x.p12", b"hello")
    assert start_error(TLSSettings(pkcs12_file=garbage)).startswith(f"{head} unable to use '{garbage}': ")
    leaf = hierarchy().server_ca.leaf("bundled", kind="rsa")
    locked = bundle(files, leaf, b"open sesame")
    error = start_error(TLSSettings(pkcs12_file=locked), b"1", b"2", b"3")
    assert f"{head} mod_tls/2.9.2: unable to use PKCS12 certificate in '{locked}', exiting on line 7" in error
    certificate = files.write("c.p12", pkcs12.serialize_key_and_certificates(
        b"x", None, leaf.certificate, None, serialization.NoEncryption()))
    assert "the file holds no private key" in start_error(TLSSettings(pkcs12_file=certificate))


# --- every kind at once -------------------------------------------------------------------------------------


def native_files(files: Files, kind: NativeKind) -> str:
    credential = native_leaf(kind)
    return files.write(f"{kind}.pem", credential.pem, credential.key_pem())


def every_kind(files: Files) -> TLSSettings:
    """RSA, EC and DSA from files, Ed25519 from PKCS #12."""
    edwards = native_leaf("ed25519")
    data = pkcs12.serialize_key_and_certificates(
        b"x", edwards.key, edwards.certificate, None, serialization.NoEncryption()
    )
    return TLSSettings(
        rsa_certificate_file=native_files(files, "rsa"), ec_certificate_file=native_files(files, "ec"),
        dsa_certificate_file=native_files(files, "dsa"), pkcs12_file=files.write("ed.p12", data),
        ca_certificate_file=files.write("root.pem", native_root().pem),
        cipher_suites=(CipherSuite(False, "ALL:!aNULL"),),
    )


@pytest.mark.parametrize(
    ("cipher", "name"),
    [
        ("ECDHE-RSA-AES128-GCM-SHA256", "server rsa"), ("DHE-RSA-AES128-GCM-SHA256", "server rsa"),
        ("DHE-DSS-AES128-GCM-SHA256", "server dsa"),
    ],
)
def test_rsa_ec_dsa_and_ed25519_at_once(files: Files, cipher: str, name: str) -> None:
    client = Context(server=False)
    client.set_protocols(["TLSv1.2"])
    client.set_ciphers(cipher)
    assert shown(build(every_kind(files)), client) == name


@pytest.mark.parametrize(
    ("algorithm", "name"),
    [("ed25519", "server ed25519"), ("ECDSA+SHA256", "server ec"), ("RSA-PSS+SHA256", "server rsa")],
)
@every_version
def test_the_clients_signature_algorithms_choose_the_certificate(
    files: Files, version: str, algorithm: str, name: str
) -> None:
    """OpenSSL's own client, because it can be told which signatures it knows."""
    flag = "-tls1_2" if version == "TLSv1.2" else "-tls1_3"
    tls, said = accept(build(every_kind(files)).context, flag, "-sigalgs", algorithm)
    assert tls is not None, said
    assert f"subject=CN={name}\n" in said.replace("CN = ", "CN=")    # OpenSSL 3.0 has blanks there


@every_version
def test_an_edwards_key_belongs_to_the_ec_directive(files: Files, version: str) -> None:
    settings = TLSSettings(ec_certificate_file=native_files(files, "ed25519"), ca_certificate_file=files.write(
        "root.pem", native_root().pem))
    host = build(settings)
    assert host.notices == ()
    client = Context(server=False)
    client.set_protocols([version])
    assert shown(host, client) == "server ed25519"


def test_a_dsa_file_that_is_none(files: Files) -> None:
    settings = TLSSettings(dsa_certificate_file=native_files(files, "rsa"))
    assert any("expected DSA certificate, found RSA" in notice for notice in build(settings).notices)
    assert "TLSDSACertificateFile" in start_error(TLSSettings(dsa_certificate_file="/nonexistent"))


# --- keys on tokens -----------------------------------------------------------------------------------------

TOKEN_PROGRAM = """
import sys
from pathlib import Path
from ftpsd.settings.tls import TLSSettings
from ftpsd.native._openssl import Context
from tests.tls.rig import Pair
from tests.tls.test_keys import build, shown

certificate, uri, answer, root = sys.argv[1:]
host = build(TLSSettings(rsa_certificate_file=certificate, rsa_certificate_key_file=uri), *[answer.encode()] * 3)
host.context.exercise_keys()
for version in ("TLSv1.2", "TLSv1.3"):
    client = Context(server=False)
    client.add_trusted(Path(root).read_bytes())
    client.set_verify("require", 5)
    client.set_protocols([version])
    print(version, shown(host, client))
"""


def with_token(tmp_path: Path, *, pin_in_uri: bool, answer: str) -> subprocess.CompletedProcess[str]:
    """In a process of its own: the engine stays, and the token is found through the environment."""
    authority = Authority.create("Token root")
    leaf = authority.leaf("on a token", kind="rsa")
    token = make_token(tmp_path / "hsm", leaf)
    certificate = tmp_path / "c.pem"
    certificate.write_bytes(leaf.certificate_pem)
    root = tmp_path / "root.pem"
    root.write_bytes(authority.pem)
    uri = token.uri_with_pin if pin_in_uri else token.uri
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-c", TOKEN_PROGRAM, str(certificate), uri, answer, str(root)],
        env={**os.environ, **token.environment, "PYTHONPATH": os.pathsep.join(sys.path)}, capture_output=True,
        text=True, timeout=120,
    )


@pytest.mark.parametrize("pin_in_uri", [True, False])
def test_a_key_on_a_token_signs_handshakes(tmp_path: Path, pin_in_uri: bool) -> None:
    done = with_token(tmp_path, pin_in_uri=pin_in_uri, answer="" if pin_in_uri else "123456")
    assert done.stdout == "TLSv1.2 on a token\nTLSv1.3 on a token\n", done.stderr


def test_a_wrong_pin_stops_the_start(tmp_path: Path) -> None:
    done = with_token(tmp_path, pin_in_uri=False, answer="999999")
    assert done.returncode != 0
    uri = "pkcs11:token=ftpsd;object=server;type=private"
    assert f"unable to use RSA certificate key in '{uri}', exiting" in done.stderr


def test_no_such_token(files: Files) -> None:
    settings = TLSSettings(
        rsa_certificate_file=files.rsa_certificate,
        rsa_certificate_key_file="pkcs11:token=no-such-token;object=x?pin-value=4711",
    )
    error = start_error(settings)
    assert "unable to use 'pkcs11:token=no-such-token;object=x?pin-value=…'" in error
    assert "4711" not in error
    assert "libengine-pkcs11-openssl" in error


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("/etc/pin-value=x", "/etc/pin-value=x"), ("pkcs11:object=x", "pkcs11:object=x"),
        ("pkcs11:object=x?pin-value=12&module-name=m", "pkcs11:object=x?pin-value=…&module-name=m"),
        ("pkcs11:pin-value=12;object=x", "pkcs11:pin-value=…;object=x"),
    ],
)
def test_messages_do_not_tell_a_pin(place: str, said: str) -> None:
    assert keys.public(place) == said


def test_nobody_to_ask(files: Files) -> None:
    def provider(path: str, arguments: tuple[str, str], into: Secret) -> None:
        raise Unavailable(f"'{path}' ended with status 3")

    leaf = hierarchy().server_ca.leaf("server", kind="p256")
    settings = TLSSettings(
        ec_certificate_file=files.certificate, ec_certificate_key_file=encrypted(files, leaf, "pkcs8")
    )
    with pytest.raises(ConfigError) as caught:
        contexts.build(host_of(settings), passphrases=Passphrases(Person([]), provider), provider="/p")
    assert "'/p' ended with status 3" in str(caught.value)
