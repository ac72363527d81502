"""A whole configuration: hosts, their settings and the sections that change them for some sessions.

A `Settings` holds one frozen dataclass per group. Sections hold *changes*: what they say, and nothing
else. `Settings.changed` lays changes over settings, so that merging happens in one place, whether at start
(Global under a host, a host under <Anonymous>) or per session (<IfUser>, <Directory>).
"""

# ruff: noqa: RUF009 (the defaults are frozen)

from __future__ import annotations

import dataclasses
import functools
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ftpsd.errors import Location
from ftpsd.settings.access import AccessSettings
from ftpsd.settings.auth import AuthSettings
from ftpsd.settings.bans import BanSettings
from ftpsd.settings.bounds import BoundSettings
from ftpsd.settings.certificates import CertificateSettings
from ftpsd.settings.controls import ControlsSettings
from ftpsd.settings.core import CoreSettings
from ftpsd.settings.declaration import Combine
from ftpsd.settings.deflate import DeflateSettings
from ftpsd.settings.digest import DigestSettings
from ftpsd.settings.expressions import ClassRule, Expression
from ftpsd.settings.facts import FactsSettings
from ftpsd.settings.folders import FolderSettings
from ftpsd.settings.lang import LangSettings
from ftpsd.settings.ldap import LDAPSettings
from ftpsd.settings.limits import LimitSettings
from ftpsd.settings.logging import LoggingSettings
from ftpsd.settings.logins import LoginSettings
from ftpsd.settings.otp import OTPSettings
from ftpsd.settings.proxy import ProxySettings
from ftpsd.settings.quotas import QuotaSettings
from ftpsd.settings.redis_logs import RedisLogSettings
from ftpsd.settings.remote import RemoteSettings
from ftpsd.settings.restrictions import UNRESTRICTED, LimitSection, Restrictions
from ftpsd.settings.server import ServerSettings
from ftpsd.settings.site import SiteSettings
from ftpsd.settings.sql import SQLSettings
from ftpsd.settings.sql_passwords import SQLPasswordSettings
from ftpsd.settings.tls import TLSSettings
from ftpsd.settings.transfer import TransferSettings
from ftpsd.settings.user_paths import escaped, unescaped, with_user
from ftpsd.settings.values import UserAlias
from ftpsd.settings.wrap import WrapSettings


@dataclass(frozen=True, slots=True)
class Change:
    """One directive of a section: the value that it gives a field, and where it stands."""

    group: str
    field: str
    value: Any
    combine: Combine
    location: Location | None = None

    def laid_over(self, inherited: Any) -> Any:
        """The value in force where `inherited` was."""
        if self.combine is Combine.APPEND:
            return (*self.value, *inherited)
        if self.combine is Combine.PARTS:
            return self.value.over(inherited)
        if self.combine is Combine.INWARD:
            return (*self.value, *(line.further_out() for line in inherited))
        if self.combine is Combine.CLEARABLE:
            return (*self.value, *inherited) if self.value else ()
        if self.combine is Combine.UNION:
            return self.value | inherited
        if self.combine is Combine.BY_KEY:
            own = {entry.key for entry in self.value}
            return (*self.value, *(entry for entry in inherited if entry.key not in own))
        return self.value

    def beside(self, taken: Taken) -> Change | None:
        """What is left of it where sections in force (`taken`) say something of the same field; None: nothing."""
        key = (self.group, self.field)
        if key not in taken:
            return self
        if self.combine is not Combine.PARTS:
            return None
        both = taken[key].over(self.value)
        return dataclasses.replace(self, value=both) if both != taken[key] else None


Taken = Mapping[tuple[str, str], Any]
"""The values of fields (group, name)."""


