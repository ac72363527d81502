"""The supervisor: one process, one thread, no traffic. It owns listeners, workers, PidFile and scoreboard.

SIGTERM, SIGINT, SIGQUIT end the server; SIGHUP loads the configuration again (all or nothing: whatever
fails, the present one serves on); SIGUSR1 opens the logs anew; SIGABRT ends it with status 134.
"""

from __future__ import annotations

import functools
import gc
import os
import select
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

import ftpsd
from ftpsd.errors import ConfigError
from ftpsd.metrics.tally import Tally
from ftpsd.server import handed, process, single
from ftpsd.server.certificates import CertificateWatch
from ftpsd.server.closing import ClosingWatch
from ftpsd.server.contract import Attendant, Service, ServiceFactory
from ftpsd.server.crew import Crew, StartError
from ftpsd.server.generation import Generation, build, located
from ftpsd.server.journal import Journal
from ftpsd.server.layout import SLOTS
from ftpsd.server.listeners import Listeners
from ftpsd.server.notify import Notifier, inherited_sockets
from ftpsd.server.options import Options, load
from ftpsd.server.orders import Order
from ftpsd.server.pidfile import PidFile
from ftpsd.server.scoreboard import Scoreboard
from ftpsd.server.signals import SignalQueue
from ftpsd.server.watchdog import Watchdog
from ftpsd.server.worker import reopen_logs
from ftpsd.settings import Configuration, place
from ftpsd.settings.server import INETD
from ftpsd.tls.startup import enable_fips
from ftpsd.vfs import rights

END_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGABRT)
CAUGHT = (*END_SIGNALS, signal.SIGHUP, signal.SIGUSR1, signal.SIGCHLD)
IGNORED = (signal.SIGPIPE, signal.SIGUSR2)

WORKERS_END = 1.0
"""Seconds that workers have to end; with what follows the whole end takes less than two."""

_WHILE_IMPORTING = 0o022
"""The umask until everything is imported: Python keeps what it compiles, and later, under umask 0, it must not."""

Build = Callable[[Listeners, int, Configuration | None], Generation]
"""The next generation, from a configuration that is given or (None) from the file."""

Attendance = Callable[["Supervisor"], Attendant]
"""Makes an attendant of a supervisor that has forked nobody yet."""


def run(
    options: Options, factory: ServiceFactory | None = None, *,
    loader: Callable[[Options], Configuration] = load, announce: Callable[[], object] | None = None,
    attendances: Iterable[Attendance] = (), tally: Tally | None = None,
) -> int:
    """Be the server that `options` describe until it ends; the exit status. ServerType inetd: see `server.single`.

    In daemon mode it returns in the launching process as soon as the daemon accepts connections. Errors
    are said on standard error. `factory` makes the service (default: the one that serves files, which counts in
    `tally`), `loader` reads the configuration; `announce` is called once, when connections are accepted; `attendances`
    make what the supervisor attends to beside its workers (the control socket).
    """
    os.umask(_WHILE_IMPORTING)
    process.raise_descriptor_limit()
    notifier = Notifier(os.environ)
    try:
        enable_fips(options.defines)
        read = functools.partial(loader, options.settled())
        configuration = read()
        if configuration.server.server_type == INETD:
            alone = replace(options, foreground=options.foreground and not handed.is_shielded())
            factory = factory or service_factory(alone, attended=False)
            rights.prepare_process()
            return single.run(options, configuration, factory)
        factory = factory or service_factory(options, tally)
        rights.prepare_process()
        given = inherited_sockets(os.environ)
        listeners = Listeners.from_sockets(given) if given else Listeners()
        builder = functools.partial(_build, read, factory, options.ipv6)
        generation = builder(listeners, 1, configuration)
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 1
    gc.enable()
    launch = process.Launch(True) if options.foreground else process.detach()
    if not launch.daemon:
        if launch.error is not None:
            print(launch.error, file=sys.stderr)
        return 0 if launch.error is None else 1
    journal = Journal(stderr=options.foreground and not options.quiet, program=options.program)
    return Supervisor(builder, generation, launch, journal, notifier, attendances).run(announce)


