"""What USER selects: aliases and <Anonymous> sections."""

from __future__ import annotations

import dataclasses

import pytest

from ftpsd.auth.selection import select
from ftpsd.settings.auth import AuthSettings
from ftpsd.settings.model import AnonymousSection, Host, Settings
from ftpsd.settings.server import ServerSettings
from ftpsd.settings.values import UserAlias


def host(
    *sections: AnonymousSection, aliases: tuple[tuple[str, str], ...] = (), user: str = "nobody",
) -> Host:
    auth = AuthSettings(user_alias=tuple(UserAlias(*pair) for pair in aliases))
    return Host(settings=Settings(auth=auth, server=ServerSettings(user=user)), anonymous=sections)


def section(
    root: str, user: str | None, *aliases: tuple[str, str], password: bool = False,
) -> AnonymousSection:
    settings = Settings(auth=AuthSettings(anon_require_password=password))
    return AnonymousSection(root, settings, user=user, aliases=tuple(UserAlias(*pair) for pair in aliases))


FTP = section("~ftp", "ftp", ("anonymous", "ftp"))
GUEST = section("/guest", "guest", ("visitor", "guest"), password=True)
PLAIN = section("/plain", None)


@pytest.mark.parametrize(
    ("subject", "user", "name", "chosen"),
    [
        (host(), "alice", "alice", None),
        (host(), "*", "*", None),
        (host(aliases=(("boss", "alice"),)), "boss", "alice", None),
        (host(aliases=(("boss", "alice"),)), "Boss", "Boss", None),
        (host(aliases=(("boss", "alice"), ("boss", "bob"))), "boss", "alice", None),
        (host(aliases=(("*", "alice"),)), "anybody", "alice", None),
        (host(FTP), "anonymous", "ftp", FTP),
        (host(FTP), "ftp", "ftp", FTP),
        (host(FTP), "alice", "alice", None),
        (host(FTP, GUEST), "visitor", "guest", GUEST),
        (host(FTP, GUEST), "guest", "guest", GUEST),
        # the alias of a section counts before the host's
        (host(FTP, aliases=(("anonymous", "alice"),)), "anonymous", "ftp", FTP),
        # a host's alias may lead into a section
        (host(FTP, aliases=(("web", "ftp"),)), "web", "ftp", FTP),
        # an alias is not followed twice
        (host(FTP, aliases=(("web", "anonymous"),)), "web", "anonymous", None),
        # the alias of a section leads into it even when it names somebody else
        (host(section("/s", "ftp", ("x", "alice"))), "x", "alice", section("/s", "ftp", ("x", "alice"))),
        # a section without User serves the server's
        (host(PLAIN), "nobody", "nobody", PLAIN),
        (host(PLAIN, user="ftpd"), "nobody", "nobody", None),
        (host(section("/all", "ftp", ("*", "ftp"))), "anybody", "ftp", section("/all", "ftp", ("*", "ftp"))),
    ])
def test_selection(subject: Host, user: str, name: str, chosen: AnonymousSection | None) -> None:
    selection = select(subject, user)
    assert (selection.user, selection.name, selection.anonymous) == (user, name, chosen)


def test_who_needs_a_password() -> None:
    subject = host(FTP, GUEST)
    assert not select(subject, "anonymous").needs_password
    assert select(subject, "visitor").needs_password
    assert select(subject, "alice").needs_password


def test_a_section_knows_no_alias_that_it_inherits() -> None:
    inherited = dataclasses.replace(
        FTP, settings=Settings(auth=AuthSettings(user_alias=(UserAlias("boss", "alice"),))))
    assert select(host(inherited, aliases=(("boss", "alice"),)), "boss").anonymous is None
