"""Why somebody who is known does not get in: root, a wrong or an empty password, expiry, the rules of a host."""

from __future__ import annotations

from typing import Literal

from ftpsd.auth.account import Account, LoginResult
from ftpsd.auth.unix import listed_in_ftpusers, shell_is_valid
from ftpsd.reasons.codes import Code
from ftpsd.settings.auth import AuthSettings

Verdict = Literal["ok", "wrong", "password-expired", "account-expired"]
"""What a password came to."""


def _refused(account: Account, reason: Code, log: str) -> LoginResult:
    return LoginResult(False, account, reason, log)


def root_refused(account: Account, rules: AuthSettings) -> LoginResult | None:
    """RootLogin."""
    if account.uid == 0 and not rules.root_login:
        return _refused(account, Code.LOGIN_ROOT_DENIED, "SECURITY VIOLATION: Root login attempted")
    return None


def password_refused(account: Account, user: str, verdict: Verdict, *, empty: bool) -> LoginResult | None:
    """What the password of `account`, for which `user` was sent, came to; None: it was right."""
    if empty:
        return _refused(account, Code.LOGIN_EMPTY_PASSWORD, f"Refusing empty password from user '{user}'")
    if verdict == "wrong":
        return _refused(account, Code.LOGIN_WRONG_PASSWORD, f"USER {user} (Login failed): Incorrect password")
    if verdict == "password-expired":
        log = f"USER {account.name} (Login failed): Password expired"
        return _refused(account, Code.LOGIN_PASSWORD_EXPIRED, log)
    if verdict == "account-expired":
        log = f"USER {account.name} (Login failed): Account disabled"
        return _refused(account, Code.LOGIN_ACCOUNT_EXPIRED, log)
    return None


def rules_refuse(account: Account, rules: AuthSettings) -> LoginResult | None:
    """The rules that hold however the user proved who he is: RequireValidShell, UseFtpUsers, a home. Where the list
    of a rule cannot be read, nobody passes it.
    """
    try:
        return _rules_refuse(account, rules)
    except OSError as error:
        return unreadable(account, error)


def unreadable(account: Account, error: OSError) -> LoginResult:
    """A list that says who may log in is there and cannot be read."""
    why = f"unable to read '{error.filename}': {error.strerror}" if error.filename else str(error)
    return _refused(account, Code.AUTH_FILE_UNUSABLE, f"USER {account.name} (Login failed): {why}")


def _rules_refuse(account: Account, rules: AuthSettings) -> LoginResult | None:
    head = f"USER {account.name} (Login failed)"
    if rules.require_valid_shell and not shell_is_valid(account.shell):
        return _refused(account, Code.LOGIN_INVALID_SHELL, f"{head}: Invalid shell: '{account.shell}'")
    if rules.use_ftp_users and listed_in_ftpusers(account.name):
        return _refused(account, Code.LOGIN_FTPUSERS, f"{head}: User in /etc/ftpusers")
    if not account.home:
        log = f'error: user {account.name} home directory is NULL or ""'
        return _refused(account, Code.LOGIN_NO_HOME, log)
    return None
