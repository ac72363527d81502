"""The grammar of LogFormat and ExtendedLog."""

from __future__ import annotations

from pathlib import Path

import pytest

from ftpsd.settings.arguments import ArgumentError
from ftpsd.settings.logformat import (
    DEFAULT,
    VARIABLES,
    Classes,
    ExtendedLog,
    Field,
    Variable,
    extended_log,
    log_format,
    parse_format,
)
from ftpsd.settings.model import Settings
from tests.settings.support import configuration, failure, main_host


@pytest.mark.parametrize(("text", "parts"), [
    ("", ()),
    ("words", ("words",)),
    ("100%%", ("100%",)),
    ("%%m", ("%m",)),
    ("%m", (Field("command"),)),
    ("%m%s", (Field("command"), Field("response_code"))),
    ("%{basename}", (Field("basename"),)),
    ("%{basename}text", (Field("basename"), "text")),
    ("%{transfer-status}e", (Field("transfer_status"), "e")),
    ("%{FOO}e", (Field("env", "FOO"),)),
    ("%{FOO}exit", (Field("env", "FOO"), "xit")),
    ("%{env:FOO}", (Field("env", "FOO"),)),
    ("%{note:TLS_CIPHER}", (Field("note", "TLS_CIPHER"),)),
    ("%{note:mod_tls.sni}", (Field("note", "mod_tls.sni"),)),
    ("%{%Y-%m}t", (Field("time", "%Y-%m"),)),
    ("%{time:%H}", (Field("time", "%H"),)),
    ("%{rename-from}%w", (Field("rename_from"), Field("rename_from"))),
    ('"%r" %s', ('"', Field("raw_command", quoted=True), '" ', Field("response_code"))),
    (r'\"%r', ('\\"', Field("raw_command"))),
    ('a "%f %m" %J', ('a "', Field("file", quoted=True), " ", Field("command", quoted=True), '" ',
                      Field("command_params"))),
])
def test_parts(text: str, parts: tuple[str | Field, ...]) -> None:
    assert parse_format(text) == parts


@pytest.mark.parametrize("spelling", [one.spelling for one in VARIABLES.values()])
def test_every_variable_is_understood(spelling: str) -> None:
    text = spelling.replace("NAME", "FOO").replace("{format}t", "{%Y}t")
    (field,) = parse_format(f"%{text}")
    assert isinstance(field, Field)
    assert field.key in VARIABLES


