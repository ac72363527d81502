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
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Any

from ftpsd.errors import Location
from ftpsd.settings.access import AccessSettings
from ftpsd.settings.auth import AuthSettings
from ftpsd.settings.controls import ControlsSettings
from ftpsd.settings.core import CoreSettings
from ftpsd.settings.declaration import Combine
from ftpsd.settings.limits import LimitSettings
from ftpsd.settings.logging import LoggingSettings
from ftpsd.settings.server import ServerSettings
from ftpsd.settings.tls import TLSSettings
from ftpsd.settings.transfer import TransferSettings
from ftpsd.settings.values import UserAlias


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
        if self.combine is Combine.UNION:
            return self.value | inherited
        if self.combine is Combine.BY_KEY:
            own = {entry.key for entry in self.value}
            return (*self.value, *(entry for entry in inherited if entry.key not in own))
        return self.value


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that is in force somewhere: for a host, a login or a directory."""

    core: CoreSettings = CoreSettings()
    tls: TLSSettings = TLSSettings()
    auth: AuthSettings = AuthSettings()
    access: AccessSettings = AccessSettings()
    transfer: TransferSettings = TransferSettings()
    logging: LoggingSettings = LoggingSettings()
    limits: LimitSettings = LimitSettings()
    server: ServerSettings = ServerSettings()
    controls: ControlsSettings = ControlsSettings()
    directories: tuple[DirectorySection, ...] = ()

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
        added = (*self.directories, *directories)
        if not replaced and len(added) == len(self.directories):
            return self
        return dataclasses.replace(self, **replaced, directories=added)


@dataclass(frozen=True, slots=True)
class DirectorySection:
    """<Directory path>: changes in force in `path` and below; `path/*`: only below."""

    path: str
    changes: tuple[Change, ...] = ()
    location: Location | None = None

    def absolute(self, *, home: str, root: str) -> str:
        """The pattern as a real path: `~` is `home`, a relative one is below `root`."""
        path = self.path
        if path == "~" or path.startswith("~/"):
            path = home + path[1:]
        elif not path.startswith("/"):
            path = f"{root.rstrip('/')}/{path}"
        return re.sub("/+", "/", path).rstrip("/") or "/"

    def matches(self, path: str, *, home: str, root: str) -> bool:
        """Whether the real path `path` (a directory's, or a file's in it) is meant."""
        pattern = _directory_pattern(self.absolute(home=home, root=root))
        return pattern.fullmatch(path.rstrip("/") or "/") is not None


@functools.lru_cache(maxsize=4096)
def _directory_pattern(path: str) -> re.Pattern[str]:
    """A <Directory> path as a pattern; `*`, `?` and `[…]` stay within one component, a last `*` is all
    below."""
    base = path.rstrip("/")
    only_below = base.endswith("/*")
    translated = _GLOB.sub(_translate_glob, base.removesuffix("/*"))
    return re.compile(translated + ("/.+" if only_below else "(?:/.*)?"), re.DOTALL)


_GLOB = re.compile(r"\*|\?|\[(!?)(\]?[^\]/]*)\]|(.)", re.DOTALL)


def _translate_glob(match: re.Match[str]) -> str:
    if match[3] is not None:
        return re.escape(match[3])
    if match[0] in ("*", "?"):
        return "[^/]*" if match[0] == "*" else "[^/]"
    inside = re.sub(r"([\\\[\]^&~|])", r"\\\1", match[2])
    return f"(?!/)[{'^' if match[1] else ''}{inside}]"


@dataclass(frozen=True, slots=True)
class Expression:
    """The condition of <IfUser>, <IfGroup>, <IfClass>: names that AND or OR joins, or a regular
    expression."""

    operator: str
    """`and`, `or` or `regex`."""
    names: tuple[str, ...] = ()
    pattern: re.Pattern[str] | None = None
    negated: bool = False
    """The regular expression must not match (for names each has its own `!`)."""

    def holds(self, present: Collection[str]) -> bool:
        """Whether a session with the names `present` (one user, or its groups or classes) is meant."""
        if self.pattern is not None:
            return any(self.pattern.search(name) for name in present) is not self.negated
        results = (
            (name[1:] not in present) if name.startswith("!") else (name in present) for name in self.names
        )
        return all(results) if self.operator == "and" else any(results)


_ORDER = {"user": 0, "group": 1, "authenticated": 2, "class": 3}


@dataclass(frozen=True, slots=True)
class ConditionalSection:
    """<IfClass>, <IfUser>, <IfGroup> or <IfAuthenticated> (`kind` class, user, group, authenticated)."""

    kind: str
    expression: Expression | None
    changes: tuple[Change, ...] = ()
    directories: tuple[DirectorySection, ...] = ()
    location: Location | None = None

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

    def serves(self, name: str) -> bool:
        """Whether USER `name` logs in here: the section's User, or an alias of its own for it."""
        return name == self.user or any(alias.alias in (name, "*") for alias in self.aliases)


