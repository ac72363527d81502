"""What the server says on its own account: the greeting and the files of DisplayConnect, DisplayLogin,
DisplayChdir and DisplayQuit, with their `%` variables.

A display file is decoration: one that is missing or unreadable is a debug line, never a refusal. An
absolute path is the administrator's and read before the session gives up its rights; a relative one is the
user's and read inside the jail.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterable, Mapping

from ftpsd.ftp.replies import Reply
from ftpsd.log import events
from ftpsd.session.state import Session

_QUOTA = "mod_quotatab."
_VARIABLE = re.compile(r"%(\{time:[^{}]{0,64}\}|\{[^{}%]{1,64}\}|.)", re.DOTALL)
_TIME_FORMAT = re.compile(r"(?:[\x01-\x24\x26-\x7e]|%[-_0^#]?[EO]?[A-Za-z%])*")
"""What strftime(3) is asked for: users bring display files, and a width would let one line fill the memory."""
_CLIENTS = re.compile("%[Nyz]")

MOST_BYTES = 64 * 1024
"""Bytes of a display file that are shown; the rest is cut off."""
MOST_SHOWN = 4 * MOST_BYTES
"""Characters that its text may come to with what the variables stand for; the rest is cut off: users bring display
files, and a path stands behind two characters."""


def greeting(session: Session) -> Reply:
    """The 220 (ServerIdent), behind the lines of DisplayConnect."""
    core = session.settings.core
    ident = core.server_ident
    if not ident.enabled:
        text = f"{local_address(session)} FTP server ready"
    elif core.defer_welcome:
        text = "ftpsd Server ready."
    elif ident.text is not None:
        text = expand(ident.text, session)
    else:
        text = f"ftpsd Server ({core.server_name}) [{local_address(session)}]"
    return Reply(220, *expanded(_before(session, core.display_connect), session), text)


def _before(session: Session, path: str | None) -> list[str]:
    """The lines of DisplayConnect. Nobody has logged in yet: a relative path is the server's own."""
    return absolute(session, os.path.abspath(path)) if path is not None else []


def local_address(session: Session) -> str:
    """The server's address as clients are told: MasqueradeAddress, TLSMasqueradeAddress, or that of the connection."""
    return session.runtime.masquerade.under(session.settings).shown(session.ends, session.tls)


def absolute(session: Session, path: str | None) -> list[str]:
    """The lines of a display file of the administrator's, as they are; [] when there is none."""
    if path is None or not path.startswith("/"):
        return []
    return _read(session, path)[0]


def inside(session: Session, path: str | None) -> list[str]:
    """The lines of a display file of the user's, relative to the current directory in the jail."""
    if path is None or path.startswith("/"):
        return []
    return _read(session, path)[0]


def text(session: Session, own: Iterable[str], path: str | None) -> list[str]:
    """What is shown: the lines of the administrator's file, `own`, and those of the user's at `path`."""
    return [*expanded(own, session), *expanded(inside(session, path), session, foreign=True)]


def _read(session: Session, path: str) -> tuple[list[str], float]:
    """(lines as they are, seconds of the epoch when the file was modified) of a display file."""
    try:
        with open(_open(session, path), "rb") as stream:
            modified = os.fstat(stream.fileno()).st_mtime
            data = stream.read(MOST_BYTES)
    except OSError as error:
        session.log.emit(events.Debug(5, f"cannot show '{path}': {error.strerror}"))
        return [], 0.0
    return data.decode("utf-8", "surrogateescape").splitlines(), modified


def _open(session: Session, path: str) -> int:
    if path.startswith("/"):
        return os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with session.fs.open_read(session.path(path)) as opened:
        return os.dup(opened.fd)


def expanded(lines: Iterable[str], session: Session, *, foreign: bool = False) -> list[str]:
    """The lines of a display file with what their variables stand for now, of `MOST_SHOWN` characters at most; a
    `foreign` one is the user's own.
    """
    lines = list(lines)
    values = _values("\n".join(lines), session, session.user_name)  # once for all: some are a look at something
    shown: list[str] = []
    room = MOST_SHOWN
    for line in lines:
        shown.append(_filled(line, values, session, foreign=foreign, room=room))
        room -= len(shown[-1])
        if room <= 0:
            break
    return shown


def expand(text: str, session: Session, *, user: str | None = None) -> str:
    """`text` with its variables: %C %E %L %M %N %R %T %U %u %V %v %a %p %x %y %z %%, counts and space (`_amounts`),
    %{time:format}, %{mod_quotatab…} and %{env:NAME} (unknown ones stay). It comes to `MOST_SHOWN` characters at most.
    """
    values = _values(text, session, user or session.user_name)
    return _filled(text, values, session, foreign=False, room=MOST_SHOWN)


