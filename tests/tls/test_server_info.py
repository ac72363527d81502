"""TLSServerInfoFile: extensions that go with the certificate."""

from __future__ import annotations

import base64
import struct
import subprocess
from pathlib import Path

import pytest

from ftpsd.errors import ConfigError
from ftpsd.testing.ca import Authority
from ftpsd.testing.plugin import Certificates, ServerFactory
from ftpsd.testing.server import RunningServer
from tests.tls.rig import LOCATION, Files, Pair, build, client_context

NUMBER = 0x7001
DATA = b"what the client asked for"


def block(name: str, data: bytes) -> bytes:
    text = base64.encodebytes(data).decode()
    return f"-----BEGIN {name}-----\n{text}-----END {name}-----\n".encode()


OLD = block("SERVERINFO FOR TESTS", struct.pack("!HH", NUMBER, len(DATA)) + DATA)
ENCRYPTED_EXTENSIONS, HELLO, TLS12_HELLO = 0x0400, 0x0080, 0x0100
NEW = block(
    "SERVERINFOV2 FOR TESTS",
    struct.pack("!IHH", HELLO | TLS12_HELLO | ENCRYPTED_EXTENSIONS, NUMBER, len(DATA)) + DATA,
)


def asked(server: RunningServer, *arguments: str, number: int = NUMBER) -> str:
    done = subprocess.run(
        ["openssl", "s_client", "-starttls", "ftp", "-connect", f"{server.address}:{server.port}",
         "-serverinfo", str(number), *arguments],
        input=b"QUIT\r\n", capture_output=True, timeout=60,
    )
    return done.stdout.decode()


@pytest.mark.parametrize("text", [OLD, NEW], ids=["old form", "new form"])
def test_every_certificate_sends_it(
    ftps_server: ServerFactory, ftps_certificates: Certificates, tmp_path: Path, text: bytes
) -> None:
    file = tmp_path / "serverinfo.pem"
    file.write_bytes(text)
    other = ftps_certificates.authority.leaf("localhost", kind="p256").write(tmp_path, "ec")
    server = ftps_server(tls=[
        "TLSRequired on", f"TLSServerInfoFile {file}", f"TLSECCertificateFile {other.certificate}",
        f"TLSECCertificateKeyFile {other.key}",
    ])
    expected = block(f"SERVERINFO FOR EXTENSION {NUMBER}", struct.pack("!HH", NUMBER, len(DATA)) + DATA).decode()
    for cipher, key in (("ECDHE-RSA-AES128-GCM-SHA256", "rsa"), ("ECDHE-ECDSA-AES128-GCM-SHA256", "ecdsa")):
        said = asked(server, "-tls1_2", "-cipher", cipher)
        assert f"peer signature type: {key}" in said.lower()    # OpenSSL 3.5 goes on with `_pss_rsae_sha256`
        assert "".join(expected.split()) in "".join(said.split())
    assert "SERVERINFO" not in asked(server, "-tls1_2", number=NUMBER + 1)
    server.give("hello.txt", b"hello")
    for version in ("TLSv1.2", "TLSv1.3"):
        with server.client(version).begin() as client:
            assert client.retrieve("RETR hello.txt") == b"hello"


def test_it_does_not_hurt_whoever_does_not_ask(files: Files) -> None:
    host = build(files, server_info_file=files.write("info.pem", NEW))
    for version in ("TLSv1.2", "TLSv1.3"):
        with Pair(host) as pair:
            assert pair.start_tls(client_context(version)).version == version


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"", "no pem extensions"),
        (b"no PEM at all\n", "no pem extensions"),
        (Authority.create("Root").pem, "pem name too short"),
        (block("SERVERINFO FOR TESTS", struct.pack("!HH", NUMBER, 99) + DATA), "bad data"),
        (block("SERVERINFO FOR TESTS", b"x"), "bad data"),
        (None, "No such file or directory"),
    ],
)
def test_a_bad_file_is_fatal(files: Files, text: bytes | None, reason: str) -> None:
    path = str(files.directory / "bad.pem") if text is None else files.write("bad.pem", text)
    with pytest.raises(ConfigError) as caught:
        build(files, server_info_file=path)
    message = str(caught.value)
    assert f"TLSServerInfoFile: error setting server info using '{path}': {reason}" in message
    assert f"on line {LOCATION.line} of '{LOCATION.file}'" in message
