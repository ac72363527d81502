"""Bans at work: is a client banned, and is he to be now?

One object for each configuration. What it says goes into the BanLog (`Told`), in mod_ban's words. Trouble with the
table (it is busy, a disk is gone) never keeps anybody away or lets a session fail: it is said in the log.
"""

from __future__ import annotations

import contextlib
import ipaddress
import threading
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field

from ftpsd.access.bans import EVERY_SERVER, NEVER, Ban, Kind, Suspect, block, kind_of, rules_for
from ftpsd.guard.bantable import BanTable, Counted
from ftpsd.guard.shared import SharedBans
from ftpsd.settings.bans import BanRule

Told = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class _Known:
    """All bans of one generation of the table, by whom they are about; those of blocks of addresses apart."""

    generation: int
    by_name: dict[tuple[Kind, str], list[Ban]] = field(default_factory=dict)
    blocks: tuple[tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, Ban], ...] = ()

    @classmethod
    def of(cls, generation: int, bans: Iterable[Ban]) -> _Known:
        known = cls(generation)
        blocks = []
        for ban in bans:
            network = block(ban.name) if ban.kind is Kind.HOST else None
            if network is not None:
                blocks.append((network, ban))
            else:
                known.by_name.setdefault((ban.kind, ban.name), []).append(ban)
        return cls(generation, known.by_name, tuple(blocks))

    def about(self, kind: Kind, suspect: Suspect) -> list[Ban]:
        found = [ban for name in suspect.names(kind) for ban in self.by_name.get((kind, name), ())]
        if kind is Kind.HOST and self.blocks:
            address = ipaddress.ip_address(suspect.host.partition("%")[0])
            found += [ban for network, ban in self.blocks if address in network]
        return found


class Bans:
    """The bans of a configuration. Opened in the supervisor, used by every process; safe for threads."""

    def __init__(
        self, table: BanTable, *, any_server: bool = False, shared: SharedBans | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.table = table
        self.shared = shared
        self._any_server = any_server
        self._clock = clock
        self._known = _Known(-1)
        self._lock = threading.Lock()

    @property
    def generation(self) -> int:
        """Changes when a ban is made or lifted."""
        return self.table.generation

    def start(self) -> None:
        """In a worker, before its first session."""
        if self.shared is not None:
            self.shared.start()

    def close(self) -> None:
        """Gives back the table, whose bans stay."""
        if self.shared is not None:
            self.shared.close()
        self.table.close()

    def find(
        self, suspect: Suspect, server: bytes, kinds: Sequence[Kind], tell: Told, *, ask: bool = False,
    ) -> Ban | None:
        """The ban in force for a client at a host, of these kinds; `ask`: other machines' bans count, too."""
        known, now = self._current(tell), self._clock()
        for kind in kinds:
            for ban in known.about(kind, suspect):
                if ban.counts(server, now, any_server=self._any_server):
                    return ban
        if ask and self.shared is not None:
            return self.shared.find(suspect, server, kinds)
        return None

    def happened(
        self, events: Iterable[str], rules: Iterable[BanRule], suspect: Suspect, server: bytes, tell: Told,
    ) -> Ban | None:
        """Something has happened; the ban that it makes, or would make if another session had not just done so."""
        made = None
        for rule in rules_for(rules, events):
            for source in suspect.names(kind_of(rule.event))[:1]:
                made = self._count(rule, source, server, tell) or made
        return made

    def _count(self, rule: BanRule, source: str, server: bytes, tell: Told) -> Ban | None:
        kind, now = kind_of(rule.event), self._clock()
        try:
            counted = self.table.count(rule, source, server, now)
            if counted.count == 1:
                tell(f"added ban event for {rule.event}")
            else:
                tell(f"updated count for {rule.event} event entry: {counted.count} curr, {rule.most} max")
            if counted.count < rule.most:
                return None
            reason = f"{rule.event} autoban at {_date(now)}"
            ban = Ban(kind, source, server, now + rule.duration, reason, rule.message or "")
            standing = self.table.add(ban, now)
        except (OSError, ValueError) as error:
            tell(f"error adding {rule.event}-triggered autoban for {kind.word} '{source}': {error}")
            return None
        if standing is not ban:
            return standing
        tell(f"added {rule.event}-triggered autoban for {kind.word} '{source}'")
        if self.shared is not None:
            self.shared.add(ban)
        return ban

    def ban(self, kind: Kind, name: str, server: bytes, *, by: str, seconds: int, tell: Told) -> bool:
        """An administrator bans somebody (`seconds` 0: for good); False: he is banned already.

        Raises `OSError`, `ValueError`.
        """
        now = self._clock()
        ban = Ban(kind, name, server, now + seconds if seconds else NEVER, f"requested by '{by}' on {_date(now)}")
        added = self.table.add(ban, now) is ban
        if added:
            tell(f"added '{name}' to banned {_plural(kind)} list")
        return added

    def permit(self, kind: Kind, name: str | None, server: bytes, tell: Told) -> list[Ban]:
        """Lifts bans (EVERY_SERVER: wherever they count; None: everybody's); those that were. Raises `OSError`.

        Other machines are not told: `SharedBans.remove` does that, and waits for them; until `told` they are owed it.
        """
        where = None if server == EVERY_SERVER else server
        lifted = self.table.remove(kind, name, where, owe=self.shared is not None)
        for ban in lifted:
            tell(f"removed '{ban.name}' from banned {_plural(kind)} list")
        return lifted

    def owed(self) -> list[Ban]:
        """Bans that were lifted here and that BanCache may still have, as it did not answer. Raises `OSError`."""
        return self.table.owed(self._clock())

    def told(self, bans: Collection[Ban]) -> None:
        """BanCache has forgotten these. Trouble with the table, closed by now or not, leaves them owed: that does no
        harm."""
        with contextlib.suppress(OSError, ValueError):
            self.table.paid(bans)

    def in_force(self) -> list[Ban]:
        """All of them, in the order in which they were made. Raises `OSError`."""
        now = self._clock()
        return [ban for ban in self.table.read()[1] if ban.expires == NEVER or ban.expires > now]

    def counted(self) -> list[Counted]:
        """What was counted and is not forgotten yet. Raises `OSError`."""
        return self.table.counted(self._clock())

    def _current(self, tell: Told) -> _Known:
        known = self._known
        if known.generation == self.table.generation:
            return known
        with self._lock:
            try:
                self._known = known = _Known.of(*self.table.read())
            except OSError as error:
                tell(f"error reading the ban table: {error}")
        return known


def _plural(kind: Kind) -> str:
    return {Kind.USER: "users", Kind.HOST: "hosts", Kind.CLASS: "classes", Kind.PAIR: "user@hosts"}[kind]


def _date(now: float) -> str:
    return time.strftime("%a %b %d %H:%M:%S %Y", time.localtime(now))
