"""Which <Directory> sections hold where several fit. What is expected here is what ProFTPD 1.3.8 was seen to do."""

from __future__ import annotations

import sys
import tracemalloc
from collections.abc import Callable
from functools import partial
from types import FrameType
from typing import Any

import pytest

from ftpsd.errors import ConfigError
from ftpsd.session.ftpaccess import MOST_FILES
from ftpsd.session.places import Places, places_of
from ftpsd.settings.builder import ftpaccess
from ftpsd.settings.model import DirectorySection, Settings, directory_pattern
from tests.settings.support import configuration, main_host

HOME = "/home/alice"
IF_NOTHING = "<IfUser alice>\nTimeoutIdle 100\n</IfUser>\n"


def sections(*paths: str) -> str:
    return "".join(f"<Directory {path}>\nUmask 07{number}\n</Directory>\n" for number, path in enumerate(paths))


def login(text: str) -> Places:
    return places(main_host(text).for_login(user="alice", classes=("local",)))


def places(settings: Settings, root: str = HOME) -> Places:
    return places_of(
        settings, home=HOME, root=root, user="alice", home_of={"alice": HOME, "bob": "/home/bob"}.get,
        real_path=lambda path: path)


def held(found: Places, path: str) -> list[str]:
    """The paths of the sections, outer ones first."""
    return [section.path for section in found.sections_at(path)]


@pytest.mark.parametrize(("paths", "path", "expected"), [
    # what lies in another, in both orders
    (("/srv", "/srv/a"), "/srv/a/f", ["/srv", "/srv/a"]),
    (("/srv/a", "/srv"), "/srv/a/f", ["/srv", "/srv/a"]),
    (("/srv/a/b", "/", "/srv/a"), "/srv/a/b/f", ["/", "/srv/a", "/srv/a/b"]),
    (("/srv/*", "/srv/a"), "/srv/a/f", ["/srv/*", "/srv/a"]),
    (("/srv/a", "/srv/*"), "/srv", []),
    (("/srv/*/in", "/srv"), "/srv/a/in/f", ["/srv", "/srv/*/in"]),
    (("/srv/a", "/srv/ab"), "/srv/ab/f", ["/srv/ab"]),
    (("/srv/", "/srv/a/"), "/srv/a/f", ["/srv/", "/srv/a/"]),
    # beside each other, in nothing: the last in the file
    (("/srv/*/b", "/srv/a"), "/srv/a/b/f", ["/srv/a"]),
    (("/srv/a", "/srv/*/b"), "/srv/a/b/f", ["/srv/*/b"]),
    (("/srv/a/b/c", "/srv/?"), "/srv/a/b/c/f", ["/srv/?"]),
    # beside each other in a third: the first in the file
    (("/srv", "/srv/*/b", "/srv/a"), "/srv/a/b/f", ["/srv", "/srv/*/b"]),
    (("/srv", "/srv/a", "/srv/*/b"), "/srv/a/b/f", ["/srv", "/srv/a"]),
    (("/srv/[ab]", "/srv/a", "/srv"), "/srv/a/f", ["/srv", "/srv/[ab]"]),
    # those with ~ and %u lie in nothing, and nothing in them
    (("~", "~/a"), f"{HOME}/a/f", ["~/a"]),
    (("~/a", "~"), f"{HOME}/a/f", ["~"]),
    (("/", "~/a"), f"{HOME}/a/f", ["~/a"]),
    (("~/a", "/"), f"{HOME}/a/f", ["/"]),
    (("~", f"{HOME}/a"), f"{HOME}/a/f", [f"{HOME}/a"]),
    ((f"{HOME}/a", "~"), f"{HOME}/a/f", ["~"]),
    (("/home", "/home/%u/a"), f"{HOME}/a/f", ["/home/%u/a"]),
    (("/home/%u/a", "/home"), f"{HOME}/a/f", ["/home"]),
    (("~alice/a", "~bob"), f"{HOME}/a/f", ["~alice/a"]),
    (("/*",), "/", ["/*"]),
    (("/", "/*"), "/", ["/"]),
    (("/", "/*"), "/x", ["/", "/*"]),
])
def test_which_hold(paths: tuple[str, ...], path: str, expected: list[str]) -> None:
    assert held(login(sections(*paths)), path) == expected


