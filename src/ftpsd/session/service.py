"""Everything that sessions share: what the configuration became, and how a connection becomes a session.

`prepare` runs in the supervisor, as root and before the fork: certificates and keys are loaded, log files
opened, account files looked at. Workers inherit the result. `serve` runs in a thread per connection.
"""

from __future__ import annotations

import errno
import os
import socket
import threading
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache, partial

from ftpsd.access import limits
from ftpsd.access.classes import classes_of
from ftpsd.access.closing import Closing, Stage
from ftpsd.access.occupancy import host_key
from ftpsd.auth.backends import backends
from ftpsd.auth.chain import Authenticator
from ftpsd.auth.pamdesk import Desk
from ftpsd.data.endpoints import SocketTuning, ephemeral_ports
from ftpsd.ftp.catalog import Catalog
from ftpsd.guard.bans import Bans
from ftpsd.guard.opening import check_wrap_tables, open_bans
from ftpsd.guard.quotas import QuotaTables
from ftpsd.log import events
from ftpsd.log.bus import EventLog
from ftpsd.log.events import Level, Origin
from ftpsd.log.identity import PROGRAM, writer_id
from ftpsd.log.redislog import RedisLogSink, open_redis_log
from ftpsd.log.sinks import open_sinks
from ftpsd.metrics.tally import Tally
from ftpsd.reasons.codes import Code, Good
from ftpsd.session import (
    banning,
    counting,
    environment,
    handlers,
    ident,
    languages,
    loop,
    masquerade,
    proxying,
    redislogs,
    resources,
)
from ftpsd.session.admission import Admission, Comer
from ftpsd.session.closing import Doors
from ftpsd.session.control import Control
from ftpsd.session.endpoints import Ends
from ftpsd.session.masquerade import Masquerade
from ftpsd.session.names import HostNames
from ftpsd.session.places import Places
from ftpsd.session.proxying import Arrival
from ftpsd.session.sqlhosts import SqlHosts
from ftpsd.session.stapling import Staples
from ftpsd.session.state import Session, SlotView
from ftpsd.session.timers import Marks
from ftpsd.session.tracing import LiveTrace, Tracing
from ftpsd.session.traits import Traits, traits_of
from ftpsd.settings.logging import LoggingSettings
from ftpsd.settings.model import Configuration, Host, Settings
from ftpsd.settings.proxy import ProxySettings
from ftpsd.settings.tls import TLSSettings
from ftpsd.sql.queries import NamedQueries
from ftpsd.tls import asking, contexts, diagnostics, library, startup
from ftpsd.tls.acme import setup as acme
from ftpsd.tls.cache.base import Store
from ftpsd.tls.contexts import HostTLS
from ftpsd.tls.errors import OpenSSLError
from ftpsd.tls.live.facts import Served
from ftpsd.tls.passphrases import Passphrases
from ftpsd.tls.policy import TLSState
from ftpsd.tls.sessions import Resumption, Sessions
from ftpsd.tls.stapling.shelf import Shelf
from ftpsd.vfs import idling, rights
from ftpsd.vfs.digests import DigestMemory
from ftpsd.vfs.giver import Giver

_IDENTITY_BYTES = 32
_NAME_BYTES = 6
_PROVIDER = "pass_phrase_provider"
_NO_CLASS: frozenset[str] = frozenset()
_GONE = frozenset({errno.ENOTCONN, errno.EINVAL, errno.EHOSTUNREACH, errno.ENETUNREACH})
"""What the kernel says of the socket of a client that has left, beside errors that have classes of their own."""


@dataclass(slots=True)
class HostRuntime:
    """A host with what `prepare` made of its settings. `worker`: uid and gid of its sessions before login, `tuning`:
    of their sockets, where no <IfClass> changes it.
    """

    host: Host
    authenticator: Authenticator
    secured: HostTLS | None
    masquerade: Masquerade
    worker: tuple[int, int]
    tuning: SocketTuning
    languages: Mapping[str, Catalog]
    key: bytes
    """What stands for it where sessions of all hosts are counted."""
    traits: Traits
    """What its own settings look at, for sessions in which no section changes them."""
    queries: NamedQueries | None = None
    """The host's database; None: it has none."""

    def tls(self) -> HostTLS:
        """The host's TLS; only asked where the policy has allowed AUTH."""
        if self.secured is None:
            raise ValueError("TLS is not configured for this host")
        return self.secured


