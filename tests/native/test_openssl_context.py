"""Contexts: keys and certificates, protocols, ciphers, verification, ALPN, SNI, and the errors they give."""

from __future__ import annotations

import os
import socket
import subprocess
import sys

import pytest

from ftpsd.native import _openssl
from ftpsd.native._openssl import Connection, Context, OpenSSLError, TLSError
from tests.native.openssl_support import (
    TLS12,
    TLS13,
    Credential,
    KeyKind,
    client_context,
    client_leaf,
    connect,
    connected,
    issue,
    leaf,
    root,
    server_context,
    socket_pair,
)


def test_versions_name_the_library() -> None:
    assert _openssl.library_version().startswith("OpenSSL 3")
    assert _openssl.header_version().startswith("OpenSSL 3")


@pytest.mark.parametrize("protocol", ["TLSv1.2", "TLSv1.3"])
def test_supports_current_protocols(protocol: str) -> None:
    assert _openssl.supports(protocol)


def test_supports_refuses_unknown_words() -> None:
    with pytest.raises(ValueError, match="SSLv9"):
        _openssl.supports("SSLv9")


def test_random_bytes_differ() -> None:
    assert len(_openssl.random_bytes(32)) == 32
    assert _openssl.random_bytes(32) != _openssl.random_bytes(32)


