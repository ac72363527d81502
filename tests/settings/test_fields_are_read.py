"""Every setting has an effect: some code outside config and settings reads its field.

The walk knows how a group of settings is reached (`settings.tls`, a name or attribute bound to it, what is
annotated `TLSSettings`) and counts reads of its fields only there, so that `.user` of an event is
not taken for `settings.server.user`.
"""

from __future__ import annotations

import ast
import dataclasses
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

import ftpsd
from ftpsd.settings import values
from ftpsd.settings.model import NOT_GROUPS, Settings

PACKAGE = Path(ftpsd.__file__).parent
NOT_EFFECTS = frozenset({"diag", "config", "settings", "testing"})
GROUPS = {
    field.name: type(getattr(Settings(), field.name))
    for field in dataclasses.fields(Settings) if field.name not in NOT_GROUPS
}
CLASSES = {kind.__name__: name for name, kind in GROUPS.items()}

ELSEWHERE = {
    "core.default_address": "settings/builder.py makes it Host.addresses, which server/listeners.py binds",
    "core.server_alias": "Host.names; settings/addresses.py chooses hosts by it",
    "tls.cipher_suites": "its properties cipher_suite and tls13_cipher_suite are what tls/contexts.py reads",
    "auth.persistent_passwd": "accepted without effect, as its declaration says",
    "sql.backend": "settings/sql_rules.connections",
    "sql.connect_info": "settings/sql_rules.connections",
    "sql.named_connections": "settings/sql_rules.connections",
    "folders.vroot_options": "settings/rules.py: it stops the start",
    "sql.named_queries": "settings/sql_rules.every_query, which sql/setup.py asks",
    "sql.min_id": "SQLSettings.lowest, which auth/sqlaccounts.py asks",
    "sql.min_user_uid": "SQLSettings.lowest",
    "sql.min_user_gid": "SQLSettings.lowest",
    "sql_passwords.engine": "settings/sql_rules.py: without it most SQLAuthTypes are an error",
    "remote.memcache_engine": "RemoteSettings.missing",
    "proxy.trust": "ProxySettings.trusts, which session/service.py asks",
}
"""Fields that nobody reads by name, and why they have their effect all the same."""

VALUES_ELSEWHERE = {
    "CipherSuite.tls13": "read by the properties of TLSSettings",
    "CipherSuite.suites": "read by the properties of TLSSettings",
}


def trees() -> Iterator[ast.Module]:
    """The code that acts."""
    for path in sorted(PACKAGE.rglob("*.py")):
        if path.relative_to(PACKAGE).parts[0] not in NOT_EFFECTS:
            yield ast.parse(path.read_text(encoding="utf-8"), str(path))


class Reads(ast.NodeVisitor):
    """Collects `group.field` for one module."""

    def __init__(self) -> None:
        self.found: set[str] = set()
        self.bound: dict[str, set[str]] = {}
        """Names (and attributes of self, as `.name`) that stand for a group somewhere in the module."""

    def learn(self, tree: ast.Module) -> None:
        """What the module calls the groups. Twice: a name may be bound to a name that is bound further down."""
        for _ in range(2):
            for node in ast.walk(tree):
                match node:
                    case ast.Assign(targets=targets, value=value):
                        for target in targets:
                            self._bind(target, value)
                    case ast.AnnAssign(target=target, annotation=annotation):
                        self._annotate(target, annotation)
                    case ast.arg(arg=name, annotation=annotation) if annotation is not None:
                        self._annotate(ast.Name(name), annotation)
                    case ast.FunctionDef(name=name, returns=annotation) if annotation is not None:
                        self._annotate(ast.Name(f".{name}"), annotation)

    def _bind(self, target: ast.expr, value: ast.expr) -> None:
        if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
            for one, other in zip(target.elts, value.elts, strict=False):
                self._bind(one, other)
        elif isinstance(value, ast.IfExp):
            self._bind(target, value.body)
            self._bind(target, value.orelse)
        elif (key := _key(target)) is not None:
            self.bound.setdefault(key, set()).update(self.groups(value))

    def _annotate(self, target: ast.expr, annotation: ast.expr) -> None:
        key = _key(target)
        for node in ast.walk(annotation):
            name = node.id if isinstance(node, ast.Name) else node.value if isinstance(node, ast.Constant) else ""
            if key is not None and name in CLASSES:
                self.bound.setdefault(key, set()).add(CLASSES[str(name)])

    def groups(self, node: ast.expr) -> set[str]:
        """The groups that an expression may stand for."""
        if isinstance(node, ast.Attribute) and node.attr in GROUPS:
            return {node.attr}
        if isinstance(node, ast.Attribute) and node.attr == "server" and _ends_in(node.value, "configuration"):
            return {"server"}
        return self.bound.get(_key(node) or "", set())

    def visit_Attribute(self, node: ast.Attribute) -> None:
        self.found |= {f"{group}.{node.attr}" for group in self.groups(node.value)}
        self.generic_visit(node)


