"""Configuration text of users (.ftpaccess): a line that is wrong is reported and passed over, the rest counts.

Such a text includes nothing, defines nothing and sees no environment variable.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from ftpsd.config.lexer import logical_lines, split
from ftpsd.config.parser import closing, opening
from ftpsd.config.tree import Directive, Node, Section
from ftpsd.errors import ConfigError, Location

DEEPEST = 8


@dataclass(slots=True)
class _Open:
    name: str
    words: tuple[str, ...]
    location: Location
    children: list[Node] = field(default_factory=list)

    def closed(self) -> Section:
        return Section(self.name, self.words, self.location, tuple(self.children))


def parse_lenient(text: str, file: str, report: Callable[[ConfigError], None]) -> tuple[Node, ...]:
    """The directives and sections in `text`; `report` hears of every line that counts for nothing.

    A section that is not closed ends with the text.
    """
    stack = [_Open("", (), Location(file, 1))]
    try:
        for line in logical_lines(text, file):
            try:
                _take(stack, line.text, line.location)
            except ConfigError as error:
                report(error)
    except ConfigError as error:
        report(error)
    while len(stack) > 1:
        section = stack.pop()
        stack[-1].children.append(section.closed())
    return tuple(stack[0].children)


def _take(stack: list[_Open], text: str, location: Location) -> None:
    words = split(text, location)
    if not words:
        return
    head = words[0].text
    if head.startswith("</"):
        _close(stack, closing(words, location), location)
    elif head.startswith("<"):
        if len(stack) > DEEPEST:
            raise ConfigError("sections are nested too deeply", location=location, directive=head)
        name, rest = opening(words, text, location)
        stack.append(_Open(name, tuple(word.text for word in rest), location))
    else:
        stack[-1].children.append(Directive(head, tuple(word.text for word in words[1:]), location))


def _close(stack: list[_Open], name: str, location: Location) -> None:
    if len(stack) == 1 or stack[-1].name.lower() != name.lower():
        raise ConfigError("no such section is open here", location=location, directive=f"</{name}>")
    section = stack.pop()
    stack[-1].children.append(section.closed())
