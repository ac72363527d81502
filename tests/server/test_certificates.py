"""The supervisor's watch over certificates: when it looks, how long it waits, and that it says things once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast

import pytest
from cryptography import x509

from ftpsd.errors import ConfigError
from ftpsd.reasons.codes import Code, Good
from ftpsd.server.certificates import LOOK, LOOK_BLINDLY, PATIENCE, REMINDER, SETTLE, SHUT_OUT, CertificateWatch
from ftpsd.server.contract import Service
from ftpsd.server.crew import StartError
from ftpsd.server.scoreboard import Scoreboard
from ftpsd.server.supervisor import Supervisor
from ftpsd.settings import Configuration
from ftpsd.testing.ca import DAY, Authority, Identity
from ftpsd.tls.certificates import KEY_KINDS, Chain, Credential, certificates_in
from ftpsd.tls.live.facts import Served, served
from tests.settings.support import configuration

AUTHORITY = Authority.create()
EC = KEY_KINDS[1]


class Books:
    """A service that serves what is in the files when it is made."""

    def __init__(self, path: Path) -> None:
        leaf = certificates_in(path.read_bytes())[0]
        self.facts = served(0, "Test", Credential(EC, str(path), str(path), leaf, (), b""), Chain((), leaf.issuer))

    def certificates(self) -> tuple[Served, ...]:
        return (self.facts,)


class Office:
    """As much of a supervisor as the watch needs."""

    ending = False

    def __init__(self, configuration: Configuration, path: Path) -> None:
        self.configuration = configuration
        self.path = path
        self.board = Scoreboard.create()
        self.service = Books(path)
        self.journal = self
        self.said: list[tuple[str, Code | Good]] = []
        self.fails: Exception | None = None
        self.adopted = 0
        self.followers: list[CertificateWatch] = []

    def say(self, text: str, *, console: bool = True, reason: Code | Good = Good.NOTICE) -> None:
        self.said.append((text, reason))

    def adopt(self, configuration: Configuration, accept: Callable[[Service], object]) -> None:
        if self.fails is not None:
            raise self.fails
        fresh = Books(self.path)
        accept(cast(Service, fresh))
        self.service = fresh
        self.adopted += 1
        for watch in self.followers:
            watch.follow(configuration)


class Scene:
    """A watch, its clocks, and the files that it watches."""

    def __init__(self, directory: Path, *lines: str) -> None:
        self.directory = directory
        self.now = 1000.0
        self.today = datetime.now(UTC)
        self.write(AUTHORITY.leaf("localhost", kind="p256", last=60 * DAY))
        text = (
            "TLSEngine on", f"TLSECCertificateFile {directory}/cert.pem",
            f"TLSECCertificateKeyFile {directory}/key.pem", *lines)
        self.office = Office(configuration("\n".join(text)), directory / "cert.pem")
        self.watch = CertificateWatch(cast(Supervisor, self.office), lambda: self.now, lambda: self.today)
        self.office.followers.append(self.watch)
        self.watch.follow(self.office.configuration)

    def write(self, leaf: Identity, *, key: bytes | None = None) -> None:
        (self.directory / "cert.pem").write_bytes(leaf.certificate_pem)
        (self.directory / "key.pem").write_bytes(leaf.key_pem() if key is None else key)

    def pass_time(self, seconds: float) -> None:
        """The watch is called whenever it wants to be, as the supervisor's loop does it."""
        until = self.now + seconds
        for _ in range(10_000):
            due = self.watch.due()
            if due is None or due > until:
                break
            self.now = max(due, self.now)
            self.watch.attend(())
        else:
            raise AssertionError("the watch comes to no rest")
        self.now = until

    def wake(self) -> None:
        self.watch.attend(list(self.watch.interests()))

    @property
    def reasons(self) -> list[Code | Good]:
        return [reason for _, reason in self.office.said]


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    made = Scene(tmp_path)
    yield made
    made.watch.close()


def test_a_change_is_looked_at_when_it_has_settled(scene: Scene) -> None:
    scene.write(AUTHORITY.leaf("localhost", kind="p256", last=90 * DAY))
    assert scene.watch.interests()
    scene.wake()
    assert not scene.watch.interests(), "one word of the kernel's is enough"
    scene.pass_time(SETTLE / 2)
    assert scene.office.adopted == 0
    scene.pass_time(SETTLE)
    assert scene.office.adopted == 1
    assert scene.watch.interests()
    assert "is new (127.0.0.1, ::1, localhost; until " in scene.office.said[-1][0]
    assert scene.reasons[-1] is Good.NOTICE
    scene.pass_time(3 * LOOK)
    assert scene.office.adopted == 1


def test_a_file_that_is_only_touched_changes_nothing(scene: Scene) -> None:
    data = (scene.directory / "cert.pem").read_bytes()
    (scene.directory / "cert.pem").write_bytes(data)
    scene.wake()
    scene.pass_time(LOOK)
    assert scene.office.adopted == 0
    assert scene.office.said == []


def test_files_that_come_one_after_the_other(scene: Scene) -> None:
    new = AUTHORITY.leaf("another key", kind="p256", last=90 * DAY)
    (scene.directory / "key.pem").write_bytes(new.key_pem())
    scene.wake()
    scene.pass_time(PATIENCE - 0.5)
    (scene.directory / "cert.pem").write_bytes(new.certificate_pem)
    scene.wake()
    scene.pass_time(PATIENCE + 1)
    assert scene.office.adopted == 1
    assert scene.reasons == [Good.NOTICE]


