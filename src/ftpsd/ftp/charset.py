"""Names in other character sets than ours: between the bytes of the wire and the text that a session works with.

Theory
------
A session's text is the bytes of the disk, read as UTF-8 with `surrogateescape`, whatever character set the names on the
disk are in. So what a client sends is decoded with its character set, encoded with the disk's, and those bytes become
the text; what goes to the client goes the other way. What cannot be converted passes as the bytes that it is: a file
whose name is a fault must still be listed, and can be named.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

_UTF8 = "utf-8"


@dataclass(frozen=True, slots=True)
class Charset:
    """A pair of character sets, by the names of Python's codecs; both are supersets of ASCII."""

    local: str = _UTF8
    client: str = _UTF8

    @property
    def converts(self) -> bool:
        return self.local != self.client

    @property
    def letter(self) -> bool:
        """Whether 0xFF, Telnet's IAC, is a letter of the client's: then there is no Telnet within lines."""
        return _has_letter(self.client)

    def received(self, raw: bytes) -> tuple[str, bool]:
        """(the text of what a client has sent, whether it was valid)."""
        if raw.isascii():
            return raw.decode("ascii"), True
        try:
            decoded = raw.decode(self.client)
            local = decoded.encode(self.local) if self.converts else raw
        except UnicodeError:
            return raw.decode(_UTF8, "surrogateescape"), False
        return local.decode(_UTF8, "surrogateescape"), True

    def sent(self, raw: bytes) -> bytes:
        """What a client gets for text that is these bytes on the disk: line by line, since one name may be at fault."""
        if not self.converts or raw.isascii():
            return raw
        return b"\n".join(self._line(line) for line in raw.split(b"\n"))

    def _line(self, line: bytes) -> bytes:
        if line.isascii():
            return line
        try:
            return line.decode(self.local).encode(self.client)
        except UnicodeError:
            return line


@lru_cache(maxsize=64)
def _has_letter(name: str) -> bool:
    """`Charset.letter` of the character set `name`; replies ask for it."""
    return b"\xff".decode(name, "ignore").isalpha()
