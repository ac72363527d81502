"""The supervisor's workers, without processes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import cast

import pytest

from ftpsd.server import orders
from ftpsd.server.contract import Service
from ftpsd.server.crew import Child, Crew
from ftpsd.server.generation import Generation
from ftpsd.server.journal import Journal
from ftpsd.server.listeners import Listeners
from ftpsd.server.scoreboard import Scoreboard, WorkerRow
from ftpsd.settings import Configuration, Host, Settings
from ftpsd.settings.server import ServerSettings


class Tame(Crew):
    """A crew whose workers say that they have started, and nothing else."""

    def _spawn(self, generation: Generation, row: int, failures: int, answer_fd: int = -1) -> int:
        ours, theirs = orders.channel()
        theirs.close()
        pid = -1 - len(self._children)
        self._children[pid] = Child(pid, row, generation.number, 0.0, ours, failures)
        os.write(answer_fd, b"+")
        return pid


@pytest.fixture
def board() -> Iterator[Scoreboard]:
    made = Scoreboard.create()
    yield made
    made.close()


@pytest.fixture
def crew(board: Scoreboard) -> Iterator[Tame]:
    made = Tame(board, Journal(stderr=False), lambda generation: None)
    yield made
    for child in made._children.values():
        child.channel.close()
    made.close()


def generation(number: int) -> Generation:
    configuration = Configuration(hosts=(Host(settings=Settings(server=ServerSettings(workers=2))),))
    return Generation(number, configuration, cast(Service, None), Listeners())


def test_a_worker_that_does_not_show_itself_yet_keeps_its_row(board: Scoreboard, crew: Tame) -> None:
    """One that has just taken a dead one's place, when a reload comes: its row was given to another one as well, and
    emptied when the first of the two ended."""
    before, after = generation(1), generation(2)
    crew.start(before)
    assert before.rows == (0, 1)
    board.set_worker(0, WorkerRow(4711, True, 0, 0))
    crew.start(after)
    assert after.rows == (2, 3)
