"""What clients are told when a shutdown has been announced, in ProFTPD's words."""

from __future__ import annotations

from datetime import datetime

from ftpsd.access.closing import Closing, Stage
from ftpsd.log.escape import escape
from ftpsd.session.endpoints import Ends
from ftpsd.session.state import Session


class Doors:
    """Whether new sessions are let in, and those that are there may stay; told by the supervisor."""

    def __init__(self) -> None:
        self._closing: Closing | None = None
        self._stage = Stage.OPEN

    @property
    def closed(self) -> bool:
        return self._closing is not None

    @property
    def ending(self) -> bool:
        """Whether those who are in have to go."""
        return self._closing is not None and self._stage is Stage.DISCONNECTING

    def announce(self, closing: Closing | None, stage: Stage) -> None:
        """A shutdown has come to `stage`; None: there is none any more."""
        self._closing = closing if stage >= Stage.DENYING else None
        self._stage = stage

    def message(self, *, local: str, peer: str, user: str = "NONE", directory: str = "(none)") -> str:
        """The administrator's words for one client; only asked where the doors are closed."""
        assert self._closing is not None
        text = self._closing.told(datetime.now(), local=local, peer=peer, user=user, directory=directory)
        return escape(text)

    def turned_away(self, ends: Ends, name: str) -> tuple[bytes, str]:
        """The line that a new connection gets, and what the log says."""
        text = self.message(local=ends.local, peer=name)
        line = f"500 FTP server shut down ({text}) -- please try again later\r\n"
        return line.encode("utf-8", "replace"), f"connection refused ({text}) from {escape(name)} [{ends.peer}]"

    def goodbye(self, session: Session) -> str:
        """The text of the 421 for a session."""
        done = session.login.done
        text = self.message(
            local=session.ends.local, peer=session.peer_name, user=session.user_name if done else "NONE",
            directory=session.cwd if done else "(none)")
        return f"FTP server shutting down - {text}"
