"""From a password to a session that has a user's rights and nothing else.

The order matters. While the thread still has the worker's rights it reads what is the administrator's
(accounts, absolute display files), opens the root directory of the login, then it takes on the user's
groups, gid and uid for good and enters the jail; only then is anything done in the user's name.

The root directory is opened as root, because the administrator may keep it below directories that are closed to
users. But where a link on the way to it is not root's own, the user (or whoever made it) has a say in where it leads:
then the directory must be one that the user can reach. AllowChrootSymlinks off refuses the login.
"""

from __future__ import annotations

import os
import time
from dataclasses import replace

from ftpsd.access import limits
from ftpsd.auth import outages
from ftpsd.auth.account import Account, AccountsUnavailable, LoginResult
from ftpsd.auth.home import NoSuchPlace, Place, home_directory, login_place
from ftpsd.auth.selection import Selection, for_member
from ftpsd.errors import SessionEnded
from ftpsd.ftp.phase import Phase
from ftpsd.log import events
from ftpsd.reasons.codes import Code
from ftpsd.session import bounds, display, folders, lastlog, making, permission
from ftpsd.session.ftpaccess import FtpAccess
from ftpsd.session.places import Places, places_of
from ftpsd.session.state import Session
from ftpsd.settings.auth import AuthSettings
from ftpsd.settings.model import AnonymousSection, Settings
from ftpsd.tls import policy
from ftpsd.vfs import rights
from ftpsd.vfs.base import FileSystem
from ftpsd.vfs.folders import Folders
from ftpsd.vfs.jail import Jail
from ftpsd.vfs.names import decode, encode
from ftpsd.vfs.resolve import machine_path, open_machine_directory

LONGEST_NAME = 256
"""Characters of a login name."""


class CannotEnter(Exception):
    """The password was right and the session still cannot begin; `cause` is the stable reason code."""

    def __init__(self, cause: Code, text: str) -> None:
        super().__init__(text)
        self.cause = cause


def check(session: Session, chosen: Selection, password: str) -> LoginResult:
    """Whether the client is who it says. Call it as root where the accounts need it."""
    try:
        result = _checked(session, chosen, password, _peer(session))
    except AccountsUnavailable as error:
        return unanswered(session, chosen, password, error)
    return limited(session, chosen, result)


def unanswered(session: Session, chosen: Selection, password: str, error: AccountsUnavailable) -> LoginResult:
    """The refusal of who may be known to a source that cannot be asked. It takes as long as that of others who log in
    meanwhile. Call it as root where the accounts need it.
    """
    if error.others and chosen.needs_password:
        session.runtime.authenticator.check(
            None, password, _peer(session), user=chosen.user, settings=session.settings.auth)
    return outages.result(error, chosen.user)


def _peer(session: Session) -> str:
    return f"{session.peer_name} [{session.peer}] to {session.ends.local}:{session.ends.local_port}"


def _checked(session: Session, chosen: Selection, password: str, peer: str) -> LoginResult:
    authenticator, section = session.runtime.authenticator, chosen.anonymous
    if chosen.barred:
        result = authenticator.check(None, password, peer, user=chosen.user, settings=session.settings.auth)
        return replace(result, log=f"USER {chosen.user}: user is not a UserAlias from {peer}")
    account = authenticator.lookup(chosen.name, sql=chosen.in_database)
    if section is None:
        return authenticator.check(account, password, peer, user=chosen.user, settings=session.settings.auth)
    rules, logins = section.settings.auth, section.settings.logins
    if account is not None and section.group is not None:
        account = authenticator.with_group(account, section.group)
    if not chosen.needs_password:
        result = authenticator.check_without_password(
            account, peer, user=chosen.user, settings=rules, anonymous=True)
        result = _empty_refused(result, chosen, password, rules)
    elif logins.auth_using_alias and chosen.user != chosen.name:
        result = authenticator.check(
            authenticator.lookup(chosen.user, sql=chosen.in_database), password, peer, user=chosen.user, settings=rules)
        if result.ok:
            guest = result.account
            result = authenticator.check_without_password(
                account, peer, user=chosen.user, settings=rules, anonymous=True)
            result = replace(result, proved=guest)
    else:
        result = authenticator.check(account, password, peer, user=chosen.user, settings=rules)
    if result.ok and logins.anon_reject_passwords is not None and logins.anon_reject_passwords.rejects(password):
        log = f"ANON {chosen.user}: AnonRejectPasswords denies login"
        return LoginResult(False, result.account, Code.LOGIN_PASSWORD_REJECTED, log)
    return result


def _empty_refused(result: LoginResult, chosen: Selection, password: str, rules: AuthSettings) -> LoginResult:
    if not result.ok or password or rules.allow_empty_passwords is not False:
        return result
    log = f"Refusing empty password from user '{chosen.user}'"
    return LoginResult(False, result.account, Code.LOGIN_EMPTY_PASSWORD, log)


