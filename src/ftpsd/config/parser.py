"""Lines to a tree: sections, Include, Define, <IfModule>, <IfDefine>, %{env:NAME}.

Two kinds of sections exist. <IfModule> and <IfDefine> are decided here, and what they leave out is not
looked at further than to find its end. All others become `Section` nodes; what they mean, and whether they
and what is in them may stand where they do, is the schema's business. Every section must be closed in the
file that opened it.
"""

from __future__ import annotations

import fnmatch
import posixpath
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

from ftpsd.config.lexer import Line, Word, logical_lines, split
from ftpsd.config.source import MAGIC, Source
from ftpsd.config.tree import Directive, Node, Section, Tree
from ftpsd.errors import ConfigError, Location

DEEPEST_INCLUDE = 16
"""Files that may be open within each other."""

DEEPEST_SECTION = 32
MOST_FILES = 10_000
_LONGEST_SHOWN = 80
_TEMPORARY = ("*~", "*.sw?", "*.bak", "*.tmp", "#*#", "*.dpkg-*", "*.ucf-*", "*.rpmnew", "*.rpmsave", "*.rpmorig")
"""Names of what editors and package managers leave behind."""

_ENVIRONMENT = re.compile(r"%\{env:([^{}]*)\}")
CONDITIONS = {"ifmodule": "IfModule", "ifdefine": "IfDefine"}
"""Sections that are decided while the text is read, by their names in lower case."""
_CONDITION = re.compile(r"<(/?)(ifmodule|ifdefine)(?=[\s>]|$)", re.IGNORECASE)


def parse(
    path: str,
    source: Source,
    *,
    environment: Mapping[str, str],
    defines: Collection[str] = (),
    has_module: Callable[[str], bool],
    meant: Callable[[str], str | None] = lambda name: None,
) -> Tree:
    """The tree of the file `path` (absolute) and what it includes; raises `ConfigError`.

    `has_module` decides <IfModule>: it is given the name as written, `mod_tls.c`; `meant` says of the name of no
    module which one it was probably to be (None: none).
    """
    parser = _Parser(source, environment, set(defines), has_module, meant)
    nodes = parser.file(path, None)
    return Tree(nodes, tuple(parser.files), frozenset(parser.defines), tuple(parser.notices))


@dataclass(slots=True)
class _Open:
    """A section that is not closed yet. A `condition` has no node of its own."""

    name: str
    words: tuple[str, ...]
    location: Location
    condition: bool = False
    children: list[Node] = field(default_factory=list)


class _Parser:
    def __init__(
        self,
        source: Source,
        environment: Mapping[str, str],
        defines: set[str],
        has_module: Callable[[str], bool],
        meant: Callable[[str], str | None],
    ) -> None:
        self.source = source
        self.environment = environment
        self.defines = defines
        self.has_module = has_module
        self.meant = meant
        self.files: list[str] = []
        self.active: list[object] = []
        self.notices: list[str] = []
        self.include_options: set[str] = set()
        """Words of IncludeOptions so far, in lower case."""

    def file(self, path: str, origin: Location | None) -> tuple[Node, ...]:
        identity = self.source.identity(path)
        if identity in self.active:
            raise ConfigError(
                f"'{path}' includes itself", location=origin, directive="Include",
                remedy="Take this line out, or the one that leads from that file to this.")
        if len(self.active) >= DEEPEST_INCLUDE or len(self.files) >= MOST_FILES:
            raise ConfigError("too many files include each other", location=origin, directive="Include")
        try:
            text = self.source.read(path)
        except OSError as error:
            reason = error.strerror or str(error)
            raise ConfigError(
                f"unable to read configuration file '{path}': {reason}",
                location=origin,
                directive="Include" if origin else None,
            ) from None
        self.files.append(path)
        self.active.append(identity)
        try:
            return _FileParser(self, path).run(text)
        finally:
            self.active.pop()


