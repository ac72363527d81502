"""Which sessions ask to be woken up at once."""

from __future__ import annotations

import threading

import pytest

from ftpsd.session import loop
from tests.session.inprocess import one_session


@pytest.mark.parametrize(("commands", "times"), [(8, 0), (60, 1)])
def test_a_session_that_goes_on_asks_once(commands: int, times: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """… in its own thread."""
    threads: list[int] = []
    monkeypatch.setattr(loop, "answer_promptly", lambda: threads.append(threading.get_ident()))
    with one_session() as served:
        served.client.connect()
        served.client.login()
        for _ in range(commands):
            served.client.expect(200, "NOOP")
        served.client.quit()
    assert len(threads) == times
    assert threading.get_ident() not in threads
