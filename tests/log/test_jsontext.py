"""Every line of a log in JSON is an object, whatever clients send."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftpsd.log import events
from ftpsd.log.bus import EventLog
from ftpsd.log.files import LONGEST_ENTRY
from ftpsd.log.formats import JSON_FIELDS, json_line
from ftpsd.log.jsontext import json_text
from ftpsd.log.sinks import open_sinks
from tests.log.support import CLIENT, NOON, clock, configuration, host
from tests.log.test_formats import RETR

WORDS = st.text("a\"\\\x01é😀\udcff", max_size=20)
VALUES = st.recursive(
    WORDS | st.integers() | st.none() | st.booleans(), lambda each: st.lists(each, max_size=6), max_leaves=12)


def test_what_fits_is_as_it_is() -> None:
    whole = {"a": "x" * 20_000, "b": [1, 2.5, None, True], "c": {"d": "é"}}
    assert json_text(whole) == json.dumps(whole)


@given(st.dictionaries(st.text("abc", max_size=3), VALUES, max_size=5), st.integers(1, 20_000))
def test_it_fits_always(members: dict[str, object], times: int) -> None:
    long = {name: value * times if isinstance(value, str) else value for name, value in members.items()}
    text = json_text(long)
    assert len(text) <= LONGEST_ENTRY
    found = json.loads(text)
    assert found.keys() == long.keys()
    for name, value in long.items():
        if isinstance(value, str):
            assert found[name] == value or value.startswith(found[name].removesuffix("..."))


@pytest.mark.parametrize("value", [
    "\x01" * 100_000, ["\x01" * 100_000] * 3, ["x"] * 100_000, [["\x01" * 50_000]] * 5, {"a": "\x01" * 50_000},
], ids=["text", "texts", "many", "nested", "object"])
def test_long_values_end_in_dots(value: object) -> None:
    text = json_text({"first": 1, "long": value, "last": 2})
    assert len(text) <= LONGEST_ENTRY
    assert '..."' in text
    assert json.loads(text)["last"] == 2


@pytest.mark.parametrize("byte", ["\x01", "\x7f", "\"", "😀"])
def test_a_command_of_control_characters_is_an_object_in_an_extended_log(byte: str) -> None:
    argument = byte * 4096
    record = dataclasses.replace(
        RETR, command=argument, line=f"{argument} {argument}", text=f"{argument} not understood", path=f"/{argument}",
        user=argument)
    line = json_line(JSON_FIELDS)(record, CLIENT, NOON)
    assert len(line) <= LONGEST_ENTRY
    assert json.loads(line)["response_code"] == 226


def test_a_certificate_with_a_long_name_is_an_object_in_the_event_log(tmp_path: Path) -> None:
    path = tmp_path / "events.json"
    sinks, notices = open_sinks(configuration(host(event_log=str(path))), clock=clock)
    assert notices == []
    log = EventLog(sinks)
    log.emit(events.ClientCertificate("CN = " + "\x01" * 60_000, verified=True))
    log.close()
    (line,) = path.read_text().splitlines()
    assert json.loads(line)["verified"] is True
