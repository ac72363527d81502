"""What the thread does: asks ahead of need, gives up after a while, shares what it has."""

from __future__ import annotations

import os
import random
import threading
import time
import warnings
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from cryptography.x509 import ocsp

from ftpsd.tls.cache.files import FileStore
from ftpsd.tls.stapling import fetching, stapler
from ftpsd.tls.stapling.shelf import Place, Shelf
from ftpsd.tls.stapling.stapler import Stapled, Stapler, Voice
from ftpsd.tls.stapling.subjects import Subject
from tests.tls.pki import DAY, HOUR
from tests.tls.stapling.rig import Sender, certificate, responding, response, subject

SECONDS = 20.0


@dataclass
class Rig:
    """A stapler with a clock that the test moves, and what it has said."""

    subjects: list[Subject]
    store: FileStore | None = None
    shelf: Shelf = field(default_factory=Shelf)
    clock: list[float] = field(default_factory=lambda: [float(int(time.time()))])
    lines: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.sender = Sender(self.clock)
        self.places = [self.shelf.place(about.rules) for about in self.subjects]
        wanted = [
            Stapled(about, place, 7, "/server.pem") for about, place in zip(self.subjects, self.places, strict=True)
        ]
        self.stapler = Stapler(
            wanted, Voice(self.note, self.warnings.append), self.store, send=self.sender, clock=lambda: self.clock[0])

    def note(self, host: int, lines: tuple[str, ...]) -> None:
        assert host == 7
        self.lines += lines

    def after(self, seconds: float) -> float:
        """A round `seconds` later; when the next one should be, in seconds."""
        self.clock[0] += seconds
        return self.stapler.round()

    @property
    def place(self) -> Place:
        return self.places[0]

    @property
    def sent(self) -> bytes:
        """What clients get now."""
        state = self.place.state()
        return state.response if state.until > self.clock[0] else b""


@pytest.fixture
def rig() -> Rig:
    return Rig([subject(stapling_options=frozenset({"NoNonce"}))])