@pytest.mark.parametrize(("text", "path", "expected"), [
    (f"<Global>\n{sections('/srv/a')}</Global>\n{sections('/srv/*')}", "/srv/a/f", ["/srv/*", "/srv/a"]),
    (f"<Global>\n{sections('/srv/a')}</Global>\n{sections('/srv/?')}", "/srv/a/f", ["/srv/?"]),
    (f"{sections('/srv/?')}<Global>\n{sections('/srv/a')}</Global>\n", "/srv/a/f", ["/srv/?"]),
    # once an <IfUser> is in force, ~ and %u are put into their places, too
    (sections("~", "~/a") + IF_NOTHING, f"{HOME}/a/f", ["~", "~/a"]),
    (sections("~/a", "~") + IF_NOTHING, f"{HOME}/a/f", ["~", "~/a"]),
    (sections("~/a", "~") + IF_NOTHING.replace("IfUser alice", "IfUser bob").replace("</IfUser bob", "</IfUser"),
     f"{HOME}/a/f", ["~"]),
    # what it brings stands first
    (f"<IfUser alice>\n{sections('/srv/a', '/srv/?')}</IfUser>\n{sections('/srv/[ab]')}", "/srv/a/f", ["/srv/a"]),
    (f"<IfUser alice>\n{sections('/srv/a')}</IfUser>\n<IfGroup !x>\n{sections('/srv/?')}</IfGroup>\n", "/srv/a/f",
     ["/srv/a"]),
    (f"<IfUser alice>\n{sections('/srv')}</IfUser>\n{sections('/srv/a')}", "/srv/a/f", ["/srv", "/srv/a"]),
    (f"<IfUser alice>\n{sections('/srv/a')}</IfUser>\n{sections('/srv/a/b', '/srv')}", "/srv/a/b", [
        "/srv", "/srv/a", "/srv/a/b"]),
    # but an <IfClass> alone puts nothing anywhere
    (f"<IfClass local>\n{sections('/srv/a')}</IfClass>\n{sections('/srv')}", "/srv/a/f", ["/srv/a"]),
    (f"<IfClass local>\n{sections('/srv/a')}</IfClass>\n{sections('/srv')}{IF_NOTHING}", "/srv/a/f", [
        "/srv", "/srv/a"]),
])
def test_global_and_conditional(text: str, path: str, expected: list[str]) -> None:
    assert held(login(text), path) == expected


@pytest.mark.parametrize(("paths", "path", "expected"), [
    (("a", "a/b"), "/ftp/a/b/f", ["a", "a/b"]),
    (("*", "a"), "/ftp/a/f", ["*", "a"]),
    (("a", "*"), "/ftp/b/f", ["*"]),
    (("/ftp/a", "a/b"), "/ftp/a/b/f", ["a/b"]),
    (("a/b", "/ftp/a"), "/ftp/a/b/f", ["/ftp/a"]),
    (("a/b", "/"), "/ftp/a/b/f", ["/", "a/b"]),
])
def test_anonymous(paths: tuple[str, ...], path: str, expected: list[str]) -> None:
    host = main_host(f"<Anonymous /ftp>\nUser ftp\n{sections(*paths)}</Anonymous>")
    found = places(host.for_login(user="ftp", anonymous=host.anonymous[0]), root="/ftp")
    assert held(found, path) == expected


def file_in(path: str, text: str = "Umask 011\n") -> DirectorySection:
    section, wrong = ftpaccess(text, f"{path}/.ftpaccess", path, defines=())
    assert not wrong
    return section


def umask(found: Places, path: str, *files: DirectorySection) -> int:
    return found.at(path, files).transfer.umask.file


def test_a_file_puts_everything_into_its_place_for_good() -> None:
    found = login("<Directory ~/a>\nUmask 022\n</Directory>\n<Directory ~>\nUmask 033\n</Directory>")
    assert umask(found, f"{HOME}/a/f") == 0o033
    assert umask(found, f"{HOME}/b", file_in(f"{HOME}/b")) == 0o011
    assert umask(found, f"{HOME}/a/f") == 0o022


def test_a_file_beside_sections_that_fit() -> None:
    found = login(sections("/srv", "/srv/*/in", "/srv/a/b"))
    file = file_in("/srv/a")
    assert umask(found, "/srv/a/f", file) == 0o011
    assert umask(found, "/srv/a/b/f", file) == 0o072
    assert umask(found, "/srv/a/in/f", file) == 0o071
    assert umask(found, "/srv/a", file, file_in("/srv/a/b")) == 0o011


