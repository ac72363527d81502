"""Session notes and the variables of StdEnvVars and ExportCertData (semantics.md 2.16)."""

from __future__ import annotations

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from ftpsd.testing.ca import Authority
from ftpsd.tls import variables
from ftpsd.tls.variables import Facts

ROOT = Authority.create()
NOTES = {"FTPS", "TLS_PROTOCOL", "TLS_CIPHER", "TLS_SERVER_NAME", "TLS_LIBRARY_VERSION"}
CLIENT_NOTES = {"TLS_CLIENT_S_DN_CN", "TLS_CLIENT_A_KEY", "TLS_CLIENT_A_SIG"}
STANDARD = {"TLS_SESSION_ID", "TLS_CIPHER_KEYSIZE_POSSIBLE", "TLS_CIPHER_KEYSIZE_USED"}


def der(name: str, kind: str = "rsa") -> bytes:
    leaf = ROOT.leaf(name, kind=kind) if kind != "rsa" else ROOT.leaf(name)  # type: ignore[arg-type]
    return leaf.certificate.public_bytes(Encoding.DER)


SERVER, CLIENT = der("ftp.example.org"), der("alice", "p256")
CA = x509.load_pem_x509_certificate(ROOT.pem).public_bytes(Encoding.DER)
BARE = Facts("TLSv1.3", "TLS_AES_256_GCM_SHA384", 256, 256, b"\xab\x01", "ftp.example.org", "OpenSSL 3", SERVER)
FULL = Facts("TLSv1.2", "AES128-SHA", 40, 128, b"\xab\x01", None, "OpenSSL 3", SERVER, (CLIENT, CA))


def names(facts: Facts, *options: str) -> set[str]:
    return set(variables.exported(facts, frozenset(options)).variables)


def notes(facts: Facts, *options: str) -> set[str]:
    return set(variables.exported(facts, frozenset(options)).notes)


@pytest.mark.parametrize("options", [(), ("StdEnvVars",), ("ExportCertData",)])
def test_notes_are_always_there(options: tuple[str, ...]) -> None:
    assert notes(BARE, *options) == NOTES | {"mod_tls.sni"}
    assert notes(FULL, *options) == NOTES - {"TLS_SERVER_NAME"} | CLIENT_NOTES


def test_variables_are_there_with_an_option() -> None:
    assert names(BARE) == names(FULL) == set()
    assert names(BARE, "StdEnvVars") >= NOTES
    assert "mod_tls.sni" not in names(BARE, "StdEnvVars")


def test_certificates_are_exported_with_either_option() -> None:
    texts = {"TLS_SERVER_CERT", "TLS_CLIENT_CERT", "TLS_CLIENT_CERT_CHAIN1"}
    assert names(FULL, "ExportCertData") == texts
    assert texts <= names(FULL, "StdEnvVars")
    _, found, _ = variables.exported(FULL, frozenset({"ExportCertData"}))
    assert x509.load_pem_x509_certificate(found["TLS_CLIENT_CERT"].encode()).public_bytes(Encoding.DER) == CLIENT


def test_standard_variables() -> None:
    assert names(BARE, "StdEnvVars") >= STANDARD
    assert "TLS_CIPHER_EXPORT" not in names(BARE, "StdEnvVars")
    assert "TLS_CIPHER_EXPORT" in names(FULL, "StdEnvVars")
    assert not any(name.startswith("TLS_CLIENT_") for name in names(BARE, "StdEnvVars"))


@pytest.mark.parametrize(("name", "value"), [
    ("FTPS", "1"), ("TLS_PROTOCOL", "TLSv1.2"), ("TLS_CIPHER", "AES128-SHA"), ("TLS_SESSION_ID", "AB01"),
    ("TLS_CIPHER_KEYSIZE_USED", "40"), ("TLS_CIPHER_KEYSIZE_POSSIBLE", "128"), ("TLS_LIBRARY_VERSION", "OpenSSL 3"),
    ("TLS_SERVER_M_VERSION", "3"), ("TLS_SERVER_S_DN_CN", "ftp.example.org"), ("TLS_SERVER_A_KEY", "rsaEncryption"),
    ("TLS_CLIENT_S_DN_CN", "alice"), ("TLS_CLIENT_A_KEY", "id-ecPublicKey"),
])
def test_values(name: str, value: str) -> None:
    assert variables.exported(FULL, frozenset({"StdEnvVars"})).variables[name] == value


def test_names_moments_and_extensions() -> None:
    _, found, lines = variables.exported(FULL, frozenset({"StdEnvVars"}))
    certificate = x509.load_der_x509_certificate(CLIENT)
    assert found["TLS_CLIENT_S_DN"] == "O = ftpsd tests, CN = alice"
    assert found["TLS_CLIENT_I_DN_O"] in found["TLS_CLIENT_I_DN"]
    assert found["TLS_CLIENT_V_END"].endswith(f"{certificate.not_valid_after_utc.year} GMT")
    assert "TLS_CLIENT_EXT_basicConstraints" in found
    assert lines == (variables.NOT_PRINTABLE,) * 2


def test_a_certificate_that_does_not_parse() -> None:
    broken = Facts("TLSv1.3", "X", 128, 128, b"", None, "OpenSSL 3", SERVER, (b"\x30\x00",))
    _, found, lines = variables.exported(broken, frozenset({"StdEnvVars"}))
    assert found["TLS_SERVER_S_DN_CN"] == "ftp.example.org"
    assert any(line.startswith("certificate not printable: ") for line in lines)
