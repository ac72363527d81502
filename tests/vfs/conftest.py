"""What the tests of the local store share: both resolvers, umask 0 as in the server, threads that report."""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest

from ftpsd.native import _system
from ftpsd.vfs.jail import Jail
from ftpsd.vfs.resolve import KernelResolver, Resolver, WalkResolver

T = TypeVar("T")

RESOLVERS: list[type[Resolver]] = [WalkResolver]
if _system.has_openat2():
    RESOLVERS.insert(0, KernelResolver)


@pytest.fixture(autouse=True)
def no_umask() -> Iterator[None]:
    """The process umask is 0, as `rights.prepare_process` leaves it."""
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.fixture(params=RESOLVERS, ids=lambda kind: str(kind.__name__))
def resolver(request: pytest.FixtureRequest) -> type[Resolver]:
    kind: type[Resolver] = request.param
    return kind


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The jail's root; beside it lies `outside` with a secret."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_text("secret")
    inside = tmp_path / "root"
    inside.mkdir(mode=0o755)
    return inside


@pytest.fixture
def jail(root: Path, resolver: type[Resolver]) -> Iterator[Jail]:
    store = Jail(str(root), resolver=resolver)
    yield store
    store.close()


@pytest.fixture
def public() -> Iterator[Path]:
    """A directory that every user can reach (pytest's own are closed to others)."""
    path = Path(tempfile.mkdtemp(prefix="ftpsd-test-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


def in_thread(work: Callable[[], T]) -> T:
    """Runs `work` in a thread of its own, since what it does to its rights is for good."""
    results: list[T] = []
    failures: list[BaseException] = []

    def run() -> None:
        try:
            results.append(work())
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(60)
    assert not thread.is_alive()
    if failures:
        raise failures[0]
    return results[0]
