"""Records to lines and to JSON."""

from __future__ import annotations

import dataclasses
import json
import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

import ftpsd
from ftpsd.log import formats
from ftpsd.log.identity import writer_id
from ftpsd.log.record import Record, Transfer
from ftpsd.settings.logformat import DEFAULT, VARIABLES, Field, LogFormat, parse_format
from tests.log.support import CLIENT, NOON, STAMP

ORIGIN = CLIENT._replace(server_name="Our files", email="me@here", anonymous=True, ident="")
RETR = Record(
    "RETR", "RETR sub/a b.txt", "sub/a b.txt", frozenset({"READ"}), 226, "Transfer complete", 0.0123,
    path="/sub/a b.txt", changes=True, moves=True, transfer=Transfer(2048, 0.5), offset=10, port=40000,
    user="ftp", login_name="anonymous", group="nogroup", uid=14, gid=50, cwd="/sub", client_class="local",
    protocol="ftps", notes={"TLS_CIPHER": "AES"}, environment={"SITE": "here", "GONE": None},
    real_path=lambda path: f"/srv{path}", file_size=lambda path: len(path), network=lambda: (100, 5000),
    server_dns=lambda: "ftp.example",
)
CWD = Record("CWD", "CWD ..", "..", frozenset({"DIRS"}), 550, "no", path="/sub", directory=True, cwd="/sub/x",
             real_path=lambda path: f"/srv{path}")
RNTO = Record("RNTO", "RNTO b", "b", frozenset({"WRITE"}), 250, "ok", path="/b", changes=True, renamed_from="/a",
              real_path=lambda path: f"/srv{path}")
FAILED = Record("STOR", "STOR x", "x", frozenset({"WRITE"}), 426, "Transfer aborted. Data connection closed",
                path="/x", changes=True, moves=True, transfer=Transfer(7, 0.0), existed=True, ascii=True)
STALLED = dataclasses.replace(FAILED, transfer=Transfer(7, 1.0, stalled=True))
REFUSED = dataclasses.replace(FAILED, code=550, text="x: Permission denied", transfer=None)
ABOR = Record("ABOR", "ABOR", "", frozenset({"MISC"}), 226, "Abort successful", aborts=True)
EXIT = Record("EXIT", classes=frozenset({"EXIT"}), end_reason="Quit")
PASS = Record("PASS", "PASS (hidden)", "(hidden)", frozenset({"AUTH"}), 530, "Login incorrect.", login_name="joe")


def line(text: str, record: Record, now: float = NOON) -> str:
    return formats.line(LogFormat("x", parse_format(text)))(record, ORIGIN, now)


@pytest.mark.parametrize(("text", "record", "expected"), [
    ("%a %h %{remote-port}", RETR, "192.0.2.7 client.example 4000"),
    ("%H %L %p %v %V", RETR, "192.0.2.1 192.0.2.1 21 Our files ftp.example"),
    ("%A %l %c", RETR, "me@here UNKNOWN local"),
    ("%m %J", RETR, "RETR sub/a b.txt"),
    ('"%r" %s', RETR, '"RETR sub/a b.txt" 226'),
    ("%S", RETR, "Transfer complete"),
    ("%b %T %{transfer-millisecs} %{transfer-speed}", RETR, "2048 0.500 500 4.00"),
    ("%f|%F|%{basename}", RETR, "/srv/sub/a b.txt|/sub/a b.txt|a b.txt"),
    ("%{file-size} %{file-offset} %{file-modified}", RETR, "12 10 false"),
    ("%{transfer-status} %{transfer-type} %{transfer-failure} %{transfer-port}", RETR, "success binary - 40000"),
    ("%d|%D", RETR, "/sub|"),
    ("%u %U %g %{uid} %{gid}", RETR, "ftp anonymous nogroup 14 50"),
    ("%I %O", RETR, "100 5000"),
    ("%R", RETR, "12"),
    ("%{protocol} %{version} %{session-id}", RETR, f"ftps {ftpsd.__version__} abc"),
    ("%{SITE}e|%{GONE}e|%{NOBODY_HAS_THIS}e", RETR, "here||"),
    ("%{note:TLS_CIPHER}|%{note:x}", RETR, "AES|"),
    ("%{iso8601} %{millisecs} %{microsecs}", RETR, f"{STAMP} 250 250000"),
    ("%{epoch}", RETR, str(int(NOON))),
    ("%{%Y.%m}t %{time:%d}", RETR, "2026.11 01"),
    ("%w %E", RETR, "- "),
    ("%d|%D|%f|%F|%b", CWD, "sub|/srv/sub|/srv/sub|-|-"),
    ("%w %F", RNTO, "/a /b"),
    ("%b %{transfer-status} %{transfer-failure}", FAILED, "7 failed Data connection closed"),
    ("%{transfer-type} %{file-modified} %{file-size} %{transfer-speed}", FAILED, "ASCII true - -"),
    ("%{transfer-status}", STALLED, "timeout"),
    ("%b %F %{transfer-status} %{transfer-failure} %T", REFUSED, "- - failed x: Permission denied -"),
    ("%{transfer-status} %{transfer-type}", ABOR, "cancelled -"),
    ("%m %E|%r|%s %S", EXIT, "EXIT Quit||- -"),
    ("%u %U %r %J", PASS, "- joe PASS (hidden) (hidden)"),
])
def test_lines(text: str, record: Record, expected: str) -> None:
    assert line(text, record) == expected


