"""`ftpsd check --policy`: what would happen to a client, which rule decides, and with which reply.

The question is walked through as a session would be, by the functions that sessions themselves decide with: host and
class, AUTH, USER, PASS, PROT, then the command. No file is opened, so the file system's own word is not heard; nor are
numbers of clients, hours of the day, or passwords.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypedDict

from ftpsd.access import limits
from ftpsd.access.classes import classes_of
from ftpsd.access.limits import Answer, Client
from ftpsd.auth import refusals
from ftpsd.auth.account import Account, AccountsUnavailable
from ftpsd.auth.chain import Authenticator
from ftpsd.auth.home import NoSuchPlace, Place, home_directory, login_place
from ftpsd.auth.selection import Selection, for_member, select
from ftpsd.auth.sqlaccounts import SqlAccounts
from ftpsd.diag import sections
from ftpsd.diag.question import Question
from ftpsd.errors import ConfigError, Location
from ftpsd.ftp import paths
from ftpsd.ftp.arguments import written_path
from ftpsd.ftp.commands import Command
from ftpsd.ftp.limiting import Judged
from ftpsd.ftp.parsing import parse
from ftpsd.reasons.codes import Code, marked
from ftpsd.session import gate, permission
from ftpsd.session.places import Places, places_of
from ftpsd.settings.addresses import described
from ftpsd.settings.model import Configuration, DirectorySection, HomeOf, Host, Settings, laid_over
from ftpsd.settings.restrictions import LimitSection
from ftpsd.settings.tls_users import login_of
from ftpsd.sql.setup import open_host
from ftpsd.tls import policy
from ftpsd.tls.policy import TLSState


class _Rule(TypedDict):
    """What decides, and where it stands."""

    rule: str
    location: Location | None


_REFUSED = "Login incorrect."
_PER_USER, _UNAUTHENTICATED = "AllowPerUser", "PerUnauthenticatedUser"


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that the client does, and the answer. `rule` is what decides, `location` where it stands."""

    what: str
    allowed: bool
    reply: str
    why: str
    code: Code | None = None
    rule: str = ""
    location: Location | None = None


@dataclass(slots=True)
class _Client:
    """The client on its way."""

    configuration: Configuration
    question: Question
    host: Host
    classes: frozenset[str]
    settings: Settings
    tls: TLSState
    steps: list[Step] = field(default_factory=list)
    chosen: Selection | None = None
    account: Account | None = None
    unknown: AccountsUnavailable | None = None
    """Why nobody can say which account it is."""

    home: Place | None = None
    places: Places = field(default_factory=lambda: Places(Settings()))
    """The <Directory> sections of the login."""

    def passed(self, what: str, reply: str, why: str) -> bool:
        self.steps.append(Step(what, True, reply, why))
        return True

    def refused(
        self, what: str, code: int, text: str, reason: Code, why: str, *, rule: str = "",
        location: Location | None = None,
    ) -> bool:
        self.steps.append(Step(what, False, f"{code} {marked(text, reason)}", why, reason, rule, location))
        return False

    def said(self, group: str, name: str, directories: Sequence[DirectorySection] = ()) -> sections.Said | None:
        """The line that gives a setting its value for this client."""
        user = self.account.name if self.account is not None and self.tls.logged_in else None
        groups = self.account.group_names if self.account is not None else ()
        holding = self.host.holding(user, groups, self.classes, authenticated=self.tls.logged_in)
        anonymous = self.chosen.anonymous if self.chosen is not None and self.tls.logged_in else None
        return sections.for_login(
            self.host, group, name, holding=holding, anonymous=anonymous, directories=directories)

    @property
    def begins(self) -> str:
        """The directory in which the login begins."""
        return self.home.directories[0] if self.home is not None and self.home.directories else "/"

    def who(self) -> Client:
        question, account = self.question, self.account
        if account is None:
            return Client(question.address, question.name, classes=self.classes)
        return Client(question.address, question.name, account.name, account.group_names, self.classes)