def as_anonymous(session: Session, chosen: Selection) -> Selection:
    """AnonymousGroup: the login of a member is an anonymous one, with his password and his home as the root.

    What is said of his login and of directories holds as it would without. Raises `AccountsUnavailable`.
    """
    if not session.settings.logins.anonymous_group or chosen.anonymous is not None or chosen.barred:
        return chosen
    with rights.privileged():
        account = session.runtime.authenticator.lookup(chosen.name)
    return for_member(chosen, account, session.settings)


def limited(session: Session, chosen: Selection, result: LoginResult) -> LoginResult:
    """`result`, or its refusal where <Limit LOGIN> keeps the user out: to him it looks like a wrong password."""
    section, account = chosen.anonymous, result.account
    restrictions = session.settings.restrictions
    if not result.ok or account is None or (section is None and not restrictions):
        return result
    client = permission.client_of(session, account)
    inside = section.restrictions if section is not None else None
    if not limits.login_refused(restrictions, inside, client):
        return result
    who = f"ANON {chosen.user}" if section is not None else f"USER {chosen.user}"
    return LoginResult(False, account, Code.LOGIN_LIMITED, f"{who} (Login failed): Limit access denies login")


PER_UNAUTHENTICATED = "PerUnauthenticatedUser"


def foresee(session: Session, chosen: Selection) -> None:
    """IfSessionOptions PerUnauthenticatedUser: <IfUser> and <IfGroup> count from USER on.

    Also for names that nobody has, or that a source may have which cannot be asked, as whoever asks is not to learn who
    exists; these are refused at PASS. Raises `SessionEnded` (530) where TLS is required of that user and is not there.
    """
    with rights.privileged():
        try:
            account = session.runtime.authenticator.lookup(chosen.name, sql=chosen.in_database)
        except AccountsUnavailable:
            account = None
    settings = session.host.for_connection(
        classes=session.classes, user=account.name if account is not None else chosen.name,
        groups=account.group_names if account is not None else ())
    decision = policy.after_user(
        session.tls, settings.tls.required, allow_per_user="AllowPerUser" in settings.tls.options)
    if decision.action == "disconnect":
        session.log.emit(events.TLSNote(*decision.log))
        raise SessionEnded(decision.reason, decision.code, decision.text)
    session.inhabit(Places(settings))
    session.tls = decision.state


def _check_protocol(session: Session, settings: Settings) -> None:
    """Protocols: a session in which AUTH was used (or TLS is implicit) is ftps, even after CCC; others are ftp."""
    protocol = "ftps" if session.tls.mechanism else "ftp"
    if settings.auth.protocols and protocol not in settings.auth.protocols:
        text = f"{protocol} protocol denied by Protocols config"
        session.note_tls(text)
        raise CannotEnter(Code.PROTOCOL_DENIED, text)


def _check_limits(session: Session, settings: Settings, account: Account) -> None:
    """<Limit LOGIN> in the sections of <IfUser> and the like, which have come into force with the login."""
    allowed, _ = limits.may_log_in(settings.restrictions[0].limits, permission.client_of(session, account))
    if not allowed:
        raise CannotEnter(Code.LOGIN_LIMITED, "Limit access denies login")


def enter(session: Session, chosen: Selection, account: Account) -> None:
    """Makes the session that of `account`. Call it as root where the thread can be that.

    Raises `CannotEnter`, `SessionEnded` where a limit is reached.
    """
    section = chosen.anonymous
    settings = session.host.for_login(
        user=account.name, groups=account.group_names, classes=session.classes, anonymous=section)
    decision = policy.after_login(
        session.tls, settings.tls.required, allow_per_user="AllowPerUser" in settings.tls.options)
    if decision.action == "disconnect":
        session.log.emit(events.TLSNote(*decision.log))
        raise CannotEnter(Code.TLS_REQUIRED_LOGIN, "TLS is required for this user")
    _check_protocol(session, settings)
    if settings.restrictions:
        _check_limits(session, settings, account)
    bounds.log_in(session, settings, account, anonymous=section is not None)
    if section is None and settings.logins.create_home is not None:
        making.home(session, settings.logins.create_home, account)
    notices, where, places = _take_on(session, account, section, settings, chosen.user)
    for text in notices:
        session.log.emit(events.Debug(1, text))
    session.inhabit(places, _overrides(session, places, session.fs))
    session.tls = decision.state
    session.login.user = chosen.user
    session.login.account = account
    session.login.anonymous = section
    if settings.transfer.default_transfer_mode != session.host.settings.transfer.default_transfer_mode:
        session.parameters.ascii = settings.transfer.default_transfer_mode == "ascii"
    session.marks.logged_in = time.monotonic()
    session.marks.longest = bounds.longest(session, settings.limits.timeout_session)
    if session.sql is not None:
        session.notes = {**session.notes, **session.sql.entered(account)}
    session.home = where.home
    session.cwd = _first_directory(session, where)
    session.log.enter(chosen.user, settings.logging)
    session.slot.update(phase=Phase.IDLE)
    session.slot.describe(location=session.cwd)


