"""What a probe observed, and no judgement. A part that is None was not looked at, or could not be.

Times are seconds. Certificates are DER. Texts of the server are as it sent them, so whoever shows them makes them
harmless (`ftp.replies.harmless`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Ending = Literal["", "notify", "fin", "reset", "timeout"]
"""How the server ended a connection: close_notify, FIN alone, a reset, not at all; "": nobody looked."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A reply; code 0: none came, and the only line says why."""

    code: int
    lines: tuple[str, ...] = ()

    @property
    def good(self) -> bool:
        """2xx or 3xx."""
        return 200 <= self.code < 400

    @property
    def text(self) -> str:
        return self.lines[-1] if self.lines else ""

    def __str__(self) -> str:
        return f"{self.code} {self.text}".strip(" .") if self.code else f"no reply ({self.text})"


@dataclass(frozen=True, slots=True)
class Handshake:
    """A TLS handshake. `error` "": it succeeded; `kind` is `TLSError.kind`, `alert` what the server said to it."""

    error: str = ""
    kind: str = ""
    alert: str = ""
    version: str = ""
    cipher: str = ""
    resumed: bool = False
    alpn: str = ""
    leaf: bytes = b""
    seconds: float = 0.0

    @property
    def good(self) -> bool:
        return not self.error


@dataclass(frozen=True, slots=True)
class Reached:
    """Where the server is. `refused`: addresses and ports that did not answer before, and why."""

    address: str
    port: int
    seconds: float
    refused: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Greeting:
    """The first reply, and how it was got. `software` is a guess, "" where there is none."""

    answer: Answer
    implicit: bool
    seconds: float
    software: str = ""


@dataclass(frozen=True, slots=True)
class Objection:
    """What OpenSSL holds against a certificate of the chain (X509_V_ERR_… `code`)."""

    depth: int
    code: int
    text: str


@dataclass(frozen=True, slots=True)
class Identity:
    """What the server shows of itself. `named`: the name or address that the certificate was compared with.

    `strict` is what `cryptography` says against it by the rules for public sites; "": nothing.
    """

    chain: tuple[bytes, ...]
    named: str
    objections: tuple[Objection, ...]
    strict: str = ""
    staple: bytes | None = None
    asks_for_certificate: bool = False
    authorities: tuple[str, ...] = ()
    own_trust: bool = False
    """Whether the authorities were named by whoever asked (`--ca`), and are not the system's."""
    credential: bool = False
    """Whether we had a certificate to show."""


@dataclass(frozen=True, slots=True)
class Features:
    """FEAT before and after TLS; the words that were listed."""

    before: Answer | None
    after: Answer | None

    @staticmethod
    def words(answer: Answer | None) -> tuple[str, ...]:
        """The lines of a FEAT reply without its first and last."""
        if answer is None or answer.code != 211:
            return ()
        return tuple(line.strip().upper() for line in answer.lines[1:-1])


@dataclass(frozen=True, slots=True)
class Security:
    """AUTH in all its forms, the commands around it, and what goes in clear.

    `plain_user`: the reply to USER without TLS. `levels`: PROT's replies by level.
    """

    auth: dict[str, Answer] = field(default_factory=dict)
    plain_user: Answer | None = None
    injected: Literal["", "run", "dropped", "refused"] = ""
    pbsz: Answer | None = None
    levels: dict[str, Answer] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Version:
    """A protocol version. `ciphers`: accepted ones, the first is what the server took from the whole list.

    `complete`: whether it was asked until it refused. `missing`: this OpenSSL cannot ask.
    """

    name: str
    ciphers: tuple[str, ...] = ()
    complete: bool = True
    missing: bool = False
    error: str = ""


@dataclass(frozen=True, slots=True)
class Hello:
    """How the server takes what clients say in the hello beside versions and ciphers."""

    without_name: Handshake | None = None
    unknown_name: Handshake | None = None
    alpn_ftp: Handshake | None = None
    alpn_foreign: Handshake | None = None


@dataclass(frozen=True, slots=True)
class Renegotiation:
    """TLS 1.2 and older. `secure`: RFC 5746; `by_client`: what became of our wish for new keys."""

    secure: bool
    by_client: Literal["", "done", "refused", "ended"] = ""


@dataclass(frozen=True, slots=True)
class Resumption:
    """Sessions of control connections under one version and kind ("TLSv1.3", "TLSv1.2 tickets", "TLSv1.2 ids").

    `offered`: tickets (or ids) that came before anything was transferred; `lifetime`: the first one's, in seconds.
    `resumed`: whether a second control connection resumed the first one's; None: not tried.
    """

    kind: str
    offered: int
    lifetime: int = 0
    resumed: bool | None = None
    error: str = ""


@dataclass(frozen=True, slots=True)
class Passive:
    """A reply to PASV or EPSV, and whether the port could be reached (`error` "": yes)."""

    command: str
    answer: Answer
    host: str = ""
    port: int = 0
    peer: str = ""
    """The control connection's address: what clients connect to for EPSV."""
    error: str = ""
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Transfer:
    """A data connection with a command. `offered`: whether a session was; `fresh`: one that had not been used before.

    `opening` is the reply before the data, `closing` the last one. `good` needs all of it.
    """

    command: str
    offered: bool = False
    fresh: bool = False
    private: bool = True
    handshake: Handshake | None = None
    opening: Answer | None = None
    closing: Answer | None = None
    size: int = 0
    ending: Ending = ""
    error: str = ""
    passive: Passive | None = None
    seconds: float = 0.0

    @property
    def good(self) -> bool:
        return not self.error and self.closing is not None and 200 <= self.closing.code < 300


@dataclass(frozen=True, slots=True)
class DataSeries:
    """Transfers on one control connection of one kind (see `Resumption`): each resumes, `bare` does not."""

    kind: str
    resuming: tuple[Transfer, ...] = ()
    bare: Transfer | None = None


@dataclass(frozen=True, slots=True)
class Active:
    """PORT or EPRT. `came`: the server's connection; `error` why not."""

    command: str
    answer: Answer
    came: bool = False
    error: str = ""


@dataclass(frozen=True, slots=True)
class Written:
    """A file stored, fetched and deleted again."""

    stored: Transfer
    fetched: Transfer | None = None
    same: bool = False
    deleted: Answer | None = None


@dataclass(frozen=True, slots=True)
class Clearing:
    """CCC. `works`: whether the dialogue went on in clear; None: it was refused."""

    answer: Answer
    works: bool | None = None
    error: str = ""


@dataclass(frozen=True, slots=True)
class Login:
    """`withheld`: why the password was not sent; "": it was."""

    answer: Answer
    withheld: str = ""
    system: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """What was done and how long it took; `error`: why it ended early."""

    name: str
    seconds: float
    error: str = ""


@dataclass(frozen=True, slots=True)
class Facts:
    """All of it."""

    target: str
    unreachable: str = ""
    reached: Reached | None = None
    greeting: Greeting | None = None
    handshake: Handshake | None = None
    identity: Identity | None = None
    features: Features | None = None
    security: Security | None = None
    versions: tuple[Version, ...] = ()
    hello: Hello | None = None
    renegotiation: Renegotiation | None = None
    resumptions: tuple[Resumption, ...] = ()
    login: Login | None = None
    passive: tuple[Passive, ...] = ()
    series: tuple[DataSeries, ...] = ()
    clear: Transfer | None = None
    active: tuple[Active, ...] = ()
    written: Written | None = None
    clearing: Clearing | None = None
    steps: tuple[Step, ...] = ()
    connections: int = 0
