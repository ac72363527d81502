"""SITE QUOTA."""

from __future__ import annotations

from ftpsd.ftp.commands import Command
from ftpsd.ftp.replies import Reply
from ftpsd.session.state import Session

_NONE = Reply(202, "No quotas in effect")


def quota(session: Session, command: Command) -> Reply:
    """SITE QUOTA (ProFTPD's mod_quotatab): the limit of the session and what is used of it."""
    lines = session.quota.report() if session.quota is not None else None
    if lines is None:
        return _NONE
    admin = session.settings.core.server_admin or "root@localhost"
    return Reply(
        200, "The current quota for this session are [current/limit]:", *lines,
        f"Please contact {admin} if these entries are inaccurate")
