"""The supervisor's loop, without workers."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import cast

import pytest

from ftpsd.server.contract import Service
from ftpsd.server.crew import Crew
from ftpsd.server.generation import Generation
from ftpsd.server.journal import Journal
from ftpsd.server.listeners import Listeners
from ftpsd.server.notify import Notifier
from ftpsd.server.process import Launch
from ftpsd.server.supervisor import Supervisor
from ftpsd.settings import Configuration, Host, Settings
from tests.server.fake_server import TalkingService

WAIT = 0.2


def test_the_wait_for_the_last_workers_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """After `shutdown graceful N` has run out, too: the moment that has passed is none to wake up for."""
    waits: list[float] = []

    def stop(crew: Crew, seconds: float, wait: Callable[[float], None]) -> None:
        begun = time.monotonic()
        wait(WAIT)
        waits.append(time.monotonic() - begun)
        crew.close()

    def build(listeners: Listeners, number: int, configuration: Configuration | None) -> Generation:
        raise AssertionError("nobody reloads")

    signals, writer = socket.socketpair()
    queue = SimpleNamespace(fileno=signals.fileno, take=list, close=signals.close)
    monkeypatch.setattr("ftpsd.server.supervisor.SignalQueue", lambda *numbers: queue)
    monkeypatch.setattr(Crew, "stop", stop)
    monkeypatch.setattr(Crew, "start", lambda crew, generation: None)
    configuration = Configuration(hosts=(Host(settings=Settings()),))
    generation = Generation(1, configuration, cast(Service, TalkingService(configuration)), Listeners())
    supervisor = Supervisor(build, generation, Launch(True), Journal(stderr=False), Notifier({}))
    assert supervisor.run(lambda: supervisor.shut_down(0.0)) == 0
    writer.close()
    assert len(waits) == 1
    assert waits[0] > WAIT / 2
