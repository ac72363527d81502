"""`load`: from a file's name to a configuration. The only part of settings/ that looks at the machine."""

from __future__ import annotations

import dataclasses
import os
import socket
from collections.abc import Collection, Mapping

from ftpsd.config import FileSource, Source, parse
from ftpsd.settings import rules
from ftpsd.settings.builder import Resolve, build
from ftpsd.settings.model import Configuration, Settings
from ftpsd.settings.registry import has_module, module_meant


def look_up(name: str) -> tuple[str, ...]:
    """IP addresses of `name` from the system's resolver; () when it knows none."""
    try:
        answers = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return ()
    return tuple(dict.fromkeys(str(answer[4][0]) for answer in answers))


def load(
    path: str,
    *,
    defines: Collection[str] = (),
    env: Mapping[str, str] = os.environ,
    listen: str | None = None,
    source: Source | None = None,
    resolve: Resolve = look_up,
    base: Settings | None = None,
) -> Configuration:
    """Read the configuration file `path` and what it includes.

    `defines`: names given with -D. `env`: for `%{env:NAME}`. `listen`: address in place of DefaultAddress
    (-S).
    `source` and `resolve` replace the file system and the system's resolver, `base` the defaults. Raises
    `ConfigError`.
    """
    absolute = path if source is not None else os.path.abspath(path)
    tree = parse(
        absolute, source or FileSource(), environment=env, defines=defines, has_module=has_module, meant=module_meant)
    configuration = build(tree, listen=listen, resolve=resolve, base=base)
    notices = rules.check(configuration)
    return dataclasses.replace(configuration, notices=configuration.notices + notices)