class _FileParser:
    """One file: a stack of open sections, the file itself being the lowest."""

    def __init__(self, parser: _Parser, path: str) -> None:
        self.parser = parser
        self.path = path
        self.stack = [_Open("", (), Location(path, 1))]
        self.skipping: list[_Open] = []

    def run(self, text: str) -> tuple[Node, ...]:
        for line in logical_lines(text, self.path):
            if self.skipping:
                self._skip(line)
            else:
                self._take(line)
        unclosed = (self.skipping or self.stack[1:])[-1:]
        for section in unclosed:
            raise ConfigError(
                "unclosed configuration section",
                location=section.location,
                directive=f"<{section.name}>",
                remedy=f"Write </{section.name}> before the end of '{self.path}'.",
            )
        return tuple(self.stack[0].children)

    def _take(self, line: Line) -> None:
        words = split(line.text, line.location)
        if not words:
            return
        head = words[0]
        if head.quoted or not head.text:
            raise ConfigError(f'a line cannot start with "{head.text}"', location=line.location)
        if head.text.startswith("</"):
            self._close(line, words)
        elif head.text.startswith("<"):
            self._open(line, words)
        else:
            self._directive(head.text, self._arguments(words[1:]), line.location)

    def _arguments(self, words: tuple[Word, ...]) -> tuple[str, ...]:
        return tuple(_ENVIRONMENT.sub(self._variable, word.text) for word in words)

    def _variable(self, match: re.Match[str]) -> str:
        return self.parser.environment.get(match[1], "")

    def _directive(self, name: str, words: tuple[str, ...], location: Location) -> None:
        lowered = name.lower()
        if lowered == "include":
            self._include(words, location)
        elif lowered == "define":
            if len(words) != 1:
                raise ConfigError("wrong number of parameters", location=location, directive=name)
            self.parser.defines.add(words[0])
        else:
            if lowered == "includeoptions":  # for the lines that follow; the schema checks its words
                self.parser.include_options.update(word.lower() for word in words)
            self.stack[-1].children.append(Directive(name, words, location))

    def _include(self, words: tuple[str, ...], location: Location) -> None:
        if len(words) != 1 or not words[0]:
            raise ConfigError("wrong number of parameters", location=location, directive="Include")
        pattern = posixpath.join(posixpath.dirname(self.path), words[0])
        options = self.parser.include_options
        if "ignorewildcards" in options and MAGIC & set(posixpath.dirname(words[0])):
            raise ConfigError(
                f"'{words[0]}' has wildcards in the names of directories", location=location, directive="Include",
                remedy="IncludeOptions IgnoreWildcards forbids them: name the directory.")
        try:
            found = self.parser.source.expand(pattern)
        except OSError as error:
            raise ConfigError(
                f"unable to include '{pattern}': {error.strerror or error}",
                location=location,
                directive="Include",
                remedy="Give the name of a file that exists, a directory, or a pattern."
                if not MAGIC & set(pattern)
                else None,
            ) from None
        for path in found:
            if "ignoretempfiles" in options and _is_temporary(path):
                continue
            self.stack[-1].children.extend(self.parser.file(path, location))

    def _open(self, line: Line, words: tuple[Word, ...]) -> None:
        name, rest = opening(words, line.text, line.location)
        if len(self.stack) > DEEPEST_SECTION:
            raise ConfigError(
                "sections are nested too deeply", location=line.location, directive=f"<{name}>"
            )
        arguments = self._arguments(rest)
        canonical = CONDITIONS.get(name.lower())
        section = _Open(canonical or name, arguments, line.location, condition=canonical is not None)
        if canonical is not None and not self._holds(section):
            self.skipping.append(section)
        else:
            self.stack.append(section)

    def _holds(self, section: _Open) -> bool:
        name, wanted = asked(section.name, section.words, section.location)
        known = self._has_module(section, name) if section.name == "IfModule" else name in self.parser.defines
        return known is wanted

    def _has_module(self, section: _Open, name: str) -> bool:
        if self.parser.has_module(name):
            return True
        doubt = ""
        if self.parser.has_module(f"{name}.c"):  # as in ProFTPD no module, and seldom meant
            doubt = f"the module is called {name}.c"
        elif (meant := self.parser.meant(name)) is not None:
            doubt = f"there is no module of that name; did you mean {meant}?"
        if doubt:
            always = "true" if section.words[0].startswith("!") else "false"
            self.parser.notices.append(
                f"<IfModule {section.words[0]}> on {section.location} is always {always}: {doubt}")
        return False

    def _close(self, line: Line, words: tuple[Word, ...]) -> None:
        name = closing(words, line.location)
        section = self.stack[-1]
        if section.name.lower() != name.lower():
            raise _mismatch(name, section if len(self.stack) > 1 else None, line.location)
        self.stack.pop()
        if section.condition:
            self.stack[-1].children.extend(section.children)
        else:
            node = Section(section.name, section.words, section.location, tuple(section.children))
            self.stack[-1].children.append(node)

    def _skip(self, line: Line) -> None:
        """Text that a condition leaves out: only further conditions in it matter."""
        found = condition(line.text)
        if found is None:
            return
        name, begins = found
        if begins:
            self.skipping.append(_Open(name, (), line.location, condition=True))
        elif self.skipping[-1].name == name:
            self.skipping.pop()
        else:
            raise _mismatch(name, self.skipping[-1], line.location)