class Service:
    """Serves sessions of one configuration."""

    def __init__(
        self, configuration: Configuration, *, debug_level: int | None = None, stderr: bool = False,
        passphrases: Passphrases | None = None, shelf: Shelf | None = None, resumption: Resumption | None = None,
        tally: Tally | None = None, program: str = PROGRAM,
    ) -> None:
        """`debug_level` is the command line's (`-d`), `stderr`: logs go to standard error too, `program`: who writes
        them; `passphrases` of encrypted keys, the OCSP responses on the `shelf`, `resumption` of TLS sessions and the
        counters of `tally` outlive the service."""
        self.configuration = configuration
        self._whole = replace(configuration, hosts=configuration.every_host)
        """With the hosts that only clients of classes find."""
        self._host_for = lru_cache(maxsize=1024)(configuration.host_for)
        self._names_tell = lru_cache(maxsize=1024)(configuration.names_tell)
        self._has_aliases = lru_cache(maxsize=1024)(configuration.has_aliases)
        self._debug_level = debug_level
        self._stderr = stderr
        self._program = program
        self._passphrases = passphrases
        self._resumption = resumption or Resumption()
        self._resuming: Sessions | None = None
        self._tally = tally or Tally()
        self.notices: list[str] = list(configuration.notices)
        self.log = EventLog()
        self.staples = Staples(self._whole, shelf or Shelf(), self._resumption.stores, self.log)
        self.names = HostNames()
        self.sql = SqlHosts(self._whole, self.log)
        self.pam = Desk(self._note)
        self.giver = Giver()
        self.digests = DigestMemory()
        self._runtimes: dict[int, HostRuntime] = {}
        self._sessions: set[Session] = set()
        self._lock = threading.Lock()
        self._stopping = False
        self._doors = Doors()
        self._admission = Admission(self._doors, None, self.log)
        self._tracing = Tracing(
            self.log.add, self.log.remove, partial(self._trace_tls, True), partial(self._trace_tls, False))
        self.bans: Bans | None = None
        self.quotas = QuotaTables()
        self._redis_log: RedisLogSink | None = None

    def prepare(self) -> None:
        """Loads certificates, opens logs, looks at account files. Raises `ConfigError`; starts no thread."""
        rights.check_process()
        handlers.load()
        ephemeral_ports()
        self._prepare_tls()
        self.notices += limits.unknown_words(self.configuration)
        self.notices += redislogs.unknown_words(self.configuration)
        self.notices += acme.check(self.configuration)
        self.notices += resources.notices(self.configuration.hosts[0].settings.logins)
        self.bans = open_bans(self.configuration, self._resumption.stores, self._note)
        self._admission = Admission(self._doors, self.bans, self.log)
        for host in self.configuration.hosts:
            self._runtimes[host.id] = runtime = self._prepare_host(host)
            for _, variant in host.variants:
                self._runtimes[variant.id] = self._prepare_host(variant, like=runtime)
        check_wrap_tables(self._whole, self.sql.queries)
        self.quotas.open(self._whole, self.sql.queries)
        self.staples.prepare(self._secured())
        if self._passphrases is not None:
            self._passphrases.settled()
        self._redis_log = open_redis_log(self._whole, time.time, self._report)
        self.notices += self._open_logs()
        core = self.configuration.hosts[0].settings.core
        environment.apply(core.set_env, core.unset_env)
        for text in self.notices:
            self.log.emit(events.Notice(text))

    def _prepare_tls(self) -> None:
        """What the hosts that have TLS share."""
        main = self.configuration.hosts[0]
        secured = [host for host in self._whole.hosts if host.settings.tls.engine]
        asking.check_provider(main.settings.tls.pass_phrase_provider, lambda _: main.origin("tls", _PROVIDER))
        if secured:
            self.notices += library.notices() + startup.prepare(secured)
            settings = main.settings
            self._resuming = self._resumption.lease(settings.tls, settings.remote, self.notices.append)

    def _secured(self) -> list[HostTLS]:
        """The TLS of all hosts; some share one."""
        found = {id(runtime.secured): runtime.secured for runtime in self._runtimes.values()}
        return [secured for secured in found.values() if secured is not None]

    def _prepare_host(self, host: Host, like: HostRuntime | None = None) -> HostRuntime:
        """What becomes of a host's settings; `like`: that of the host whose TLS it has unless it says otherwise."""
        secured = None
        if like is not None and like.host.settings.tls == host.settings.tls:
            secured = like.secured
        elif host.settings.tls.engine:
            main = self.configuration.hosts[0].settings.tls
            secured = contexts.build(
                host, cache=main.session_cache, sessions=self._resuming, passphrases=self._passphrases,
                provider=main.pass_phrase_provider, privileged=rights.privileged, stapling=self.staples.shared,
            )
            self.notices += secured.notices
        needed = "NoDisconnectOnError" not in host.settings.sql.options
        authenticator = Authenticator(
            host.settings.auth, note=self._note, pam=self.pam.service,
            backends=backends(host.settings, self._note),
            sql=self.sql.accounts(host), sql_needed=needed, otp=host.settings.otp,
            queries=self.sql.queries(host))
        self.notices += authenticator.prepare()
        return HostRuntime(
            host, authenticator, secured, masquerade.resolve(host), self._worker_ids(host), _tuning(host.settings),
            languages.load(host), host_key(host), traits_of(Places(host.settings)), self.sql.queries(host))

    def _worker_ids(self, host: Host) -> tuple[int, int]:
        """Who sessions of a host are before login: its User and Group, or those of server config."""
        own, main = host.settings.server, self.configuration.server
        return rights.resolve_worker(own.user or main.user, own.group or main.group)

    def _note(self, text: str) -> None:
        self.log.emit(events.Notice(text))

    def _report(self, text: str, reason: Code | None) -> None:
        self.log.emit(events.of_server(text, reason))

    def start_worker(self) -> None:
        """In a worker, once, before the first session."""
        if self._passphrases is not None:
            self._passphrases.wipe()
        self.pam.start()
        self._tally.join()
        resources.bound_worker(self.configuration.hosts[0].settings.logins, self._note)
        idling.prepare_process()
        for runtime in self._runtimes.values():
            if runtime.secured is not None:
                self._exercise_keys(runtime)
        if self._resuming is not None:
            self._resuming.start(self._note)
        self.names.start()
        if self.bans is not None:
            self.bans.start()
        self.sql.start()
        if self._redis_log is not None:
            self._redis_log.start()
        if _gives(self.configuration):
            self.giver.start()
        self.staples.start_worker()

    def _exercise_keys(self, runtime: HostRuntime) -> None:
        """Tokens want to hear of a new process, and while it has the rights to reach them."""
        try:
            runtime.tls().context.exercise_keys()
        except OpenSSLError as error:
            name = runtime.host.settings.core.server_name
            text = f"Server {name}: the key's token does not answer: {error}"
            self.log.emit(events.Notice(text, Level.ERR))

    def serve(self, sock: socket.socket, slot: SlotView) -> None:
        """A whole session in the calling thread; closes `sock`, does not raise."""
        try:
            session = self._open(sock, slot)
        except Exception as error:  # the client is gone already, or it is our fault: either way nobody to tell
            if isinstance(error, ConnectionError | TimeoutError) or getattr(error, "errno", None) in _GONE:
                self.log.emit(events.Debug(1, f"connection lost before the session began: {error}"))
            else:
                self.log.emit(events.Notice(f"error: no session could begin for a client: {error!r}", Level.ERR))
            sock.close()
            return
        if session is None:
            sock.close()
            return
        try:
            self._run(session)
        finally:
            with self._lock:
                self._sessions.discard(session)
            slot.give_back()
            session.close()

    def _run(self, session: Session) -> None:
        started = time.monotonic()
        if session.log.hears(events.SessionOpened):
            session.log.emit(events.SessionOpened(implicit="UseImplicitSSL" in session.settings.tls.options))
        cause: Code | Good = Code.INTERNAL_ERROR
        try:
            cause = loop.run(session)
        except Exception as error:
            session.log.emit(events.Notice(f"defect in a session: {error!r}", Level.ERR))
        finally:
            seconds = time.monotonic() - started
            session.log.emit(events.SessionClosed(cause, session.counters.event(), seconds))

    def _open(self, sock: socket.socket, slot: SlotView) -> Session | None:
        ends = Ends.of(sock)
        host = self._host_for(ends.local, ends.local_port)
        if host is None:
            sock.sendall(b"500 Sorry, no server available to handle request on this address\r\n")
            return None
        rights.become_worker(*self._runtimes[host.id].worker)
        arrival = None
        if host.settings.proxy.engine and host.settings.proxy.trusts(ends.peer):
            arrival = self._arrive(sock, ends, host)
            if arrival is None:
                return None
            ends, host = self._told(arrival, host)
            slot.arrive((ends.peer, ends.peer_port), (ends.local, ends.local_port))
        comer = self._comer(ends, host)
        runtime = self._runtimes[comer.host.id]
        refusal = self._admission.refusal(comer, slot, runtime.queries)
        if refusal is not None:
            _turn_away(sock, comer.settings, refusal)
            return None
        session = self._session(sock, slot, comer, runtime)
        if arrival is not None:
            session.greeted, session.told = arrival.greeted, arrival.notes
            session.notes = session.told
        with self._lock:
            self._sessions.add(session)
            if self._doors.ending:  # a shutdown came while it was opened, and has told those that there were
                session.goodbye = (Code.SHUTDOWN_ANNOUNCED, self._doors.goodbye(session))
            if self._stopping or self._doors.ending:
                session.stopping = True
        return session

    def _comer(self, ends: Ends, host: Host) -> Comer:
        name = self.names.of(ends.peer) if host.settings.core.use_reverse_dns else None
        defined = self.configuration.classes
        classes = classes_of(defined, ends.peer, name) if defined else _NO_CLASS
        if host.variants:
            host = host.for_classes(classes)
        ban_generation = self.bans.generation if self.bans is not None else 0
        return Comer(ends, host, host.for_connection(classes=classes), name, classes, ban_generation)

    def _session(self, sock: socket.socket, slot: SlotView, comer: Comer, runtime: HostRuntime) -> Session:
        ends, host, settings, name = comer.ends, comer.host, comer.settings, comer.name
        tuning = runtime.tuning if settings is host.settings else _tuning(settings)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_OOBINLINE, 1)
        tuning.apply(sock)
        now = time.monotonic()
        chance = os.urandom(_IDENTITY_BYTES + _NAME_BYTES)
        session_id = chance[_IDENTITY_BYTES:].hex()
        identified = None
        if settings.core.ident_lookups:
            identified = ident.ask(ends, float(settings.limits.timeout_ident)) or ""
        origin = Origin(
            session_id, ends.peer, peer_name=name or ends.peer, port=ends.peer_port, local=ends.local,
            local_port=ends.local_port, server_name=host.settings.core.server_name, host_id=host.id,
            ident=identified, logging=_own_logging(settings, host),
        )
        of_all = self.configuration.hosts[0].settings.core
        control = Control(sock, settings.core.command_buffer_size, every_line=of_all.multiline_rfc2228)
        session = Session(
            self, runtime, ends, control, self.log.bind(origin), slot, tls=_tls_state(runtime, settings.tls),
            settings=settings, marks=Marks(now, now), identity=chance[:_IDENTITY_BYTES],
            session_id=session_id,
        )
        session.classes = comer.classes
        session.tuning = tuning
        if name:
            session.peer_name = name
        session.ban_generation = comer.ban_generation
        session.parameters.ascii = settings.transfer.default_transfer_mode == "ascii"
        slot.describe(
            session=session_id, peer_name=name, client_class=",".join(sorted(comer.classes)) if comer.classes else None,
            server=host.settings.core.server_name, protocol="ftp", thread=writer_id())
        return session

    def _arrive(self, sock: socket.socket, ends: Ends, host: Host) -> Arrival | None:
        """Who a trusted proxy connects for; None: nobody who is to be served."""
        greets, settings = _speaks_first(host.settings), host.settings.proxy
        try:
            return proxying.arrive(sock, ends, settings, self.log.emit, greets=greets, doors=self._doors)
        except proxying.TurnedAway as error:
            self.log.emit(events.Notice(f"{error} [{error.reason}]", reason=error.reason))
            _turn_away(sock, host.settings, error.reply)
            return None

    def proxies_before(self, session: Session) -> ProxySettings:
        """What is said of proxies where the session's connections come in, whichever host it has since come to."""
        own = session.ends.own
        host = self._host_for(own.local, own.local_port)
        return session.settings.proxy if host is None else host.settings.proxy

    def _told(self, arrival: Arrival, host: Host) -> tuple[Ends, Host]:
        """The ends that the client has, and his host: the one whose address he connected to, where that counts
        (UseProxiedServerAddress) and there is one, else the one that the proxy connected to."""
        ends, wanted = arrival.ends, arrival.destination
        if wanted is None:
            return ends, host
        ends = replace(ends, announced=wanted.host)
        other = self.configuration.host_claiming(*wanted)
        if other is None:
            return ends, host
        rights.become_worker(*self._runtimes[other.id].worker)
        return replace(ends, local=wanted.host, local_port=wanted.port), other

    @property
    def session_cache(self) -> Store | None:
        """TLSSessionCache; None: off, or no host has TLS."""
        return self._resuming.store if self._resuming is not None else None

    @property
    def response_cache(self) -> Store | None:
        """TLSStaplingCache; None: there is none."""
        return self.staples.store

    def certificates(self) -> tuple[Served, ...]:
        """What the hosts show, also to the clients of a class alone."""
        return tuple(one for secured in self._secured() for one in secured.served)

    def host_named(self, session: Session, name: str) -> Host | None:
        """The host that a client at this address and port means by `name`, as its classes find it."""
        found = self.configuration.host_named(name, session.ends.local, session.ends.local_port)
        return found.for_classes(session.classes) if found is not None else None

    def has_aliases(self, session: Session) -> bool:
        """Whether a host at this address and port has a ServerAlias; then SNI with another name is refused."""
        return self._has_aliases(session.ends.local, session.ends.local_port)

    def names_tell(self, session: Session) -> bool:
        """Whether a host has a name at this address and port; where none has, SNI means nothing."""
        return bool(session.host.names) or self._names_tell(session.ends.local, session.ends.local_port)

    def move(self, session: Session, host: Host) -> None:
        """HOST or SNI: the session is that of another host from now on (nobody has logged in yet)."""
        if host.id == session.host.id:
            return
        runtime = self._runtimes[host.id]
        settings = host.for_connection(classes=session.classes)
        state = _tls_state(runtime, settings.tls)
        session.runtime = runtime
        session.inhabit(Places(settings))
        session.adopt_host()
        session.keep_records()
        session.tls = session.tls._replace(
            engine=state.engine, has_certificates=state.has_certificates,
            requirement=state.requirement, allow_per_user=state.allow_per_user,
        )
        session.parameters.ascii = settings.transfer.default_transfer_mode == "ascii"
        session.tuning = _tuning(settings)
        session.log.set_origin(session.log.origin._replace(
            server_name=host.settings.core.server_name, host_id=host.id,
            logging=_own_logging(settings, host)))
        session.slot.describe(server=host.settings.core.server_name)
        if session.bans is not None:
            banning.check_host(session)

    def stop(self) -> None:
        """The worker has been asked to end: every session is told (421) and closed. Does not wait."""
        with self._lock:
            self._stopping = True
            sessions = list(self._sessions)
        for session in sessions:
            session.end_soon()

    def dismiss(self, slots: Collection[SlotView], text: str) -> None:
        """The administrator ends the sessions with these places on the scoreboard."""
        wanted = {id(slot) for slot in slots}
        with self._lock:
            sessions = [session for session in self._sessions if id(session.slot) in wanted]
        for session in sessions:
            session.end_soon(Code.KICKED, text)

    def announce(self, closing: Closing | None, stage: Stage) -> None:
        """A shutdown has come to `stage`; None: there is none any more."""
        with self._lock:
            self._doors.announce(closing, stage)
            sessions = list(self._sessions) if self._doors.ending else []
        for session in sessions:
            session.end_soon(Code.SHUTDOWN_ANNOUNCED, self._doors.goodbye(session))

    def trace(self, kind: str, name: str, seconds: float, fd: int) -> None:
        """What the sessions of a user, host or session id do goes into the pipe `fd` for so many seconds."""
        self._tracing.begin(LiveTrace(kind, name, fd, self.log.emit), seconds)

    def _trace_tls(self, wanted: bool) -> None:
        for runtime in self._runtimes.values():
            secured = runtime.secured
            if secured is not None and diagnostics.OPTION not in runtime.host.settings.tls.options:
                (diagnostics.enable if wanted else diagnostics.disable)(secured.context)

    def set_debug_level(self, level: int) -> None:
        """DebugLevel is `level` from now on, for the sessions that are there too."""
        self.log.set_debug_level(level)

    def forget_names(self) -> None:
        """DNS names are looked up anew."""
        self.names.forget()

    def reopen_logs(self) -> None:
        """Log files were moved away: write to new ones."""
        for text in self.log.reopen():
            self.log.emit(events.Notice(text))

    def _open_logs(self) -> list[str]:
        counts = self.configuration.server.metrics_address is not None
        counting_sink = counting.sink(self._tally) if counts else None  # before files are open: it may be refused
        sinks, notices = open_sinks(
            self._whole, debug_level=self._debug_level, stderr=self._stderr, program=self._program)
        own, more = self.sql.sinks()
        sinks += own
        notices += more
        if self._redis_log is not None:
            sinks.append(self._redis_log)
        if counting_sink is not None:
            sinks.append(counting_sink)
        self.log.replace(sinks)
        return notices

    def settle(self, seconds: float) -> None:
        """After the last session: waits so long for what is to be written to logs in Redis, and in each database."""
        if self._redis_log is not None:
            self._redis_log.settle(seconds)
        self.sql.settle(seconds)

    def close(self) -> None:
        """Gives back what `prepare` opened."""
        self.names.stop()
        for runtime in self._runtimes.values():
            runtime.authenticator.close()
        self.pam.close()
        self.sql.close()
        if self._redis_log is not None:
            self._redis_log.close()
        self.giver.stop()
        self.staples.close()
        if self.bans is not None:
            self.bans.close()
        self.quotas.close()
        if self._resuming is not None:
            self._resuming.close()
        self.log.close()

    def session_count(self) -> int:
        """Sessions of this worker."""
        return len(self._sessions)


