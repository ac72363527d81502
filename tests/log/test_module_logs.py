"""BanLog, WrapLog, QuotaLog: a file for a module, in whose words its lines are."""

from __future__ import annotations

from pathlib import Path

from ftpsd.log import events
from ftpsd.log.bus import EventLog
from ftpsd.log.identity import MODULES, writer_id
from ftpsd.log.sinks import open_sinks
from tests.log.support import CLIENT, STAMP, clock
from tests.settings.support import configuration


def test_a_ban_log_is_one_for_all_hosts(tmp_path: Path) -> None:
    text = f"BanLog {tmp_path}/ban.log\nSystemLog none\n<VirtualHost 127.0.0.2>\nPort 2121\n</VirtualHost>"
    sinks, notices = open_sinks(configuration(text), clock=clock)
    log = EventLog(sinks)
    assert notices == []
    for number in (0, 1):
        origin = CLIENT._replace(host_id=number)
        log.emit(events.ModuleNote("ban", f"forged\n{number} \x1b[1m"), origin)
        log.emit(events.ModuleNote("wrap", "not here"), origin)
        log.emit(events.Notice("nor this"), origin)
    log.close()
    head = f"{STAMP} {MODULES['ban']}[{writer_id()}]: forged\\n"
    assert (tmp_path / "ban.log").read_text() == f"{head}0 \\x1b[1m\n{head}1 \\x1b[1m\n"


def test_a_log_that_cannot_be_had_is_a_notice(tmp_path: Path) -> None:
    sinks, notices = open_sinks(configuration(f"BanLog {tmp_path}/x/ban.log\nSystemLog none"), clock=clock)
    assert notices == [f"notice: unable to open BanLog '{tmp_path}/x/ban.log': No such file or directory"]
    for sink in sinks:
        sink.close()
