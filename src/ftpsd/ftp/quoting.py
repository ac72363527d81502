"""Several names in one argument, each in quotes or without blanks (COMB). Pure."""

from __future__ import annotations

from ftpsd.errors import Refusal
from ftpsd.reasons.codes import Code


def names(argument: str) -> list[str]:
    """The names; within quotes "" is one quote. Raises `Refusal` 501 where a quote is not closed."""
    found: list[str] = []
    rest = argument.strip()
    while rest:
        name, rest = _quoted(rest) if rest.startswith('"') else _bare(rest)
        found.append(name)
        rest = rest.lstrip()
    return found


def _bare(text: str) -> tuple[str, str]:
    name, _, rest = text.partition(" ")
    return name, rest


def _quoted(text: str) -> tuple[str, str]:
    parts: list[str] = []
    at = 1
    while (end := text.find('"', at)) >= 0:
        parts.append(text[at:end])
        if not text.startswith('""', end):
            return "".join(parts), text[end + 1:]
        parts.append('"')
        at = end + 2
    raise Refusal(501, "A quote is not closed", Code.SYNTAX)
