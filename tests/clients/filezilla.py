"""FileZilla under a virtual X server, driven by keys as by a person who has no mouse at hand.

It is started on a site's URL with a configuration directory of its own, in which the server's certificate
is trusted already. What it does is known from its log file, so that every key waits for what came of the
one before it. Without a window manager, a new dialogue has to be given the keyboard by us.
"""

from __future__ import annotations

import os
import select
import shutil
import ssl
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self
from xml.sax.saxutils import escape

from tests.clients.base import ClientFailed, Link

SECONDS = 20.0
# The empty lower part of the two lists: two clicks on a row would be a double click. The window is left as
# it opens: while it is laid out anew, a click hits something else.
PANES = {"local": (300, 650), "remote": (900, 650)}
SETTINGS = {
    "Greeting version": "99.0.0", "Update Check": "0", "Reconnect count": "0", "Number of Transfers": "1",
    # 5: resume. A file that is there already would open a dialogue otherwise.
    "File exists action download": "5", "File exists action upload": "5", "Prompt password save": "0",
    # The trees follow every change of the disk, and the selection with them.
    "Timeout": "15", "Show Tree Local": "0", "Show Tree Remote": "0",
}


def missing() -> str | None:
    """Why it cannot be run here."""
    absent = [name for name in ("filezilla", "Xvfb", "xdotool") if shutil.which(name) is None]
    return f"not installed: {' '.join(absent)} (packages filezilla xvfb xdotool)" if absent else None


class Screen:
    """A virtual X server that nobody else sees."""

    def __init__(self) -> None:
        reading, writing = os.pipe()
        self.process = subprocess.Popen(
            ["Xvfb", "-displayfd", str(writing), "-screen", "0", "1280x900x24", "-nolisten", "tcp"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, pass_fds=(writing,),
        )
        os.close(writing)
        with os.fdopen(reading) as ready:
            if not select.select([ready], [], [], SECONDS)[0]:
                self.close()
                raise ClientFailed("Xvfb did not start")
            self.display = f":{ready.readline().strip()}"

    def close(self) -> None:
        """End the X server."""
        self.process.terminate()
        self.process.wait(SECONDS)


class FileZilla:
    """A running FileZilla that is connected to `link` with `local` as its local directory."""

    def __init__(self, screen: Screen, link: Link, certificate: Path, local: Path, work: Path) -> None:
        self.log = work / "filezilla.log"
        self._read = 0
        self._write_configuration(work / ".config" / "filezilla", link, certificate)
        self.environment = {
            "PATH": os.environ["PATH"], "HOME": str(work), "DISPLAY": screen.display, "LC_ALL": "C.UTF-8",
            "NO_AT_BRIDGE": "1", "DBUS_SESSION_BUS_ADDRESS": "disabled:",
        }
        scheme = "ftps" if link.implicit else "ftpes"
        url = f"{scheme}://{link.user}:{link.password}@{link.netloc}/"
        self.output = (work / "output").open("wb")
        self.process = subprocess.Popen(
            ["filezilla", url, f"--local={local}/"], env=self.environment, stdin=subprocess.DEVNULL,
            stdout=self.output, stderr=self.output,
        )

    def __enter__(self) -> Self:
        self.wait_for('Directory listing of "/" successful')
        self.window = self._window("FileZilla")
        self._xdotool("windowfocus", "--sync", self.window)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None,
    ) -> None:
        self.process.kill()
        self.process.wait(SECONDS)
        self.output.close()

    def _write_configuration(self, directory: Path, link: Link, certificate: Path) -> None:
        directory.mkdir(parents=True)
        own = {"Logging file": str(self.log), "Use Pasv mode": "0" if link.active else "1"}
        lines = "".join(
            f'<Setting name="{name}">{escape(value)}</Setting>' for name, value in (SETTINGS | own).items()
        )
        head = '<?xml version="1.0" encoding="UTF-8"?>\n<FileZilla3 version="3.63.0" platform="*nix">'
        (directory / "filezilla.xml").write_text(f"{head}<Settings>{lines}</Settings></FileZilla3>\n")
        der = ssl.PEM_cert_to_DER_cert(certificate.read_text())
        now = int(time.time())
        trusted = (
            f"<Data>{der.hex()}</Data><ActivationTime>{now - 86_400}</ActivationTime>"
            f"<ExpirationTime>{now + 86_400}</ExpirationTime><Host>{link.host}</Host>"
            f"<Port>{link.port}</Port><TrustSANs>1</TrustSANs>"
        )
        (directory / "trustedcerts.xml").write_text(
            f"{head}<TrustedCerts><Certificate>{trusted}</Certificate></TrustedCerts></FileZilla3>\n"
        )

    def go(self, pane: str, row: int) -> None:
        """Put the keyboard into a pane's list and select a row; row 0 is `..`."""
        x, y = PANES[pane]
        self._xdotool("windowfocus", self.window)
        self._xdotool("mousemove", str(x), str(y), "click", "1", "key", "Home", *["Down"] * row)

    def key(self, *names: str) -> None:
        """Press keys."""
        self._xdotool("key", *names)

    def type(self, text: str) -> None:
        """Type a text."""
        self._xdotool("type", "--delay", "5", text)

    def answer(self, title: str, *, text: str = "") -> None:
        """Wait for a dialogue, type into it and accept it."""
        dialogue = self._window(title)
        self._xdotool("windowfocus", "--sync", dialogue)
        if text:
            self._xdotool("key", "ctrl+a")
            self.type(text)
        self._xdotool("key", "Return")

    def wait_for(self, text: str, *more: str) -> None:
        """The log's next line that has `text`, then the next that has each of `more`."""
        deadline = time.monotonic() + SECONDS
        for wanted in (text, *more):
            while not self._seen(wanted):
                if time.monotonic() > deadline or self.process.poll() is not None:
                    raise ClientFailed(f"FileZilla: no {wanted!r} in its log:\n{self._lines()[-3000:]}")
                time.sleep(0.03)

    def _seen(self, text: str) -> bool:
        lines = self._lines()
        found = lines.find(text, self._read)
        if found < 0:
            return False
        self._read = found + len(text)
        return True

    def _lines(self) -> str:
        try:
            return self.log.read_text("utf-8", "replace")
        except FileNotFoundError:
            return ""

    def _window(self, title: str) -> str:
        deadline = time.monotonic() + SECONDS
        while time.monotonic() < deadline:
            found = self._run(["search", "--onlyvisible", "--name", title]).split()
            if found:
                return found[-1]
            time.sleep(0.03)
        names = self._run(["search", "--onlyvisible", "--name", ".", "getwindowname", "%@"])
        raise ClientFailed(f"FileZilla: no window {title!r}, only {names!r}")

    def _xdotool(self, *arguments: str) -> None:
        self._run(arguments)

    def _run(self, arguments: Sequence[str]) -> str:
        done = subprocess.run(
            ["xdotool", *arguments], env=self.environment, capture_output=True, text=True, timeout=SECONDS,
            check=False,
        )
        return done.stdout
