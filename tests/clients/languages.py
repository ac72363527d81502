"""Clients of further languages (Ruby, PHP, Go, Erlang, another one of Node's), and the netkit client ftp-ssl."""

from __future__ import annotations

import atexit
import functools
import re
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from tests.clients.base import ALL, HERE, Adapter, ClientFailed, Link, Step, Verb, as_json, run, write_names
from tests.clients.command_line import need
from tests.clients.scripted import NodeAdapter

GOCODE = Path("/usr/share/gocode")
BUILD_SECONDS = 150.0


class RubyNetFtp(Adapter):
    """Ruby's Net::FTP. Implicit TLS only in newer versions than Debian 12 has."""

    name = "Ruby"
    implicit: ClassVar[bool] = False

    def missing(self) -> str | None:
        return need("ruby")

    def perform(self, link: Link, steps: Sequence[Step], work: Path) -> None:
        run(["ruby", str(HERE / "net_ftp.rb")], work, text=as_json(link, steps))


class PhpFtp(Adapter):
    """PHP's ftp_ssl_connect(): explicit TLS only, no certificate is verified."""

    name = "PHP"
    implicit: ClassVar[bool] = False

    def missing(self) -> str | None:
        if reason := need("php", "php-cli"):
            return reason
        probe = subprocess.run(
            ["php", "-r", "exit(function_exists('ftp_ssl_connect') ? 0 : 1);"], capture_output=True, check=False)
        return None if probe.returncode == 0 else "this PHP has no ftp_ssl_connect()"

    def perform(self, link: Link, steps: Sequence[Step], work: Path) -> None:
        run(["php", str(HERE / "ext_ftp.php")], work, text=as_json(link, steps))


class GoFtp(Adapter):
    """Go's github.com/jlaffaye/ftp with a store of sessions; passive only."""

    name = "jlaffaye-ftp"
    active: ClassVar[bool] = False

    def missing(self) -> str | None:
        if reason := need("go", "golang-go"):
            return reason
        there = (GOCODE / "src/github.com/jlaffaye/ftp").is_dir()
        return None if there else "jlaffaye/ftp is not installed (golang-github-jlaffaye-ftp-dev)"

    def perform(self, link: Link, steps: Sequence[Step], work: Path) -> None:
        run([f"{_go_program().name}/client"], work, text=as_json(link, steps))


@functools.cache
def _go_program() -> tempfile.TemporaryDirectory[str]:
    """The compiled Go program; compiled once per process, removed with it."""
    directory = tempfile.TemporaryDirectory(prefix="ftpsd-go-")
    atexit.register(directory.cleanup)
    environment = {"GO111MODULE": "off", "GOFLAGS": "", "GOPATH": str(GOCODE), "GOCACHE": f"{directory.name}/cache"}
    command = ["go", "build", "-o", f"{directory.name}/client", str(HERE / "go" / "jlaffaye.go")]
    run(command, Path(directory.name), environment=environment, timeout=BUILD_SECONDS)
    return directory


class ErlangFtp(Adapter):
    """Erlang's application ftp: it resumes neither sessions nor files."""

    name = "Erlang"
    verbs: ClassVar[frozenset[Verb]] = ALL - {"resume-get", "resume-put"}
    resumes: ClassVar[frozenset[str]] = frozenset()

    def missing(self) -> str | None:
        if reason := need("escript", "erlang-base"):
            return reason
        there = any(Path("/usr/lib/erlang/lib").glob("ftp-*"))
        return None if there else "Erlang's ftp is not installed (erlang-ftp)"

    def perform(self, link: Link, steps: Sequence[Step], work: Path) -> None:
        head = [
            link.host, str(link.port), "ftps" if link.implicit else "ftpes",
            "active" if link.active else "passive", str(link.authority), link.user, link.password,
        ]
        rows = [head, *([step.verb, step.remote, step.other, step.local] for step in steps)]
        text = "".join("\t".join(row) + "\n" for row in rows)
        run(["escript", str(HERE / "erlang_ftp.escript")], work, text=text)


class PromiseFtp(NodeAdapter):
    """Node's promise-ftp. It sends data in clear under implicit TLS."""

    name = "promise-ftp"
    implicit: ClassVar[bool] = False


class FtpSsl(Adapter):
    """Netkit's ftp with TLS: it ends uploads with a plain FIN."""

    name = "ftp-ssl"
    implicit: ClassVar[bool] = False
    sends_close_notify: ClassVar[bool] = False
    verbs: ClassVar[frozenset[Verb]] = ALL - {"resume-put"}

    def missing(self) -> str | None:
        return need("ftp-ssl")

    def perform(self, link: Link, steps: Sequence[Step], work: Path) -> None:
        lines = [f"user {link.user} {link.password}", "binary", *(self._line(step) for step in steps), "quit"]
        passive = [] if link.active else ["-p"]
        command = ["ftp-ssl", "-n", "-v", "-g", "-i", *passive, "-z", "secure", link.host, str(link.port)]
        said = run(command, work, text="\n".join(lines) + "\n").stdout
        if re.search(r"^[45][0-9]{2} (?!bytes )", said, re.MULTILINE):
            raise ClientFailed(said)
        for step in steps:
            if step.verb == "list":
                write_names(step, [Path(name).name for name in Path(step.local).read_text().splitlines()])

    @staticmethod
    def _line(step: Step) -> str:
        lines: dict[Verb, str] = {
            "list": f'nlist "{step.remote}" "{step.local}"',
            "get": f'get "{step.remote}" "{step.local}"',
            "put": f'put "{step.local}" "{step.remote}"',
            "resume-get": f'reget "{step.remote}" "{step.local}"',
            "rename": f'rename "{step.remote}" "{step.other}"',
            "delete": f'delete "{step.remote}"',
            "mkdir": f'mkdir "{step.remote}"',
            "rmdir": f'rmdir "{step.remote}"',
        }
        return lines[step.verb]
