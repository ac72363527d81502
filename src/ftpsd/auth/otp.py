"""One-time passwords (HOTP, RFC 4226; TOTP, RFC 6238) and the table that they are kept in.

    name:secret in base32:counter

The counter is the next that has not been used: of an app's presses, or of steps of 30 seconds since 1970. A code that
fits is written down as used while the table is locked, by whoever is first; with any number of workers it is good once,
and so is every code before it.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import fcntl
import hmac
import os
import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.twofactor.hotp import HOTP

from ftpsd.auth import editing, outages
from ftpsd.auth.account import AccountsUnavailable
from ftpsd.auth.files import Note, WatchedFile, check_permissions
from ftpsd.errors import FtpsdError
from ftpsd.settings.otp import OTPSettings
from ftpsd.sql.errors import SqlError
from ftpsd.sql.turns import Lock
from ftpsd.sql.wanted import Queries, check_queries

DIGITS: Final = 6
STEP: Final = 30
"""Seconds."""
AROUND: Final = 1
"""Steps before and after the present one whose codes count, too."""
AHEAD: Final = 10
"""Codes that somebody may have made and not used."""
_LOCK_SECONDS: Final = 10.0
_Hash = hashes.SHA1 | hashes.SHA256 | hashes.SHA512
_FIRST_WORD: Final = re.compile(r"[\s:;,=|]")
"""Ends a name on a broken line, where the colon behind it may be what is missing."""
_HASHES: Final[dict[str, Callable[[], _Hash]]] = {"totp-sha256": hashes.SHA256, "totp-sha512": hashes.SHA512}


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the table: `secret` the key, `counter` the first that is good."""

    name: str
    secret: bytes = field(repr=False)
    counter: int


@dataclass(frozen=True)
class Entries:
    """A parsed table; `problems` are the lines that were skipped, `broken` the names on them: whoever stands there is
    in the table, but no code is good for him.
    """

    by_name: dict[str, Entry] = field(default_factory=dict)
    problems: tuple[str, ...] = ()
    broken: frozenset[str] = frozenset()


def decode_secret(text: str) -> bytes | None:
    """The key that base32 stands for, in any case, with or without blanks and `=`; None: it is none."""
    plain = text.replace(" ", "").replace("-", "").rstrip("=").upper()
    try:
        secret = base64.b32decode(plain + "=" * (-len(plain) % 8))
    except (binascii.Error, ValueError):
        return None
    return secret or None


def _entry(line: str) -> Entry | str:
    name, _, rest = line.partition(":")
    text, _, number = rest.partition(":")
    secret, counter = decode_secret(text), _counter(number.split(":")[0])
    if not name or secret is None:
        return "it is not name:base32:counter"
    if counter is None:
        return f"the counter of '{name}' is not a number"
    return Entry(name, secret, counter)


def _counter(text: str) -> int | None:
    """Nothing is 0; None: it is no number."""
    number = text.strip() or "0"
    return int(number) if number.isascii() and number.isdecimal() and len(number) <= 18 else None


def parse(data: bytes, path: str) -> Entries:
    """The entries in the text of a table; the first of two for the same name counts."""
    found: dict[str, Entry] = {}
    problems: list[str] = []
    broken: set[str] = set()
    for number, raw in enumerate(data.split(b"\n"), 1):
        line = raw.decode("utf-8", "surrogateescape").strip()
        if not line or line.startswith("#"):
            continue
        entry = _entry(line)
        if isinstance(entry, str):
            problems.append(f"line {number} of '{path}' skipped, no code is good for its user: {entry}")
            broken |= {line.partition(":")[0].strip(), _FIRST_WORD.split(line, maxsplit=1)[0]}
        else:
            found.setdefault(entry.name, entry)
    return Entries(found, tuple(problems), frozenset(broken))


def next_counter(entry: Entry, code: str, algorithm: str, now: float) -> int | None:
    """The counter behind that of `code`, when it is good at `now` (seconds since 1970); None: it is not.

    As many codes are computed in every case.
    """
    kind = _HASHES.get(algorithm, hashes.SHA1)
    maker = HOTP(entry.secret, DIGITS, kind(), enforce_key_length=False)
    present = int(now) // STEP
    first = entry.counter if algorithm == "hotp" else present - AROUND
    count = AHEAD if algorithm == "hotp" else 2 * AROUND + 1
    sent = code.encode("utf-8", "surrogateescape")
    found = None
    for counter in range(max(first, 0), max(first, 0) + count):
        fits = hmac.compare_digest(maker.generate(counter), sent)
        if fits and counter >= entry.counter and found is None:
            found = counter + 1
    return found


class Codes(Protocol):
    """An AuthOTPTable. One that cannot be read or written lets nobody in: `AccountsUnavailable`. Safe for threads."""

    def prepare(self) -> tuple[str, ...]:
        """At start: what is wrong with it. Raises `ConfigError` where it cannot be used."""

    def lacks(self, name: str, note: Note) -> bool:
        """Whether a user is known not to be in it. Raises `AccountsUnavailable`."""

    def accept(self, name: str, code: str, note: Note) -> bool | None:
        """Whether `code` is good for a user, who then has used it; None: he is not in the table. Raises
        `AccountsUnavailable`.
        """


