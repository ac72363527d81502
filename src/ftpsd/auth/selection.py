"""What a USER command selects: a real name behind an alias, perhaps an <Anonymous> section.

The order is ProFTPD's: UserAlias of the <Anonymous> sections, UserAlias of the host, then the section whose
User is the name itself. The alias of a section selects that section; an alias of the host leads to a name,
which may then be the User of a section. Pure: nothing here knows whether an account exists.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from ftpsd.auth.account import Account
from ftpsd.settings.model import AnonymousSection, Host, Settings
from ftpsd.settings.values import RootedPath


@dataclass(frozen=True, slots=True)
class Selection:
    """`user` as the client wrote it, `name` the account he means, `anonymous` the section, if any. `barred`: nobody,
    as AuthAliasOnly wants an alias and `user` is none.
    """

    user: str
    name: str
    anonymous: AnonymousSection | None = None
    barred: bool = False

    @property
    def needs_password(self) -> bool:
        """False for an anonymous login that takes anything (an e-mail address) as password."""
        return self.anonymous is None or self.anonymous.settings.auth.anon_require_password

    @property
    def in_database(self) -> bool:
        """Whether a database is asked for the account: not where SQLEngine is off for the anonymous login."""
        return self.anonymous is None or "auth" in self.anonymous.settings.sql.engine


def section_user(section: AnonymousSection, host: Host) -> str | None:
    """The account behind an <Anonymous> section: its User, or the server's when it has none."""
    return section.user if section.user is not None else host.settings.server.user


def select(host: Host, user: str) -> Selection:
    """What `USER user` means on `host`."""
    if not host.anonymous and not host.settings.auth.user_alias:
        return Selection(user, user, barred=host.settings.logins.auth_alias_only)
    for section in host.anonymous:
        for alias in section.aliases:
            if alias.alias in (user, "*"):
                return Selection(user, alias.user, section)
    meant = next((a.user for a in host.settings.auth.user_alias if a.alias in (user, "*")), None)
    name = user if meant is None else meant
    section_found = next((s for s in host.anonymous if section_user(s, host) == name), None)
    if meant is None and section_found is not None and section_found.settings.logins.auth_alias_only:
        section_found = None
    barred = meant is None and section_found is None and host.settings.logins.auth_alias_only
    return Selection(user, name, section_found, barred)


def for_member(chosen: Selection, account: Account | None, settings: Settings) -> Selection:
    """AnonymousGroup of `settings`: what `chosen` is for a member, an anonymous login with his password to his home."""
    wanted = settings.logins.anonymous_group
    if not wanted or account is None or chosen.anonymous is not None or chosen.barred:
        return chosen
    if not RootedPath("~", wanted).applies_to(frozenset(account.group_names)):
        return chosen
    rules = replace(settings.auth, anon_require_password=True)
    section = AnonymousSection("~", replace(settings, auth=rules), user=account.name, borrowed=True)
    return replace(chosen, anonymous=section)
