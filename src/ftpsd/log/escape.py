r"""Text that may come from anybody, made fit for a line of a log.

Control characters (also ESC, which commands terminals, and the C1 set), line and paragraph separators and
direction overrides become `\xNN` or `\uNNNN`; a byte that was no UTF-8 becomes `\xNN`. So a line cannot be
forged and a terminal cannot be talked to; everything else, umlauts to emoji, stays readable.
"""

from __future__ import annotations

import re

_UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")
_NOT_IN_WORDS = re.compile("[\\s\x00-\x1f\x7f-\x9f\udc80-\udc9f]")
_NAMED = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
_ROW = re.compile(r"\n(?=  \(\d+\) )")
_MESSAGE = "[msg] \n"
"""What a decoded TLS message begins with (`tls.messages`): of its rows none has a word of the client's."""


def _shown(match: re.Match[str]) -> str:
    character = match[0]
    number = ord(character)
    if 0xDC80 <= number <= 0xDCFF:
        return f"\\x{number - 0xDC00:02x}"
    if character in _NAMED:
        return _NAMED[character]
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}"


def escape(text: str) -> str:
    """`text` on one line."""
    return _UNSAFE.sub(_shown, text)


def escape_rows(text: str) -> str:
    """As `escape`, but the numbered rows of an error queue (newline, two blanks, `(1) …`) stay rows, and those of a
    decoded TLS message."""
    rows = text.split("\n") if text.startswith(_MESSAGE) else _ROW.split(text)
    return "\n".join(escape(row) for row in rows)


def shorten(text: str, limit: int) -> str:
    """At most `limit` characters; what was cut is said."""
    return text if len(text) <= limit else f"{text[:limit]}... ({len(text)} characters)"


def one_word(text: str) -> str:
    """`text` as a field between blanks: blanks and control characters become `_` (xferlog)."""
    return _NOT_IN_WORDS.sub("_", text) or "_"
