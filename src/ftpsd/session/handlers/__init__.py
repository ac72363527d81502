"""The handlers of the command table, by theme.

The table names a handler as `module.function`; `resolve` finds it. A handler takes the session and the
parsed command and returns the reply (None: it sent everything itself). It refuses with `Refusal`.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable

from ftpsd.ftp.commands import COMMANDS, SITE_COMMANDS, Command, CommandSpec, SiteSpec
from ftpsd.ftp.replies import Reply
from ftpsd.session.state import Session

Handler = Callable[[Session, Command], Reply | None]


_HANDLERS: dict[str, Handler] = {}


def resolve(spec: CommandSpec | SiteSpec) -> Handler:
    """The function that carries out a command of the table."""
    if spec.handler not in _HANDLERS:
        module, _, function = spec.handler.partition(".")
        _HANDLERS[spec.handler] = getattr(importlib.import_module(f"{__name__}.{module}"), function)
    return _HANDLERS[spec.handler]


def load() -> None:
    """Imports every handler: with a user's rights a session may not be able to read the source."""
    for spec in COMMANDS.values():
        resolve(spec)
    for site in SITE_COMMANDS.values():
        resolve(site)
