"""Several names in one argument."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftpsd.errors import Refusal
from ftpsd.ftp import quoting


@pytest.mark.parametrize(("argument", "names"), [
    ("", []), ("a", ["a"]), (" a  b ", ["a", "b"]), ('"a b" c', ["a b", "c"]), ('"a""b"', ['a"b']), ('""', [""]),
    ('"a""" "b"', ['a"', "b"]), ('"a"b', ["a", "b"]), ('a"b" c', ['a"b"', "c"]), ('"a" "b" "c"', ["a", "b", "c"]),
])
def test_names(argument: str, names: list[str]) -> None:
    assert quoting.names(argument) == names


@pytest.mark.parametrize("argument", ['"', '"a', '"a""', 'a "b'])
def test_a_quote_that_is_not_closed(argument: str) -> None:
    with pytest.raises(Refusal) as refused:
        quoting.names(argument)
    assert refused.value.code == 501


@given(st.lists(st.text(max_size=20), max_size=6))
def test_what_is_quoted_comes_back(names: list[str]) -> None:
    argument = " ".join('"' + name.replace('"', '""') + '"' for name in names)
    assert quoting.names(argument) == names
