"""Options of LIST and NLST."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftpsd.ftp.listing import ListRequest, parse_list, split
from ftpsd.settings.values import ListOptions
from ftpsd.vfs.base import ListingOptions


@pytest.mark.parametrize(("argument", "words", "path"), [
    ("", [], None),
    ("  ", [], None),
    ("a b", [], "a b"),
    (" x", [], " x"),
    ("-a", ["-a"], None),
    ("-a ", ["-a"], None),
    ("-la sub dir ", ["-la"], "sub dir "),
    ("-a -l x -y", ["-a", "-l"], "x -y"),
    ("-- -x", [], "-x"),
    ("-a -- -x y", ["-a"], "-x y"),
    ("--", [], None),
    ("-", [], "-"),
    ("-a -", ["-a"], "-"),
    ("./-x", [], "./-x"),
    ("-a  two", ["-a"], "two"),
])
def test_split(argument: str, words: list[str], path: str | None) -> None:
    assert split(argument) == (words, path)


@pytest.mark.parametrize(("argument", "changes"), [
    ("", {}),
    ("-a", {"all": True}),
    ("-la name with blanks", {"all": True, "long": True, "path": "name with blanks"}),
    ("-lrt", {"long": True, "reverse": True, "sort": "time"}),
    ("-S", {"sort": "size"}),
    ("-U", {"sort": "none"}),
    ("-f", {"sort": "none", "all": True}),
    ("-tS", {"sort": "size"}),
    ("-u", {"time": "access"}),
    ("-c", {"time": "change"}),
    ("-RFAdL1nC", {"recursive": True, "classify": True, "almost_all": True, "directory": True,
                   "dereference": True, "bare": True, "numeric": True, "columns": True}),
    ("-Zh%", {"human": True}),
    ("-1Cl", {"long": True}),
    ("-l1", {"long": True, "bare": True}),
    ("*.txt", {"path": "*.txt"}),
])
def test_options(argument: str, changes: dict[str, object]) -> None:
    assert parse_list(argument) == dataclasses.replace(ListRequest(), **changes)  # type: ignore[arg-type]


def test_defaults_of_the_server() -> None:
    defaults = ListOptions(options="-a -F", max_files=10, max_dirs=3, max_depth=2)
    request = parse_list("+F -t x", defaults)
    assert request.path == "+F -t x"
    request = parse_list("-t x", defaults)
    assert (request.all, request.classify, request.sort, request.path) == (True, True, "time", "x")
    assert (request.max_files, request.max_directories, request.max_depth) == (10, 3, 2)


def test_strict_ignores_the_client() -> None:
    request = parse_list("-R sub", ListOptions(options="-a", strict=True))
    assert (request.all, request.recursive, request.path) == (True, False, "sub")


@pytest.mark.parametrize(("defaults", "list_", "nlst"), [
    (ListOptions(options="-a"), True, True),
    (ListOptions(options="-a", list_only=True), True, False),
    (ListOptions(options="-a", nlst_only=True), False, True),
])
def test_defaults_of_one_command(defaults: ListOptions, list_: bool, nlst: bool) -> None:
    assert parse_list("", defaults, command="LIST").all is list_
    assert parse_list("", defaults, command="STAT").all is list_
    assert parse_list("", defaults, command="NLST").all is nlst


def test_options_are_taken_back() -> None:
    assert not parse_list("", ListOptions(options="-a +a")).all
    assert parse_list("", ListOptions(options="-t +t -c +c")) == ListRequest()


def test_every_field_is_one_of_the_store() -> None:
    known = {field.name for field in dataclasses.fields(ListingOptions)}
    assert {field.name for field in dataclasses.fields(ListRequest)} - {"path"} <= known


@given(st.text(max_size=60))
def test_anything(argument: str) -> None:
    words, path = split(argument)
    assert all(word.startswith("-") for word in words)
    assert path is None or argument.endswith(path)
    parse_list(argument)
