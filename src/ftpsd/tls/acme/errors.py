"""Why no certificate came."""

from __future__ import annotations

from ftpsd.errors import FtpsdError
from ftpsd.reasons.codes import Code


class AcmeError(FtpsdError):
    """`code` has an explanation, `text` says what happened, `remedy` what to do."""

    def __init__(self, code: Code, text: str, remedy: str = "") -> None:
        super().__init__(text)
        self.code = code
        self.text = text
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.text} [{self.code}]" + (f"\n  {self.remedy}" if self.remedy else "")
