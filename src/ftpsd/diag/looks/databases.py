"""SQL databases: whether they answer, and whether the tables and columns of accounts are there.

Asks as a login would, for a user whom nobody has, and waits no longer than SQLTimeouts for each database.
"""

from __future__ import annotations

from ftpsd.auth.sqlaccounts import SqlAccounts
from ftpsd.diag.subject import Subject
from ftpsd.errors import ConfigError
from ftpsd.reasons.codes import Code
from ftpsd.settings.sql_parsers import MAIN
from ftpsd.sql.errors import SqlError, Unavailable
from ftpsd.sql.queries import NamedQueries
from ftpsd.sql.setup import open_host
from ftpsd.sql.statements import Statement

NOBODY = "ftpsd check: a user whom nobody has"


def look(subject: Subject) -> None:
    try:
        queries = open_host(subject.host, subject.configuration.loaded)
    except ConfigError as error:
        subject.config_error(Code.CONFIG_ERROR, error)
        return
    if queries is None:
        return
    answers = [_answers(subject, queries, name) for name in queries.databases]
    settings = subject.settings
    if not answers[0] or "auth" not in settings.sql.engine:
        return
    try:
        SqlAccounts(settings.sql, settings.sql_passwords, queries).lookup(NOBODY, lambda user: ())
    except SqlError as error:
        of = "SQLUserInfo" if subject.says("SQLUserInfo") else "SQLConnectInfo"
        code = Code.SQL_UNAVAILABLE if isinstance(error, Unavailable) else Code.SQL_STATEMENT_FAILED
        subject.error(
            code, f"nobody can log in whose account is in the database: {error}",
            "Correct SQLUserInfo and SQLGroupInfo, or the tables.", of=of)


def _answers(subject: Subject, queries: NamedQueries, name: str) -> bool:
    database = queries.databases[name]
    try:
        database.run(Statement("SELECT 1", ()), ())
    except SqlError as error:
        subject.error(
            Code.SQL_UNAVAILABLE, f"{database.name} does not answer: {error}",
            "Start it, or correct host, port, user and password.",
            of="SQLConnectInfo" if name == MAIN else "SQLNamedConnectInfo")
        return False
    subject.fact("databases", f"{database.name} answers")
    return True
