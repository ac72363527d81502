"""Accounts and groups in an SQL database (mod_sql.c in AuthOrder).

`SqlAccounts` asks for users and their groups at logins, and for names of owners in listings; what it asks stands in
`sql.statements`. Nothing is remembered but names for listings: whoever is taken out of the database is out.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Final

from ftpsd.auth.account import Account
from ftpsd.auth.files import MAX_ID, GroupEntry
from ftpsd.auth.sqlpasswords import SqlPasswords
from ftpsd.auth.unix import group_name
from ftpsd.settings.logformat import Field
from ftpsd.settings.sql import SQLSettings
from ftpsd.settings.sql_parsers import GroupColumns, PrimaryKey, UserColumns
from ftpsd.settings.sql_passwords import SQLPasswordSettings
from ftpsd.settings.sql_template import Template
from ftpsd.sql import statements
from ftpsd.sql.database import Row, Rows
from ftpsd.sql.errors import Failed, SqlError, Unusable
from ftpsd.sql.queries import NamedQueries, present
from ftpsd.sql.statements import Statement, Value, Values

USER_FIELDS, GROUP_FIELDS = 6, 3
_LIFETIME: Final = 60.0
"""Seconds for which a name for listings is remembered."""

_MOST_NAMES: Final = 4096
USER, GROUP = "SQLUserInfo", "SQLGroupInfo"

_Ask = Callable[[Sequence[Value], "str | None"], Rows]
"""Asks with values for %{0} …, and with the user who is meant by %u and %U (None: the session's)."""


class _As:
    """The variables of the session, where a user is looked up who is not logged in."""

    def __init__(self, user: str, others: Values) -> None:
        self._user = user
        self._others = others

    def value(self, field: Field) -> Value:
        return self._user if field.key in _NAMES else self._others.value(field)

    def shown(self, field: Field) -> str:
        return self._user if field.key in _NAMES else self._others.shown(field)


_NAMES = frozenset({"user", "original_user"})


class _Last(threading.local):
    """The user whom a thread looked up last, and his password."""

    found: tuple[str, str | None] | None = None


class SqlAccounts:
    """The accounts of one host. Safe for threads; what asks the database raises `SqlError`."""

    def __init__(self, sql: SQLSettings, passwords: SQLPasswordSettings, queries: NamedQueries) -> None:
        self._sql = sql
        self._queries = queries
        self.passwords = SqlPasswords(sql, passwords, queries)
        self._last = _Last()
        self._names = _Names(forever=sql.negative_cache)
        users, groups = sql.user_info, sql.group_info
        self._by_name = self._asking(
            statements.user_by_name(users, sql.user_where) if isinstance(users, UserColumns) else users.by_name, USER)
        self._by_id = self._asking(
            statements.user_by_id(users, sql.user_where) if isinstance(users, UserColumns) else users.by_id, USER)
        if isinstance(groups, GroupColumns):
            normalized = "UseNormalizedGroupSchema" in sql.options
            self._group_by_name = self._asking(statements.group_by_name(groups, sql.group_where), GROUP)
            self._group_by_id = self._asking(statements.group_by_id(groups, sql.group_where), GROUP)
            self._groups_of = self._asking(
                statements.groups_of(groups, sql.group_where, normalized=normalized), GROUP)
        else:
            self._group_by_name = self._asking(groups.by_name, GROUP)
            self._group_by_id = self._asking(groups.by_id, GROUP)
            self._groups_of = self._asking(groups.by_member, GROUP)

    def _asking(self, what: Template | str | None, name: str) -> _Ask:
        """A function that runs a statement, or the named query `what`; one that finds nobody where there is none."""
        if not what:
            return lambda numbered, user: []
        if isinstance(what, str):
            return lambda numbered, user: self._queries.run(what, numbered, _values(user))
        statement: Statement = self._queries.prepared(what)
        return lambda numbered, user: self._queries.ask(name, statement, numbered, _values(user))

    # -- logins

    def lookup(self, name: str, listed: Callable[[str], Sequence[GroupEntry]]) -> Account | None:
        """The account `name`; `listed` are the groups of a user in the AuthGroupFile, which count where the database
        has none of him. As much is asked for users whom nobody knows.
        """
        self._last.found = None
        if not self._sql.authenticate.users or not statements.askable(name):
            return None
        rows = self._by_name((name,), name)
        row = next((row for row in rows if row[:1] == (name,)), rows[0] if rows else None)
        known = row[0] if row is not None and row[0] else name
        groups = self._member_of(known)
        if row is None:
            self._primary(self._sql.default_gid)
            return None
        try:
            account = self._account(row, groups, listed)
        except Unusable:  # whoever asks is not to learn from the time that there is such a row
            self._primary(self._sql.default_gid)
            raise
        self._last.found = (account.name, row[1])
        return account

    def _account(
        self, row: Row, groups: dict[int, str], listed: Callable[[str], Sequence[GroupEntry]],
    ) -> Account:
        if len(row) != USER_FIELDS:
            raise Unusable(f"{USER} returns {len(row)} columns, there must be {USER_FIELDS}")
        name, _, uid_text, gid_text, home, shell = row
        lowest_uid, lowest_gid = self._sql.lowest()
        uid = _id(uid_text, lowest_uid, self._sql.default_uid)
        gid = _id(gid_text, lowest_gid, self._sql.default_gid)
        if not name or uid is None or gid is None:
            raise Unusable(f"{USER}: the name, uid or gid of a user is none")
        if not groups:
            groups = {entry.gid: entry.name for entry in reversed(listed(name))}
        primary = groups.get(gid) or self._primary(gid)
        names = [primary] if primary else []
        return Account(
            name=name, uid=uid, gid=gid, groups=tuple(dict.fromkeys((gid, *groups))),
            group_names=tuple(dict.fromkeys((*names, *groups.values()))),
            home=(self._sql.default_homedir or "") if home is None else home, shell=shell or "", source="sql")

    def _primary(self, gid: int) -> str | None:
        """The name of a primary group."""
        found = self._group_by_id((gid,), None) if self._sql.authenticate.groups else []
        return next((row[0] for row in found if row[0]), None) or group_name(gid)

    def _member_of(self, user: str) -> dict[int, str]:
        """The groups of a user, ids and names."""
        if not self._sql.authenticate.groups:
            return {}
        custom = not isinstance(self._sql.group_info, GroupColumns)
        found: dict[int, str] = {}
        for row in self._groups_of((user, statements.for_like(user)), user):
            if len(row) != GROUP_FIELDS:
                raise Failed(f"{GROUP} returns {len(row)} columns, there must be {GROUP_FIELDS}")
            name, gid = row[0], _number(row[1])
            if name and gid is not None and (custom or user in statements.members_of(row[2])):
                found.setdefault(gid, name)
        return found

    def password_of(self, user: str) -> str | None:
        """What the database has as the password of `user`, whom this thread has looked up; None: NULL."""
        found, self._last.found = self._last.found, None
        if found is not None and found[0] == user:
            return found[1]
        rows = self._by_name((user,), user)
        return rows[0][1] if rows and len(rows[0]) > 1 else None

    def primary_keys(self, account: Account) -> dict[str, str]:
        """What SQLUserPrimaryKey and SQLGroupPrimaryKey say of an account, by the names of session notes."""
        found: dict[str, str] = {}
        group = account.group_names[0] if account.group_names else ""
        sql = self._sql
        for note, key, template, name in (
            ("sql.user-primary-key", sql.user_primary_key, statements.primary_key_of_user, account.name),
            ("sql.group-primary-key", sql.group_primary_key, statements.primary_key_of_group, group),
        ):
            if key is None or not name:
                continue
            value = self._key(key, template(sql, key), name, account.name)
            if value is not None:
                found[note] = value
        return found

    def _key(self, key: PrimaryKey, template: Template | None, name: str, user: str) -> str | None:
        rows = self._asking(template or key.query, "primary key")((name,), user)
        return rows[0][0] if rows and rows[0] else None

    # -- names

    def gid_of(self, group: str) -> int | None:
        """The id of a group."""
        if not self._sql.authenticate.groups or not statements.askable(group):
            return None
        found = (_number(row[1]) for row in self._quiet(self._group_by_name, group))
        return next((gid for gid in found if gid is not None), None)

    def uid_of(self, user: str) -> int | None:
        """The id of a user."""
        if not self._sql.authenticate.users or not statements.askable(user):
            return None
        rows = self._quiet(self._by_name, user)
        return _id(rows[0][2], self._sql.lowest()[0], self._sql.default_uid) if rows and len(rows[0]) > 2 else None

    def user_name(self, uid: int) -> str | None:
        """Whose id that is, for listings."""
        if not self._sql.authenticate.users:
            return None
        return self._names.get(("user", uid), lambda: self._first(self._by_id, uid))

    def group_name(self, gid: int) -> str | None:
        """Whose id that is, for listings."""
        if not self._sql.authenticate.groups:
            return None
        return self._names.get(("group", gid), lambda: self._first(self._group_by_id, gid))

    def _first(self, ask: _Ask, number: int) -> str | None:
        return next((row[0] for row in ask((number,), None) if row[0]), None)

    @staticmethod
    def _quiet(ask: _Ask, name: str) -> Rows:
        try:
            return ask((name,), name)
        except SqlError:
            return []


class _Names:
    """What the database said of ids, at most `_MOST_NAMES`. `forever`: that it did not know one is kept."""

    def __init__(self, *, forever: bool, clock: Callable[[], float] = time.monotonic) -> None:
        self._forever = forever
        self._clock = clock
        self._lock = threading.Lock()
        self._known: dict[tuple[str, int], tuple[float, str | None]] = {}

    def get(self, key: tuple[str, int], ask: Callable[[], str | None]) -> str | None:
        """The name; None: nobody's, or the database does not say."""
        now = self._clock()
        with self._lock:
            known = self._known.get(key)
        if known is not None and now < known[0]:
            return known[1]
        try:
            name = ask()
        except SqlError:
            return None
        until = float("inf") if name is None and self._forever else now + _LIFETIME
        with self._lock:
            self._known.pop(key, None)
            if len(self._known) >= _MOST_NAMES:
                del self._known[next(iter(self._known))]
            self._known[key] = (until, name)
        return name


def _values(user: str | None) -> Values | None:
    return _As(user, present()) if user is not None else None


def _number(text: str | None) -> int | None:
    try:
        value = int(text or "")
    except ValueError:
        return None
    return value if 0 <= value <= MAX_ID else None


def _id(text: str | None, lowest: int, default: int) -> int | None:
    """The id that a field gives an account; None: it is none."""
    if text is None:
        return default
    value = _number(text)
    return default if value is not None and value < lowest else value
