"""Real clients as adapters over one table of operations.

A `Step` is one thing that a person does with an FTP client. An adapter translates steps into its
client's language and performs them, in one session where the client can be scripted. What came of them
is checked on the server's disk and in local files by common code (`scenario.py`), never by asking the
client.
"""

from __future__ import annotations

import abc
import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import ClassVar, Literal

Verb = Literal["list", "get", "put", "resume-get", "resume-put", "rename", "delete", "mkdir", "rmdir"]
ALL: frozenset[Verb] = frozenset(
    {"list", "get", "put", "resume-get", "resume-put", "rename", "delete", "mkdir", "rmdir"}
)
BOTH_VERSIONS = frozenset({"TLSv1.2", "TLSv1.3"})
RUN_SECONDS = 60.0
HERE = Path(__file__).parent


@dataclass(frozen=True)
class Step:
    """One operation. `remote` is a path from the login's root without leading slash.

    `other` is the new name for `rename`; `local` the local file for the transfers, and for `list` the
    file that the adapter writes the names to, one per line.
    """

    verb: Verb
    remote: str
    other: str = ""
    local: str = ""


@dataclass(frozen=True)
class Link:
    """How to reach the server: what a person types into a client's site settings."""

    host: str
    port: int
    authority: Path
    implicit: bool = False
    active: bool = False
    user: str = "alice"
    password: str = "secret"

    @property
    def scheme(self) -> str:
        """`ftps` for implicit TLS, `ftp` for explicit."""
        return "ftps" if self.implicit else "ftp"

    @property
    def netloc(self) -> str:
        """Host and port as in a URL."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


class ClientFailed(AssertionError):
    """The client said that something went wrong; the message is its output."""


class Adapter(abc.ABC):
    """One client. The class attributes say what it can do at all, whatever the server."""

    name: ClassVar[str]
    verbs: ClassVar[frozenset[Verb]] = ALL
    implicit: ClassVar[bool] = True
    active: ClassVar[bool] = True
    ipv6: ClassVar[bool] = True
    unicode: ClassVar[bool] = True
    sends_close_notify: ClassVar[bool] = True
    # TLS versions under which its data connections resume the control connection's session.
    resumes: ClassVar[frozenset[str]] = BOTH_VERSIONS

    @abc.abstractmethod
    def missing(self) -> str | None:
        """Why it cannot be run here (what to install), or None."""

    def hindered(self, link: Link) -> str | None:
        """Why this client cannot do it over this link, a defect of its own; None: it can."""
        return None

    @abc.abstractmethod
    def perform(self, link: Link, steps: Sequence[Step], work: Path) -> None:
        """Log in and do the steps in order; `work` is an empty directory. Raises `ClientFailed`."""


def run(
    command: Sequence[str], work: Path, *, text: str = "", environment: Mapping[str, str] | None = None,
    check: bool = True, timeout: float = RUN_SECONDS,
) -> subprocess.CompletedProcess[str]:
    """Run a client's process with `text` on its standard input. Raises `ClientFailed` (`check`)."""
    kept = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH") if name in os.environ}
    surroundings = {**kept, "HOME": str(work), "LC_ALL": "C.UTF-8", **(environment or {})}
    try:
        done = subprocess.run(
            command, input=text, capture_output=True, encoding="utf-8", errors="replace",
            timeout=timeout, cwd=work, env=surroundings, check=False,
        )
    except subprocess.TimeoutExpired as error:
        said = f"{error.output!r}\n{error.stderr!r}"
        raise ClientFailed(f"{command[0]} did not end within {timeout} s\n{said}") from None
    if check and done.returncode != 0:
        raise ClientFailed(f"{command[0]} ended with {done.returncode}\n{done.stdout}\n{done.stderr}")
    return done


def write_names(step: Step, names: Sequence[str]) -> None:
    """The result of a `list` step."""
    Path(step.local).write_text("".join(f"{name}\n" for name in names))


def as_json(link: Link, steps: Sequence[Step]) -> str:
    """The job for an adapter's program in another language or process."""
    plain = asdict(link) | {"authority": str(link.authority)}
    return json.dumps({"link": plain, "steps": [asdict(step) for step in steps]})