def test_what_comes_later_has_no_say_where_something_is_said() -> None:
    text = "<Directory /srv/a/b>\nAllowOverwrite on\n</Directory>"
    file = file_in("/srv/a")
    assert umask(login(text), "/srv/a/b/f", file) == 0o011
    assert umask(login(f"Umask 022\n{text}"), "/srv/a/b/f", file) == 0o022
    assert umask(login(f"Umask 022\n{text}"), "/srv/a/f", file) == 0o011


def test_what_a_section_says_is_for_those_in_it() -> None:
    found = login(
        "Umask 022\n<Directory /srv>\nUmask 033\nAllowOverwrite on\n</Directory>\n"
        "<Directory /srv/a>\nUmask 044\n</Directory>\n<Directory /*/b>\nUmask 055\n</Directory>")
    inner, beside = found.at("/srv/a/f"), found.at("/srv/b/f")
    assert (inner.transfer.umask.file, inner.transfer.allow_overwrite) == (0o044, True)
    assert (beside.transfer.umask.file, beside.transfer.allow_overwrite) == (0o055, False)


def test_without_a_line_that_counts_a_section_stays() -> None:
    """What <IfUser> says takes the place of its only directive, but it is still the one that holds."""
    text = "<Directory ~>\nDenyAll\n</Directory>\n<Directory ~/a>\nUmask 077\n</Directory>\n"
    found = login(f"{text}<IfUser alice>\nUmask 011\n</IfUser>")
    assert held(found, f"{HOME}/a/f") == ["~", "~/a"]
    assert found.at(f"{HOME}/a/f").restrictions[0].everything is None
    assert found.at(f"{HOME}/b").restrictions[0].everything == "deny"


def test_a_client_that_makes_files_everywhere_takes_little_memory() -> None:
    found = login("".join(sections(f"/srv/{number}") for number in range(50)))
    tracemalloc.start()
    try:
        for number in range(300):
            assert umask(found, f"/home/{number}/f", file_in(f"/home/{number}")) == 0o011
        assert tracemalloc.get_traced_memory()[0] < 2_000_000
    finally:
        tracemalloc.stop()


def lines_of(work: Callable[[], object]) -> int:
    """How many lines of Python `work` runs."""
    count = 0

    def ran(frame: FrameType, event: str, argument: object) -> Any:
        nonlocal count
        count += event == "line"
        return ran

    before = sys.gettrace()
    sys.settrace(ran)
    try:
        work()
    finally:
        sys.settrace(before)
    return count


@pytest.mark.parametrize("around", ["/srv", "/other", "~"])
def test_twice_as_many_sections_cost_a_login_about_twice(around: str) -> None:
    costs = []
    for many in (200, 400):
        host = main_host(sections(around) + "".join(sections(f"/srv/{number}") for number in range(many)))
        settings = host.for_login(user="alice")
        places(settings)
        costs.append(lines_of(partial(places, settings)))
    assert costs[1] < 2.2 * costs[0]


def test_as_many_files_as_there_may_be_cost_little() -> None:
    """For each the whole tree was arranged anew."""
    found = login("".join(sections(f"/srv/{number}") for number in range(50)))
    found.at("/", [file_in("/")])
    files = [file_in("/home" + "/d" * depth) for depth in range(MOST_FILES)]
    assert lines_of(lambda: found.at(files[-1].path, files)) < 100_000
    assert umask(found, files[-1].path, *files) == 0o011


def test_what_clients_make_stays_in_no_cache_of_the_process() -> None:
    found = login(sections("/srv"))
    before = directory_pattern.cache_info().currsize
    for number in range(50):
        assert umask(found, f"/only-here/{number}/f", file_in(f"/only-here/{number}")) == 0o011
    assert directory_pattern.cache_info().currsize <= before + 1


def test_a_file_on_the_way_into_a_virtual_folder_holds_around_all_there() -> None:
    found = login("<Directory /srv/data>\nUmask 022\n</Directory>")
    own = file_in(HOME, "Umask 011\nAllowOverwrite on\n<Limit STOR>\nDenyAll\n</Limit>\n")
    inner = file_in("/srv/data/in", "<Limit STOR>\nAllowAll\n</Limit>\n")
    for real, mask in (("/srv/data/f", 0o022), ("/srv/other/f", 0o011), (f"{HOME}/f", 0o011)):
        settings = found.at(real, [own])
        assert (settings.transfer.umask.file, settings.transfer.allow_overwrite) == (mask, True)
        assert [limit.deny.everybody for one in settings.restrictions for limit in one.limits] == [True]
    deeper = found.at("/srv/data/in/f", [own, inner])
    assert [limit.allow.everybody for one in deeper.restrictions for limit in one.limits] == [True, False]
    assert not any(one.limits for one in found.at("/srv/data/f").restrictions)