ADDING = frozenset({Combine.APPEND, Combine.INWARD, Combine.CLEARABLE, Combine.UNION})
"""The ways to combine in which what was there stays."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that is in force somewhere: for a host, a login or a directory."""

    core: CoreSettings = CoreSettings()
    tls: TLSSettings = TLSSettings()
    auth: AuthSettings = AuthSettings()
    logins: LoginSettings = LoginSettings()
    folders: FolderSettings = FolderSettings()
    ldap: LDAPSettings = LDAPSettings()
    otp: OTPSettings = OTPSettings()
    access: AccessSettings = AccessSettings()
    transfer: TransferSettings = TransferSettings()
    logging: LoggingSettings = LoggingSettings()
    limits: LimitSettings = LimitSettings()
    bounds: BoundSettings = BoundSettings()
    bans: BanSettings = BanSettings()
    wrap: WrapSettings = WrapSettings()
    proxy: ProxySettings = ProxySettings()
    quotas: QuotaSettings = QuotaSettings()
    deflate: DeflateSettings = DeflateSettings()
    digest: DigestSettings = DigestSettings()
    server: ServerSettings = ServerSettings()
    remote: RemoteSettings = RemoteSettings()
    redis_logs: RedisLogSettings = RedisLogSettings()
    controls: ControlsSettings = ControlsSettings()
    site: SiteSettings = SiteSettings()
    certificates: CertificateSettings = CertificateSettings()
    facts: FactsSettings = FactsSettings()
    lang: LangSettings = LangSettings()
    sql: SQLSettings = SQLSettings()
    sql_passwords: SQLPasswordSettings = SQLPasswordSettings()
    directories: tuple[DirectorySection, ...] = ()
    restrictions: tuple[Restrictions, ...] = ()
    """What is said by <Limit> sections, innermost place first."""
    stages: int = 0
    """How often conditional sections have been laid over it: see `DirectorySection.stage`."""
    said: frozenset[tuple[str, str]] = frozenset()
    """The fields (group, name) that some directive has given their values."""

    @property
    def restricted(self) -> bool:
        """Whether a <Limit> or DenyAll stands anywhere."""
        return any(self.restrictions) or any(section.restrictions for section in self.directories)

    def changed(self, changes: Iterable[Change], directories: Iterable[DirectorySection] = ()) -> Settings:
        """These settings with `changes` laid over them and more <Directory> sections."""
        groups: dict[str, dict[str, Any]] = {}
        for change in changes:
            fields = groups.setdefault(change.group, {})
            inherited = fields.get(change.field, getattr(getattr(self, change.group), change.field))
            fields[change.field] = change.laid_over(inherited)
        replaced: dict[str, Any] = {
            name: dataclasses.replace(getattr(self, name), **fields) for name, fields in groups.items()
        }
        if groups:
            replaced["said"] = self.said.union((group, name) for group, fields in groups.items() for name in fields)
        added = (*self.directories, *directories)
        if not replaced and len(added) == len(self.directories):
            return self
        return dataclasses.replace(self, **replaced, directories=added)


NOT_GROUPS = frozenset({"directories", "restrictions", "stages", "said"})
"""Fields of `Settings` that are no group of directives."""


