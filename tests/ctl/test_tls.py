"""`tls sesscache` and `tls ocspcache`: mod_tls's words, with what TLSControlsACLs allows."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from ftpsd.ctl import aside
from ftpsd.native._openssl import SharedCache
from ftpsd.testing.plugin import ServerFactory
from ftpsd.tls.cache.base import CacheError, Statistics, Status
from ftpsd.tls.cache.files import FileStore
from ftpsd.tls.cache.shared import SharedStore
from tests.ctl.desk import ME, Desk, desk, parse
from tests.ctl.test_live import ALLOW, run


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Desk]:
    with desk(tmp_path) as made:
        responses = tmp_path / "responses"
        responses.mkdir(mode=0o700)
        made.supervisor.service = SimpleNamespace(
            session_cache=SharedStore(SharedCache(1 << 20)), response_cache=FileStore(str(responses)))
        yield made


def without(here: Desk) -> None:
    """No caches at all."""
    here.supervisor.service = SimpleNamespace(session_cache=None, response_cache=None)


@pytest.mark.parametrize(("asked", "status", "answer"), [
    ("tls", -1, "tls: missing required parameters"),
    ("tls x", -1, "tls: unknown tls action: 'x'"),
    ("tls sesscache", -1, "tls sesscache: missing required parameters"),
    ("tls sesscache x", -1, "tls sesscache: unknown sesscache action: 'x'"),
    ("tls sesscache info -x", -1, "tls sesscache: unsupported parameter: '-x'"),
    ("tls ocspcache", -1, "tls ocspcache: missing required parameters"),
    ("tls ocspcache x", -1, "tls ocspcache: unknown ocspcache action: 'x'"),
    ("tls sesscache clear", 0, "tls sesscache: cleared 0 sessions from 'internal' session cache"),
    ("tls sesscache remove", 0, "tls sesscache: removed 'internal' session cache"),
    ("tls ocspcache clear", 0, "tls ocspcache: cleared 0 responses from 'fs' OCSP cache"),
    ("tls ocspcache remove", 0, "tls ocspcache: removed 'fs' OCSP cache"),
])
def test_words(here: Desk, asked: str, status: int, answer: str) -> None:
    assert here.ask(*asked.split()) == (status, [answer])


@pytest.mark.parametrize(("asked", "status", "answer"), [
    ("tls sesscache info", 0, "No TLSSessionCache configured"),
    ("tls ocspcache info", 0, "No TLSStaplingCache configured"),
    ("tls sesscache clear", -1, "tls sesscache: error clearing session cache: Function not implemented"),
    ("tls ocspcache remove", -1, "tls ocspcache: error removing OCSP cache: Function not implemented"),
])
def test_without_a_cache(here: Desk, asked: str, status: int, answer: str) -> None:
    without(here)
    assert here.ask(*asked.split()) == (status, [answer])
    here.supervisor.service = object()
    assert here.ask(*asked.split()) == (status, [answer])


@pytest.mark.parametrize(("acl", "allowed"), [
    ("all", {"sesscache info", "sesscache clear", "ocspcache info"}),
    ("info", set()), ("sesscache", set()), ("sesscache,info", {"sesscache info"}),
    ("ocspcache,sesscache,info", {"sesscache info", "ocspcache info"}),
])
def test_both_words_have_to_be_allowed(tmp_path: Path, acl: str, allowed: set[str]) -> None:
    with desk(tmp_path, "TLSControlsACLs all deny user *", f"TLSControlsACLs {acl} allow user {ME}") as here:
        without(here)
        for asked in ("sesscache info", "sesscache clear", "ocspcache info"):
            denied = here.ask("tls", *asked.split()) == (-1, ["access denied"])
            assert denied is (asked not in allowed), asked


def test_denied_unless_allowed(tmp_path: Path) -> None:
    path = tmp_path / "controls"
    with desk(tmp_path, f"TLSControlsACLs all deny user {ME}") as here:
        assert here.path == path
        assert here.ask("tls", "sesscache", "info") == (-1, ["access denied"])


def test_info_counts(here: Desk) -> None:
    service = here.supervisor.service
    assert isinstance(service, SimpleNamespace)
    now = time.time()
    service.session_cache.store(b"k", b"no session", now + 100)
    service.session_cache.fetch(b"k")
    service.session_cache.fetch(b"missing")
    status, lines = here.ask("tls", "sesscache", "info", "-v")
    assert (status, lines[0]) == (0, "Internal (internal) SSL session cache provided by mod_tls/2.9.2")
    assert {"Current session cache size: 1", "Cache lifetime hits: 1", "Cache lifetime misses: 1",
            "Cache lifetime sessions stored: 1", "Cache lifetime errors handling sessions in cache: 0"} <= set(lines)
    at = lines.index("Cached sessions:")
    assert lines[at + 1 : at + 3] == ["  -----BEGIN SSL SESSION PARAMETERS-----", "    Session ID: 6B"]
    assert re.fullmatch(r"    Expires: .* \((99|100) secs\)", lines[at + 3])
    assert here.ask("tls", "sesscache", "clear")[1] == [
        "tls sesscache: cleared 1 session from 'internal' session cache"]
    assert here.ask("tls", "sesscache", "info", "-v")[1][-2:] == ["Cached sessions:", "  (none)"]
    assert here.ask("tls", "ocspcache", "info")[1][0] == (
        "Filesystem (fs) OCSP response cache provided by mod_tls_fscache/0.0")


def test_a_cache_that_does_not_answer(here: Desk) -> None:
    class Broken(SharedStore):
        def _status(self, deadline: float) -> None:  # type: ignore[override]
            raise CacheError("Connection refused")

        _clear = _remove = _status  # type: ignore[assignment]

    here.supervisor.service = SimpleNamespace(session_cache=Broken(SharedCache(1 << 20)), response_cache=None)
    problems = {"info": "error obtaining info about the session cache", "clear": "error clearing session cache"}
    for asked, words in problems.items():
        status, (line,) = here.ask("tls", "sesscache", asked)
        assert status == -1
        assert line.startswith(f"tls sesscache: {words}: ")
        assert line.endswith("Connection refused")


class Distant(SharedStore):
    """A cache elsewhere, which says what comes out of the named pipe `words`, and breaks when it is cleared."""

    distant = True
    words = ""

    def _status(self, deadline: float) -> Status:
        with open(self.words, encoding="ascii") as words:
            said = words.read()
        if said != "7":
            raise CacheError(said)
        return Status(Statistics(hits=int(said)))

    def _clear(self, deadline: float) -> int:
        os._exit(1)


@pytest.fixture
def words(here: Desk, tmp_path: Path) -> Path:
    """Where to write what a distant cache is to say."""
    store, path = Distant(SharedCache(1 << 20)), tmp_path / "words"
    os.mkfifo(path)
    store.words = str(path)
    here.supervisor.service = SimpleNamespace(session_cache=store, response_cache=None)
    return path


@pytest.mark.parametrize(("said", "status", "line"), [
    ("7", 0, "Cache lifetime hits: 7"),
    ("gone", -1, "tls sesscache: error obtaining info about the session cache: internal cache: gone"),
])
def test_a_distant_cache_holds_up_nobody(here: Desk, words: Path, said: str, status: int, line: str) -> None:
    """Who asks it waits; all others are answered meanwhile."""
    waiting = here.send("tls", "sesscache", "info")
    for _ in range(3):
        assert here.ask("status", "all")[0] == 0
    with open(words, "w", encoding="ascii") as file:
        file.write(said)
    answer = parse(here.receive(waiting))
    assert answer[0] == status
    assert line in answer[1]
    assert_no_children()


def test_a_distant_cache_that_never_answers(here: Desk, words: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert here.ask("tls", "sesscache", "clear") == (-1, ["no answer in time"]), "its process died"
    monkeypatch.setattr(aside, "PATIENCE", 0.2)
    assert here.ask("tls", "sesscache", "info") == (-1, ["no answer in time"])
    monkeypatch.setattr(aside, "PATIENCE", 60.0)
    here.send("tls", "sesscache", "info")
    here.turn()
    here.turn()
    here.server.close()
    assert_no_children()


def test_a_process_whose_end_was_seen_by_another(here: Desk, words: Path) -> None:
    """As process 1 the supervisor takes note of every end: nobody else is killed then, who may have got the number."""
    waiting = here.send("tls", "sesscache", "clear")
    here.turn()
    here.turn()
    os.waitpid(-1, 0)
    assert parse(here.receive(waiting)) == (-1, ["no answer in time"])


def assert_no_children() -> None:
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


def test_sessions_of_real_clients(ftps_server: ServerFactory, tmp_path: Path) -> None:
    """With a shm cache: what -v says of a session, and that a cleared one is not resumed."""
    server = ftps_server(
        directives=ALLOW, tls=["TLSRequired on", f"TLSSessionCache shm:/file={tmp_path}/shm", "TLSSessionTickets off"])
    first = server.client("TLSv1.2").begin()
    session = first.control.session
    assert session is not None
    text = run(server, "tls", "sesscache", "info", "-v").stdout
    assert "ftpsctl: Shared memory (shm) SSL session cache provided by mod_tls_shmcache/0.2\nftpsctl: \n" in text
    assert re.search(r"Shared memory segment ID: \d+\n.*Shared memory segment size: \d+ bytes\n", text)
    block = text.partition("Cached sessions:\n")[2]
    assert f"    Session ID: {session.id.hex().upper()}\n" in block
    assert re.search(r"    Session ID Context: ([0-9A-F]{2})+\n", block)
    assert "    Protocol: TLSv1.2\n" in block
    assert time.strftime("    Started: %a %b ") in block
    assert run(server, "tls", "sesscache", "clear").stdout == (
        "ftpsctl: tls sesscache: cleared 1 session from 'shm' session cache\n")
    assert "Current session cache size: 0" in run(server, "tls", "sesscache", "info").stdout
    again = server.client("TLSv1.2", context=first.context)
    again.connect()
    again.expect(234, "AUTH TLS")
    again.handshake(session=session)
    assert again.control.tls is not None
    assert not again.control.tls.session_reused
    assert run(server, "tls", "sesscache", "remove").stdout == "ftpsctl: tls sesscache: removed 'shm' session cache\n"
    server.client("TLSv1.2").begin().quit()
