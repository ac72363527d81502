"""Who may do what: as a real ProFTPD 1.3.8 decided for the same lines (asked with its ftpdctl, as root)."""

from __future__ import annotations

import pytest

from ftpsd.ctl.access import Peer, allowed, may_connect, resolve
from ftpsd.settings.values import ControlsACL
from tests.settings.support import main_host

IDS = {("user", "root"): 0, ("user", "nobody"): 65534, ("group", "root"): 0, ("group", "adm"): 4}
ROOT = Peer(1, 0, frozenset({0}), "root", "root")
OPERATOR = Peer(2, 1000, frozenset({1000, 4}), "fred", "fred")


def number(kind: str, name: str) -> int | None:
    return IDS.get((kind, name))


def rules_of(*lines: str) -> tuple[ControlsACL, ...]:
    return main_host("\n".join(f"AdminControlsACLs {line}" for line in lines)).settings.controls.admin_acls


@pytest.mark.parametrize(("lines", "expected"), [
    ([], False),
    (["status allow user root"], True),
    (["status deny user root"], False),
    (["status allow user nobody"], False),
    (["kick allow user root"], False),
    (["status allow user root", "status deny group root"], True),
    (["status deny user root", "status allow group root"], True),
    (["status allow user nobody", "status allow user root"], True),
    (["status allow user root", "status allow user nobody"], False),
    (["status allow user root", "status deny user root"], False),
    (["status deny user root", "status allow user root"], True),
    (["all deny user nobody"], True),
    (["all deny user *"], False),
    (["all allow user *"], True),
    (["status deny user *,root"], False),
    (["status allow user !nobody"], False),
    (["status allow group nosuch"], False),
    (["kick,status allow user root"], True),
    (["all allow user nobody", "status allow user root"], True),
    (["status allow user root", "all allow user nobody"], False),
])
def test_status_for_root(lines: list[str], expected: bool) -> None:
    rules, _ = resolve(rules_of(*lines), number)
    assert allowed(rules, "status", ROOT) is expected


@pytest.mark.parametrize(("line", "expected"), [
    ("status allow group adm", True),
    ("status deny group adm", False),
    ("status allow user nobody, root", False),
    ("status allow user *", True),
])
def test_every_group_of_the_peer_counts(line: str, expected: bool) -> None:
    rules, _ = resolve(rules_of(line), number)
    assert allowed(rules, "status", OPERATOR) is expected


def test_names_that_nobody_has_are_told() -> None:
    rules, unknown = resolve(rules_of("all allow user root,x", "kick deny group y"), number)
    assert unknown == ["user 'x'", "group 'y'"]
    assert rules[0].ids == {0}


@pytest.mark.parametrize(("lines", "peer", "expected"), [
    ([], ROOT, True),
    ([], OPERATOR, False),
    (["allow user nobody"], ROOT, False),
    (["allow group adm"], OPERATOR, True),
    (["deny user root"], ROOT, False),
    (["deny user root"], OPERATOR, True),
])
def test_connecting(lines: list[str], peer: Peer, expected: bool) -> None:
    acls = main_host("\n".join(f"ControlsSocketACL {line}" for line in lines)).settings.controls.socket_acls
    rules, _ = resolve(acls, number)
    assert may_connect(rules, (0, 500), (), peer) is expected


def test_owners_of_the_socket_may_connect() -> None:
    assert may_connect((), (0, 1000), (), OPERATOR)
    assert may_connect((), (0,), (4,), OPERATOR)
    assert not may_connect((), (0,), (5,), OPERATOR)


def test_a_user_s_number_is_no_group_s() -> None:
    rules, _ = resolve(rules_of("status allow user root"), number)
    assert not allowed(rules, "status", Peer(3, 1000, frozenset({1000, 0}), "fred", "fred"))
    rules, _ = resolve(rules_of("status allow group adm"), number)
    assert not allowed(rules, "status", Peer(3, 4, frozenset({1000}), "four", "fred"))
