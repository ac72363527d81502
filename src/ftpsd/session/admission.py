"""Whether a new connection gets a session: shutdown, bans, <Limit LOGIN>, limits in number, access tables, in that
order.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from ftpsd.access import limits
from ftpsd.access.bans import Suspect
from ftpsd.ftp.replies import Reply
from ftpsd.guard.bans import Bans
from ftpsd.log import events
from ftpsd.log.bus import EventLog
from ftpsd.log.events import Origin
from ftpsd.log.record import Record
from ftpsd.reasons.codes import Code
from ftpsd.session import banning, bounds, wrapping
from ftpsd.session.closing import Doors
from ftpsd.session.endpoints import Ends
from ftpsd.session.sql import RecordValues, name_of
from ftpsd.session.state import SlotView
from ftpsd.settings.model import Host, Settings
from ftpsd.sql.queries import NamedQueries, calling

_NOTHING = b""


@dataclass(frozen=True, slots=True)
class Comer:
    """Who has connected, before there is a session. `name`: of his address, where it was looked up."""

    ends: Ends
    host: Host
    settings: Settings
    name: str | None
    classes: frozenset[str]
    ban_generation: int
    """Of the bans before anybody looked at them."""

    @property
    def shown(self) -> str:
        """His host, as logs have it."""
        return f"{self.name or self.ends.peer} [{self.ends.peer}]"

    @property
    def origin(self) -> Origin:
        """Whose events are told."""
        ends, core = self.ends, self.host.settings.core
        return Origin(
            peer=ends.peer, peer_name=self.name or ends.peer, port=ends.peer_port, local=ends.local,
            local_port=ends.local_port, server_name=core.server_name, host_id=self.host.id)

    @property
    def suspect(self) -> Suspect:
        """Who bans are asked about."""
        return Suspect(self.ends.peer, self.name, classes=self.classes)


@dataclass(frozen=True, slots=True)
class Admission:
    """What new connections are judged by. `bans` are None where no host has BanEngine."""

    doors: Doors
    bans: Bans | None
    log: EventLog

    def refusal(self, comer: Comer, slot: SlotView, queries: NamedQueries | None) -> bytes | None:
        """What a client is told that gets no session, b"": nothing; None: it gets one, and `slot` is its."""
        settings = comer.settings
        if queries is not None:
            calling(RecordValues(Record("", client_class=min(comer.classes, default=None)), comer.origin, time.time()))
        if self.doors.closed:
            line, text = self.doors.turned_away(comer.ends, comer.name or comer.ends.peer)
            self.log.emit(events.Notice(text))
            return line
        bans = self.bans if settings.bans.engine else None
        if bans is not None:
            words = banning.at_connect(bans, self.log, comer.host, settings, comer.suspect, comer.origin)
            if words is not None:
                return Reply(530, words).encode()
        if settings.restrictions and not _welcome(comer):
            self.log.emit(events.Notice(f"Connection from {comer.shown} denied"))
            return _NOTHING
        exceeded = bounds.connect(slot, comer.host, settings, comer.ends.peer)
        if exceeded is not None:
            self._count(comer, bans, exceeded.reason)
            text = f"Connection from {comer.shown} refused ({exceeded.log})"
            self.log.emit(events.Notice(text, reason=exceeded.reason))
            return Reply(530, exceeded.text).encode()
        if settings.wrap.engine:
            refused = wrapping.at_connect(settings.wrap, self.log, comer.host.id, comer.ends, comer.name, queries)
            if refused is not None:
                self._count(comer, bans, Code.WRAP_DENIED)
                return Reply(530, refused).encode()
        return None

    def _count(self, comer: Comer, bans: Bans | None, reason: Code) -> None:
        self.log.emit(events.Happened(name_of(reason)), comer.origin)
        if bans is not None:
            banning.refused_at_connect(bans, self.log, comer.host, comer.settings, comer.suspect, comer.origin, reason)


def _welcome(comer: Comer) -> bool:
    """Whether <Limit LOGIN> leaves anybody at that address a way to log in."""
    client = limits.Client(comer.ends.peer, comer.name, classes=comer.classes)
    return limits.may_connect(
        comer.settings.restrictions[0].limits, (section.restrictions for section in comer.host.anonymous), client)