def answer(configuration: Configuration, question: Question) -> list[Step]:
    """The steps up to the first refusal, or to the end."""
    host = _host(configuration, question)
    if host is None:
        text = "Sorry, no server available to handle request on this address"
        return [Step("connect", False, f"500 {text}", "no virtual host answers there", Code.HOST_UNKNOWN)]
    classes = classes_of(configuration.classes, question.address, question.name)
    host = host.for_classes(classes)
    settings = host.for_connection(classes=classes)
    state = TLSState(
        engine=settings.tls.engine, requirement=settings.tls.required,
        allow_per_user=_PER_USER in settings.tls.options)
    client = _Client(configuration, question, host, classes, settings, state)
    for step in (_connect, _secure, _user, _password, _protect, _command):
        if not step(client):
            break
    return client.steps


def _host(configuration: Configuration, question: Question) -> Host | None:
    if question.host is None:
        return next((host for host in configuration.hosts if host.settings.core.port), None)
    for host in configuration.hosts:
        names = (host.settings.core.server_name, *host.names)
        if question.host.lower() in (name.lower() for name in names):
            return host
    address, port = question.endpoint
    return configuration.host_for(address, port) if address else None


def _connect(client: _Client) -> bool:
    inside = [section.restrictions for section in client.host.anonymous]
    own = client.settings.restrictions[0].limits if client.settings.restrictions else ()
    what = f"connect from {client.question.address}"
    found = f"; class {', '.join(sorted(client.classes))}" if client.classes else ""
    if not limits.may_connect(own, inside, client.who()):
        section = limits.deciding(client.settings.restrictions, ({limits.LOGIN},), client.who())
        client.steps.append(Step(
            what, False, "the connection is closed", "no <Limit LOGIN> lets this client through", Code.LOGIN_LIMITED,
            "<Limit LOGIN>", section.location if section is not None else None))
        return False
    return client.passed(what, "220", f"{described(client.host)} answers{found}")


def _secure(client: _Client) -> bool:
    if not client.question.tls:
        return True
    implicit = "UseImplicitSSL" in client.settings.tls.options
    decision = policy.implicit(client.tls) if implicit else policy.auth(client.tls, "TLS")
    what = "implicit TLS" if implicit else "AUTH TLS"
    if isinstance(decision.reason, Code):
        said = client.said("tls", "engine")
        return client.refused(
            what, decision.code, decision.text, decision.reason, "this host has no TLS",
            rule="TLSEngine", location=_place(said, client))
    client.tls = decision.state
    return client.passed(what, f"{decision.code} {decision.text}" if decision.code else "", "the handshake begins")


def _place(said: sections.Said | None, client: _Client) -> Location | None:
    return said.change.location if said is not None else client.host.location


def _gate(client: _Client, command: Command, directories: Sequence[DirectorySection] = (), where: str = "/") -> bool:
    """Whether the gate lets the command through; a refusal is a step."""
    requirement = None
    if directories:
        requirement = _under(client.settings, directories).tls.required
    denied = gate.refusal(command, client.tls, directory_requirement=requirement, directory=where)
    if denied is None:
        return True
    tls = denied.reason in (Code.TLS_REQUIRED_CONTROL, Code.TLS_REQUIRED_DATA)
    said = client.said("tls", "required", directories) if tls else None
    why = denied.log[0] if denied.log else denied.text
    rule = f"TLSRequired{f' in {said.section}' if said is not None and said.section else ''}" if tls else ""
    return client.refused(
        command.loggable, denied.code, denied.text, denied.reason, why, rule=rule,
        location=_place(said, client) if tls else None)


def _under(settings: Settings, directories: Sequence[DirectorySection]) -> Settings:
    return laid_over(settings, directories)


# -- the login


def _user(client: _Client) -> bool:
    name = client.question.user
    client.chosen = chosen = select(client.host, name)
    if not _gate(client, parse(f"USER {name}")):
        return False
    client.account = _lookup(client, chosen)
    if _UNAUTHENTICATED in client.settings.auth.if_session_options and not _foreseen(client, chosen):
        return False
    means = f"means {chosen.name}" if chosen.name != name else "is looked up at PASS"
    if chosen.anonymous is not None:
        means = f"logs in to <Anonymous {chosen.anonymous.root}> as {chosen.name}"
    return client.passed(f"USER {name}", f"331 Password required for {name}", f"{name} {means}")


