"""RedisLogOnCommand, RedisLogOnEvent, RedisLogFormatExtra: what the words mean, where they hold, what is refused."""

from __future__ import annotations

import pytest

from ftpsd.settings import rules
from ftpsd.settings.logformat import Field
from ftpsd.settings.model import Host
from ftpsd.settings.redis_logs import Member, RedisLog, extra, on_command, on_event
from ftpsd.settings.redis_rules import first_log
from tests.settings.support import configuration, failure, in_directory, main_host

SERVER = 'RedisEngine on\nRedisServer 127.0.0.1\nLogFormat f "%m"\nLogFormat g "%u"\n'


def one(words: str, *, event: bool = False) -> RedisLog:
    (log,) = (on_event if event else on_command)(words.split())
    return log


RETR, LIST, NOOP = ("RETR", {"READ"}), ("LIST", {"DIRS"}), ("NOOP", {"MISC"})
SITE, UNKNOWN = ("SITE CHMOD", {"MISC"}), ("WHAT", set[str]())
USER, AUTH = ("USER", {"AUTH"}), ("AUTH", {"SEC"})
CONNECT, EXIT = ("CONNECT", {"CONNECT"}), ("EXIT", {"EXIT"})
EVERY = (RETR, LIST, NOOP, SITE, UNKNOWN, USER, AUTH, CONNECT, EXIT)


@pytest.mark.parametrize(("words", "event", "wanted"), [
    ("RETR f", False, {"RETR"}), ("retr,list f", False, {"RETR", "LIST"}), ("RETR|LIST f", False, {"RETR", "LIST"}),
    ("ALL f", False, {"RETR", "LIST", "NOOP", "SITE CHMOD", "WHAT", "USER", "AUTH"}),
    ("SITE f", False, {"SITE CHMOD"}), ("site_chmod f", False, {"SITE CHMOD"}), ("AUTH f", False, {"AUTH"}),
    ("READ,DIRS f", True, {"RETR", "LIST"}), ("READ,NOOP f", True, {"RETR", "NOOP"}),
    ("AUTH f", True, {"USER", "AUTH"}), ("RETR f", True, {"RETR"}),
    ("ALL f", True, {command for command, _ in EVERY}),
    ("ALL,!MISC,!EXIT f", True, {"RETR", "LIST", "WHAT", "USER", "AUTH", "CONNECT"}),
    ("CONNECT,DISCONNECT f", True, {"CONNECT", "EXIT"}), ("EXIT f", True, {"EXIT"}), ("SFTP,SSH f", True, set()),
])
def test_which_commands(words: str, event: bool, wanted: set[str]) -> None:
    log = one(words, event=event)
    assert {command for command, classes in EVERY if log.wants(command, frozenset(classes))} == wanted


def test_a_client_cannot_send_the_ends_of_a_session() -> None:
    log = one("CONNECT,EXIT f", event=True)
    assert not log.wants("EXIT", frozenset())
    assert not log.wants("CONNECT", frozenset())


def test_format_and_key() -> None:
    assert (one("RETR f").format, one("RETR f").key) == ("f", ())
    assert one("RETR f %m:ftp:%{note:X}").key == (Field("command"), ":ftp:", Field("note", "X"))


@pytest.mark.parametrize("word", ["none", "NONE"])
def test_none(word: str) -> None:
    assert on_command([word]) == on_event([word]) == ()


def test_extras() -> None:
    (found,) = extra(["f", '{"a": "%m!", "b": 1.5, "c": [true, null], "d": {"e": "%m"}}'])
    assert found.format == "f"
    assert found.members == (
        Member("a", (Field("command"), "!")), Member("b", None, "1.5"), Member("c", None, "[true, null]"),
        Member("d", None, '{"e": "%m"}'))


