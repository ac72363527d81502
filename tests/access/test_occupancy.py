"""How many may be in: the verdicts."""

from __future__ import annotations

import pytest

from ftpsd.access.occupancy import Holding, Standing, judge_connection, judge_login, judge_transfer, key
from ftpsd.reasons.codes import Code
from ftpsd.settings.bounds import BoundSettings
from ftpsd.settings.values import Bound, ClassBound, TransferBound

HOST = key("host")


def holding(user: str = "alice", address: str = "192.0.2.1", *, standing: Standing = Standing.LOGGED_IN,
            client_class: str = "", command: str = "", host: bytes = HOST) -> Holding:
    return Holding(standing, host, key(address), key(user), key(client_class), key(command))


ALL = BoundSettings(
    max_clients=Bound(3), max_clients_per_host=Bound(2), max_clients_per_user=Bound(2, "you are %m"),
    max_clients_per_class=(ClassBound("local", Bound(1)), ClassBound("far", None)), max_hosts_per_user=Bound(1),
)


@pytest.mark.parametrize(("others", "reason"), [
    ([], None),
    ([holding("bob", standing=Standing.CONNECTED)] * 9, None),
    ([holding("bob", host=key("another"))] * 9, None),
    ([holding("bob", "192.0.2.2")] * 2, None),
    ([holding("bob", "192.0.2.2")] * 3, Code.LIMIT_CLIENTS),
    ([holding("bob")] * 2, Code.LIMIT_CLIENTS_PER_HOST),
    ([holding("bob"), holding("alice")], Code.LIMIT_CLIENTS_PER_HOST),
    ([holding("alice", "192.0.2.2")] * 2, Code.LIMIT_CLIENTS_PER_USER),
    ([holding("alice", "192.0.2.2")], Code.LIMIT_HOSTS_PER_USER),
    ([holding("alice")], None),
    ([holding("bob", "192.0.2.2", client_class="local")], Code.LIMIT_CLIENTS_PER_CLASS),
])
def test_a_login(others: list[Holding], reason: Code | None) -> None:
    judge = judge_login(ALL, holding(client_class="local"), client_class="local", anonymous=False)
    assert judge is not None
    verdict = judge(others)
    assert (verdict.reason if verdict is not None else None) == reason


def test_an_anonymous_login_counts_its_own_alone() -> None:
    judge = judge_login(BoundSettings(max_clients=Bound(1)), holding("ftp"), client_class=None, anonymous=True)
    assert judge is not None
    assert judge([holding("bob")]) is None
    assert judge([holding("ftp")]) is not None


def test_nothing_is_judged_where_nothing_is_bounded() -> None:
    assert judge_login(BoundSettings(), holding(), client_class="local", anonymous=False) is None
    assert judge_login(ALL.__class__(max_clients_per_class=ALL.max_clients_per_class), holding(), client_class="far",
                       anonymous=False) is None
    assert judge_transfer(BoundSettings(), holding(), "RETR") is None


def test_the_words() -> None:
    judge = judge_login(ALL, holding(), client_class=None, anonymous=False)
    assert judge is not None
    verdict = judge([holding("alice", "192.0.2.2")] * 2)
    assert verdict is not None
    assert (verdict.text, verdict.log) == ("you are 2", "MaxClientsPerUser 2")


def test_connections_count_from_the_same_address() -> None:
    judge = judge_connection(Bound(2), holding(standing=Standing.CONNECTED))
    assert judge([holding(), holding(address="192.0.2.9"), holding(host=key("another"))]) is None
    verdict = judge([holding(), holding("bob", standing=Standing.CONNECTED)])
    assert verdict is not None
    assert verdict.text == "Sorry, the maximum number of connections (2) for your host are already connected."


def test_transfers_count_by_command() -> None:
    bounds = BoundSettings(
        max_transfers_per_host=(TransferBound(frozenset({"RETR", "STOR"}), Bound(2)),),
        max_transfers_per_user=(TransferBound(frozenset({"STOR"}), Bound(1)),))
    assert judge_transfer(bounds, holding(), "APPE") is None
    judge = judge_transfer(bounds, holding(command="STOR"), "STOR")
    assert judge is not None
    assert judge([holding(command="RETR")] * 5) is None
    for others, reason in (
        ([holding(command="STOR")], Code.LIMIT_TRANSFERS_PER_USER),
        ([holding("bob", command="STOR")] * 2, Code.LIMIT_TRANSFERS_PER_HOST),
    ):
        verdict = judge(others)
        assert verdict is not None
        assert verdict.reason is reason
