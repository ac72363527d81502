"""Shared pieces of this room's tests: account files, users of an imaginary system."""

from __future__ import annotations

import os
from pathlib import Path

from ftpsd.auth.account import Account
from ftpsd.auth.passwords import hash_password
from ftpsd.auth.unix import Shadow, SystemUsers

CHEAP = hash_password("geheim", "sha512", cost=1000)
"""The hash of "geheim", quickly computed."""


def user_line(
    name: str, *, password: str = CHEAP, uid: int = 1001, gid: int = 1001, home: str = "/srv/ftp",
    shell: str = "/bin/sh",
) -> str:
    return f"{name}:{password}:{uid}:{gid}:{name}:{home}:{shell}"


def write(path: Path, *lines: str, mode: int = 0o600) -> str:
    path.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    path.chmod(mode)
    return str(path)


def replace(path: Path, *lines: str) -> None:
    """As an editor does it: a new file under the old name."""
    other = path.with_name(path.name + ".new")
    write(other, *lines)
    os.replace(other, path)


def account(name: str = "alice", **changes: object) -> Account:
    fields: dict[str, object] = {
        "name": name, "uid": 1001, "gid": 1001, "groups": (1001,), "group_names": ("users",),
        "home": f"/home/{name}", "shell": "/bin/sh", "source": "file", **changes}
    return Account(**fields)  # type: ignore[arg-type]


class ImaginarySystem(SystemUsers):
    """System users that no /etc/passwd knows; `now` is today in days since 1970."""

    def __init__(self, *users: Account, shadows: dict[str, Shadow] | None = None, now: int = 20_000) -> None:
        super().__init__(shadow="/nonexistent", clock=lambda: now * 86400.0)
        self.users = {user.name: user for user in users}
        self.shadows = shadows or {}

    def lookup(self, name: str) -> Account | None:
        return self.users.get(name)

    def listed(self, name: str) -> Shadow | None:
        return self.shadows.get(name)
