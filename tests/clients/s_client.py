"""`openssl s_client` as an FTP client: we type the commands, it does the TLS, data connections too."""

from __future__ import annotations

import re
import select
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Self

from tests.clients.base import Adapter, ClientFailed, Link, Step, Verb, write_names
from tests.clients.command_line import need

SECONDS = 15.0


class Conversation:
    """A running s_client on the control connection."""

    def __init__(self, link: Link, work: Path) -> None:
        self.link, self.work = link, work
        self.session = work / "session.pem"
        starttls = [] if link.implicit else ["-starttls", "ftp"]
        command = [
            "openssl", "s_client", "-connect", link.netloc, *starttls, "-CAfile", str(link.authority),
            "-verify_return_error", "-quiet", "-crlf", "-sess_out", str(self.session),
        ]
        self.errors = (work / "s_client.errors").open("wb")
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors, bufsize=0,
        )
        self._buffer = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None,
    ) -> None:
        self.process.kill()
        self.process.wait(SECONDS)
        for pipe in (self.process.stdin, self.process.stdout, self.errors):
            assert pipe is not None
            pipe.close()

    def _line(self) -> str:
        assert self.process.stdout is not None
        deadline = time.monotonic() + SECONDS
        while b"\n" not in self._buffer:
            if not select.select([self.process.stdout], [], [], max(0, deadline - time.monotonic()))[0]:
                raise ClientFailed(f"s_client: no reply within {SECONDS} s")
            chunk = self.process.stdout.read(65536)
            if not chunk:
                raise ClientFailed("s_client ended: " + (self.work / "s_client.errors").read_text())
            self._buffer += chunk
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line.decode().rstrip("\r")

    def reply(self) -> str:
        """The next reply's last line; lines before it are dropped."""
        line = self._line()
        if line[3:4] == "-":
            code = line[:3]
            while not line.startswith(code + " "):
                line = self._line()
        return line

    def say(self, command: str, code: str) -> str:
        """Send a command; the reply must begin with `code`."""
        assert self.process.stdin is not None
        self.process.stdin.write(command.encode() + b"\n")
        return self.expect(code, command)

    def expect(self, code: str, command: str = "") -> str:
        """Read a reply that must begin with `code`."""
        reply = self.reply()
        if not reply.startswith(code):
            raise ClientFailed(f"s_client: {command}: {reply}")
        return reply

    def transfer(self, command: str, upload: bytes | None = None, rest: int = 0) -> bytes:
        """A data connection by a second s_client that resumes the first one's session."""
        port = re.search(r"\|\|\|(\d+)\|", self.say("EPSV", "229"))
        assert port is not None
        if rest:
            self.say(f"REST {rest}", "350")
        host = f"[{self.link.host}]" if ":" in self.link.host else self.link.host
        # No -quiet for downloads alone: it would keep the connection open at the end of standard input.
        openssl = [
            "openssl", "s_client", "-connect", f"{host}:{port[1]}", "-sess_in", str(self.session),
            "-CAfile", str(self.link.authority), "-verify_return_error", "-nocommands",
        ]
        openssl += ["-quiet"] if upload is None else ["-brief", "-no_ign_eof"]
        data = subprocess.Popen(
            openssl, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=self.work,
        )
        try:
            self.say(command, "150")
            if upload is None:
                output = self._download(data)
            else:
                output, _ = data.communicate(upload, SECONDS)
        except BaseException:
            data.kill()
            data.communicate(timeout=SECONDS)
            raise
        self.expect("226", command)
        return output

    @staticmethod
    def _download(data: subprocess.Popen[bytes]) -> bytes:
        assert data.stdout is not None
        output = data.stdout.read()
        data.communicate(timeout=SECONDS)
        return output


class SClient(Adapter):
    """openssl s_client."""

    name = "s_client"
    active = False
    verbs: ClassVar[frozenset[Verb]] = frozenset(
        {"list", "get", "put", "resume-get", "resume-put", "rename", "delete", "mkdir", "rmdir"}
    )

    def missing(self) -> str | None:
        return need("openssl")

    def perform(self, link: Link, steps: Sequence[Step], work: Path) -> None:
        with Conversation(link, work) as talk:
            if link.implicit:
                talk.expect("220")
            talk.say(f"USER {link.user}", "331")
            talk.say(f"PASS {link.password}", "230")
            talk.say("PBSZ 0", "200")
            talk.say("PROT P", "200")
            talk.say("TYPE I", "200")
            for step in steps:
                self._do(talk, step)
            talk.say("QUIT", "221")

    @staticmethod
    def _do(talk: Conversation, step: Step) -> None:
        local = Path(step.local)

        def listing() -> None:
            lines = talk.transfer(f"MLSD {step.remote}").decode().splitlines()
            names = [line.partition(" ")[2] for line in lines]
            write_names(step, [name for name in names if name not in (".", "..")])

        def rename() -> None:
            talk.say(f"RNFR {step.remote}", "350")
            talk.say(f"RNTO {step.other}", "250")

        def resume_get() -> None:
            with local.open("ab") as file:
                file.write(talk.transfer(f"RETR {step.remote}", rest=file.tell()))

        def resume_put() -> None:
            done = int(talk.say(f"SIZE {step.remote}", "213").split()[1])
            talk.transfer(f"STOR {step.remote}", local.read_bytes()[done:], rest=done)

        actions: dict[Verb, Callable[[], object]] = {
            "list": listing,
            "get": lambda: local.write_bytes(talk.transfer(f"RETR {step.remote}")),
            "put": lambda: talk.transfer(f"STOR {step.remote}", local.read_bytes()),
            "resume-get": resume_get,
            "resume-put": resume_put,
            "rename": rename,
            "delete": lambda: talk.say(f"DELE {step.remote}", "250"),
            "mkdir": lambda: talk.say(f"MKD {step.remote}", "257"),
            "rmdir": lambda: talk.say(f"RMD {step.remote}", "250"),
        }
        actions[step.verb]()
