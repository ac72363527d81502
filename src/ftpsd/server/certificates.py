"""Looks after the certificates that are served: new files come into force by themselves, ends are announced.

An `Attendant` of the supervisor; `tls.live` has the theory and decides, here it is done. What it does to the server is
`Supervisor.adopt` with the configuration that is there: a new generation, made and checked completely before the swap.
"""

from __future__ import annotations

import enum
import select
import time
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ftpsd.errors import ConfigError, FtpsdError
from ftpsd.reasons.codes import Code, Good
from ftpsd.server.contract import Service
from ftpsd.server.crew import StartError
from ftpsd.settings import Configuration
from ftpsd.tls.live import expiry, files
from ftpsd.tls.live.facts import Served
from ftpsd.tls.live.files import Contents, State, Watched
from ftpsd.tls.live.judge import Objection, judge
from ftpsd.tls.live.wakeup import Wakeup

if TYPE_CHECKING:
    from ftpsd.server.supervisor import Supervisor

SETTLE = 0.3
"""Seconds between the kernel's word of a change and the look at it: files come in twos."""

PATIENCE = 3.0
"""Seconds that files may not fit together after their last change before that is an error."""

LOOK, LOOK_BLINDLY = 60.0, 10.0
"""Seconds between looks that nobody asked for: network file systems tell the kernel nothing. The second where
the kernel cannot be asked at all."""

SHUT_OUT = 60.0
"""Seconds until the next attempt when no workers could be started."""

REMINDER = 86_400.0
"""Seconds between two warnings about one certificate in the log."""

_NOTHING = Watched((), ())


class _Refused(FtpsdError):
    def __init__(self, objection: Objection) -> None:
        super().__init__(objection.text)
        self.objection = objection


class _End(enum.Enum):
    """How an attempt ended that met no objection."""

    SERVED = enum.auto()
    NO_WORKERS = enum.auto()