def test_what_stays_wrong_is_refused_once(scene: Scene) -> None:
    good = (scene.directory / "key.pem").read_bytes()
    (scene.directory / "key.pem").write_bytes(AUTHORITY.leaf("another key", kind="p256").key_pem())
    scene.wake()
    scene.pass_time(PATIENCE - 0.5)
    assert scene.reasons == []
    scene.pass_time(3 * LOOK)
    assert scene.reasons == [Code.CERT_KEY_MISMATCH]
    assert "; the old certificate is served on [cert-key-mismatch]" in scene.office.said[0][0]
    (scene.directory / "key.pem").write_bytes(good)
    scene.wake()
    scene.pass_time(LOOK)
    assert scene.office.adopted == 0
    assert len(scene.office.said) == 1
    scene.write(AUTHORITY.leaf("localhost", kind="p256", last=90 * DAY))
    scene.wake()
    scene.pass_time(LOOK)
    assert scene.office.adopted == 1


@pytest.mark.parametrize(("leaf", "code"), [
    (lambda: AUTHORITY.leaf("localhost", kind="p256", last=9 * DAY), Code.CERT_EXPIRES_EARLIER),
    (lambda: AUTHORITY.leaf("localhost", kind="p256", alternatives=("localhost",)), Code.CERT_NAMES_LOST),
    (lambda: AUTHORITY.leaf("localhost", kind="p256", first=-9 * DAY, last=-DAY), Code.CERT_EXPIRED),
])
def test_what_the_made_service_shows_is_judged(scene: Scene, leaf: Callable[[], Identity], code: Code) -> None:
    scene.write(leaf())
    scene.wake()
    scene.pass_time(LOOK)
    assert scene.reasons == [code]
    assert scene.office.adopted == 0


def test_what_cannot_be_made_into_a_service(scene: Scene) -> None:
    scene.office.fails = ConfigError("unable to use RSA certificate key", remedy="Nobody can be asked.")
    scene.write(AUTHORITY.leaf("localhost", kind="p256", last=90 * DAY))
    scene.wake()
    scene.pass_time(LOOK)
    assert scene.reasons == [Code.CERT_UNREADABLE]
    assert "Nobody can be asked." in scene.office.said[0][0]


def test_without_workers_it_is_tried_again(scene: Scene) -> None:
    scene.office.fails = StartError("too many workers")
    scene.write(AUTHORITY.leaf("localhost", kind="p256", last=90 * DAY))
    scene.wake()
    scene.pass_time(SETTLE)
    assert scene.reasons == [Code.CERT_KEPT]
    scene.pass_time(2 * SHUT_OUT)
    assert scene.reasons == [Code.CERT_KEPT], "it is said once"
    scene.office.fails = None
    scene.pass_time(SHUT_OUT)
    assert scene.office.adopted == 1


def test_without_the_kernels_word_it_looks_by_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def none_left() -> int:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr("ftpsd.tls.live.wakeup.open_watch", none_left)
    scene = Scene(tmp_path)
    assert scene.watch.interests() == {}
    scene.write(AUTHORITY.leaf("localhost", kind="p256", last=90 * DAY))
    scene.pass_time(LOOK_BLINDLY + SETTLE)
    assert scene.office.adopted == 1


def test_a_renewal_between_reading_and_watching_is_not_missed(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    scene.write(AUTHORITY.leaf("localhost", kind="p256", last=90 * DAY))
    scene.watch.follow(scene.office.configuration)
    scene.pass_time(2 * SETTLE)
    assert scene.office.adopted == 1, "it does not have to wait until files are looked at in any case"
    scene.watch.close()


def test_switched_off(tmp_path: Path) -> None:
    scene = Scene(tmp_path, "TLSCertificateWatch off")
    scene.write(AUTHORITY.leaf("localhost", kind="p256", last=90 * DAY))
    assert scene.watch.interests() == {}
    scene.pass_time(10 * LOOK)
    assert scene.office.adopted == 0


def test_revocation_lists_are_looked_at_too(tmp_path: Path) -> None:
    path = tmp_path / "crl.pem"
    path.write_bytes(crl())
    scene = Scene(tmp_path, f"TLSCARevocationFile {path}")
    path.write_bytes(b"half a list")
    scene.pass_time(LOOK)
    assert scene.reasons == [Code.CRL_UNREADABLE]
    assert "; the old lists stay in force [" in scene.office.said[0][0]
    path.write_bytes(crl())
    scene.pass_time(LOOK)
    assert scene.office.said[1][0] == "revocation lists have changed: they are in force"
    assert scene.office.adopted == 0
    scene.watch.close()


def crl() -> bytes:
    from cryptography.hazmat.primitives import hashes, serialization

    now = datetime.now(UTC)
    key = AUTHORITY.identity.key
    made = (
        x509.CertificateRevocationListBuilder().issuer_name(AUTHORITY.identity.certificate.subject)
        .last_update(now).next_update(now + DAY).sign(key, hashes.SHA256()))
    return made.public_bytes(serialization.Encoding.PEM)


def test_the_end_is_announced_daily(scene: Scene) -> None:
    assert not scene.office.board.warnings
    scene.today += 50 * DAY
    scene.pass_time(2 * REMINDER + 10)
    assert scene.reasons == [Code.CERT_EXPIRES_SOON] * 2
    assert ", in 9 days: renew it [cert-expires-soon]" in scene.office.said[0][0]
    assert [text.partition(" on ")[0] for text in scene.office.board.warnings] == [
        "certificate of Server Test expires"]
    scene.today += timedelta(days=20)
    scene.pass_time(3601)
    assert scene.reasons[-1] is Code.CERT_EXPIRED


def test_what_fits_of_warnings() -> None:
    board = Scoreboard.create()
    board.warnings = ("größer\nals", "x" * 5000)
    first, second = board.warnings
    assert first == "größer als"
    assert second.startswith("xxx")
    board.warnings = ()
    assert board.warnings == ()
    board.close()
