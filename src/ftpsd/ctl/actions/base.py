"""What an action is, and what it works with."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from ftpsd.ctl.access import Peer
from ftpsd.ctl.protocol import FAILED, OK
from ftpsd.errors import FtpsdError, Location
from ftpsd.server.supervisor import Supervisor

CORE, ADMIN, TLS, OWN, BAN = "mod_ctrls.c", "mod_ctrls_admin.c", "mod_tls.c", "mod_ftpsd.c", "mod_ban.c"
"""Modules, as lsctrl names them."""

HERE = Location("a control action", 0)
"""Where a directive stands that an action has set."""


class Failed(FtpsdError):
    """The action cannot be carried out; the text is the answer, with status -1."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Lines for people. `afterwards` is called when they have been sent (or cannot be)."""

    lines: tuple[str, ...]
    status: int = OK
    afterwards: Callable[[], None] | None = None

    @classmethod
    def of(cls, *lines: str) -> Answer:
        """Success."""
        return cls(lines)

    @classmethod
    def failure(cls, *lines: str) -> Answer:
        """The action was refused or failed."""
        return cls(lines, FAILED)


@dataclass(frozen=True, slots=True)
class Later:
    """The answer takes its time, as other machines are asked: `work` is called where nobody waits for it. It may raise
    `Failed`, and what it changes in memory is lost; `done` is called here when its answer is a success."""

    work: Callable[[], Answer]
    done: Callable[[], None] = lambda: None


@dataclass(frozen=True, slots=True)
class Request:
    """What `peer` wants: the words behind the action's name. `may` says whether it may do something (`tls_acls`); `fd`
    is a descriptor that came with the request (it is closed after the answer)."""

    words: Sequence[str]
    peer: Peer
    may: Callable[[str], bool] = lambda action: True
    fd: int | None = None


@dataclass(frozen=True, slots=True)
class Action:
    """`acl` says which directive has to allow it, None: whoever may connect may do it.

    For "tls" the action asks itself, word by word. `changes`: that somebody asked for it is worth a line in the
    server's log. `run` may raise `Failed`.
    """

    name: str
    module: str
    description: str
    run: Callable[[Office, Request], Answer | Later]
    acl: Literal["core", "admin", "tls", "ban"] | None = "admin"
    changes: bool = False


@dataclass(slots=True)
class Office:
    """The server, and what only the control socket has to remember.

    `disabled`: actions that rmctrl (or AdminControlsEngine) has taken away.
    """

    supervisor: Supervisor
    actions: Mapping[str, Action]
    started: float
    disabled: set[str] = field(default_factory=set)
    debug_level: int = 0

    def present(self) -> list[Action]:
        """The actions that there are now, by name."""
        gone = self.disabled | self.absent()
        return [action for name, action in sorted(self.actions.items()) if name not in gone]

    def absent(self) -> frozenset[str]:
        """What AdminControlsEngine takes away."""
        admin = self.supervisor.configuration.hosts[0].settings.controls.admin
        if admin.enabled:
            return admin.without
        return frozenset(name for name, action in self.actions.items() if action.module == ADMIN)


def want(words: Sequence[str], least: int, name: str, *, most: int | None = None) -> None:
    """Raises `Failed` unless there are `least` … `most` words, in mod_ctrls_admin's words about action `name`."""
    if len(words) < least:
        raise Failed(f"{name}: missing required parameters" if name else "missing required parameters")
    if most is not None and len(words) > most:
        raise Failed(f"{name}: wrong number of parameters" if name else "wrong number of parameters")