def _turn_away(sock: socket.socket, settings: Settings, line: bytes) -> None:
    """Says why (b"": nothing) to a client that gets no session, unless a TLS handshake is what it waits for."""
    if line and _speaks_first(settings):
        sock.sendall(line)


def _speaks_first(settings: Settings) -> bool:
    """Whether the client waits for a greeting, not for a TLS handshake."""
    return "UseImplicitSSL" not in settings.tls.options or not settings.tls.engine


def _own_logging(settings: Settings, host: Host) -> LoggingSettings | None:
    """The logging settings of a connection where <IfClass> has changed those of its host."""
    return settings.logging if settings.logging is not host.settings.logging else None


def _tls_state(runtime: HostRuntime, settings: TLSSettings) -> TLSState:
    secured = runtime.secured
    return TLSState(
        engine=settings.engine, has_certificates=secured is not None and secured.has_certificates,
        requirement=settings.required, allow_per_user="AllowPerUser" in settings.options,
    )


def _gives(configuration: Configuration) -> bool:
    """Whether UserOwner or GroupOwner stands anywhere."""
    return any(
        change.field in ("user_owner", "group_owner") for host in configuration.hosts for change in host.every_change())


def _tuning(settings: Settings) -> SocketTuning:
    options = settings.transfer.socket_options
    return SocketTuning(
        receive=options.receive_buffer, send=options.send_buffer, segment=options.max_segment,
        no_delay=settings.transfer.tcp_no_delay, keepalive=options.keep_alive, idle=options.keep_alive_idle,
        count=options.keep_alive_count, interval=options.keep_alive_interval,
    )
