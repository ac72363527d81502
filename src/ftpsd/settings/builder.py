"""A tree to a configuration: contexts checked, arguments parsed, sections merged.

Merging, as in ProFTPD: what <Global> says holds for every host unless the host says otherwise; a
<VirtualHost> takes
nothing else from server config, except ServerName, ServerAdmin and what concerns the process as a whole (bans, too);
<Anonymous>
lies over its host, <Directory> and <IfUser> and the like over whatever a session has when they apply.
"""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

from ftpsd.config import Directive, Node, Section, Tree, parse_lenient
from ftpsd.errors import ConfigError, Location
from ftpsd.settings import modules, serverwide
from ftpsd.settings.addresses import is_ip
from ftpsd.settings.arguments import ArgumentError, host_or_address
from ftpsd.settings.declaration import BEFORE_CLASSES, PROCESS, ROOT, Combine, Context, Declaration, Status
from ftpsd.settings.expressions import ClassRule
from ftpsd.settings.limit_directives import ONCE, commands, limit_section
from ftpsd.settings.model import (
    AnonymousSection,
    Change,
    ClassSection,
    ConditionalSection,
    Configuration,
    DirectorySection,
    Host,
    Settings,
)
from ftpsd.settings.registry import DIRECTIVES, MODULES, has_module, remedy_for_unknown
from ftpsd.settings.restrictions import LimitSection, Restrictions
from ftpsd.settings.sections import KINDS, RULES, SectionRule, class_rules, expression

_HOSTS = Context.SERVER | Context.VHOST

Resolve = Callable[[str], tuple[str, ...]]
"""IP addresses of a DNS name; () when there are none."""


@dataclass(slots=True)
class _Body:
    """What a section says: its own directives and the sections in it."""

    context: Context
    name: str
    changes: dict[tuple[str, str], Change] = field(default_factory=dict)
    anonymous: list[tuple[Section, _Body]] = field(default_factory=list)
    conditionals: list[ConditionalSection] = field(default_factory=list)
    directories: list[DirectorySection] = field(default_factory=list)
    paths: dict[str, Location | None] = field(default_factory=dict)
    """Where the <Directory> sections stand, those that say nothing, too."""
    limits: list[LimitSection] = field(default_factory=list)
    allow_all: bool = False
    deny_all: bool = False
    kind: str = ""
    """Of a conditional section: class, user, group, authenticated."""
    early: dict[tuple[str, str], Change] = field(default_factory=dict)
    """What an <IfClass> says of the host."""
    around: _Body | None = None
    """What a conditional section stands in."""

    @property
    def restrictions(self) -> Restrictions:
        """Of several <Limit> sections ProFTPD asks the last one first."""
        everything: Literal["allow", "deny"] | None = "allow" if self.allow_all else "deny" if self.deny_all else None
        return Restrictions(tuple(reversed(self.limits)), everything)

    def value(self, group: str, name: str) -> object:
        change = self.changes.get((group, name))
        return change.value if change is not None else None


def build(
    tree: Tree, *, listen: str | None = None, resolve: Resolve, base: Settings | None = None,
    interfaces: Collection[str] = (),
) -> Configuration:
    """The configuration that `tree` describes; raises `ConfigError`. `listen` replaces DefaultAddress, `base` the
    defaults; `interfaces` are names that `resolve` may know and DNS does not."""
    return _Builder(resolve, base=base, interfaces=interfaces).run(tree, listen)


MOST_WRONG = 20
"""Wrong lines of one .ftpaccess file that are reported: clients write such files."""


def ftpaccess(
    text: str, file: str, path: str, *, defines: Collection[str] = (),
) -> tuple[DirectorySection, tuple[str, ...]]:
    """The .ftpaccess file `file` with `text` as a section for the real path `path`, and what is wrong with it: lines,
    each of which counts for nothing while the others count; the first `MOST_WRONG` are told, without remedies.
    `defines`: the server's, for <IfDefine>.
    """
    wrong: list[str] = []

    def report(error: ConfigError) -> None:
        if len(wrong) < MOST_WRONG:
            wrong.append(str(error).removeprefix("fatal: ").partition("\n")[0])

    body = _Body(Context.FTPACCESS, ".ftpaccess")
    builder = _Builder(lambda name: (), report)
    for node in parse_lenient(text, file, report, has_module=has_module, defines=defines):
        try:
            builder.add(body, node)
        except ConfigError as error:
            report(error)
    section = DirectorySection(path, tuple(body.changes.values()), Location(file, 1), body.restrictions)
    return section, tuple(wrong)


