"""What README.md and docs show: a configuration loads, a command line is understood."""

from __future__ import annotations

import re
import shlex
import textwrap
from dataclasses import dataclass
from pathlib import Path

import click
import pytest

from ftpsd.cli.main import PROGRAM, RUN, SUBCOMMANDS
from ftpsd.settings.registry import DIRECTIVES
from tests.settings.support import configuration

TREE = Path(__file__).resolve().parents[2]
PAGES = (TREE / "README.md", *sorted(set((TREE / "docs").glob("*.md")) - {TREE / "docs" / "troubleshooting.md"}))
"""All but the one that tests/trouble reads."""
FORMS = ("ExtendedLog TARGET [", "EventLog /path|")
"""Blocks that show a directive's form."""

_BLOCK = re.compile(r"^```\w*\n(.*?)^```$|(?:(?<=\n\n)|\A)((?: {4}[^\n]*\n|\n(?= {4}))+)", re.MULTILINE | re.DOTALL)
_COMMAND = re.compile(r"^(ftpsd|ftpsctl) (.*?)(?:\s+#.*)?$", re.MULTILINE)


@dataclass(frozen=True)
class Block:
    page: str
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.text.split(maxsplit=1)[0]}"


def blocks() -> list[Block]:
    found = [
        Block(page.name, textwrap.dedent(fenced or indented).strip())
        for page in PAGES for fenced, indented in _BLOCK.findall(page.read_text("utf-8"))
    ]
    return [block for block in found if block.text]


def _is_configuration(text: str) -> bool:
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.strip().startswith("#")]
    return not text.startswith(("< ", *FORMS)) and all(
        re.match(r"</?[A-Z]", line) or line.split()[0].lower() in DIRECTIVES for line in lines)


BLOCKS = blocks()
CONFIGURATIONS = [block for block in BLOCKS if _is_configuration(block.text)]
COMMANDS = [
    Block(block.page, match[0]) for block in BLOCKS for match in _COMMAND.finditer(block.text) if "|" not in match[0]]


def test_there_are_many() -> None:
    assert len(CONFIGURATIONS) >= 30
    assert len({block.page for block in CONFIGURATIONS}) >= 10
    assert len(COMMANDS) >= 20


@pytest.mark.parametrize("block", CONFIGURATIONS, ids=str)
def test_a_configuration_loads(block: Block) -> None:
    assert configuration(f"{block.text}\n").hosts


@pytest.mark.parametrize("line", COMMANDS, ids=lambda one: f"{one.page}:{one.text}")
def test_a_command_line_is_understood(line: Block) -> None:
    match = _COMMAND.match(line.text)
    assert match is not None
    words = shlex.split(match[2])
    if match[1] == "ftpsctl":
        return
    command: click.Command = RUN
    if words[0] in SUBCOMMANDS:
        found = PROGRAM.get_command(click.Context(PROGRAM), words.pop(0))
        assert found is not None
        command = found
    if isinstance(command, click.Group):
        inner = command.get_command(click.Context(command), words.pop(0))
        assert inner is not None
        command = inner
    try:
        command.make_context("ftpsd", words)
    except click.BadParameter as error:
        if "does not exist" not in error.message:  # the reader's own files are not here
            raise
