"""Engines, providers, seeds, memory for secrets, and pre-shared keys against OpenSSL's own client."""

from __future__ import annotations

import base64
import mmap
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Literal

import pytest

from ftpsd.native import _openssl
from ftpsd.native._openssl import Connection, Context, OpenSSLError, TLSError
from tests.native.openssl_support import (
    TIMEOUT,
    TLS13,
    client_context,
    connected,
    leaf,
    newest_session,
    server_context,
)

KEY = bytes(range(32))


def apart(program: str) -> str:
    """What `program` prints, in a process of its own: what is loaded stays loaded."""
    done = subprocess.run(
        [sys.executable, "-c", "from ftpsd.native import _openssl as o\n" + program], capture_output=True,
        text=True, timeout=60, check=True, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    return done.stdout.strip()


def test_an_unknown_engine_or_provider_is_refused_with_the_reason() -> None:
    for call in (_openssl.use_engine, _openssl.use_provider):
        with pytest.raises(OpenSSLError, match="no-such-thing"):
            call("no-such-thing")


def test_the_built_in_engines_can_be_used() -> None:
    if not _openssl.engines_exist():
        pytest.skip("this OpenSSL has no engines")
    assert apart("o.use_engine('ALL'); print(len(o.random_bytes(5)))") == "5"


def test_a_provider_is_loaded_beside_the_default_one() -> None:
    program = "o.use_provider('legacy'); c = o.Context(); c.set_ciphers('HIGH'); print(len(c.ciphers()) > 3)"
    assert apart(program) == "True"


def test_a_seed_file_is_read(tmp_path: Path) -> None:
    seed = tmp_path / "seed"
    seed.write_bytes(b"x" * 1000)
    assert _openssl.load_random(os.fsencode(seed), 512) == 512
    with pytest.raises(OpenSSLError):
        _openssl.load_random(os.fsencode(tmp_path / "missing"), 512)


def test_secrets_are_wiped_in_place() -> None:
    secret = bytearray(b"passphrase")
    _openssl.wipe_memory(secret)
    assert secret == bytes(10)
    _openssl.wipe_memory(bytearray())
    with mmap.mmap(-1, mmap.PAGESIZE) as page:
        page[:6] = b"secret"
        assert _openssl.lock_memory(page) in (True, False)
        _openssl.wipe_memory(page)
        assert page[:6] == bytes(6)


def test_memory_that_cannot_be_written_is_no_place_for_secrets() -> None:
    with pytest.raises((TypeError, ValueError, BufferError)):
        _openssl.wipe_memory(b"constant")


@pytest.mark.parametrize("uri", ["no-such-scheme:object=x", "nothing", ":", "x" * 100 + ":y"])
def test_a_key_that_no_token_has_is_refused(uri: str) -> None:
    context = Context()
    context.use_certificate(leaf("rsa").pem)
    with pytest.raises(OpenSSLError):
        context.use_key_uri(uri)


def test_passwords_may_lie_in_memory_that_can_be_wiped() -> None:
    pem = leaf("rsa").key_pem(b"open sesame")
    for password in (b"open sesame", bytearray(b"open sesame"), memoryview(b"open sesame")):
        context = Context()
        context.use_certificate(leaf("rsa").pem)
        context.use_private_key(pem, password)
        context.check_private_key()
    for wrong in (None, b"", bytearray(b"wrong")):
        with pytest.raises(OpenSSLError):
            Context().use_private_key(pem, wrong)


# --- pre-shared keys ----------------------------------------------------------------------------------------


def accept(context: Context, *arguments: str, control: Connection | None = None) -> tuple[Connection | None, str]:
    """OpenSSL's client connects to `context`: the server's side (None: refused) and what the client said.

    `control`: it is that connection's data connection.
    """
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        command = ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", *arguments]
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        ) as client:
            listener.settimeout(TIMEOUT)
            sock, _ = listener.accept()
            sock.setblocking(False)
            role: Literal["control", "data"] = "control" if control is None else "data"
            tls: Connection | None = Connection(context, sock.fileno(), role=role, control=control)
            try:
                assert tls is not None
                tls.handshake(TIMEOUT)
                tls.flush(TIMEOUT)
                tls.write(b"hello\n", TIMEOUT)
                tls.close_notify()
            except TLSError:
                tls = None
            sock.close()
            said, _ = client.communicate(timeout=TIMEOUT)
    return tls, said.decode("utf-8", "replace")


def psk_arguments(identity: str, key: bytes = KEY) -> list[str]:
    return ["-psk_identity", identity, "-psk", key.hex()]


def psk_context(*, certificate: bool) -> Context:
    context = server_context() if certificate else Context()
    context.add_psk(b"other", b"o" * 32)
    context.add_psk(b"alice", KEY)
    return context


@pytest.mark.parametrize("certificate", [False, True])
@pytest.mark.parametrize("arguments", [["-tls1_2", "-cipher", "PSK"], ["-tls1_3"]])
def test_a_shared_key_takes_the_place_of_a_certificate(certificate: bool, arguments: list[str]) -> None:
    tls, said = accept(psk_context(certificate=certificate), *arguments, *psk_arguments("alice"))
    assert tls is not None, said
    assert tls.psk_identity == "alice"
    assert not tls.resumed
    assert "no peer certificate available" in said
    assert "hello" in said


@pytest.mark.parametrize("arguments", [["-tls1_2", "-cipher", "PSK"], ["-tls1_3"]])
@pytest.mark.parametrize("named", ["alice", "mallory"])
def test_a_wrong_key_or_name_is_refused(arguments: list[str], named: str) -> None:
    key = b"\1" * 32 if named == "alice" else KEY
    tls, said = accept(psk_context(certificate=False), *arguments, *psk_arguments(named, key))
    assert tls is None, said


@pytest.mark.parametrize("arguments", [["-tls1_2"], ["-tls1_3"]])
def test_who_offers_an_unknown_name_gets_the_certificate(arguments: list[str]) -> None:
    tls, said = accept(psk_context(certificate=True), *arguments, *psk_arguments("mallory"))
    assert tls is not None, said
    assert tls.psk_identity == ""
    assert "BEGIN CERTIFICATE" in said


def test_a_ticket_beside_a_shared_key_proves_nothing(tmp_path: Path) -> None:
    """Tickets go over the network in clear. Who offers somebody else's, which does not fit the cipher of his own shared
    key, has shown nothing but that key.
    """
    context = psk_context(certificate=True)
    with connected(context, client_context(TLS13)) as victim:
        ticket = newest_session(victim).to_der()
        seen = tmp_path / "ticket.pem"
        name = "SSL SESSION PARAMETERS"
        seen.write_text(f"-----BEGIN {name}-----\n{base64.encodebytes(ticket).decode()}-----END {name}-----\n")
        tls, said = accept(
            context, "-tls1_3", "-sess_in", str(seen), *psk_arguments("alice"), control=victim.server)
        assert tls is not None, said
        assert tls.psk_identity == "alice"
        assert not tls.resumed
        assert tls.ticket_identity == b""
        assert tls.proof_of(victim.server) != "ok"


def test_impossible_keys_are_refused() -> None:
    context = Context()
    context.add_psk(b"alice", KEY)
    for identity, key in ((b"alice", KEY), (b"", KEY), (b"x" * 257, KEY), (b"bob", b""), (b"bob", b"k" * 513)):
        with pytest.raises(ValueError, match="impossible size"):
            context.add_psk(identity, key)


