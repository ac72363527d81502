"""Revocation lists that change, responders that do not answer, and sessions that outlive their certificate."""

from __future__ import annotations

import datetime
import errno
import http.client
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID
from hypothesis import given
from hypothesis import strategies as st

from ftpsd.errors import ConfigError
from ftpsd.native._openssl import Connection, Context, Session, TLSError
from ftpsd.settings import tls_users
from ftpsd.settings.tls import TLSSettings
from ftpsd.testing.ca import Identity
from ftpsd.tls import certificates, ocsp, responder, revocation, verification
from ftpsd.tls.channel import HandshakeFailed
from ftpsd.tls.contexts import HostTLS
from ftpsd.tls.identity import Peer
from ftpsd.tls.responder import Unreachable
from tests.tls import pki
from tests.tls.pki import DAY, HOUR, Draft
from tests.tls.rig import TIMEOUT, VERSIONS, Files, Pair, background, build, hierarchy

every_version = pytest.mark.parametrize("version", VERSIONS)
CA = pki.of(hierarchy().client_ca)
PEER = Peer("192.0.2.1")


def client_of(identity: Identity, version: str) -> Context:
    context = Context(server=False)
    context.set_protocols([version])
    context.use_certificate(identity.certificate_pem)
    context.use_private_key(identity.key_pem())
    return context


@every_version
def test_a_list_that_changes_is_read_again(files: Files, version: str) -> None:
    client = Draft().sign(CA)
    lists = Path(files.write("crl.pem", pki.crl(CA)))
    host = build(
        files, verify_client="on", ca_certificate_file=files.authorities, ca_revocation_file=str(lists))
    with Pair(host) as pair:
        assert pair.start_tls(client_of(client, version)).verified
    lists.write_bytes(pki.crl(CA, client) * 2)
    with Pair(host) as pair:
        assert refusal(pair, client_of(client, version)) == "client-cert-revoked"
    lists.write_bytes(b"damaged")
    with Pair(host) as pair:
        assert refusal(pair, client_of(client, version)) == "client-cert-revoked"
    lists.unlink()
    with Pair(host) as pair:
        assert refusal(pair, client_of(client, version)) == "client-cert-revoked"


def refusal(pair: Pair, context: Context, session: Session | None = None) -> str:
    client = Connection(context, pair.client_socket.fileno(), server=False)
    if session is not None:
        client.set_session(session)

    def shake() -> None:
        try:
            client.handshake(TIMEOUT)
        except TLSError:
            pass  # under TLS 1.2 the client hears of it in the handshake

    with background(shake), pytest.raises(HandshakeFailed) as caught:
        pair.channel.start_tls(pair.host, TIMEOUT, pair.identity, PEER)
    return caught.value.reason


def test_a_client_hears_why(files: Files) -> None:
    client = Draft().sign(CA)
    host = build(
        files, verify_client="on", ca_certificate_file=files.authorities,
        ca_revocation_file=files.write("crl.pem", pki.crl(CA, client)))
    with Pair(host) as pair:
        connection = Connection(client_of(client, "TLSv1.2"), pair.client_socket.fileno(), server=False)

        def shake() -> None:
            with pytest.raises(TLSError):
                connection.handshake(TIMEOUT)

        with background(shake) as done, pytest.raises(HandshakeFailed):
            pair.channel.start_tls(host, TIMEOUT, pair.identity)
        done.result(TIMEOUT)
        assert connection.alert_received == ("fatal", "certificate revoked")


