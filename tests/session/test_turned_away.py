"""SQLLogOnEvent hears of clients that get no session, and who they are."""

from __future__ import annotations

from typing import cast

import pytest

from ftpsd.access.bans import Ban, Kind
from ftpsd.access.occupancy import Exceeded
from ftpsd.guard.bans import Bans
from ftpsd.log.bus import EventLog
from ftpsd.reasons.codes import Code
from ftpsd.session import bounds
from ftpsd.session.admission import Admission, Comer
from ftpsd.session.closing import Doors
from ftpsd.session.endpoints import Ends
from ftpsd.session.sql import EventSink
from ftpsd.settings.logformat import Field
from ftpsd.settings.values import Bound
from ftpsd.sql.queries import NamedQueries
from ftpsd.sql.statements import Values
from tests.session.inprocess import Slot
from tests.settings.support import configuration

HERE = Ends("192.0.2.7", 5000, "192.0.2.1", 21)


class Open:
    """Doors that nobody has closed."""

    closed = False


class Counting:
    """Bans nobody at first, and then for every event."""

    def find(self, *_: object, **__: object) -> None:
        """Nobody is banned."""

    def happened(self, *_: object) -> Ban:
        """That was once too often."""
        return Ban(Kind.HOST, HERE.peer, reason="ClientConnectRate autoban at noon")


class Queries:
    """What was to be written."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, object, object]] = []

    def send(self, name: str, numbered: object, values: Values, *, lenient: bool) -> None:
        """Keeps it, with the client's address and class."""
        self.sent.append((name, values.value(Field("remote_ip")), values.value(Field("connection_class"))))


@pytest.mark.parametrize(("lines", "sent"), [
    ("WrapEngine on\nWrapOptions CheckOnConnect\nWrapTables file:/nonexistent builtin:all\n"
     "SQLLogOnEvent mod_wrap.connection-denied denied", ["denied"]),
    ("MaxConnectionsPerHost 1\nSQLLogOnEvent MaxConnectionsPerHost full", ["full"]),
    ("BanEngine on\nBanTable /tmp/b\nSQLLogOnEvent mod_ban.client-connect-rate rate\nSQLLogOnEvent HostBanned banned",
     ["rate", "banned"]),
])
def test_what_is_heard(lines: str, sent: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    exceeded = Exceeded("MaxConnectionsPerHost", Bound(1), Code.LIMIT_CONNECTIONS_PER_HOST, "no")
    monkeypatch.setattr(bounds, "connect", lambda *_: exceeded if sent == ["full"] else None)
    host, queries = configuration(lines).hosts[0], Queries()
    told = cast(NamedQueries, queries)
    log = EventLog([EventSink({host.id: (host.settings.sql, told)})])
    admission = Admission(cast(Doors, Open()), cast(Bans, Counting()), log)
    comer = Comer(HERE, host, host.settings, None, frozenset({"near"}), 0)
    assert (admission.refusal(comer, Slot(), told) or b"").startswith(b"530")
    assert queries.sent == [(name, HERE.peer, "near") for name in sent]
    assert log.failures == 0
