"""Which RedisLogOnCommand and RedisLogOnEvent want to know of a command: those of the directory that it is about."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ftpsd.ftp.commands import COMMANDS
from ftpsd.log.record import CommandForRedis, Record
from ftpsd.settings.model import Configuration
from ftpsd.settings.redis_logs import RedisLog, RedisLogSettings
from ftpsd.settings.redis_rules import GROUP, entries

if TYPE_CHECKING:
    from ftpsd.session.state import Session


def wanted(session: Session, record: Record) -> CommandForRedis | None:
    """What to tell the log; None: no log wants the command."""
    if not session.host.settings.remote.redis_engine:
        return None
    settings: RedisLogSettings = _in_force(session, record)
    logs = tuple(
        log for log in (*settings.on_command, *settings.on_event) if log.wants(record.command, record.classes))
    return CommandForRedis(record, logs, settings.extras) if logs else None


def _in_force(session: Session, record: Record) -> RedisLogSettings:
    if not session.places.touches(GROUP):
        return session.settings.redis_logs
    if record.path is None:
        return session.directory_settings().redis_logs
    return session.settings_for(record.path).redis_logs


def unknown_words(configuration: Configuration) -> tuple[str, ...]:
    """Notices about names of commands that there are not, which ProFTPD passes over in silence."""
    found = dict.fromkeys(
        f"{one.directive} on {one.location}: there is no command {name}, it logs nothing"
        for host in configuration.hosts for one in entries(host) if isinstance(one.entry, RedisLog)
        for name in sorted(one.entry.commands - COMMANDS.keys()) if not name.startswith("SITE_"))
    return tuple(found)
