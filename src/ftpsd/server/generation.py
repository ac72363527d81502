"""A generation: one configuration that is being served, and everything made from it.

A reload builds the next one completely beside the present one; only when it stands are they swapped.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from ftpsd.errors import ConfigError
from ftpsd.server.contract import Service, ServiceFactory
from ftpsd.server.listeners import Listeners, plan
from ftpsd.settings import Configuration, place

Load = Callable[[], Configuration]


@dataclass(slots=True)
class Generation:
    """`number` counts from 1; `rows` are its workers' rows of the scoreboard. The service has logged its
    own notices; `notices` are those that nobody has."""

    number: int
    configuration: Configuration
    service: Service
    listeners: Listeners
    notices: tuple[str, ...] = ()
    rows: tuple[int, ...] = ()

    @property
    def worker_count(self) -> int:
        """What Workers says, or one for each CPU core that this process may use."""
        return self.configuration.server.workers or len(os.sched_getaffinity(0))

    def discard(self, kept: Listeners) -> None:
        """Close what this generation has and `kept` does not share."""
        self.listeners.close_all_but(kept)
        self.service.close()


@contextlib.contextmanager
def located(configuration: Configuration) -> Iterator[None]:
    """Errors about a directive, raised by who no longer knows where it stands, say where."""
    try:
        yield
    except ConfigError as error:
        if error.location is None and error.directive is not None:
            error.location = place(configuration, error.directive)
        raise


def build(
    load: Load, factory: ServiceFactory, listeners: Listeners, *, number: int = 1, ipv6: bool | None = None,
) -> Generation:
    """The next generation; sockets of `listeners` that it needs too are shared with it.

    Raises `ConfigError` (or whatever the service raises), and then has changed nothing.
    """
    configuration = load()
    opened, notices = listeners.changed_to(plan(configuration, ipv6=ipv6))
    with contextlib.ExitStack() as undo:
        undo.callback(opened.close_all_but, listeners)
        service = factory(configuration)
        undo.callback(service.close)
        with located(configuration):
            service.prepare()
        undo.pop_all()
    if not opened.sockets:
        notices = (*notices, "no server has a port: nobody can connect")
    return Generation(number, configuration, service, opened, notices)

