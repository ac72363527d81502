"""SetEnv and UnsetEnv of server config: the environment of the server itself, and of programs that it starts.

What a former configuration had changed is put back first, so that a reload leaves nothing behind. Called before the
workers are forked; `TZ` takes effect at once.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable

from ftpsd.settings.values import EnvironmentVariable

_before: dict[str, str | None] = {}
"""What the variables were that we have changed; None: not set."""


def apply(wanted: Iterable[EnvironmentVariable], unwanted: Iterable[str]) -> None:
    """Makes the environment what SetEnv (the last of a name counts) and UnsetEnv say."""
    for name, value in _before.items():
        _put(name, value)
    _before.clear()
    changes: dict[str, str | None] = {one.key: one.value for one in wanted}
    changes.update((name, None) for name in unwanted)
    for name, changed in changes.items():
        _before[name] = os.environ.get(name)
        _put(name, changed)
    time.tzset()


def _put(name: str, value: str | None) -> None:
    if value is None:
        os.environ.pop(name, None)
    else:
        os.environ[name] = value
