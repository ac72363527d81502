"""Whether the accounts that the lines about the control socket name are there, as the start says it."""

from __future__ import annotations

from collections.abc import Iterator

from ftpsd.auth import unix
from ftpsd.diag.subject import Subject
from ftpsd.reasons.codes import Code
from ftpsd.settings.controls import EVERYBODY
from ftpsd.settings.registry import DIRECTIVES
from ftpsd.settings.server import INETD
from ftpsd.settings.values import ControlsACL, SocketOwner

_DIRECTIVES = (
    "ControlsSocketOwner", "ControlsSocketACL", "ControlsACLs", "AdminControlsACLs", "TLSControlsACLs",
    "BanControlsACLs",
)


def look(subject: Subject) -> None:
    if subject.host.id != 0 or subject.configuration.server.server_type == INETD:
        return
    directives = {(each.group, each.field): each.name for each in (DIRECTIVES[name.lower()] for name in _DIRECTIVES)}
    for change in subject.host.changes:
        directive = directives.get((change.group, change.field))
        if directive is None:
            continue
        for kind, name in _accounts(change.value):
            if unix.number_of(kind, name) is None:
                subject.warn(
                    Code.CONFIG_NOTICE, f"there is no {kind} '{name}'", f"Correct the name, or make the {kind}.",
                    of=directive, at=change.location)


def _accounts(value: SocketOwner | tuple[ControlsACL, ...]) -> Iterator[tuple[str, str]]:
    """`user` or `group`, and a name, of each account that a line names."""
    if isinstance(value, SocketOwner):
        yield from zip(("user", "group"), value, strict=True)
        return
    for acl in value:
        yield from ((acl.kind, name) for name in acl.names if name != EVERYBODY)
