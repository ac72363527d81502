"""What `ftpsd explain` offers for words that name no reason: a bare reply code, a client's message, a catchword."""

from __future__ import annotations

import difflib
import re

from ftpsd.reasons.reason import Reason
from ftpsd.reasons.table import TABLE

MOST = 8
"""How many reasons are offered for words; more would be no help."""

_REPLY = re.compile(r"(?<![\w.-])([45]\d\d)(?![\w.])")
_WORD = re.compile(r"[a-z][a-z0-9]+")
_LONG = 4
"""Letters of a word that tells replies apart."""
_RUN = 3
"""Words in a row that are no chance, if …"""
_TELLING = 2
"""… so many of them are long."""


def candidates(text: str) -> list[Reason]:
    """Reasons that `text` may be about, the likeliest first: those of the reply code in it, else those that have all
    of its words, else those that have several of them in a row."""
    words = _WORD.findall(text.casefold())
    return _of_reply(text, words) or _of_words(words) or _of_runs(words)


def _of_reply(text: str, words: list[str]) -> list[Reason]:
    found = _REPLY.search(text)
    if found is None:
        return []
    long = {word for word in words if len(word) >= _LONG}
    scores = {
        code: max(len(long & set(_WORD.findall(one.casefold()))) for one in replies)
        for code, reason in TABLE.items() if (replies := [one for one in reason.shown if one.startswith(found[1])])
    }
    return [TABLE[code] for code in sorted(scores, key=lambda code: -scores[code])]


def _of_words(words: list[str]) -> list[Reason]:
    telling = tuple(word for word in words if len(word) >= _LONG - 1)
    found = [reason for reason in TABLE.values() if telling and _has_all(reason, telling)]
    return found if len(found) <= MOST else []


def _has_all(reason: Reason, words: tuple[str, ...]) -> bool:
    own = _WORD.findall(" ".join((reason.code, reason.what, *reason.shown)).casefold())
    return all(any(one.startswith(word) for one in own) for word in words)


def _of_runs(words: list[str]) -> list[Reason]:
    runs = {
        code: max(_run(words, _WORD.findall(one.casefold())) for one in (reason.what, *reason.shown))
        for code, reason in TABLE.items()
    }
    best = sorted((code for code, run in runs.items() if run >= _RUN), key=lambda code: -runs[code])
    return [TABLE[code] for code in best[:MOST]]


def _run(words: list[str], others: list[str]) -> int:
    """The length of the longest row of words that both have; 0: it says nothing."""
    found = difflib.SequenceMatcher(None, words, others, autojunk=False).find_longest_match()
    row = words[found.a : found.a + found.size]
    return found.size if sum(len(word) >= _LONG for word in row) >= _TELLING else 0
