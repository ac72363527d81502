"""What a look at a configuration brings to light."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from ftpsd.errors import Location
from ftpsd.reasons.codes import Code


class Severity(IntEnum):
    """How bad it is; the worst one is the exit status of `ftpsd check`, NOTE is none."""

    NOTE = 0
    """Worth knowing: the price of a setting, what differs from ProFTPD."""

    WARNING = 1
    """Some clients will fail, or somebody gets more than he should."""

    ERROR = 2
    """The server does not start, or nobody can do what this is for."""

    @property
    def word(self) -> str:
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was found.

    `text` says what is wrong, `remedy` how to mend it ("" where there is nothing to do), `location` the line to look
    at, `directive` whom it concerns, `host` which virtual host ("" where it concerns all), `also` the others of which
    the same is true. `code` has the explanation.
    """

    severity: Severity
    code: Code
    text: str
    remedy: str = ""
    location: Location | None = None
    directive: str = ""
    host: str = ""
    also: tuple[str, ...] = ()
