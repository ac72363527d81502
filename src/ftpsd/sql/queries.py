"""Named queries: how the rest of ftpsd asks a database.

    queries = databases.of(host)                                  # `setup.Databases`; None: the host has no database
    rows = queries.run("get-limit", (user, "user"))               # waits; %{0}, %{1} in the SQLNamedQuery
    queries.send("count-login", (user,))                          # waits for nobody

`run` returns all rows, each a tuple of texts and None for NULL. It raises `Unavailable` when the database does not
answer (after at most `Database.patience` seconds, at once while an outage lasts) and `Failed` when it refuses the
statement or there is no such query; both are `SqlError`, and both have been said in the log when they are raised.
`values` tells what the variables of LogFormat mean (`%u`, `%a` …); without it they are those of the session whose
thread calls (`calling`), or have no value.

Any thread may call, whatever rights it has left: other threads talk to the database. Every value is a bound parameter;
none ever becomes part of a statement.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence

from ftpsd.reasons.codes import Code
from ftpsd.settings.sql_parsers import MAIN, NamedQuery
from ftpsd.settings.sql_template import Template
from ftpsd.sql.database import Database, Report, Rows
from ftpsd.sql.errors import Failed, SqlError
from ftpsd.sql.statements import NOTHING, Statement, Value, Values, bind, render


class _Calling(threading.local):
    values: Values = NOTHING


_calling = _Calling()


def calling(values: Values) -> None:
    """From now on the calling thread, a session's, asks with these `values` where it says no others."""
    _calling.values = values


def present() -> Values:
    """The values with which the calling thread asks."""
    return _calling.values


class NamedQueries:
    """The SQLNamedQuery directives of a host, and its databases by the name of their connection."""

    def __init__(self, databases: Mapping[str, Database], queries: Sequence[NamedQuery], report: Report) -> None:
        self.databases = databases
        self._known = {query.name: query for query in reversed(queries)}
        self._statements = {
            name: render(query.template, databases[query.connection].driver.place)
            for name, query in self._known.items()
        }
        self._report = report
        self._complaints: dict[str, str] = {}

    def __contains__(self, name: str) -> bool:
        return name in self._known

    def place(self, name: str) -> str:
        """The name of a query's database; of SQLite's, that of its file. Others elsewhere may be called so, too."""
        return self.databases[self._known[name].connection].info.database.rpartition("/")[2]

    def run(self, name: str, numbered: Sequence[Value] = (), values: Values | None = None) -> Rows:
        """The rows of the query `name` with `numbered` for %{0} …. Raises `SqlError`."""
        query, statement = self._named(name)
        return self._run(name, self.databases[query.connection], statement, numbered, values)

    def send(
        self, name: str, numbered: Sequence[Value] = (), values: Values | None = None, *, lenient: bool = False,
    ) -> None:
        """Has the query run soon, and in order; `lenient`: nobody hears of a failure."""
        query, statement = self._named(name)
        parameters = bind(statement, numbered, values or _calling.values)

        def failed(error: SqlError) -> None:
            if not lenient:
                self._complain(name, error)

        self.databases[query.connection].send(statement, parameters, failed)

    def prepared(self, template: Template) -> Statement:
        """A statement for `ask`."""
        return render(template, self.databases[MAIN].driver.place)

    def ask(
        self, what: str, statement: Statement, numbered: Sequence[Value] = (), values: Values | None = None,
    ) -> Rows:
        """The rows of a statement on the main connection; `what` names it in complaints. Raises `SqlError`."""
        return self._run(what, self.databases[MAIN], statement, numbered, values)

    def _named(self, name: str) -> tuple[NamedQuery, Statement]:
        query = self._known.get(name)
        if query is None:
            raise Failed(f"there is no SQLNamedQuery '{name}'")
        return query, self._statements[name]

    def _run(
        self, what: str, database: Database, statement: Statement, numbered: Sequence[Value], values: Values | None,
    ) -> Rows:
        try:
            rows = database.run(statement, bind(statement, numbered, values or _calling.values))
        except Failed as error:
            self._complain(what, error)
            raise
        self._complaints.pop(what, None)
        return rows

    def _complain(self, what: str, error: SqlError) -> None:
        """Says it unless it was the last that was said of this query. (Of outages the database itself speaks.)"""
        text = str(error)
        if isinstance(error, Failed) and self._complaints.get(what) != text:
            self._complaints[what] = text
            self._report(f"SQL query '{what}' failed: {text}", Code.SQL_STATEMENT_FAILED)