@dataclass(frozen=True, slots=True)
class DirectorySection:
    """<Directory path>: changes in force in `path` and below; `path/*`: only below."""

    path: str
    changes: tuple[Change, ...] = ()
    location: Location | None = None
    restrictions: Restrictions = UNRESTRICTED
    stage: int = 0
    """0: the host's or an <Anonymous>'s; 1: an <IfClass> brought it; from 2 on: in the order of what brought it."""

    @property
    def empty(self) -> bool:
        """Whether it says nothing at all."""
        limited = self.restrictions
        return not self.changes and limited.everything is None and all(limit.empty for limit in limited.limits)

    @property
    def late(self) -> bool:
        """Whether only a login says where it is."""
        return self.path.startswith("~") or "%u" in self.path

    def absolute(self, *, home: str, root: str, user: str = "", home_of: HomeOf | None = None) -> str:
        """The pattern as a real path: `~` is `home`, `~name` what `home_of` says, a relative one is below `root`,
        `%u` is the name of the `user` and `%u[0]` its first letter. What is put in is no pattern, whatever characters
        it has (`escaped`). A `~name` that nobody has fits nothing.
        """
        path = self.path
        if user and "/" not in user:
            path = with_user(path, user, pattern=True)
        if path == "~" or path.startswith("~/"):
            path = escaped(home) + path[1:]
        elif path.startswith("~"):
            name, slash, rest = path[1:].partition("/")
            other = home_of(unescaped(name)) if home_of is not None else None
            path = f"{escaped(other) if other else NOWHERE}{slash}{rest}"
        elif not path.startswith("/"):
            path = f"{escaped(root).rstrip('/')}/{path}" if path != "*" else escaped(root)
        return re.sub("/+", "/", path).rstrip("/") or "/"

    def beside(self, taken: Taken) -> DirectorySection:
        """The section with what is left of its changes (`Change.beside`)."""
        kept = tuple(filter(None, (change.beside(taken) for change in self.changes)))
        return self if kept == self.changes else dataclasses.replace(self, changes=kept)

    def yielding(self, said: Collection[tuple[str, str]]) -> DirectorySection:
        """The section without what would replace the values of the fields `said`; what adds to them stays."""
        kept = tuple(
            change for change in self.changes if change.combine in ADDING or (change.group, change.field) not in said)
        return self if kept == self.changes else dataclasses.replace(self, changes=kept)


HomeOf = Callable[[str], "str | None"]
NOWHERE = "/\0"
"""A path that nothing has."""


@functools.lru_cache(maxsize=4096)
def directory_pattern(path: str) -> re.Pattern[str]:
    """A <Directory> path as a pattern. A last `*` is all below; elsewhere `*`, `?` and `[…]` match slashes, too, as
    they do in ProFTPD 1.3.8 (its documentation says otherwise). A backslash takes the meaning from what follows.
    """
    base = path.rstrip("/")
    if base == "/*":  # this one fits the root as well
        return re.compile("/.*", re.DOTALL)
    only_below = base.endswith("/*")
    translated = _GLOB.sub(_translate_glob, base.removesuffix("/*"))
    return re.compile(translated + ("/.+" if only_below else "(?:/.*)?"), re.DOTALL)


_GLOB = re.compile(r"\*|\?|\[([!^]?)(\]?[^\]]*)\]|\\(.)|(.)", re.DOTALL)


def _translate_glob(match: re.Match[str]) -> str:
    if (plain := match[3] or match[4]) is not None:
        return re.escape(plain)
    if match[0] in ("*", "?"):
        return ".*" if match[0] == "*" else "."
    inside = re.sub(r"([\\\[\]^&~|])", r"\\\1", match[2])
    return f"[{'^' if match[1] else ''}{inside}]"


def laid_over(
    base: Settings, sections: Iterable[DirectorySection], scopes: Iterable[Restrictions] | None = None
) -> Settings:
    """`base` under the <Directory> sections for one path, outer ones first.

    `scopes` are their restrictions, innermost first, where that is not just the other way round.
    """
    ordered = list(sections)
    settings = base
    for section in ordered:
        settings = settings.changed(section.changes)
    inner = tuple(section.restrictions for section in reversed(ordered)) if scopes is None else tuple(scopes)
    if not any(inner) and not any(base.restrictions):
        return settings
    return dataclasses.replace(settings, restrictions=(*inner, *base.restrictions))


_ORDER = {"user": 0, "group": 1, "authenticated": 2, "class": 3}


