"""Sections, Include, Define, conditions, environment; every error with its place."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftpsd.config import Directive, FileSource, Node, Section, TextSource, Tree, parse, quote
from ftpsd.config.parser import DEEPEST_INCLUDE, DEEPEST_SECTION
from ftpsd.errors import ConfigError

MODULES = {"mod_tls.c", "mod_core.c"}


def read(
    text: str,
    files: Mapping[str, str] | None = None,
    *,
    defines: Iterable[str] = (),
    env: Mapping[str, str] | None = None,
) -> Tree:
    source = TextSource({"/etc/main.conf": text, **(files or {})})
    return parse(
        "/etc/main.conf", source, environment=env or {}, defines=set(defines), has_module=MODULES.__contains__
    )


def shape(nodes: Iterable[Node]) -> list[object]:
    """Directives as `Name words`, sections as (`Name words`, contents)."""
    made: list[object] = []
    for node in nodes:
        head = " ".join([node.name, *node.words])
        made.append((head, shape(node.children)) if isinstance(node, Section) else head)
    return made


def failure(text: str, files: Mapping[str, str] | None = None) -> str:
    with pytest.raises(ConfigError) as caught:
        read(text, files)
    return str(caught.value)


def test_directives_and_sections_with_places() -> None:
    tree = read('A 1\n<Global>\n  B "x y"\n  <Directory "/a b">\n  C\n  </Directory>\n</Global> # end\n')
    assert shape(tree.nodes) == ["A 1", ("Global", ["B x y", ("Directory /a b", ["C"])])]
    section = tree.nodes[1]
    assert isinstance(section, Section)
    assert (section.location.line, section.children[0].location.line) == (2, 3)
    assert tree.files == ("/etc/main.conf",)


@pytest.mark.parametrize(("name", "always"), [("mod_tls", "false"), ("!mod_tls", "true")])
def test_a_module_without_its_ending_is_told(name: str, always: str) -> None:
    tree = read(f"A\n<IfModule {name}>\nB\n</IfModule>\n<IfModule mod_x>\n</IfModule>")
    assert tree.notices == (
        f"<IfModule {name}> on line 2 of '/etc/main.conf' is always {always}: the module is called mod_tls.c",)
    assert len(tree.nodes) == (1 if always == "false" else 2)


@pytest.mark.parametrize(("name", "always"), [("mod_tsl.c", "false"), ("!mod_tsl.c", "true")])
def test_a_misspelt_module_is_told(name: str, always: str) -> None:
    source = TextSource({"/x": f"<IfModule {name}>\n</IfModule>\n<IfModule mod_x.c>\n</IfModule>"})
    meant = {"mod_tsl.c": "mod_tls.c"}.get
    assert parse("/x", source, environment={}, has_module=MODULES.__contains__, meant=meant).notices == (
        f"<IfModule {name}> on line 1 of '/x' is always {always}: there is no module of that name; did you mean "
        "mod_tls.c?",)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<IfModule mod_tls.c>\nA\n</IfModule>", ["A"]),
        ("<IfModule !mod_tls.c>\nA\n</IfModule>\nB", ["B"]),
        ('<IfModule mod_x.c>\nA\n</Global>\n"\n</IfModule>\nB', ["B"]),
        ("<ifmodule !mod_x.c>\nA\n</IFMODULE>", ["A"]),
        ("<Global >\nA\n</Global >\nB", [("Global", ["A"]), "B"]),
        ("<IfModule mod_x.c >\nA\n</IfModule >\nB", ["B"]),
        ("<IfModule mod_x.c>\n<IfModule mod_tls.c>\nA\n</IfModule>\nB\n</IfModule>\nC", ["C"]),
        ("<IfModule mod_x.c>\n<IfDefine Y>\nA\n</IfDefine>\n</IfModule>\nC", ["C"]),
        ("<IfDefine X>\nA\n</IfDefine>", ["A"]),
        ("<IfDefine x>\nA\n</IfDefine>", []),
        ("<IfDefine !X>\nA\n</IfDefine>", []),
        ("Define Y\n<IfDefine Y>\nA\n</IfDefine>", ["A"]),
        ("<IfDefine Y>\nA\n</IfDefine>\nDefine Y", []),
        ("<Global>\nDefine Y\n</Global>\n<IfDefine Y>\nA\n</IfDefine>", [("Global", []), "A"]),
        ("<Global>\n<IfModule mod_core.c>\nA\n</IfModule>\n</Global>", [("Global", ["A"])]),
    ],
)
def test_conditions(text: str, expected: list[object]) -> None:
    assert shape(read(text, defines={"X"}).nodes) == expected


def test_environment() -> None:
    tree = read(
        'Port %{env:PORT}\n<VirtualHost %{env:A}>\n</VirtualHost>\nB "x %{env:A}%{env:NONE}"\nC %{envA}',
        env={"PORT": "2121", "A": "::1"},
    )
    assert shape(tree.nodes) == ["Port 2121", ("VirtualHost ::1", []), "B x ::1", "C %{envA}"]


def test_environment_values_are_not_split_or_expanded_again() -> None:
    assert read("A %{env:X}", env={"X": "a b %{env:X} #"}).nodes[0].words == ("a b %{env:X} #",)


def test_includes_are_sorted_nested_and_relative() -> None:
    files = {
        "/etc/conf.d/b.conf": "B",
        "/etc/conf.d/a.conf": "A\nInclude ../more/x",
        "/etc/more/x": "X",
        "/etc/conf.d/c.txt": "C",
    }
    tree = read("Include conf.d/*.conf\nInclude /etc/conf.d/\nInclude nothing/*\n", files)
    assert shape(tree.nodes) == ["A", "X", "B", "A", "X", "B", "C"]
    assert tree.files[:3] == ("/etc/main.conf", "/etc/conf.d/a.conf", "/etc/more/x")
    assert tree.nodes[1].location.file == "/etc/more/x"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("<Global>\nA\n", "fatal: <Global>: unclosed configuration section on line 1 of '/etc/main.conf'"),
        ("<IfModule mod_x.c>\nA\n", "fatal: <IfModule>: unclosed configuration section on line 1"),
        ("<IfModule mod_tls.c>\nA\n", "fatal: <IfModule>: unclosed configuration section on line 1"),
        ("\n</Global>", "fatal: </Global>: directive not allowed in server config context on line 2"),
        (
            "<Global>\n</VirtualHost>",
            "fatal: </VirtualHost>: directive not allowed in <Global> context on line 2",
        ),
        ("<Global>\n</VirtualHost>", "<Global> was opened on line 1 of '/etc/main.conf'"),
        (
            "<IfModule mod_tls.c>\n<Global>\n</IfModule>",
            "</IfModule>: directive not allowed in <Global> context",
        ),
        (
            "<IfModule mod_x.c>\n<IfDefine A>\n</IfModule>",
            "</IfModule>: directive not allowed in <IfDefine> context",
        ),
        ("<Global\n</Global>", "'<Global' has no closing '>' on line 1"),
        ('<Directory "/a>"\n</Directory>', "has no closing '>'"),
        (f"<Global {'x' * 100}", f"'<Global {'x' * 72}…' has no closing '>' on line 1"),
        ("< Global>\n</Global>", "unknown configuration directive '<' on line 1"),
        ("<Global>\n</Global> x", "fatal: </Global>: wrong number of parameters on line 2"),
        ("</>", "unknown configuration directive '</>'"),
        ("<IfModule>\n</IfModule>", "fatal: <IfModule>: wrong number of parameters on line 1"),
        ("<IfModule a b>\n</IfModule>", "<IfModule>: wrong number of parameters"),
        ("<IfDefine !>\n</IfDefine>", "<IfDefine>: wrong number of parameters"),
        ("Define", "fatal: Define: wrong number of parameters on line 1"),
        ("Include", "fatal: Include: wrong number of parameters on line 1"),
        (
            "A\nInclude /nope",
            "fatal: Include: unable to include '/nope': No such file or directory on line 2",
        ),
        ("Include nope.conf", "unable to include '/etc/nope.conf'"),
        ("Include /etc/main.conf", "fatal: Include: '/etc/main.conf' includes itself on line 1"),
        ("Include /etc/main.conf", "Take this line out, or the one that leads from that file to this."),
        ('"A" 1', 'a line cannot start with "A" on line 1'),
        ('A "b', "a quoted word is not closed on line 1"),
    ],
)
def test_errors_say_where(text: str, message: str) -> None:
    assert message in failure(text)


def test_sections_end_in_the_file_that_opened_them() -> None:
    message = failure("<Global>\nInclude a\n</Global>", {"/etc/a": "B\n</Global>"})
    assert "</Global>: directive not allowed in server config context on line 2 of '/etc/a'" in message


def test_depth_is_bounded() -> None:
    chain = {f"/etc/{n}": f"Include {n + 1}" for n in range(DEEPEST_INCLUDE + 1)}
    assert "too many files include each other" in failure("Include 0", chain)
    nested = "<Global>\n" * (DEEPEST_SECTION + 1)
    assert f"nested too deeply on line {DEEPEST_SECTION + 1}" in failure(nested)


def test_loops_through_links_are_found(tmp_path: Path) -> None:
    main = tmp_path / "main.conf"
    main.write_text("Include link.conf\n")
    (tmp_path / "link.conf").symlink_to(main)
    with pytest.raises(ConfigError, match="includes itself"):
        parse(str(main), FileSource(), environment={}, has_module=MODULES.__contains__)


def test_a_missing_main_file_has_no_line(tmp_path: Path) -> None:
    path = str(tmp_path / "none.conf")
    with pytest.raises(ConfigError) as caught:
        parse(path, FileSource(), environment={}, has_module=MODULES.__contains__)
    assert (
        str(caught.value) == f"fatal: unable to read configuration file '{path}': No such file or directory"
    )


NAMES = st.sampled_from(["A", "Port", "Umask"])
TEXTS = st.text(st.characters(exclude_characters="\0\n", exclude_categories=()), max_size=8)
DIRECTIVES = st.builds(
    lambda name, words: [" ".join([name, *map(quote, words)])], NAMES, st.lists(TEXTS, max_size=3)
)


@given(
    st.recursive(
        DIRECTIVES,
        lambda inner: st.builds(
            lambda name, body: [f"<{name}>", *(line for part in body for line in part), f"</{name}>"],
            st.sampled_from(["Global", "Directory /x"]),
            st.lists(inner, max_size=3),
        ).map(lambda made: [line.replace("</Directory /x>", "</Directory>") for line in made]),
        max_leaves=8,
    )
)
def test_generated_trees_have_all_their_directives(made: list[str]) -> None:
    def count(nodes: Iterable[Node]) -> int:
        return sum(1 if isinstance(node, Directive) else count(node.children) for node in nodes)

    tree = read("\n".join(made))
    assert count(tree.nodes) == sum(1 for line in made if not line.startswith("<"))


@given(st.text(st.sampled_from('<>/IfModule mod_tls.cGlobal"\\#\n %{env:}Include'), max_size=120))
def test_the_parser_raises_nothing_but_config_error(text: str) -> None:
    with contextlib.suppress(ConfigError):
        assert read(text).files == ("/etc/main.conf",)


def test_include_options() -> None:
    files = {f"/etc/conf.d/{name}": "A" for name in ("a.conf", "a.conf~", ".a.swp", "b.conf.dpkg-old", "c.conf.bak")}
    assert len(read("Include conf.d/", files).nodes) >= 4
    tree = read("IncludeOptions IgnoreTempFiles\nInclude conf.d/", files)
    assert shape(tree.nodes) == ["IncludeOptions IgnoreTempFiles", "A"]
    text = "IncludeOptions ignorewildcards\nInclude conf.d/*.conf\nInclude conf*/a.conf"
    assert failure(text, files) == (
        "fatal: Include: 'conf*/a.conf' has wildcards in the names of directories on line 3 of '/etc/main.conf'\n"
        "  IncludeOptions IgnoreWildcards forbids them: name the directory.")