def check(options: Options, factory: ServiceFactory | None = None) -> tuple[str, ...]:
    """Find every error that a start would find before it binds sockets (option -t); the notices.

    Raises `ConfigError`.
    """
    enable_fips(options.defines)
    configuration = load(options)
    service = (factory or service_factory(options))(configuration)
    try:
        with located(configuration):
            service.prepare()
        return tuple(dict.fromkeys((*configuration.notices, *service.notices)))
    finally:
        service.close()


def service_factory(options: Options, tally: Tally | None = None, *, attended: bool = True) -> ServiceFactory:
    """The service that serves files. Imported here, so that `server` can be used without it.

    `tally`: where it counts, if MetricsAddress is configured; `attended`: somebody can be asked for passphrases.
    """
    from ftpsd.session.service import Service
    from ftpsd.tls.asking import Console, Nobody, ask_provider
    from ftpsd.tls.passphrases import Passphrases
    from ftpsd.tls.sessions import Resumption
    from ftpsd.tls.stapling.shelf import Shelf

    stderr = options.foreground and not options.quiet
    passphrases = Passphrases(Console() if attended else Nobody(), ask_provider)
    return functools.partial(
        Service, debug_level=options.debug, stderr=stderr, passphrases=passphrases, shelf=Shelf(),
        resumption=Resumption(), tally=tally, program=options.program)


def _build(
    read: Callable[[], Configuration], factory: ServiceFactory, ipv6: bool | None,
    listeners: Listeners, number: int, given: Configuration | None,
) -> Generation:
    configuration = read() if given is None else given
    if configuration.server.server_type == INETD:
        raise ConfigError(
            "ServerType inetd, while this server listens itself", directive="ServerType",
            location=place(configuration, "ServerType"), remedy="End it, and have inetd or systemd start ftpsd.")
    return build(lambda: configuration, factory, listeners, number=number, ipv6=ipv6)