@dataclass(frozen=True, slots=True)
class ClassRule:
    """One word of a `From` line: address, CIDR block, name (`.example.org`, with wildcards), `all` or
    `none`."""

    pattern: str
    negated: bool = False


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
    anonymous: tuple[AnonymousSection, ...] = ()
    conditionals: tuple[ConditionalSection, ...] = ()
    changes: tuple[Change, ...] = ()
    """What gave `settings` its values: <Global>'s first, then the host's own."""
    location: Location | None = None

    def origin(self, group: str, name: str) -> Location | None:
        """Where the value of `settings.<group>.<name>` comes from; None: it is the default."""
        found = [
            change.location for change in self.changes if (change.group, change.field) == (group, name)
        ]
        return found[-1] if found else None

    @property
    def directories(self) -> tuple[DirectorySection, ...]:
        """<Directory> sections of the host itself."""
        return self.settings.directories

    @property
    def names(self) -> tuple[str, ...]:
        """ServerAlias names, for hosts that share an address and port."""
        return self.settings.core.server_alias

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

        As in ProFTPD, <IfGroup> is laid over <IfUser>, then <IfAuthenticated>, then <IfClass>, and what the
        <Anonymous> section itself says over all of them.
        """
        settings = self._conditional(user, groups, classes, authenticated=True)
        if anonymous is not None:
            settings = settings.changed(anonymous.changes, anonymous.directories)
        return settings

    def for_connection(
        self, *, classes: Collection[str] = (), user: str | None = None, groups: Collection[str] = (),
    ) -> Settings:
        """Settings of a session before login: <IfClass>; with IfSessionOptions PerUnauthenticatedUser also what
        <IfUser> and <IfGroup> say of `user`, whom USER has named, and his `groups`.
        """
        return self._conditional(user, groups, classes, authenticated=False)

    def _conditional(
        self, user: str | None, groups: Collection[str], classes: Collection[str], *, authenticated: bool,
    ) -> Settings:
        settings = self.settings
        for section in sorted(self.conditionals, key=lambda section: _ORDER[section.kind]):
            if section.holds(user=user, groups=groups, classes=classes, authenticated=authenticated):
                settings = settings.changed(section.changes, section.directories)
        return settings

    def for_directory(self, base: Settings, path: str, *, home: str = "/", root: str = "/") -> Settings:
        """`base` with the <Directory> sections for the real path `path` laid over it, outer ones first.

        `path` is a directory's or a file's; give the file's where there is one, `<Directory dir/*>` means
        those.
        `home` is the user's (for `~`), `root` the real root of the login (for relative paths in <Anonymous>).
        """
        found = [
            (len(section.absolute(home=home, root=root).split("/")), index, section)
            for index, section in enumerate(base.directories)
            if section.matches(path, home=home, root=root)
        ]
        settings = base
        for _, _, section in sorted(found, key=lambda entry: entry[:2]):
            settings = settings.changed(section.changes)
        return settings


@dataclass(frozen=True, slots=True)
class Configuration:
    """What a configuration file says. `hosts[0]` is server config."""

    hosts: tuple[Host, ...] = (Host(),)
    classes: tuple[ClassSection, ...] = ()
    notices: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    defines: frozenset[str] = field(default_factory=frozenset)

    @property
    def server(self) -> ServerSettings:
        """Settings of the process as a whole."""
        return self.hosts[0].settings.server

    def host_for(self, address: str, port: int) -> Host | None:
        """The host that answers at the local end `address`:`port`; None: nobody is there.

        An exact address and port wins over a wildcard on that port, and that over DefaultServer. Among hosts
        with the same address and port the first answers until HOST or SNI names another.
        """
        from ftpsd.settings.addresses import choose

        return choose(self.hosts, address, port)

    def host_named(self, name: str, address: str, port: int) -> Host | None:
        """The host at `address`:`port` that has the DNS name `name` (HOST, SNI) as ServerAlias; None: no
        host has."""
        from ftpsd.settings.addresses import named

        return named(self.hosts, name, address, port)
