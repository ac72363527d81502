"""`fs:` beyond what every cache must do."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ftpsd.errors import ConfigError
from ftpsd.testing.stores import Backend, Hands, StoreSuite
from ftpsd.tls.cache.files import SUFFIX, FileStore, expiry, prepare_directory
from tests.tls.pki import DAY, HOUR, now
from tests.tls.stapling import rig
from tests.tls.stapling.rig import subject

DIRECTIVE = "TLSStaplingCache"


class TestFileStore(StoreSuite):
    @pytest.fixture
    def backend(self, tmp_path: Path) -> Backend:
        def damage(key: bytes) -> None:
            path = tmp_path / (key.hex() + SUFFIX)
            data = bytearray(path.read_bytes())
            data[0] ^= 1
            path.write_bytes(data)

        return Backend(
            open=lambda clock: FileStore(str(tmp_path / "."), capacity=20, clock=clock), damage=damage, capacity=20)


@pytest.fixture
def store(tmp_path: Path) -> FileStore:
    return FileStore(str(tmp_path), clock=Hands())


@pytest.mark.parametrize("garbage", [b"", b"x", b"FTC1", b"FTC1" + bytes(60), bytes(200_000)])
def test_files_that_are_no_entries_are_dropped(store: FileStore, tmp_path: Path, garbage: bytes) -> None:
    path = tmp_path / ("6b" + SUFFIX)
    path.write_bytes(garbage)
    assert store.fetch(b"k") is None
    assert not path.exists()
    assert store.status().statistics.errors == 1


def test_an_entry_under_another_key_is_not_believed(store: FileStore, tmp_path: Path) -> None:
    store.store(b"a", b"x", store.clock() + 60)
    os.rename(tmp_path / (b"a".hex() + SUFFIX), tmp_path / (b"b".hex() + SUFFIX))
    assert store.fetch(b"b") is None


def test_links_are_not_followed(store: FileStore, tmp_path: Path) -> None:
    store.store(b"a", b"x", store.clock() + 60)
    os.symlink(tmp_path / (b"a".hex() + SUFFIX), tmp_path / (b"b".hex() + SUFFIX))
    assert store.fetch(b"b") is None
    assert store.status().statistics.errors == 1


def test_other_peoples_files_stay(store: FileStore, tmp_path: Path) -> None:
    (tmp_path / "readme.der").write_text("mine")
    (tmp_path / ".0123456789abcdef.fresh").write_text("of a process that died")
    store.store(b"a", b"x", store.clock() + 60)
    store.remove()
    assert [path.name for path in tmp_path.iterdir()] == ["readme.der"]


def test_a_directory_is_made_for_its_owner(tmp_path: Path) -> None:
    path = tmp_path / "new" / "cache"
    prepare_directory(str(path), DIRECTIVE)
    assert path.stat().st_mode & 0o777 == 0o700


def test_a_directory_for_everybody_is_refused(tmp_path: Path) -> None:
    os.chmod(tmp_path, 0o777)
    with pytest.raises(ConfigError, match="others could write"):
        prepare_directory(str(tmp_path), DIRECTIVE)
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError):
        prepare_directory(str(tmp_path / "file"), DIRECTIVE)


def test_responses_of_others_say_themselves_how_long_they_last(store: FileStore, tmp_path: Path) -> None:
    about = subject()
    for life in (DAY, None):
        response = rig.response(about, age=HOUR, life=life)
        assert expiry(response) == pytest.approx((now() - HOUR + DAY).timestamp(), abs=2)
        (tmp_path / f"{about.fingerprint}.der").write_bytes(response)
        assert store.fetch(bytes.fromhex(about.fingerprint)) == response
    for junk in (b"", b"junk", bytes.fromhex("30030a0103")):
        assert expiry(junk) is None