class _Builder:
    def __init__(
        self, resolve: Resolve, report: Callable[[ConfigError], None] | None = None, *,
        base: Settings | None = None, interfaces: Collection[str] = (),
    ) -> None:
        """`report` hears of lines of a <Limit> that are wrong and then passed over; None: such a line raises."""
        self.defaults = base or Settings()
        self.resolve = resolve
        self.interfaces = interfaces
        self.report = report
        self.notices: list[str] = []
        self.absent_modules: list[str] = []
        self.loaded: list[str] = []
        self.classes: dict[str, ClassSection] = {}
        self.globals = _Body(Context.GLOBAL, "<Global>")
        self.virtual: list[tuple[Section, _Body]] = []

    def run(self, tree: Tree, listen: str | None) -> Configuration:
        main = _Body(Context.SERVER, "server config")
        self.notices += tree.notices
        self._fill(main, tree.nodes)
        bodies = [body.changes for _, body in self.virtual]
        self.notices += serverwide.lift(main.changes, self.globals.changes, bodies)
        hosts = [self._main_host(main, listen, Location(tree.files[0], 1))]
        hosts += [
            self._virtual_host(section, body, main, number)
            for number, (section, body) in enumerate(self.virtual, start=1)
        ]
        if self.absent_modules:
            self.notices.append(
                "these modules are not part of ftpsd, <IfModule> is false for them: "
                + ", ".join(self.absent_modules)
            )
        return Configuration(
            hosts=tuple(hosts),
            classes=tuple(self.classes.values()),
            notices=tuple(self.notices),
            files=tree.files,
            defines=tree.defines,
            loaded=tuple(self.loaded),
        )

    # -- reading a section

    def _fill(self, body: _Body, nodes: Iterable[Node]) -> None:
        for node in nodes:
            self.add(body, node)

    def add(self, body: _Body, node: Node) -> None:
        """Takes one directive or section; raises `ConfigError`."""
        if isinstance(node, Section):
            self._section(body, node)
        else:
            self._directive(body, node)

    def _section(self, body: _Body, section: Section) -> None:
        rule = RULES.get(section.name.lower())
        if rule is None:
            raise self._unknown(f"<{section.name}>", section.location)
        rule.check(section, body.context, body.name)
        if rule.inside is Context.CLASS:
            self._class(section)
        elif rule.inside is Context.LIMIT:
            body.limits.append(self._limit(section, rule))
        elif rule.inside is Context.DIRECTORY:
            directory = self._directory(body, section, rule)
            _only_once(body, directory)
            if not directory.empty:  # as if it were not there: it does not end the DenyAll of the directories above
                body.directories.append(directory)
            if body.context is Context.ANONYMOUS and directory.late:
                self.notices.append(
                    f"<Directory {directory.path}> on {section.location}: in <Anonymous> ProFTPD never applies a path "
                    "with ~ or %u, here it counts; write it relative to the root of the <Anonymous>")
        elif rule.inside is Context.CONDITIONAL:
            body.conditionals.append(self._conditional(body, section, rule))
        elif rule.inside is Context.ANONYMOUS:
            body.anonymous.append((section, self._anonymous_body(section, rule)))
        elif rule.inside is Context.GLOBAL:
            self._fill(self.globals, section.children)
        else:
            self._virtual_section(section, rule)

    def _virtual_section(self, section: Section, rule: SectionRule) -> None:
        body = _Body(rule.inside, rule.tag)
        self.virtual.append((section, body))
        self._fill(body, section.children)

    def _anonymous_body(self, section: Section, rule: SectionRule) -> _Body:
        if not section.words[0].startswith(("/", "~")):
            raise ConfigError(
                f"({section.words[0]}) absolute pathname required",
                location=section.location,
                directive=rule.tag,
                remedy="Write an absolute path, or ~name for the home of a user.",
            )
        body = _Body(rule.inside, rule.tag)
        self._fill(body, section.children)
        return body

    def _directory(self, parent: _Body, section: Section, rule: SectionRule) -> DirectorySection:
        path = section.words[0]
        if not path.startswith(("/", "~")) and parent.context is not Context.ANONYMOUS:
            raise ConfigError(
                "relative path not allowed in non-<Anonymous> sections",
                location=section.location,
                directive=rule.tag,
                remedy="Write an absolute path, or ~/… for a directory below the home.",
            )
        body = _Body(rule.inside, rule.tag)
        self._fill(body, section.children)
        return DirectorySection(path, tuple(body.changes.values()), section.location, body.restrictions)

    def _limit(self, section: Section, rule: SectionRule) -> LimitSection:
        said: list[tuple[str, Any]] = []
        once: dict[str, tuple[Any, Location | None]] = {}
        for node in section.children:
            try:
                name, value = self._said(node, rule)
            except ConfigError as error:
                if self.report is None:
                    raise
                self.report(error)
                continue
            if name in ONCE and once.setdefault(name, (value, node.location))[1] is not node.location:
                if once[name][0] != value:
                    self.notices.append(_without_effect(name, node.location, once[name][1]))
            else:
                said.append((name, value))
        try:
            words = commands(section.words)
        except ArgumentError as error:
            raise _bad_argument(rule.tag, error, section.location) from None
        return limit_section(words, said, section.location)

    def _said(self, node: Node, rule: SectionRule) -> tuple[str, Any]:
        if isinstance(node, Section):
            raise _not_here(f"<{node.name}>", node.location, rule.tag)
        declaration = self._declaration(node)
        if declaration.name in _EXPRESSIONS and len(node.words) > 1 and node.words[0].upper() == "AND":
            self.notices.append(
                f"{declaration.name} AND on {node.location}: ProFTPD takes AND for the only name and so means nobody, "
                "here all of the names must fit")
        return declaration.name, self._allowed(declaration, node, Context.LIMIT, rule.tag)

    def _conditional(self, around: _Body, section: Section, rule: SectionRule) -> ConditionalSection:
        kind = KINDS[section.name.lower()]
        try:
            condition = expression(kind, section.words) if section.words else None
        except ArgumentError as error:
            raise _bad_argument(rule.tag, error, section.location) from None
        body = _Body(rule.inside, rule.tag, kind=kind, around=around)
        self._fill(body, section.children)
        for change in body.changes.values() if kind != "class" else ():
            if change.field in _TOO_LATE:
                self.notices.append(
                    f"{_TOO_LATE[change.field]} in {rule.tag} on {change.location}: ProFTPD comes to it too late and "
                    "keeps to what the host says, here it counts; write it outside, with an expression of groups")
        return ConditionalSection(
            kind, condition, tuple(body.changes.values()), tuple(body.directories), section.location,
            tuple(body.limits), tuple(body.early.values()),
        )

    def _class(self, section: Section) -> None:
        name = section.words[0]
        if name in self.classes:
            raise ConfigError(
                f"class '{name}' is already defined",
                location=section.location,
                directive="<Class>",
                remedy=f"It was defined on {self.classes[name].location}.",
            )
        rules: list[ClassRule] = []
        satisfy = "any"
        for node in section.children:
            if isinstance(node, Section):
                raise _not_here(f"<{node.name}>", node.location, "<Class>")
            declaration = self._declaration(node)
            words = self._allowed(declaration, node, Context.CLASS, "<Class>")
            if declaration.name == "Satisfy":
                satisfy = words.lower()
            else:
                try:
                    rules.extend(class_rules(node.words))
                except ArgumentError as error:
                    raise _bad_argument(declaration.name, error, node.location) from None
        if not rules:
            self.notices.append(f"empty <Class> definition on {section.location}")
        self.classes[name] = ClassSection(name, tuple(rules), satisfy, section.location)

    # -- one directive

    def _declaration(self, node: Directive) -> Declaration:
        declaration = DIRECTIVES.get(node.name.lower())
        if declaration is None:
            raise self._unknown(node.name, node.location)
        return declaration

    def _unknown(self, name: str, location: Location) -> ConfigError:
        """Where wrong lines are passed over nobody is told a remedy, and to look for one takes long: a client could
        keep a worker busy with a file of such lines.
        """
        remedy = None
        if self.report is None:
            remedy = remedy_for_unknown(name) or "Take the line out; `ftpsd help` lists the directives that there are."
        return ConfigError(f"unknown configuration directive '{name}'", location=location, remedy=remedy)

    @staticmethod
    def _allowed(declaration: Declaration, node: Directive, context: Context, context_name: str) -> Any:
        """The value of a directive that may stand here; raises `ConfigError`."""
        name, location = declaration.name, node.location
        match declaration.status:
            case Status.RENAMED:
                raise ConfigError(
                    "renamed",
                    location=location,
                    directive=name,
                    remedy=f"Write {declaration.reason} instead; see `ftpsd help {declaration.reason}`.",
                )
            case Status.REFUSED:
                raise ConfigError(
                    "refused", location=location, directive=name, remedy=f"{declaration.reason}."
                )
        if context not in declaration.contexts:
            raise _not_here(
                name, location, context_name, f"It may stand in {declaration.places}."
            )
        try:
            return declaration.argument.parse(node.words)
        except ArgumentError as error:
            form = f"Its form is: {name} {declaration.argument.syntax}".rstrip()
            raise _bad_argument(name, error, location, form) from None

    def _directive(self, body: _Body, node: Directive) -> None:
        declaration = self._declaration(node)
        context, changes = self._where_it_counts(declaration, body, node)
        value = self._allowed(declaration, node, context, body.name)
        if changes is None:
            return
        if declaration.name == "LoadModule":
            self._load_module(value, node.location)
        if declaration.name in ("AllowAll", "DenyAll"):
            body.allow_all |= declaration.name == "AllowAll"
            body.deny_all |= declaration.name == "DenyAll"
        if not declaration.field:
            return
        key = (declaration.group, declaration.field)
        change = Change(*key, value, declaration.combine, node.location)
        earlier = changes.get(key)
        if earlier is not None:
            change = self._repeated(declaration, earlier, change, body)
        changes[key] = change

    def _where_it_counts(
        self, declaration: Declaration, body: _Body, node: Directive,
    ) -> tuple[Context, dict[tuple[str, str], Change] | None]:
        """The context to judge a directive by, and where its change belongs; None: nowhere.

        What is said of a host counts in <IfClass>, which comes into force before all else; <IfUser> and its kin come
        after the login. ProFTPD heeds some wherever they stand.
        """
        if body.context is not Context.CONDITIONAL or Context.CONDITIONAL in declaration.contexts:
            return body.context, body.changes
        if Context.BY_CLASS not in declaration.contexts:
            return body.context, body.changes
        if body.kind == "class":
            why = BEFORE_CLASSES.get(declaration.name)
            if why is None:
                return Context.BY_CLASS, body.early
            self.notices.append(
                f"{declaration.name} in {body.name} on {node.location} has no effect: {why}; write it outside")
            return Context.BY_CLASS, None
        if declaration.name in _OF_EVERYBODY and body.around is not None:
            self.notices.append(
                f"{declaration.name} in {body.name} on {node.location} counts for everybody, as in ProFTPD: write it"
                " outside")
            return body.around.context, body.around.changes
        self.notices.append(
            f"{declaration.name} in {body.name} on {node.location} has no effect: it comes too late, as in ProFTPD,"
            " when the login is done; write it outside, or in an <IfClass>")
        return Context.BY_CLASS, None

    def _repeated(self, declaration: Declaration, earlier: Change, change: Change, body: _Body) -> Change:
        combine = declaration.combine
        first = combine in (Combine.FIRST, Combine.PARTS) and body.context is not Context.CONDITIONAL
        match combine:
            case Combine.APPEND | Combine.INWARD | Combine.BY_KEY | Combine.TOGETHER:
                return dataclasses.replace(change, value=(*earlier.value, *change.value))
            case Combine.CLEARABLE:
                both = (*earlier.value, *change.value) if earlier.value and change.value else ()
                return dataclasses.replace(change, value=both)
            case Combine.UNION:
                return dataclasses.replace(change, value=earlier.value | change.value)
            case Combine.ERROR:
                raise ConfigError(
                    "stands twice in the same section",
                    location=change.location,
                    directive=declaration.name,
                    remedy=f"It first stands on {earlier.location}.",
                )
        kept, lost = (earlier, change) if first else (change, earlier)
        if kept.value != lost.value:
            self.notices.append(_without_effect(declaration.name, lost.location, kept.location))
        return kept

    def _load_module(self, words: tuple[str, ...], location: Location | None) -> None:
        name = words[0].lower()
        if name in MODULES:
            self.loaded.append(name)
            return
        if name.removesuffix(".c") not in modules.OTHERS or not name.endswith(".c"):
            known = {f"{other}.c" for other in modules.OTHERS} | set(MODULES)
            close = difflib.get_close_matches(name, sorted(known), n=1)
            raise ConfigError(
                f"error loading module '{words[0]}': No such file or directory",
                location=location,
                directive="LoadModule",
                remedy=f"Did you mean {close[0]}?" if close else None,
            )
        if name not in self.absent_modules:
            self.absent_modules.append(name)

    # -- hosts

    def _host(
        self, body: _Body, inherited: Iterable[Change], number: int, location: Location, **addresses: Any
    ) -> Host:
        inherited = tuple(inherited)
        of_process = {(change.group, change.field) for change in inherited} & _OF_PROCESS
        everywhere = [change for key, change in self.globals.changes.items() if key not in of_process]
        changes = (*inherited, *everywhere, *body.changes.values())
        settings = self.defaults.changed(changes, (*self.globals.directories, *body.directories))
        limits = (*body.restrictions.limits, *self.globals.restrictions.limits)
        if limits:
            settings = dataclasses.replace(settings, restrictions=(Restrictions(limits),))
        # Where two <Anonymous> sections serve the same name, ProFTPD takes the later one.
        sections = (*reversed(body.anonymous), *reversed(self.globals.anonymous))
        return Host(
            settings=settings,
            id=number,
            location=location,
            anonymous=tuple(self._anonymous(section, inner, settings) for section, inner in sections),
            conditionals=(*self.globals.conditionals, *body.conditionals),
            changes=changes,
            **addresses,
        )

    @staticmethod
    def _anonymous(section: Section, body: _Body, settings: Settings) -> AnonymousSection:
        changes = tuple(body.changes.values())
        user, group = body.value("server", "user"), body.value("server", "group")
        aliases = body.value("auth", "user_alias")
        return AnonymousSection(
            root=section.words[0],
            settings=settings.changed(changes, body.directories),
            user=user if isinstance(user, str) else None,
            group=group if isinstance(group, str) else None,
            aliases=aliases if isinstance(aliases, tuple) else (),
            changes=changes,
            directories=tuple(body.directories),
            location=section.location,
            restrictions=body.restrictions,
        )

    def _main_host(self, body: _Body, listen: str | None, location: Location) -> Host:
        written = body.changes.get(("core", "default_address"))
        addresses = (listen,) if listen else (tuple(written.value) if written is not None else ())
        where = written.location if written is not None else None
        resolved = self._resolved(addresses, "DefaultAddress", where)
        implied = () if listen else self._dns_names(addresses)
        return self._host(body, (), 0, location, addresses=addresses, resolved=resolved, implied_names=implied)

    def _virtual_host(self, section: Section, body: _Body, main: _Body, number: int) -> Host:
        try:
            addresses = tuple(host_or_address(word) for word in section.words)
        except ArgumentError as error:
            raise _bad_argument("<VirtualHost>", error, section.location) from None
        inherited = [
            change
            for change in main.changes.values()
            if (change.group, change.field) in _INHERITED or change.group == "server"
        ]
        resolved = self._resolved(addresses, "<VirtualHost>", section.location)
        return self._host(
            body, inherited, number, section.location, addresses=addresses, resolved=resolved,
            implied_names=self._dns_names(addresses))

    def _dns_names(self, addresses: Iterable[str]) -> tuple[str, ...]:
        """Names by which HOST and SNI may ask for a host: ProFTPD takes each of its DNS names for a ServerAlias."""
        return tuple(address for address in addresses if not is_ip(address) and address not in self.interfaces)

    def _resolved(
        self, addresses: tuple[str, ...], directive: str, location: Location | None
    ) -> tuple[str, ...]:
        """IP addresses of `addresses`, or () when they all are IP addresses already."""
        found: list[str] = []
        for address in addresses:
            if is_ip(address):
                found.append(address)
                continue
            answers = self.resolve(address)
            if not answers:
                raise ConfigError(
                    f"error resolving '{address}'",
                    location=location,
                    directive=directive,
                    remedy="Write an IP address, a name that the system can look up, or that of a network interface"
                    " (`ip address` shows them).",
                )
            found.extend(answers)
        return () if tuple(found) == addresses else tuple(dict.fromkeys(found))


