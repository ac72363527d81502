"""StdEnvVars, ExportCertData and session notes, as a log of a real session shows them (semantics.md 2.16)."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography import x509

from ftpsd.testing.ca import Files, Identity
from ftpsd.testing.client import client_context
from ftpsd.testing.configs import ServerConfig
from ftpsd.testing.server import RunningServer, server_directory, start_ftpsd
from tests.tls import rich

ISSUER = rich.authority()
SERVER = rich.leaf(ISSUER, "Server", serial=0x1234, dns="localhost")
CLIENT = rich.leaf(ISSUER, "Client", serial=7)
LONG = rich.leaf(ISSUER, "Other", serial=0x01020304)
SECTIONS = "\n".join([
    'LogFormat env "' + " ".join(f"%{{{name}}}e" for name in rich.NAMES) + '"',
    'LogFormat notes "' + " ".join(f"%{{note:{name}}}" for name in (*rich.NOTES, "TLS_SESSION_ID")) + '"',
    'LogFormat extensions "%{TLS_CLIENT_EXT_basicConstraints}e %{TLS_SERVER_EXT_subjectAltName}e"',
    "ExtendedLog BASE/env MISC json:env",
    "ExtendedLog BASE/notes MISC json:notes",
    "ExtendedLog BASE/extensions MISC json:extensions",
    "",
])


@dataclass
class Desk:
    """A running server and the certificates of its clients."""

    server: RunningServer
    directory: Path
    shown: dict[str, Files]

    def session(self, version: str, shown: str = "", name: str = "localhost") -> tuple[dict[str, str], dict[str, str]]:
        """Variables and notes of a session with NOOP in it."""
        files = self.shown.get(shown)
        context = client_context(
            self.directory / "root.pem", version=version, certificate=files.certificate if files else None,
            key=files.key if files else None)
        context.check_hostname = name == "localhost"
        counts = [len(self._lines(log)) for log in ("env", "notes", "extensions")]
        with self.server.client(context=context) as client:
            client.name = name
            client.connect()
            client.auth()
            client.command("NOOP")
            found = [self._next(log, count) for log, count in zip(("env", "notes"), counts, strict=False)]
            self.extensions = self._next("extensions", counts[2])
        variables, notes = ({name.partition(":")[2]: value for name, value in one.items()} for one in found)
        return variables, notes

    def _lines(self, log: str) -> list[str]:
        """Whole ones: the last may still be on its way."""
        return (self.server.files.directory / log).read_text().rpartition("\n")[0].splitlines()

    def _next(self, log: str, count: int) -> dict[str, str]:
        deadline = time.monotonic() + 10
        while len(lines := self._lines(log)) <= count:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        found: dict[str, str] = json.loads(lines[count])
        return found


@pytest.fixture(scope="module", params=["", "StdEnvVars", "ExportCertData"])
def desk(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """A server with one of the options, or none."""
    directory = tmp_path_factory.mktemp("certificates")
    (directory / "root.pem").write_bytes(ISSUER.certificate_pem)
    tls = ("TLSRequired off", "TLSVerifyClient optional", f"TLSCACertificateFile {directory / 'root.pem'}")
    config = ServerConfig(
        SERVER.write(directory, "server"), tls=(*tls, f"TLSOptions {request.param}") if request.param else tls,
        sections=SECTIONS)
    shown = {"client": CLIENT.write(directory, "client"), "long": LONG.write(directory, "long")}
    with server_directory() as files:
        server = start_ftpsd(config, files, directory / "root.pem")
        try:
            yield Desk(server, directory, shown)
        finally:
            server.stop()


def only(option: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("desk", [option], indirect=True)


def expected(identity: Identity, prefix: str) -> dict[str, str]:
    """What the variables of a certificate must be; written down, not computed as the server does."""
    start, end = (moment.strftime("%b %e %H:%M:%S %Y GMT") for moment in (
        identity.certificate.not_valid_before_utc, identity.certificate.not_valid_after_utc))
    dn = (
        'C = DE, ST = Hessen, L = Bad Homburg, O = "Files, Inc", OU = Größe, title = Dr, GN = Alice, SN = Archer, '
        "initials = AA, description = somebody, UID = alice, emailAddress = alice@example.org, CN = {} Alice Archer"
    )
    values = {"M_VERSION": "3", "V_START": start, "V_END": end, "A_SIG": "ecdsa-with-SHA256", "A_KEY": "rsaEncryption"}
    values |= {"S_DN": dn.format(prefix), "I_DN": dn.format("CA of")}
    for letter, who in (("S", prefix), ("I", "CA of")):
        values |= {f"{letter}_DN_{part}": value for part, (_, value) in rich.PARTS.items()}
        values[f"{letter}_DN_CN"] = f"{who} Alice Archer"
    return values


@only("StdEnvVars")
@pytest.mark.parametrize("certificate", ["", "client"])
def test_standard_variables(desk: Desk, tls_version: str, certificate: str) -> None:
    variables, _ = desk.session(tls_version, certificate)
    cipher = "TLS_AES_256_GCM_SHA384" if tls_version == "TLSv1.3" else "ECDHE-RSA-AES256-GCM-SHA384"
    wanted = {
        "FTPS": "1", "TLS_PROTOCOL": tls_version, "TLS_CIPHER": cipher, "TLS_CIPHER_KEYSIZE_POSSIBLE": "256",
        "TLS_CIPHER_KEYSIZE_USED": "256", "TLS_SERVER_NAME": "localhost",
    }
    wanted |= {f"TLS_SERVER_{name}": value for name, value in expected(SERVER, "Server").items()}
    wanted["TLS_SERVER_M_SERIAL"] = "4660"
    if certificate:
        wanted |= {f"TLS_CLIENT_{name}": value for name, value in expected(CLIENT, "Client").items()}
        wanted["TLS_CLIENT_M_SERIAL"] = "7"
    for name, value in wanted.items():
        assert variables[name] == value, name
    assert variables["TLS_LIBRARY_VERSION"].startswith("OpenSSL ")
    told = set(rich.NAMES) - {"TLS_CIPHER_EXPORT", "TLS_SESSION_ID", "TLS_CLIENT_CERT_CHAIN2"}
    if not certificate:
        told -= {name for name in told if name.startswith("TLS_CLIENT_")}
    assert set(variables) - {"TLS_SESSION_ID"} == told, "every name of the list, and no other"
    if tls_version == "TLSv1.3":
        assert len(variables["TLS_SESSION_ID"]) == 64
        assert variables["TLS_SESSION_ID"] == variables["TLS_SESSION_ID"].upper()


@only("StdEnvVars")
def test_extensions(desk: Desk) -> None:
    desk.session("TLSv1.3", "client")
    assert desk.extensions == {
        "ENV:TLS_CLIENT_EXT_basicConstraints": "30:00",
        "ENV:TLS_SERVER_EXT_subjectAltName": "30:0B:82:09:6C:6F:63:61:6C:68:6F:73:74",
    }


@only("StdEnvVars")
def test_a_long_serial_number_is_not_printed(desk: Desk, tls_version: str) -> None:
    variables, _ = desk.session(tls_version, "long")
    assert "TLS_CLIENT_M_SERIAL" not in variables
    desk.server.wait_for_log("certificate serial number not printable")


@pytest.mark.parametrize("certificate", ["", "client"])
def test_certificates(desk: Desk, tls_version: str, certificate: str) -> None:
    variables, _ = desk.session(tls_version, certificate)
    if not variables:
        return
    texts = {name: x509.load_pem_x509_certificate(variables[name].encode())
             for name in rich.TEXTS if name in variables}
    wanted = {"TLS_SERVER_CERT": SERVER.certificate}
    if certificate:
        wanted |= {"TLS_CLIENT_CERT": CLIENT.certificate, "TLS_CLIENT_CERT_CHAIN1": ISSUER.certificate}
    assert texts == wanted


@only("ExportCertData")
def test_that_option_exports_the_certificates_alone(desk: Desk, tls_version: str) -> None:
    variables, _ = desk.session(tls_version, "client")
    assert set(variables) == {"TLS_SERVER_CERT", "TLS_CLIENT_CERT", "TLS_CLIENT_CERT_CHAIN1"}


@only("")
def test_without_an_option_there_are_no_variables(desk: Desk, tls_version: str) -> None:
    variables, _ = desk.session(tls_version, "client")
    assert variables == {}


@pytest.mark.parametrize("certificate", ["", "client"])
def test_notes_are_always_there(desk: Desk, tls_version: str, certificate: str) -> None:
    _, notes = desk.session(tls_version, certificate, name="files.example.org")
    assert notes.pop("TLS_LIBRARY_VERSION").startswith("OpenSSL ")
    assert notes.pop("TLS_CIPHER").endswith("SHA384")
    wanted = {
        "FTPS": "1", "TLS_PROTOCOL": tls_version, "TLS_SERVER_NAME": "files.example.org",
        "mod_tls.sni": "files.example.org",
    }
    if certificate:
        wanted |= {
            "TLS_CLIENT_S_DN_CN": "Client Alice Archer", "TLS_CLIENT_A_KEY": "rsaEncryption",
            "TLS_CLIENT_A_SIG": "ecdsa-with-SHA256",
        }
    assert notes == wanted
