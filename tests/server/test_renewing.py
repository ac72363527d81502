"""The supervisor starts the program that gets certificates, hears what it says, and never waits for it."""

from __future__ import annotations

import os
import select
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest

from ftpsd.reasons.codes import Code, Good
from ftpsd.server import renewing
from ftpsd.server.options import Options
from ftpsd.server.renewing import FIRST, GLANCE, GLANCES, LATER, LONGEST_PAUSE, LONGEST_RUN, SOONEST, Renewing
from ftpsd.server.supervisor import Supervisor
from tests.server.harness import alive, children, until
from tests.settings.support import configuration

WANTED = """\
ACMEServer letsencrypt
ACMENames a.example.org
TLSEngine on
TLSECCertificateFile /ec.pem
TLSECCertificateKeyFile /ec.key
"""


class Taker:
    """As much of a supervisor as is needed."""

    def __init__(self) -> None:
        self.said: list[tuple[str, Code | Good]] = []
        self.journal = self

    def say(self, text: str, *, console: bool = True, reason: Code | Good = Good.NOTICE) -> None:
        self.said.append((text, reason))


class Scene:
    def __init__(self, code: str) -> None:
        self.now = 1000.0
        self.taker = Taker()
        self.renewing = Renewing(
            [sys.executable, "-c", code], cast(Supervisor, self.taker), lambda: self.now)
        self.renewing.follow(configuration(WANTED))

    def turn(self) -> None:
        """What the supervisor's loop does, as long as there is something to read."""
        interests = self.renewing.interests()
        if interests:
            select.select(list(interests), [], [], 10)
        self.renewing.attend(list(interests))

    def run(self) -> None:
        """From the start of the program until it is gone."""
        self.now += FIRST
        self.renewing.attend(())
        assert self.renewing.interests()
        while self.renewing.interests():
            self.turn()
        until(self.gone, "the end of the program")

    def gone(self) -> bool:
        self.now += GLANCE
        self.renewing.attend(())
        return self.renewing._leaving is None

    @property
    def wait(self) -> float:
        due = self.renewing.due()
        assert due is not None
        return due - self.now


@pytest.fixture(autouse=True)
def no_processes_left() -> Iterator[None]:
    before = children(os.getpid())  # servers of other tests
    yield
    assert set(children(os.getpid())) <= set(before)


SAYS = """
import json
for line in {lines!r}:
    print(line if isinstance(line, str) else json.dumps(line))
"""


def test_what_it_says_is_written_down() -> None:
    lines = [
        {"text": "asking"}, {"text": "no [acme-port]\n  remedy", "reason": "acme-port"}, "Traceback", {"again": 7200}]
    scene = Scene(SAYS.format(lines=lines))
    assert scene.wait == FIRST
    scene.run()
    assert scene.taker.said == [
        ("ACME: asking", Good.NOTICE), ("ACME: no [acme-port]\n  remedy", Code.ACME_PORT),
        ("ACME: Traceback", Code.ACME_REFUSED)]
    assert 7200 - 10 < scene.wait <= 7200
    scene.now += 7200
    scene.renewing.attend(())
    assert scene.renewing.interests(), "it is started again"
    scene.renewing.close()


@pytest.mark.parametrize(("line", "pause"), [
    ({"again": 1}, SOONEST), ({"again": 1e9}, LONGEST_PAUSE), ({"again": "soon"}, LATER), ({}, LATER), ("[]", LATER),
])
def test_what_it_says_about_the_next_time_is_bounded(line: object, pause: float) -> None:
    scene = Scene(SAYS.format(lines=[line]))
    scene.run()
    assert pause - 10 < scene.wait <= pause


def test_a_program_that_does_not_end_is_killed() -> None:
    scene = Scene("import sys, time; sys.stdout.close(); import os; os.close(1); os.close(2); time.sleep(60)")
    scene.now += FIRST
    scene.renewing.attend(())
    while scene.renewing.interests():
        scene.turn()
    began = time.monotonic()
    for _ in range(GLANCES):
        assert not scene.gone()
    until(scene.gone, "the end of the program")
    assert time.monotonic() - began < 30


def test_one_that_takes_too_long_is_given_up() -> None:
    scene = Scene("import time; time.sleep(60)")
    scene.now += FIRST
    scene.renewing.attend(())
    child = scene.renewing._child
    assert child is not None
    assert scene.wait == LONGEST_RUN
    scene.now += LONGEST_RUN
    scene.renewing.attend(())
    assert scene.taker.said[0][1] is Code.ACME_UNREACHABLE
    scene.renewing.close()
    assert not alive(child.pid)


def test_a_flood_is_cut_off() -> None:
    scene = Scene("import sys\ntry:\n    while True: sys.stdout.write('x' * 10000)\nexcept OSError: pass")
    scene.run()
    assert scene.taker.said == []


def test_nothing_is_started_where_nothing_is_wanted() -> None:
    scene = Scene("")
    scene.renewing.follow(configuration(""))
    assert scene.renewing.due() is None
    scene.renewing.close()


def test_a_worker_leaves_the_program_alone() -> None:
    scene = Scene("import time; time.sleep(60)")
    scene.now += FIRST
    scene.renewing.attend(())
    child = scene.renewing._child
    assert child is not None
    scene.renewing.leave()
    assert scene.renewing.interests() == {}
    assert alive(child.pid)
    os.kill(child.pid, 9)
    os.waitpid(child.pid, 0)


def test_a_program_that_cannot_be_started(tmp_path: Path) -> None:
    scene = Scene("")
    scene.renewing = Renewing([str(tmp_path / "missing")], cast(Supervisor, scene.taker), lambda: scene.now)
    scene.renewing.follow(configuration(WANTED))
    scene.now += FIRST
    scene.renewing.attend(())
    assert scene.taker.said == [("unable to start ftpsd acme: No such file or directory", Code.ACME_UNREACHABLE)]
    assert scene.wait == LATER


def test_the_program_makes_no_files_for_others() -> None:
    before = os.umask(0)
    try:
        scene = Scene("import json, os; print(json.dumps({'text': f'{os.umask(0):03o}'}))")
        scene.run()
    finally:
        os.umask(before)
    assert scene.taker.said == [("ACME: 077", Good.NOTICE)]


def test_the_program_is_for_the_same_configuration() -> None:
    words = renewing.program(Options(config="/etc/x.conf", defines=("TLS", "A")))
    assert words[1:] == [
        "-B", "-m", "ftpsd.cli.main", "acme", "--scheduled", "-c", "/etc/x.conf", "-D", "TLS", "-D", "A"]
