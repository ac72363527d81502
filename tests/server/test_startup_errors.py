"""A configuration that cannot be used stops the start, with file and line; `-t` says the same."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

import ftpsd
from ftpsd.testing.ca import Authority, Files

TLS = "<IfModule mod_tls.c>\nTLSEngine on\n{lines}\n</IfModule>\n"


@dataclass(frozen=True)
class Place:
    """Files that the cases refer to by `{name}`."""

    directory: Path
    rsa: Files
    ec: Files
    other: Files

    def names(self) -> dict[str, str]:
        """What `{name}` stands for."""
        return {
            "rsa": str(self.rsa.certificate), "rsa_key": str(self.rsa.key), "ec": str(self.ec.certificate),
            "ec_key": str(self.ec.key), "other_key": str(self.other.key), "dir": str(self.directory),
            "empty": str(self.directory / "empty.pem"), "junk": str(self.directory / "junk.pem"),
        }


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    directory = tmp_path_factory.mktemp("startup")
    authority = Authority.create()
    (directory / "empty.pem").write_bytes(b"")
    (directory / "junk.pem").write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    return Place(
        directory, authority.leaf("localhost", kind="rsa").write(directory, "rsa"),
        authority.leaf("localhost", kind="p256").write(directory, "ec"),
        authority.leaf("other", kind="rsa").write(directory, "other"),
    )


def rsa(lines: str) -> str:
    """A TLS block with the good RSA pair (lines 3 and 4 of the file) and `lines` from line 5 on."""
    return TLS.format(
        lines="TLSRSACertificateFile {rsa}\nTLSRSACertificateKeyFile {rsa_key}\n" + lines)


CASES = {
    "allow-per-user": (
        rsa("TLSRequired on\nTLSOptions AllowPerUser"),
        ["cannot enforce both 'TLSRequired auth' and 'TLSOptions AllowPerUser' at the same time"]),
    "tls-required": (rsa("TLSRequired maybe"), ["fatal: TLSRequired: bad parameter", "on line 5 of"]),
    "tls-option": (rsa("TLSOptions NoSuchThing"), ["unknown TLSOption 'NoSuchThing'", "on line 5 of"]),
    "tls-protocol": (rsa("TLSProtocol TLSv9"), ["unknown protocol: 'TLSv9'", "on line 5 of"]),
    "tls-protocol-prefix": (rsa("TLSProtocol ALL TLSv1"), ["missing required +/- prefix: TLSv1"]),
    "cipher-list": (rsa("TLSCipherSuite NO-SUCH-CIPHER"), ["unable to use ciphersuite", "on line 5 of"]),
    "relative-certificate": (
        TLS.format(lines="TLSRSACertificateFile server.pem"), ["must be an absolute path", "line 3 of"]),
    "missing-certificate": (
        TLS.format(lines="TLSRSACertificateFile {dir}/none.pem"),
        ["'{dir}/none.pem' does not exist or does not contain a certificate", "on line 3 of"]),
    "empty-certificate": (
        TLS.format(lines="TLSRSACertificateFile {empty}"),
        ["does not contain a certificate", "on line 3 of"]),
    "junk-certificate": (
        TLS.format(lines="TLSRSACertificateFile {junk}"),
        ["does not contain a certificate", "on line 3 of"]),
    "directory-as-certificate": (
        TLS.format(lines="TLSRSACertificateFile {dir}"), ["does not contain a certificate", "on line 3 of"]),
    "missing-key": (
        TLS.format(lines="TLSRSACertificateFile {rsa}\nTLSRSACertificateKeyFile {dir}/none.key"),
        ["unable to use '{dir}/none.key'", "on line 4 of"]),
    "certificate-without-key": (
        TLS.format(lines="TLSRSACertificateFile {rsa}"),
        ["TLSRSACertificateFile: unable to use '{rsa}': there is no private key in it", "on line 3 of",
         "Name the file that has the key with TLSRSACertificateKeyFile."]),
    "key-file-without-key": (
        TLS.format(lines="TLSRSACertificateFile {rsa}\nTLSRSACertificateKeyFile {ec}"),
        ["TLSRSACertificateKeyFile: unable to use '{ec}': there is no private key in it", "on line 4 of"]),
    "mismatched-key": (
        TLS.format(lines="TLSRSACertificateFile {rsa}\nTLSRSACertificateKeyFile {other_key}"),
        ["TLSRSACertificateKeyFile", "{other_key}", "on line 4 of"]),
    "key-of-another-type": (
        TLS.format(lines="TLSRSACertificateFile {rsa}\nTLSRSACertificateKeyFile {ec_key}"),
        ["TLSRSACertificateKeyFile", "{ec_key}", "on line 4 of"]),
    "ca-file": (rsa("TLSCACertificateFile {empty}"), ["TLSCACertificateFile", "on line 5 of"]),
    "ca-path": (rsa("TLSCACertificatePath {rsa}"), ["parameter must be a directory path", "on line 5 of"]),
    "chain-file": (rsa("TLSCertificateChainFile {dir}/none.pem"), ["TLSCertificateChainFile", "line 5 of"]),
    "misspelt-directive": ("ServerNmae x\n", ["ServerNmae", "on line 1 of", "ServerName"]),
    "unclosed-section": ("<Global>\nUmask 022\n", ["<Global>", "line 1"]),
    "wrong-context": ("<Directory /x>\nPort 21\n</Directory>\n", ["Port", "on line 2 of"]),
    "missing-include": ("Include {dir}/none.conf\n", ["{dir}/none.conf", "on line 1 of"]),
    "missing-user-file": ("AuthUserFile {dir}/none\n", ["AuthUserFile", "{dir}/none", "on line 1 of"]),
    "not-yet": ("AuthOrder mod_radius.c\n", ["is not supported", "on line 1 of"]),
    "unknown-user": ("User no-such-user-here\n", ["no-such-user-here", "on line 1 of"]),
}
ROOT_ONLY = {"unknown-user"}


def run(*arguments: str, before: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    environment = dict(os.environ, PYTHONPATH=str(Path(ftpsd.__file__).parents[1]))
    return subprocess.run(
        [*before, sys.executable, "-m", "ftpsd.cli.main", *arguments], capture_output=True, text=True, timeout=60,
        env=environment, stdin=subprocess.DEVNULL)


@pytest.mark.parametrize("name", CASES)
def test_the_start_is_refused_with_file_line_and_reason(name: str, place: Place, tmp_path: Path) -> None:
    if name in ROOT_ONLY and os.getuid() != 0:
        pytest.skip("an ordinary user's server never changes users")
    text, expected = CASES[name]
    names = place.names()
    path = tmp_path / "ftpsd.conf"
    body = text.format(**names)
    extra = f"PidFile {tmp_path}/pid\nScoreboardFile none\nPort 0\nSystemLog none\n"
    path.write_text(body + extra)
    checked, started = run("-t", "-c", str(path)), run("-n", "-c", str(path))
    for outcome in (checked, started):
        said = outcome.stdout + outcome.stderr
        assert outcome.returncode != 0, said
        for words in expected:
            assert words.format(**names) in said
        if any("line" in words for words in expected):
            assert str(path) in said
        assert "Traceback" not in said
    assert not (tmp_path / "pid").exists()


def test_a_good_configuration_passes_the_check(place: Place, tmp_path: Path) -> None:
    path = tmp_path / "ftpsd.conf"
    path.write_text(rsa("TLSRequired on").format(**place.names()) + "ScoreboardFile none\nSystemLog none\n")
    outcome = run("-t", "-c", str(path))
    assert outcome.returncode == 0, outcome.stderr
    assert "Syntax check complete." in outcome.stdout + outcome.stderr


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0 or shutil.which("setpriv") is None, reason="needs root and setpriv")
def test_root_without_capabilities(place: Place, tmp_path: Path) -> None:
    """As in a container without any: the server would start, and drop every client."""
    path = tmp_path / "ftpsd.conf"
    path.write_text("Port 0\nScoreboardFile none\nSystemLog none\nUser nobody\n")
    outcome = run("-t", "-c", str(path), before=("setpriv", "--bounding-set=-all", "--inh-caps=-all"))
    assert outcome.returncode == 1
    assert "fatal: sessions cannot take on the rights of their users: root has no CAP_SETGID" in outcome.stderr
