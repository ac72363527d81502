"""OCSP responses that go along with certificates: memory shared between processes, and who gets what."""

from __future__ import annotations

import gc
import os
import threading
import time
import warnings

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftpsd.native._openssl import STAPLE_MAX, Context, Staple, StapleState
from tests.native.openssl_support import (
    TLS12,
    TLS13,
    KeyKind,
    client_context,
    connected,
    leaf,
    newest_session,
    server_context,
)

TRY_LATER = bytes.fromhex("30030a0103")
versions = pytest.mark.parametrize("version", [TLS12, TLS13])


def place(response: bytes = b"response", seconds: int = 60) -> Staple:
    found = Staple()
    found.put(response, until=int(time.time()) + seconds, due=0)
    return found


def stapling(where: Staple, *, fake: bool = True, kind: KeyKind = "ec") -> Context:
    context = server_context(kind)
    context.staple(where, fake=fake)
    return context


@versions
@pytest.mark.parametrize(
    ("where", "fake", "sent", "word"),
    [
        ((b"r" * STAPLE_MAX, 60), True, b"r" * STAPLE_MAX, "response"),
        ((b"r", 60), False, b"r", "response"),
        ((b"r", -1), True, TRY_LATER, "try-later"),
        ((b"r", 0), False, None, "nothing"),
        (None, True, TRY_LATER, "try-later"),
        (None, False, None, "nothing"),
    ],
)
def test_what_a_client_gets(
    version: str, where: tuple[bytes, int] | None, fake: bool, sent: bytes | None, word: str
) -> None:
    context = stapling(Staple() if where is None else place(*where), fake=fake)
    with connected(context, client_context(version), status=True) as pair:
        assert pair.client.status_response == sent
        assert pair.server.stapled == word
    with connected(context, client_context(version)) as pair:
        assert pair.client.status_response is None
        assert pair.server.stapled == ""


@pytest.mark.parametrize(
    ("version", "kinds", "cipher", "shown"),
    [
        (TLS12, ("rsa", "ec", "dsa"), "ECDHE-RSA-AES128-GCM-SHA256", "rsa"),
        (TLS12, ("rsa", "ec", "dsa"), "ECDHE-ECDSA-AES128-GCM-SHA256", "ec"),
        (TLS12, ("rsa", "ec", "dsa"), "DHE-DSS-AES128-GCM-SHA256", "dsa"),
        (TLS12, ("rsa", "ed25519"), "ECDHE-ECDSA-AES128-GCM-SHA256", "ed25519"),
        (TLS13, ("rsa",), "ALL", "rsa"),
        (TLS13, ("ed25519",), "ALL", "ed25519"),
    ],
)
def test_each_certificate_has_its_own(version: str, kinds: tuple[KeyKind, ...], cipher: str, shown: KeyKind) -> None:
    context = Context()
    context.set_ciphers("ALL")
    for kind in kinds:
        context.use_certificate(leaf(kind).pem)
        context.use_private_key(leaf(kind).key_pem())
        context.staple(place(kind.encode()), fake=False)
    client = client_context(version)
    client.set_ciphers(cipher)
    with connected(context, client, status=True) as pair:
        assert pair.server.own_certificate == leaf(shown).der
        assert pair.client.status_response == shown.encode()


@versions
def test_a_resumed_session_gets_none(version: str) -> None:
    context = stapling(place())
    client = client_context(version)
    with connected(context, client, status=True) as pair:
        session = newest_session(pair)
    with connected(context, client, session=session, status=True) as pair:
        assert pair.server.resumed
        assert pair.server.stapled == ""


@versions
def test_data_connections_get_it_too(version: str) -> None:
    context = stapling(place())
    with connected(context, client_context(version)) as control:
        with connected(context, client_context(version), control=control.server, status=True) as pair:
            assert pair.client.status_response == b"response"


@versions
def test_the_context_that_a_name_chooses_answers(version: str) -> None:
    other = stapling(place(b"other"), kind="rsa")
    first = stapling(place(b"first"))
    first.set_servername_callback(lambda connection, name: other if name == "other" else None)
    client = client_context(version)
    for name, response in (("other", b"other"), ("first", b"first")):
        with connected(first, client, server_name=name, status=True) as pair:
            assert pair.client.status_response == response


def test_bounds() -> None:
    with pytest.raises(ValueError):
        Staple().put(bytes(STAPLE_MAX + 1), until=0, due=0)
    with pytest.raises(ValueError):
        Context().staple(Staple(), fake=True)
    context = server_context()
    for _ in range(8):
        context.staple(Staple(), fake=True)
    with pytest.raises(ValueError):
        context.staple(Staple(), fake=True)


def test_a_context_keeps_its_places() -> None:
    context = stapling(place())
    gc.collect()
    with connected(context, client_context(), status=True) as pair:
        assert pair.client.status_response == b"response"


@given(st.binary(max_size=300), st.integers(0, 2**60), st.integers(0, 2**60), st.integers(0, 2**31))
def test_what_was_put_is_there(response: bytes, until: int, due: int, failures: int) -> None:
    found = Staple()
    assert found.get() == StapleState(b"", 0, 0, 0)
    for _ in range(2):
        found.put(response, until=until, due=due, failures=failures)
        assert found.get() == StapleState(response, until, due, failures)


def test_other_processes_see_it() -> None:
    where = Staple()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # the threads of other tests
        child = os.fork()
    if child == 0:
        where.put(b"from the child", until=1, due=2, failures=3)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    assert where.get() == StapleState(b"from the child", 1, 2, 3)


def test_readers_see_whole_responses() -> None:
    """A reader never sees parts of two responses, however fast they change."""
    where = Staple()
    contents = [bytes([number]) * (1000 + 700 * number) for number in range(20)]
    stop = threading.Event()
    seen: set[bytes] = set()

    def read() -> None:
        while not stop.is_set():
            seen.add(where.get().response)

    reader = threading.Thread(target=read)
    where.put(contents[0], until=0, due=0)
    reader.start()
    for turn in range(4000):
        where.put(contents[turn % 20], until=0, due=0)
    stop.set()
    reader.join()
    assert seen <= set(contents)


def test_asking_without_stapling() -> None:
    with connected(server_context(), client_context(), status=True) as pair:
        assert pair.client.status_response is None
        assert pair.server.stapled == ""
