"""Types of values that are more than a string, a number or a switch. All are frozen and compare by value."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

from ftpsd.settings.expressions import Whom
from ftpsd.settings.regexes import Regex


@dataclass(frozen=True, slots=True)
class ServerIdent:
    """The greeting: `enabled` False says as little as RFC 959 allows; `text` replaces the standard words.

    `text` may hold %L (server address), %V (server name) and %v (ServerName), which the session expands.
    """

    enabled: bool = True
    text: str | None = None


@dataclass(frozen=True, slots=True)
class DisplayChdir:
    """A file shown after CWD, at every visit; `once`: in a session not again before the file has changed."""

    file: str
    once: bool = False


class HostPort(NamedTuple):
    """An IP address and a port."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class EnvironmentVariable(NamedTuple):
    """SetEnv."""

    key: str
    value: str


@dataclass(frozen=True, slots=True)
class UserAlias:
    """Who logs in as `alias` is treated as `user`."""

    alias: str
    user: str


@dataclass(frozen=True, slots=True)
class RootedPath:
    """A path for the members of `groups`: an AND list, `!name` denies; empty means everybody.

    `path` is as written: absolute, or starting with `~` (home) or `~user`; `%u` stands for the user's name.
    """

    path: str
    groups: tuple[str, ...] = ()

    def applies_to(self, groups: frozenset[str]) -> bool:
        """Whether somebody who is in `groups` (names) is meant."""
        return all(
            (name[1:] not in groups) if name.startswith("!") else (name in groups) for name in self.groups
        )


@dataclass(frozen=True, slots=True)
class HideFiles:
    """HideFiles: names that `pattern` fits are hidden, with `negated` all others; None: nothing is.

    `whom`: for certain users, groups or classes only; None: for everybody.
    """

    pattern: Regex | None
    negated: bool = False
    whom: Whom | None = None


class HiddenOwner(NamedTuple):
    """HideUser, HideGroup: what belongs to `name` (`~`: to the user himself) is hidden, with `negated` all else."""

    name: str
    negated: bool = False


class Umask(NamedTuple):
    """Permission bits taken away from new files and from new directories. `directories` None: what an outer section
    says of them, and where none does the bits of files.
    """

    file: int
    directories: int | None = None

    @property
    def directory(self) -> int:
        """Bits taken away from new directories."""
        return self.file if self.directories is None else self.directories

    def over(self, inherited: Umask) -> Umask:
        """What is in force where `inherited` was."""
        return self if self.directories is not None else self._replace(directories=inherited.directories)

    def __str__(self) -> str:
        return f"{self.file:03o} {self.directory:03o}"


class PortRange(NamedTuple):
    """Ports `low` to `high`, both included."""

    low: int
    high: int


@dataclass(frozen=True, slots=True)
class HiddenStores:
    """Uploads are written to `prefix` + name + `suffix` in the same directory and renamed when complete.

    `%P` in either is replaced by a number that no other live session has, so that two uploads of the same
    name do not meet.
    """

    prefix: str = ".in."
    suffix: str = "."


@dataclass(frozen=True, slots=True)
class ForeignAddresses:
    """AllowForeignAddress: whether data connections with others than the client are good; `of_class`: with those of
    this <Class> only.
    """

    allowed: bool = False
    of_class: str | None = None

    def __str__(self) -> str:
        return self.of_class or ("on" if self.allowed else "off")


@dataclass(frozen=True, slots=True)
class TransferRate:
    """`rate` bytes per second for `commands` (RETR, STOR, APPE, STOU) once `free` bytes have gone at full
    speed, for `whom` (None: everybody)."""

    commands: frozenset[str]
    rate: float
    free: int = 0
    whom: Whom | None = None


@dataclass(frozen=True, slots=True)
class SessionTimeout:
    """TimeoutSession: seconds (0: none) for `whom` (None: everybody)."""

    seconds: int
    whom: Whom | None = None


@dataclass(frozen=True, slots=True)
class ListOptions:
    """Options that LIST and NLST use: `options` (as `-la`) as if the client had sent them.

    `strict`: the client's own options are ignored. `max_files`, `max_dirs`, `max_depth`: bounds of a
    recursive listing (0: none). `list_only`, `nlst_only`: applies to that command alone.
    `error_if_absent`: LIST and NLST of what is missing is an error (else an empty listing).
    """

    options: str = ""
    strict: bool = False
    max_files: int = 0
    max_dirs: int = 0
    max_depth: int = 0
    list_only: bool = False
    nlst_only: bool = False
    error_if_absent: bool = True