def _mismatch(name: str, section: _Open | None, location: Location) -> ConfigError:
    if section is None:
        return ConfigError(
            "directive not allowed in server config context",
            location=location,
            directive=f"</{name}>",
            remedy=f"No <{name}> is open here.",
        )
    return ConfigError(
        f"directive not allowed in <{section.name}> context",
        location=location,
        directive=f"</{name}>",
        remedy=f"<{section.name}> was opened on {section.location} and must be closed before.",
    )


def condition(text: str) -> tuple[str, bool] | None:
    """The condition that the line `text` begins or ends, and whether it begins it; None: no condition's line."""
    match = _CONDITION.match(text)
    return None if match is None else (CONDITIONS[match[2].lower()], not match[1])


def asked(name: str, words: Sequence[str], location: Location) -> tuple[str, bool]:
    """What `<IfModule words>` (or IfDefine) asks for, and whether it is to be there; raises `ConfigError`."""
    if len(words) != 1 or words[0] in ("", "!"):
        raise ConfigError(
            "wrong number of parameters", location=location, directive=f"<{name}>",
            remedy=f"Write <{name} name> or <{name} !name>.")
    return words[0].removeprefix("!"), not words[0].startswith("!")


def opening(words: tuple[Word, ...], text: str, location: Location) -> tuple[str, tuple[Word, ...]]:
    """Name and arguments of `<Name word …>`, the line `text`; raises `ConfigError`."""
    last = words[-1]
    if last.quoted or not last.text.endswith(">"):
        shown = text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…"
        raise ConfigError(
            f"'{shown}' has no closing '>'",
            location=location,
            remedy="A section starts with <Name …>.",
        )
    trimmed = [*words[:-1], Word(last.text[:-1])]
    name = trimmed[0].text[1:]
    if not name:
        raise ConfigError(f"unknown configuration directive '{words[0].text}'", location=location)
    rest = trimmed[1:]
    if rest and not rest[-1].text:
        rest.pop()
    return name, tuple(rest)


def closing(words: tuple[Word, ...], location: Location) -> str:
    """Name of `</Name>`; raises `ConfigError`."""
    if words[1:2] == (Word(">"),) and not words[0].text.endswith(">"):  # `</Limit >`
        words = (Word(f"{words[0].text}>"), *words[2:])
    match = re.fullmatch(r"</([^<>\s]+)>", words[0].text)
    if match is None:
        raise ConfigError(f"unknown configuration directive '{words[0].text}'", location=location)
    if len(words) > 1:
        raise ConfigError("wrong number of parameters", location=location, directive=words[0].text)
    return match[1]


def _is_temporary(path: str) -> bool:
    name = posixpath.basename(path)
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in _TEMPORARY)
