"""The state of one session, small and in one place.

A session is one thread that reads from top to bottom (`loop`); this object is what its handlers share.
Nothing here decides anything: policies are pure functions over parts of it. Only `stopping` and `goodbye` are
written by another thread (`end_soon`, for the worker that is told to end it), and here by a transfer that has to end
first (`transfer`).
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol, TypeVar

from ftpsd.access.occupancy import Exceeded, Holding, Judge, Shown
from ftpsd.access.sizes import Pace
from ftpsd.auth.chain import Account
from ftpsd.data.channel import DataChannel, Lingering
from ftpsd.data.endpoints import DataSocket, SocketTuning
from ftpsd.data.outcomes import CloseStyle, Outcome
from ftpsd.errors import Refusal, SessionEnded
from ftpsd.ftp import paths
from ftpsd.ftp.addresses import parse_address
from ftpsd.ftp.charset import Charset
from ftpsd.ftp.deflate import LEVEL
from ftpsd.ftp.facts import ALL_FACTS
from ftpsd.ftp.phase import Phase
from ftpsd.ftp.ranges import ByteRange
from ftpsd.ftp.replies import Reply
from ftpsd.guard.bans import Bans
from ftpsd.log import events
from ftpsd.log.bus import SessionLog
from ftpsd.log.record import CommandDone, CommandForRedis
from ftpsd.reasons.codes import Code, Good
from ftpsd.session import ftpaccess, languages
from ftpsd.session.control import Control
from ftpsd.session.endpoints import Ends
from ftpsd.session.ftpaccess import FtpAccess
from ftpsd.session.journal import Journal
from ftpsd.session.places import Places
from ftpsd.session.renewal import ControlRenewal
from ftpsd.session.sql import SqlSession
from ftpsd.session.timers import Marks
from ftpsd.session.traits import Traits, traits_of
from ftpsd.settings.model import AnonymousSection, Host, Settings
from ftpsd.settings.values import HideFiles, SessionTimeout, SizeBound, TransferRate
from ftpsd.tls.data import DataTLS, DataTLSClient
from ftpsd.tls.policy import TLSState
from ftpsd.tls.reuse import Proof
from ftpsd.vfs.base import FileSystem

if TYPE_CHECKING:
    from ftpsd.data.pump import Pump
    from ftpsd.session.quotas import SessionQuota
    from ftpsd.session.service import HostRuntime, Service

_ForSome = TypeVar("_ForSome", HideFiles, SessionTimeout, SizeBound, TransferRate)


@dataclass(slots=True)
class Parameters:
    """Transfer parameters (RFC 959 section 3) and what one command leaves for the next.

    `restart` is REST's offset in bytes, `range` what RANG chose; at most one of the two is set.
    """

    ascii: bool = True
    restart: int = 0
    range: ByteRange | None = None
    rename_from: str | None = None
    copy_from: str | None = None
    epsv_all: bool = False
    facts: frozenset[str] = ALL_FACTS
    digest: str = ""
    """The algorithm that OPTS HASH chose; "": none."""
    deflate: int | None = None
    """The level of MODE Z; None: MODE S."""
    deflate_level: int = LEVEL
    """What MODE Z will compress with (OPTS MODE Z LEVEL)."""

    @property
    def start(self) -> int:
        """Where the next transfer of a file begins."""
        return self.restart if self.range is None else self.range.first

    def begin_anew(self) -> None:
        """What REST or RANG chose was for a transfer that has had its turn."""
        self.restart, self.range = 0, None


@dataclass(slots=True)
class Login:
    """Who the client is: `user` as given with USER, the rest once the login succeeded.

    `attempts` have failed, `unchecked` of them through no fault of the client's. `vouched`: a certificate made the
    password superfluous, and none has come since.
    """

    user: str | None = None
    attempts: int = 0
    unchecked: int = 0
    account: Account | None = None
    anonymous: AnonymousSection | None = None
    vouched: bool = False
    named: str | None = None
    """The name that USER gave last."""
    certified: bool = False
    """Whether the client's certificate is that of this name, by TLSUserName or TLSUserRule."""

    @property
    def done(self) -> bool:
        return self.account is not None


