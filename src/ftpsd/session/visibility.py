"""What listings leave out, and what does not exist where IgnoreHidden says so.

An entry is left out when HideFiles of its directory fits its name, when HideUser, HideGroup or HideNoAccess hide it by
its owner or its mode, or when the command may not be used on it (<Limit>). A link is left out, too, when that to which
it leads is: its name would tell that there is something.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from ftpsd.access import limits
from ftpsd.access.limits import Answer
from ftpsd.ftp.commands import Command
from ftpsd.session import hiding, permission
from ftpsd.session.state import Session
from ftpsd.settings.access import AccessSettings
from ftpsd.settings.model import Settings

Visible = Callable[[str, str, bool], bool]


def of_listing(session: Session, command: Command, settings: Settings, *, broad: bool) -> Visible | None:
    """What `vfs.base.ListingOptions.visible` is for a listing command; None where nothing can be hidden.

    `settings` are those of what is listed; `broad`: the listing goes beyond one directory.
    """
    if command.spec is None or not session.selective:
        return None
    if not session.picky and not broad and not any(settings.restrictions) and not settings.access.hide_files:
        return None
    return _Listing(session, command, limits.words_for(command.spec)).visible


class _Listing:
    """One listing: remembers where directories lie and what settings decide."""

    def __init__(self, session: Session, command: Command, words: Sequence[Collection[str]]) -> None:
        self._session = session
        self._command = command
        self._words = words
        self._client = permission.client_of(session)
        self._places: dict[str, tuple[str, Settings]] = {}
        self._answers: dict[int, tuple[Settings, bool]] = {}

    def visible(self, directory: str, name: str, link: bool) -> bool:
        session = self._session
        if directory not in self._places:
            real = session.fs.real_path(directory)
            self._places[directory] = (real, session.settings_at(real))
        real, around = self._places[directory]
        if not around.restrictions and not self._may_hide(around.access) and not session.places.varied and not link:
            return True
        path = f"{directory.rstrip('/')}/{name}"
        whole = f"{real.rstrip('/')}/{name}"
        if not self._shown(path, whole, around, session.settings_beside(whole, real)):
            return False
        return not link or self._target_shown(path, whole)

    @staticmethod
    def _may_hide(access: AccessSettings) -> bool:
        return bool(access.hide_files or access.hide_users or access.hide_groups or access.hide_no_access)

    def _target_shown(self, path: str, whole: str) -> bool:
        session = self._session
        target = session.fs.real_path(path)
        if target == whole:
            return True
        above = target.rpartition("/")[0] or "/"
        return self._shown(path, target, session.settings_at(above), session.settings_at(target))

    def _shown(self, path: str, real: str, around: Settings, settings: Settings) -> bool:
        """Whether the entry at the virtual `path` and the real path `real` is listed; `around`: of its directory."""
        name = real.rpartition("/")[2]
        if hiding.by_name(self._session, around.access.hide_files, name):
            return False
        if hiding.by_owner(self._session, settings.access, path):
            return False
        known = self._answers.get(id(settings))
        if known is None:
            answer = limits.decide(settings.restrictions, self._words, self._client, self._command.argument)
            known = self._answers[id(settings)] = (settings, answer is Answer.ALLOWED)
        return known[1]
