"""How much room there is for a session's files: the one place that says it."""

from __future__ import annotations

from ftpsd.session.state import Session


def available(session: Session, path: str) -> int:
    """Bytes that the session's user may still store below the directory at the virtual `path`: what the file system has
    left, and his quota. Raises `OSError`, and `Refusal` where the quota is not known.
    """
    free = session.fs.available(path)
    left = session.quota.left("AVBL", path) if session.quota is not None else None
    return free if left is None else max(0, min(free, left))
