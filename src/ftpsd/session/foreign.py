"""Whose data connections are good beside the client's (AllowForeignAddress).

That some are is how a client has two servers move files between them (FXP, RFC 959 section 5.2); that any are lets a
client aim the server at third parties (RFC 2577 section 3), which is why a class can be named.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

from ftpsd.access.classes import asks_names, belongs, class_named
from ftpsd.ftp.addresses import parse_address
from ftpsd.session.state import Session

_SLOW = 1.0
"""Seconds after which a look-up that brought no name was in vain."""

_PAUSE = 30.0
"""Seconds after a look-up in vain in which nobody is of a class that has rules about names."""


def judge(session: Session) -> Callable[[str], bool] | None:
    """Tells of the address of somebody else whether a data connection with him is good; None: with nobody's.

    It may wait for a name (`names.PATIENCE` seconds), where the class has rules about names and UseReverseDNS is on.
    """
    foreign = session.settings.transfer.allow_foreign_address
    if not foreign.allowed:
        return None
    return _anybody if foreign.of_class is None else partial(_is_of, session, foreign.of_class)


def _anybody(address: str) -> bool:
    return True


def _is_of(session: Session, name: str, address: str) -> bool:
    """Whether `address` is of the class, also where another class comes before it. Nobody is of one that is not."""
    section = class_named(session.service.configuration.classes, name)
    if section is None:
        return False
    plain = str(parse_address(address))
    if not session.host.settings.core.use_reverse_dns or not asks_names(section):
        return belongs(section, plain, None)
    if time.monotonic() < session.marks.no_names_until:
        return False
    return belongs(section, plain, _name(session, plain))


def _name(session: Session, address: str) -> str:
    """The name of `address`, or the address itself. Who has waited for one in vain has to wait before the next
    question: a client chooses whose name servers are asked, and other sessions need the threads that ask them."""
    asked = time.monotonic()
    name = session.service.names.of(address)
    if name == address and time.monotonic() - asked >= _SLOW:
        session.marks.no_names_until = time.monotonic() + _PAUSE
    return name
