"""Which sources of accounts a host has beside files and the system. A source that is not configured is not imported."""

from __future__ import annotations

from ftpsd.auth.backend import Backend, Note
from ftpsd.settings.model import Settings


def backends(settings: Settings, note: Note) -> tuple[Backend, ...]:
    """The further sources of a host, in the order in which they are asked by default."""
    found: list[Backend] = []
    if settings.ldap.users is not None:
        from ftpsd.auth.ldap import LDAPBackend

        found.append(LDAPBackend(settings.ldap, note))
    return tuple(found)