_LENT = frozenset({
    "ServerName", "ServerAdmin", "LogFormat", "UseReverseDNS", "LangPath", "BanEngine", "BanOnEvent", "BanMessage"})
"""What server config says with these holds in a <VirtualHost> that does not say otherwise: to ProFTPD they concern the
process as a whole."""

def _where(declaration: Declaration) -> Context:
    """Where it may stand, not counting sections that are for some sessions."""
    return declaration.contexts & ~(Context.CONDITIONAL | Context.BY_CLASS)


def _of_process(declaration: Declaration) -> bool:
    """Whether it concerns the process as a whole, wherever it may stand."""
    key = (declaration.group, declaration.field)
    return _where(declaration) in (ROOT, PROCESS) or key in serverwide.SERVER_WIDE


_INHERITED = {
    (declaration.group, declaration.field)
    for declaration in DIRECTIVES.values()
    if declaration.field and (_of_process(declaration) or declaration.name in _LENT)
} - {("core", "default_address")}

_OF_PROCESS = {
    (declaration.group, declaration.field) for declaration in DIRECTIVES.values()
    if _of_process(declaration) and _where(declaration) != ROOT and declaration.combine in (Combine.FIRST, Combine.LAST)
}
"""What server config says of these counts before what <Global> says, for every host."""