@dataclass(frozen=True, slots=True)
class ConditionalSection:
    """<IfClass>, <IfUser>, <IfGroup> or <IfAuthenticated> (`kind` class, user, group, authenticated)."""

    kind: str
    expression: Expression | None
    changes: tuple[Change, ...] = ()
    directories: tuple[DirectorySection, ...] = ()
    location: Location | None = None
    limits: tuple[LimitSection, ...] = ()
    early: tuple[Change, ...] = ()
    """Of an <IfClass>: what it says of the host (`Host.for_classes`)."""

    def holds(
        self, *, user: str | None, groups: Collection[str], classes: Collection[str], authenticated: bool = True,
    ) -> bool:
        """Whether the section is in force; `user` None: nobody is known yet. Not `authenticated`: only his name is."""
        if self.kind == "class":
            return self.expression is not None and self.expression.holds(classes)
        if user is None:
            return False
        if self.kind == "authenticated" or self.expression is None:
            return authenticated
        return self.expression.holds({user} if self.kind == "user" else groups)


@dataclass(frozen=True, slots=True)
class AnonymousSection:
    """<Anonymous root>: a login without a password of one's own. `settings` are merged over the host's."""

    root: str
    """As written: absolute, `~user` or `~user/path`."""
    settings: Settings
    user: str | None = None
    group: str | None = None
    aliases: tuple[UserAlias, ...] = ()
    changes: tuple[Change, ...] = ()
    directories: tuple[DirectorySection, ...] = ()
    location: Location | None = None
    restrictions: Restrictions = UNRESTRICTED
    borrowed: bool = False
    """Written nowhere, but made for a member of AnonymousGroup: the settings of his login are his host's."""

    def under(self, settings: Settings) -> AnonymousSection:
        """The section in a host of these settings."""
        return dataclasses.replace(self, settings=settings.changed(self.changes, self.directories))

    def serves(self, name: str) -> bool:
        """Whether USER `name` logs in here: the section's User, or an alias of its own for it."""
        return name == self.user or any(alias.alias in (name, "*") for alias in self.aliases)


@dataclass(frozen=True, slots=True)
class ClassSection:
    """<Class name>: clients by where they come from. `satisfy` is `any` or `all` of the rules."""

    name: str
    rules: tuple[ClassRule, ...] = ()
    satisfy: str = "any"
    location: Location | None = None