def _key(node: ast.expr) -> str | None:
    if isinstance(node, ast.Name):
        return node.id
    return f".{node.attr}" if isinstance(node, ast.Attribute) else None


def _ends_in(node: ast.expr, name: str) -> bool:
    return (_key(node) or "").lstrip("._") == name


def reads(modules: Iterable[ast.Module]) -> set[str]:
    """Every `group.field` that the modules read."""
    found: set[str] = set()
    for tree in modules:
        walk = Reads()
        walk.learn(tree)
        walk.visit(tree)
        found |= walk.found
    return found


def test_every_setting_is_read_by_code_that_acts() -> None:
    declared = {f"{name}.{field.name}" for name, kind in GROUPS.items() for field in dataclasses.fields(kind)}
    found = reads(trees())
    unread = declared - found - ELSEWHERE.keys()
    assert not unread, f"nothing reads {sorted(unread)}: give it effect, or declare that it has none"
    assert ELSEWHERE.keys() <= declared
    stale = sorted(ELSEWHERE.keys() & found)
    assert not stale, f"these are read after all: {stale}"


def test_every_part_of_a_value_is_read() -> None:
    attributes = {
        node.attr for tree in trees() for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load)
    }
    unread = {
        f"{kind.__name__}.{name}" for kind in _value_types() for name in _names(kind) if name not in attributes
    }
    assert unread == set(VALUES_ELSEWHERE)


def _value_types() -> list[type]:
    found = [kind for kind in vars(values).values() if isinstance(kind, type) and kind.__module__ == values.__name__]
    return [kind for kind in found if _names(kind)]


def _names(kind: type) -> tuple[str, ...]:
    if dataclasses.is_dataclass(kind):
        return tuple(field.name for field in dataclasses.fields(kind))
    return tuple(getattr(kind, "_fields", ()))


@pytest.mark.parametrize(("code", "expected"), [
    ("def f(s): return s.settings.tls.engine", {"tls.engine"}),
    ("def f(s):\n core = s.core\n return core.port", {"core.port"}),
    ("def f(a: AuthSettings): return a.auth_order", {"auth.auth_order"}),
    ("class C:\n def f(self, a: AuthSettings | None):\n  self._s = a\n def g(self): return self._s.auth_pam",
     {"auth.auth_pam"}),
    ("def f(s):\n a, b = s.transfer, 1\n return a.umask", {"transfer.umask"}),
    ("def f(event): return event.user", set()),
    ("def f(self): return self.configuration.server.user", {"server.user"}),
    ("class C:\n @property\n def m(self) -> CoreSettings: ...\n def f(self): return self.m.port", {"core.port"}),
])
def test_what_counts_as_reading(code: str, expected: set[str]) -> None:
    assert expected <= reads([ast.parse(code)])
    assert bool(expected) or not reads([ast.parse(code)])
