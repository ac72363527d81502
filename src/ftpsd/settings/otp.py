"""mod_auth_otp: one-time passwords."""

# ruff: noqa: RUF009 (`directive` makes a dataclass field)

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ftpsd.settings.arguments import (
    ArgumentError,
    Boolean,
    OneOf,
    OptionalPath,
    Path,
    Special,
    absolute_path,
    want,
)
from ftpsd.settings.auth_parsers import known, options
from ftpsd.settings.declaration import HOST, Combine, Status, directive, without_value

_OPTIONS = known(
    "AfterPassword", "DisplayVerificationCode", "FTPStandardResponse", "StandardResponse", "OptionalTableEntry",
    "RequireTableEntry",
)


def otp_options(words: Sequence[str]) -> frozenset[str]:
    """Options of mod_auth_otp, in any case."""
    return options(words, _OPTIONS, "AuthOTPOption")


class OTPTable(NamedTuple):
    """Where secrets and counters are: in the file `path`, or got and changed by the SQLNamedQuery `queries`."""

    path: str = ""
    queries: tuple[str, ...] = ()


def table(words: Sequence[str]) -> OTPTable:
    """`file:/path` or `sql:/SELECT/UPDATE`."""
    want(words, 1, 1)
    kind, colon, rest = words[0].partition(":")
    if colon and kind.lower() == "file":
        return OTPTable(absolute_path(rest))
    if not colon or kind.lower() != "sql":
        raise ArgumentError(f"'{words[0]}' is no table", remedy="Write file:/path; `ftpsd otp` makes the file.")
    queries = tuple(filter(None, rest.split("/")))
    if len(queries) != 2:
        raise ArgumentError(
            f"'{rest}' names {len(queries)} queries",
            remedy="Write sql:/SELECT/UPDATE, each the name of a SQLNamedQuery.")
    return OTPTable(queries=queries)


@dataclass(frozen=True, slots=True)
class OTPSettings:
    """Codes of an authenticator app."""

    engine: bool = directive(
        "AuthOTPEngine", Boolean(), False, module="mod_auth_otp", needs=("AuthOTPTable",), good=("on", "off"),
        bad=("", "maybe"),
        doc="One-time passwords (RFC 6238, RFC 4226). Where AuthOrder has mod_auth_otp.c (or there is none) the code"
        " alone is the password of whoever is in the table; with a `*` no other password is good for him.",
    )
    algorithm: str = directive(
        "AuthOTPAlgorithm", OneOf(("totp", "totp-sha256", "totp-sha512", "hotp")), "totp", module="mod_auth_otp",
        good=("hotp", "TOTP-SHA256"), bad=("", "md5"),
        doc="What a code is made of: the time (30 seconds, one step before and after counts, too) or a counter (one of"
        " the next ten). Codes have six digits, each is good once.",
    )
    options: frozenset[str] = directive(
        "AuthOTPOptions", Special("option …", otp_options), frozenset(), module="mod_auth_otp", combine=Combine.UNION,
        good=("FTPStandardResponse RequireTableEntry", "AfterPassword"), bad=("", "Require"), default_text="none",
        doc="AfterPassword: the code stands behind the usual password, `secret123456`, and both must be right."
        " RequireTableEntry: whoever is not in the table cannot log in (with AfterPassword, or where AuthOrder has"
        " mod_auth_otp.c*). FTPStandardResponse: USER is answered as without one-time passwords."
        " OptionalTableEntry is the default; DisplayVerificationCode means nothing in FTP.",
        differs="AfterPassword is ftpsd's own",
    )
    table: OTPTable | None = directive(
        "AuthOTPTable", Special("file:/path|sql:/SELECT/UPDATE", table), None, module="mod_auth_otp",
        good=("file:/var/lib/ftpsd/otp", "sql:/get-user-totp/update-user-totp"),
        bad=("", "/etc/otp", "file:otp", "sql:/get", "sql:/get/update/insert"),
        doc="The file of users, secrets and counters that `ftpsd otp` makes, name:base32:counter. The server writes to"
        " it when a code has been used. Or two SQLNamedQuery: one returns secret and counter of user %{0}, the other"
        " sets it to %{1}. Without a counter in the answer codes of totp are good until their time is over.",
    )
    table_lock: str | None = directive(
        "AuthOTPTableLock", Path(), None, module="mod_auth_otp", good=("/run/otp.lock",), bad=("lock", ""),
        doc="A file that is locked while the table is changed, for others who change it, too. The server"
        " and `ftpsd otp` lock .NAME.ftpsd-lock beside the table in any case. With ServerType inetd a table of sql:"
        " needs it.",
    )


DECLARATIONS = (
    without_value(
        "AuthOTPLog", Status.NO_EFFECT, "what becomes of codes goes to the system log", module="mod_auth_otp",
        contexts=HOST, argument=OptionalPath(), good=("/var/log/otp.log", "none"), bad=("otp.log",),
        doc="File for messages of mod_auth_otp.",
    ),
)
