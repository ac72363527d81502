"""Passphrases of encrypted keys: asked for once, kept by the supervisor, never seen by a session.

A passphrase lives in a page of its own that is locked into memory, kept out of core dumps, and wiped when it
is not needed. The supervisor keeps those that opened a key, so that a reload asks nobody. Workers are forked
with a copy of that memory and wipe theirs before they serve anybody (`Passphrases.wipe`).

Who is asked: what opened the same file before; then TLSPassPhraseProvider, or else the terminal, at start
only.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from ftpsd.errors import ConfigError, Location
from ftpsd.native._openssl import lock_memory, wipe_memory
from ftpsd.settings.tls import MODULE_VERSION

LONGEST = 1024
"""Bytes of a passphrase."""

TRIES = 3


class Unavailable(Exception):
    """Nobody could be asked, or no passphrase came; the text says why."""


class Secret:
    """At most `LONGEST` bytes in a page that is locked and kept out of core dumps."""

    def __init__(self) -> None:
        self._page = mmap.mmap(-1, mmap.PAGESIZE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        self._size = 0
        self.lock()

    def lock(self) -> None:
        """Locks the page: a forked process has to do that again."""
        lock_memory(self._page)

    def read_from(self, fd: int) -> int:
        """Appends what one read(2) gives; how many bytes (0: the end). Raises `OSError`, `Unavailable`."""
        with memoryview(self._page) as page, page[self._size:LONGEST + 2] as room:
            if len(room) == 0:
                raise Unavailable(f"the passphrase is longer than {LONGEST} bytes")
            count = os.readv(fd, [room])
        self._size += count
        return count

    def end_line(self) -> bool:
        """Cuts at the first line's end; whether there was one. Raises `Unavailable` when it is too long."""
        with memoryview(self._page) as page:
            end = next((i for i in range(self._size) if page[i] in b"\r\n"), -1)
            if end >= 0:
                page[end:self._size] = bytes(self._size - end)
                self._size = end
        if self._size > LONGEST:
            raise Unavailable(f"the passphrase is longer than {LONGEST} bytes")
        return end >= 0

    def view(self) -> memoryview:
        """The passphrase itself; to be released before `wipe`."""
        with memoryview(self._page) as page:
            return page[:self._size]

    def __len__(self) -> int:
        return self._size

    def wipe(self) -> None:
        """Overwrites it with zeros."""
        wipe_memory(self._page)
        self._size = 0


@dataclass(frozen=True, slots=True)
class Request:
    """Whose passphrase is wanted.

    `kind` is RSA, DSA, EC or PKCS12; `path` the file (or URI) that is encrypted; `address`, `port` and
    `server_name` those of the host; `provider` TLSPassPhraseProvider.
    """

    kind: str
    path: str
    address: str
    port: int
    server_name: str
    directive: str
    provider: str | None = None
    location: Location | None = None

    @property
    def prompt(self) -> str:
        """What the terminal is asked."""
        what = "PKCS12 password" if self.kind == "PKCS12" else f"{self.kind} key"
        return f"{what} for the {self.address}#{self.port} ({self.server_name}) server: "

    @property
    def retry(self) -> str:
        """What the terminal is told of a passphrase that does not fit."""
        if self.kind == "PKCS12":
            return "Wrong password for this PKCS12 file.  Please try again."
        return "Wrong passphrase for this key.  Please try again."

    @property
    def arguments(self) -> tuple[str, str]:
        """What a provider is given."""
        return (f"{self.server_name}:{self.port}", self.kind)

    def refusal(self, remedy: str) -> ConfigError:
        """That the key cannot be used."""
        word = "" if self.kind == "PKCS12" else "key "
        return ConfigError(
            f"{MODULE_VERSION}: unable to use {self.kind} certificate {word}in '{self.path}', exiting",
            location=self.location, directive=self.directive, remedy=remedy,
        )


