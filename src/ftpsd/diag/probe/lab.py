"""What the steps of a probe share: whom they ask, with which means, and the usual ways of beginning a session."""

from __future__ import annotations

from dataclasses import dataclass

from ftpsd.diag.probe.dialogue import Dialogue
from ftpsd.diag.probe.facts import Answer, Handshake
from ftpsd.diag.probe.wire import Ended, ProbeError, Wire, Wires, alert_of
from ftpsd.settings.addresses import is_ip
from ftpsd.tls.client import Offer, Session

EXPLICIT, IMPLICIT = 21, 990
_SINGLE_USE = "TLSv1.3"


class NoTLS(ProbeError):
    """AUTH was refused."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(f"AUTH TLS was answered with {answer}")
        self.answer = answer


@dataclass(frozen=True, slots=True)
class Options:
    """What whoever probes wants. Only `directory` lets a probe change anything on the server.

    port       0: 21, then 990
    implicit   None: to be found out
    user       "": nobody logs in
    insecure   the password is sent although the certificate could not be verified
    directory  where a file is stored and deleted again; "": nowhere
    ciphers    whether ciphers are asked for one by one
    """

    host: str
    port: int = 0
    implicit: bool | None = None
    user: str = ""
    password: str = ""
    insecure: bool = False
    directory: str = ""
    ciphers: bool = True
    active: bool = True

    @property
    def name(self) -> str:
        """The host for SNI, which has no addresses."""
        return "" if is_ip(self.host) else self.host


@dataclass
class Lab:
    """The server, once it was found. `word` is the AUTH that it understands."""

    options: Options
    wires: Wires
    address: str = ""
    port: int = 0
    implicit: bool = False
    word: str = "TLS"

    def connect(self) -> Dialogue:
        """A control connection, nothing said on either side."""
        return Dialogue(self.wires.connect(self.address, self.port))

    def greeted(self) -> Dialogue:
        """A control connection in clear, after the greeting (explicit TLS only)."""
        dialogue = self.connect()
        dialogue.answer()
        return dialogue

    def secured(
        self, offer: Offer, *, name: str | None = None, session: Session | None = None, verify: bool = False,
    ) -> tuple[Dialogue, Handshake]:
        """A control connection after its handshake, which may have failed; then it is closed.

        `name`: SNI, None: the host. Raises `NoTLS`, `Unreachable` and other `ProbeError`s.
        """
        dialogue = self.connect() if self.implicit else self.greeted()
        if not self.implicit:
            answer = dialogue.ask(f"AUTH {self.word}")
            if not answer.good:
                dialogue.close()
                raise NoTLS(answer)
        sni = self.options.name if name is None else name
        shake = dialogue.wire.secure(
            offer, name=sni, session=session, verify=self.options.host if verify else "")
        if not shake.good:
            dialogue.wire.close()
        elif self.implicit:
            shake = self._after(dialogue, shake)
        return dialogue, shake

    def _after(self, dialogue: Dialogue, shake: Handshake) -> Handshake:
        """The greeting under implicit TLS; a TLS 1.3 server may only now say what it thinks of our Finished."""
        try:
            dialogue.answer()
        except Ended as error:
            alert = alert_of(dialogue.wire.tls)
            dialogue.wire.close()
            return Handshake(error=str(error), kind="eof", alert=alert)
        return shake


class Sessions:
    """The TLS sessions of a control connection, as a careful client uses them: a ticket of TLS 1.3 once (RFC 8446
    appendix C.4), a session of TLS 1.2 as often as wanted.
    """

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._fresh: list[Session] = []
        self._last: Session | None = None
        self.came = 0

    def collect(self) -> None:
        """What has come since."""
        if self._wire.tls is None:
            return
        found = [each for each in self._wire.tls.take_sessions() if each.resumable]
        self.came += len(found)
        self._fresh += found

    @property
    def first(self) -> Session | None:
        return self._fresh[0] if self._fresh else None

    def next(self) -> tuple[Session | None, bool]:
        """A session to offer, and whether it is one that was not used before."""
        self.collect()
        if self._fresh and (self._fresh[-1].version == _SINGLE_USE):
            self._last = self._fresh.pop(0)
            return self._last, True
        if self._fresh:
            self._last = self._fresh[-1]
            return self._last, True
        return self._last, False