def test_the_pid_is_that_of_the_other_logs() -> None:
    assert line("%P", RETR) == str(writer_id())


def test_default_format() -> None:
    found = formats.line(DEFAULT)(RETR, ORIGIN, NOON)
    zone = time.strftime("%z", time.localtime(NOON))
    assert found == f'client.example UNKNOWN ftp [01/Nov/2026:12:00:05 {zone}] "RETR sub/a b.txt" 226 2048'


def test_every_variable_has_a_meaning() -> None:
    for key in VARIABLES:
        formats.meaning(Field(key, "X"))(RETR, ORIGIN, NOON)


def test_between_quotes_quotes_are_escaped() -> None:
    record = dataclasses.replace(RETR, line='RETR x" 226 999 "', arguments="back\\slash")
    assert line('"%r" %s', record) == r'"RETR x\" 226 999 \"" 226'
    assert line('"%J" %J', record) == r'"back\\slash" back\slash'


NASTY = st.text(st.characters(codec=None), max_size=40) | st.text('"\\\n\r\x00\x1b\u2028\udcff %', max_size=20)
CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202e]")


def nasty(text: str) -> Record:
    return dataclasses.replace(
        RETR, line=text, arguments=text, text=text, path="/" + text, login_name=text, user=text, group=text,
        renamed_from=text, notes={"X": text}, environment={"X": text}, cwd=text, end_reason=text)


@given(NASTY)
def test_nothing_a_client_sends_forges_a_line(text: str) -> None:
    everything = " ".join(f"%{one.spelling}" for one in VARIABLES.values() if "NAME" not in one.spelling
                          and "format" not in one.spelling) + " %{X}e %{note:X}"
    found = line(everything, nasty(text))
    assert not CONTROLS.search(found)
    assert "\n" not in found.encode("utf-8", "backslashreplace").decode()


@given(NASTY)
def test_a_quoted_field_ends_where_the_format_says(text: str) -> None:
    found = line('"%r" %s', nasty(text))
    quoted = re.fullmatch(r'"((?:[^"\\]|\\.)*)" 226', found)
    assert quoted is not None


@given(NASTY)
def test_json_is_one_line_of_ascii_and_says_what_was_sent(text: str) -> None:
    found = formats.json_line((Field("raw_command"), Field("note", "X"), Field("response_code")))
    out = found(nasty(text), ORIGIN, NOON)
    assert out.isascii()
    assert not CONTROLS.search(out)
    value = json.loads(out)
    assert value["response_code"] == 226
    if text and not any(0xD800 <= ord(character) <= 0xDFFF for character in text):
        assert value["raw_command"] == value["NOTE:X"] == text


def test_json_leaves_out_what_has_no_value() -> None:
    out = json.loads(formats.json_line(formats.JSON_FIELDS)(EXIT, CLIENT, NOON))
    assert out["command"] == "EXIT"
    assert out["session_end_reason"] == "Quit"
    assert "transfer_path" not in out
    assert "response_code" not in out


def test_json_has_numbers_and_truth_values() -> None:
    out = json.loads(formats.json_line(formats.JSON_FIELDS)(RETR, ORIGIN, NOON))
    assert out["bytes_sent"] == 2048
    assert out["transfer_secs"] == 0.5
    assert out["file_modified"] is False
    assert out["NOTE:TLS_CIPHER"] == "AES"
    assert out["timestamp"] == STAMP


def test_bytes_that_are_no_utf8_in_json() -> None:
    out = formats.json_line((Field("raw_command"),))(dataclasses.replace(RETR, line="RETR \udcff"), ORIGIN, NOON)
    assert json.loads(out) == {"raw_command": "RETR \\xff"}
