"""What is said where a source of accounts or passwords cannot be asked: nothing that a client has done."""

from __future__ import annotations

from ftpsd.auth.account import AccountsUnavailable, LoginResult
from ftpsd.reasons.codes import Code
from ftpsd.settings.auth import AuthSettings
from ftpsd.sql.errors import Failed, SqlError, Unusable


def result(error: AccountsUnavailable, user: str) -> LoginResult:
    """The outcome of a login where the accounts cannot be asked."""
    return LoginResult(False, None, error.reason, f"USER {user} (Login failed): {error.log[0]}")


def of_database(error: SqlError, text: str = "", *, others: bool = False) -> AccountsUnavailable:
    """A query has no result; `text` in place of the error's own. What is wrong with one user's row is no outage."""
    code = Code.SQL_STATEMENT_FAILED if isinstance(error, Failed) else Code.SQL_UNAVAILABLE
    return AccountsUnavailable(
        code, text or str(error), others=others or isinstance(error, Unusable), final=not others)


def of_directory() -> AccountsUnavailable:
    """The log has been told which server is away, and why."""
    return AccountsUnavailable(Code.DIRECTORY_UNREACHABLE, "no LDAP server answers", others=True)


def of_codes(text: str) -> AccountsUnavailable:
    """The table of one-time passwords."""
    return AccountsUnavailable(Code.AUTH_FILE_UNUSABLE, text)


def of_users(settings: AuthSettings) -> AccountsUnavailable:
    """The AuthUserFile; the log has been told why."""
    file = settings.auth_user_file
    return AccountsUnavailable(
        Code.AUTH_FILE_UNUSABLE, f"AuthUserFile '{file.path if file is not None else ''}' cannot be read", others=True)


def of_groups(settings: AuthSettings) -> AccountsUnavailable:
    """The AuthGroupFile, without which nobody knows who is kept out."""
    file = settings.auth_group_file
    return AccountsUnavailable(
        Code.AUTH_FILE_UNUSABLE, f"AuthGroupFile '{file.path if file is not None else ''}' cannot be read, and nobody "
        "knows who is in which group")
