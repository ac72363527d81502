r"""From text to logical lines, and from a line to words, by ProFTPD's rules.

Lines: blanks at both ends do not count. A line whose first character is `#` is a comment and is never
continued. Any other line that ends with a backslash goes on in the next line (the backslash is dropped, the
next line's leading blanks stay). A comment that ends with a backslash may stand within such a line, which goes on
behind it.

Words are separated by blanks. A word that starts with `"` goes on to the next `"`, and a backslash in it
takes the
character behind it as it is; the closing quote ends the word even when no blank follows. A quote or backslash
anywhere else is an ordinary character (`DenyFilter \*.*/`). A word that starts with `#` outside
quotes begins a comment: `TLSRequired on # or auth` is `TLSRequired on`, `a#b` is one word.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from ftpsd.errors import ConfigError, Location

LONGEST_LINE = 65536
"""Characters of a logical line; a longer one is an error."""

BLANKS = " \t\r\n\v\f"


class Line(NamedTuple):
    """A logical line: no comment, not empty, no blanks around it; `location` is where it begins."""

    text: str
    location: Location


class Word(NamedTuple):
    """`text` without quotes; `quoted` tells whether there were any."""

    text: str
    quoted: bool = False


def logical_lines(text: str, file: str) -> Iterator[Line]:
    """The lines that say something; raises `ConfigError` for NUL and for lines beyond `LONGEST_LINE`."""
    pending = ""
    begun = 0
    for number, physical in enumerate(text.removeprefix("\ufeff").split("\n"), start=1):
        line = physical.rstrip(BLANKS)
        if "\0" in line:
            raise ConfigError(
                "the line holds a NUL character", location=Location(file, number),
                remedy="Configurations are text: save the file as UTF-8 (UTF-16 has such characters).")
        if line.lstrip(BLANKS).startswith("#") and (not begun or line.endswith("\\")):
            continue
        begun = begun or number
        if len(pending) + len(line) > LONGEST_LINE:
            raise ConfigError(
                f"the line is longer than {LONGEST_LINE} characters", location=Location(file, begun)
            )
        if line.endswith("\\"):
            pending += line[:-1]
            continue
        if complete := (pending + line).strip(BLANKS):
            yield Line(complete, Location(file, begun))
        pending, begun = "", 0
    if begun and (rest := pending.strip(BLANKS)):
        yield Line(rest, Location(file, begun))


def split(text: str, location: Location | None = None) -> tuple[Word, ...]:
    """The words of a line; raises `ConfigError` for a quote that is not closed."""
    words = []
    position = 0
    while (position := _skip_blanks(text, position)) < len(text) and text[position] != "#":
        if text[position] == '"':
            word, position = _quoted(text, position + 1, location)
        else:
            end = position
            while end < len(text) and text[end] not in BLANKS:
                end += 1
            word, position = Word(text[position:end]), end
        words.append(word)
    return tuple(words)


def _skip_blanks(text: str, position: int) -> int:
    while position < len(text) and text[position] in BLANKS:
        position += 1
    return position


def _quoted(text: str, position: int, location: Location | None) -> tuple[Word, int]:
    """The word whose opening quote stands before `position`, and where the text goes on."""
    characters = []
    while position < len(text) and text[position] != '"':
        if text[position] == "\\":
            position += 1
        characters.append(text[position : position + 1])
        position += 1
    if position >= len(text):
        raise ConfigError("a quoted word is not closed", location=location, remedy='Write " at its end.')
    return Word("".join(characters), quoted=True), position + 1


def quote(word: str) -> str:
    """`word` as it must be written so that `split` gives it back."""
    plain = word and word[0] not in '"#<' and not word.endswith(("\\", ">")) and not set(word) & set(BLANKS)
    if plain:
        return word
    escaped = word.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
