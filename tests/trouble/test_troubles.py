"""Each trouble happens, and what is seen is what docs/troubleshooting.md shows."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from ftpsd.reasons.codes import Code
from ftpsd.reasons.table import TABLE
from ftpsd.reasons.trouble import Sight, Trouble
from ftpsd.reasons.troubles import TROUBLES
from ftpsd.reasons.troubleshooting import page
from ftpsd.testing.plugin import Certificates
from tests.trouble import ways_certificates, ways_connecting, ways_data  # noqa: F401  they fill WAYS
from tests.trouble.stage import WAYS, Scene, Stage, opened

PAGE = Path(__file__).parents[2] / "docs" / "troubleshooting.md"
CASES = [(trouble, version) for trouble in TROUBLES for version in WAYS.get(trouble.key, (None, ("",)))[1]]
EVERY = pytest.mark.parametrize("trouble", TROUBLES, ids=lambda trouble: str(trouble.key))


@pytest.fixture(scope="module")
def stage(ftps_certificates: Certificates, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    directory = tmp_path_factory.mktemp("trouble")
    with opened(ftps_certificates, directory) as found:
        yield found


@pytest.mark.parametrize(("trouble", "version"), CASES, ids=lambda value: getattr(value, "key", value))
def test_it_happens_and_ftpsd_says_why(
    stage: Stage, trouble: Trouble, version: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = Scene(stage, version, monkeypatch)
    WAYS[trouble.key][0](scene)
    for sight in trouble.sights:
        assert scene.shows(sight), f"{sight}\nis not in\n{scene.seen(sight.place)}"


def test_every_trouble_has_a_way_and_a_name_of_its_own() -> None:
    assert [trouble.key for trouble in TROUBLES] == list(dict.fromkeys(trouble.key for trouble in TROUBLES))
    assert set(WAYS) == {trouble.key for trouble in TROUBLES}


@EVERY
def test_the_reasons_are_seen_and_explained(trouble: Trouble) -> None:
    text = " ".join(sight.text for sight in trouble.sights)
    shown = set(re.findall(r"\[([a-z0-9-]+)\]", text) + re.findall(r'"reason": "([a-z0-9-]+)"', text))
    assert shown == set(trouble.codes), "a reason that nobody sees helps nobody"
    assert all(code in TABLE for code in trouble.codes)
    assert all(isinstance(code, Code) for code in trouble.codes)
    assert trouble.cure.endswith(".")
    assert all(len(symptom) >= 8 for symptom in trouble.symptoms), "`ftpsd explain` would find it everywhere"


def test_the_page_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), (
        "run `python -m ftpsd.reasons.troubleshooting > docs/troubleshooting.md`")


def test_a_sight_is_a_line_with_gaps() -> None:
    assert Sight("reply", "425 a … c [x]").matches("425-b\n425 a\n  b  c [x] and so on")
    assert not Sight("reply", "425 a … c [x]").matches("425 a c")
    assert not Sight("reply", "a.c").matches("abc")
