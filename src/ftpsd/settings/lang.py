"""Languages of replies and character sets of names (RFC 2640)."""

# ruff: noqa: RUF009 (`directive` makes a dataclass field)

from __future__ import annotations

import codecs
import re
from collections.abc import Sequence
from dataclasses import dataclass

from ftpsd.settings import parsers
from ftpsd.settings.arguments import ArgumentError, Boolean, Path, Special, boolean, want
from ftpsd.settings.declaration import HOST, Combine, directive

MODULE = "mod_lang"
_OPTIONS = ("PreferServerEncoding", "RequireValidEncoding")
_TAG = re.compile(r"[A-Za-z]{1,8}([-_.][A-Za-z0-9]{1,8}){0,3}")
_ASCII = bytes(range(0x20, 0x7F)) + b"\r\n"
_LETTERS = "\u00e4\u017e\u044f\u03b1\u3042\u6f22"
"""Latin, Cyrillic, Greek, Japanese, Chinese: what writes letters in 7 bits so writes at least one of them."""


@dataclass(frozen=True, slots=True)
class Encoding:
    """UseEncoding: the character set of names on the disk and on the wire, as Python's codecs are called.

    `enabled` False: names are bytes. `strict`: the client may not change to UTF-8.
    """

    enabled: bool = True
    local: str = "utf-8"
    client: str = "utf-8"
    strict: bool = False


def use_encoding(words: Sequence[str]) -> Encoding:
    """`on`, `off`, or local and client character set, and then perhaps `strict`."""
    want(words, 1, 3)
    if len(words) == 1:
        value = boolean(words[0])
        if value is None:
            raise ArgumentError("expected Boolean parameter", remedy="Write on or off.")
        return Encoding(value)
    strict = len(words) == 3
    if strict and words[2].lower() != "strict":
        raise ArgumentError(f"unknown parameter: '{words[2]}'", remedy="A third word can only be strict.")
    return Encoding(True, _codec(words[0]), _codec(words[1]), strict)


def _codec(name: str) -> str:
    """The name of a codec that is a superset of ASCII: commands must mean the same in it.

    And ASCII must mean the same within names: ISO-2022-JP and its kin write other letters in 7 bits.
    """
    try:
        found = codecs.lookup(name).name
        same = _ASCII.decode(found) == _ASCII.decode("ascii") and _ASCII.decode("ascii").encode(found) == _ASCII
        if same and not any(_in_ascii(letter, found) for letter in _LETTERS):
            return found
    except (LookupError, UnicodeError, TypeError):
        pass
    raise ArgumentError(
        f"unsupported character set '{name}'", remedy="Write a superset of ASCII, such as UTF-8, ISO-8859-1, KOI8-R.")


def _in_ascii(letter: str, codec: str) -> bool:
    try:
        return letter.encode(codec).isascii()
    except UnicodeError:
        return False


def _language(words: Sequence[str]) -> str:
    want(words, 1, 1)
    if not _TAG.fullmatch(words[0]):
        raise ArgumentError(f"'{words[0]}' is no language", remedy="Write for example fr_FR.")
    return words[0].partition(".")[0].replace("_", "-")


def _options(words: Sequence[str]) -> frozenset[str]:
    return parsers.keywords(words, _OPTIONS, "LangOption")


@dataclass(frozen=True, slots=True)
class LangSettings:
    """LANG, OPTS UTF8, names in other character sets."""

    engine: bool = directive(
        "LangEngine", Boolean(), True, module=MODULE, contexts=HOST, good=("off",), bad=("fr",),
        doc="There are LANG and, in FEAT, UTF8; UseEncoding has effect.",
    )
    default: str | None = directive(
        "LangDefault", Special("language", _language), None, module=MODULE, contexts=HOST,
        good=("fr_FR", "de", "C.UTF-8"), bad=("", "fr FR", "!"), default_text="English",
        doc="The language of replies for sessions that have not sent LANG, where LangPath has it.",
    )
    path: str | None = directive(
        "LangPath", Path(), None, module=MODULE, contexts=HOST, good=("/usr/share/locale",), bad=("", "locale"),
        default_text="none: English only",
        doc="Directory of translations: LANGUAGE/LC_MESSAGES/ftpsd.mo or proftpd.mo. ProFTPD's can be used.",
    )
    options: frozenset[str] = directive(
        "LangOptions", Special("option …", _options), frozenset(), module=MODULE, contexts=HOST, combine=Combine.LAST,
        good=("PreferServerEncoding", "requirevalidencoding PreferServerEncoding"), bad=("", "Fast"),
        default_text="none",
        doc="PreferServerEncoding: OPTS UTF8 ON does not change the client's character set of UseEncoding."
        " RequireValidEncoding: a name that is not valid in the client's character set is refused.",
        differs="RequireValidEncoding looks at names in UTF-8, too; ProFTPD only where it converts",
    )
    encoding: Encoding = directive(
        "UseEncoding", Special("on|off|local client [strict]", use_encoding), Encoding(), module=MODULE, contexts=HOST,
        good=("on", "off", "utf8 utf8", "UTF-8 KOI8-R", "iso-8859-1 cp1251 strict"),
        bad=("", "maybe", "utf8 klingon", "utf-8 utf-16", "utf8 utf8 lax", "utf8 cp037", "utf-8 iso2022_jp",
             "raw_unicode_escape utf-8"),
        default_text="on",
        doc="The character sets of names on the server's disks and on the wire, between which names, listings and"
        " replies are converted; `on`: both are UTF-8. What cannot be converted is passed as it is. A client may change"
        " its own to UTF-8 (OPTS UTF8 ON), except with `strict`. While 0xFF is a letter of the client's (ISO-8859-1,"
        " CP1251, KOI8-R …), it is no Telnet command within lines. `off`: names are bytes as they are, and FEAT does"
        " not say UTF8.",
    )
