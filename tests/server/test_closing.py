"""The supervisor watches ShutMessageFile; what workers are told, and those that come later."""

from __future__ import annotations

import time
from datetime import datetime
from pathlib import Path
from typing import cast

import pytest

from ftpsd.access.closing import Stage, plan
from ftpsd.server import closing, orders
from ftpsd.server.closing import ClosingWatch
from ftpsd.server.orders import Close, DebugLevel, Dismiss, ForgetNames, Order
from ftpsd.server.supervisor import Supervisor
from ftpsd.settings import Configuration, Host, Settings
from ftpsd.settings.server import ServerSettings


class Taker:
    """As much of a supervisor as the watch needs."""

    def __init__(self) -> None:
        self.orders: list[Close] = []
        self.said: list[str] = []
        self.journal = self

    def say(self, text: str, *, console: bool = True) -> None:
        self.said.append(text)

    def command(self, order: Order) -> None:
        assert isinstance(order, Close)
        self.orders.append(order)

    @property
    def stages(self) -> list[Stage]:
        return [Stage(order.stage) for order in self.orders]


@pytest.fixture
def taker() -> Taker:
    return Taker()


@pytest.fixture
def watch(taker: Taker, tmp_path: Path) -> ClosingWatch:
    made = ClosingWatch(cast(Supervisor, taker))
    made.follow(serving(tmp_path / "shutmsg"))
    return made


def serving(path: Path | None) -> Configuration:
    settings = Settings(server=ServerSettings(shut_message_file=None if path is None else str(path)))
    return Configuration(hosts=(Host(settings=settings),))


def announce(path: Path, when: str, *, deny: int = 10, disconnect: int = 5, message: str = "bye") -> None:
    path.write_text(plan(when, datetime.now(), deny=deny, disconnect=disconnect, message=message).text())


def test_every_stage_is_told_once(taker: Taker, watch: ClosingWatch, tmp_path: Path) -> None:
    path = tmp_path / "shutmsg"
    watch.attend(())
    assert taker.stages == []
    announce(path, "+100")
    watch.attend(())
    assert taker.stages == []
    announce(path, "+8", message="going")
    watch.attend(())
    watch.attend(())
    assert taker.stages == [Stage.DENYING]
    assert "going" in taker.said[-1]
    announce(path, "now")
    watch.attend(())
    assert taker.stages[1:] == [Stage.DISCONNECTING]
    path.unlink()
    watch.attend(())
    assert taker.stages[2:] == [Stage.OPEN]
    assert taker.orders[-1].text == ""


def test_putting_it_off_opens_the_doors_again(taker: Taker, watch: ClosingWatch, tmp_path: Path) -> None:
    announce(tmp_path / "shutmsg", "+8")
    watch.attend(())
    announce(tmp_path / "shutmsg", "+500")
    watch.attend(())
    assert taker.stages == [Stage.DENYING, Stage.OPEN]


def test_another_message_is_told_too(taker: Taker, watch: ClosingWatch, tmp_path: Path) -> None:
    for message in ("one", "another"):
        announce(tmp_path / "shutmsg", "+8", message=message)
        watch.attend(())
    assert [order.text.splitlines()[1] for order in taker.orders] == ["one", "another"]


def test_it_wakes_up_when_the_stage_changes(
    taker: Taker, watch: ClosingWatch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(closing, "INTERVAL", 1000.0)
    announce(tmp_path / "shutmsg", "+10", deny=9, disconnect=0)
    watch.attend(())
    due = watch.due()
    assert due is not None
    assert 50 < due - time.monotonic() <= 61


@pytest.mark.parametrize("text", ["", "garbage", "2026 99 99 0 0 0 0000 0000\nx"])
def test_a_file_that_says_nothing_turns_newcomers_away(
    taker: Taker, watch: ClosingWatch, tmp_path: Path, text: str
) -> None:
    (tmp_path / "shutmsg").write_text(text)
    watch.attend(())
    assert taker.stages == [Stage.DENYING]
    assert "new connections are turned away" in taker.said[0]


def test_none_is_not_watched(taker: Taker, watch: ClosingWatch, tmp_path: Path) -> None:
    announce(tmp_path / "shutmsg", "now")
    watch.follow(serving(None))
    assert watch.due() is None
    assert taker.stages == []


@pytest.mark.parametrize("order", [
    Dismiss(((1, 2.5), (7, 1e9)), "bye"), DebugLevel(7), ForgetNames(), Close(1, "2026 …\nüml\n"), Close(),
])
def test_orders_arrive_as_they_were(order: Order) -> None:
    data = orders.encode(order)
    assert len(data) < orders.LONGEST
    assert orders.decode(data) == order


@pytest.mark.parametrize("data", [b"", b"x", b"[]", b"{}", b'["x", {}]', b'["debug", {"x": 1}]', b'["debug"]', b"7"])
def test_what_is_no_order(data: bytes) -> None:
    with pytest.raises(ValueError):
        orders.decode(data)


def test_many_places_go_in_parts() -> None:
    order = Dismiss(tuple((index, 1.0e9 + index) for index in range(2500)), "x" * 100)
    parts = list(order.parts())
    assert [len(part.places) for part in parts] == [1000, 1000, 500]
    assert all(len(orders.encode(part)) < orders.LONGEST for part in parts)
    assert sum((part.places for part in parts), ()) == order.places
