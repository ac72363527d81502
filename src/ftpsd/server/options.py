"""How the server was asked to run: the daemon options of the command line."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace

from ftpsd.errors import ConfigError
from ftpsd.log.identity import PROGRAM
from ftpsd.settings import Configuration
from ftpsd.settings.loader import load as load_file
from ftpsd.settings.logging import LoggingSettings
from ftpsd.settings.model import Settings
from ftpsd.settings.server import ServerSettings

DEFAULT_PATHS = ("/etc/ftpsd.conf", "/etc/proftpd/proftpd.conf")

DROP_IN = "proftpd"
"""`Options.program` of who stands in ProFTPD's place: units, init scripts and filters of logs know that name."""

_DEFAULTS = {DROP_IN: Settings(
    server=ServerSettings(pid_file="/run/proftpd.pid"), logging=LoggingSettings(transfer_log="/var/log/xferlog"))}
"""What is otherwise where nothing is configured: Debian's unit and init script wait for the one file, and whoever
counts transfers reads the other."""


@dataclass(frozen=True, slots=True)
class Options:
    """`config` is the file (None: the first of `DEFAULT_PATHS` that there is), `foreground` -n, `quiet` -q,
    `debug` -d, `defines` -D, `listen` -S, `ipv6` -4 (False) and -6 (True); `program` is the name in logs."""

    config: str | None = None
    foreground: bool = False
    quiet: bool = False
    debug: int | None = None
    defines: tuple[str, ...] = ()
    listen: str | None = None
    ipv6: bool | None = None
    program: str = PROGRAM

    def settled(self) -> Options:
        """The same with an absolute path: a daemon leaves the directory that a relative one starts from."""
        return self if self.config is None else replace(self, config=os.path.abspath(self.config))

    def config_path(self) -> str:
        """The configuration's absolute path. Raises `ConfigError` when none was named and none is there."""
        if self.config is not None:
            return os.path.abspath(self.config)
        for path in DEFAULT_PATHS:
            if os.path.exists(path):
                return path
        raise ConfigError(
            f"no configuration file: neither {' nor '.join(DEFAULT_PATHS)} exists",
            remedy="name one with -c FILE, or try `ftpsd demo`",
        )


def defaults(program: str) -> Settings:
    """Where `program` has its files unless the configuration says otherwise."""
    return _DEFAULTS.get(program, Settings())


def load(options: Options) -> Configuration:
    """Read the configuration that `options` name. Raises `ConfigError`."""
    return load_file(
        options.config_path(), defines=options.defines, listen=options.listen, base=defaults(options.program))