@every_version
@pytest.mark.parametrize("mode", ["on", "optional", "off"])
def test_a_resumed_session_brings_no_revoked_certificate_back(
    files: Files, version: str, mode: str
) -> None:
    client = Draft().sign(CA)
    lists = Path(files.write("crl.pem", pki.crl(CA)))
    host = build(
        files, verify_client=mode, ca_certificate_file=files.authorities, ca_revocation_file=str(lists))
    context = client_of(client, version)
    with Pair(host) as pair:
        pair.start_tls(context)
        session = pair.newest_session()
    with Pair(host) as pair:
        report = pair.start_tls(context, session)
        assert report.resumed
        assert report.verified
        session = pair.newest_session()
    lists.write_bytes(pki.crl(CA, client) * 2)
    with Pair(host) as pair:
        connection = Connection(context, pair.client_socket.fileno(), server=False)
        connection.set_session(session)
        with background(lambda: connection.handshake(TIMEOUT)) as done:
            if mode == "off":
                off = pair.channel.start_tls(host, TIMEOUT, pair.identity, PEER)
                assert (off.resumed, off.verified, off.pinnable) == (True, False, False)
                lines = off.lines
            else:
                with pytest.raises(HandshakeFailed) as caught:
                    pair.channel.start_tls(host, TIMEOUT, pair.identity, PEER)
                lines = caught.value.lines
            done.result(TIMEOUT)
    assert "client certificate failed verification: certificate revoked" in lines


ways = pytest.mark.parametrize(("version", "tickets"), [("TLSv1.2", False), ("TLSv1.2", True), ("TLSv1.3", False)])
"""Session ids, and tickets."""


def root_alone(files: Files, tickets: bool, **settings: object) -> HostTLS:
    """A host whose clients bring the authorities between them and the root."""
    return build(
        files, session_tickets=tickets, ca_certificate_file=files.write("root.pem", hierarchy().root.pem),
        **{"verify_client": "on", **settings})


def bringing(client: Identity, version: str) -> Context:
    context = client_of(client, version)
    context.add_chain_certificate(CA.certificate_pem)
    return context


@ways
@pytest.mark.parametrize("mode", ["on", "optional", "off"])
def test_a_session_without_the_chain_that_lists_are_about_is_not_resumed(
    files: Files, version: str, tickets: bool, mode: str
) -> None:
    """It has the client's certificate alone, and the authority that issued it is not here."""
    client = Draft().sign(CA)
    lists = Path(files.write("crl.pem", pki.crl(CA)))
    host = root_alone(files, tickets, ca_revocation_file=str(lists), verify_client=mode)
    context, session = bringing(client, version), None
    for _ in range(2):
        with Pair(host) as pair:
            report = pair.start_tls(context, session)
            assert (report.resumed, report.verified) == (False, True)
            session = pair.newest_session()
            for _ in range(2):
                data, _ = pair.connect_data(context, session)
                assert data.connection.resumed
                assert data.prove(ccc_used=False).ok
                session = pair.newest_session()
    lists.write_bytes(pki.crl(CA, client) * 2)
    with Pair(host) as pair:
        if mode == "off":
            report = pair.start_tls(context, session)
            assert (report.resumed, report.verified) == (False, False)
        else:
            assert refusal(pair, context, session) == "client-cert-revoked"


@ways
def test_a_session_without_the_chain_that_responders_are_asked_about_is_not_resumed(
    files: Files, version: str, tickets: bool
) -> None:
    with pki.responder(ca=pki.Answers(CA, CA)) as url:
        address = f"{url}/ca/good"
        host = root_alone(files, tickets, verify_order=("ocsp",))
        context, session = bringing(Draft(responders=(address,)).sign(CA), version), None
        for _ in range(2):
            with Pair(host) as pair:
                report = pair.start_tls(context, session)
                assert (report.resumed, report.verified) == (False, True)
                assert f"checking OCSP URL '{address}' for client cert 'CN = client'" in report.lines
                session = pair.newest_session()


@ways
def test_where_nothing_can_be_revoked_no_chain_is_needed(files: Files, version: str, tickets: bool) -> None:
    host = root_alone(files, tickets)
    context = bringing(Draft().sign(CA), version)
    with Pair(host) as pair:
        pair.start_tls(context)
        session = pair.newest_session()
    with Pair(host) as pair:
        report = pair.start_tls(context, session)
        assert (report.resumed, report.verified) == (True, True)


