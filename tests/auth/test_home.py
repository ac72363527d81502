"""DefaultRoot, DefaultChdir, ~, %u and the roots of <Anonymous>."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from ftpsd.auth.home import NoSuchPlace, Place, anonymous_place, expand, magic_place, place, substitute_user
from ftpsd.settings.access import AccessSettings
from ftpsd.settings.model import AnonymousSection, Settings
from ftpsd.settings.values import RootedPath
from tests.auth.support import account

HOMES = {"ftp": "/srv/ftp", "bob": "/home/bob", "broken": "relative", "empty": ""}
ALICE = account("alice", group_names=("users", "staff"))


def same(path: str) -> str:
    return path


def settings(root: tuple[RootedPath, ...] = (), chdir: tuple[RootedPath, ...] = ()) -> AccessSettings:
    return AccessSettings(default_root=root, default_chdir=chdir)


def rules(*paths: str | tuple[str, ...]) -> tuple[RootedPath, ...]:
    return tuple(RootedPath(p) if isinstance(p, str) else RootedPath(p[0], p[1:]) for p in paths)


@pytest.mark.parametrize(
    ("root", "chdir", "expected"),
    [
        ((), (), Place("/", ("/home/alice",), "/home/alice")),
        (("/",), (), Place("/", ("/home/alice",), "/home/alice")),
        (("~",), (), Place("/home/alice", ("/",))),
        (("~/",), (), Place("/home/alice", ("/",))),
        (("~/www",), (), Place("/home/alice/www", ("/home/alice", "/"))),
        (("/home",), (), Place("/home", ("/alice", "/"), "/alice")),
        (("/hom",), (), Place("/hom", ("/home/alice", "/"))),
        (("/srv/%u",), (), Place("/srv/alice", ("/home/alice", "/"))),
        (("/srv/%u[0]/%u[1]/%u",), (), Place("/srv/a/l/alice", ("/home/alice", "/"))),
        (("~bob",), (), Place("/home/bob", ("/home/alice", "/"))),
        (("~bob/pub",), (), Place("/home/bob/pub", ("/home/alice", "/"))),
        ((), ("/pub",), Place("/", ("/pub", "/home/alice"), "/home/alice")),
        ((), ("~/in",), Place("/", ("/home/alice/in", "/home/alice"), "/home/alice")),
        ((), ("in",), Place("/", ("/home/alice/in", "/home/alice"), "/home/alice")),
        (("~",), ("in",), Place("/home/alice", ("/in", "/"))),
        (("~",), ("~/in/",), Place("/home/alice", ("/in", "/"))),
        (("~",), ("~",), Place("/home/alice", ("/",))),
        (("~",), ("/in",), Place("/home/alice", ("/in", "/"))),
        (("~",), ("/home/alice/in",), Place("/home/alice", ("/in", "/"))),
        (("~",), ("/home/alicex",), Place("/home/alice", ("/home/alicex", "/"))),
        (("/home",), ("/incoming/%u",), Place("/home", ("/incoming/alice", "/"), "/alice")),
        # group expressions: all must hold, the first rule that fits counts
        ((("~", "staff"),), (), Place("/home/alice", ("/",))),
        ((("~", "staff", "users"),), (), Place("/home/alice", ("/",))),
        ((("~", "staff", "!users"),), (), Place("/", ("/home/alice",), "/home/alice")),
        ((("~", "!admin"),), (), Place("/home/alice", ("/",))),
        ((("~", "admin"), "/srv"), (), Place("/srv", ("/home/alice", "/"))),
        ((("/", "staff"), "~"), (), Place("/", ("/home/alice",), "/home/alice")),
        ((), (("/x", "admin"), ("/y", "users")), Place("/", ("/y", "/home/alice"), "/home/alice")),
    ])
def test_places(root: tuple[str, ...], chdir: tuple[str, ...], expected: Place) -> None:
    subject = settings(rules(*root), rules(*chdir))
    found = place(subject, ALICE, HOMES.get, real_path=lambda path: path.rstrip("/") or "/")
    assert found == expected


def test_symbolic_links_on_the_way_are_resolved(tmp_path: Path) -> None:
    (tmp_path / "real" / "alice").mkdir(parents=True)
    (tmp_path / "home").symlink_to("real")
    real = str((tmp_path / "real").resolve())
    alice = account("alice", home=str(tmp_path / "home" / "alice"))
    assert place(settings(rules("~")), alice, HOMES.get) == Place(f"{real}/alice", ("/",))
    assert place(settings(rules(str(tmp_path / "home"))), alice, HOMES.get) == Place(real, ("/alice", "/"), "/alice")
    assert place(settings(), alice, HOMES.get) == Place("/", (f"{real}/alice",), f"{real}/alice")


def test_a_home_with_the_name_in_it() -> None:
    assert place(settings(rules("~")), account("bob", home="/srv/%u"), HOMES.get, real_path=same).root == (
        "/srv/bob")


@pytest.mark.parametrize("path", ["~nobody", "~nobody/x", "~broken", "~empty/x"])
def test_homes_that_are_not_known_fail_the_login(path: str) -> None:
    with pytest.raises(NoSuchPlace, match="is not known"):
        place(settings(rules(path)), ALICE, HOMES.get)


def test_a_root_is_never_taken_from_where_the_server_stands() -> None:
    with pytest.raises(NoSuchPlace, match="not an absolute path"):
        place(settings(rules("srv")), ALICE, HOMES.get)


@pytest.mark.parametrize("home", ["", "relative", "~", "./x"])
def test_a_home_must_be_absolute(home: str) -> None:
    with pytest.raises(NoSuchPlace, match="not an absolute path"):
        place(settings(), account(home=home), HOMES.get)


@pytest.mark.parametrize("name", ["..", ".", "a/b", "/etc", "../../etc", "a\0"])
def test_no_name_leads_elsewhere(name: str) -> None:
    with pytest.raises(NoSuchPlace, match="cannot stand for %u"):
        expand("/srv/%u", account(name, home="/home/x"), HOMES.get)


@pytest.mark.parametrize(
    ("path", "user", "expected"),
    [
        ("/srv", "alice", "/srv"), ("/srv/%u", "alice", "/srv/alice"), ("%u%u", "al", "alal"),
        ("/%u[0]", "alice", "/a"), ("/%u[4]", "alice", "/e"), ("/%u[5]/%u", "alice", "/%u[5]/%u"),
        ("/%u[]/x", "al", "/al[]/x"), ("/%u[x]", "al", "/al[x]"), ("/%U", "al", "/%U"),
        ("/%u[0]", "ümit", "/ü"),
    ])
def test_the_name_in_paths(path: str, user: str, expected: str) -> None:
    assert substitute_user(path, user) == expected


@hypothesis_settings(database=None)
@given(st.text(max_size=30), st.text(max_size=20))
def test_a_name_never_adds_a_directory(path: str, user: str) -> None:
    try:
        result = substitute_user("/srv/%u/" + path.replace("%", ""), user)
    except NoSuchPlace:
        assert not user or "/" in user or "\0" in user or user in (".", "..")
    else:
        assert result == f"/srv/{user}/" + path.replace("%", "")


@pytest.mark.parametrize(
    ("root", "chdir", "expected"),
    [
        ("~ftp", (), Place("/srv/ftp", ("/",))),
        ("~ftp/pub", (), Place("/srv/ftp/pub", ("/",))),
        ("/srv/anon", ("incoming",), Place("/srv/anon", ("/incoming", "/"))),
        ("/srv/anon", ("/incoming",), Place("/srv/anon", ("/incoming", "/"))),
        ("~", (), Place("/home/alice", ("/",))),
    ])
def test_places_of_anonymous_logins(root: str, chdir: tuple[str, ...], expected: Place) -> None:
    section = AnonymousSection(root, Settings(), user="ftp")
    found = anonymous_place(section, settings((), rules(*chdir)), ALICE, HOMES.get, sent="ftp", real_path=same)
    assert found == expected


def test_the_root_is_the_home_of_an_anonymous_login() -> None:
    section = AnonymousSection("~ftp/pub", Settings(), user="ftp")
    for chdir in ("~/deep", "/deep"):
        found = anonymous_place(section, settings((), rules(chdir)), ALICE, HOMES.get, sent="ftp", real_path=same)
        assert found == Place("/srv/ftp/pub", ("/deep", "/"))


def test_default_root_does_not_apply_to_anonymous_logins() -> None:
    section = AnonymousSection("/srv/anon", Settings(), user="ftp")
    found = anonymous_place(section, settings(rules("/elsewhere")), ALICE, HOMES.get, sent="ftp", real_path=same)
    assert found.root == "/srv/anon"


@pytest.mark.parametrize("root", ["~nobody", "relative"])
def test_roots_of_anonymous_that_make_no_sense(root: str) -> None:
    section = AnonymousSection(root, Settings(), user="ftp")
    with pytest.raises(NoSuchPlace):
        anonymous_place(section, settings(), ALICE, HOMES.get, sent="ftp")


@pytest.mark.parametrize(("root", "entered"), [
    ("{}/real", True), ("{}/real/", True), ("{}/link", False), ("{}/link/", False), ("{}/link/sub", False),
])
def test_allow_chroot_symlinks(tmp_path: Path, root: str, entered: bool) -> None:
    """Off: no link may be anywhere in the path of DefaultRoot."""
    base = os.path.realpath(tmp_path)
    (tmp_path / "real" / "sub").mkdir(parents=True)
    (tmp_path / "link").symlink_to("real")
    strict = replace(settings(rules(root.format(base))), allow_chroot_symlinks=False)
    assert place(replace(strict, allow_chroot_symlinks=True), ALICE, HOMES.get).root.startswith(f"{base}/real")
    if entered:
        assert place(strict, ALICE, HOMES.get).root == f"{base}/real"
        return
    with pytest.raises(NoSuchPlace, match="denied by AllowChrootSymlinks"):
        place(strict, ALICE, HOMES.get)


def test_allow_chroot_symlinks_of_anonymous_logins(tmp_path: Path) -> None:
    """Only the last name of <Anonymous> may be no link."""
    base = os.path.realpath(tmp_path)
    (tmp_path / "real" / "sub").mkdir(parents=True)
    (tmp_path / "link").symlink_to("real")
    strict = replace(settings(), allow_chroot_symlinks=False)
    below = AnonymousSection(f"{base}/link/sub", Settings(), user="ftp")
    assert anonymous_place(below, strict, ALICE, HOMES.get, sent="ftp").root == f"{base}/real/sub"
    with pytest.raises(NoSuchPlace, match="denied by AllowChrootSymlinks"):
        anonymous_place(AnonymousSection(f"{base}/link", Settings()), strict, ALICE, HOMES.get, sent="ftp")


@pytest.mark.parametrize(("sent", "root"), [
    ("guest", "/srv/anon/guest"), ("alice", "/srv/anon"), ("..", None), ("a/b", None), (".", None),
])
def test_user_dir_root(sent: str, root: str | None) -> None:
    section = AnonymousSection("/srv/anon", Settings(), user="alice")
    each = replace(settings(), user_dir_root=True)
    if root is None:
        with pytest.raises(NoSuchPlace):
            anonymous_place(section, each, ALICE, HOMES.get, sent=sent, real_path=same)
        return
    assert anonymous_place(section, each, ALICE, HOMES.get, sent=sent, real_path=same).root == root


@pytest.mark.skipif(os.geteuid() != 0, reason="gives links to others, for which one has to be root")
@pytest.mark.parametrize(("target", "owner", "root"), [
    ("inside", 0, "anon/inside"), ("inside", 4001, "anon/inside"), (".", 4001, "anon"),
    ("../beside", 0, "beside"), ("../beside", 4001, None), ("../anonymous", 4001, None), ("way", 4001, None),
])
def test_no_link_of_a_client_becomes_the_root_of_others(
    tmp_path: Path, target: str, owner: int, root: str | None,
) -> None:
    for name in ("anon/inside", "beside", "anonymous"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "anon" / "way").symlink_to("../beside")
    link = tmp_path / "anon" / "guest"
    link.symlink_to(target)
    os.lchown(link, owner, owner)
    section = AnonymousSection(f"{tmp_path}/anon/", Settings(), user="alice")
    each = replace(settings(), user_dir_root=True)
    if root is None:
        with pytest.raises(NoSuchPlace, match="a link that is not root's leads from"):
            anonymous_place(section, each, ALICE, HOMES.get, sent="guest")
        return
    assert anonymous_place(section, each, ALICE, HOMES.get, sent="guest").root == os.path.realpath(tmp_path / root)


def test_the_magic_token() -> None:
    """AuthUnixOptions MagicTokenChroot."""
    bob = account(home="/srv/bob/./files/now", source="system")
    assert magic_place(bob, real_path=str) == Place("/srv/bob", ("/files/now", "/"), "/files/now")
    whole = account(home="/./files", source="system")
    assert magic_place(whole, real_path=str) == Place("/", ("/files", "/"), "/files")
    assert magic_place(account(home="/srv/bob", source="system"), real_path=str) is None
    assert magic_place(account(home="/srv/./bob", source="file"), real_path=str) is None
