"""What the chain of authentication hands out: accounts and the outcome of a login."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

Source = Literal["file", "system"]

Reason = Literal[
    "login-ok", "login-unknown-user", "login-wrong-password", "login-empty-password",
    "login-invalid-shell", "login-root-denied", "login-account-expired", "login-password-expired",
    "login-ftpusers", "login-not-an-alias", "login-no-home", "login-overload",
]


@dataclass(frozen=True, slots=True)
class Account:
    """A user as the server will act for him.

    `groups` are all his group ids, the primary one first, each once; `group_names` the names of those that
    have one, in the same order. `home` and `shell` are as written in their source: "file" is an
    AuthUserFile, "system" whatever the name service switch knows.
    """

    name: str
    uid: int
    gid: int
    groups: tuple[int, ...]
    group_names: tuple[str, ...]
    home: str
    shell: str
    source: Source


@dataclass(frozen=True, slots=True)
class LoginResult:
    """The outcome of a login.

    `reason` is the stable reason code; `log` the line for the system log (ProFTPD's words, nothing secret,
    never sent to the client: he hears "530 Login incorrect." whatever went wrong). `account` is the account
    concerned, also when it was refused; None when there is none. `method` is the ProFTPD module that
    vouched for the user ("mod_auth_file.c"), "" for an anonymous login without password.
    """

    ok: bool
    account: Account | None
    reason: Reason
    log: str
    method: str = ""


class AuthSettings(Protocol):
    """The fields of `settings.auth` that this room reads."""

    @property
    def auth_user_file(self) -> str | None: ...
    @property
    def auth_group_file(self) -> str | None: ...
    @property
    def auth_order(self) -> Sequence[str]: ...
    @property
    def auth_pam(self) -> bool: ...
    @property
    def auth_pam_config(self) -> str: ...
    @property
    def require_valid_shell(self) -> bool: ...
    @property
    def root_login(self) -> bool: ...
    @property
    def use_ftp_users(self) -> bool: ...
