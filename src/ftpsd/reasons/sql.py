"""Databases that accounts, limits and logs lie in."""

from __future__ import annotations

from ftpsd.reasons.codes import Code
from ftpsd.reasons.reason import Reason

REASONS = (
    Reason(
        Code.SQL_UNAVAILABLE,
        "The SQL database does not answer, so nobody can log in whose account lies there.",
        causes=(
            "The database server is down, restarts, or has as many connections as it allows.",
            "Host, port, user or password in SQLConnectInfo are wrong; a firewall is in between.",
            "A statement took longer than SQLTimeouts: a table is locked, an index is missing.",
        ),
        confirm=(
            "The line in the system log has the database's own words; it stands there once, and once more when the"
            " database answers again.",
            "`ftpsd check` asks the database.",
        ),
        server=(
            "Start the database; nothing has to be done to ftpsd, which tries again every few seconds.",
            "SQLOptions NoDisconnectOnError has the other sources of AuthOrder asked meanwhile.",
        ),
        shown=("530 Login incorrect. (the same for every cause, so that nobody can find out who exists)",),
    ),
    Reason(
        Code.SQL_STATEMENT_FAILED,
        "The SQL database refused a statement.",
        causes=(
            "A table or a column of SQLUserInfo, SQLGroupInfo or an SQLNamedQuery is not there.",
            "The database's user may not read or write the table.",
            "A value does not fit its column: too long, not a number, there already.",
        ),
        confirm=("The line in the system log names the query and has the database's own words.",
                 "`ftpsd check` looks for tables and columns.",),
        server=("Correct the query or the table, and reload.",),
        shown=("System log: SQL query 'SQLUserInfo' failed: no such column: userid",),
    ),
    Reason(
        Code.SQL_LOG_DROPPED,
        "Statements of SQLLog were dropped, because the database is slower than what happens.",
        causes=("The database is away or busy for longer than its queue lasts.",),
        confirm=("The line in the system log counts them.",),
        server=("Log less (SQLLog names commands), or make the table faster: fewer indexes, no locks.",),
        shown=("System log: SQL database 'log' (postgres): 17 statements of the log were dropped",),
    ),
    Reason(
        Code.REDIS_LOG_UNREACHABLE,
        "The Redis server that commands are logged to does not answer. Sessions go on; entries wait for it.",
        causes=(
            "It is down, or restarts; address, user or password in RedisServer are wrong; a firewall is in between.",
            "It takes longer than RedisTimeouts.",
        ),
        confirm=(
            "The line in the system log has the library's own words; it stands there once, and once more when Redis"
            " answers again.",
            "`redis-cli -h HOST -p PORT ping`; `ftpsd check` tries to connect.",
        ),
        server=("Start it, or correct RedisServer; ftpsd tries again every few seconds.",),
        shown=("System log: Redis (10.0.0.5:6379) does not answer: Connection refused; entries wait",),
    ),
    Reason(
        Code.REDIS_LOG_LOST,
        "Entries of RedisLogOnCommand or RedisLogOnEvent are lost.",
        causes=(
            "Redis is away or slow for longer than the queue of a worker lasts (4096 entries).",
            "It did not answer in time after entries had been sent, which are never sent twice.",
            "It refuses them: the key is no list (WRONGTYPE), the user may not write it (NOPERM), its memory is full"
            " (OOM).",
        ),
        confirm=("The lines in the system log have Redis' own words, and count what was lost.",),
        server=("Log less, give another key as the third word, or give Redis more memory; RedisTimeouts can be longer,"
                " no session waits for it.",),
        shown=("System log: Redis (10.0.0.5:6379): 17 entries were lost",),
    ),
)