@pytest.mark.parametrize("own", [(), ("",), ("/a",), ("", "/a")])
def test_files_take_no_section_of_the_administrators_out_of_force(own: tuple[str, ...]) -> None:
    """Nor do they in ProFTPD: tests/peer/test_peer_directories.py."""
    found = login("<Directory /srv/*/b>\nUmask 077\n<Limit ALL>\nDenyAll\n</Limit>\n</Directory>\n")
    opening = "Umask 011\n<Limit ALL>\nAllowAll\n</Limit>\n"
    settings = found.at("/srv/a/b/f", [file_in(f"/srv{name}", opening) for name in own])
    first = next(limit for one in settings.restrictions for limit in one.limits)
    assert (first.deny.everybody, settings.transfer.umask.file) == (True, 0o077)
    assert not any(found.at("/srv/a/c/f", [file_in(f"/srv{name}") for name in own]).restrictions)


@pytest.mark.parametrize("name", ["pp", "p*", "*", "[p]", "p/*"])
def test_the_name_of_a_directory_is_no_pattern_for_the_files_in_it(name: str) -> None:
    """Whoever may rename a directory gets nobody around the file in one within."""
    found = login("")
    files = [
        file_in("/shared"), file_in(f"/shared/{name}"),
        file_in(f"/shared/{name}/secret", "<Limit ALL>\nDenyAll\n</Limit>\n")]
    inner = found.at(f"/shared/{name}/secret/f", files)
    assert [limit.deny.everybody for one in inner.restrictions for limit in one.limits] == [True]


@pytest.mark.parametrize(("text", "refused"), [
    (sections("/srv/a") + sections("/srv/b", "/srv/a"), True),
    ("<Directory /srv/a>\n</Directory>\n" + sections("/srv/a"), True),
    (f"<VirtualHost 127.0.0.2>\n{sections('/srv/a', '/srv/a')}</VirtualHost>", True),
    (f"{sections('/srv/a')}<VirtualHost 127.0.0.2>\n{sections('/srv/a')}</VirtualHost>", False),
    (f"<Global>\n{sections('/srv/a', '/srv/a')}</Global>\n{sections('/srv/a')}", False),
    (f"<IfUser x>\n{sections('/srv/a', '/srv/a')}</IfUser>\n{sections('/srv/a')}", False),
    (f"<Anonymous /ftp>\nUser ftp\n{sections('a', 'a')}</Anonymous>", False),
    (sections("~/a", "~/a"), False),
    (sections("/srv/a", "/srv/a/*", "/srv/a/"), False),
])
def test_one_directory_twice(text: str, refused: bool) -> None:
    """As ProFTPD decides: one of the two would say nothing."""
    if not refused:
        configuration(text)
        return
    with pytest.raises(ConfigError, match="<Directory> section already configured for '/srv/a' on line") as caught:
        configuration(text)
    assert "Write its lines into the one on" in str(caught.value)


def test_an_ifuser_turns_the_limits_of_its_directories_round() -> None:
    section = "<Directory /srv>\n<Limit DELE>\nDenyAll\n</Limit>\n<Limit DELE>\nAllowAll\n</Limit>\n</Directory>\n"
    plain, brought = login(section), login(f"<IfUser alice>\n{section}</IfUser>")
    assert [limit.allow.everybody for limit in plain.at("/srv").restrictions[0].limits] == [True, False]
    assert [limit.allow.everybody for limit in brought.at("/srv").restrictions[0].limits] == [False, True]


def test_an_empty_section_is_none() -> None:
    assert held(login("<Directory /srv>\nUmask 022\n</Directory>\n<Directory /srv/a>\n</Directory>\n"), "/srv/a") == [
        "/srv"]


@pytest.mark.parametrize(("path", "noticed"), [("~/a", True), ("/home/%u", True), ("a", False), ("/ftp/a", False)])
def test_what_proftpd_never_applies_in_an_anonymous_login_is_noticed(path: str, noticed: bool) -> None:
    text = f"<Anonymous /ftp>\nUser ftp\n{sections(path)}</Anonymous>"
    assert any(f"<Directory {path}>" in notice for notice in configuration(text).notices) is noticed
