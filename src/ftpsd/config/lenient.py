"""Configuration text of users (.ftpaccess): a line that is wrong is reported and passed over, the rest counts.

Such a text includes nothing, defines nothing and sees no environment variable. <IfModule> and <IfDefine> are decided as
in the server's own files; one that is written wrongly asks for nothing, and what is in it counts.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from ftpsd.config.lexer import Line, logical_lines, split
from ftpsd.config.parser import CONDITIONS, asked, closing, condition, opening
from ftpsd.config.tree import Directive, Node, Section
from ftpsd.errors import ConfigError, Location

DEEPEST = 8


@dataclass(slots=True)
class _Open:
    name: str
    words: tuple[str, ...]
    location: Location
    children: list[Node] = field(default_factory=list)

    def closed(self) -> tuple[Node, ...]:
        """What it leaves in the section around it: itself, but of a condition only what is in it."""
        children = tuple(self.children)
        if self.name.lower() in CONDITIONS:
            return children
        return (Section(self.name, self.words, self.location, children),)


def parse_lenient(
    text: str, file: str, report: Callable[[ConfigError], None], *, has_module: Callable[[str], bool],
    defines: Collection[str] = (),
) -> tuple[Node, ...]:
    """The directives and sections in `text`; `report` hears of every line that counts for nothing.

    `has_module` and `defines` decide <IfModule> and <IfDefine>. A section that is not closed ends with the text.
    """
    reader = _Reader(file, report, has_module, defines)
    try:
        for line in logical_lines(text, file):
            reader.take(line)
    except ConfigError as error:
        report(error)
    return reader.finished()


class _Reader:
    def __init__(
        self, file: str, report: Callable[[ConfigError], None], has_module: Callable[[str], bool],
        defines: Collection[str],
    ) -> None:
        self._report = report
        self._has_module = has_module
        self._defines = defines
        self._stack = [_Open("", (), Location(file, 1))]
        self._skipping: list[str] = []
        """Conditions that leave out the lines here, by name."""

    def take(self, line: Line) -> None:
        """Reads a line; one that is wrong is reported."""
        try:
            if self._skipping:
                self._skip(line)
            else:
                self._take(line.text, line.location)
        except ConfigError as error:
            self._report(error)

    def finished(self) -> tuple[Node, ...]:
        """All nodes; whatever is open ends here."""
        while len(self._stack) > 1:
            self._end()
        return tuple(self._stack[0].children)

    def _take(self, text: str, location: Location) -> None:
        words = split(text, location)
        if not words:
            return
        head = words[0].text
        if head.startswith("</"):
            self._close(closing(words, location), location)
        elif head.startswith("<"):
            if len(self._stack) > DEEPEST:
                raise ConfigError("sections are nested too deeply", location=location, directive=head)
            name, rest = opening(words, text, location)
            self._open(_Open(name, tuple(word.text for word in rest), location))
        else:
            self._stack[-1].children.append(Directive(head, tuple(word.text for word in words[1:]), location))

    def _open(self, section: _Open) -> None:
        canonical = CONDITIONS.get(section.name.lower())
        holds = True
        if canonical is not None:
            try:
                holds = self._holds(canonical, section)
            except ConfigError as error:
                self._report(error)
        if holds:
            self._stack.append(section)
        elif canonical is not None:
            self._skipping.append(canonical)

    def _holds(self, canonical: str, section: _Open) -> bool:
        name, wanted = asked(canonical, section.words, section.location)
        known = self._has_module(name) if canonical == "IfModule" else name in self._defines
        return known is wanted

    def _skip(self, line: Line) -> None:
        found = condition(line.text)
        if found is None:
            return
        name, begins = found
        if begins:
            self._skipping.append(name)
        elif self._skipping[-1] == name:
            self._skipping.pop()
        else:
            raise _not_open(name, line.location)

    def _close(self, name: str, location: Location) -> None:
        if len(self._stack) == 1 or self._stack[-1].name.lower() != name.lower():
            raise _not_open(name, location)
        self._end()

    def _end(self) -> None:
        section = self._stack.pop()
        self._stack[-1].children.extend(section.closed())


def _not_open(name: str, location: Location) -> ConfigError:
    return ConfigError("no such section is open here", location=location, directive=f"</{name}>")