class Terminal(Protocol):
    """Somebody who can be asked; see `ftpsd.tls.terminal`."""

    def say(self, text: str) -> None:
        """One line. Raises `Unavailable`."""

    def ask(self, prompt: str, into: Secret) -> None:
        """A line that is not shown. Raises `Unavailable`."""


Provider = Callable[[str, tuple[str, str], Secret], None]

BANNER = "Please provide passphrases for these encrypted certificate keys:"
EMPTY = "Error: passphrase must be at least one character"


class Passphrases:
    """The passphrases of a server, by file. Made in the process that is started, used by the supervisor."""

    def __init__(self, terminal: Terminal, provider: Provider) -> None:
        self._terminal = terminal
        self._provider = provider
        self._kept: dict[str, Secret] = {}
        self._interactive = True
        self._greeted = False
        here = weakref.ref(self)
        os.register_at_fork(after_in_child=lambda: _lock(here))

    def unlock(self, request: Request, opens: Callable[[memoryview], bool]) -> None:
        """Finds the passphrase with which `opens` says True, and keeps it. Raises `ConfigError`."""
        kept = self._kept.get(request.path)
        if kept is not None and _fits(kept, opens):
            return
        secret = Secret()
        try:
            if request.provider is not None:
                self._ask_provider(request.provider, request, secret, opens)
            else:
                self._ask_terminal(request, secret, opens)
        except Unavailable as error:
            secret.wipe()
            raise request.refusal(f"{error}. {_remedy(request)}") from None
        except BaseException:
            secret.wipe()
            raise
        if kept is not None:
            kept.wipe()
        self._kept[request.path] = secret

    def _ask_provider(
        self, provider: str, request: Request, secret: Secret, opens: Callable[[memoryview], bool]
    ) -> None:
        self._provider(provider, request.arguments, secret)
        if not _fits(secret, opens):
            wanted = " ".join(request.arguments)
            raise Unavailable(f"The passphrase that '{provider}' gave for {wanted} is wrong")

    def _ask_terminal(
        self, request: Request, secret: Secret, opens: Callable[[memoryview], bool]
    ) -> None:
        if not self._interactive:
            raise Unavailable("The key is encrypted, and nobody can be asked while the server runs")
        if not self._greeted:
            self._terminal.say(BANNER)
            self._greeted = True
        for _ in range(TRIES):
            self._terminal.ask(request.prompt, secret)
            if len(secret) == 0:
                self._terminal.say(EMPTY)
                continue
            if _fits(secret, opens):
                return
            secret.wipe()
            self._terminal.say(request.retry)
        raise Unavailable(f"The passphrase was wrong {TRIES} times")

    def settled(self) -> None:
        """The server is configured: from now on the terminal is asked nothing any more."""
        self._interactive = False

    def wipe(self) -> None:
        """Forgets everything."""
        for secret in self._kept.values():
            secret.wipe()
        self._kept.clear()

    def lock(self) -> None:
        """Locks the memory of what is kept, after a fork."""
        for secret in self._kept.values():
            secret.lock()

    def __len__(self) -> int:
        return len(self._kept)


def _lock(store: weakref.ref[Passphrases]) -> None:
    passphrases = store()
    if passphrases is not None:
        with contextlib.suppress(Exception):  # in a forked child: nobody to tell, and it is a precaution
            passphrases.lock()


def _fits(secret: Secret, opens: Callable[[memoryview], bool]) -> bool:
    with secret.view() as view:
        return opens(view)


def _remedy(request: Request) -> str:
    if request.provider is not None:
        return "It gets servername:port and RSA, DSA, EC or PKCS12 as arguments and writes the passphrase."
    if request.path.startswith("pkcs11:"):
        return "Put the PIN into the URI (pin-source=file:/path), or name a TLSPassPhraseProvider."
    if request.kind == "PKCS12":
        return "Start ftpsd from a terminal, or name a TLSPassPhraseProvider."
    return (
        "Start ftpsd from a terminal, name a TLSPassPhraseProvider, or decrypt it: "
        f"openssl pkey -in {request.path} -out NEWFILE, and chmod 600 NEWFILE."
    )
