"""Replies: a code of RFC 959 section 4.2 with one or more lines, and the texts that clients match.

On the wire a reply of several lines opens with `213-`, indents what stands between by a blank (so that no
line of it can pass for the last) and closes with `213 `. The control connection is a Telnet stream: a byte
0xFF is doubled, unless it is a letter of the client's (`ftp.lines`). Text that came from a client or a file
name may hold anything; a control character becomes `?`, so that nobody can make the server say something else.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from ftpsd.ftp.charset import Charset

_HARMLESS = dict.fromkeys((*range(9), *range(10, 0x20), 0x7F), "?")


@dataclass(frozen=True, slots=True, init=False)
class Reply:
    """A reply: `code` (100 to 599) and its lines, at least one. `blank`: what stands between the first and the last
    has a blank in front whatever MultilineRFC2228 says, as its grammar demands (FEAT, MLST)."""

    code: int
    lines: tuple[str, ...]
    blank: bool

    def __init__(self, code: int, *lines: str, blank: bool = False) -> None:
        if not 100 <= code <= 599:
            raise ValueError(f"{code} is no FTP reply code")
        object.__setattr__(self, "code", code)
        object.__setattr__(self, "lines", lines or ("",))
        object.__setattr__(self, "blank", blank)

    @property
    def text(self) -> str:
        """The last line: what a log shows."""
        return self.lines[-1]

    @property
    def preliminary(self) -> bool:
        return self.code < 200

    @property
    def positive(self) -> bool:
        return self.code < 400

    def encode(self, *, every_line: bool = False, charset: Charset | None = None) -> bytes:
        """The bytes to send. `every_line` repeats `code-` on each line (MultilineRFC2228); `charset`: the client's."""
        if len(self.lines) == 1:
            raw = _plain(self.code, self.lines[0])
            if raw is not None:
                return raw
        lines = [line.translate(_HARMLESS) for line in self.lines]
        last = f"{self.code} {lines.pop()}\r\n"
        if not lines:
            return _wire(last, charset)
        inner = f"{self.code}-" if every_line and not self.blank else " "
        head = [f"{self.code}-{lines[0]}\r\n"]
        head.extend(f"{inner}{line}\r\n" for line in lines[1:])
        return _wire("".join(head) + last, charset)

    def __str__(self) -> str:
        return f"{self.code} {self.text}"


@lru_cache(maxsize=128)
def _plain(code: int, line: str) -> bytes | None:
    """The bytes of a reply that is the same in every character set; None: it may not be."""
    return f"{code} {line}\r\n".encode("ascii") if line.isascii() and line.isprintable() else None


def _wire(text: str, charset: Charset | None) -> bytes:
    raw = text.encode("utf-8", "surrogateescape")
    if charset is not None:
        raw = charset.sent(raw)
        if charset.letter:
            return raw
    return raw.replace(b"\xff", b"\xff\xff")


def opened(code: int, line: str, charset: Charset | None = None) -> bytes:
    """A line of a reply of several whose end is still to come."""
    return _wire(f"{code}-{line.translate(_HARMLESS)}\r\n", charset)


def harmless(text: str) -> str:
    """`text` with every control character replaced, as replies show it."""
    return text.translate(_HARMLESS)


def not_understood(name: str) -> Reply:
    """An unknown command."""
    return Reply(500, f"{name} not understood")


def not_implemented(name: str) -> Reply:
    return Reply(502, f"{name} command not implemented")


def successful(name: str, code: int = 250) -> Reply:
    return Reply(code, f"{name} command successful")


INVALID_COMMAND = Reply(500, "Invalid command: try being more creative")
LINE_TOO_LONG = Reply(500, "Command line too long")
USER_FIRST = Reply(503, "Login with USER first")
ALREADY_LOGGED_IN = Reply(503, "You are already logged in")
LOGIN_INCORRECT = Reply(530, "Login incorrect.")
ANONYMOUS_PASSWORD = Reply(331, "Anonymous login ok, send your complete email address as your password")
ANONYMOUS_GRANTED = Reply(230, "Anonymous access granted, restrictions apply")
GOODBYE = Reply(221, "Goodbye.")
SYSTEM_TYPE = Reply(215, "UNIX Type: L8")
NO_ALLOCATION = Reply(202, "No storage allocation necessary")


def password_required(user: str) -> Reply:
    return Reply(331, f"Password required for {user}")


def code_required(user: str) -> Reply:
    """The words of mod_auth_otp."""
    return Reply(331, f"One-time password required for {user}")


def logged_in(user: str, code: int = 230) -> Reply:
    """`code` 232 when the client certificate made the password superfluous."""
    return Reply(code, f"User {user} logged in")


def opening_text(what: str, *, ascii: bool, size: int | None = None) -> str:
    """The text of `150 Opening BINARY mode data connection for x (12 bytes)`; `size` where it is known."""
    mode = "ASCII" if ascii else "BINARY"
    tail = "" if size is None else f" ({size} bytes)"
    return f"Opening {mode} mode data connection for {what}{tail}"


def listing_in_reply(code: int, what: str, lines: Iterable[str]) -> Reply:
    """STAT of a path: 212 for a directory, 213 for a file."""
    return Reply(code, f"Status of {what}:", *lines, "End of status")
