"""What can go wrong with a database. The texts are for logs: the database's words, without values or passwords."""

from __future__ import annotations

from ftpsd.errors import FtpsdError


class SqlError(FtpsdError):
    """A query has no result."""


class Unavailable(SqlError):
    """The database cannot be asked at the moment: no connection, no answer in time, too much to do."""


class Unreached(Unavailable):
    """The same, and nothing of the statement has been sent: it may be tried again."""


class Busy(Unreached):
    """We ask too much at the moment: no fault of the database."""


class Failed(SqlError):
    """The database refused the statement (a table is missing, a column has another type …)."""


class Unusable(Failed):
    """What the database has of one user cannot be used (its columns, an id); of others it can."""