def _authenticator(client: _Client) -> Authenticator:
    """The accounts of the host, those in its database too. One that does not answer knows nobody."""
    settings = client.host.settings
    try:
        queries = open_host(client.host, client.configuration.loaded)
    except ConfigError:
        queries = None
    known = queries is not None and "auth" in settings.sql.engine
    sql = SqlAccounts(settings.sql, settings.sql_passwords, queries) if known and queries is not None else None
    return Authenticator(settings.auth, sql=sql, sql_needed=False)


def _lookup(client: _Client, chosen: Selection) -> Account | None:
    authenticator = _authenticator(client)
    section = chosen.anonymous
    try:
        account = authenticator.lookup(chosen.name, sql=chosen.in_database)
        if account is not None and section is not None and section.group is not None:
            return authenticator.with_group(account, section.group)
    except AccountsUnavailable as error:
        client.unknown = None if error.others else error
        return None
    return account


def _foreseen(client: _Client, chosen: Selection) -> bool:
    groups = client.account.group_names if client.account is not None else ()
    settings = client.host.for_connection(classes=client.classes, user=chosen.name, groups=groups)
    decision = policy.after_user(
        client.tls, settings.tls.required, allow_per_user=_PER_USER in settings.tls.options)
    client.settings, client.tls = settings, decision.state
    if not isinstance(decision.reason, Code):
        return True
    return client.refused(
        f"USER {client.question.user}", decision.code, decision.text, decision.reason, decision.log[0],
        rule="TLSRequired with IfSessionOptions PerUnauthenticatedUser",
        location=_place(client.said("tls", "required"), client))


def _password(client: _Client) -> bool:
    chosen, what = client.chosen, "PASS (the right password)"
    assert chosen is not None
    if not _gate(client, parse("PASS x")):
        return False
    account, section = client.account, chosen.anonymous
    if client.unknown is not None:
        return client.refused(
            what, 530, _REFUSED, client.unknown.reason, client.unknown.log[0], rule="AuthGroupFile",
            location=_place(client.said("auth", "auth_group_file"), client))
    if account is None:
        return client.refused(
            what, 530, _REFUSED, Code.LOGIN_UNKNOWN_USER, f"no source of accounts knows {chosen.name}",
            rule="AuthOrder", location=_place(client.said("auth", "auth_order"), client))
    if section is None:
        client.chosen = chosen = for_member(chosen, account, client.settings)
        section = chosen.anonymous
    rules = section.settings.auth if section is not None else client.settings.auth
    if account.uid == 0 and not rules.root_login:
        return client.refused(
            what, 530, _REFUSED, Code.LOGIN_ROOT_DENIED, f"{account.name} has uid 0", rule="RootLogin",
            location=_place(client.said("auth", "root_login"), client))
    expired = _authenticator(client).expiry(account, rules) if chosen.needs_password else None
    found = expired or refusals.rules_refuse(account, rules)
    if found is not None:
        return client.refused(what, 530, _REFUSED, found.refusal, found.log)
    inside = section.restrictions if section is not None else None
    if limits.login_refused(client.settings.restrictions, inside, client.who()):
        scopes = [inside] if inside is not None else []
        deciding = limits.deciding([*scopes, *client.settings.restrictions], ({limits.LOGIN},), client.who())
        return client.refused(
            what, 530, _REFUSED, Code.LOGIN_LIMITED, "Limit access denies login", rule="<Limit LOGIN>",
            location=deciding.location if deciding is not None else None)
    login = login_of(client.settings.tls.user_logins, account.name, (chosen.user, chosen.name))
    if login != "either" and chosen.needs_password:
        return client.refused(
            what, 530, _REFUSED, Code.LOGIN_CERTIFICATE_NEEDED,
            f"TLSUserLogin {login}: without a client certificate that is {chosen.user}'s nobody logs in as that user",
            rule="TLSUserLogin", location=_place(client.said("tls", "user_logins"), client))
    return _enter(client, chosen, account, what)


