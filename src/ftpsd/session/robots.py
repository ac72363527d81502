"""AnonAllowRobots off: what an anonymous client gets for a /robots.txt that does not exist."""

from __future__ import annotations

import os

from ftpsd.session.state import Session
from ftpsd.vfs.base import OpenFile

PATH = "/robots.txt"
TEXT = b"User-agent: *\nDisallow: /\n"


def stand_in(session: Session, path: str, offset: int) -> OpenFile | None:
    """A file in memory in place of the missing one at the virtual `path`; None: it is just missing."""
    if session.login.anonymous is None or offset or path.lower() != PATH:
        return None
    if session.settings.logins.anon_allow_robots:
        return None
    fd = os.memfd_create("robots", os.MFD_CLOEXEC)
    os.write(fd, TEXT)
    os.lseek(fd, 0, os.SEEK_SET)
    return OpenFile(fd, len(TEXT), path)
