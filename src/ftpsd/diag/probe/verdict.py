"""What a probe thinks of what it observed."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from ftpsd.reasons.codes import Code


class Grade(IntEnum):
    """How bad it is; the worst one, GOOD and NOTE counted as 0, is the exit status."""

    GOOD = -1
    """As it should be."""

    NOTE = 0
    """Worth knowing: some clients may trip over it."""

    WARNING = 1
    """Some clients fail, or somebody can do more than he should."""

    ERROR = 2
    """Most clients fail, or what TLS is for is lost."""

    @property
    def word(self) -> str:
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Verdict:
    """`code` has the explanation (None where all is well), `server` and `client` say what to do about it there."""

    grade: Grade
    code: Code | None
    text: str
    server: str = ""
    client: str = ""


def good(text: str) -> Verdict:
    return Verdict(Grade.GOOD, None, text)


def note(code: Code, text: str) -> Verdict:
    return Verdict(Grade.NOTE, code, text)


def warning(code: Code, text: str) -> Verdict:
    return Verdict(Grade.WARNING, code, text)


def error(code: Code, text: str) -> Verdict:
    return Verdict(Grade.ERROR, code, text)