def _enter(client: _Client, chosen: Selection, account: Account, what: str) -> bool:
    settings = client.host.for_login(
        user=account.name, groups=account.group_names, classes=client.classes, anonymous=chosen.anonymous)
    decision = policy.after_login(
        client.tls, settings.tls.required, allow_per_user=_PER_USER in settings.tls.options)
    before, client.tls = client.tls, client.tls._replace(logged_in=True)
    if decision.action == "disconnect":
        said = client.said("tls", "required")
        return client.refused(
            what, decision.code, decision.text, Code.TLS_REQUIRED_LOGIN, decision.log[0],
            rule="TLSRequired with AllowPerUser", location=_place(said, client))
    protocol = "ftps" if before.mechanism else "ftp"
    if settings.auth.protocols and protocol not in settings.auth.protocols:
        return client.refused(
            what, 530, _REFUSED, Code.PROTOCOL_DENIED, f"{protocol} protocol denied by Protocols config",
            rule="Protocols", location=_place(client.said("auth", "protocols"), client))
    allowed, _ = limits.may_log_in(settings.restrictions[0].limits if settings.restrictions else (), client.who())
    if not allowed:
        return client.refused(
            what, 530, _REFUSED, Code.LOGIN_LIMITED, "Limit access denies login", rule="<Limit LOGIN>")
    client.settings, client.tls = settings, decision.state._replace(logged_in=True)
    home_of = _authenticator(client).home_of
    try:
        client.home = login_place(settings, account, chosen.anonymous, home_of, sent=chosen.user)
    except NoSuchPlace as error:
        return client.refused(what, 530, _REFUSED, Code.LOGIN_NO_HOME, str(error), rule="DefaultRoot")
    client.places = _places(settings, account, client.home.root, home_of)
    return client.passed(
        what, f"230 User {chosen.user} logged in",
        f"root directory {client.home.root}, begins in {client.begins}, uid {account.uid}")


def _places(settings: Settings, account: Account, root: str, home_of: HomeOf) -> Places:
    try:
        home = os.path.realpath(home_directory(account))
    except NoSuchPlace:
        home = root
    return places_of(
        settings, home=home, root=root, user=account.name, home_of=home_of, real_path=os.path.realpath)


# -- the command


def _protect(client: _Client) -> bool:
    if not client.question.data or not client.tls.mechanism:
        return True
    command, cwd = parse("PROT P"), client.begins
    verdict, section = _judged(client, command, cwd, _under(client.settings, _directories(client, cwd)))
    if verdict is not Answer.ALLOWED:
        decision = policy.prot_limited(client.tls, "P")
        return client.refused(
            "PROT P", decision.code, decision.text, Code.PROT_REFUSED, f"{verdict.value} in {cwd}", **_ruled(section))
    decision = policy.prot(client.tls, "P")
    if isinstance(decision.reason, Code):
        said = client.said("tls", "required")
        return client.refused(
            "PROT P", decision.code, decision.text, decision.reason, decision.log[0] if decision.log else decision.text,
            rule="TLSRequired", location=_place(said, client))
    client.tls = decision.state
    return client.passed("PROT P", f"{decision.code} {decision.text}", "data connections are under TLS")


def _command(client: _Client) -> bool:
    assert client.home is not None
    cwd, wanted = client.begins, client.question.directory
    if wanted is not None:
        if not _run(client, parse(f"CWD {wanted}"), cwd):
            return False
        cwd = paths.resolve(cwd, wanted, client.home.home)
    if not client.question.command:
        return True
    command = parse(client.question.command)
    return _announced(client, command, cwd) and _run(client, command, cwd)


def _announced(client: _Client, command: Command, cwd: str) -> bool:
    """Whether a data connection can be announced where the command wants one: EPSV, or what clients try next."""
    if command.spec is None or command.spec.data is None:
        return True
    settings = _under(client.settings, _directories(client, cwd))
    ways = [
        (way, *_judged(client, way, cwd, settings)) for way in map(parse, ("EPSV", "PASV", "EPRT x", "PORT x"))]
    if any(verdict is Answer.ALLOWED for _, verdict, _ in ways):
        return True
    first, verdict, section = ways[0]
    assert first.spec is not None
    found = permission.refusal(first, first.spec.limit, cwd, verdict)
    return client.refused(
        "EPSV", found.code, found.text, found.reason, f"{verdict.value} in {cwd}, and so are PASV, EPRT and PORT",
        **_ruled(section))