@pytest.fixture(autouse=True)
def without_chance(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(random, "random", lambda: 0.0)


def test_it_asks_at_once_and_again_after_half_the_validity(rig: Rig) -> None:
    assert rig.after(0) == 300  # the longest sleep
    first = rig.sent
    assert first
    rig.after(22 * 3600)
    assert len(rig.sender.asked) == 1
    rig.after(1.1 * 3600)
    assert len(rig.sender.asked) == 2
    assert rig.sent != first
    assert rig.warnings == []
    assert len(rig.lines) == 2
    assert "certificate status 'good', valid until " in rig.lines[0]
    assert rig.lines[0].startswith(f"stapling OCSP response from '{rig.subjects[0].url}' (fingerprint '")


def test_it_is_stapled_on_while_the_responder_is_away(rig: Rig) -> None:
    rig.after(0)
    first = rig.sent
    rig.sender.mode = "down"
    pauses = [rig.after(24 * 3600)]
    while rig.sent:
        assert rig.sent == first
        pauses.append(rig.after(pauses[-1]))
    assert pauses[:4] == [10, 20, 40, 80]
    assert max(pauses) == 300
    assert len(rig.sender.asked) < 40  # pauses grow up to an hour; rounds are every five minutes at least
    assert "error obtaining OCSP response from responder" in rig.lines[1]
    assert rig.lines[1].endswith("; asking again in 10 secs")
    rig.after(3600)
    assert "no OCSP response to staple" in rig.lines[-1]
    assert "clients get a fake tryLater OCSP response" in rig.lines[-1]
    rig.sender.mode = "good"
    rig.after(300)
    assert rig.sent


@pytest.mark.parametrize("mode", ["down", "slow", "garbage", "later", "unknown", "nonce", "other"])
def test_pauses_grow_while_there_is_nothing(mode: str) -> None:
    rig = Rig([subject()])
    rig.sender.mode = mode
    rig.sender.clock = None
    pauses = [rig.after(0)]
    for _ in range(8):
        pauses.append(rig.after(pauses[-1]))
    assert pauses == [10, 20, 40, 80, 160, 300, 300, 300, 300]
    assert not rig.sent
    assert len(rig.sender.asked) == 9
    assert len(rig.lines) == 18


def test_a_clock_that_was_ahead_keeps_nobody_from_asking() -> None:
    rig = Rig([subject(stapling_options=frozenset({"NoNonce"}))])
    rig.sender.mode = "down"
    rig.after(400 * 24 * 3600)
    asked = len(rig.sender.asked)
    rig.sender.mode = "good"
    rig.after(-400 * 24 * 3600)
    assert len(rig.sender.asked) == asked + 1
    assert rig.sent
    rig.after(60)
    assert len(rig.sender.asked) == asked + 1


def test_what_clients_get_meanwhile_is_said() -> None:
    bare = Rig([subject(stapling_options=frozenset({"NoFakeTryLater"}))])
    bare.sender.mode = "down"
    bare.after(0)
    assert bare.lines[-1].endswith(": clients get none")
    assert bare.warnings == []


def test_a_certificate_that_demands_stapling_is_worth_a_warning() -> None:
    rig = Rig([subject(certificate(must=True))])
    rig.sender.mode = "down"
    for pause in (0, 10, 20):
        rig.after(pause)
    assert len(rig.warnings) == 1
    assert "certificate '/server.pem' demands stapling, and there is no OCSP response: error" in rig.warnings[0]
    rig.sender.mode = "good"
    rig.after(300)
    rig.sender.mode = "down"
    rig.after(50 * 3600)
    rig.after(300)
    assert len(rig.warnings) == 2  # it had one and has lost it


def test_revoked_is_stapled_and_said(rig: Rig) -> None:
    rig.sender.mode = response(rig.subjects[0], status=ocsp.OCSPCertStatus.REVOKED)
    rig.after(0)
    assert rig.sent == rig.sender.mode
    assert rig.warnings == [
        f"certificate '/server.pem' has been revoked, says OCSP responder '{rig.subjects[0].url}'"]


def test_an_older_response_replaces_no_newer_one(rig: Rig) -> None:
    """Somebody on the way may repeat one from before the revocation."""
    about = rig.subjects[0]
    revoked = response(about, age=HOUR, status=ocsp.OCSPCertStatus.REVOKED)
    rig.sender.mode = revoked
    rig.after(0)
    rig.sender.mode = response(about, age=2 * HOUR, life=5 * DAY)
    rig.after(24 * 3600)
    assert rig.sent == revoked
    assert "has an older response than we have" in rig.lines[-1]


def test_a_responder_that_repeats_itself_is_not_asked_for_ever(rig: Rig) -> None:
    rig.sender.mode = response(rig.subjects[0], age=HOUR, life=3 * HOUR)
    count = 0
    pause = rig.after(0)
    while rig.sent:
        pause, count = rig.after(pause), count + 1
        assert count < 60
    assert 2 < len(rig.sender.asked) < 20


def test_one_responder_that_is_away_does_not_keep_many_certificates_waiting() -> None:
    rig = Rig([subject(certificate(key=f"server{number}")) for number in range(5)])
    rig.sender.mode = "slow"
    rig.after(0)
    assert len(rig.sender.asked) == 1
    assert sum("has just not answered for another certificate" in line for line in rig.lines) == 4


def test_a_defect_over_one_certificate_leaves_the_others_alone() -> None:
    rig = Rig([subject(certificate(key="one")), subject(certificate(key="two"), stapling_responder="http://two.invalid/")])

    def send(about: Subject, request: bytes) -> bytes:
        if about is rig.subjects[0]:
            raise RuntimeError("a defect")
        return rig.sender(about, request)

    rig.stapler.send = send
    rig.after(0)
    assert rig.places[1].state().response
    assert rig.warnings == ["defect in stapling for certificate '/server.pem': RuntimeError('a defect')"]
    with rig.places[0].writing() as mine:
        assert mine


# ---- with a cache


@pytest.fixture
def store(tmp_path: Path) -> FileStore:
    directory = tmp_path / "ocsp"
    directory.mkdir(mode=0o700)
    return FileStore(str(directory))


def test_what_one_server_fetched_the_next_one_has_at_once(store: FileStore) -> None:
    about = subject()
    first = Rig([about], store)
    first.after(0)
    assert store.fetch(bytes.fromhex(about.fingerprint)) == first.sent
    second = Rig([about], store, clock=first.clock)
    second.sender.mode = "down"
    second.stapler.start()
    try:
        assert second.sent == first.sent
        assert second.sender.asked == []
    finally:
        second.stapler.stop(SECONDS)


def test_a_stale_one_is_sent_until_there_is_another(store: FileStore) -> None:
    about = subject()
    rig = Rig([about], store)
    stale = response(about, age=3 * HOUR, life=4 * HOUR)
    store.store(bytes.fromhex(about.fingerprint), stale, rig.clock[0] + 3600)
    rig.sender.mode = "down"
    rig.after(0)
    assert rig.sent == stale
    assert len(rig.sender.asked) == 1
    rig.sender.mode = "good"
    rig.after(10)
    assert rig.sent not in (stale, b"")
    assert store.fetch(bytes.fromhex(about.fingerprint)) == rig.sent


def test_what_another_server_has_put_into_the_cache_is_used(store: FileStore) -> None:
    about = subject()
    rig = Rig([about], store)
    rig.after(0)
    rig.clock[0] += 24 * 3600
    newer = response(about, at=rig.clock[0])
    store.store(bytes.fromhex(about.fingerprint), newer, rig.clock[0] + 47 * 3600)
    rig.after(0)
    assert rig.sent == newer
    assert len(rig.sender.asked) == 1


@pytest.mark.parametrize("junk", [b"", b"junk", "other", "forged"])
def test_what_is_wrong_in_the_cache_is_not_sent(store: FileStore, junk: bytes | str) -> None:
    about, other = subject(), subject(certificate(key="other"))
    rig = Rig([about], store)
    kept = junk if isinstance(junk, bytes) else response(other)
    if junk == "forged":
        signed = response(about)
        kept = signed[:-1] + bytes([signed[-1] ^ 1])
    store.store(bytes.fromhex(about.fingerprint), kept, rig.clock[0] + 3600)
    rig.sender.mode = "down"
    rig.after(0)
    assert rig.sent == b""


def test_a_response_that_somebody_put_there(store: FileStore, tmp_path: Path) -> None:
    """`openssl ocsp -respout FINGERPRINT.der`, or ProFTPD's mod_tls_fscache."""
    about = subject()
    file = tmp_path / "ocsp" / f"{about.fingerprint}.der"
    file.write_bytes(response(about))
    rig = Rig([about], store)
    rig.after(0)
    assert rig.sent == file.read_bytes()
    assert rig.sender.asked == []


# ---- threads and processes


def test_a_start_waits_for_what_certificates_demand(monkeypatch: pytest.MonkeyPatch) -> None:
    with responding() as server:
        demanding = subject(certificate(must=True, url=server.url))
        place = Shelf().place(demanding.rules)
        made = Stapler([Stapled(demanding, place, 0, "x")], Voice(lambda *_: None, lambda _: None))
        made.start()
        try:
            assert place.state().response
            assert server.asked == 1
        finally:
            made.stop(SECONDS)


def test_a_start_does_not_wait_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stapler, "PATIENCE", 0.1)
    with responding("silent") as server:
        demanding = subject(certificate(must=True, url=server.url))
        place = Shelf().place(demanding.rules)
        made = Stapler([Stapled(demanding, place, 0, "x")], Voice(lambda *_: None, lambda _: None))
        began = time.monotonic()
        made.start()
        assert time.monotonic() - began < 5
        server.hold.set()
        made.stop(SECONDS)
        assert not any(thread.name == "stapler" for thread in threading.enumerate())