class CertificateWatch:
    """See the module. `clock` is monotonic, `now` the time of day."""

    def __init__(
        self, supervisor: Supervisor, clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._supervisor = supervisor
        self._clock = clock
        self._now = now
        self._watched = _NOTHING
        self._wakeup: Wakeup | None = None
        self._deaf = False
        self._state: State = {}
        self._served: Contents = {}
        self._refused: Contents | None = None
        self._found: Contents = {}
        self._since = 0.0
        self._pause = SETTLE
        self._lists: Contents = {}
        self._adopting = False
        self._waiting = False
        self._next: float | None = None
        self._next_reminder: float | None = None
        self._reminded: dict[tuple[str, Code], float] = {}

    # ---- for the supervisor

    def interests(self) -> Mapping[int, int]:
        """See `Attendant`."""
        if self._wakeup is None or self._wakeup.fd is None or self._deaf:
            return {}
        return {self._wakeup.fd: select.POLLIN}

    def due(self) -> float | None:
        """See `Attendant`."""
        return min((at for at in (self._next, self._next_reminder) if at is not None), default=None)

    def attend(self, ready: Collection[int]) -> None:
        """See `Attendant`. After the kernel's word it does not listen until it has looked, whatever else happens in
        those directories."""
        now = self._clock()
        if ready and not self._deaf:
            self._deaf = True
            self._next = now + SETTLE
        if self._next is not None and self._next <= now:
            self._look(now)
        if self._next_reminder is not None and self._next_reminder <= now:
            self._remind(now)

    def follow(self, configuration: Configuration) -> None:
        """See `Attendant`."""
        now = self._clock()
        self._watch(configuration, now)
        if not self._adopting:
            self._refused, self._found = None, {}
            self._state = files.state(self._watched.pairs)
            self._served = files.contents(self._watched.pairs)
            self._lists = files.contents(self._watched.lists)
            if self._is_stale(configuration):  # somebody was quicker than we
                self._state, self._served = {}, {}
                self._next = self._next and now + SETTLE  # nobody wakes us for what is past
        self._remind(now)

    def leave(self) -> None:
        """See `Attendant`."""
        if self._wakeup is not None:
            self._wakeup.close()

    close = leave

    # ---- files

    def _watch(self, configuration: Configuration, now: float) -> None:
        if self._wakeup is not None:
            self._wakeup.close()
        self._wakeup = None
        wanted = configuration.hosts[0].settings.certificates.watch
        self._watched = files.watched(configuration) if wanted else _NOTHING
        if self._watched == _NOTHING:
            self._next = None
            return
        self._listen()
        self._next = now + self._interval

    def _listen(self) -> None:
        """For what happens from now on, also where links lead somewhere else by now."""
        directories = self._watched.directories
        if self._wakeup is None or self._wakeup.directories != directories:
            self.leave()
            self._wakeup = Wakeup(directories)
        self._wakeup.clear()
        self._deaf = False

    @property
    def _interval(self) -> float:
        return LOOK if self._wakeup is not None and self._wakeup.complete else LOOK_BLINDLY

    def _is_stale(self, configuration: Configuration) -> bool:
        """Whether a certificate's file holds another one by now than is served."""
        found = {(one.host, one.path): one.fingerprint for one in files.leaves(configuration)}
        return any(
            found.get((one.host, one.path), one.fingerprint) != one.fingerprint
            for one in self._supervisor.service.certificates())

    def _look(self, now: float) -> None:
        self._listen()
        self._next = now + self._interval
        self._look_at_lists()
        state = files.state(self._watched.pairs)
        pending = self._found not in ({}, self._refused)
        if state == self._state and not pending:
            return
        self._state = state
        self._consider(files.contents(self._watched.pairs), now)

    def _consider(self, found: Contents, now: float) -> None:
        if found in (self._served, self._refused):
            self._found = {}
            return
        if found != self._found:
            self._found, self._since, self._pause = found, now, SETTLE
        end = self._attempt()
        self._waiting = end is _End.NO_WORKERS
        if end is _End.SERVED:
            self._served, self._found, self._refused = found, {}, None
        elif end is _End.NO_WORKERS:
            self._next = now + SHUT_OUT
        elif now - self._since >= PATIENCE:
            self._refuse(end)
            self._refused, self._found = found, {}
        else:
            self._next, self._pause = now + self._pause, self._pause * 2

    def _attempt(self) -> Objection | _End:
        """Serve what is in the files now, or say why not."""
        configuration = self._supervisor.configuration
        wrong = files.objection(configuration)
        if wrong is not None:
            return wrong
        old = tuple(self._supervisor.service.certificates())
        self._adopting = True
        try:
            self._supervisor.adopt(configuration, lambda service: self._check(old, service))
        except _Refused as refused:
            return refused.objection
        except ConfigError as error:
            return Objection(Code.CERT_UNREADABLE, error.text, error.remedy or "")
        except StartError as error:
            if not self._supervisor.ending and not self._waiting:
                self._say(f"new certificates have to wait: {error} [{Code.CERT_KEPT}]", Code.CERT_KEPT)
            return _End.NO_WORKERS
        finally:
            self._adopting = False
        self._tell(old)
        return _End.SERVED

    def _check(self, old: tuple[Served, ...], service: Service) -> None:
        objection = judge(old, tuple(service.certificates()), self._now())
        if objection is not None:
            raise _Refused(objection)

    def _tell(self, old: tuple[Served, ...]) -> None:
        known = {each.fingerprint for each in old}
        fresh = {
            (one.path, one.fingerprint): one for one in self._supervisor.service.certificates()
            if one.fingerprint not in known}
        for one in fresh.values():
            self._say(
                f"certificate '{one.path}' is new ({', '.join(one.names) or 'no names'}; until {one.ends:%Y-%m-%d}):"
                " new sessions get it, those that are on keep the old one")
        if not fresh:
            self._say("the files of keys or authorities have changed: new sessions use them")

    def _refuse(self, objection: Objection) -> None:
        head = f"{objection.text}; the old certificate is served on [{objection.code}]"
        self._say("\n".join((head, f"  {objection.remedy}") if objection.remedy else (head,)), objection.code)

    # ---- revocation lists, which workers read by themselves

    def _look_at_lists(self) -> None:
        found = files.contents(self._watched.lists)
        if found == self._lists:
            return
        self._lists = found
        for host in files.secured(self._supervisor.configuration):
            objection = files.lists_objection(host)
            if objection is not None:
                self._say(f"{objection.text}; the old lists stay in force [{objection.code}]", objection.code)
                return
        self._say("revocation lists have changed: they are in force")

    # ---- ends

    def _remind(self, now: float) -> None:
        self._next_reminder = now + 3600.0
        today = self._now()
        certificates = tuple(self._supervisor.service.certificates())
        self._supervisor.board.warnings = tuple(expiry.warnings(certificates, today))
        for one in {each.fingerprint: each for each in certificates}.values():
            code = expiry.code_of(one, today)
            if code is not None and now - self._reminded.get((one.fingerprint, code), -REMINDER) >= REMINDER:
                self._reminded[one.fingerprint, code] = now
                self._say(f"certificate '{one.path}' {expiry.when(one.ends, today)}: renew it [{code}]", code)

    def _say(self, text: str, reason: Code | Good = Good.NOTICE) -> None:
        self._supervisor.journal.say(text, reason=reason)