_OF_EVERYBODY = frozenset({"UserAlias", "SetEnv", "UnsetEnv"})
"""What ProFTPD does not keep to the sections that it stands in."""

_TOO_LATE = {"default_root": "DefaultRoot", "default_chdir": "DefaultChdir"}
_EXPRESSIONS = frozenset({"AllowUser", "AllowGroup", "AllowClass", "DenyUser", "DenyGroup", "DenyClass"})


def _only_once(body: _Body, directory: DirectorySection) -> None:
    """Of two sections for one directory only one would hold. Where ProFTPD takes both, so it is there."""
    first = body.paths.setdefault(directory.path, directory.location)
    if first is not directory.location and body.context in _HOSTS and not directory.late:
        raise ConfigError(
            f"<Directory> section already configured for '{directory.path}'",
            location=directory.location,
            directive="<Directory>",
            remedy=f"Write its lines into the one on {first}: only one of the two would hold.",
        )


def _without_effect(name: str, location: Location | None, first: Location | None) -> str:
    return f"{name} on {location} has no effect: the one on {first} counts"


def _not_here(name: str, location: Location, context_name: str, remedy: str | None = None) -> ConfigError:
    return ConfigError(
        f"directive not allowed in {context_name} context", location=location, directive=name, remedy=remedy
    )


def _bad_argument(
    name: str, error: ArgumentError, location: Location | None, remedy: str | None = None,
) -> ConfigError:
    return ConfigError(error.text, location=location, directive=name, remedy=error.remedy or remedy)
