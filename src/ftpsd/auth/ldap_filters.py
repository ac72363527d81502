"""Search filters (RFC 4515) with values that clients have sent."""

from __future__ import annotations

import re
import unicodedata
from typing import NamedTuple

_PLAIN = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.@+ ")


def escape(value: str) -> str:
    """`value` as it may stand in a filter: every byte that could mean anything is written `\\xx`.

    RFC 4515 wants that of NUL, `(`, `)`, `*` and `\\`; here all but letters, digits and a few signs are.
    """
    data = value.encode("utf-8", "surrogateescape")
    return "".join(chr(byte) if byte in _PLAIN else f"\\{byte:02x}" for byte in data)


def fill(template: str, value: str) -> str:
    """A template of the administrator's with `value` in the place of %v (or %u)."""
    escaped = escape(value)  # in which no % is left
    return template.replace("%v", escaped).replace("%u", escaped)


class Compared(NamedTuple):
    """An attribute (lower case) that a template compares with what was sent; `value` finds that in what it holds."""

    attribute: str
    value: re.Pattern[str]


_COMPARISON = re.compile(r"\(([A-Za-z0-9][A-Za-z0-9.;-]*)(?::[^()=]*)?[~<>:]?=([^()]*%[uv][^()]*)\)")


def compared(template: str) -> tuple[Compared, ...]:
    """What a template compares with the value: `mail` in `(mail=%v)`, and the part before `@` in `(mail=%v@*)`."""
    return tuple(
        Compared(attribute.lower(), re.compile(_pattern(written), re.IGNORECASE | re.DOTALL))
        for attribute, written in _COMPARISON.findall(template))


def _pattern(written: str) -> str:
    places = 0
    parts = []
    for part in re.split(r"(%[uv]|\*)", written):
        if part == "*" or (part in ("%u", "%v") and places):
            parts.append(".*")
        elif part in ("%u", "%v"):
            places += 1
            parts.append("(.+)")
        else:
            parts.append(re.escape(re.sub(r"\\([0-9A-Fa-f]{2})", lambda match: chr(int(match[1], 16)), part)))
    return "".join(parts)


_UNSEEN = frozenset("\u034f\u180b\u180c\u180d\ufffc" + "".join(map(chr, range(0xFE00, 0xFE10))))


def plain(name: str) -> str:
    """`name` without what directories care nothing for: signs that are not seen, forms of Unicode, blanks at the ends
    and several of them (RFC 4518 section 2).
    """
    seen = "".join(
        sign for sign in name
        if sign.isspace() or (unicodedata.category(sign) not in ("Cc", "Cf") and sign not in _UNSEEN))
    return " ".join(unicodedata.normalize("NFKC", seen).split())


def folded(name: str) -> str:
    """The same for upper and lower case: what is alike in a directory is the same here."""
    return plain(plain(name).casefold())


def equals(attribute: str, object_class: str) -> str:
    """The usual template: entries of a class with this attribute."""
    return f"(&({attribute}=%v)(objectclass={object_class}))"
