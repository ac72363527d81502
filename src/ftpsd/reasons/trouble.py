"""What a question about a failure, as people ask it, consists of."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from ftpsd.reasons.codes import Code

Place = Literal["reply", "TLSLog", "system log", "EventLog", "start", "check", "probe"]
"""Where an answer is seen: by the client's user, in the logs, at a start that fails, or by asking."""

PLACES: dict[Place, str] = {
    "reply": "the client gets", "TLSLog": "TLSLog", "system log": "system log", "EventLog": "EventLog",
    "start": "the start ends with",
    "check": "`ftpsd check`", "probe": "`ftpsd probe`",
}


@dataclass(frozen=True, slots=True)
class Sight:
    """A line that somebody sees. `…` in the text stands for what is different every time."""

    place: Place
    text: str

    def matches(self, seen: str) -> bool:
        """Whether the line is in `seen`."""
        parts = (re.escape(part) for part in " ".join(self.text.split()).split("…"))
        return re.search(".*?".join(parts), " ".join(seen.split())) is not None


@dataclass(frozen=True, slots=True)
class Trouble:
    """A question, what ftpsd says in that case, and what is to be done.

    key       the name of its test
    question  as people ask it
    pages     the FAQ pages of mod_tls that ask it: 2009, 2016; () for other people's
    symptoms  what other programs print then, in words that are not ftpsd's; `ftpsd explain` finds them
    sights    what ftpsd says, the plainest first; they hold every one of `codes`
    codes     what is wrong, the likeliest first
    cure      what to do, in a sentence or three
    """

    key: str
    question: str
    pages: tuple[int, ...]
    symptoms: tuple[str, ...]
    sights: tuple[Sight, ...]
    codes: tuple[Code, ...]
    cure: str
