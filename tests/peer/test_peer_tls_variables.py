"""The variables of StdEnvVars and ExportCertData, and session notes, have the values that ProFTPD 1.3.8 gives them."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest

from ftpsd.testing.ca import Files
from ftpsd.testing.client import client_context
from ftpsd.testing.configs import ServerConfig
from ftpsd.testing.server import PROFTPD, RunningServer, server_directory, start_ftpsd, start_proftpd
from tests.tls import rich

pytestmark = [pytest.mark.peer, pytest.mark.root]

ISSUER = rich.authority()
SERVER = rich.leaf(ISSUER, "Server", serial=0x1234, dns="localhost")
CLIENT = rich.leaf(ISSUER, "Client", serial=7)
VARIABLES = (*(f"%{{{name}}}e" for name in rich.NAMES), *(f"%{{note:{name}}}" for name in rich.NOTES))
SEPARATOR, MOST = "^", 12
"""ProFTPD takes lines of a thousand bytes or so: the variables are spread over several logs."""
CHUNKS = [VARIABLES[start:start + MOST] for start in range(0, len(VARIABLES), MOST)]
SECTIONS = "\n".join(
    f'LogFormat chunk{number} "{SEPARATOR.join(chunk)}"\nExtendedLog BASE/chunk{number} MISC chunk{number}'
    for number, chunk in enumerate(CHUNKS)) + "\n"

DIFFERENCES = {
    r"%\{TLS_SESSION_ID\}e": "drawn at random",
    r"%\{TLS_LIBRARY_VERSION\}e": "the library that runs, not the one that ProFTPD was built with",
    r"%\{TLS_(SERVER|CLIENT)_[SI]_DN\}e": "letters beyond ASCII are letters, not bytes in hexadecimal",
    r"%\{TLS_(SERVER|CLIENT)_[SI]_DN_UID\}e": "ProFTPD means x500UniqueIdentifier, which nobody has, not LDAP's UID",
    r"%\{note:(TLS_LIBRARY_VERSION|TLS_CLIENT_.*)\}": "notes that ProFTPD has since 1.3.9",
}
"""Variables that may differ, and why."""


def _values(server: RunningServer, authority: Path, version: str, shown: Files | None) -> dict[str, str]:
    context = client_context(
        authority, version=version, certificate=shown.certificate if shown else None, key=shown.key if shown else None)
    with server.client(context=context) as client:
        client.connect()
        client.auth()
        client.command("NOOP")
        client.quit()
    found: dict[str, str] = {}
    for number, chunk in enumerate(CHUNKS):
        path = server.files.directory / f"chunk{number}"
        deadline = time.monotonic() + 10
        while not (text := path.read_text()).endswith("\n"):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        found |= zip(chunk, text.removesuffix("\n").split(SEPARATOR), strict=True)
        path.write_text("")
    return {name: value.replace("\n", "\\n") for name, value in found.items()}


@pytest.mark.parametrize("option", ["", "StdEnvVars", "ExportCertData"])
def test_same_values(tmp_path: Path, option: str) -> None:
    if not (PROFTPD.exists() and Path("/usr/lib/proftpd/mod_tls.so").exists()):
        pytest.skip("proftpd with mod_tls is not installed (packages proftpd-core, proftpd-mod-crypto)")
    authority = tmp_path / "root.pem"
    authority.write_bytes(ISSUER.certificate_pem)
    shown = CLIENT.write(tmp_path, "client")
    tls = ["TLSRequired off", "TLSVerifyClient optional", f"TLSCACertificateFile {authority}"]
    config = ServerConfig(
        SERVER.write(tmp_path, "server"), tls=[*tls, f"TLSOptions {option}"] if option else tls, sections=SECTIONS)
    found = []
    for start in (start_proftpd, start_ftpsd):
        with server_directory() as files:
            server = start(config, files, authority)
            try:
                found.append({
                    (version, certificate): _values(server, authority, version, shown if certificate else None)
                    for version in ("TLSv1.2", "TLSv1.3") for certificate in (False, True)})
            finally:
                server.stop()
    theirs, ours = found
    problems = [
        f"{key} {name}: ProFTPD {theirs[key][name]!r}, ftpsd {ours[key][name]!r}"
        for key in theirs for name in VARIABLES
        if theirs[key][name] != ours[key][name] and not any(re.fullmatch(known, name) for known in DIFFERENCES)]
    assert not problems, "\n".join(problems)
    if option == "StdEnvVars":
        told = [name for name, value in ours["TLSv1.3", True].items() if value]
        assert len(told) > 60