def _values(text: str, session: Session, name: str) -> dict[str, str]:
    """What the variables in `text`, a line or a whole file, stand for, except those with an argument (`_value`)."""
    if "%" not in text:
        return {}
    core = session.settings.core
    values = {
        "C": session.cwd, "E": core.server_admin or "root@localhost", "L": local_address(session),
        "R": session.peer_name, "T": time.strftime("%a %b %d %H:%M:%S %Y"), "U": name, "u": name,
        "V": core.server_name, "v": core.server_name, "a": session.peer, "p": str(session.ends.local_port),
        "%": "%", "M": _most_clients(session),
        "x": ",".join(sorted(session.classes)) or "(unknown)", **_amounts(text, session),
    }
    if _CLIENTS.search(text):
        values |= _clients(session)
    if session.quota is not None and _QUOTA in text:
        values |= {f"{{{_QUOTA}{key}}}": value for key, value in session.quota.variables().items()}
    return values


def _filled(text: str, values: Mapping[str, str], session: Session, *, foreign: bool, room: int) -> str:
    """`text` with its variables, cut off after `room` characters: no more than that is put together."""
    pieces: list[str] = []
    at = 0
    for found in _VARIABLE.finditer(text):
        for piece in (text[at:found.start()], _value(found, values, session, foreign=foreign)):
            pieces.append(piece[:room])
            room -= len(pieces[-1])
        if room <= 0:
            return "".join(pieces)
        at = found.end()
    return "".join((*pieces, text[at:at + room]))


def _value(found: re.Match[str], values: Mapping[str, str], session: Session, *, foreign: bool) -> str:
    name = found[1]
    if name.startswith("{time:") and _TIME_FORMAT.fullmatch(name[6:-1]):
        return time.strftime(name[6:-1])
    if name.startswith("{env:") and not foreign:
        return _environment(session, name[5:-1])
    return values.get(name, found[0])


def _environment(session: Session, name: str) -> str:
    """A variable of the session, of SetEnv or of the server's environment."""
    core = session.settings.core
    if name in core.unset_env:
        return "(none)"
    own = {**session.variables, **{one.key: one.value for one in core.set_env}}
    return own.get(name) or os.environ.get(name) or "(none)"


def _clients(session: Session) -> dict[str, str]:
    """Sessions of all workers (%N), those of the client's classes that are logged in (%y), MaxClientsPerClass (%z)."""
    everybody = session.slot.everybody()
    alike = [one for one in everybody if one.user and not session.classes.isdisjoint(one.classes.split(","))]
    bounds = (one.bound for one in session.settings.bounds.max_clients_per_class if one.key in session.classes)
    most = next((bound.most for bound in bounds if bound is not None), None)
    return {"N": str(len(everybody)), "y": str(len(alike)), "z": str(most or 0)}


def _most_clients(session: Session) -> str:
    """MaxClients; 0: as many as come."""
    bound = session.settings.bounds.max_clients
    return str(bound.most or 0) if bound is not None else "0"


def _amounts(text: str, session: Session) -> dict[str, str]:
    """Files received (%i), sent (%o), both (%t); bytes of both in KiB (%K), for people (%k); free space (%F, %f);
    %{total_files_in} and its kin are the plain numbers.
    """
    counters = session.counters
    moved = counters.bytes_sent + counters.bytes_received
    values = {
        "i": str(counters.files_received), "o": str(counters.files_sent),
        "t": str(counters.files_received + counters.files_sent), "K": str(moved >> 10), "k": _for_people(moved),
        "{total_bytes_in}": str(counters.bytes_received), "{total_bytes_out}": str(counters.bytes_sent),
        "{total_bytes_xfer}": str(moved), "{total_files_in}": str(counters.files_received),
        "{total_files_out}": str(counters.files_sent),
        "{total_files_xfer}": str(counters.files_received + counters.files_sent),
    }
    if session.store is not None and ("%F" in text or "%f" in text):
        try:
            free = session.fs.available(session.cwd)
        except OSError:
            free = 0
        values |= {"F": str(free >> 10), "f": _for_people(free)}
    return values


def _for_people(size: int) -> str:
    """A number of bytes in the largest unit of which there is one: 77GB."""
    units = ["B", "KB", "MB", "GB", "TB"]
    while size >= 1024 and len(units) > 1:
        size >>= 10
        del units[0]
    return f"{size}{units[0]}"


def chdir(session: Session) -> list[str]:
    """What DisplayChdir shows in the directory just entered."""
    shown = session.directory_settings().core.display_chdir
    if shown is None:
        return []
    lines, modified = _read(session, shown.file)
    if shown.once and session.shown_directories.get(session.cwd) == modified:
        return []
    session.shown_directories[session.cwd] = modified
    return expanded(lines, session, foreign=not shown.file.startswith("/"))
