"""Clients that are programs with a command line or a script language: curl, lftp, rclone, wget."""

from __future__ import annotations

import functools
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar
from urllib.parse import quote

from tests.clients.base import Adapter, Link, Step, Verb, run, write_names


def need(program: str, package: str | None = None) -> str | None:
    """The reason to skip when `program` is not installed."""
    if shutil.which(program):
        return None
    return f"{program} is not installed (package {package or program})"


@functools.cache
def _curl_version() -> tuple[int, ...]:
    words = subprocess.run(["curl", "--version"], capture_output=True, text=True, check=True).stdout.split()
    return tuple(int(part) for part in words[1].split(".")[:2])


def curl_cannot_clear() -> str | None:
    """Why curl cannot do CCC, a defect of its own; None: it can (7.88 does, 8.14 does not)."""
    if _curl_version() >= (8, 14):
        return "curl 8.14 goes on writing through TLS after it has answered the close_notify of CCC"
    return None


class Curl(Adapter):
    """curl, one process per step; directory commands as quotes before a listing."""

    name = "curl"

    def missing(self) -> str | None:
        return need("curl")

    def hindered(self, link: Link) -> str | None:
        if link.active and (7, 87) <= _curl_version() < (8, 0):
            return "curl 7.87 to 7.88 forgets TLS on active data connections (mended in 8.0)"
        return None

    def perform(self, link: Link, steps: Sequence[Step], work: Path) -> None:
        for step in steps:
            done = run(["curl", *self.options(link), *self._arguments(link, step)], work)
            if step.verb == "list":
                write_names(step, done.stdout.splitlines())

    @staticmethod
    def options(link: Link) -> list[str]:
        """What every call needs."""
        options = [
            "-sS", "--ssl-reqd", "--cacert", str(link.authority), "-u", f"{link.user}:{link.password}",
            "--max-time", "30",
        ]
        return [*options, "--ftp-port", "-"] if link.active else options

    @staticmethod
    def url(link: Link, path: str) -> str:
        """The URL of a path below the login's root."""
        return f"{link.scheme}://{link.netloc}/{quote(path)}"

    def _arguments(self, link: Link, step: Step) -> list[str]:
        target = self.url(link, step.remote)
        quotes = {
            "mkdir": [f"MKD {step.remote}"], "rmdir": [f"RMD {step.remote}"],
            "delete": [f"DELE {step.remote}"], "rename": [f"RNFR {step.remote}", f"RNTO {step.other}"],
        }
        if step.verb in quotes:
            flags = [argument for line in quotes[step.verb] for argument in ("-Q", line)]
            return [*flags, "-l", "-o", "/dev/null", self.url(link, "")]
        transfers = {
            "list": ["-l", target + "/"],
            "get": ["-o", step.local, target],
            "put": ["-T", step.local, target],
            "resume-get": ["-C", "-", "-o", step.local, target],
            "resume-put": ["-C", "-", "-T", step.local, target],
        }
        return transfers[step.verb]


class Lftp(Adapter):
    """lftp with one script for all steps."""

    name = "lftp"

    def missing(self) -> str | None:
        return need("lftp")

    def perform(self, link: Link, steps: Sequence[Step], work: Path) -> None:
        self.script(link, [self._line(step) for step in steps], work)

    def script(self, link: Link, lines: Sequence[str], work: Path) -> str:
        """Run lines of lftp's language in one session; standard output."""
        settings = [
            "set cmd:fail-exit yes", "set net:max-retries 1", "set net:timeout 15",
            "set net:reconnect-interval-base 1", "set ftp:ssl-force yes", "set ftp:ssl-protect-data yes",
            "set ftp:ssl-protect-list yes", f"set ssl:ca-file {link.authority}",
            f"set ftp:passive-mode {'off' if link.active else 'on'}", "set ftp:charset UTF-8",
            f"open -u {link.user},{link.password} {link.scheme}://{link.netloc}",
        ]
        done = run(["lftp", "--norc"], work, text="\n".join([*settings, *lines, "bye"]) + "\n")
        return done.stdout

    @staticmethod
    def _line(step: Step) -> str:
        lines: dict[Verb, str] = {
            "list": f'cls -1 --basename "{step.remote}" > "{step.local}"',
            "get": f'get "{step.remote}" -o "{step.local}"',
            "put": f'put "{step.local}" -o "{step.remote}"',
            "resume-get": f'get -c "{step.remote}" -o "{step.local}"',
            "resume-put": f'put -c "{step.local}" -o "{step.remote}"',
            "rename": f'mv "{step.remote}" "{step.other}"',
            "delete": f'rm "{step.remote}"',
            "mkdir": f'mkdir "{step.remote}"',
            "rmdir": f'rmdir "{step.remote}"',
        }
        return lines[step.verb]