@dataclass(frozen=True, slots=True)
class SocketOptions:
    """Options of every socket; 0 and None leave what the kernel has. Buffers in bytes, keep-alive in
    seconds."""

    receive_buffer: int = 0
    send_buffer: int = 0
    max_segment: int = 0
    keep_alive: bool = True
    keep_alive_idle: int | None = None
    keep_alive_count: int | None = None
    keep_alive_interval: int | None = None
    reuse_port: bool | None = None
    """Of the sockets that clients connect to."""


class TraceChannel(NamedTuple):
    """Trace messages of `channel` (or `DEFAULT`) with a level from `low` to `high`."""

    channel: str
    low: int
    high: int


class TLSRequirement(NamedTuple):
    """TLSRequired as three numbers: 1 required, 0 free, -1 forbidden (data only)."""

    ctrl: int = 0
    data: int = 0
    auth: int = 0

    def __str__(self) -> str:
        words = {1: "required", 0: "free", -1: "forbidden"}
        return f"control {words[self.ctrl]}, data {words[self.data]}, login {words[self.auth]}"


@dataclass(frozen=True, slots=True)
class Renegotiate:
    """TLSRenegotiate. Seconds and KiB, 0: not scheduled. `refused` (`none`): the client may not either.

    `insists`: `required on` was written, not merely taken for granted.
    """

    ctrl: int = 0
    data: int = 0
    timeout: int = 30
    required: bool = True
    refused: bool = False
    insists: bool = False


@dataclass(frozen=True, slots=True)
class SessionCache:
    """TLSSessionCache (and, without `timeout`, TLSStaplingCache).

    `kind`: off, internal, shm, fs, memcache or redis. `timeout`: seconds that a session can be resumed. `path`: shm's
    file, fs's directory. `size`: bytes of shm, 0: not said. `json`: how memcache and redis write an entry; `prefix`:
    what its name begins with there ("": nothing is said).
    """

    kind: str = "internal"
    timeout: int = 15840
    path: str = ""
    size: int = 0
    json: bool = False
    prefix: str = ""


@dataclass(frozen=True, slots=True)
class TicketKeyRules:
    """TLSSessionTicketKeys: seconds that a key is accepted, and how many keys are."""

    age: int = 12 * 3600
    count: int = 25


@dataclass(frozen=True, slots=True)
class TicketPool:
    """TLSSessionTicketPool: where the machines of a pool exchange ticket keys, and the file with their secret."""

    place: SessionCache
    secret: str


class CipherSuite(NamedTuple):
    """A TLSCipherSuite line: the list for TLS 1.3, or for everything older."""

    tls13: bool
    suites: str


@dataclass(frozen=True, slots=True)
class ControlsACL:
    """One line of an ACL: `actions` (`all`: every one) are allowed to `names`, or to everybody but `names`.

    `kind` is `user` or `group`; `*` among the names is everybody.
    """

    actions: tuple[str, ...]
    allow: bool
    kind: str
    names: tuple[str, ...]


class SocketOwner(NamedTuple):
    """Names of a user and a group."""

    user: str
    group: str


@dataclass(frozen=True, slots=True)
class AdminControls:
    """AdminControlsEngine: whether there are any, and which of them there are not."""

    enabled: bool = True
    without: frozenset[str] = frozenset()


class Bound(NamedTuple):
    """At most `most` at a time; `message` (%m: that number) is for whoever is one too many, None: the usual one."""

    most: int
    message: str | None = None


class ClassBound(NamedTuple):
    """MaxClientsPerClass: the bound for the class `key`, None: it has none."""

    key: str
    bound: Bound | None


class TransferBound(NamedTuple):
    """MaxTransfersPerHost, MaxTransfersPerUser: the bound for each of `commands`, None: they have none."""

    commands: frozenset[str]
    bound: Bound | None


class Rate(NamedTuple):
    """`number` events within `seconds`."""

    number: int
    seconds: int


@dataclass(frozen=True, slots=True)
class SizeBound:
    """MaxStoreFileSize, MaxRetrieveFileSize: bytes (None: any number) for `whom` (None: everybody). `outward` counts
    the places with such lines that lie further in than the line's own.
    """

    size: int | None
    whom: Whom | None = None
    outward: int = 0

    def further_out(self) -> SizeBound:
        """The line as a section sees it that has such lines of its own."""
        return replace(self, outward=self.outward + 1)


@dataclass(frozen=True, slots=True)
class DigestCache:
    """DigestCache: how many digests are remembered (0: none), and for how many seconds."""

    size: int = 10_000
    age: int = 3600