@dataclass(frozen=True, slots=True)
class Host:
    """Server config (id 0) or a <VirtualHost>."""

    settings: Settings = Settings()
    id: int = 0
    addresses: tuple[str, ...] = ()
    """As written, names unresolved; () is all addresses."""
    resolved: tuple[str, ...] = ()
    """`addresses` as IP addresses where the loader had to look names up; else empty."""
    implied_names: tuple[str, ...] = ()
    """Those of `addresses` that are DNS names, each as good as a ServerAlias."""
    anonymous: tuple[AnonymousSection, ...] = ()
    conditionals: tuple[ConditionalSection, ...] = ()
    changes: tuple[Change, ...] = ()
    """What gave `settings` its values: <Global>'s first, then the host's own."""
    location: Location | None = None
    variants: tuple[tuple[tuple[int, ...], Host], ...] = ()
    """The hosts that clients of classes find in its place, by which of `conditionals` make them; see `by_class`."""

    def for_classes(self, classes: Collection[str]) -> Host:
        """The host that a client of these classes finds here: where <IfClass> says what is said of hosts, another."""
        if not self.variants:
            return self
        holding = self.early_for(classes)
        return next((host for numbers, host in self.variants if numbers == holding), self)

    def early_for(self, classes: Collection[str]) -> tuple[int, ...]:
        """Which of `conditionals` say of the host what holds for a client of these classes."""
        return tuple(
            number for number, section in enumerate(self.conditionals)
            if section.early and section.holds(user=None, groups=(), classes=classes))

    def with_changes(self, changes: tuple[Change, ...]) -> Host:
        """The host with more directives, which its <Anonymous> sections have, too; its `variants` stay as they are."""
        settings = self.settings.changed(changes)
        anonymous = tuple(section.under(settings) for section in self.anonymous)
        return dataclasses.replace(self, settings=settings, anonymous=anonymous, changes=(*self.changes, *changes))

    def origin(self, group: str, name: str) -> Location | None:
        """Where the value of `settings.<group>.<name>` comes from; None: it is the default."""
        found = [
            change.location for change in self.changes if (change.group, change.field) == (group, name)
        ]
        return found[-1] if found else None

    def every_change(self) -> Iterator[Change]:
        """What is said here and in every section: for all sessions, for some, for some directories."""
        sections: tuple[AnonymousSection | ConditionalSection, ...] = (*self.anonymous, *self.conditionals)
        inner = [directory for section in sections for directory in section.directories]
        early = (section.early for section in self.conditionals)
        for changes in (self.changes, *early, *(one.changes for one in (*sections, *self.directories, *inner))):
            yield from changes

    def changes_for_some(self, group: str, name: str) -> Iterator[Change]:
        """What <IfClass> and its kin say of a field."""
        for section in self.conditionals:
            yield from (change for change in section.changes if (change.group, change.field) == (group, name))

    @property
    def directories(self) -> tuple[DirectorySection, ...]:
        """<Directory> sections of the host itself."""
        return self.settings.directories

    @property
    def names(self) -> tuple[str, ...]:
        """ServerAlias names and those of <VirtualHost> or DefaultAddress, for hosts that share an address and port."""
        return (*self.settings.core.server_alias, *self.implied_names)

    def anonymous_for(self, name: str) -> AnonymousSection | None:
        """The <Anonymous> section that USER `name` logs in to."""
        return next((section for section in self.anonymous if section.serves(name)), None)

    def for_login(
        self,
        *,
        user: str,
        groups: Collection[str] = (),
        classes: Collection[str] = (),
        anonymous: AnonymousSection | None = None,
    ) -> Settings:
        """Settings of a session that `user`, a member of `groups` (names), has logged in on.

        As in ProFTPD, <IfGroup> is laid over <IfUser>, then <IfAuthenticated>, then <IfClass>; what they say takes the
        place of what <Anonymous> and <Directory> sections say of the same directive. In an anonymous login the
        <Directory> sections of its own <Anonymous> count and no others; members of AnonymousGroup have no <Anonymous>,
        for them those of the host do.
        """
        if not self.conditionals and anonymous is None:
            return self.settings
        holding = self.holding(user, groups, classes, authenticated=True)
        settings = self._merged(holding)
        if anonymous is None or anonymous.borrowed:
            return settings
        taken = _taken(holding)
        changes = filter(None, (change.beside(taken) for change in anonymous.changes))
        own = [section.beside(taken) for section in anonymous.directories]
        inside = dataclasses.replace(settings, directories=()).changed(changes, own)
        return laid_over(inside, (), (anonymous.restrictions,))

    def for_connection(
        self, *, classes: Collection[str] = (), user: str | None = None, groups: Collection[str] = (),
    ) -> Settings:
        """Settings of a session before login: <IfClass>; with IfSessionOptions PerUnauthenticatedUser also what
        <IfUser> and <IfGroup> say of `user`, whom USER has named, and his `groups`.
        """
        if not self.conditionals:
            return self.settings
        return self._merged(self.holding(user, groups, classes, authenticated=False))

    def holding(
        self, user: str | None, groups: Collection[str], classes: Collection[str], *, authenticated: bool,
    ) -> list[ConditionalSection]:
        """The conditional sections in force, in the order in which they are laid over each other."""
        return [
            section for section in sorted(self.conditionals, key=lambda section: _ORDER[section.kind])
            if section.holds(user=user, groups=groups, classes=classes, authenticated=authenticated)
        ]

    def _merged(self, holding: Sequence[ConditionalSection]) -> Settings:
        """The host's settings under sections in force. Their <Limit> sections are asked before the host's, those of
        <IfUser> first.
        """
        if not holding:
            return self.settings
        taken, named = _taken(holding), {one.path for section in holding for one in section.directories}
        directories = [one.beside(taken) for one in self.settings.directories if one.path not in named]
        added, stages = _staged(holding)
        settings = dataclasses.replace(self.settings, directories=(*directories, *added), stages=stages)
        for section in holding:
            settings = settings.changed(section.changes)
        own = self.settings.restrictions[0].limits if self.settings.restrictions else ()
        limits = (*(limit for section in holding for limit in section.limits), *own)
        return dataclasses.replace(settings, restrictions=(Restrictions(limits),) if limits else ())