class Rclone(Adapter):
    """rclone (Go), one process per step; it has neither active mode nor resumption of files."""

    name = "rclone"
    verbs: ClassVar[frozenset[Verb]] = frozenset(
        {"list", "get", "put", "rename", "delete", "mkdir", "rmdir"}
    )
    active = False

    def missing(self) -> str | None:
        return need("rclone")

    def perform(self, link: Link, steps: Sequence[Step], work: Path) -> None:
        for step in steps:
            said = self.call(link, self._arguments(step), work)
            if step.verb == "list":
                write_names(step, [name.removesuffix("/") for name in said.splitlines()])

    @staticmethod
    def call(link: Link, arguments: Sequence[str], work: Path) -> str:
        """Run rclone once, `t:` is the server; standard output. Nothing is tried twice."""
        hidden = run(["rclone", "obscure", link.password], work).stdout.strip()
        environment = {
            "RCLONE_CONFIG": str(work / "rclone.conf"), "RCLONE_CONFIG_T_TYPE": "ftp",
            "RCLONE_CONFIG_T_HOST": link.netloc.rpartition(":")[0], "RCLONE_CONFIG_T_PORT": str(link.port),
            "RCLONE_CONFIG_T_USER": link.user, "RCLONE_CONFIG_T_PASS": hidden,
            "RCLONE_CONFIG_T_TLS" if link.implicit else "RCLONE_CONFIG_T_EXPLICIT_TLS": "true",
            "SSL_CERT_FILE": str(link.authority), "RCLONE_RETRIES": "1", "RCLONE_LOW_LEVEL_RETRIES": "1",
        }
        (work / "rclone.conf").touch()
        return run(["rclone", *arguments], work, environment=environment).stdout

    @staticmethod
    def _arguments(step: Step) -> list[str]:
        remote = f"t:{step.remote}"
        arguments: dict[Verb, list[str]] = {
            "list": ["lsf", remote],
            "get": ["copyto", remote, step.local],
            "put": ["copyto", step.local, remote],
            "rename": ["moveto", remote, f"t:{step.other}"],
            "delete": ["deletefile", remote],
            "mkdir": ["mkdir", remote],
            "rmdir": ["rmdir", remote],
        }
        return arguments[step.verb]


class Wget(Adapter):
    """wget: a client that only reads. Under TLS 1.3 it saves its session right after the handshake: whether a
    ticket has come by then is chance ("Could not save SSL session data").
    """

    name = "wget"
    resumes: ClassVar[frozenset[str]] = frozenset({"TLSv1.2"})
    verbs: ClassVar[frozenset[Verb]] = frozenset({"list", "get", "resume-get"})

    def missing(self) -> str | None:
        if reason := need("wget"):
            return reason
        about = subprocess.run(["wget", "--version"], capture_output=True, text=True, check=False).stdout
        return None if "+https" in about else "this wget has no TLS"

    def perform(self, link: Link, steps: Sequence[Step], work: Path) -> None:
        options = [
            "wget", "-nv", "--no-hsts", "--tries=1", "--timeout=15", f"--ca-certificate={link.authority}",
            f"--user={link.user}", f"--password={link.password}",
        ]
        options += ["--ftps-implicit"] if link.implicit else []
        options += ["--no-passive-ftp"] if link.active else []
        for step in steps:
            target = f"ftps://{link.netloc}/{quote(step.remote)}"
            if step.verb == "list":
                self._list(options, target, step, work)
            else:
                again = ["-c"] if step.verb == "resume-get" else []
                run([*options, *again, "-O", step.local, target], work)

    @staticmethod
    def _list(options: list[str], target: str, step: Step, work: Path) -> None:
        """wget keeps the listing that it read in `.listing`."""
        place = Path(tempfile.mkdtemp(dir=work))
        run([*options, "--no-remove-listing", "-O", "index.html", target + "/"], place)
        lines = (place / ".listing").read_text().splitlines()
        names = [line.split(maxsplit=8)[8] for line in lines]
        write_names(step, [name for name in names if name not in (".", "..")])