@dataclass(slots=True)
class Counters:
    """Totals of the session; bytes are payload."""

    commands: int = 0
    files_sent: int = 0
    files_received: int = 0
    bytes_sent: int = 0
    bytes_received: int = 0

    def event(self) -> events.Counters:
        return events.Counters(
            self.commands, self.files_sent, self.files_received, self.bytes_sent, self.bytes_received)


class SlotView(Protocol):
    """A session's place on the scoreboard, as far as a session writes to it."""

    def update(
        self, *, user: str | None = None, command: str | None = None, phase: Phase | None = None,
        bytes: int | None = None,
    ) -> None:
        """Shows a new user, command (without secrets), phase or count of payload bytes; None leaves it."""

    def describe(
        self, *, session: str | None = None, peer_name: str | None = None, client_class: str | None = None,
        server: str | None = None, protocol: str | None = None, location: str | None = None,
        thread: int | None = None,
    ) -> None:
        """Shows more about the session; None leaves it."""

    def arrive(self, peer: tuple[str, int], local: tuple[str, int]) -> None:
        """Shows other ends (address, port) of the connection: a proxy has told of them."""

    def transfer(self, phase: Phase, size: int) -> None:
        """A transfer of `size` bytes (0: unknown) begins."""

    @property
    def progress(self) -> memoryview | None:
        """Eight bytes in which the bytes of the transfer under way are counted."""

    @property
    def index(self) -> int:
        """Its number."""

    def everybody(self) -> list[Shown]:
        """All sessions that are on, this one too."""

    def take(self, holding: Holding, judge: Judge) -> Exceeded | None:
        """Has `holding` unless `judge`, told what all others hold, objects. Raises `TimeoutError`."""

    def hold(self, holding: Holding) -> None:
        """Has `holding`, which nothing bounds."""

    def give_back_transfer(self) -> None:
        """The transfer that was taken is over."""

    def give_back(self) -> None:
        """Holds nothing any more."""


_UNTUNED = SocketTuning()
_ATTRIBUTES = """
    _here ban_generation bans classes close_styles control counters cwd data data_logged ends farewell filtered
    goodbye greeted guarded hasty holding home host_sent id identity journal language lingering log login marks notes
    overrides pace parameters peer_name picky places pump quota renewal restricted runtime selective server_name
    service settings settled shown_directories slot sql stopping store thanks tls told transferring tuning variables
    welcome __dict__ __weakref__
"""
"""Of a session, as slots: so many cost 1.5 KiB in a dictionary. What is missing here goes there."""


