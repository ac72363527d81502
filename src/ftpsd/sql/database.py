"""A database, shared by all sessions of a worker.

Theory
------
A session never talks to a database itself: its thread may have neither the time nor, after the login, the right to
open sockets and files. `THREADS` threads of the worker keep its rights, each with a connection of its own, and whoever
has a question waits for its answer until a deadline and no longer. When that comes the statement is given up
(`Driver.abandon`), so that the thread is free again. One thread more runs what nobody waits for (SQLLog), in order.

A database that fails is left alone for a while (`Outage`): questions are refused at once, and now and then one is let
through. That is said once, when it begins and when it ends. A statement that the database refuses is no outage.

Nothing is ever sent twice: whether a connection that was idle still works is tried before it is used (unless SQLOptions
NoReconnect), and a statement whose connection breaks under it has failed.

Before `start` (in the supervisor, which has no threads, and in `ftpsd check`) a question has a connection to itself.
"""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from ftpsd.reasons.codes import Code
from ftpsd.settings.sql_parsers import ConnectInfo, KeepAlive, Timeouts
from ftpsd.sql.drivers import driver_for
from ftpsd.sql.errors import Busy, Failed, SqlError, Unavailable, Unreached
from ftpsd.sql.statements import Statement, Value
from ftpsd.tls.cache.outage import Outage

Row = tuple[str | None, ...]
Rows = list[Row]
Report = Callable[[str, "Code | None"], None]
"""Hears a line for the system log, and its reason where something is wrong."""

THREADS = 4
MOST_WAITING = 256
MOST_LATE = 2048
"""Statements for which nobody waits that may lie in the queue; more are dropped and counted."""

LAST_MOMENT = 0.3
"""Seconds of a worker's last one in which statements of the log are still run."""

LATE_PATIENCE = 60.0
"""Seconds that such a statement is kept while the database is away."""

_RETRY = 0.25
MOST_ROWS = 10_000
_QUERY_CANCELED = "57014"
"""PostgreSQL's SQLSTATE for a statement that took too long."""

TRIED_AFTER = 1.0
"""Seconds after which an idle connection is tried before it is used."""


@dataclass(slots=True)
class _Job:
    statement: Statement
    parameters: Sequence[Value]
    answer: Future[Rows] = field(default_factory=Future)