class Supervisor:
    """The life of the supervising process, from the first fork to the last `waitpid`."""

    def __init__(
        self, builder: Build, generation: Generation, launch: process.Launch, journal: Journal,
        notifier: Notifier, attendances: Iterable[Attendance] = (),
    ) -> None:
        self._build = builder
        self._present = generation
        self._base = generation.configuration
        self._restarts = 0
        self._standing: dict[str, Order] = {}
        self._ending = False
        self._ends_at: float | None = None
        self._launch = launch
        self._journal = journal
        self._notifier = notifier
        self._pending: set[signal.Signals] = set()
        self._signals = SignalQueue(CAUGHT, IGNORED)
        self._pidfile: PidFile | None = None
        self._others: list[Generation] = []
        journal.open(generation.configuration)
        self._board = self._open_scoreboard()
        self._crew = Crew(self._board, journal, self._leave_supervisor)
        attendants: list[Attendant] = [ClosingWatch(self), CertificateWatch(self)]
        attendants += [make(self) for make in attendances]
        if notifier.watchdog is not None:
            attendants.append(Watchdog(self, notifier, notifier.watchdog))
        self._attendants: Sequence[Attendant] = attendants

    def run(self, announce: Callable[[], object] | None = None) -> int:
        """Serve until a signal ends it; the exit status."""
        try:
            self._start()
        except StartError as error:
            self._launch.failed(f"fatal: {error}")
            self._journal.say(f"fatal: {error}", console=False)
            self._end()
            return 1
        if announce is not None:
            announce()
        while not self._pending & set(END_SIGNALS) and not self._may_end():
            self._turn(self._crew.next_start())
            self._handle_signals()
            self._crew.refill()
        why = ", ".join(sorted(number.name for number in self._pending)) or "asked for through the control socket"
        self._journal.say(f"ftpsd {ftpsd.__version__} standalone mode SHUTDOWN ({why})")
        status = 128 + signal.SIGABRT if signal.SIGABRT in self._pending else 0
        self._end()
        return status

    def _start(self) -> None:
        generation = self._present
        self._bound(generation.configuration)
        for notice in generation.notices:
            self._journal.say(notice)
        self._crew.start(generation)
        self._write_pidfile()
        self._tell_attendants()
        self._launch.succeeded()
        self._notifier.ready()
        self._journal.say(f"ftpsd {ftpsd.__version__} standalone mode STARTUP")

    def _turn(self, seconds: float | None) -> None:
        """Wait at most so long for signals, which are noted in `_pending`, and for what attendants wait for."""
        poll = select.poll()
        poll.register(self._signals, select.POLLIN)
        for attendant in self._attendants:
            for fd, mask in attendant.interests().items():
                poll.register(fd, mask)
        moments = [self._ends_at, *(attendant.due() for attendant in self._attendants)]
        now = time.monotonic()
        waits = [at - now for at in moments if at is not None] + ([] if seconds is None else [seconds])
        ready = {fd for fd, _ in poll.poll(max(0.0, min(waits)) * 1000 if waits else None)}
        if self._signals.fileno() in ready:
            self._pending.update(self._signals.take())
        for attendant in self._attendants:
            self._attend(attendant, ready)

    def _attend(self, attendant: Attendant, ready: set[int]) -> None:
        mine = ready & attendant.interests().keys()
        due = attendant.due()
        if mine or (due is not None and due <= time.monotonic()):
            try:
                attendant.attend(mine)
            except Exception:
                self._journal.say(f"a defect in ftpsd, please report it:\n{traceback.format_exc()}")

    def _tell_attendants(self) -> None:
        for attendant in self._attendants:
            attendant.follow(self._present.configuration)

    def _handle_signals(self) -> None:
        taken, self._pending = self._pending, self._pending & set(END_SIGNALS)
        if self._pending:
            return  # workers that were told to end as well (by systemd, `timeout`, a terminal) are no loss
        if signal.SIGCHLD in taken:
            self._crew.reap()
        if signal.SIGUSR1 in taken:
            self._reopen_logs()
        if signal.SIGHUP in taken:
            self._reload()

    def _reopen_logs(self) -> None:
        reopen_logs(self._present.service, self._journal)
        self._crew.reopen_logs()

    def _reload(self) -> None:
        self._journal.say("received SIGHUP: loading the configuration again")
        try:
            self.restart()
        except ConfigError as error:
            self._journal.say(f"{error}\n  nothing has changed: the present configuration serves on")
        except StartError as error:
            self._journal.say(f"fatal: {error}\n  nothing has changed: the present configuration serves on")
        except Exception:
            why = traceback.format_exc()
            self._journal.say(f"the reload failed, please report it; nothing has changed:\n{why}")

    # ---- for attendants

    @property
    def board(self) -> Scoreboard:
        """Who is on."""
        return self._board

    @property
    def journal(self) -> Journal:
        """The server's log."""
        return self._journal

    @property
    def configuration(self) -> Configuration:
        """What is served now."""
        return self._present.configuration

    @property
    def base(self) -> Configuration:
        """What the file says that `configuration` was made of."""
        return self._base

    @property
    def service(self) -> Service:
        """The service of `configuration`; sessions are served by its copies in the workers."""
        return self._present.service

    @property
    def rows(self) -> Sequence[int]:
        """Rows of the scoreboard that belong to the workers of `configuration`."""
        return self._present.rows

    @property
    def ending(self) -> bool:
        """Whether the server only waits for its last sessions."""
        return self._ending

    @property
    def restarts(self) -> int:
        """How often the configuration was loaded again."""
        return self._restarts

    def restart(self) -> None:
        """Load the configuration again and serve it to new sessions; those that are there get their logs anew.

        Raises `ConfigError`, `StartError`, or what a defect raises; then nothing else has changed.
        """
        before = self._present
        try:
            self._replace(None)
        finally:
            if self._present is before:
                self._reopen_logs()
            else:  # its own logs have just been opened
                self._crew.reopen_logs(but=self._present.number)
        self._base = self._present.configuration
        self._standing = {name: order for name, order in self._standing.items() if not order.until_restart}
        self._restarts += 1

    def adopt(self, configuration: Configuration, accept: Callable[[Service], object] | None = None) -> None:
        """Serve `configuration` to new sessions, until the file is loaded again, unless `accept` raises something about
        the service that was made of it. Raises as `restart` does."""
        self._replace(configuration, accept)

    def command(self, order: Order, fds: Sequence[int] = ()) -> None:
        """Have all workers, and those to come, do something; those that are there get copies of `fds`."""
        if order.standing:
            self._standing[order.name] = order
        order.carry_out(self._present.service)
        self._crew.command(order, fds)

    def shut_down(self, seconds: float | None = 0.0) -> None:
        """End the server: after its last session, or after `seconds` (None: only then). No new sessions from now."""
        now = time.monotonic()
        self._ends_at = None if seconds is None else now + seconds
        self._ending = True
        self._crew.retire()
        self._present.listeners.close()

    def _may_end(self) -> bool:
        overdue = self._ends_at is not None and time.monotonic() >= self._ends_at
        return self._ending and (overdue or not self._crew.pids)

    def _replace(
        self, configuration: Configuration | None, accept: Callable[[Service], object] | None = None,
    ) -> None:
        if self._ending:
            raise StartError("the server is about to end")
        before = self._present
        self._notifier.reloading()
        try:
            after = self._build(before.listeners, before.number + 1, configuration)
            if accept is not None:
                try:
                    accept(after.service)
                except BaseException:
                    after.discard(before.listeners)
                    raise
            for order in self._standing.values():
                if configuration is not None or not order.until_restart:
                    order.carry_out(after.service)
            self._swap(before, after)
        finally:
            self._notifier.ready()

    def _swap(self, before: Generation, after: Generation) -> None:
        self._others = [before]
        limit, rate = self._board.limit, self._board.rate
        self._bound(after.configuration)
        try:
            self._crew.start(after)
        except StartError:
            self._board.limit, self._board.rate = limit, rate
            after.discard(before.listeners)
            raise
        finally:
            self._others = []
        self._present = after
        self._crew.drain(before.number)
        before.discard(after.listeners)
        self._journal.open(after.configuration)
        self._write_pidfile()
        self._tell_attendants()
        for notice in after.notices:
            self._journal.say(notice)
        self._journal.say(f"the new configuration is served (number {after.number})")

    def _leave_supervisor(self, generation: Generation) -> None:
        """In a new worker: close what belongs to the supervisor and to other generations."""
        self._signals.close()
        self._launch.forget()
        for attendant in self._attendants:
            attendant.leave()
        for other in self._others:
            other.discard(generation.listeners)

    def _end(self) -> None:
        self._notifier.stopping()
        self._ends_at = None  # it has come: the wait for the workers is not to end at once for it, again and again
        for attendant in self._attendants:
            attendant.close()
        self._attendants = ()
        self._present.listeners.close()
        self._crew.stop(WORKERS_END, self._turn)
        self._present.service.close()
        if self._pidfile is not None:
            self._pidfile.remove()
        self._board.close(remove=True)
        self._journal.close()
        self._signals.close()

    def _bound(self, configuration: Configuration) -> None:
        """MaxInstances and MaxConnectionRate are the configuration's from now on."""
        self._board.limit = self._limit(configuration)
        self._board.rate = configuration.hosts[0].settings.bounds.max_connection_rate

    def _limit(self, configuration: Configuration) -> int:
        wanted = configuration.hosts[0].settings.limits.max_instances
        if wanted is not None and wanted > SLOTS:
            self._journal.say(f"MaxInstances {wanted}: {SLOTS} sessions are the most that ftpsd serves")
        return wanted or SLOTS

    def _open_scoreboard(self) -> Scoreboard:
        path = self._present.configuration.server.scoreboard_file
        if path is not None:
            try:
                return Scoreboard.create(path)
            except OSError as error:
                self._journal.say(f"ScoreboardFile {path}: {error.strerror}; it is kept in memory instead")
        return Scoreboard.create()

    def _write_pidfile(self) -> None:
        path = self._present.configuration.server.pid_file
        if self._pidfile is not None and self._pidfile.path == path:
            return
        if self._pidfile is not None:
            self._pidfile.remove()
        self._pidfile = None if path is None else PidFile(path)
        if self._pidfile is not None:
            try:
                self._pidfile.write()
            except OSError as error:
                self._journal.say(f"PidFile {path}: {error.strerror}; there is none")