@pytest.mark.parametrize(("line", "texts"), [
    ("RedisLogOnCommand READ f", ["'READ' is no command but a class of commands", "Write RedisLogOnEvent."]),
    ("RedisLogOnCommand CONNECT f", ["'CONNECT' is no command but a class"]),
    ("RedisLogOnCommand none f", ["names no command"]),
    ("RedisLogOnEvent !READ f", ["logs nothing"]),
    ("RedisLogOnEvent RETR f %", ["a '%' at the end"]),
    ('RedisLogFormatExtra f "{nothing}"', ["as JSON object: invalid JSON", "Write it between quotes"]),
    ('RedisLogFormatExtra f "[]"', ["'[]' is no JSON object"]),
    ("RedisLogFormatExtra f " + "[" * 50_000, ["invalid JSON"]),
    ("RedisLogOnCommand RETR h", ["no LogFormat 'h' configured", "There are default, f, g, json"]),
    ("RedisLogOnEvent READ json:f", ["no LogFormat 'json:f' configured"]),
    ("RedisLogFormatExtra h {}", ["no LogFormat 'h' configured"]),
    ("<Directory /srv>\nRedisLogOnCommand RETR h\n</Directory>", ["no LogFormat 'h' configured", "on line 6 of"]),
    ("<Anonymous ~ftp>\n<Directory /srv>\nRedisLogOnEvent ALL h\n</Directory>\n</Anonymous>", ["'h'", "line 7"]),
    ("<IfUser joe>\nRedisLogOnEvent ALL h\n</IfUser>", ["'h'", "on line 6 of"]),
])
def test_errors(line: str, texts: list[str]) -> None:
    message = failure(SERVER + line)
    for text in texts:
        assert text in message


SECTIONS = pytest.mark.parametrize(
    "section", ["", "Directory /srv", "IfUser joe", "Anonymous ~ftp", "VirtualHost 127.0.0.2"])


def _within(section: str) -> str:
    begin, end = (f"<{section}>\n", f"</{section.split()[0]}>\n") if section else ("", "")
    return f"{begin}RedisLogOnEvent READ default\n{end}"


@SECTIONS
def test_a_log_needs_a_server(section: str) -> None:
    message = failure(f"{_within(section)}RedisEngine on\n")
    assert message.startswith(f"fatal: RedisLogOnEvent: needs RedisServer on line {2 if section else 1} of ")
    assert "Write RedisServer in server config" in message


@SECTIONS
@pytest.mark.parametrize("server", ["", "RedisEngine off\n", "RedisEngine off\nRedisServer 127.0.0.1\n"])
def test_without_redis_engine_nothing_is_logged(server: str, section: str) -> None:
    """As in ProFTPD: the file works as it is. It is told."""
    loaded = configuration(_within(section) + server)
    assert first_log(loaded) is None
    (notice,) = rules.check(loaded)
    assert notice.startswith(f"RedisLogOnEvent on line {2 if section else 1} of ")
    assert notice.endswith(" logs nothing: RedisEngine is off")


def test_nothing_is_needed_for_none_and_for_extras_alone() -> None:
    for line in ("RedisLogOnCommand none", "RedisLogOnEvent none", 'RedisLogFormatExtra default {"a":1}'):
        assert first_log(configuration(line)) is None


def formats(host: Host, path: str) -> list[str]:
    settings = in_directory(host.settings, path).redis_logs
    return [log.format for log in settings.on_command]


def test_sections_add_and_none_takes_away() -> None:
    host = main_host(SERVER + """
        <Global>
          RedisLogOnCommand RETR default
        </Global>
        RedisLogOnCommand RETR f
        <Directory /srv>
          RedisLogOnCommand STOR g
          RedisLogOnCommand LIST g
        </Directory>
        <Directory /srv/quiet>
          RedisLogOnCommand none
        </Directory>
        <Directory /srv/quiet/loud>
          RedisLogOnCommand RETR json
        </Directory>
        <Directory /srv/both>
          RedisLogOnCommand RETR json
          RedisLogOnCommand none
        </Directory>
    """)
    assert formats(host, "/") == ["f", "default"]
    assert formats(host, "/srv/x") == ["g", "g", "f", "default"]
    assert formats(host, "/srv/quiet/x") == formats(host, "/srv/both") == []
    assert formats(host, "/srv/quiet/loud") == ["json"]


def test_logs_of_a_host_are_not_those_of_another() -> None:
    found = configuration(SERVER + "RedisLogOnCommand RETR f\n<VirtualHost 127.0.0.2>\nPort 22\n</VirtualHost>")
    assert [len(host.settings.redis_logs.on_command) for host in found.hosts] == [1, 0]
