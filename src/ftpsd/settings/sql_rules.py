"""What must fit together in the directives of mod_sql, and what follows from them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from ftpsd.errors import ConfigError, Location
from ftpsd.settings.model import Configuration, Host
from ftpsd.settings.sql import SQLSettings
from ftpsd.settings.sql_parsers import (
    MAIN,
    MYSQL,
    OF_PASSWD,
    POSTGRES,
    SQLITE,
    ConnectInfo,
    GroupQueries,
    NamedQuery,
    UserColumns,
    UserQueries,
)
from ftpsd.settings.sql_passwords import SQLPasswordSettings
from ftpsd.settings.sql_template import Result, Template

_OF_MODULE = {"mod_sql_mysql.c": MYSQL, "mod_sql_postgres.c": POSTGRES, "mod_sql_sqlite.c": SQLITE}


def connections(sql: SQLSettings, loaded: tuple[str, ...] = ()) -> dict[str, ConnectInfo]:
    """The databases of a host by name, `MAIN` first; {}: mod_sql is off. `loaded`: modules that LoadModule names.

    A backend that nobody says is "".
    """
    info = sql.connect_info
    if info is None or not sql.engine:
        return {}
    by_module = next((_OF_MODULE[name] for name in loaded if name in _OF_MODULE), "")
    by_path = SQLITE if info.database.startswith("/") else ""
    return {MAIN: _with_backend(info, sql.backend or by_path or by_module)} | {
        one.name: one for one in reversed(sql.named_connections)}


def _with_backend(info: ConnectInfo, backend: str) -> ConnectInfo:
    return ConnectInfo(
        info.database, info.host, info.port, info.user, info.password, info.policy, info.tls, backend, info.name)


def every_query(host: Host) -> tuple[NamedQuery, ...]:
    """The SQLNamedQuery lines of a host, and those of sections that are for some of its sessions."""
    return (*host.settings.sql.named_queries, *(
        query for change in host.changes_for_some("sql", "named_queries") for query in change.value))


def check(configuration: Configuration) -> list[str]:
    """Notices about what is hardly meant; raises `ConfigError` for what cannot be."""
    notices: list[str] = []
    for host in configuration.every_host:
        found = connections(host.settings.sql, configuration.loaded)
        if found:
            _backends(host, found)
            _queries(host, set(found))
            _literals(host, found)
            _references(host)
            _passwords(host, found[MAIN].backend)
            notices += _without_types(host)
    return notices


def _wrong(host: Host, directive: str, field: str, text: str, remedy: str, group: str = "sql") -> ConfigError:
    return ConfigError(text, location=host.origin(group, field), directive=directive, remedy=remedy)


def _backends(host: Host, found: dict[str, ConnectInfo]) -> None:
    if not found[MAIN].backend:
        raise _wrong(
            host, "SQLConnectInfo", "connect_info", "which kind of database?", "Add SQLBackend postgres or mysql.")
    for info in found.values():
        path = info.database.startswith("/")
        if path != (info.backend == SQLITE):
            remedy = "Write the path of a file." if info.backend == SQLITE else "Write database@host:port."
            raise _wrong(
                host, "SQLConnectInfo" if info.name == MAIN else "SQLNamedConnectInfo",
                "connect_info" if info.name == MAIN else "named_connections",
                f"'{info.database}' is no database of {info.backend}", remedy)


def _queries(host: Host, known: set[str]) -> None:
    _named_once(host)
    for query in every_query(host):
        if query.connection not in known:
            raise _wrong(
                host, "SQLNamedQuery", "named_queries", f"{query.name}: no connection named '{query.connection}'",
                "Define it with SQLNamedConnectInfo.")


def _named_once(host: Host) -> None:
    """Raises `ConfigError` where two sections, or one and its host, mean different queries by one name."""
    known = {query.name: (query, "outside of the section") for query in reversed(host.settings.sql.named_queries)}
    for change in host.changes_for_some("sql", "named_queries"):
        for query in {query.name: query for query in reversed(change.value)}.values():
            other, place = known.setdefault(query.name, (query, f"in another section ({change.location})"))
            if other != query:
                raise ConfigError(
                    f"there is a query named '{query.name}' {place}", location=change.location,
                    directive="SQLNamedQuery",
                    remedy="Give it a name of its own: queries are the same for all sessions.")


def _literals(host: Host, found: Mapping[str, ConnectInfo]) -> None:
    """What MySQL would read otherwise than it was read when its variables were looked for."""
    sql = host.settings.sql
    written: list[tuple[str, str, str, Template | None, str]] = [
        ("SQLNamedQuery", "named_queries", f"{one.name}: ", one.template, one.connection) for one in every_query(host)]
    written += [
        ("SQLUserWhereClause", "user_where", "", sql.user_where, MAIN),
        ("SQLGroupWhereClause", "group_where", "", sql.group_where, MAIN)]
    for directive, field, head, template, connection in written:
        if template is not None and template.otherwise and found[connection].backend == MYSQL:
            raise _wrong(
                host, directive, field, f"{head}MySQL would read the quotes of {template.otherwise} otherwise",
                "Write '' for a quote in a text, not \\', close every text, and have neither quotes nor variables in "
                "comments or between backticks.")


def _used(sql: SQLSettings, passwords: SQLPasswordSettings) -> Iterator[tuple[str, str, str, bool]]:
    """Directive, field, query and whether it must return rows."""
    info, groups = sql.user_info, sql.group_info
    if isinstance(info, UserQueries):
        yield from (("SQLUserInfo", "user_info", name, True) for name in (info.by_name, info.by_id) if name)
    if isinstance(groups, GroupQueries):
        for name in (groups.by_name, groups.by_id, groups.by_member):
            yield "SQLGroupInfo", "group_info", name, True
    for directive, field in (
        ("SQLUserPrimaryKey", "user_primary_key"), ("SQLGroupPrimaryKey", "group_primary_key"),
    ):
        key = getattr(sql, field)
        if key is not None and key.query:
            yield directive, field, key.query, True
    yield from (("SQLLog", "logs", log.query, False) for log in sql.logs)
    yield from (("SQLLogOnEvent", "event_logs", log.query, False) for log in sql.event_logs)
    for shown in sql.infos:
        yield from (("SQLShowInfo", "infos", part.query, True) for part in shown.parts if isinstance(part, Result))
    if passwords.user_salt is not None and passwords.user_salt.source:
        yield "SQLPasswordUserSalt", "user_salt", passwords.user_salt.source, True
    if passwords.pbkdf2 is not None and passwords.pbkdf2.query:
        yield "SQLPasswordPBKDF2", "pbkdf2", passwords.pbkdf2.query, True


def _references(host: Host) -> None:
    sql = host.settings.sql
    known = {query.name: query for query in reversed(every_query(host))}
    for directive, field, name, returns in _used(sql, host.settings.sql_passwords):
        group = "sql_passwords" if directive.startswith("SQLPassword") else "sql"
        _referred(known, directive, host.origin(group, field), name, returns=returns)
    for field in ("logs", "infos"):
        for change in host.changes_for_some("sql", field):
            said = replace(SQLSettings(), **{field: change.value})
            for directive, _, name, returns in _used(said, SQLPasswordSettings()):
                _referred(known, directive, change.location, name, returns=returns)


def _referred(
    known: Mapping[str, NamedQuery], directive: str, location: Location | None, name: str, *, returns: bool,
) -> None:
    """Whether there is the query that a directive names, and of a type that fits. Raises `ConfigError`."""
    query = known.get(name)
    if query is None:
        remedy = "Define it with SQLNamedQuery" + (f"; there are {', '.join(sorted(known))}." if known else ".")
        raise ConfigError(f"no query named '{name}'", location=location, directive=directive, remedy=remedy)
    fits = ("SELECT", "FREEFORM") if returns else ("INSERT", "UPDATE", "FREEFORM")
    if query.kind not in fits:
        raise ConfigError(
            f"the query '{name}' is of type {query.kind}", location=location, directive=directive,
            remedy=f"It must be of type {' or '.join(fits)}.")


def _without_types(host: Host) -> list[str]:
    """ProFTPD starts so, too, and refuses every login with such a password."""
    sql, columns = host.settings.sql, host.settings.sql.user_info
    elsewhere = isinstance(columns, UserColumns) and columns.password is None
    if sql.auth_types or elsewhere or "auth" not in sql.engine or not sql.authenticate.users:
        return []
    return [
        f"Server {host.settings.core.server_name}: SQLConnectInfo on {host.origin('sql', 'connect_info')} without"
        " SQLAuthTypes: no password in the database lets anybody in"]


def _passwords(host: Host, backend: str) -> None:
    sql, passwords = host.settings.sql, host.settings.sql_passwords
    if "auth" not in sql.engine or not sql.authenticate.users:
        return
    for kind in sql.auth_types:
        if kind in OF_PASSWD and not passwords.engine:
            raise _wrong(
                host, "SQLAuthTypes", "auth_types", f"{kind} needs mod_sql_passwd", "Write SQLPasswordEngine on.")
    if "Backend" in sql.auth_types and backend != MYSQL:
        raise _wrong(
            host, "SQLAuthTypes", "auth_types", f"{backend} has no passwords of its own (Backend)",
            "Take Backend out: only MySQL's PASSWORD() is meant by it.")
    if "PBKDF2" in sql.auth_types and passwords.pbkdf2 is None:
        raise _wrong(host, "SQLAuthTypes", "auth_types", "PBKDF2 of what?", "Add SQLPasswordPBKDF2.")
    salted = passwords.salt_file is not None or passwords.user_salt is not None
    for kind in {"PBKDF2", "Scrypt"} & set(sql.auth_types):
        if not salted:
            raise _wrong(
                host, "SQLAuthTypes", "auth_types", f"{kind} without a salt",
                "Add SQLPasswordSaltFile or SQLPasswordUserSalt.")