class Tomorrow(datetime.datetime):
    """A clock that is two days ahead."""

    @classmethod
    def now(cls, tz: datetime.tzinfo | None = None) -> datetime.datetime:  # type: ignore[override]
        return datetime.datetime.now(tz) + 2 * DAY


@every_version
def test_a_session_does_not_outlive_its_certificate(
    files: Files, version: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = Draft().sign(CA)
    host = build(files, verify_client="on", ca_certificate_file=files.authorities)
    context = client_of(client, version)
    with Pair(host) as pair:
        pair.start_tls(context)
        session = pair.newest_session()
    monkeypatch.setattr(verification, "datetime", Tomorrow)
    with Pair(host) as pair:
        connection = Connection(context, pair.client_socket.fileno(), server=False)
        connection.set_session(session)
        with background(lambda: connection.handshake(TIMEOUT)) as done:
            with pytest.raises(HandshakeFailed) as caught:
                pair.channel.start_tls(host, TIMEOUT, pair.identity, PEER)
            done.result(TIMEOUT)
    assert caught.value.lines == ("client certificate failed verification: certificate has expired",)


@every_version
def test_a_session_without_certificate_opens_no_door_that_needs_one(files: Files, version: str) -> None:
    """The ticket keys outlive a change of the configuration."""
    lax, strict = build(files), build(files, verify_client="on", ca_certificate_file=files.authorities)
    strict.context.use_ticket_keys(lax.context.ticket_keys)
    context = client_of(Draft().sign(CA), version)
    with Pair(lax) as pair:
        pair.start_tls(context)
        session = pair.newest_session()
    with Pair(strict) as pair:
        report = pair.start_tls(context, session)
        assert report.verified
        assert not report.resumed
    connection = Remembered()
    refused = strict.verification.accept(connection, PEER)  # type: ignore[arg-type]
    assert refused.reason == "client-cert-missing"


class Remembered:
    """A connection that resumed a session from when nobody asked for certificates."""

    peer_certificate = None
    resumed = True


@every_version
def test_unverified_certificates_are_told_apart(files: Files, version: str) -> None:
    """With TLSVerifyClient off: a stranger's can be pinned (.tlslogin), an expired one cannot."""
    host = build(files, ca_certificate_file=files.authorities)
    for made, verified, pinnable in (
        (Draft().sign(CA), True, True), (Draft().sign(), False, True),
        (Draft(first=-2 * DAY, last=-DAY).sign(CA), False, False),
        (Draft(first=-2 * DAY, last=-DAY).sign(), False, False),
    ):
        with Pair(host) as pair:
            report = pair.start_tls(client_of(made, version))
            assert (report.verified, report.pinnable) == (verified, pinnable)
            session = pair.newest_session()
        with Pair(host) as pair:
            report = pair.start_tls(client_of(made, version), session)
            assert report.resumed
            assert (report.verified, report.pinnable) == (verified, pinnable)


LOCATED = "on line 7 of '/etc/ftpsd.conf'"


@pytest.mark.parametrize(
    ("field", "make", "message"),
    [
        ("ca_revocation_file", lambda files: str(files.directory / "gone"),
         "fatal: TLSCARevocationFile: unable to use 'BASE/gone': No such file or directory"),
        ("ca_revocation_file", lambda files: files.authorities,
         "fatal: TLSCARevocationFile: unable to use 'BASE/ca.pem': file contained no CRL data"),
        ("ca_revocation_path", lambda files: files.authorities,
         "fatal: TLSCARevocationPath: parameter must be a directory path"),
    ],
)
def test_lists_that_cannot_be_used(
    files: Files, field: str, make: Callable[[Files], str], message: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        build(files, **{field: make(files)})
    assert str(caught.value).startswith(message.replace("BASE", str(files.directory)))
    assert LOCATED in str(caught.value)


def test_lists_that_nobody_asks_for(files: Files) -> None:
    lists = files.write("crl.pem", pki.crl(CA))
    host = build(files, ca_revocation_file=lists, verify_order=("ocsp",))
    assert any("TLSVerifyOrder does not name crl" in notice for notice in host.notices)
    assert host.verification.mechanisms == ("ocsp",)
    assert build(files).verification.mechanisms == ()
    assert build(files, ca_revocation_file=lists).verification.mechanisms == ("crl",)


@pytest.mark.parametrize(
    ("settings", "notice"),
    [
        ({"options": frozenset({"dNSNameRequired", "iPAddressRequired"})},
         "TLSOptions dNSNameRequired iPAddressRequired without effect: it needs TLSVerifyClient on"),
        ({"user_name": "CommonName"}, "TLSUserName without effect: clients are not asked for certificates"),
        ({"user_name": "CommonName", "options": frozenset({"AllowDotLogin"})},
         "TLSUserName and TLSOptions AllowDotLogin without effect: clients are not asked for certificates"),
        ({"options": frozenset({"AllowDotLogin", "NoCertRequest"}), "verify_client": "optional"},
         "TLSOptions AllowDotLogin without effect"),
        ({"user_rules": tls_users.rule(["alice", "CN", "x"])}, "TLSUserRule without effect: clients are not asked"),
        ({"user_name": "CommonName", "verify_client": "on"}, ""),
        ({"user_name": "CommonName", "verify_client": "optional"}, ""),
    ],
)
def test_settings_without_effect(files: Files, settings: dict[str, object], notice: str) -> None:
    notices = build(files, **settings).notices
    assert [text.startswith(notice) for text in notices if "without effect" in text] == [True] * bool(notice)


def test_a_user_name_needs_an_authority_or_verification(files: Files) -> None:
    assert build(files, user_name="CommonName", ca_certificate_file=files.authorities).notices == ()


@pytest.mark.parametrize(("settings", "locked"), [
    ({"user_name": "CommonName", "verify_client": "on"}, False),
    ({"user_rules": tls_users.rule(["alice", "CN", "x"]), "verify_client": "optional"}, False),
    ({"user_name": "CommonName"}, True), ({"verify_client": "on"}, True),
])
@pytest.mark.parametrize("login", ["both", "certificate alice", "either"])
def test_certificates_that_nobody_can_show(files: Files, settings: dict[str, object], locked: bool, login: str) -> None:
    notices = build(files, user_logins=tls_users.login(login.split()), **settings).notices
    assert any("TLSUserLogin lets nobody in" in text for text in notices) is (locked and login != "either")


@given(st.binary(max_size=300))
def test_damaged_lists_are_none(octets: bytes) -> None:
    text = b"-----BEGIN X509 CRL-----\n" + octets + b"\n-----END X509 CRL-----\n"
    with pytest.raises(ValueError, match="damaged"):
        revocation.lists_in(text)


def spoilt(made: bytes) -> bytes:
    """A list whose DER is not well-formed."""
    return made.replace(b"\nMI", b"\nAA", 1)


PARTS: dict[str, tuple[Callable[[bytes, bytes], bytes], str]] = {
    "damaged": (lambda good, other: good + spoilt(other), "revocation list 2 in it is damaged"),
    "damaged first": (lambda good, other: spoilt(other) + good, "revocation list 1 in it is damaged"),
    "cut off": (lambda good, other: good + other[:len(other) // 2], "a revocation list in it is cut off"),
    "without its head": (lambda good, other: other[len(other) // 2:] + good, "a revocation list in it is cut off"),
}


@every_version
@pytest.mark.parametrize("field", ["ca_revocation_file", "ca_revocation_path"])
@pytest.mark.parametrize("part", PARTS)
def test_several_lists_count_together(files: Files, version: str, field: str, part: str) -> None:
    """One that is damaged keeps the others from being taken for all there are."""
    make, why = PARTS[part]
    client, other = Draft().sign(CA), pki.authority("Another", None)
    place = files.directory / "lists"
    place.mkdir()
    lists = place / "crl.pem"
    (place / "readme").write_bytes(b"no list")
    settings: dict[str, object] = {
        "verify_client": "on", "ca_certificate_file": files.authorities,
        field: str(lists if field == "ca_revocation_file" else place)}
    lists.write_bytes(make(pki.crl(other), pki.crl(CA, client)))
    with pytest.raises(ConfigError, match=why) as caught:
        build(files, **settings)
    assert str(lists) in str(caught.value)
    lists.write_bytes(pki.crl(other) + pki.crl(CA, client))
    host = build(files, **settings)
    lists.write_bytes(make(pki.crl(other), pki.crl(CA)))
    for _ in range(2):
        with Pair(host) as pair:
            assert refusal(pair, client_of(client, version)) == "client-cert-revoked"
    lists.write_bytes(pki.crl(CA))
    with Pair(host) as pair:
        assert pair.start_tls(client_of(client, version)).verified


def test_of_several_files_those_that_can_be_used_count(tmp_path: Path) -> None:
    client = Draft().sign(CA)
    (tmp_path / "a.r0").write_bytes(pki.crl(CA, client))
    (tmp_path / "b.r0").write_bytes(pki.crl(pki.authority("Another", None)))
    lists = revocation.Revocations(TLSSettings(ca_revocation_path=str(tmp_path)), lambda name: None)
    assert lists.notices == ()
    for content in (b"", spoilt(pki.crl(CA))):
        (tmp_path / "a.r0").write_bytes(content)
        (tmp_path / "b.r0").write_bytes(pki.crl(pki.authority("Another", None), client) + content)
        (tmp_path / "c.r0").write_bytes(pki.crl(pki.authority(f"Third{len(content)}", None)))
        found = lists.current()
        assert len(found) == 3, "the old list of the first, the second's and the new one"
        chain = (client.certificate, CA.certificate)
        assert revocation.check(chain, found, pki.now()).code == revocation.REVOKED


def code_of(chain: tuple[x509.Certificate, ...], *lists: bytes) -> int:
    """What these lists, all those that there are, say of a chain."""
    return revocation.check(chain, revocation.newest(revocation.lists_in(b"".join(lists))), pki.now()).code


@pytest.mark.parametrize("reason", x509.ReasonFlags)
def test_reasons_of_a_revocation(reason: x509.ReasonFlags) -> None:
    """All but one revoke: what a delta list takes off hold."""
    if reason is x509.ReasonFlags.unspecified:
        pytest.skip("it is left out instead (RFC 5280 section 5.3.1)")
    client = Draft().sign(CA)
    code = code_of((client.certificate, CA.certificate), pki.crl(CA, client, reason=reason))
    assert code == (0 if reason is x509.ReasonFlags.remove_from_crl else revocation.REVOKED)


@pytest.mark.parametrize("scope", [
    x509.DeltaCRLIndicator(1),
    x509.IssuingDistributionPoint(None, None, False, False, frozenset({x509.ReasonFlags.ca_compromise}), False, False),
], ids=["delta", "partition"])
def test_a_later_list_of_another_scope_replaces_none(scope: x509.ExtensionType) -> None:
    client = Draft().sign(CA)
    chain = client.certificate, CA.certificate
    whole, part = pki.crl(CA, client), pki.crl(CA, first=-HOUR / 2, more=[scope])
    assert code_of(chain, whole, part) == code_of(chain, part, whole) == revocation.REVOKED
    assert code_of(chain, whole, pki.crl(CA, first=-HOUR / 2)) == 0, "a later one of the same scope does"


def test_a_later_list_of_another_key_replaces_none() -> None:
    """An authority that has got a new key has a list for either; another one may have the same name."""
    old, new = pki.authority("Twin", None, key="old"), pki.authority("Twin", None, key="new")
    client = Draft().sign(old)
    chain = client.certificate, old.certificate
    assert code_of(chain, pki.crl(old, client), pki.crl(new, first=-HOUR / 2)) == revocation.REVOKED
    assert code_of(chain, pki.crl(new, client, first=-HOUR / 2), pki.crl(old)) == 0


def test_a_list_that_cannot_be_read_for_a_moment_is_read_at_the_next_look(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:
    client = Draft().sign(CA)
    lists = tmp_path / "crl.pem"
    lists.write_bytes(pki.crl(CA))
    found = revocation.Revocations(TLSSettings(ca_revocation_file=str(lists)), lambda name: None)
    chain = client.certificate, CA.certificate
    lists.write_bytes(pki.crl(CA, client) * 2)

    def unreadable(path: str) -> bytes:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)

    with monkeypatch.context() as patched:
        patched.setattr(certificates, "read_file", unreadable)
        assert found.check(chain, pki.now()).code == 0
    assert found.check(chain, pki.now()).code == revocation.REVOKED


# ---- responders that do not answer


@contextmanager
def listener(serve: Callable[[socket.socket], None]) -> Iterator[str]:
    """The address of a server that does `serve` with its first connection."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(TIMEOUT)

        def accept() -> None:
            sock, _ = listening.accept()
            with sock:
                sock.settimeout(TIMEOUT)
                serve(sock)

        with background(accept) as done:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}/path?query"
            done.result(TIMEOUT)


def until_closed(sock: socket.socket) -> None:
    while sock.recv(4096):
        pass


def drip(sock: socket.socket) -> None:
    """A header without end."""
    sock.recv(4096)
    sock.sendall(b"HTTP/1.1 200 OK\r\nX: ")
    try:
        while True:
            sock.sendall(b"x")
            time.sleep(0.005)
    except OSError:
        return


def drip_closing(sock: socket.socket) -> None:
    """A body without end of a responder that is going to close the connection."""
    sock.recv(4096)
    try:
        sock.sendall(b"HTTP/1.0 200 OK\r\n\r\n")
        while True:
            sock.sendall(b"x")
            time.sleep(0.005)
    except OSError:
        return


def endless(sock: socket.socket) -> None:
    """A body without end."""
    sock.recv(4096)
    try:
        sock.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            sock.sendall(b"x" * 65536)
    except OSError:
        return


def rubbish(sock: socket.socket) -> None:
    sock.recv(4096)
    sock.sendall(b"220 ready\r\n")


def redirect(sock: socket.socket) -> None:
    sock.recv(4096)
    sock.sendall(b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n")


@pytest.mark.parametrize(
    ("serve", "timeout", "problem"),
    [
        (until_closed, 0.3, "timed out"), (drip, 0.3, "timed out"), (drip_closing, 0.3, "timed out"),
        (rubbish, TIMEOUT, "not HTTP"), (endless, TIMEOUT, "the response is too large"),
        (redirect, TIMEOUT, "HTTP status 302"),
    ],
)
def test_bad_responders(serve: Callable[[socket.socket], None], timeout: float, problem: str) -> None:
    before = threading.active_count()
    with listener(serve) as url:
        started = time.monotonic()
        with pytest.raises(Unreachable, match=problem):
            responder.ask(url, b"question", timeout)
        assert time.monotonic() - started < TIMEOUT / 2
    deadline = time.monotonic() + TIMEOUT
    while threading.active_count() > before and time.monotonic() < deadline:
        time.sleep(0.001)
    assert threading.active_count() <= before, "the thread of the exchange has ended"


def test_the_question_as_it_is_asked() -> None:
    seen: list[bytes] = []

    def serve(sock: socket.socket) -> None:
        while b"question" not in b"".join(seen):
            seen.append(sock.recv(4096))
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nanswer")

    with listener(serve) as url:
        assert responder.ask(url, b"question", TIMEOUT) == b"answer"
    text = b"".join(seen)
    assert text.startswith(b"POST /path?query HTTP/1.1\r\n")
    assert b"Content-Type: application/ocsp-request\r\n" in text


@pytest.mark.parametrize(
    "url", ["https://127.0.0.1/", "ldap://x", "http://", "http://[::1", "http://127.0.0.1:x/", "", "http://x/ü",
            "http://127.0.0.1 x/", "http://a\x7fb/", "http://\ud800/"])
def test_addresses_that_are_not_asked(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    places = threading.BoundedSemaphore(1)
    monkeypatch.setattr(responder, "_MOST_AT_ONCE", places)
    with pytest.raises(Unreachable):
        responder.ask(url, b"", TIMEOUT)
    assert places.acquire(timeout=TIMEOUT), "the place is free again"


def test_places_of_exchanges_that_never_began_are_free(monkeypatch: pytest.MonkeyPatch) -> None:
    places = threading.BoundedSemaphore(1)
    monkeypatch.setattr(responder, "_MOST_AT_ONCE", places)

    class Broken:
        def __init__(self, *arguments: object, **options: object) -> None:
            raise error

    monkeypatch.setattr(http.client, "HTTPConnection", Broken)
    for error in (http.client.InvalidURL("no"), OSError("no"), MemoryError()):
        with pytest.raises(MemoryError if isinstance(error, MemoryError) else Unreachable):
            responder.ask("http://127.0.0.1:1/", b"", TIMEOUT)
        assert places.acquire(blocking=False)
        places.release()


def test_a_handshake_that_drips_ends_with_its_time() -> None:
    """https:// (stapling)."""

    def serve(sock: socket.socket) -> None:
        sock.recv(4096)
        try:
            sock.sendall(b"\x16\x03\x03\x3f\xff\x02\x00\x3f\xfb")
            while True:
                sock.sendall(b"x")
                time.sleep(0.005)
        except OSError:
            return

    with listener(serve) as url:
        with pytest.raises(Unreachable, match="timed out"):
            responder.ask(url.replace("http:", "https:"), b"question", 2.0, https=True)
    deadline = time.monotonic() + TIMEOUT
    while any(thread.name == "ocsp" for thread in threading.enumerate()) and time.monotonic() < deadline:
        time.sleep(0.001)
    assert not any(thread.name == "ocsp" for thread in threading.enumerate())


@every_version
@pytest.mark.parametrize(("longest", "handshake"), [(0.5, 300), (0.5, 0), (300, 1)])
def test_a_silent_responder_holds_nobody_for_long(
    files: Files, version: str, monkeypatch: pytest.MonkeyPatch, longest: float, handshake: int
) -> None:
    monkeypatch.setattr(verification, "OCSP_TIMEOUT", longest)
    with listener(until_closed) as url:
        client = Draft(responders=(url, url)).sign(CA)
        host = build(
            files, verify_client="on", verify_order=("ocsp",), ca_certificate_file=files.authorities,
            timeout_handshake=handshake)
        with Pair(host) as pair:
            report = pair.start_tls(client_of(client, version))
    assert report.verified
    assert report.lines.count(f"timed out talking to OCSP responder '{url}'") == 2


def test_data_connections_ask_nobody(files: Files) -> None:
    """Their certificate has to be the control connection's."""
    asked: list[str] = []

    def ask(url: str, question: bytes, timeout: float) -> bytes:
        asked.append(url)
        raise Unreachable("no")

    settings = TLSSettings(verify_client="on", verify_order=("ocsp",))
    judge = verification.Verification(settings, (), lambda name: None, ask)
    chain = Draft(responders=("http://127.0.0.1/",)).sign(CA)
    ders = tuple(
        one.public_bytes(pki.DER) for one in (chain.certificate, *chain.chain))
    left, right = socket.socketpair()
    with left, right:
        left.setblocking(False)
        host = build(files)
        data = Connection(host.context, left.fileno(), role="data")
        assert judge.revoked(data, ders) is None
        assert asked == []
        control = Connection(host.context, left.fileno())
        assert judge.revoked(control, ders) is None
        assert asked == ["http://127.0.0.1/"]
        assert judge.revoked(control, (b"damaged",)) == (0, 1)


@given(st.binary(max_size=300))
def test_any_octets_as_an_answer(octets: bytes) -> None:
    client = Draft().sign(CA)
    question = ocsp.request(client.certificate, CA.certificate, b"n" * 16)
    with pytest.raises(ocsp.BadResponse):
        ocsp.judge(octets, question, CA.certificate, b"n" * 16, pki.now())


@pytest.mark.parametrize("mode", ["other-name", "other-key", "other"])
def test_an_answer_about_a_certificate_of_another_authority(mode: str) -> None:
    """A responder answers for several; their certificates may have the same serial number."""
    client = Draft().sign(CA)
    question = ocsp.request(client.certificate, CA.certificate, b"n" * 16)
    answer = pki.Answers(CA, CA).answer(mode, question.public_bytes(pki.DER))
    with pytest.raises(ocsp.BadResponse, match="about other certificates"):
        ocsp.judge(answer, question, CA.certificate, b"n" * 16, pki.now())


OCSP_SIGNING = (ExtendedKeyUsageOID.OCSP_SIGNING,)


@pytest.mark.parametrize(("signer", "good"), [
    (Draft(names=("delegate",), key="delegate", usage=OCSP_SIGNING).sign(CA), True),
    (Draft(names=("stranger",), key="stranger", usage=OCSP_SIGNING).sign(), False),
    (Draft(names=("stranger",), key="stranger", usage=OCSP_SIGNING).sign(pki.authority("Another", None)), False),
    (Draft(names=("former",), key="former", usage=OCSP_SIGNING, first=-2 * DAY, last=-DAY).sign(CA), False),
    (Draft(names=("future",), key="future", usage=OCSP_SIGNING, first=DAY, last=2 * DAY).sign(CA), False),
    (Draft(names=("client",)).sign(CA), False),
], ids=["delegate", "by itself", "of another authority", "expired", "not yet valid", "no responder"])
@pytest.mark.parametrize("mode", ["good", "by-name"])
def test_who_may_answer(signer: Identity, good: bool, mode: str) -> None:
    """Whoever could would say of a stolen certificate that it is good."""
    client = Draft().sign(CA)
    question = ocsp.request(client.certificate, CA.certificate, b"n" * 16)
    answer = pki.Answers(CA, signer).answer(mode, question.public_bytes(pki.DER))
    if good:
        found = ocsp.judge(answer, question, CA.certificate, b"n" * 16, pki.now())
        assert found.certificate_status.name == "GOOD"
        return
    with pytest.raises(ocsp.BadResponse, match="not signed by the issuer"):
        ocsp.judge(answer, question, CA.certificate, b"n" * 16, pki.now())


@pytest.mark.parametrize("key", ["rsa", "ed25519"])
def test_signatures_of_other_kinds(key: str) -> None:
    above = pki.authority("Other", None, key=key)
    client = Draft().sign(above)
    question = ocsp.request(client.certificate, above.certificate, b"n" * 16)
    answer = pki.Answers(above, above).answer("revoked", question.public_bytes(pki.DER))
    found = ocsp.judge(answer, question, above.certificate, b"n" * 16, pki.now())
    assert found.certificate_status.name == "REVOKED"
    with pytest.raises(ocsp.BadResponse):
        ocsp.judge(answer[:-3] + bytes(3), question, above.certificate, b"n" * 16, pki.now())


def test_lists_of_a_directory(tmp_path: Path) -> None:
    settings = TLSSettings(ca_revocation_path=str(tmp_path))
    lists = revocation.Revocations(settings, lambda name: None)
    assert lists
    assert lists.current() == ()
    assert "there is no revocation list" in lists.notices[0]
    (tmp_path / "a.r0").write_bytes(pki.crl(CA))
    (tmp_path / "readme").write_bytes(b"not a list")
    assert len(lists.current()) == 1
    os.unlink(tmp_path / "a.r0")
    assert lists.current() == ()
