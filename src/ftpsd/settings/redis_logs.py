"""mod_redis's logs: which commands and events become JSON objects in lists of a Redis server."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from ftpsd.settings.arguments import ArgumentError, Special, want
from ftpsd.settings.declaration import PLACES, Combine, directive
from ftpsd.settings.logformat import CLASS_WORDS, Classes, Field, classes, parse_format

_ENDS = frozenset({"CONNECT", "EXIT"})
_COMMAND = re.compile("[A-Z][A-Z0-9_-]*")
_QUOTING = r'Write it between quotes, with a backslash before its own: "{\"site\": \"%v\"}".'

Parts = tuple[str | Field, ...]


@dataclass(frozen=True, slots=True)
class RedisLog:
    """One RedisLogOnCommand or RedisLogOnEvent. `key` (): the name of the format is the key."""

    classes: Classes
    commands: frozenset[str]
    format: str
    key: Parts = ()

    def wants(self, command: str, of: frozenset[str]) -> bool:
        """Whether a command of the classes `of` is logged (`SITE CHMOD` also by SITE and by SITE_CHMOD)."""
        if self.classes.wants(of):
            return True
        names = self.commands
        return bool(names) and not names.isdisjoint({command, command.partition(" ")[0], command.replace(" ", "_")})


class Member(NamedTuple):
    """A member of a RedisLogFormatExtra: a text with variables (`parts`), or another value as JSON (`constant`)."""

    name: str
    parts: Parts | None
    constant: str = ""


@dataclass(frozen=True, slots=True)
class Extra:
    """RedisLogFormatExtra: what else the objects of a format hold."""

    format: str
    members: tuple[Member, ...]


def on_command(words: Sequence[str]) -> tuple[RedisLog, ...]:
    """`none`, or `command,… format [key]`."""
    return _parsed(words, _commands)


def on_event(words: Sequence[str]) -> tuple[RedisLog, ...]:
    """`none`, or `command|class,… format [key]`."""
    return _parsed(words, _events)


def _parsed(
    words: Sequence[str], chosen: Callable[[Sequence[str]], tuple[Classes, frozenset[str]]],
) -> tuple[RedisLog, ...]:
    if len(words) == 1 and words[0].lower() == "none":
        return ()
    want(words, 2, 3)
    names = [name.upper() for name in re.split(r"[,|\s]+", words[0]) if name]
    if not names or "NONE" in names:
        raise ArgumentError(f"'{words[0]}' names no command", remedy="Name commands, or write none and nothing else.")
    of, commands = chosen(names)
    return (RedisLog(of, commands, words[1], parse_format(words[2]) if len(words) == 3 else ()),)


def _commands(names: Sequence[str]) -> tuple[Classes, frozenset[str]]:
    for name in names:
        if name in CLASS_WORDS and name not in ("ALL", "AUTH"):
            raise ArgumentError(f"'{name}' is no command but a class of commands", remedy="Write RedisLogOnEvent.")
    return Classes(everything="ALL" in names), _named(set(names) - {"ALL"})


def _events(names: Sequence[str]) -> tuple[Classes, frozenset[str]]:
    """ALL is here really everything. AUTH is a class and a command, and both are meant."""
    words = [name for name in names if name.removeprefix("!") in CLASS_WORDS or name.startswith("!")]
    commands = _named((set(names) - set(words)) | ({"AUTH"} & set(names)))
    if not words:
        return Classes(), commands
    found = classes(",".join(words))
    return replace(found, included=found.included | _ENDS) if found.everything else found, commands


def _named(names: set[str]) -> frozenset[str]:
    for name in sorted(names):
        if _COMMAND.fullmatch(name) is None:
            raise ArgumentError(f"'{name}' is no command", remedy="Write names of commands with commas between them.")
    return frozenset(names)


def extra(words: Sequence[str]) -> tuple[Extra, ...]:
    """`format {"name": value, …}`."""
    want(words, 2, 2)
    try:
        found = json.loads(words[1], parse_constant=_no_number)
    except (ValueError, RecursionError):
        raise ArgumentError(f"error parsing '{words[1]}' as JSON object: invalid JSON", remedy=_QUOTING) from None
    if not isinstance(found, dict):
        raise ArgumentError(f"'{words[1]}' is no JSON object", remedy='Write {"name":"value"}.')
    return (Extra(words[0], tuple(_member(name, value) for name, value in found.items())),)


def _no_number(word: str) -> object:
    raise ValueError(word)


def _member(name: str, value: object) -> Member:
    if isinstance(value, str):
        return Member(name, parse_format(value))
    return Member(name, None, json.dumps(value))


_KEY = " The list's key is the name of the format, or a text with LogFormat's variables."


@dataclass(frozen=True, slots=True)
class RedisLogSettings:
    """What is appended to lists in Redis, in JSON. The server is RedisServer's or RedisSentinel's."""

    on_command: tuple[RedisLog, ...] = directive(
        "RedisLogOnCommand", Special("none|command,… format [key]", on_command), (), module="mod_redis",
        contexts=PLACES, combine=Combine.CLEARABLE,
        good=("RETR,STOR transfers", "ALL all %m:ftp:%u", "site_chmod,SITE site", "none"),
        bad=("", "RETR", "READ transfers", "none transfers", "RETR transfers %{bogus}", "R?TR transfers", "RETR a b c"),
        doc="Each of these commands (ALL: every one, but not the ends of a session) appends a JSON object with the"
        f" variables of the LogFormat to a list in Redis.{_KEY} No session waits for Redis. docs/logs.md has more.",
        differs="ALL is every command, as ProFTPD's documentation says (1.3.8 and 1.3.9 log nothing for it); a class of"
        " commands, or RedisEngine on without a server, is an error",
    )
    on_event: tuple[RedisLog, ...] = directive(
        "RedisLogOnEvent", Special("none|command|class,… format [key]", on_event), (), module="mod_redis",
        contexts=PLACES, combine=Combine.CLEARABLE,
        good=("CONNECT,DISCONNECT sessions", "READ,WRITE transfers ftp.%u", "ALL,!MISC all", "none"),
        bad=("", "READ", "none all", "!READ all", "ALL,!BOGUS all", "READ all %{bogus}", "READ a b c"),
        doc="As RedisLogOnCommand, for the classes of ExtendedLog as well: ALL is every command and both ends of a"
        " session, CONNECT and DISCONNECT (or EXIT).",
        differs="AUTH is the class as well as the command; `!` excludes a class",
    )
    extras: tuple[Extra, ...] = directive(
        "RedisLogFormatExtra", Special("format json-object", extra), (), module="mod_redis", contexts=PLACES,
        combine=Combine.APPEND,
        good=('transfers {"site":"%v","tags":["ftp",1]}', r'all "{\"site\": \"our files\", \"test\": true}"'),
        bad=("", "transfers", "transfers [1]", "transfers {a:1}", 'transfers {"a":NaN}', 'transfers {"a":"%{bogus}"}'),
        doc="More members for the objects that RedisLogOnCommand and RedisLogOnEvent make with this LogFormat. Texts"
        " may hold variables; a member that is there already stays.",
    )
