"""What a configuration wants of an ACME server, and when. No server is needed here."""

from __future__ import annotations

import socket
import ssl
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ftpsd.errors import ConfigError
from ftpsd.testing.ports import free_port
from ftpsd.tls.acme import answering as answering_module
from ftpsd.tls.acme import plan, setup
from ftpsd.tls.acme.answering import Answers, answering
from ftpsd.tls.acme.plan import Present, Wanted
from tests.settings.support import configuration

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
DAY = timedelta(days=1)
WISH = Wanted(("a.example.org", "b.example.org"), "/cert.pem", "/key.pem", "EC")
GOOD = Present(("a.example.org", "b.example.org"), NOW - 30 * DAY, NOW + 60 * DAY)
EC = "TLSEngine on\nTLSECCertificateFile /ec.pem\nTLSECCertificateKeyFile /ec.key\n"
RSA = "TLSEngine on\nTLSRSACertificateFile /rsa.pem\nTLSRSACertificateKeyFile /rsa.key\n"
ON = "ACMEServer letsencrypt\nACMENames a.example.org\n"


@pytest.mark.parametrize(("present", "why"), [
    (None, "there is none"),
    (GOOD, None),
    (Present(("*.example.org",), GOOD.begins, GOOD.ends), None),
    (Present(("a.example.org",), GOOD.begins, GOOD.ends), "the present one lacks a name"),
    (Present(GOOD.names, GOOD.begins, GOOD.ends, True), "the present one is only provisional (self-signed)"),
    (Present(GOOD.names, NOW - 61 * DAY, NOW + 29 * DAY), "the present one expires on 2026-12-20, in 29 days"),
    (Present(GOOD.names, NOW - 5 * DAY, NOW + 1 * DAY), "the present one expires on 2026-11-22, in 1 day"),
    (Present(GOOD.names, NOW - 3 * DAY, NOW + 3 * DAY), None),
    (Present(GOOD.names, NOW - 90 * DAY, NOW - DAY), "the present one expired on 2026-11-20"),
])
def test_when_a_certificate_is_due(present: Present | None, why: str | None) -> None:
    assert plan.due(WISH, present, NOW) == why


def test_what_is_wanted() -> None:
    assert plan.wanted(configuration(ON + EC)) == (Wanted(("a.example.org",), "/ec.pem", "/ec.key", "EC"),)
    assert plan.wanted(configuration(ON + RSA)) == (Wanted(("a.example.org",), "/rsa.pem", "/rsa.key", "RSA"),)
    assert plan.wanted(configuration(ON + RSA + EC))[0].kind == "EC"
    assert plan.wanted(configuration("ACMENames a.example.org")) == ()
    several = f"{ON}{EC}<VirtualHost 192.0.2.9>\nACMENames a.example.org\n{EC}</VirtualHost>"
    assert len(plan.wanted(configuration(several))) == 1, "one certificate for both"


@pytest.mark.parametrize("text", [
    ON, f"{ON}TLSEngine on\nTLSECCertificateFile /ec.pem", f"{ON}{EC}".replace("on\n", "off\n", 1),
    f"{ON}TLSEngine on\nTLSECCertificateFile /x\nTLSECCertificateKeyFile /x",
    f"{ON}TLSEngine on\nTLSECCertificateFile /x\nTLSECCertificateKeyFile pkcs11:object=x",
    f"{ON}{EC}<VirtualHost 192.0.2.9>\nACMENames b.example.org\n{EC}</VirtualHost>",
])
def test_where_a_certificate_cannot_be_kept(text: str) -> None:
    with pytest.raises(ConfigError, match="no certificate can be kept") as caught:
        plan.wanted(configuration(text))
    assert caught.value.remedy
    assert caught.value.location is not None


def test_what_a_start_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = EC.replace("/ec", f"{tmp_path}/ec")
    assert setup.check(configuration("ACMENames a.example.org\n")) == [
        "ACMENames has no effect: there is no ACMEServer"]
    assert setup.check(configuration("ACMEServer letsencrypt")) == ["ACMEServer has no effect: no host has ACMENames"]
    assert setup.check(configuration("")) == []
    with pytest.raises(ConfigError, match="does not exist yet") as missing:
        setup.check(configuration(ON + here))
    assert "ftpsd acme -c" in str(missing.value)
    (tmp_path / "ec.pem").touch()
    assert setup.check(configuration(ON + here)) == []
    monkeypatch.setattr(setup, "LIBRARY", "no_such_library_here")
    with pytest.raises(ConfigError, match="library that speaks ACME is not installed"):
        setup.check(configuration(ON + here))


def asked(port: int, request: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port), 5) as sock:
        for at in range(len(request)):
            sock.sendall(request[at : at + 1])
        found = b""
        while data := sock.recv(4096):
            found += data
        return found


def test_questions_over_http() -> None:
    answers = Answers("http-01")
    answers.add("a.example.org", "token", "token.thumb")
    port = free_port()
    with answering(answers, "127.0.0.1", port):
        path = b"/.well-known/acme-challenge/"
        good = asked(port, b"GET " + path + b"token HTTP/1.1\r\nHost: a.example.org\r\n\r\n")
        assert good.startswith(b"HTTP/1.1 200 OK\r\n")
        assert good.endswith(b"\r\n\r\ntoken.thumb")
        for wrong in (path + b"other", path, b"/", b"/etc/passwd", path + b"../token"):
            assert asked(port, b"GET " + wrong + b" HTTP/1.1\r\n\r\n").startswith(b"HTTP/1.1 404 ")
        assert asked(port, b"POST " + path + b"token HTTP/1.1\r\n\r\n").startswith(b"HTTP/1.1 404 ")
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.1", port), 1)


def test_questions_over_tls() -> None:
    answers = Answers("tls-alpn-01")
    answers.add("a.example.org", "token", "token.thumb")
    port = free_port()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(["acme-tls/1"])
    with answering(answers, "127.0.0.1", port):
        for name in ("A.example.org", "b.example.org"):
            with socket.create_connection(("127.0.0.1", port), 5) as sock:
                if name.startswith("b"):
                    with pytest.raises(ssl.SSLError, match=r"(?i)unrecognized"):
                        context.wrap_socket(sock, server_hostname=name)
                else:
                    with context.wrap_socket(sock, server_hostname=name) as connection:
                        assert connection.selected_alpn_protocol() == "acme-tls/1"


def test_who_drips_does_not_keep_the_answers_from_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answering_module, "PATIENCE", 0.3)
    monkeypatch.setattr(answering_module, "MOST_CONNECTIONS", 1)
    answers = Answers("http-01")
    port = free_port()
    with answering(answers, "127.0.0.1", port), socket.create_connection(("127.0.0.1", port), 5) as sock:
        sock.settimeout(0.1)
        deadline, ended = time.monotonic() + 5, False
        while not ended and time.monotonic() < deadline:
            try:
                sock.sendall(b"x")
                ended = not sock.recv(1)
            except TimeoutError:
                continue
            except OSError:
                ended = True
        assert ended
