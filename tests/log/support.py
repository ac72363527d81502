"""Configurations and clocks for the tests of logs."""

from __future__ import annotations

import dataclasses
import time
from pathlib import Path
from typing import Any

from ftpsd.log.events import Origin
from ftpsd.settings.logging import LoggingSettings
from ftpsd.settings.model import AnonymousSection, Configuration, Host, Settings
from ftpsd.settings.tls import TLSSettings

NOON = time.mktime((2026, 11, 1, 12, 0, 5, 0, 0, -1)) + 0.25
STAMP = "2026-11-01 12:00:05,250"

CLIENT = Origin(
    session_id="abc", peer="192.0.2.7", peer_name="client.example", port=4000, local="192.0.2.1",
    local_port=21, host="ftp.example", user="joe",
)


def clock() -> float:
    return NOON


def host(number: int = 0, *, tls_log: Path | None = None, anonymous: Any = (), **logging: Any) -> Host:
    logging.setdefault("system_log", None)
    logging.setdefault("wtmp_log", False)
    settings = Settings(
        logging=dataclasses.replace(LoggingSettings(), **logging),
        tls=dataclasses.replace(TLSSettings(), log=None if tls_log is None else str(tls_log)),
    )
    sections = tuple(
        AnonymousSection("~ftp", settings=dataclasses.replace(
            settings, logging=dataclasses.replace(settings.logging, **changes)))
        for changes in anonymous
    )
    return Host(settings=settings, id=number, anonymous=sections)


def configuration(*hosts: Host) -> Configuration:
    return Configuration(hosts=hosts or (host(),))