def test_fips_is_loaded_or_refused_with_the_reason() -> None:
    """In a process of its own: the provider would rule everything that follows."""
    program = (
        "from ftpsd.native import _openssl\n"
        "try:\n"
        "    _openssl.load_fips()\n"
        "except _openssl.OpenSSLError as error:\n"
        "    print('refused', len(error.queue) > 0, 'FIPS' in str(error))\n"
        "else:\n"
        "    print('loaded', len(_openssl.random_bytes(8)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert done.stdout.strip() in ("refused True True", "loaded 8")


@pytest.mark.parametrize(
    ("kind", "cipher"),
    [("rsa", "ECDHE-RSA-AES128-GCM-SHA256"), ("ec", "ECDHE-ECDSA-AES128-GCM-SHA256"),
     ("ed25519", "ECDHE-ECDSA-AES256-GCM-SHA384"), ("dsa", "DHE-DSS-AES128-GCM-SHA256")],
)
def test_each_key_type_serves_its_ciphers(kind: KeyKind, cipher: str) -> None:
    kinds: tuple[KeyKind, ...] = ("ed25519",) if kind == "ed25519" else ("rsa", "ec", "dsa")
    server = server_context(*kinds, protocols=(TLS12,))
    server.set_ciphers("ALL")
    client = client_context(TLS12)
    client.set_ciphers(cipher)
    with connected(server, client) as pair:
        assert pair.server.cipher == cipher
        assert pair.client.peer_certificate == leaf(kind).der
        assert pair.server.bits == pair.server.algorithm_bits == (256 if "256-" in cipher else 128)


def test_chain_certificates_belong_to_the_leaf_used_last() -> None:
    middle = issue("middle", root(), ca=True)
    own = issue("server", middle)
    server = server_context("rsa")
    server.use_certificate(own.pem)
    server.use_private_key(own.key_pem())
    server.add_chain_certificate(middle.pem + root().pem)
    client = client_context(TLS12)
    client.set_ciphers("aECDSA")
    with connected(server, client) as pair:
        assert pair.client.peer_chain == (own.der, middle.der, root().der)
    client.set_ciphers("aRSA")
    with connected(server, client) as pair:
        assert pair.client.peer_chain == (leaf("rsa").der,)


def test_key_that_belongs_to_another_certificate() -> None:
    context = Context()
    context.use_certificate(leaf("ec").pem)
    with pytest.raises(OpenSSLError, match="key values mismatch") as caught:
        context.use_private_key(issue("other").key_pem())
    assert caught.value.queue[0].text == "error:05800074:x509 certificate routines::key values mismatch"
    assert caught.value.queue[0].library == "x509 certificate routines"


def test_certificate_without_its_key() -> None:
    context = Context()
    context.use_certificate(leaf("ec").pem)
    with pytest.raises(OpenSSLError, match="no private key assigned"):
        context.check_private_key()
    context.use_private_key(leaf("ec").key_pem())
    context.check_private_key()


@pytest.mark.parametrize("password", [None, b"wrong"])
def test_encrypted_key_never_prompts(password: bytes | None) -> None:
    context = Context()
    context.use_certificate(leaf("ec").pem)
    secret = leaf("ec").key_pem(b"right")
    with pytest.raises(OpenSSLError, match="private key") as caught:
        context.use_private_key(secret, password)
    assert caught.value.queue
    context.use_private_key(secret, b"right")
    context.check_private_key()


@pytest.mark.parametrize("method", ["use_certificate", "use_private_key", "add_trusted", "use_dh_parameters"])
def test_garbage_is_refused_with_the_queue(method: str) -> None:
    with pytest.raises(OpenSSLError):
        getattr(Context(), method)(b"no PEM at all")


def test_chain_needs_a_leaf_first() -> None:
    with pytest.raises(ValueError, match="no certificate"):
        Context().add_chain_certificate(root().pem)


def test_add_trusted_counts() -> None:
    assert Context().add_trusted(root().pem + issue("second", ca=True).pem) == 2


@pytest.mark.parametrize("protocols", [(), ("SSLv3",)])
def test_protocols_that_cannot_be_set(protocols: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="protocol"):
        Context().set_protocols(protocols)


def test_protocols_with_a_hole() -> None:
    server = server_context("rsa", protocols=("TLSv1.1", TLS13))
    server.set_security_level(0)
    with connected(server, client_context(TLS13)) as pair:
        assert pair.server.version == "TLSv1.3"
        assert pair.server.client_hello_version == "TLSv1.3"
    refused = connect(server, client_context(TLS12))
    refused.close()
    assert refused.errors[0] is not None
    assert refused.client.alert_sent == ("fatal", "protocol version")


def test_version_too_low_is_told() -> None:
    refused = connect(server_context(protocols=(TLS13,)), client_context(TLS12))
    refused.close()
    assert refused.errors[0] is not None
    assert refused.errors[0].kind == "protocol"
    assert refused.errors[0].queue[0].reason == "unsupported protocol"
    assert refused.server.client_hello_version == TLS12
    assert refused.server.alert_sent == ("fatal", "protocol version")
    assert refused.client.alert_received == ("fatal", "protocol version")


def test_old_protocols_at_security_level_zero() -> None:
    server = server_context("rsa", protocols=("TLSv1", "TLSv1.1"))
    client = client_context("TLSv1")
    for context in (server, client):
        context.set_ciphers("DEFAULT@SECLEVEL=0")
        context.set_security_level(0)
    with connected(server, client) as pair:
        assert pair.server.version == "TLSv1"


@pytest.mark.parametrize(
    ("method", "word"),
    [("set_ciphers", "NONSENSE"), ("set_ciphersuites", "NONSENSE"), ("set_groups", "nonsense")],
)
def test_unknown_cipher_words_are_named(method: str, word: str) -> None:
    with pytest.raises(OpenSSLError, match=word):
        getattr(Context(), method)(word)


def test_ciphers_lists_what_would_be_offered() -> None:
    context = Context()
    context.set_ciphers("ECDHE-RSA-AES256-GCM-SHA384")
    context.set_ciphersuites("TLS_CHACHA20_POLY1305_SHA256")
    assert context.ciphers() == ["TLS_CHACHA20_POLY1305_SHA256", "ECDHE-RSA-AES256-GCM-SHA384"]
    context.set_protocols([TLS12])
    assert context.ciphers() == ["ECDHE-RSA-AES256-GCM-SHA384"]


def test_no_shared_cipher_is_in_the_queue() -> None:
    server = server_context("ec", protocols=(TLS12,))
    client = client_context(TLS12)
    client.set_ciphers("aRSA")
    pair = connect(server, client)
    pair.close()
    error = pair.errors[0]
    assert error is not None
    assert error.kind == "protocol"
    assert [entry.text for entry in error.queue] == ["error:0A0000C1:SSL routines::no shared cipher"]
    assert error.queue[0].reason == "no shared cipher"
    assert error.queue[0].code == 0x0A0000C1
    with pytest.raises(OpenSSLError) as later:
        Context().set_groups("nonsense")
    assert all("shared cipher" not in entry.text for entry in later.value.queue)


@pytest.mark.parametrize(("preference", "expected"), [(True, "256"), (False, "128")])
def test_server_preference(preference: bool, expected: str) -> None:
    server = server_context(protocols=(TLS12,))
    server.set_ciphers("ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-AES128-GCM-SHA256")
    server.set_options(server_preference=preference)
    client = client_context(TLS12)
    client.set_ciphers("ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384")
    with connected(server, client) as pair:
        assert f"AES{expected}" in pair.server.cipher


# ---- client certificates


def verifying(mode: _openssl.VerifyMode, *, depth: int = 9, lenient: bool = False) -> Context:
    server = server_context()
    server.add_trusted(root().pem)
    server.set_client_ca_names(root().pem)
    server.set_verify(mode, depth=depth, optional_failure_ok=lenient)
    return server


def presenting(credential: Credential, protocol: str, *chain: Credential) -> Context:
    client = client_context(protocol)
    client.use_certificate(credential.pem)
    client.use_private_key(credential.key_pem())
    for link in chain:
        client.add_chain_certificate(link.pem)
    return client


@pytest.mark.parametrize("protocol", [TLS12, TLS13])
def test_good_client_certificate(protocol: str) -> None:
    with connected(verifying("require"), presenting(client_leaf(), protocol)) as pair:
        assert pair.server.peer_certificate == client_leaf().der
        assert pair.server.peer_chain[0] == client_leaf().der
        assert pair.server.verify_result == (0, "ok")
        assert pair.server.verify_failures == []
        assert pair.client.client_ca_names == ("CN = test root",)


Answer = tuple[int, int] | None


@pytest.mark.parametrize("protocol", [TLS12, TLS13])
@pytest.mark.parametrize("lenient", [False, True])
@pytest.mark.parametrize("answer", [None, (0, 23), (1, 12), (7, 23)])
def test_objection_to_a_good_chain(protocol: str, lenient: bool, answer: Answer) -> None:
    """The callback sees the whole verified chain once; what it objects to is a fault as any other."""
    seen: list[tuple[bytes, ...]] = []

    def judge(connection: Connection, chain: tuple[bytes, ...]) -> Answer:
        seen.append(chain)
        connection.verification = "seen"
        return answer

    server = verifying("require", lenient=lenient)
    server.set_verify_callback(judge)
    pair = connect(server, presenting(client_leaf(), protocol))
    try:
        assert seen == [(client_leaf().der, root().der)]
        assert pair.server.verification == "seen"
        assert (pair.errors[0] is not None) is (answer is not None and not lenient)
        found = [(failure.depth, failure.code) for failure in pair.server.verify_failures]
        if answer is None:
            assert found == []
        else:
            known = answer[0] < 2
            assert found == [answer if known else (0, answer[1])]
            expected = "CN = test root" if answer[0] == 1 else "CN = client"
            assert pair.server.verify_failures[0].subject == expected
    finally:
        pair.close()


def test_a_bad_chain_is_nothing_to_ask_about() -> None:
    server = server_context()
    server.set_verify("require")
    server.set_verify_callback(lambda connection, chain: pytest.fail("asked"))
    pair = connect(server, presenting(client_leaf(), TLS13))
    pair.close()
    assert pair.errors[0] is not None
    assert pair.errors[0].queue[-1].reason == "certificate verify failed"


def test_what_the_verify_callback_raises_comes_out() -> None:
    def judge(connection: Connection, chain: tuple[bytes, ...]) -> None:
        raise LookupError("from the callback")

    server = verifying("require")
    server.set_verify_callback(judge)
    near, far = socket_pair()
    with near, far:
        accepted = Connection(server, far.fileno())
        offered = Connection(presenting(client_leaf(), TLS12), near.fileno(), server=False)

        def exchange() -> None:
            for _ in range(20):
                offered.handshake_step()
                accepted.handshake_step()

        with pytest.raises(LookupError, match="from the callback"):
            exchange()


@pytest.mark.parametrize("protocol", [TLS12, TLS13])
def test_required_certificate_is_missing(protocol: str) -> None:
    pair = connect(verifying("require"), client_context(protocol))
    pair.close()
    assert pair.errors[0] is not None
    assert pair.errors[0].kind == "protocol"
    assert pair.errors[0].queue[0].reason == "peer did not return a certificate"


@pytest.mark.parametrize("mode", ["none", "request"])
def test_optional_certificate_is_missing(mode: _openssl.VerifyMode) -> None:
    with connected(verifying(mode), client_context()) as pair:
        assert pair.server.peer_certificate is None
        assert pair.server.peer_chain == ()
        assert pair.client.client_ca_names == (() if mode == "none" else ("CN = test root",))


@pytest.mark.parametrize("mode", ["request", "require"])
def test_bad_certificate_is_refused(mode: _openssl.VerifyMode) -> None:
    pair = connect(verifying(mode), presenting(issue("stranger"), TLS13))
    pair.close()
    assert pair.errors[0] is not None
    assert pair.errors[0].queue[0].reason == "certificate verify failed"
    failure = pair.server.verify_failures[0]
    assert (failure.depth, failure.text) == (0, "self-signed certificate")
    assert (failure.subject, failure.issuer) == ("CN = stranger", "CN = stranger")
    assert pair.server.verify_result == (18, "self-signed certificate")


@pytest.mark.parametrize("protocol", [TLS12, TLS13])
def test_tolerated_bad_certificate_is_recorded(protocol: str) -> None:
    with connected(verifying("request", lenient=True), presenting(issue("stranger"), protocol)) as pair:
        assert pair.server.peer_certificate is not None
        assert [failure.code for failure in pair.server.verify_failures] == [18]
        assert pair.server.verify_result == (18, "self-signed certificate")
        assert pair.client.client_ca_names == ("CN = test root",)


@pytest.mark.parametrize(("depth", "accepted"), [(0, False), (1, False), (2, False), (3, True)])
def test_depth_is_enforced_by_its_name(depth: int, accepted: bool) -> None:
    first = issue("first", root(), ca=True)
    second = issue("second", first, ca=True)
    pair = connect(
        verifying("require", depth=depth), presenting(issue("deep", second), TLS13, second, first, root())
    )
    pair.close()
    assert (pair.errors[0] is None) is accepted
    texts = {failure.text for failure in pair.server.verify_failures}
    assert texts == (set() if accepted else {"certificate chain too long"})


def test_ca_names_without_repeats_and_none() -> None:
    context = Context()
    second = issue("second", ca=True)
    assert context.set_client_ca_names(root().pem + second.pem + root().pem) == 2
    assert context.client_ca_names() == ("CN = test root", "CN = second")
    assert context.set_client_ca_names(b"") == 0
    assert context.client_ca_names() == ()


def test_unknown_verify_mode() -> None:
    with pytest.raises(ValueError, match="perhaps"):
        Context().set_verify("perhaps")  # type: ignore[arg-type]


@pytest.mark.parametrize(("name", "kind"), [("localhost", None), ("elsewhere", "protocol")])
def test_client_checks_the_server_name(name: str, kind: str | None) -> None:
    client = client_context()
    client.add_trusted(root().pem)
    client.set_verify("require")
    pair = connect(server_context(), client, verify_host=name)
    pair.close()
    assert (pair.errors[1].kind if pair.errors[1] else None) == kind


# ---- ALPN and SNI


@pytest.mark.parametrize(
    ("ours", "strict", "theirs", "chosen"),
    [
        ((b"ftp",), False, (b"ftp",), b"ftp"),
        ((b"ftp", b"ftps"), True, (b"http/1.1", b"ftps", b"ftp"), b"ftp"),
        ((b"ftp",), False, (b"h2",), b""),
        ((b"ftp",), True, (b"ftpx", b"ft", b"FTP"), None),
        ((b"ftp",), True, (), b""),
        ((), False, (b"ftp",), b""),
    ],
)
@pytest.mark.parametrize("protocol", [TLS12, TLS13])
def test_alpn(
    ours: tuple[bytes, ...], strict: bool, theirs: tuple[bytes, ...], chosen: bytes | None, protocol: str
) -> None:
    server, client = server_context(), client_context(protocol)
    server.set_alpn(ours, strict)
    client.set_alpn(theirs)
    pair = connect(server, client)
    pair.close()
    if chosen is None:
        assert pair.server.alert_sent == ("fatal", "no application protocol")
        assert pair.client.alert_received == pair.server.alert_sent
    else:
        assert pair.errors == (None, None)
        assert pair.server.alpn == pair.client.alpn == chosen


@pytest.mark.parametrize("names", [(b"x" * 256,), (b"",), (b"y" * 200, b"z" * 100)])
def test_alpn_names_have_bounds(names: tuple[bytes, ...]) -> None:
    with pytest.raises(ValueError):
        Context().set_alpn(names)


@pytest.mark.parametrize("protocol", [TLS12, TLS13])
def test_sni_switches_certificate_and_verification(protocol: str) -> None:
    first, second = server_context("ec"), server_context("rsa")
    second.add_trusted(root().pem)
    second.set_verify("require")
    asked: list[str | None] = []

    def choose(connection: Connection, name: str | None) -> Context | int | None:
        asked.append(name)
        return second if name == "two.example" else 112 if name == "three.example" else None

    first.set_servername_callback(choose)
    with connected(first, presenting(client_leaf(), protocol), server_name="two.example") as pair:
        assert pair.client.peer_certificate == leaf("rsa").der
        assert pair.server.peer_certificate == client_leaf().der
        assert pair.server.server_name == "two.example"
        assert pair.server.context is second
    with connected(first, presenting(client_leaf(), protocol)) as pair:
        assert pair.client.peer_certificate == leaf("ec").der
        assert pair.server.peer_certificate is None
        assert pair.server.server_name is None
    refused = connect(first, client_context(protocol), server_name="three.example")
    refused.close()
    assert refused.client.alert_received == ("fatal", "unrecognized name")
    assert asked == ["two.example", None, "three.example"]


def test_sni_switch_keeps_the_reuse_proof() -> None:
    first, second = server_context("ec"), server_context("rsa")
    first.set_servername_callback(lambda connection, name: second if name else None)
    client = client_context(TLS13)
    with connected(first, client, server_name="two.example") as control:
        control.send_to_client(b"x")
        session = control.client.get_session()
        with connected(first, client, session=session, control=control.server) as data:
            assert data.server.proof_of(control.server) == "ok"


def test_an_exception_in_a_callback_comes_out_of_the_handshake() -> None:
    class Mistake(Exception):
        pass

    def fail(connection: Connection, name: str | None) -> None:
        raise Mistake

    server = server_context()
    server.set_servername_callback(fail)
    near, far = socket_pair()
    with near, far:
        accepted = Connection(server, far.fileno())
        offered = Connection(client_context(), near.fileno(), server=False)
        assert offered.handshake_step() == "read"
        with pytest.raises(Mistake):
            accepted.handshake(5)


def test_connection_refuses_a_blocking_descriptor_and_the_wrong_side() -> None:
    near, far = socket.socketpair()
    with near, far:
        with pytest.raises(ValueError, match="blocking mode"):
            Connection(Context(), near.fileno())
        near.setblocking(False)
        with pytest.raises(ValueError, match="other side"):
            Connection(Context(server=False), near.fileno())
        with pytest.raises(ValueError, match="32 bytes"):
            Connection(Context(), near.fileno(), identity=b"short")
        with pytest.raises(ValueError, match="role"):
            Connection(Context(), near.fileno(), role="other")  # type: ignore[arg-type]
    with pytest.raises(OSError, match="Bad file descriptor"):
        Connection(Context(), near.fileno() if near.fileno() >= 0 else 10_000)


def test_tls_error_is_an_openssl_error() -> None:
    error = TLSError("x", kind="eof")
    assert isinstance(error, OpenSSLError)
    assert (error.kind, error.errno, error.queue) == ("eof", 0, ())
