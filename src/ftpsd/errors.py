"""The error tree.

Whoever detects a fault says what the peer should be told: a `Refusal` carries its FTP reply (code and
text) beside the stable reason code that logs, metrics and explanations use.
"""

from __future__ import annotations

import shlex
import sys
from dataclasses import dataclass

from ftpsd.reasons.codes import Code, Good


class FtpsdError(Exception):
    """Base of every error that ftpsd raises on purpose."""


@dataclass(frozen=True, slots=True)
class Location:
    """Where something stands in a configuration: file name and 1-based line."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"line {self.line} of '{self.file}'"


class ConfigError(FtpsdError):
    """A configuration that cannot be used; the server does not start.

    `text` says what is wrong, `remedy` (optional) how to mend it, `location` where it stands and
    `directive` which directive it concerns. `str()` is the line that an administrator sees.
    """

    def __init__(
        self, text: str, *, location: Location | None = None, directive: str | None = None,
        remedy: str | None = None,
    ) -> None:
        super().__init__(text)
        self.text = text
        self.location = location
        self.directive = directive
        self.remedy = remedy

    def __str__(self) -> str:
        head = f"fatal: {self.directive}: {self.text}" if self.directive else f"fatal: {self.text}"
        if self.location is not None:
            head += f" on {self.location}"
        return f"{head}\n  {self.remedy}" if self.remedy else head


def installing(extra: str) -> str:
    """The shell line that installs an extra of pyproject.toml for the Python that runs: a bare pip may be another's."""
    return f"{shlex.quote(sys.executable or 'python3')} -m pip install 'ftpsd[{extra}]'"


class Refusal(FtpsdError):
    """A command is refused: reply `code` and `text` go to the client, `reason` is the stable reason code
    (one of `reasons.codes`, explained in `reasons`).

    `log` holds lines for the TLSLog or the system log (never sent to the client).
    """

    def __init__(self, code: int, text: str, reason: Code, *, log: tuple[str, ...] = ()) -> None:
        super().__init__(f"{code} {text}")
        self.code = code
        self.text = text
        self.reason = reason
        self.log = log


class SessionEnded(FtpsdError):
    """The session is over. `lines` under `code` are sent first when there still is somebody to tell."""

    def __init__(self, reason: Code | Good, code: int = 0, *lines: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.code = code
        self.lines = lines