def test_a_deadline_holds_for_all_of_it() -> None:
    with responding("silent") as server:
        about = subject(certificate(url=server.url), stapling_timeout=1)
        began = time.monotonic()
        with pytest.raises(fetching.NoResponse, match="timed out talking to OCSP responder"):
            fetching.ask(about, stapler.send)
        assert time.monotonic() - began < 5


def test_only_one_process_asks_and_all_have_it() -> None:
    with responding() as server:
        about = subject(certificate(url=server.url))
        place = Shelf().place(about.rules)
        children = []
        for _ in range(4):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)  # the threads of other tests
                child = os.fork()
            if child == 0:
                os._exit(_child(about, place))
            children.append(child)
        assert [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children] == [0] * 4
        assert server.asked == 1
        assert place.state().response


def _child(about: Subject, place: Place) -> int:
    """In a child: 0 when it has seen a response."""
    try:
        made = Stapler([Stapled(about, place, 0, "x")], Voice(lambda *_: None, lambda _: None))
        deadline = time.monotonic() + SECONDS
        while not place.state().response and time.monotonic() < deadline:
            made.round()
            time.sleep(0.01)
        return 0 if place.state().response else 2
    except BaseException:
        return 3


def test_a_process_that_dies_leaves_no_lock() -> None:
    place = Shelf().place(("x",))
    reader, writer = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        with place.writing() as mine:
            os.write(writer, b"+" if mine else b"-")
            time.sleep(SECONDS)
        os._exit(0)
    assert os.read(reader, 1) == b"+"
    with place.writing() as mine:
        assert not mine
    os.kill(child, 9)
    os.waitpid(child, 0)
    with place.writing() as mine:
        assert mine
    os.close(reader)
    os.close(writer)
