"""docs/questions.md names every question's tests, and every test of a question is in it."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "docs" / "questions.md"
QUESTIONS = {"2009": 17, "2016": 29}


def entries() -> dict[str, list[tuple[str, str]]]:
    """(file, test) of each heading of the page."""
    found: dict[str, list[tuple[str, str]]] = {}
    for block in PAGE.read_text(encoding="utf-8").split("\n### ")[1:]:
        title, _, text = block.partition("\n")
        found[title] = [
            (file, test) for file, tests in re.findall(r"^- `(test_\w+\.py)`: (.*)$", text, re.MULTILINE)
            for test in re.findall(r"`(test_\w+)`", tests)
        ]
    return found


def there_are() -> set[tuple[str, str]]:
    """(file, test) of every test of a question."""
    return {
        (path.name, node.name)
        for path in HERE.glob("test_questions_*.py")
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    }


@pytest.mark.parametrize("title", list(entries()))
def test_every_question_has_tests_that_exist(title: str) -> None:
    named = entries()[title]
    assert named
    assert set(named) <= there_are()


def test_every_test_of_a_question_is_in_the_list() -> None:
    listed = [entry for named in entries().values() for entry in named]
    assert set(listed) == there_are()
    assert len(listed) == len(set(listed)), "each under one question"


@pytest.mark.parametrize(("year", "count"), QUESTIONS.items())
def test_every_question_of_the_page_of_that_year_is_there(year: str, count: int) -> None:
    assert sum(year in title.rpartition("(")[2] for title in entries()) == count