def _judged(
    client: _Client, command: Command, path: str, settings: Settings, *, exists: bool = True,
) -> tuple[Answer, LimitSection | None]:
    """What <Limit> and DenyAll of `settings`, those of `path`, say to a command, and the section that decides."""
    spec = command.spec
    assert spec is not None
    words = limits.words_for(spec, command.words[0] if spec.limit.by_word and command.words else "")
    of_place = spec.limit.of_place  # what concerns no place is not covered by DenyAll outside of <Limit>
    verdict = limits.decide(
        settings.restrictions, words, client.who(), command.argument, exists=of_place and exists, of_place=of_place)
    section = None
    if verdict is not Answer.CLOSED:
        section = limits.deciding(settings.restrictions, words, client.who(), command.argument)
    return verdict, section


def _ruled(section: LimitSection | None) -> _Rule:
    return {
        "rule": "<Limit>" if section is not None else "DenyAll",
        "location": section.location if section is not None else None}


def _run(client: _Client, command: Command, cwd: str) -> bool:
    """A command in the virtual directory `cwd`."""
    current = _directories(client, cwd)
    if not _gate(client, command, current, cwd):
        return False
    spec = command.spec
    assert spec is not None
    if not _filters(client, command, current):
        return False
    if spec.limit.place is Judged.HANDLER:
        return client.passed(command.loggable, "", "nothing forbids it; the command decides the rest itself")
    target = _target(client, command, cwd)
    directories = _directories(client, target)
    settings = _under(client.settings, directories)
    makes = spec.data == "receive" or spec.name in ("MKD", "RNTO")
    verdict, section = _judged(client, command, target, settings, exists=not makes)
    if verdict is Answer.ALLOWED:
        closed = makes and _judged(client, command, target, settings)[0] is Answer.CLOSED
        return _overwriting(client, command, settings, directories, target, closed=closed)
    shown = written_path(command, spec) or (".." if spec.limit.place is Judged.ABOVE else cwd)
    found = permission.refusal(command, spec.limit, shown, verdict)
    return client.refused(
        command.loggable, found.code, found.text, found.reason, f"{verdict.value} in {target}", **_ruled(section))


def _overwriting(
    client: _Client, command: Command, settings: Settings, directories: Sequence[DirectorySection], target: str, *,
    closed: bool,
) -> bool:
    """`closed`: DenyAll outside of <Limit> holds for what is there already."""
    spec = command.spec
    assert spec is not None
    about = "the rights of the file system decide"
    if closed:
        about = f"unless {target} exists already: DenyAll covers what is there, not what is new; {about}"
    elif spec.name == "STOR" and not settings.transfer.allow_overwrite:
        said = client.said("transfer", "allow_overwrite", directories)
        where = f" ({said.change.location})" if said is not None else ""
        about = f"unless {target} exists already: AllowOverwrite is off{where}; {about}"
    reply = "150, then 226" if spec.data is not None else "2xx"
    return client.passed(command.loggable, reply, f"nothing forbids it in {target}; {about}")


def _filters(client: _Client, command: Command, current: Sequence[DirectorySection]) -> bool:
    access = _under(client.settings, current).access
    for directive, name, wrong in (
        ("AllowFilter", "allow_filter", lambda found: not found), ("DenyFilter", "deny_filter", bool),
    ):
        pattern = getattr(access, name)
        if pattern is not None and command.argument and wrong(pattern.fits(command.argument, in_doubt=False)):
            return client.refused(
                command.loggable, 550, f"{command.argument}: Forbidden command argument", Code.ARGUMENT_FORBIDDEN,
                f"{directive} {pattern.pattern}", rule=directive,
                location=_place(client.said("access", name, current), client))
    return True


def _target(client: _Client, command: Command, cwd: str) -> str:
    """The virtual path that the command is judged by."""
    spec = command.spec
    assert spec is not None
    assert client.home is not None
    if spec.limit.place is Judged.CURRENT:
        return cwd
    if spec.limit.place is Judged.ABOVE:
        return paths.parent(cwd)
    return paths.resolve(cwd, spec.limit.fixed or written_path(command, spec) or ".", client.home.home)


def _directories(client: _Client, path: str) -> list[DirectorySection]:
    """The <Directory> sections that fit a virtual path, outer ones first."""
    assert client.home is not None
    return client.places.sections_at(os.path.realpath(f"{client.home.root.rstrip('/')}{path}"))


def allowed(steps: Sequence[Step]) -> bool:
    """Whether all of it would be let through."""
    return all(step.allowed for step in steps)


