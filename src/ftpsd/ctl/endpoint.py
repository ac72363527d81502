"""The control socket itself: made, owned, taken away; and who is at its other end."""

from __future__ import annotations

import contextlib
import errno
import grp
import os
import pwd
import re
import socket
import stat
import struct
from collections.abc import Sequence
from dataclasses import dataclass

from ftpsd.ctl.access import Peer

_CREDENTIALS = struct.Struct("3i")
_SO_PEERGROUPS = 59
_MOST_GROUPS = 256
"""What Python lets getsockopt(2) bring: 1024 bytes."""
_PROBE_SECONDS = 0.2
_FTPDCTL = re.compile(r"/tmp/ftp\.cl\d{5,10}")
BACKLOG = 16


@dataclass(frozen=True, slots=True)
class Listener:
    """A listening socket, its path, and what the path led to (device, inode) when it was made."""

    sock: socket.socket
    path: str
    identity: tuple[int, int]

    def fileno(self) -> int:
        return self.sock.fileno()

    def remove(self) -> None:
        """Close it, and delete its path if that still leads to it."""
        with contextlib.suppress(OSError):
            found = os.lstat(self.path)
            if (found.st_dev, found.st_ino) == self.identity:
                os.unlink(self.path)
        self.sock.close()


def listen(path: str, *, mode: int, owner: tuple[int, int] | None) -> Listener:
    """A listening socket at `path`, non-blocking. Raises `OSError`: EADDRINUSE when somebody listens there.

    It is made under another name and renamed when it is complete, over one that a dead server has left.
    """
    draft = f"{path}.{os.getpid()}"
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        _check_free(path)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(draft)
        sock.bind(draft)
        try:
            if owner is not None:
                os.chown(draft, *owner)
            os.chmod(draft, mode)
            sock.listen(BACKLOG)
            sock.setblocking(False)
            made = os.lstat(draft)
            os.rename(draft, path)
        except OSError:
            os.unlink(draft)
            raise
    except OSError:
        sock.close()
        raise
    return Listener(sock, path, (made.st_dev, made.st_ino))


def _check_free(path: str) -> None:
    try:
        if not stat.S_ISSOCK(os.lstat(path).st_mode):
            raise FileExistsError(errno.EEXIST, "there is something that is no socket", path)
    except FileNotFoundError:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(_PROBE_SECONDS)
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            return
        except OSError as error:
            raise OSError(errno.EADDRINUSE, f"somebody seems to listen there ({error})", path) from None
    raise OSError(errno.EADDRINUSE, "another server listens there", path)


def peer_of(sock: socket.socket) -> Peer:
    """Who the kernel says is at the other end. Raises `OSError`."""
    raw = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    pid, uid, gid = _CREDENTIALS.unpack(raw)
    return Peer(pid, uid, frozenset({gid, *_groups(sock, uid, gid)}), user_name(uid), group_name(gid))


def forget_name(name: object, peer: Peer) -> None:
    """Delete the socket that ProFTPD's ftpdctl gave the `name` /tmp/ftp.clPID, which it leaves to the server.

    One that stays is in the way of another user's ftpdctl with the same pid ("Address already in use"). Nothing is
    deleted but a socket of `peer`'s own with such a name: nobody can point at what belongs to somebody else.
    """
    if not isinstance(name, str) or not _FTPDCTL.fullmatch(name):
        return
    with contextlib.suppress(OSError):
        found = os.lstat(name)
        if stat.S_ISSOCK(found.st_mode) and found.st_uid == peer.uid:
            os.unlink(name)


def _groups(sock: socket.socket, uid: int, gid: int) -> Sequence[int]:
    """The further groups of the process at the other end; where there are too many, those of its user."""
    try:
        raw = sock.getsockopt(socket.SOL_SOCKET, _SO_PEERGROUPS, _MOST_GROUPS * 4)
    except OSError:
        return os.getgrouplist(user_name(uid), gid)
    return struct.unpack(f"{len(raw) // 4}I", raw)


def user_name(uid: int) -> str:
    """The name of a user; the number where there is none."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def group_name(gid: int) -> str:
    """The name of a group; the number where there is none."""
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)