class Table(WatchedFile[Entries]):
    """The AuthOTPTable at `path`. `clock` gives seconds since 1970. Safe for threads and processes."""

    def __init__(
        self, path: str, algorithm: str, lock: str | None = None, clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(path, parse, lambda entries: entries.problems, "AuthOTPTable")
        self._algorithm = algorithm
        self._lock_path = lock
        self._clock = clock

    def prepare(self) -> tuple[str, ...]:
        """See `Codes`."""
        check_permissions("AuthOTPTable", self.path, world_readable=False)
        notices: list[str] = []
        self.current(notices.append)
        place = os.path.dirname(os.path.realpath(self.path))
        if not os.access(place, os.W_OK):
            notices.append(
                f"AuthOTPTable: nothing can be written in {place}, where codes are marked as used: none is accepted; "
                "move the table to where the server may write (/var/lib/ftpsd; systemd: ReadWritePaths=)")
        return tuple(notices)

    def lacks(self, name: str, note: Note) -> bool:
        """See `Codes`."""
        entries = self._entries(note)
        return name not in entries.by_name and name not in entries.broken

    def _entries(self, note: Note) -> Entries:
        entries = self.known(note)
        if entries is None:
            raise outages.of_codes(f"AuthOTPTable '{self.path}' cannot be read")
        return entries

    def accept(self, name: str, code: str, note: Note) -> bool | None:
        """See `Codes`."""
        entries = self._entries(note)
        entry = entries.by_name.get(name)
        if entry is None:
            return False if name in entries.broken else None
        if next_counter(entry, code, self._algorithm, self._clock()) is None:
            return False
        accepted = False

        def use(data: bytes) -> bytes:
            nonlocal accepted
            present = parse(data, self.path).by_name.get(name)
            after = next_counter(present, code, self._algorithm, self._clock()) if present is not None else None
            if after is None:
                return data
            accepted = True
            return set_counter(data, name, after)

        try:
            with _locked(self._lock_path):
                editing.edit(self.path, use)
        except (editing.EditError, OSError) as error:
            note(f"error: AuthOTPTable: {error}")
            raise outages.of_codes(f"AuthOTPTable: {error}") from None
        return accepted


class _Broken(FtpsdError):
    """What a query returns about a user is no entry."""


_locks: dict[str, Lock] = {}


def _lock_of(database: str) -> Lock:
    """That of all tables in databases of this name: several hosts may have the same one, and after a reload old workers
    and new ones do, each with a configuration of its own. Made in the supervisor, whose workers all inherit it.
    """
    if database not in _locks:
        _locks[database] = Lock(os.memfd_create("ftpsd-otp", os.MFD_CLOEXEC))
    return _locks[database]


class QueriedTable:
    """An AuthOTPTable in a database: one query returns secret and counter of user %{0}, another one sets the counter to
    %{1}. What is asked and then changed is so under a lock of this server (`_lock_of`), and AuthOTPTableLock.
    """

    def __init__(
        self, queries: Queries | None, names: Sequence[str], algorithm: str, lock: str | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._queries = queries
        self._get, self._set = names
        self._algorithm = algorithm
        self._lock_path = lock
        self._clock = clock
        self._turns = _lock_of(queries.place(self._set) if queries is not None and self._set in queries else "")

    def prepare(self) -> tuple[str, ...]:
        """See `Codes`."""
        check_queries((self._get, self._set), self._queries, "AuthOTPTable")
        return ()

    def lacks(self, name: str, note: Note) -> bool:
        """See `Codes`."""
        try:
            return self._find(name) is None
        except _Broken as error:
            note(f"error: AuthOTPTable: {error}")
            return False
        except FtpsdError as error:
            raise self._silent(error, note) from None

    def accept(self, name: str, code: str, note: Note) -> bool | None:
        """See `Codes`."""
        try:
            with self._turns.held(), _locked(self._lock_path):
                return self._accept(name, code)
        except _Broken as error:
            note(f"error: AuthOTPTable: {error}")
            return False
        except (FtpsdError, OSError) as error:
            raise self._silent(error, note) from None

    def _silent(self, error: Exception, note: Note) -> AccountsUnavailable:
        text = f"AuthOTPTable: {error}"
        note(f"error: {text}")
        return outages.of_database(error, text) if isinstance(error, SqlError) else outages.of_codes(text)

    def _accept(self, name: str, code: str) -> bool | None:
        entry = self._find(name)
        if entry is None:
            return None
        after = next_counter(entry, code, self._algorithm, self._clock())
        if after is None:
            return False
        assert self._queries is not None
        self._queries.run(self._set, (name, str(after)))
        return True

    def _find(self, name: str) -> Entry | None:
        """Raises `FtpsdError`."""
        assert self._queries is not None, "prepare"
        rows = self._queries.run(self._get, (name,))
        if not rows:
            return None
        text, number = (*rows[0], None)[:2]
        secret, counter = decode_secret(text or ""), _counter(number or "")
        if secret is None or counter is None or (number is None and self._algorithm == "hotp"):
            raise _Broken(f"query '{self._get}' does not return a secret in base32 and a counter for '{name}'")
        return Entry(name, secret, counter)


def set_counter(data: bytes, name: str, counter: int) -> bytes:
    """`data` with another counter for `name`."""
    wanted = name.encode("utf-8", "surrogateescape")
    lines = data.split(b"\n")
    for index, line in enumerate(lines):
        fields = line.strip().split(b":")
        if len(fields) > 1 and fields[0] == wanted and not isinstance(_entry(line.decode("utf-8", "replace")), str):
            lines[index] = b":".join((*fields[:2], str(counter).encode(), *fields[3:]))
            break
    return b"\n".join(lines)


def set_entry(data: bytes, entry: Entry) -> bytes:
    """`data` with a line for the entry's user, in place of the one that he had."""
    editing.check_name(entry.name, "user")
    line = f"{entry.name}:{encode_secret(entry.secret)}:{entry.counter}\n".encode("utf-8", "surrogateescape")
    rest = without(data, entry.name)
    return rest + (b"\n" if rest and not rest.endswith(b"\n") else b"") + line


def without(data: bytes, name: str) -> bytes:
    """`data` without the lines of a user."""
    wanted = name.encode("utf-8", "surrogateescape")
    lines = data.splitlines(keepends=True)
    return b"".join(line for line in lines if line.strip().partition(b":")[0] != wanted or line.startswith(b"#"))


def encode_secret(secret: bytes) -> str:
    """A key in base32, as apps want it."""
    return base64.b32encode(secret).decode().rstrip("=")


@contextlib.contextmanager
def _locked(path: str | None) -> Iterator[None]:
    """AuthOTPTableLock. Raises `TimeoutError` (an `OSError`) when somebody holds it for ten seconds."""
    if path is None:
        yield
        return
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        deadline = time.monotonic() + _LOCK_SECONDS
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise TimeoutError(f"'{path}' has been locked for too long") from None
                time.sleep(0.02)
        yield
    finally:
        os.close(handle)


@dataclass(frozen=True, slots=True)
class Said:
    """What is known of a password from the table of codes.

    `good`: whether it is a code, and all that counts; None: `password` is for somebody else to check, and `code` behind
    it for `OneTimePasswords.behind` (None: none is wanted). `silent`: the table cannot be used, so that nobody is
    refused as one whose password is wrong (but whose is no code by its form, where another password will do).
    """

    good: bool | None
    password: str = field(repr=False)
    code: str | None = field(default=None, repr=False)
    silent: AccountsUnavailable | None = None


class OneTimePasswords:
    """What mod_auth_otp says of logins to one host. `only`: no other password is good (AuthOrder mod_auth_otp.c*)."""

    def __init__(
        self, settings: OTPSettings, note: Note, queries: Queries | None = None, *, listed: bool, only: bool,
    ) -> None:
        """`queries`: those of the host."""
        assert settings.table is not None
        self._note = note
        path, names = settings.table
        self.table: Codes = (
            QueriedTable(queries, names, settings.algorithm, settings.table_lock) if names
            else Table(path, settings.algorithm, settings.table_lock))
        self._behind = "AfterPassword" in settings.options
        self._alone = listed and not self._behind
        self._only = only
        self._required = "RequireTableEntry" in settings.options and (self._behind or only)

    def prepare(self) -> tuple[str, ...]:
        """At start: broken lines. Raises `ConfigError` for a table that others may read, or without its queries."""
        return self.table.prepare()

    def said(self, name: str, password: str) -> Said:
        """What a password is by the table."""
        try:
            good = self._alone_good(name, password)
            return Said(good, password) if good is not None else self._split(name, password)
        except AccountsUnavailable as error:
            if self._behind:
                return Said(None, *_cut(password), error)
            if self._only:
                return Said(False, password, None, error)
            return Said(None, password, None, error if _may_be_code(password) else None)

    def _split(self, name: str, password: str) -> Said:
        if not self._behind or (not self._required and self.table.lacks(name, self._note)):
            return Said(None, password)
        return Said(None, *_cut(password))

    def _alone_good(self, name: str, password: str) -> bool | None:
        """Whether the password is a good code; None: others are to say, as it is no matter of codes."""
        if not self._alone:
            return None
        accepted = self.table.accept(name, password, self._note)
        if accepted:
            return True
        if accepted is None:
            return False if self._required else None
        return False if self._only else None

    def behind(self, name: str, code: str) -> bool:
        """Whether the code behind a password that was right is good. Raises `AccountsUnavailable`."""
        return self.table.accept(name, code, self._note) is True


def _may_be_code(text: str) -> bool:
    """Whether some table could have it."""
    return len(text) == DIGITS and text.isascii() and text.isdecimal()


def _cut(password: str) -> tuple[str, str]:
    """(a password, the code behind it)."""
    return password[:-DIGITS], password[-DIGITS:]