def _take_on(
    session: Session, account: Account, section: AnonymousSection | None, settings: Settings, sent: str,
) -> tuple[list[str], Place, Places]:
    """Opens what the login needs, then takes on the user's rights for good. `sent` is the name that USER gave."""
    ways = _Ways()
    where = _place(session, account, section, settings, ways, sent)
    places = _places(session, account, settings, where, ways)
    session.welcome = display.absolute(session, settings.core.display_login)
    session.farewell = display.absolute(session, settings.core.display_quit)
    session.thanks = display.absolute(session, settings.logins.display_file_transfer)
    if settings.logins.use_lastlog:
        lastlog.record(session, account)
    if session.log.hears(events.Debug):
        session.log.emit(events.Debug(5, f"root directory of the login: {where.root}"))
    root_fd = _open_root(where.root, account, as_user=where.root in ways.foreign)
    home_of = session.runtime.authenticator.home_of
    shown = folders.folders(session, settings, account, where.root, home_of, ways.leads)
    try:
        outside = [folder.jail.root for folder in shown]
        notices = rights.take_on(account.uid, account.gid, account.groups, root_fd, writable=outside)
        session.store = Folders(root_fd, shown, real=where.root) if shown else Jail(root_fd, real=where.root)
    except BaseException:
        os.close(root_fd)
        for folder in shown:
            folder.jail.close()
        raise
    return notices, where, places


def _places(session: Session, account: Account, settings: Settings, where: Place, ways: _Ways) -> Places:
    """The <Directory> sections of the login, while homes and links can be looked at."""
    if not settings.directories:
        return session.places if session.places.base is settings else Places(settings)
    try:
        home = ways.real_path(home_directory(account))
    except NoSuchPlace:
        home = where.root
    return places_of(
        settings, home=home, root=where.root, user=account.name,
        home_of=session.runtime.authenticator.home_of, real_path=ways.real_path)


def _overrides(session: Session, places: Places, store: FileSystem) -> FtpAccess | None:
    """The .ftpaccess files, unless AllowOverride is off for the login and for every <Directory>."""
    if not session.traits_at(places).overridable:
        return None
    return FtpAccess(
        store, lambda text: session.log.emit(events.Notice(text)), places.forget,
        defines=session.service.configuration.defines)


class _Ways:
    """Finds out where paths of the machine lead; `foreign` are those to which a link leads that is not root's."""

    def __init__(self) -> None:
        self.foreign: set[str] = set()
        self._known: dict[str, str] = {}

    def leads(self, path: str) -> tuple[str, bool]:
        """As `real_path`, and whether a link on the way is not root's."""
        real = self.real_path(path)
        return real, real in self.foreign

    def real_path(self, path: str) -> str:
        known = self._known.get(path)
        if known is not None:
            return known
        found, foreign = machine_path(encode(path))
        real = self._known[path] = decode(found)
        if foreign:
            self.foreign.add(real)
        return real


def _place(
    session: Session, account: Account, section: AnonymousSection | None, settings: Settings, ways: _Ways, sent: str,
) -> Place:
    home_of = session.runtime.authenticator.home_of
    try:
        return login_place(
            settings, account, section, home_of, sent=sent, real_path=ways.real_path,
            foreign=lambda path: ways.leads(path)[1])
    except NoSuchPlace as error:
        raise CannotEnter(Code.LOGIN_NO_HOME, str(error)) from None


def _open_root(path: str, account: Account, *, as_user: bool) -> int:
    """Called as root where the thread can be that."""
    try:
        if not as_user:
            return open_machine_directory(encode(path))
        with rights.acting_as(account.uid, account.gid, account.groups):
            return open_machine_directory(encode(path))
    except rights.CredentialsError:
        raise
    except OSError as error:
        raise CannotEnter(Code.LOGIN_NO_HOME, f"unable to enter '{path}': {error.strerror}") from None


def _first_directory(session: Session, where: Place) -> str:
    store = session.fs
    for wanted in where.directories:
        try:
            store.check_directory(wanted)
        except OSError as error:
            session.log.emit(events.Debug(2, f"cannot begin in '{wanted}': {error.strerror}"))
        else:
            return store.canonical(wanted)
    tried = ", ".join(where.directories)
    raise CannotEnter(Code.LOGIN_NO_HOME, f"none of {tried} in '{where.root}' can be entered")
