"""What clients choose reaches no log as it is: no second line, nothing that commands a terminal, whole JSON."""

from __future__ import annotations

import json
import ssl
from pathlib import Path

from ftpsd.testing.client import ScriptedClient
from ftpsd.testing.plugin import ServerFactory
from tests.tls import pki
from tests.tls.pki import Draft

ROOT = pki.authority("Forgers", None)
EVIL = "x\r\n2026-11-23 00:00:00,000 forged \x1b[31m\x07\x9b\u2028\u202e"
SENT = "y\x1b[31m\x07\r2026 forged"
VARIABLES = "%a %f %F %J %l %m %r %S %U %u %{TLS_CLIENT_S_DN}e %{transfer-failure} %{reason} %E"
SAID_BEFORE_LOGIN = (f"CLNT {SENT}", f"CSID Name={SENT}; Version={SENT};", f"USER {SENT}", f"PASS {SENT}", f"{SENT} x")
SAID_AFTER_LOGIN = tuple(f"{verb} {SENT}" for verb in ("MKD", "CWD", "RETR", "DELE", "SITE", "OPTS", "LANG", "STAT"))


def certified(directory: Path, context: ssl.SSLContext) -> ssl.SSLContext:
    """With a certificate whose subject is a forger's."""
    shown = Draft(names=(EVIL[:60],)).sign(ROOT)
    path = directory / "client.pem"
    path.write_bytes(shown.certificate_pem + shown.key_pem())
    context.load_cert_chain(path)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def say(client: ScriptedClient, *lines: str) -> None:
    for line in lines:
        client.send(line.encode() + b"\r\n")
        client.read_reply()


def misbehave(client: ScriptedClient) -> None:
    """Says it in every way that there is."""
    client.name = "a\nforged\x1b[31m.example.org"
    client.connect()
    say(client, *SAID_BEFORE_LOGIN, f"HOST {SENT}")
    client.auth()
    say(client, *SAID_BEFORE_LOGIN)
    client.login()
    client.protect()
    client.store(f"STOR {SENT.replace(chr(13), '')}", b"x")
    say(client, *SAID_AFTER_LOGIN)
    client.quit()


def test_no_log_has_what_a_client_says_as_it_is(ftps_server: ServerFactory, tls_version: str, tmp_path: Path) -> None:
    trusted = tmp_path / "root.pem"
    trusted.write_bytes(ROOT.certificate_pem)
    server = ftps_server(
        tls=[
            "TLSRequired off", f"TLSCACertificateFile {trusted}", "TLSVerifyClient optional",
            "TLSOptions StdEnvVars EnableDiags",
        ],
        directives=[
            "DebugLevel 10", "Trace DEFAULT:20", f"TraceLog {tmp_path}/trace.log", f"EventLog {tmp_path}/events.json",
            f'LogFormat all "{VARIABLES}"', f"ExtendedLog {tmp_path}/ext.log ALL all",
        ])
    misbehave(server.client(tls_version, context=certified(tmp_path, server.context(tls_version))))
    server.stop()
    files = (
        server.files.system_log, server.files.tls_log, server.files.transfer_log,
        *(tmp_path / name for name in ("ext.log", "trace.log", "events.json")))
    for path in files:
        text = path.read_bytes().decode("utf-8", "surrogateescape")
        assert "forged" in text, path.name
        assert not set(text) & set("\x1b\x07\r\x9b\u2028\u202e"), path.name
        began = ("2026-11-23 00:00:00,000 forged", "2026 forged", "forged")
        assert not any(line.startswith(began) for line in text.split("\n")), path.name
    for line in (tmp_path / "events.json").read_text().splitlines():
        json.loads(line)
