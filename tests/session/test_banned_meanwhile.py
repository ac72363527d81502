"""A session reaches the threshold of BanOnEvent just when somebody else has made the ban, and has not seen that yet."""

from __future__ import annotations

from pathlib import Path

import pytest

from ftpsd.access.bans import Kind, Suspect
from ftpsd.access.occupancy import host_key
from ftpsd.guard.bans import Bans
from ftpsd.guard.bantable import BanTable
from tests.session.inprocess import one_session, system_log


@pytest.mark.parametrize(("administrator", "told"), [
    (False, "autoban threshold reached, ending session"), (True, "Login denied: host '127.0.0.1' banned"),
])
def test_the_session_ends(tmp_path: Path, administrator: bool, told: str) -> None:
    table, log = str(tmp_path / "table"), tmp_path / "log"
    rule = "BanOnEvent UnhandledCommand 1/00:10:00 01:00:00"
    with one_session(["BanEngine on", f"BanTable {table}", f"BanLog {log}", rule]) as served:
        served.client.connect()
        session, other = served.session(), Bans(BanTable.open(table))
        server = host_key(session.host)
        if administrator:
            assert other.ban(Kind.HOST, "127.0.0.1", server, by="root", seconds=0, tell=print)
        else:
            rules = session.settings.bans.rules
            assert other.happened(("UnhandledCommand",), rules, Suspect("127.0.0.1"), server, print)
        session.ban_generation = other.generation
        other.close()
        served.client.expect(421, "XYZZY")
        served.client.expect_end()
        assert told in system_log(served)
        said = log.read_text()
        assert ("UnhandledCommand autoban threshold" in said) is not administrator
        assert ("denied due to host ban" in said) is administrator
        assert "requested" not in said
