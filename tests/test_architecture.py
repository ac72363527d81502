"""Imports point down only; what must be pure touches nothing. The rules stand here and nowhere else.

`python -m tests.test_architecture` prints the diagram into docs/architecture.md.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

TREE = Path(__file__).resolve().parents[1]
SOURCES = TREE / "src" / "ftpsd"
PAGE = TREE / "docs" / "architecture.md"

LAYERS: tuple[tuple[str, ...], ...] = (
    ("cli",),
    ("ctl", "diag"),
    ("server",),
    ("session",),
    ("guard",),
    ("data", "auth", "access", "log", "metrics"),
    ("sql",),
    ("vfs", "tls"),
    ("native",),
    ("ftp", "settings"),
    ("config",),
    ("errors",),
    ("reasons",),
)
"""A room imports rooms of lower layers, never one of its own layer or above."""

NATIVE_USERS = frozenset({"tls", "data", "vfs"})
"""The only rooms that know the native floor."""

APART = "testing"
"""Imports anything and is imported by nothing."""

PURE = ("ftp", "config", "settings", "access", "reasons", "tls/policy.py")
"""No socket, thread, clock or file system …"""

READERS = ("config/source.py", "settings/loader.py", "settings/reference.py", "ftp/reference.py")
"""… except where a configuration is read from files, and where reference pages are written."""

IMPURE_MODULES = frozenset({
    "asyncio", "concurrent", "ctypes", "fcntl", "io", "mmap", "multiprocessing", "os", "pathlib", "random",
    "select", "selectors", "shutil", "signal", "socket", "ssl", "subprocess", "tempfile", "threading", "time",
})

PURE_PARTS = {
    "os": {"fsencode", "fsdecode"},
    "socket": {"AF_INET", "AF_INET6"},
    "time": {"gmtime", "strftime", "struct_time"},
}
"""What of those modules touches nothing."""

Import = tuple[int, str]


def modules() -> list[Path]:
    return sorted(SOURCES.rglob("*.py"))


def room_of(path: Path) -> str:
    return path.relative_to(SOURCES).parts[0].removesuffix(".py")


def imports(path: Path) -> Iterator[Import]:
    """Line and dotted name of everything that a module imports, inside functions and for types too."""
    package = ("ftpsd", *path.relative_to(SOURCES).parts[:-1])
    for node in ast.walk(ast.parse(path.read_text(), str(path))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join((*base, *filter(None, [node.module])))
            yield from ((node.lineno, f"{module}.{alias.name}") for alias in node.names)


def rank(room: str) -> int:
    return next(index for index, layer in enumerate(LAYERS) if room in layer)


def wrong(importer: str, imported: str) -> bool:
    """Whether the rules forbid `importer` (a room) to import `imported` (another room)."""
    if importer in (imported, APART):
        return False
    if imported == APART or (imported == "native" and importer not in NATIVE_USERS):
        return True
    return rank(importer) >= rank(imported)


def diagram() -> str:
    """The layers as text, from the rules."""
    shown = [" · ".join(layer) for layer in LAYERS]
    width = max(map(len, shown))
    lines = [f"  {text:^{width}}".rstrip() for text in shown]
    arrow = f"  {'↓':^{width}}".rstrip()
    notes = [
        "",
        f"  native is imported by {', '.join(sorted(NATIVE_USERS))} only; {APART} imports anything, nothing "
        "imports it.",
        f"  Pure (no socket, thread, clock, file system): {', '.join(PURE)}",
        f"  except {', '.join(READERS)}.",
    ]
    return "\n".join(["```", f"\n{arrow}\n".join(lines), *notes, "```"])


BEGIN, END = "<!-- diagram: printed by tests/test_architecture.py -->\n", "<!-- end of diagram -->"


def with_diagram(page: str) -> str:
    """`page` with the present diagram between its markers; raises `ValueError` without them."""
    start, stop = page.index(BEGIN) + len(BEGIN), page.index(END)
    return page[:start] + diagram() + "\n" + page[stop:]


def test_every_room_has_a_layer() -> None:
    known = {room for layer in LAYERS for room in layer} | {APART}
    found = {room_of(path) for path in modules()} - {"__init__", "__main__"}
    assert found == known


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(SOURCES)))
def test_imports_point_down(path: Path) -> None:
    room = room_of(path)
    if room in ("__init__", "__main__"):
        return
    rooms = {room for layer in LAYERS for room in layer} | {APART}
    bad = [
        f"line {line}: {name}"
        for line, name in imports(path)
        if name.startswith("ftpsd.") and (other := name.split(".")[1]) in rooms and wrong(room, other)
    ]
    assert bad == []


def pure_modules() -> list[Path]:
    readers = {SOURCES / name for name in READERS}
    return [
        path for path in modules()
        if path not in readers and any(path.is_relative_to(SOURCES / name) for name in PURE)
    ]


@pytest.mark.parametrize("path", pure_modules(), ids=lambda path: str(path.relative_to(SOURCES)))
def test_pure_rooms_touch_nothing(path: Path) -> None:
    tree = ast.parse(path.read_text(), str(path))
    bad = [
        f"line {line}: {name}"
        for line, name in imports(path)
        if (head := name.split(".")[0]) in IMPURE_MODULES and head not in PURE_PARTS
    ]
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            allowed = PURE_PARTS.get(node.value.id)
            if allowed is not None and node.attr not in allowed:
                bad.append(f"line {node.lineno}: {node.value.id}.{node.attr}")
        if isinstance(node, ast.Name) and node.id in ("open", "input"):
            bad.append(f"line {node.lineno}: {node.id}")
    assert bad == []


def test_diagram_in_the_documentation_is_current() -> None:
    page = PAGE.read_text()
    assert with_diagram(page) == page, "run `make docs`"


@pytest.mark.parametrize(
    ("importer", "imported", "forbidden"),
    [
        ("cli", "errors", False), ("tls", "native", False), ("session", "native", True),
        ("tls", "vfs", True), ("errors", "config", True), ("testing", "cli", False),
        ("cli", "testing", True), ("ftp", "ftp", False),
    ],
)
def test_the_rules_themselves(importer: str, imported: str, forbidden: bool) -> None:
    assert wrong(importer, imported) is forbidden


if __name__ == "__main__":
    PAGE.write_text(with_diagram(PAGE.read_text()))
    sys.stdout.write(diagram() + "\n")
