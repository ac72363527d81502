"""Back-off after a failure, and the form of entries in memcached and files."""

from __future__ import annotations

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftpsd.server.worker import STACK_SIZE
from ftpsd.testing.stores import Hands
from ftpsd.tls.cache import envelope
from ftpsd.tls.cache.outage import FIRST_PAUSE, LONGEST_PAUSE, Outage

ENTRY = envelope.Entry(b"value", 1_700_000_000.25, 1_700_000_600.5)
FORMS = [
    (envelope.pack, envelope.unpack), (envelope.pack_json, envelope.unpack_json),
    (envelope.pack_behind, envelope.unpack_behind),
]


def test_after_a_failure_one_caller_tries_again() -> None:
    hands = Hands(0.0)
    outage = Outage(hands)
    assert outage.may_ask()
    assert outage.failed()
    assert not outage.may_ask()
    hands.now += FIRST_PAUSE
    assert [outage.may_ask() for _ in range(3)] == [True, False, False]
    assert not outage.failed()
    assert outage.lasts
    hands.now += FIRST_PAUSE
    assert not outage.may_ask()
    hands.now += FIRST_PAUSE
    assert outage.may_ask()
    assert outage.worked()
    assert not outage.worked()
    assert outage.may_ask()
    assert not outage.lasts


def test_pauses_have_a_bound() -> None:
    hands = Hands(0.0)
    outage = Outage(hands)
    for _ in range(20):
        outage.failed()
    hands.now += LONGEST_PAUSE
    assert outage.may_ask()


@pytest.mark.parametrize(("pack", "unpack"), FORMS, ids=["binary", "json", "behind"])
def test_entries_come_back(pack: envelope.Pack, unpack: envelope.Unpack) -> None:
    assert unpack(b"key", pack(b"key", ENTRY)) == ENTRY
    with pytest.raises(envelope.BadEntry):
        unpack(b"yek", pack(b"key", ENTRY))


@pytest.mark.parametrize(("pack", "unpack"), FORMS, ids=["binary", "json", "behind"])
def test_every_changed_byte_is_noticed(pack: envelope.Pack, unpack: envelope.Unpack) -> None:
    good = pack(b"key", ENTRY)
    for position in range(len(good)):
        bad = bytearray(good)
        bad[position] ^= 0x04
        try:
            found = unpack(b"key", bytes(bad))
        except envelope.BadEntry:
            continue
        assert found == ENTRY  # the case of a hexadecimal digit, or a blank


@given(st.binary(max_size=200))
def test_garbage_is_no_entry(data: bytes) -> None:
    for _, unpack in FORMS:
        with pytest.raises(envelope.BadEntry):
            unpack(b"key", data)


@pytest.mark.parametrize("text", ["[]", "{}", "1", '{"stored": 1}', "[" * 5000, '{"stored": "x", "expires": 1,'
                                  ' "checksum": "00", "data": ""}', '{"stored": -1, "expires": 1, "checksum": "",'
                                  ' "data": ""}', '{"stored": 1e99, "expires": 1, "checksum": "", "data": ""}'])
def test_json_that_is_no_entry(text: str) -> None:
    with pytest.raises(envelope.BadEntry):
        envelope.unpack_json(b"key", text.encode())


@pytest.mark.parametrize("nested", [b"[" * 50_000, b'{"stored":' * 20_000, b"[" * 501 + b"]" * 501])
def test_json_does_not_go_deeper_than_the_stack_of_a_session(nested: bytes) -> None:
    said: list[str] = []

    def read() -> None:
        with pytest.raises(envelope.BadEntry) as caught:
            envelope.unpack_json(b"key", nested)
        said.append(str(caught.value))

    before = threading.stack_size(STACK_SIZE)
    try:
        thread = threading.Thread(target=read)
        thread.start()
    finally:
        threading.stack_size(before)
    thread.join()
    assert said == ["nested too deeply"]