@pytest.mark.parametrize(("text", "remedy"), [
    ("%X", "%%X"), ("%{bogus}", "%%{bogus}"), ("%{transfer-stat}", "%{transfer-status}"), ("%", "%%"),
    ("%{}e", "%%"), ("%{note:}", "%%"), ("%{%Y}", "%%"), ("%{plain}t", "%%"),
])
def test_what_is_no_variable(text: str, remedy: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        parse_format(f"%m {text}")
    assert caught.value.remedy is not None
    assert remedy in caught.value.remedy


def test_names_of_json_members() -> None:
    labels = [part.label for part in parse_format("%a%{FOO}e%{note:TLS_CIPHER}") if isinstance(part, Field)]
    assert labels == ["remote_ip", "ENV:FOO", "NOTE:TLS_CIPHER"]


def test_log_format_takes_a_name_and_a_format() -> None:
    (found,) = log_format(["short", "%m"])
    assert found.key == found.name == "short"
    with pytest.raises(ArgumentError):
        log_format(["short", "%m", "%s"])


def test_the_default_is_the_common_log_format() -> None:
    assert [part.key for part in DEFAULT.parts if isinstance(part, Field)] == [
        "remote_dns", "identd_user", "user", "local_time", "raw_command", "response_code", "bytes_sent"]


@pytest.mark.parametrize(("words", "expected"), [
    ("/var/log/x", ExtendedLog("file", "/var/log/x")),
    ("/x ALL short", ExtendedLog("file", "/x", format="short")),
    ("/x read,Write", ExtendedLog("file", "/x", classes=Classes(included=frozenset({"READ", "WRITE"})))),
    ("/x READ|WRITE", ExtendedLog("file", "/x", classes=Classes(included=frozenset({"READ", "WRITE"})))),
    ("/x ALL,!MISC", ExtendedLog("file", "/x", classes=Classes(True, frozenset(), frozenset({"MISC"})))),
    ("/x SECURE,DISCONNECT", ExtendedLog("file", "/x", classes=Classes(included=frozenset({"SEC", "EXIT"})))),
    ("/x NONE", ExtendedLog("file", "/x", classes=Classes())),
    ("syslog:INFO ALL", ExtendedLog("syslog", level="info")),
    ("journal:notice", ExtendedLog("journal", level="notice")),
    ("stdout EXIT json", ExtendedLog("stdout", classes=Classes(included=frozenset({"EXIT"})), format="json")),
    ("stderr", ExtendedLog("stderr")),
])
def test_extended_log(words: str, expected: ExtendedLog) -> None:
    assert extended_log(words.split()) == (expected,)


@pytest.mark.parametrize(("words", "text"), [
    ("", "missing"), ("log", "relative paths not allowed"), ("none", "relative paths not allowed"),
    ("syslog: ALL", "unknown syslog level"), ("journal:loud", "unknown syslog level"), ("/x SSL", "invalid log class"),
    ("/x READ+!X", "invalid log class"), ("/x !READ", "logs nothing"), ("/x ALL short more", "wrong number"),
])
def test_bad_extended_logs(words: str, text: str) -> None:
    with pytest.raises(ArgumentError, match=text):
        extended_log(words.split())


@pytest.mark.parametrize(("classes", "command", "wanted"), [
    (Classes(everything=True), {"READ"}, True),
    (Classes(everything=True), set(), True),
    (Classes(everything=True), {"EXIT"}, False),
    (Classes(everything=True), {"CONNECT"}, False),
    (Classes(True, frozenset({"EXIT"})), {"EXIT"}, True),
    (Classes(True, frozenset(), frozenset({"WRITE"})), {"MISC", "WRITE"}, False),
    (Classes(included=frozenset({"MISC"})), {"MISC", "WRITE"}, True),
    (Classes(included=frozenset({"READ"})), {"MISC", "WRITE"}, False),
    (Classes(included=frozenset({"WRITE"}), excluded=frozenset({"DIRS"})), {"DIRS", "WRITE"}, False),
    (Classes(), {"READ"}, False),
])
def test_which_commands_are_wanted(classes: Classes, command: set[str], wanted: bool) -> None:
    assert classes.wants(frozenset(command)) is wanted


SECTIONS = """
    LogFormat a "A %m"
    LogFormat b "B %m"
    ExtendedLog /one ALL a
    ExtendedLog /two ALL a
    ExtendedLog /two READ b
    <Anonymous /srv>
      User ftp
      ExtendedLog /one ALL b
      ExtendedLog /three ALL json:a
    </Anonymous>
    <IfUser joe>
      ExtendedLog /two ALL json
    </IfUser>
    <VirtualHost 127.0.0.2>
      ExtendedLog /four ALL a
    </VirtualHost>
"""


def paths(settings: Settings) -> list[tuple[str, str | None]]:
    return [(log.path, log.format) for log in settings.logging.extended_logs]


def test_logs_of_sections() -> None:
    found = configuration(SECTIONS)
    main, other = found.hosts
    assert paths(main.settings) == [("/one", "a"), ("/two", "a"), ("/two", "b")]
    anonymous = main.for_login(user="ftp", anonymous=main.anonymous[0])
    assert paths(anonymous) == [("/one", "b"), ("/three", "json:a"), ("/two", "a"), ("/two", "b")]
    assert paths(main.for_login(user="joe")) == [("/two", "json"), ("/one", "a")]
    assert paths(other.settings) == [("/four", "a")]
    assert [one.name for one in other.settings.logging.log_formats] == ["a", "b"]


@pytest.mark.parametrize("text", [
    "ExtendedLog /x ALL nosuch", "<Anonymous /srv>\nUser ftp\nExtendedLog /x ALL nosuch\n</Anonymous>",
    "<IfUser joe>\nExtendedLog /x ALL json:nosuch\n</IfUser>",
    "<VirtualHost 127.0.0.2>\nExtendedLog /x ALL nosuch\n</VirtualHost>",
])
def test_a_format_that_is_not_there(text: str) -> None:
    found = failure(f'LogFormat short "%m"\n{text}')
    assert "unknown LogFormat" in found
    assert "short" in found
    assert "ExtendedLog" in found


def test_log_options() -> None:
    text = "LogOptions -Hostname +rolebasedprocesslabels\nTraceOptions -Timestamp ConnIPs"
    logging = main_host(text).settings.logging
    assert logging.log_options == {"Timestamp", "VirtualHost", "RoleBasedProcessLabels"}
    assert logging.trace_options == {"TimestampMillis", "ConnIPs"}
    assert "unknown LogOption '+Nothing'" in failure("LogOptions +Nothing")


@pytest.mark.parametrize("one", VARIABLES.values(), ids=lambda one: str(one.key))
def test_every_variable_is_documented(one: Variable) -> None:
    page = (Path(__file__).parents[2] / "docs" / "logs.md").read_text(encoding="utf-8")
    assert f"| `%{one.spelling}` | " in page
    assert f" | {one.doc} |" in page
