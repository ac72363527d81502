"""Who may log in: the chain of sources and the order of the checks.

Sources of accounts are asked in the order of AuthOrder (default: the database, AuthUserFile, a directory, then the
system); the first that knows the name supplies the account, and only it checks the password, as in ProFTPD. A source
marked `*` is final: who is unknown there is unknown. PAM supplies no accounts; where AuthPAM is on it is asked first
about the passwords of system users (and, where AuthOrder names mod_auth_pam.c, of everybody), and when it says no the
account's own source decides, unless PAM is marked final: then nothing but its yes counts, and a server that cannot
ask it does not start.

(ProFTPD asks PAM about users of the AuthUserFile even when AuthOrder does not say so. A system user's
password would then open the account of the same name in the file, and each wrong one costs PAM's delay; we
do that only when told to.)

Whatever is wrong, the client hears the same 530, after the same work: exactly one hash is computed in every
check, also for users that do not exist, that are locked or that may not log in for other reasons; the
reasons are looked at afterwards, in ProFTPD's order (root, password, expiry, shell, /etc/ftpusers, home).
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from ftpsd.auth import outages, passwords, refusals
from ftpsd.auth.account import Account, AccountsUnavailable, LoginResult
from ftpsd.auth.backend import Backend, Unavailable
from ftpsd.auth.files import GroupEntry, GroupFile, Groups, Note, UserEntry, UserFile, Users, check_permissions
from ftpsd.auth.names import Names
from ftpsd.auth.otp import OneTimePasswords
from ftpsd.auth.pam import Pam, PamUnanswered, PamUnavailable
from ftpsd.auth.refusals import Verdict
from ftpsd.auth.selection import Selection, select
from ftpsd.auth.sqlaccounts import SqlAccounts
from ftpsd.auth.unix import SystemUsers, group_id, group_name
from ftpsd.errors import ConfigError
from ftpsd.reasons.codes import Code, Good
from ftpsd.settings.auth import AuthSettings
from ftpsd.settings.otp import OTPSettings
from ftpsd.sql.errors import SqlError
from ftpsd.sql.wanted import Queries

__all__ = ["Account", "Authenticator", "LoginResult", "Selection", "select"]

_AUTH: Final = "mod_auth.c"
_FILE: Final = "mod_auth_file.c"
_SYSTEM: Final = "mod_auth_unix.c"
_PAM: Final = "mod_auth_pam.c"
_OTP: Final = "mod_auth_otp.c"
_SQL: Final = "mod_sql.c"
_OWN: Final = (_SQL, _FILE, _SYSTEM)

_NOBODY: Final = "\n"
"""A name that nobody has: a command ends there."""

_Asking = Callable[[str, str], tuple[bool, str]]
"""Asks PAM about a name and a password."""

_Vouched = bool | PamUnanswered | None


@dataclass(frozen=True, slots=True)
class _Order:
    """AuthOrder, understood."""

    sources: tuple[tuple[str, bool], ...]     # module name, final
    pam: Literal["off", "system", "all"]
    pam_final: bool
    codes: Literal["off", "also", "only"] = "off"     # mod_auth_otp.c: among others, or final


def _order(modules: Sequence[str], pam_on: bool, further: Sequence[str]) -> _Order:
    """`further` are the sources that are configured beside files and the system; by default they come between them."""
    listed = [
        (name.removesuffix("*"), name.endswith("*")) for name in modules or (_PAM, _SQL, _FILE, *further, _SYSTEM)]
    sources = tuple((name, final) for name, final in listed if name in _OWN or name in further)
    pam = [final for name, final in listed if name == _PAM]
    otp = [final for name, final in listed if name == _OTP]
    codes: Literal["off", "also", "only"] = "only" if any(otp) else "also" if otp or not modules else "off"
    if not pam_on or not pam:
        return _Order(sources, "off", False, codes)
    return _Order(sources, "all" if modules else "system", any(pam), codes)


def _discard(text: str) -> None:
    """The default listener: nobody."""


class Authenticator:
    """Looks up accounts and checks passwords for one host. Safe for threads.

    Calls need root where the files and /etc/shadow are readable for root alone. `note` receives lines for
    the system log (bad lines after a change of the AuthUserFile, PAM's reasons), nothing secret among them.
    `system` and `pam` replace what would be made from the settings; `backends` are further sources.
    """

    def __init__(
        self, settings: AuthSettings, *, note: Note = _discard, system: SystemUsers | None = None,
        pam: Callable[[str], Pam] = Pam, backends: Sequence[Backend] = (), sql: SqlAccounts | None = None,
        sql_needed: bool = True, otp: OTPSettings | None = None, queries: Queries | None = None,
    ) -> None:
        """`sql`: the accounts in a database; `sql_needed`: where it cannot be asked, nobody else is; `queries`: for an
        AuthOTPTable in one."""
        self._settings = settings
        self._note = note
        self._backends = {backend.module: backend for backend in backends}
        self._order = _order(settings.auth_order, settings.auth_pam, tuple(self._backends))
        self._asked = {name: self._backends[name] for name, _ in self._order.sources if name in self._backends}
        self.sql = sql if any(name == _SQL for name, _ in self._order.sources) else None
        self._sql_needed = sql_needed
        self._system = system if system is not None else SystemUsers(
            one_by_one="NoGetgrouplist" in settings.auth_unix_options)
        users, groups = settings.auth_user_file, settings.auth_group_file
        self._users = UserFile(users.path, users) if users is not None else None
        self._groups = GroupFile(groups.path, groups) if groups is not None else None
        self.names = Names(
            self._users, self._groups, backends=tuple(self._asked.values()), more=self.sql)
        self._codes: OneTimePasswords | None = None
        if otp is not None and otp.engine:
            codes = self._order.codes
            self._codes = OneTimePasswords(otp, note, queries, listed=codes != "off", only=codes == "only")
        self._pam: Pam | None = None
        self._pam_problem = ("", "")
        if self._order.pam == "all" or (self._order.pam == "system" and self._serves_system_users()):
            try:
                self._pam = pam(settings.auth_pam_config)
            except PamUnavailable as error:
                instead = (
                    "nobody could log in, as AuthOrder says that PAM alone counts" if self._order.pam_final
                    else "system users are checked without it")
                self._pam_problem = f"{error}; {instead}", error.remedy

    @property
    def pam_problem(self) -> str:
        """Why PAM cannot be asked, though it should, and what would help; "": it can, or need not."""
        return ". ".join(filter(None, self._pam_problem))

    @property
    def pam_needed(self) -> bool:
        """Whether there is a `pam_problem` that keeps everybody out."""
        return self._order.pam_final and bool(self.pam_problem)

    def _serves_system_users(self) -> bool:
        return any(name == _SYSTEM for name, _ in self._order.sources)

    def prepare(self) -> tuple[str, ...]:
        """What there is to say at start: bad lines, missing PAM. Call as root, before the first session.

        Raises `ConfigError` when AuthUserFile or AuthGroupFile is missing or may be read or written by the
        wrong people (`files.check_permissions`), and when PAM alone counts and cannot be asked.
        """
        notices: list[str] = []
        options = self._settings.auth_file_options
        if "InsecurePerms" not in options:
            if self._users is not None:
                check_permissions("AuthUserFile", self._users.path, world_readable=False)
            if self._groups is not None:
                check_permissions("AuthGroupFile", self._groups.path, world_readable=True)
        self.names.refresh(notices.append)
        if "SyntaxCheck" in options and notices:
            raise ConfigError(notices[0], directive="AuthFileOptions SyntaxCheck", remedy="Mend or delete the line.")
        if self.pam_needed:
            text, remedy = self._pam_problem
            raise ConfigError(text, directive="AuthOrder", remedy=f"{remedy}.")
        if self.pam_problem:
            notices.append(f"notice: AuthPAM: {self.pam_problem}")
        for backend in self._asked.values():
            notices += backend.prepare()
        if self._codes is not None:
            notices += self._codes.prepare()
        passwords.stand_in()
        if self.sql is not None:
            self.sql.passwords.prepare()
        return tuple(notices)

    def close(self) -> None:
        """Closes what its sources hold open. They open it again when they are asked."""
        for backend in self._asked.values():
            backend.close()

    def lookup(self, user: str, *, sql: bool = True) -> Account | None:
        """The account that `user` would log in to; None when no source knows him. Not `sql`: no database is asked.

        Raises `AccountsUnavailable` when a source cannot be asked (and no other one knows him), or the AuthGroupFile
        cannot be read: without it nobody would be in the groups that rules are about.
        """
        users, groups = self.names.refresh(self._note)
        if groups is None:
            raise outages.of_groups(self._settings)
        return self._supplied(users, groups, user, sql)

    def _supplied(self, users: Users | None, groups: Groups, user: str, sql: bool) -> Account | None:
        silent: AccountsUnavailable | None = None
        for number, (source, final) in enumerate(self._order.sources):
            account = None
            try:
                account = self._found(source, users, groups, user, sql)
            except AccountsUnavailable as error:
                if error.final:
                    error.others = error.others or number > 0  # whom those before it know
                    raise
                silent = silent or error
            if account is not None:
                return account
            if final:
                break
        if silent is not None:
            raise silent
        return None

    def _found(self, source: str, users: Users | None, groups: Groups, user: str, sql: bool) -> Account | None:
        """What a source knows. Raises `AccountsUnavailable`; the log has been told of it."""
        if source == _FILE:
            if users is None:
                raise outages.of_users(self._settings)
            return _file_account(users, groups, user)
        if source == _SYSTEM:
            return self._system.lookup(user)
        if source == _SQL:
            return self._sql_account(user) if sql else None
        try:
            return self._backends[source].lookup(user)
        except Unavailable:
            raise outages.of_directory() from None

    def _sql_account(self, user: str) -> Account | None:
        if self.sql is None:
            return None
        try:
            return self.sql.lookup(user, self._listed)
        except SqlError as error:
            raise outages.of_database(error, others=not self._sql_needed) from None

    def _listed(self, user: str) -> Sequence[GroupEntry]:
        """The groups of a user in the AuthGroupFile."""
        return self._known_groups().of(user)

    def _known_groups(self) -> Groups:
        """The AuthGroupFile (empty where there is none). Raises `AccountsUnavailable` when it cannot be read."""
        found = self._groups.known(self._note) if self._groups is not None else Groups()
        if found is None:
            raise outages.of_groups(self._settings)
        return found

    def login(
        self, selection: Selection, password: str, peer: str, *, settings: AuthSettings | None = None,
    ) -> LoginResult:
        """The whole answer to PASS: looks up whom `selection` means and checks him.

        `settings` are those in force for the connection where they are not the host's (<IfClass>); an
        anonymous login goes by its section's. The account of an anonymous login has the section's Group.
        """
        account = self.lookup(selection.name)
        user = selection.user if account is not None else selection.name
        section = selection.anonymous
        if section is None:
            return self.check(account, password, peer, user=user, settings=settings)
        rules = section.settings.auth
        if selection.needs_password:
            result = self.check(account, password, peer, user=user, settings=rules)
        else:
            result = self.check_without_password(account, peer, user=user, settings=rules, anonymous=True)
        if not result.ok or result.account is None:
            return result
        admitted = self.with_group(result.account, section.group) if section.group else result.account
        return dataclasses.replace(
            result, account=admitted, log=f"ANON {admitted.name}: Login successful.")

    def check(
        self, account: Account | None, password: str, peer: str, *, user: str = "",
        settings: AuthSettings | None = None,
    ) -> LoginResult:
        """Whether whoever knows `password` may log in to `account` (None: unknown) from `peer`.

        `user` is the name that the client sent (default: the account's); `settings` those in force for this
        login where they are not the host's (an <Anonymous> section). `peer` is for the log and reads like
        "localhost [127.0.0.1] to 127.0.0.1:21"; PAM hears the name in front.
        """
        user = user or (account.name if account is not None else "")
        rules = settings if settings is not None else self._settings
        empty = not password and not rules.allow_empty_passwords
        hopeless = empty or (account is not None and refusals.root_refused(account, rules) is not None)
        try:
            pam = self._asking(peer.partition(" [")[0]) if not hopeless else None
            verdict, method = self._proof(account, user, password, rules, pam)
        except TimeoutError as error:
            return LoginResult(False, account, Code.LOGIN_OVERLOAD, f"USER {user} (Login failed): {error}")
        except SqlError as error:
            return outages.result(outages.of_database(error), user)
        except AccountsUnavailable as error:
            root = refusals.root_refused(account, rules) if account is not None else None
            return root or outages.result(error, user)
        if account is None:
            return LoginResult(
                False, None, Code.LOGIN_UNKNOWN_USER, f"USER {user}: no such user found from {peer}")
        return (
            refusals.root_refused(account, rules)
            or refusals.password_refused(account, user, verdict, empty=empty)
            or (self._expired(account) if method != _PAM else None)
            or refusals.rules_refuse(account, rules)
            or LoginResult(True, account, Good.LOGIN_OK, f"USER {account.name}: Login successful.", method))

    def _proof(
        self, account: Account | None, user: str, password: str, rules: AuthSettings, pam: _Asking | None,
    ) -> tuple[Verdict, str]:
        """What the password proves: as a code, as a password with a code behind it, or by itself.

        Where there is no account, the table of codes is asked for one that nobody has, as that may take its time.
        Raises `AccountsUnavailable` where that table, or whoever has the password, cannot say.
        """
        code, silent = None, None
        if self._codes is not None:
            name = account.name if account is not None else _NOBODY
            said = self._codes.said(name, password)
            password, code, silent = said.password, said.code, said.silent
            if said.good is not None or (code is not None and not password and not rules.allow_empty_passwords):
                passwords.matches(password, None)
                if silent is not None:
                    raise silent
                return ("ok" if said.good else "wrong"), _OTP
        own = _configured_password(account, rules) if account is not None else None
        if own is not None:
            verdict, method = _verdict(passwords.matches(password, own), None, False, _AUTH)
        else:
            verdict, method = self._password(account, user, password, pam if password else None)
        if silent is not None and (code is not None or verdict == "wrong"):
            raise silent
        if code is not None and verdict == "ok" and account is not None and self._codes is not None:
            return ("ok", method) if self._codes.behind(account.name, code) else ("wrong", "")
        return verdict, method

    def _expired(self, account: Account) -> LoginResult | None:
        """The last day of a system user's account ends every way in: certificates, codes and UserPassword, too. Where
        PAM vouches it has looked itself.
        """
        if account.source != "system":
            return None
        try:
            expired = self._system.account_expired(account.name)
        except OSError as error:
            return refusals.unreadable(account, error)
        return refusals.password_refused(account, account.name, "account-expired", empty=False) if expired else None

    def expiry(self, account: Account, rules: AuthSettings) -> LoginResult | None:
        """The refusal of a system user with the right password whose password or account has expired; PAM says the same
        where it is asked. None: there is none, or nobody may look at /etc/shadow.
        """
        if account.source != "system" or _configured_password(account, rules) is not None:
            return self._expired(account)
        shadow = self._system.shadow(account.name)
        expired = self._system.expiry(shadow) if shadow is not None else None
        if expired is None:
            return None
        verdict: Verdict = "password-expired" if expired == "password" else "account-expired"
        return refusals.password_refused(account, account.name, verdict, empty=False)

    def check_without_password(
        self, account: Account | None, peer: str, *, user: str, settings: AuthSettings | None = None,
        anonymous: bool = False,
    ) -> LoginResult:
        """The same without a password: `anonymous` logins, whose account is nobody's own, and users whom something else
        vouches for.
        """
        if account is None:
            return LoginResult(
                False, None, Code.LOGIN_UNKNOWN_USER, f"USER {user}: no such user found from {peer}")
        rules = settings if settings is not None else self._settings
        return (
            refusals.root_refused(account, rules) or (None if anonymous else self._expired(account))
            or refusals.rules_refuse(account, rules)
            or LoginResult(True, account, Good.LOGIN_OK, f"USER {account.name}: Login successful."))

    def with_group(self, account: Account, group: str) -> Account:
        """`account` with the group `group` (Group in <Anonymous>) as its primary one, if it exists.

        Raises `AccountsUnavailable` when the AuthGroupFile cannot be read.
        """
        entry = self._known_groups().by_name.get(group)
        gid = entry.gid if entry is not None else self._gid(group)
        if gid is None:
            self._note(f"notice: Group {group} in <Anonymous>: no such group, using that of {account.name}")
            return account
        groups = tuple(dict.fromkeys((gid, *account.groups)))
        names = tuple(dict.fromkeys((group, *account.group_names)))
        return dataclasses.replace(account, gid=gid, groups=groups, group_names=names)

    def home_of(self, user: str) -> str | None:
        """The home of `user`, for `~user`; None when he is unknown. It does not hang on his groups."""
        users, groups = self.names.refresh(self._note)
        try:
            account = self._supplied(users, groups if groups is not None else Groups(), user, sql=True)
        except AccountsUnavailable:
            return None
        return account.home if account is not None else None

    def _gid(self, group: str) -> int | None:
        found = self.sql.gid_of(group) if self.sql is not None else None
        return found if found is not None else group_id(group)

    def _file_entry(self, user: str) -> UserEntry | None:
        """Raises `AccountsUnavailable` when the AuthUserFile cannot be read."""
        if self._users is None:
            return None
        users = self._users.known(self._note)
        if users is None:
            raise outages.of_users(self._settings)
        return users.by_name.get(user)

    def _password(
        self, account: Account | None, user: str, password: str, pam: _Asking | None,
    ) -> tuple[Verdict, str]:
        """One hash is computed on every path through here.

        Where only PAM and the system are asked, PAM is asked about unknown users, too, because its delay
        after a failure would otherwise tell who exists.
        """
        everybody = self._order.pam == "all"
        like = self._users.last.sample if self._users is not None else None
        if account is not None and account.source == "file":
            entry = self._file_entry(account.name)
            matched = passwords.matches(password, entry.password if entry is not None else None, like=like)
            vouched = self._ask_pam(pam, account.name, password) if everybody else None
            return _verdict(matched, vouched, self._order.pam_final, _FILE)
        if account is not None and account.source == "sql":
            return self._sql_password(account, password, pam)
        if account is None:
            if self.sql is not None:
                self.sql.passwords.matches(password, None, user)
            elif not any(backend.hashes for backend in self._asked.values()):
                passwords.matches(password, None, like=like)
            for backend in self._asked.values():
                if _matches(backend, None, password) is None and backend.hashes:
                    passwords.matches(password, None, like=like)
            if self._users is None or everybody:
                self._ask_pam(pam, user, password)
            return "wrong", ""
        for backend in self._asked.values():
            if backend.source == account.source:
                if not backend.hashes:
                    passwords.matches(password, None, like=like)
                proved = _matches(backend, account, password)
                vouched = self._ask_pam(pam, account.name, password) if everybody else None
                return _verdict(proved, vouched, self._order.pam_final, backend.module)
        return self._system_password(account, password, pam)

    def _sql_password(self, account: Account, password: str, pam: _Asking | None) -> tuple[Verdict, str]:
        assert self.sql is not None
        stored = self.sql.password_of(account.name)
        if stored is None:
            return self._password_elsewhere(account, password, pam)
        matched = self.sql.passwords.matches(password, stored, account.name)
        vouched = self._ask_pam(pam, account.name, password) if self._order.pam == "all" else None
        return _verdict(matched, vouched, self._order.pam_final, _SQL)

    def _password_elsewhere(self, account: Account, password: str, pam: _Asking | None) -> tuple[Verdict, str]:
        """The database has the account without a password: whoever else of AuthOrder knows the name has it, up to the
        source whose answer is final.
        """
        for source, final in self._order.sources:
            entry = self._file_entry(account.name) if source == _FILE else None
            if entry is not None:
                vouched = self._ask_pam(pam, account.name, password) if self._order.pam == "all" else None
                return _verdict(passwords.matches(password, entry.password), vouched, self._order.pam_final, _FILE)
            if source == _SYSTEM and self._system.lookup(account.name) is not None:
                return self._system_password(account, password, pam)
            if final:
                break
        passwords.matches(password, None)
        vouched = self._ask_pam(pam, account.name, password) if self._order.pam == "all" else None
        return _verdict(False, vouched, self._order.pam_final, _SQL)

    def _system_password(self, account: Account, password: str, pam: _Asking | None) -> tuple[Verdict, str]:
        shadow = self._system.shadow(account.name)
        matched = passwords.matches(password, shadow.password if shadow is not None else None)
        if shadow is not None and not shadow.password:
            # pam_unix lets anybody in to an account without a password, whatever he sends.
            return "wrong", ""
        vouched = self._ask_pam(pam, account.name, password)
        verdict, method = _verdict(matched, vouched, self._order.pam_final, _SYSTEM)
        if verdict == "ok" and method == _SYSTEM and shadow is not None:
            expired = self._system.expiry(shadow)
            if expired is not None:
                return ("password-expired" if expired == "password" else "account-expired"), ""
        return verdict, method

    def _asking(self, host: str) -> _Asking | None:
        """Asks PAM about users who come from `host`; None: it is not asked."""
        return functools.partial(self._pam.check, host=host) if self._pam is not None else None

    def _ask_pam(self, pam: _Asking | None, name: str, password: str) -> _Vouched:
        if pam is None:
            if self.pam_needed:
                self._note(f"PAM({name}): {self.pam_problem}")
            return None
        try:
            ok, reason = pam(name, password)
        except PamUnanswered as error:
            self._note(f"PAM({name}): {error}")
            return error
        if not ok:
            self._note(f"PAM({name}): {reason}")
        return ok


def _file_account(users: Users, known: Groups, user: str) -> Account | None:
    """The account of the AuthUserFile, with its groups in the AuthGroupFile."""
    entry = users.by_name.get(user)
    if entry is None:
        return None
    primary = known.by_gid.get(entry.gid)
    primary_name = primary.name if primary is not None else group_name(entry.gid)
    names = [primary_name] if primary_name is not None else []
    others = known.of(user)
    return Account(
        name=entry.name, uid=entry.uid, gid=entry.gid,
        groups=tuple(dict.fromkeys([entry.gid, *[group.gid for group in others]])),
        group_names=tuple(dict.fromkeys([*names, *[group.name for group in others]])),
        home=entry.home, shell=entry.shell, source="file")


def _matches(backend: Backend, account: Account | None, password: str) -> bool | None:
    """None: nobody knows, as it does not answer."""
    try:
        return backend.matches(account, password)
    except Unavailable:
        return None


def _verdict(matched: bool | None, vouched: _Vouched, pam_final: bool, source: str) -> tuple[Verdict, str]:
    """Raises `PamUnanswered` where PAM's word would have decided, `AccountsUnavailable` where the source's would."""
    if isinstance(vouched, PamUnanswered):
        if pam_final or not matched:
            raise vouched
    elif vouched:
        return "ok", _PAM
    if pam_final:  # it said no, or was not asked
        return "wrong", ""
    if matched is None:
        raise outages.of_directory()
    return ("ok", source) if matched else ("wrong", "")


def _configured_password(account: Account, rules: AuthSettings) -> str | None:
    """The hash of UserPassword or GroupPassword that counts for `account`; None: his own does."""
    for user, hashed in rules.user_password:
        if user == account.name:
            return hashed
    return next((hashed for group, hashed in rules.group_password if group in account.group_names), None)
