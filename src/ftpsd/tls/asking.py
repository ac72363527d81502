"""Who knows a passphrase: the person at the terminal, or the program of TLSPassPhraseProvider.

Both write straight into memory that can be wiped (`Secret`), so that the passphrase never becomes a string.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import stat
import subprocess
import termios
import time
from collections.abc import Callable, Iterator

from ftpsd.errors import ConfigError, Location
from ftpsd.tls.passphrases import Secret, Unavailable

TERMINAL = "/dev/tty"

PROMPT_SECONDS = 300.0
"""How long a person may take."""

PROVIDER_SECONDS = 10.0
"""How long a program may take."""

_COMPLAINT = 500


class Console:
    """The controlling terminal of the process."""

    def __init__(self, path: str = TERMINAL, seconds: float = PROMPT_SECONDS) -> None:
        self._path = path
        self._seconds = seconds

    def say(self, text: str) -> None:
        """One line. Raises `Unavailable`."""
        with self._open() as fd:
            _write(fd, text + "\n")

    def ask(self, prompt: str, into: Secret) -> None:
        """A line that is not shown. Raises `Unavailable`."""
        into.wipe()
        deadline = time.monotonic() + self._seconds
        with self._open() as fd, _silent(fd):
            _write(fd, prompt)
            while not into.end_line():
                if not _readable(fd, deadline):
                    raise Unavailable(f"No passphrase was given within {self._seconds:g} seconds")
                if into.read_from(fd) == 0:
                    raise Unavailable("No passphrase was given")

    @contextlib.contextmanager
    def _open(self) -> Iterator[int]:
        try:
            fd = os.open(self._path, os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
        except OSError as error:
            text = "The key is encrypted, and there is no terminal to ask for its passphrase"
            raise Unavailable(f"{text} ({error.strerror})") from None
        try:
            yield fd
        except OSError as error:
            raise Unavailable(f"The terminal cannot be used: {error.strerror}") from None
        finally:
            os.close(fd)


class Nobody:
    """The terminal of a process for one connection (ServerType inetd): its client is the last to be asked."""

    def say(self, text: str) -> None:
        """Raises `Unavailable`."""
        raise Unavailable("The key is encrypted, and with ServerType inetd there is nobody to ask for its passphrase")

    def ask(self, prompt: str, into: Secret) -> None:
        """Raises `Unavailable`."""
        self.say(prompt)


@contextlib.contextmanager
def _silent(fd: int) -> Iterator[None]:
    """What is typed is not shown."""
    try:
        before = termios.tcgetattr(fd)
    except termios.error as error:
        raise Unavailable(f"The terminal cannot be used: {error.args[1]}") from None
    quiet = [*before]
    quiet[3] = before[3] & ~termios.ECHO | termios.ICANON
    termios.tcsetattr(fd, termios.TCSAFLUSH, quiet)
    try:
        yield
    finally:
        termios.tcsetattr(fd, termios.TCSAFLUSH, before)
        _write(fd, "\n")


def _write(fd: int, text: str) -> None:
    data = text.encode("utf-8", "surrogateescape")
    while data:
        data = data[os.write(fd, data):]


def _readable(fd: int, deadline: float) -> bool:
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    return bool(poll.poll(max(0.0, deadline - time.monotonic()) * 1000))


def check_provider(path: str | None, where: Callable[[str], Location | None]) -> None:
    """Raises `ConfigError` unless TLSPassPhraseProvider is a program (or not configured)."""
    if path is None:
        return
    directive = "TLSPassPhraseProvider"
    try:
        mode = os.stat(path).st_mode
    except OSError as error:
        raise ConfigError(
            f"error checking '{path}': {error.strerror}", location=where(directive), directive=directive,
            remedy="Name a program that prints the passphrase of the key that it is told.",
        ) from None
    if not stat.S_ISREG(mode):
        raise ConfigError(
            f"unable to use '{path}': Not a regular file", location=where(directive), directive=directive
        )
    if not mode & 0o111:
        raise ConfigError(
            f"unable to use '{path}': Not executable", location=where(directive), directive=directive,
            remedy=f"chmod 700 '{path}'",
        )


def ask_provider(
    path: str, arguments: tuple[str, str], into: Secret, *, seconds: float = PROVIDER_SECONDS
) -> None:
    """Runs the program and takes the first line of its standard output. Raises `Unavailable`."""
    into.wipe()
    deadline = time.monotonic() + seconds
    reader, writer = os.pipe2(os.O_CLOEXEC)
    try:
        try:
            process = subprocess.Popen(
                [path, *arguments], stdin=subprocess.DEVNULL, stdout=writer, stderr=subprocess.PIPE, cwd="/",
                env={"PATH": os.defpath}, start_new_session=True, umask=0o077,
            )
        except OSError as error:
            raise Unavailable(f"'{path}' cannot be run: {error.strerror}") from None
        finally:
            os.close(writer)
        with process:
            try:
                complaint = _listen(process, reader, into, deadline)
                status = process.wait(max(0.0, deadline - time.monotonic()))
            except BaseException as error:
                os.killpg(process.pid, signal.SIGKILL)
                if isinstance(error, (TimeoutError, subprocess.TimeoutExpired)):
                    raise Unavailable(f"'{path}' gave no passphrase within {seconds:g} seconds") from None
                raise
    finally:
        os.close(reader)
    into.end_line()
    if status != 0 or len(into) == 0:
        said = f": {complaint}" if complaint else ""
        how = f"ended with status {status}" if status else "gave no passphrase"
        raise Unavailable(f"'{path}' {how}{said}")


def _listen(process: subprocess.Popen[bytes], reader: int, into: Secret, deadline: float) -> str:
    """Reads both streams to their ends; what was said on standard error. Raises `TimeoutError`."""
    assert process.stderr is not None
    errors = process.stderr.fileno()
    complaint = bytearray()
    poll = select.poll()
    for fd in (reader, errors):
        poll.register(fd, select.POLLIN)
    waiting = {reader, errors}
    while waiting:
        ready = poll.poll(max(0.0, deadline - time.monotonic()) * 1000)
        if not ready:
            raise TimeoutError
        for fd, _ in ready:
            if fd == reader:
                count = into.read_from(reader)
            else:
                chunk = os.read(errors, 4096)
                complaint += chunk[:_COMPLAINT - len(complaint)]
                count = len(chunk)
            if count == 0:
                poll.unregister(fd)
                waiting.discard(fd)
    text = complaint.decode("utf-8", "replace").strip()
    return " ".join(text.split())