class _Link:
    """A connection of one thread."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._connection: Any = None
        self._used = 0.0
        self._tried = 0.0
        self._lock = threading.Lock()
        self._job: _Job | None = None

    def carry_out(self, job: _Job) -> None:
        """Runs the statement of a job and settles its answer."""
        if not job.answer.set_running_or_notify_cancel():
            return
        with self._lock:
            self._job = job
        try:
            rows = self.execute(job.statement, job.parameters)
        except BaseException as error:
            job.answer.set_exception(error)
        else:
            job.answer.set_result(rows)
        with self._lock:
            self._job = None

    def abandon(self, job: _Job) -> None:
        """Called by whoever waits no longer for `job`; does nothing where that is not being carried out."""
        with self._lock, contextlib.suppress(Exception):  # the connection may be closing at this moment
            if self._job is job:
                self._database.driver.abandon(self._connection.connection.driver_connection)

    def execute(self, statement: Statement, parameters: Sequence[Value]) -> Rows:
        """Raises `SqlError`."""
        self._ready()
        try:
            return _rows(self._connection.exec_driver_sql(statement.sql, tuple(parameters)))
        except Exception as error:
            raise self._wrong(error) from None
        finally:
            self._used = self._tried = time.monotonic()
            if self._database.info.policy.each:
                self.close()

    def _ready(self) -> None:
        idle = time.monotonic() - self._tried
        if self._connection is not None and self._database.reconnects and idle > TRIED_AFTER:
            self._try("SELECT 1")
        if self._connection is None:
            try:
                self._connection = self._database.engine.connect()
            except Exception as error:
                raise Unreached(reason_of(error)) from None

    def _try(self, statement: str) -> None:
        """A connection that does not work any more is closed."""
        try:
            _rows(self._connection.exec_driver_sql(statement))
            self._tried = time.monotonic()
        except Exception as error:
            if isinstance(self._wrong(error), Unavailable):
                self.close()

    def _wrong(self, error: Exception) -> SqlError:
        """What an error means; after one that broke the connection it is closed."""
        original = getattr(error, "orig", None)
        if original is not None and not getattr(error, "connection_invalidated", False):
            slow = getattr(original, "sqlstate", None) == _QUERY_CANCELED
            return Unavailable(reason_of(error)) if slow else Failed(reason_of(error))
        self.close()
        # What the driver cannot write or read (a text in another encoding) says nothing about the database.
        return Failed(reason_of(error)) if isinstance(error, ValueError | TypeError) else Unavailable(reason_of(error))

    def patience(self) -> float | None:
        """Seconds until something is to be done with an idle connection; None: never."""
        if self._connection is None:
            return None
        now, keep_alive, idle = time.monotonic(), self._database.keep_alive, self._database.info.policy.idle
        moments = [self._used + idle] if idle else []
        if keep_alive is not None:
            moments.append(self._tried + keep_alive.interval)
        return max(0.0, min(moments) - now) if moments else None

    def idle(self) -> None:
        """The time of `patience` is over."""
        limit, keep_alive = self._database.info.policy.idle, self._database.keep_alive
        if limit and time.monotonic() - self._used >= limit:
            self.close()
        elif keep_alive is not None and self._connection is not None:
            self._tried = time.monotonic()
            self._try(keep_alive.statement)

    def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(Exception):  # it may be broken already
                connection.close()


class Database:
    """Runs statements. Safe for threads."""

    def __init__(
        self, info: ConnectInfo, timeouts: Timeouts, report: Report, *, keep_alive: KeepAlive | None = None,
        reconnects: bool = True, clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Imports the libraries and connects to nothing. Raises `ConfigError`."""
        self.info = info
        self.timeouts = timeouts
        self.keep_alive = keep_alive
        self.reconnects = reconnects
        self.driver = driver_for(info, timeouts)
        self.engine = self.driver.engine()
        self._report = report
        self._clock = clock
        self._outage = Outage(clock)
        self._jobs: queue.Queue[_Job | None] = queue.Queue(MOST_WAITING)
        self._late: queue.Queue[_Job | None] = queue.Queue(MOST_LATE)
        self._running = False
        self._links: list[_Link] = []
        self._stopped = threading.Event()
        self._recorder: threading.Thread | None = None
        self._dropped = 0

    @property
    def name(self) -> str:
        return f"SQL database '{self.info}' ({self.info.backend})"

    @property
    def patience(self) -> float:
        """Seconds that a question waits at most."""
        return self.timeouts.connect + self.timeouts.query

    def start(self) -> None:
        """In a worker, by a thread with its rights."""
        if self._running:
            return
        self._running = True
        self._links = [_Link(self) for _ in range(THREADS)]
        for number, link in enumerate(self._links):
            threading.Thread(target=self._serve, args=(link,), name=f"sql-{number}", daemon=True).start()
        self._recorder = threading.Thread(target=self._serve_late, name="sql-log", daemon=True)
        self._recorder.start()

    def settle(self, seconds: float) -> None:
        """Waits so long for what is to be written to the log; nothing more is taken for it."""
        if self._recorder is not None:
            with contextlib.suppress(queue.Full):
                self._late.put_nowait(None)
            self._recorder.join(seconds)

    def stop(self) -> None:
        """Ends the threads; what waits for the log has LAST_MOMENT to be written."""
        if not self._running:
            return
        self.settle(LAST_MOMENT)
        self._running = False
        self._stopped.set()
        with contextlib.suppress(queue.Full):
            for _ in range(THREADS):
                self._jobs.put_nowait(None)

    def run(self, statement: Statement, parameters: Sequence[Value]) -> Rows:
        """The rows that a statement returns ([]: none). Raises `Unavailable`, `Failed`."""
        if not self._outage.may_ask():
            raise Unreached(f"{self.name} does not answer")
        try:
            rows = self._answer(_Job(statement, parameters))
        except Busy:
            raise
        except Unavailable as error:
            self._away(error)
            raise
        except Failed:
            self._there()
            raise
        self._there()
        return rows

    def send(self, statement: Statement, parameters: Sequence[Value], failed: Callable[[SqlError], None]) -> bool:
        """Has a statement run for nobody; False: there is too much to do, it is dropped.

        `failed` is called when it has not been run.
        """
        job = _Job(statement, parameters)
        job.answer.add_done_callback(lambda answer: _tell(answer, failed))
        try:
            self._late.put_nowait(job)
        except queue.Full:
            self._drop()
            return False
        return True

    # -- in whoever asks

    def _answer(self, job: _Job) -> Rows:
        if not self._running:
            with contextlib.closing(_Link(self)) as link:
                return link.execute(job.statement, job.parameters)
        try:
            self._jobs.put_nowait(job)
        except queue.Full:
            raise Busy("too many questions wait for an answer") from None
        try:
            return job.answer.result(self.patience)
        except TimeoutError:
            if not job.answer.cancel():
                for link in self._links:
                    link.abandon(job)
            raise Unavailable(f"no answer in {self.patience:g} seconds") from None

    def _away(self, error: Unavailable) -> None:
        if self._outage.failed():
            self._report(
                f"{self.name} does not answer: {error}; logins that need it are refused until it does",
                Code.SQL_UNAVAILABLE)

    def _there(self) -> None:
        if self._outage.worked():
            self._report(f"{self.name} answers again", None)

    def _drop(self) -> None:
        self._dropped += 1
        if self._dropped == 1:
            self._report(
                f"{self.name} is slower than the log: {MOST_LATE} statements wait, more are dropped",
                Code.SQL_LOG_DROPPED)

    # -- in the threads

    def _serve(self, link: _Link) -> None:
        while True:
            try:
                job = self._jobs.get(timeout=link.patience())
            except queue.Empty:
                link.idle()
                continue
            if job is None:
                break
            link.carry_out(job)
        link.close()

    def _serve_late(self) -> None:
        while (job := self._late.get()) is not None:
            try:
                job.answer.set_result(self._persist(job))
            except Exception as error:
                job.answer.set_exception(error)
            if self._dropped and self._late.empty():
                self._report(f"{self.name}: {self._dropped} statements of the log were dropped", Code.SQL_LOG_DROPPED)
                self._dropped = 0

    def _persist(self, late: _Job) -> Rows:
        """Waits while the database is away. What may have been done already is not done again."""
        deadline = self._clock() + LATE_PATIENCE
        while True:
            try:
                return self.run(late.statement, late.parameters)
            except Unreached:
                if self._clock() >= deadline or self._stopped.wait(_RETRY):
                    raise


def _tell(answer: Future[Rows], failed: Callable[[SqlError], None]) -> None:
    error = answer.exception() if not answer.cancelled() else None
    if isinstance(error, SqlError):
        failed(error)


def _rows(result: Any) -> Rows:
    if not result.returns_rows:
        result.close()
        return []
    rows = [tuple(_text(value) for value in row) for row in result.fetchmany(MOST_ROWS)]
    result.close()
    return rows


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value).decode("utf-8", "surrogateescape")
    return str(value)


def reason_of(error: Exception) -> str:
    """The first line of what the database or its library says, without statement and parameters."""
    original = getattr(error, "orig", None) or error
    words = str(original.args[-1] if getattr(original, "args", ()) else original).strip().splitlines()
    return " ".join(words[0].split()) if words else type(original).__name__