class Session:
    """One client, from its connection to its end."""

    __slots__ = tuple(_ATTRIBUTES.split())

    def __init__(
        self, service: Service, runtime: HostRuntime, ends: Ends, control: Control, log: SessionLog,
        slot: SlotView, *, tls: TLSState, settings: Settings, marks: Marks, identity: bytes, session_id: str,
    ) -> None:
        self.service = service
        self.runtime = runtime
        self.ends = ends
        self.control = control
        self.log = log
        self.slot = slot
        self.tls = tls
        self.bans: Bans | None = None
        """Who is banned, and what counts against the client; None: BanEngine is off for him."""
        self.quota: SessionQuota | None = None
        """What the login may use; None: there is no QuotaEngine."""
        self.ban_generation = 0
        """Which bans the session has looked at."""
        self.marks = marks
        self.inhabit(Places(settings))
        self.identity = identity
        self.id = session_id
        self.peer_name = ends.peer
        self.classes: frozenset[str] = frozenset()
        self.login = Login()
        self.parameters = Parameters()
        self.adopt_host()
        self.counters = Counters()
        self.store: FileSystem | None = None
        self.cwd = "/"
        self.data: DataChannel | None = None
        self.lingering: Lingering | None = None
        self.close_styles: list[CloseStyle] = []
        self.tuning = _UNTUNED
        self.pump: Pump | None = None
        self.transferring: Literal["send", "receive"] | None = None
        self.data_logged = False
        self.welcome: list[str] = []
        self.farewell: list[str] = []
        self.thanks: list[str] = []
        """DisplayFileTransfer, where its path is absolute."""
        self.shown_directories: dict[str, float] = {}
        self.home = "/"
        self.hasty = False
        """Whether its client has shaken hands on a data connection before the transfer command."""
        self.settled = False
        """Whether it has given back what an idle session needs not."""
        self.stopping = False
        self.goodbye: tuple[Code | Good, str] = (
            Code.SERVER_STOPPING, "Service shutting down, closing control connection")
        self.renewal = ControlRenewal(control.channel, log)
        self.greeted = False
        """Whether the client has had its greeting before the session began."""
        self.host_sent: str | None = None
        """What HOST said (RFC 7151)."""
        self.told: Mapping[str, str] = {}
        """What a proxy has told of the client beside his address, as session notes."""
        self.notes: Mapping[str, str] = {}
        """Session notes: what the TLS of the control connection is."""
        self.variables: Mapping[str, str] = {}
        """Variables of TLS (StdEnvVars, ExportCertData)."""
        self.sql: SqlSession | None = None
        """What the session has to do with a database; None: its host has none."""
        self.journal: Journal | None = None
        self.holding: Holding | None = None
        """What the login holds."""
        self.pace: Pace | None = None
        """MaxCommandRate, once it has been asked."""
        self.server_name: str | None = None
        """The SNI that chose the host."""
        self.keep_records()

    def adopt_host(self) -> None:
        """A session begins as its host wants it to: at its beginning, and when it changes hosts before login."""
        default = self.settings.facts.default
        self.parameters.facts = ALL_FACTS if default is None else default
        self.language = languages.choose(self.settings.lang.default, self.runtime.languages)[1]
        self.speak(self.settings.lang.encoding.client)

    def speak(self, client: str) -> None:
        """From now on names on the wire are in the character set `client` (UseEncoding, OPTS UTF8)."""
        settings = self.settings.lang
        on = settings.engine and settings.encoding.enabled
        charset = Charset(settings.encoding.local, client) if on else Charset()
        self.control.speak(charset, judged=on and "RequireValidEncoding" in settings.options)

    def inhabit(self, places: Places, overrides: FtpAccess | None = None) -> None:
        """From now on this is in force: settings, <Directory> sections, .ftpaccess files (None: there are none).

        Works out whether commands have to be looked at for them at all.
        """
        self.settings = places.base
        self.marks.due = 0.0
        self.places, self.overrides = places, overrides
        self.bans = self.service.bans if self.settings.bans.engine else None
        self._here: tuple[str, float, Settings] | None = None
        dynamic, traits = overrides is not None, self.traits_at(places)
        self.restricted, self.picky = traits.restricted, traits.picky
        self.guarded = dynamic or traits.restricted
        self.filtered = dynamic or traits.filtered
        self.selective = dynamic or traits.picky

    def traits_at(self, places: Places) -> Traits:
        """What is to be looked at where `places` are in force."""
        runtime = self.runtime
        if places.base is runtime.host.settings and not places.varied:
            return runtime.traits
        return traits_of(places)

    def keep_records(self) -> None:
        """Begins a journal where some log wants to know of commands, and has the host's database at hand."""
        queries = self.runtime.queries
        self.sql = SqlSession(self, queries) if queries is not None else None
        logged = self.sql is not None and bool(self.settings.sql.logs or any(self.host.changes_for_some("sql", "logs")))
        to_redis = self.log.hears(CommandForRedis)
        if self.journal is None and (logged or to_redis or self.log.hears(CommandDone)):
            self.journal = Journal(self, to_redis)

    def concerning(self, lines: Iterable[_ForSome]) -> Iterator[_ForSome]:
        """Of lines that may be for certain users, groups or classes those that are for the session's user."""
        account = self.login.account
        for line in lines:
            if line.whom is None or (
                    account is not None and line.whom.holds(account.name, account.group_names, self.classes)):
                yield line

    @property
    def host(self) -> Host:
        return self.runtime.host

    @property
    def peer(self) -> str:
        return self.ends.peer

    @property
    def fs(self) -> FileSystem:
        """The store of the login; raises `Refusal` before it (the gate stops such commands earlier)."""
        if self.store is None:
            raise Refusal(530, "Please login with USER and PASS", Code.LOGIN_REQUIRED)
        return self.store

    @property
    def user_name(self) -> str:
        return self.login.user or ""

    def path(self, argument: str) -> str:
        """The virtual path that a command's argument means here."""
        return paths.resolve(self.cwd, argument, self.home)

    def reply(self, reply: Reply) -> None:
        """Sends a reply at once (handlers return theirs; this is for those that come before it)."""
        if self.log.hears(events.ReplySent):
            self.log.emit(events.ReplySent(reply.code, reply.text))
        tls = self.settings.tls
        if self.journal is not None:
            self.journal.replied(reply)
        if self.language is not None:
            reply = self.language.reply(reply)
        if tls.renegotiate is None:
            self.control.send(reply)
            return
        self.renewal.before_reply(tls)
        self.control.send(reply)
        self.renewal.after_reply(tls, reply.code)

    def note_tls(self, *lines: str) -> None:
        """Writes lines to the TLSLog."""
        if lines:
            self.log.emit(events.TLSNote(*lines))

    def check_running(self) -> None:
        """Raises `SessionEnded` when the server, or somebody who may, wants this session to end."""
        if self.stopping:
            reason, text = self.goodbye
            raise SessionEnded(reason, 421, text)

    def end_soon(self, reason: Code | None = None, text: str = "") -> None:
        """Called by another thread: the session ends as soon as it can, with a 421 that says `text`.

        Without a `reason` the whole server stops.
        """
        if reason is not None:
            self.goodbye = (reason, text)
        self.stopping = True
        pump = self.pump
        if pump is not None:
            pump.abort()
        self.control.wake()

    def secure_data(self, sock: DataSocket) -> DataTLS:
        """The server side of TLS on a fresh data connection, bound to the control connection's session."""
        return DataTLS(sock, self.runtime.tls(), self.control.channel, nonblocking=True)

    def secure_data_as_client(self, sock: DataSocket) -> DataTLS:
        """The client's side (SSCN); the peer is the other server of an FXP."""
        assert self.data is not None
        address = str(parse_address(self.data.far_end()))

        def reverse_name() -> str | None:
            name = self.service.names.of(address)
            return None if name == address else name

        return DataTLSClient(sock, self.runtime.tls(), self.control.channel, address, reverse_name)

    @property
    def secures_early(self) -> bool:
        """Whether a peer may shake hands before the transfer command: not when the command decides who begins."""
        return self.tls.data_private and (not self.tls.client_method or self.transferring is not None)

    def data_secured(self, tls: DataTLS, proof: Proof) -> None:
        """Logs the TLS parameters of the session's first data connection (mod_tls logs only that one)."""
        if proof.lines and self.log.hears(events.TLSNote):
            self.log.emit(events.TLSNote(*proof.lines))
        if not self.data_logged:
            self.data_logged = True
            self.log.emit(events.TLSNote(tls.accepted_line()))
        if self.log.hears(events.Trace):
            self.log.emit(events.Trace("tls", 17, "TLS handshake on data conn COMPLETED"))

    def drop_data(self) -> None:
        """Closes the data connection that was announced or is open."""
        if self.data is not None:
            self.data.close()
            self.data = None

    def linger(self, lingering: Lingering | None) -> None:
        """Keeps a finished download's connection until the client has closed it (one at a time)."""
        if self.lingering is not None:
            self.unlinger(force=True)
        self.lingering = lingering
        self.marks.lingers = time.monotonic()

    @property
    def linger_deadline(self) -> float | None:
        """When the lingering connection is closed in any case (TimeoutLinger), in seconds of the monotonic clock."""
        limit = self.settings.limits.timeout_linger
        return self.marks.lingers + limit if self.lingering is not None and limit else None

    def unlinger(self, *, force: bool = False) -> None:
        """Closes the lingering connection if its client has; `force`: in any case."""
        if self.lingering is None:
            return
        ended, style = self.lingering.ended()
        if not ended and not force:
            deadline = self.linger_deadline
            ended = deadline is not None and time.monotonic() >= deadline
        if ended or force:
            if style is not None:
                self.close_styles = [*self.close_styles[-7:], style]
            self.lingering.close()
            self.lingering = None

    def transfer_started(self, direction: Literal["send", "receive"], size: int | None = None) -> None:
        """`size` in bytes, where it is known."""
        self.transferring = direction
        if self.settings.tls.renegotiate is not None:
            self.renewal.pause()
        self.slot.transfer(Phase.SENDING if direction == "send" else Phase.RECEIVING, size or 0)

    def transfer_ended(self) -> None:
        self.transferring = None
        self.pump = None
        if self.settings.tls.renegotiate is not None:
            self.renewal.resume()
        self.marks.transferred = time.monotonic()
        self.slot.update(phase=Phase.IDLE)

    def record(self, name: str, path: str, outcome: Outcome, reason: Code | None = None) -> None:
        """Counts and logs a RETR, STOR, STOU or APPE that is over; `path` is virtual; `reason`: over the outcome's."""
        receiving = name != "RETR"
        if receiving:
            self.counters.files_received += outcome.complete
            self.counters.bytes_received += outcome.transferred
        else:
            self.counters.files_sent += outcome.complete
            self.counters.bytes_sent += outcome.transferred
        self.slot.update(bytes=self.counters.bytes_received + self.counters.bytes_sent)
        if self.journal is not None:
            self.journal.named(path)
        if not self.log.hears(events.TransferEnded):
            return
        self.log.emit(events.TransferEnded(
            name, self.fs.real_path(path), "in" if receiving else "out", outcome.transferred, outcome.seconds,
            outcome.complete, reason or outcome.reason, self.parameters.ascii, self.user_name,
            self.login.anonymous is not None, outcome.detail,
        ))

    def directory_settings(self) -> Settings:
        """What is in force in the current directory."""
        if self.store is None or (self.overrides is None and not self.places.varied):
            return self.settings
        now = time.monotonic()
        if self._here is None or self._here[0] != self.cwd or now - self._here[1] > ftpaccess.FRESH:
            self._here = (self.cwd, now, self.settings_for(self.cwd))
        return self._here[2]

    def settings_for(self, path: str) -> Settings:
        """What is in force for the virtual `path`: <Directory> sections and .ftpaccess laid over the login's."""
        if self.store is None or self.unvaried(path):
            return self.settings
        return self.settings_at(self.store.real_path(path))

    def unvaried(self, path: str) -> bool:
        """Whether the settings of the login are in force at the virtual `path`, without any doubt."""
        if self.places.varied:
            return False
        return self.overrides is None or self.overrides.absent(path, self.counters.commands)

    def settings_at(self, real: str) -> Settings:
        """The same for a real path."""
        if self.overrides is None:
            return self.places.at(real)
        return self.places.at(real, self.overrides.along(real, self._may_override))

    def settings_beside(self, real: str, directory: str) -> Settings:
        """The same for an entry of a directory, which may have an .ftpaccess file of its own: that does not count."""
        if self.overrides is None:
            return self.places.at(real)
        return self.places.at(real, self.overrides.along(directory, self._may_override))

    def _may_override(self, real: str) -> bool:
        return self.places.at(real).access.allow_override

    def forget_overrides(self) -> None:
        """The session has done something to an .ftpaccess file."""
        self._here = None
        if self.overrides is not None:
            self.overrides.forget()

    def close(self) -> None:
        """Gives back everything that the session holds."""
        self.drop_data()
        self.unlinger(force=True)
        if self.store is not None:
            self.store.close()
        self.control.channel.close()
