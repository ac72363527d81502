"""Quotas: what is reached, what there is room for, what is said."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftpsd.access.quotas import (
    APPEND,
    DOWNLOAD,
    FIELDS,
    UPLOAD,
    Amounts,
    Field,
    Key,
    Limit,
    QuotaType,
    Reached,
    added,
    exceeded,
    keys,
    masked,
    report,
    room,
    shown,
    whole,
)

ALICE = Key(QuotaType.USER, "alice")


def limit(*amounts: float, hard: bool = True, per_session: bool = False) -> Limit:
    return Limit(ALICE, Amounts(*amounts), per_session, hard)


def test_where_a_limit_may_stand() -> None:
    assert [(key.type.value, key.name) for key in keys("alice", ("users", "staff"), ("local",))] == [
        ("user", "alice"), ("group", "users"), ("group", "staff"), ("class", "local"), ("all", "")]


@pytest.mark.parametrize(("amounts", "tally", "fields", "reached"), [
    ((1000,), (999.0,), UPLOAD, None), ((1000,), (1000.0,), UPLOAD, "1000.00 of 1000.00 upload bytes"),
    ((1000,), (1260.0,), APPEND, "1260.00 of 1000.00 upload bytes"), ((1000,), (1260.0,), DOWNLOAD, None),
    ((0, 0, 0, 4), (9.0, 9.0, 9.0, 4), UPLOAD, "4 of 4 upload files"),
    ((0, 0, 0, 4), (9.0, 9.0, 9.0, 4), APPEND, None),
    ((0, 3000), (0.0, 5201.0), DOWNLOAD, "5201.00 of 3000.00 download bytes"),
    ((0, 0, 2000, 4), (0.0, 0.0, 2000.0, 4), UPLOAD, "2000.00 of 2000.00 transfer bytes"),
    ((0, 0, 0, 0, 3, 2), (0.0, 0.0, 0.0, 0, 2, 2), DOWNLOAD, "2 of 2 transfer files"),
])
def test_what_is_reached(
    amounts: tuple[float, ...], tally: tuple[float, ...], fields: tuple[Field, ...], reached: str | None,
) -> None:
    found = exceeded(limit(*amounts), Amounts(*tally), fields)
    assert (found.shown() if found is not None else None) == reached


@pytest.mark.parametrize(("unit", "shown"), [
    ("b", "2150.00 of 2000.00 transfer bytes"), ("Kb", "2.10 of 1.95 transfer Kb"), ("mb", "0.00 of 0.00 transfer Mb"),
])
def test_units(unit: str, shown: str) -> None:
    assert Reached("bytes_xfer", 2150, 2000).shown(unit) == shown


@pytest.mark.parametrize(("given", "tally", "replaced", "space"), [
    (limit(1000), (260.0,), 0, 740), (limit(1000), (260.0,), 100, 840), (limit(1000, hard=False), (260.0,), 0, None),
    (limit(), (), 0, None), (limit(1000), (5000.0,), 0, 0), (limit(0, 0, 500), (9.0, 0.0, 100.0), 300, 400),
    (limit(1000, 0, 500), (900.0, 0.0, 100.0), 0, 100),
    (limit(math.inf), (260.0,), 0, 2**63 - 1), (limit(math.inf, 0, 500), (260.0,), 0, 500),
    (limit(1e19), (), 0, 2**63 - 1),
    (limit(math.inf), (math.inf,), 0, 0), (limit(1000), (math.nan,), 0, 0), (limit(1000), (math.inf,), 0, 0),
    (limit(math.nan), (), 0, None), (limit(2**63 - 1), (), 0, 2**63 - 1), (limit(1000.9), (), 0, 1000),
])
def test_room(given: Limit, tally: tuple[float, ...], replaced: int, space: int | None) -> None:
    assert room(given, Amounts(*tally), replaced=replaced) == space


@pytest.mark.parametrize(("given", "tally", "change", "after"), [
    (limit(1000), (400.0,), (600.0,), (1000.0,)), (limit(1000), (400.0,), (601.0,), "bytes_in"),
    (limit(1000, hard=False), (400.0,), (601.0,), (1001.0,)), (None, (400.0,), (601.0,), (1001.0,)),
    (limit(1000), (1200.0,), (-100.0,), (1100.0,)), (limit(1000), (50.0,), (-100.0,), (0.0,)),
    (limit(0, 0, 0, 4), (0.0, 0.0, 0.0, 4), (5.0, 0.0, 0.0, 1), "files_in"),
])
def test_what_may_be_added(
    given: Limit | None, tally: tuple[float, ...], change: tuple[float, ...], after: tuple[float, ...] | str,
) -> None:
    found = added(given, Amounts(*tally), Amounts(*change))
    assert (found.field if isinstance(found, Reached) else found) == (
        after if isinstance(after, str) else Amounts(*after))


def test_what_is_unlimited_is_not_tallied() -> None:
    assert masked(limit(1000, 0, 0, 0, 3), Amounts(1, 2, 3, 4, 5, 6)) == Amounts(1, 0, 0, 0, 5, 0)


@given(st.lists(st.integers(-50, 50), max_size=30), st.integers(0, 100))
def test_a_hard_limit_is_never_passed(changes: list[int], most: int) -> None:
    tally = Amounts()
    for change in changes:
        after = added(limit(most), tally, Amounts(bytes_in=change))
        tally = after if isinstance(after, Amounts) else tally
        assert tally.bytes_in >= 0
        assert not most or tally.bytes_in <= most


def test_what_site_quota_says() -> None:
    assert report(limit(1000, 3000, 0, 4, 3), Amounts(400.0, 0.0, 0.0, 1)) == [
        "Name: alice", "Quota Type: User", "Per Session: False", "Limit Type: Hard",
        "  Uploaded bytes:\t400.00/1000.00", "  Downloaded bytes:\t0.00/3000.00", "  Transferred bytes:\tunlimited",
        "  Uploaded files:\t1/4", "  Downloaded files:\t0/3", "  Transferred files:\tunlimited"]
    soft = Limit(Key(QuotaType.ALL, ""), Amounts(bytes_xfer=2000), per_session=True, hard=False)
    assert report(soft, Amounts(bytes_xfer=400.0), "Kb")[:7] == [
        "Name: ", "Quota Type: All", "Per Session: True", "Limit Type: Soft", "  Uploaded Kb:\tunlimited",
        "  Downloaded Kb:\tunlimited", "  Transferred Kb:\t0.39/1.95"]
    assert len(FIELDS) == 6


@pytest.mark.parametrize(("unit", "limit", "tally"), [
    ("b", "2048.00", "700.00"), ("Kb", "2.00 KB", "0.68 KB"), ("Mb", "0.00 MB", "0.00 MB"),
])
def test_what_display_files_say(unit: str, limit: str, tally: str) -> None:
    """As ProFTPD's limits; of tallies it says (unlimited) whatever there is."""
    found = shown(Limit(Key(QuotaType.USER, "alice"), Amounts(2048.0, files_in=5)), Amounts(700.0, files_in=1), unit)
    assert found == dict.fromkeys(found, "(unlimited)") | {
        "limit.bytes_in": limit, "limit.files_in": "5", "tally.bytes_in": tally, "tally.files_in": "1"}
    assert len(found) == 12
    assert set(shown(None, Amounts(700.0)).values()) == {"(unlimited)"}


def test_amounts_that_no_count_can_have_can_be_told() -> None:
    endless, tally = limit(*[math.inf] * 6), Amounts(1, 2, 3, 4, 5, 6)
    assert report(endless, tally)[-6:] == [
        "  Uploaded bytes:\t1.00/inf", "  Downloaded bytes:\t2.00/inf", "  Transferred bytes:\t3.00/inf",
        *(f"  {what} files:\t{used}/{2**63 - 1}" for what, used in (
            ("Uploaded", 4), ("Downloaded", 5), ("Transferred", 6)))]
    assert shown(endless, tally)["limit.files_in"] == str(2**63 - 1)
    assert exceeded(endless, tally, UPLOAD) is None
    assert [whole(amount) for amount in (-math.inf, -1e30, -1.5, 4.0, 7, math.nan)] == [
        1 - 2**63, 1 - 2**63, -1, 4, 7, 0]