def _staged(holding: Sequence[ConditionalSection]) -> tuple[list[DirectorySection], int]:
    """The <Directory> sections of conditional ones as ProFTPD merges them, what counts last first, and the stages.

    It turns their <Limit> sections round, too: here the first in the file is asked first.
    """
    found, stage = [], 1
    for section in reversed(holding):
        stage += section.kind != "class"
        for one in reversed(section.directories):
            turned = dataclasses.replace(one.restrictions, limits=one.restrictions.limits[::-1])
            found.append(dataclasses.replace(one, stage=stage, restrictions=turned))
    return found, stage


def _taken(holding: Iterable[ConditionalSection]) -> Taken:
    """The fields that sections in force give a value, not those that they only add to."""
    found: dict[tuple[str, str], Any] = {}
    for change in (change for section in holding for change in section.changes):
        if change.combine not in ADDING:
            key = (change.group, change.field)
            found[key] = change.laid_over(found[key]) if key in found else change.value
    return found


@dataclass(frozen=True, slots=True)
class Configuration:
    """What a configuration file says. `hosts[0]` is server config."""

    hosts: tuple[Host, ...] = (Host(),)
    classes: tuple[ClassSection, ...] = ()
    notices: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    defines: frozenset[str] = field(default_factory=frozenset)
    loaded: tuple[str, ...] = ()
    """Modules that LoadModule names (mod_sql_mysql.c)."""

    @property
    def every_host(self) -> tuple[Host, ...]:
        """The hosts, and behind them those that clients of classes find in their places (`Host.for_classes`)."""
        return (*self.hosts, *(variant for host in self.hosts for _, variant in host.variants))

    @property
    def server(self) -> ServerSettings:
        """Settings of the process as a whole."""
        return self.hosts[0].settings.server

    def host_for(self, address: str, port: int) -> Host | None:
        """The host that answers at the local end `address`:`port`; None: nobody is there.

        An exact address and port wins over a wildcard on that port, and that over DefaultServer; where there is none of
        these, server config, or the only host, on that port answers. Among hosts
        with the same address and port the first answers until HOST or SNI names another.
        """
        from ftpsd.settings.addresses import choose

        return choose(self.hosts, address, port)

    def host_claiming(self, address: str, port: int) -> Host | None:
        """The host whose own address and port these are, or whose wildcard they fit; None: nobody's."""
        from ftpsd.settings.addresses import claiming

        return claiming(self.hosts, address, port)

    def host_named(self, name: str, address: str, port: int) -> Host | None:
        """The host at `address`:`port` that has the DNS name `name` (HOST, SNI) as ServerAlias; None: no
        host has."""
        from ftpsd.settings.addresses import named

        return named(self.hosts, name, address, port)

    def names_tell(self, address: str, port: int) -> bool:
        """Whether a host at `address`:`port` has a DNS name; where none has, names that clients send mean nothing."""
        from ftpsd.settings.addresses import candidates

        return any(host.names for host in candidates(self.hosts, address, port))

    def has_aliases(self, address: str, port: int) -> bool:
        """Whether a host at `address`:`port` has a ServerAlias; where one has, a name that is none's is refused."""
        from ftpsd.settings.addresses import candidates

        return any(host.settings.core.server_alias for host in candidates(self.hosts, address, port))
