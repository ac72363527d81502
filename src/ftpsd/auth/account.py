"""What the chain of authentication hands out: accounts and the outcome of a login."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ftpsd.errors import Refusal
from ftpsd.reasons.codes import Code, Good

Source = Literal["file", "system", "ldap", "sql"]


class AccountsUnavailable(Refusal):
    """A source of accounts cannot be asked, so nobody knows whether there is such a user, or what groups he has: a 530
    like any other. `others`: whoever is known elsewhere may log in meanwhile, so that a refusal has to cost as much as
    one of his. `final`: no other source is asked.
    """

    def __init__(self, reason: Code, why: str, *, others: bool = False, final: bool | None = None) -> None:
        super().__init__(530, "Login incorrect.", reason, log=(why,))
        self.others = others
        self.final = not others if final is None else final


@dataclass(frozen=True, slots=True)
class Account:
    """A user as the server will act for him.

    `groups` are all his group ids, the primary one first, each once; `group_names` their names, the primary
    group's first (a group without a name has none here, one with two names both). `home` and `shell` are as
    written in their source: "file" is an AuthUserFile, "system" whatever the name service switch knows, "ldap" a
    directory, "sql" a database.
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
    vouched for the user ("mod_auth_file.c"), "" for an anonymous login without password. `proved` is the account whose
    password was right, where that is another one: a guest's (AuthUsingAlias).
    """

    ok: bool
    account: Account | None
    reason: Code | Good
    log: str
    method: str = ""
    proved: Account | None = None

    @property
    def refusal(self) -> Code:
        """The reason of a login that failed; without an account none can succeed."""
        return self.reason if isinstance(self.reason, Code) else Code.LOGIN_UNKNOWN_USER
