"""Replies in other languages (RFC 2640 section 4): translations of whole texts and of texts with gaps.

Translations are keyed by the English text as printf has it (`%s: No such file or directory`), which is how ProFTPD's
catalogs come. A reply has its gaps filled already, so it is matched against the text with gaps, the more definite ones
first, and what stood in the gaps is put into the translation.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from ftpsd.ftp.replies import Reply

_GAP = re.compile(r"%(?:(\d+)\$)?[-+ #0]*\d*(?:hh|h|ll|l|z|j)?[sdiucxX]|%%")
_LEAST_LETTERS = 6
"""Letters that a text with gaps must have beside them, to be told from others."""
_REMEMBERED = 256


@dataclass(frozen=True, slots=True)
class _Pattern:
    expression: re.Pattern[str]
    pieces: tuple[str | int, ...]


@dataclass(slots=True)
class Catalog:
    """The translations into one language; `tag` is its name (`fr-FR`)."""

    tag: str
    whole: Mapping[str, str]
    patterns: tuple[_Pattern, ...]
    _known: dict[str, str] = field(default_factory=dict)

    def reply(self, reply: Reply) -> Reply:
        """The reply in this language: its first and its last line, as between them stand data."""
        lines = list(reply.lines)
        lines[-1] = self.line(lines[-1])
        if len(lines) > 1:
            lines[0] = self.line(lines[0])
        return Reply(reply.code, *lines)

    def line(self, text: str) -> str:
        """One line in this language, or as it is where there is no translation."""
        known = self._known.get(text)
        if known is None:
            known = self._translated(text)
            if len(self._known) < _REMEMBERED:
                self._known[text] = known
        return known

    def _translated(self, text: str) -> str:
        found = self.whole.get(text)
        if found:
            return found
        for pattern in self.patterns:
            match = pattern.expression.fullmatch(text)
            if match is not None:
                return "".join(piece if isinstance(piece, str) else match[piece] for piece in pattern.pieces)
        return text


def catalog(tag: str, texts: Mapping[str, str]) -> Catalog:
    """The catalog of translations `texts`; those whose gaps do not fit together are left out."""
    whole = {text: translation for text, translation in texts.items() if text and translation and "%" not in text}
    made = []
    for text, translation in texts.items():
        pattern = _pattern(text, translation) if "%" in text and translation else None
        if pattern is not None:
            made.append((sum(map(str.isalpha, _GAP.sub("", text))), pattern))
    made.sort(key=lambda entry: -entry[0])
    return Catalog(tag, whole, tuple(pattern for _, pattern in made))


def _pattern(text: str, translation: str) -> _Pattern | None:
    gaps = [match for match in _GAP.finditer(text) if match[0] != "%%"]
    literal = _GAP.sub("", text)
    if any(gap[1] for gap in gaps) or "%" in literal or sum(map(str.isalpha, literal)) < _LEAST_LETTERS:
        return None
    pieces = _pieces(translation)
    if sorted(piece for piece in pieces if isinstance(piece, int)) != list(range(1, len(gaps) + 1)):
        return None
    parts, at = [], 0
    for match in _GAP.finditer(text):
        parts += [re.escape(text[at:match.start()]), "%" if match[0] == "%%" else "(.*)"]
        at = match.end()
    return _Pattern(re.compile("".join(parts) + re.escape(text[at:]), re.DOTALL), tuple(pieces))


def _pieces(translation: str) -> list[str | int]:
    """The translation as literal text and numbers of gaps."""
    pieces: list[str | int] = []
    at = count = 0
    for match in _GAP.finditer(translation):
        pieces.append(translation[at:match.start()])
        if match[0] == "%%":
            pieces.append("%")
        else:
            count += 1
            pieces.append(int(match[1] or count))
        at = match.end()
    return [*pieces, translation[at:]]
