"""The same session against a real ProFTPD and against ftpsd, reply by reply.

Equal means: same code, same number of lines, and each of our lines begins with ProFTPD's, after ports,
times and other things of the moment have been replaced by words. Where ftpsd answers otherwise on purpose,
the script names a `Difference` with the reason; one that no longer occurs is a failure, too.
"""

from __future__ import annotations

import contextlib
import functools
import os
import re
import select
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from ftpsd.testing.ca import Authority, Files
from ftpsd.testing.client import ConnectionEnded, DataConnection, Reply, ScriptedClient, client_context
from ftpsd.testing.configs import User
from ftpsd.testing.plugin import Certificates, ServerFactory
from ftpsd.testing.server import RunningServer

ENDED = "(connection closed)"
ALICE, BOB = User("alice", uid=1000, gid=1000), User("bob", uid=1001, gid=1001)


@dataclass(frozen=True)
class Transfer:
    """A command with a data connection.

    `private` overrides what the client believes PROT to be, `fresh` offers no session to resume.
    """

    command: str
    upload: bytes | None = None
    mode: Literal["EPSV", "PASV"] = "EPSV"
    private: bool | None = None
    fresh: bool = False


@dataclass(frozen=True)
class Do:
    """Something that only the client does (TLS handshake, end of TLS …), under a name for the report."""

    name: str
    action: Callable[[ScriptedClient], object]


@dataclass(frozen=True)
class Handshake:
    """The TLS handshake as a step of its own, whose outcome is recorded: the version, or what ended it."""

    name: str = "(handshake)"


@dataclass(frozen=True)
class ReadOn:
    """Everything up to the end of the connection: the reply in clear that is in it, TLS alerts aside."""

    name: str = "(what comes until the end)"


Step = str | Transfer | Do | Handshake | ReadOn


@dataclass(frozen=True)
class Difference:
    """Where ftpsd answers otherwise: the command (regular expression), ProFTPD's reply, ours, and why."""

    command: str
    theirs: str
    ours: str
    why: str

    def explains(self, command: str, theirs: str, ours: str) -> bool:
        """Whether it is about this exchange."""
        patterns = ((self.command, command), (self.theirs, theirs), (self.ours, ours))
        return all(re.fullmatch(pattern, text, re.DOTALL) for pattern, text in patterns)


@dataclass(frozen=True)
class Script:
    """A session: `start` is the state in which `steps` begin.

    In `tls` lines, CA is the file of the authority that issued the certificate "client"; `certificate` is
    what the client has: none, that one, or one of a stranger's authority. `ciphers` are the client's, `sni`
    is the name that it sends. In `sections`, @CERTIFICATE@ stands for the lines that name the server's.
    """

    name: str
    steps: Sequence[Step]
    start: Literal["connected", "plain", "tls", "private", "implicit"] = "plain"
    tls: Sequence[str] = ("TLSRequired off", "TLSOptions NoSessionReuseRequired")
    directives: Sequence[str] = ()
    differences: Sequence[Difference] = ()
    files: Sequence[tuple[str, bytes]] = ()
    sections: str = ""
    version: str = "TLSv1.3"
    certificate: Literal["none", "client", "stranger"] = "none"
    ciphers: str | None = None
    sni: str = "localhost"


@dataclass
class Recorder:
    """Performs a script and keeps what the server said."""

    client: ScriptedClient
    exchanges: list[tuple[str, str]] = field(default_factory=list)

    def run(self, script: Script) -> list[tuple[str, str]]:
        """Every step's replies, normalised; it ends early when the server closes."""
        self._begin(script.start)
        for step in script.steps:
            if not self._step(step):
                break
        else:
            self._nothing_more()
        return self.exchanges

    def _begin(self, start: str) -> None:
        client = self.client
        if start in ("connected", "implicit"):
            self._note("(greeting)", [client.connect(implicit=start == "implicit")])
            return
        client.connect()
        if start in ("tls", "private"):
            client.auth()
        if start in ("plain", "private"):
            client.login()
        if start == "private":
            client.protect()

    def _step(self, step: Step) -> bool:
        name = step if isinstance(step, str) else step.command if isinstance(step, Transfer) else step.name
        try:
            if isinstance(step, Transfer):
                self._transfer(step)
            elif isinstance(step, Handshake):
                self.client.handshake()
                self.exchanges.append((name, str(self.client.control.version)))
            elif isinstance(step, ReadOn):
                self._read_on(name)
                return False
            elif isinstance(step, Do):
                step.action(self.client)
            else:
                self._note(step, [self.client.command(step)])
            return True
        except (ConnectionEnded, ConnectionError):
            self.exchanges.append((name, ENDED))
        except ssl.SSLError as error:
            # After the handshake an alert may or may not overtake the end of the connection.
            known = isinstance(step, Handshake)
            self.exchanges.append((name, f"(TLS: {error.reason})" if known else ENDED))
        return False

    def _read_on(self, name: str) -> None:
        raw = b""
        with contextlib.suppress(ConnectionError):
            while data := self.client.control.socket.recv(4096):
                raw += data
        found = re.search(rb"\d{3} [ -~]+\r\n", raw)
        self.exchanges.append((name, found[0].decode().strip() if found else ENDED))

    def _transfer(self, step: Transfer) -> None:
        client = self.client
        client.send_line(step.mode)
        opened = client.read_reply()
        if opened.code not in (227, 229):
            self._note(step.mode, [opened])
            return
        # The address came with that reply: connect to it as `data` would, without asking again.
        port = re.findall(r"\d+", opened.text)
        number = int(port[-1]) if step.mode == "EPSV" else int(port[-2]) * 256 + int(port[-1])
        connection = client.connect_data(client.host, number)
        try:
            client.send_line(step.command)
            first = client.read_reply()
            if first.code != 150:
                self._note(step.command, [first])
                return
            body = self._move(connection, step)
            self._note(step.command, [first, client.read_reply()], body)
        finally:
            connection.close("fin")

    def _move(self, connection: DataConnection, step: Transfer) -> bytes:
        private = self.client.private_data if step.private is None else step.private
        body = b""
        with contextlib.suppress(OSError):
            stream = connection.handshake(reuse=not step.fresh) if private else connection.establish()
            if step.upload is not None:
                stream.write(step.upload)
            else:
                body = stream.read_all()
        connection.close()
        return body

    def _nothing_more(self) -> None:
        """A surplus reply would shift all that follow. Behind 221 comes the end, sooner or later."""
        if self.exchanges and self.exchanges[-1][1].startswith("221"):
            return
        client = self.client
        waiting = client.has_input or bool(select.select([client.control.socket], [], [], 0.05)[0])
        if not waiting or client.control.tls is not None:
            return
        try:
            self._note("(surplus)", [client.read_reply()])
        except ConnectionEnded:
            self.exchanges.append(("(surplus)", ENDED))

    def _note(self, command: str, replies: Sequence[Reply], body: bytes = b"") -> None:
        text = normalised("\n".join(str(reply) for reply in replies))
        if body:
            listing = normalised(body.decode("utf-8", "backslashreplace")).splitlines()
            text += "".join(f"\n| {line}" for line in sorted(listing))
        self.exchanges.append((command, text))


REPLACEMENTS = (
    (r"\((\d+,\d+,\d+,\d+),\d+,\d+\)", r"(\1,PORT)"),
    (r"\(\|\|\|\d+\|\)", "(|||PORT|)"),
    # ProFTPD: "." and ".." may be renamed and deleted; others' files are judged by the owner's bits alone,
    # and their owner and group are called by the names of our own.
    (r"perm=[a-z]*;(type=[cp]dir|.*UNIX.owner=1001;|.*; /$)", r"perm=PERM;\1"),
    (r"groupname=[a-z]+;(UNIX.mode=\d+;UNIX.owner=1001;UNIX.ownername=)[a-z]+;", r"groupname=NAME;\1NAME;"),
    (r"modify=\d{14};", "modify=TIME;"),
    (r"unique=[0-9A-Za-z]+;", "unique=ID;"),
    (r"[A-Z][a-z]{2} [ \d]\d \d\d:\d\d", "RECENTLY"),
    (r"/tmp/ftpsd-test-[^/]+", "BASE"),
    (r"\bftp[0-9A-Za-z_]{6}\b", "UNIQUE"),
)


def normalised(text: str) -> str:
    """Without ports, times, inode numbers, temporary names."""
    for pattern, word in REPLACEMENTS:
        text = re.sub(pattern, word, text, flags=re.MULTILINE)
    return text


def equal(theirs: str, ours: str) -> bool:
    """Whether our reply says the same: line by line ours begins with theirs."""
    left, right = theirs.split("\n"), ours.split("\n")
    return len(left) == len(right) and all(b.startswith(a) for a, b in zip(left, right, strict=True))


def furnish(server: RunningServer, script: Script) -> None:
    """The files that the scripts talk about."""
    server.give("file.txt", b"hello\nworld\n")
    os.utime(server.home() / "file.txt", (1577934245, 1577934245))
    server.give("big.bin", b"x" * 100_000)
    server.give("sub/inner.txt", b"inner\n")
    server.give("full/x", b"1")
    (server.home() / "link").symlink_to("file.txt")
    (server.home() / "broken").symlink_to("/nowhere")
    closed = server.home() / "noperm"
    closed.mkdir(mode=0o700)
    (closed / "in").write_bytes(b"1")
    (server.home() / "secret").write_bytes(b"s")
    (server.home() / "secret").chmod(0o600)
    for link in ("link", "broken"):
        os.lchown(server.home() / link, ALICE.uid, ALICE.gid)
    for name in ("noperm", "secret"):
        os.chown(server.home() / name, BOB.uid, BOB.gid)
    for name, data in script.files:
        server.give(name, data)


def session(start: ServerFactory, script: Script, certificates: Certificates) -> list[tuple[str, str]]:
    """The script's exchanges with a fresh server."""
    tls = [line.replace(" CA", f" {certificates.authority_file}") if line.startswith("TLSCAC") else line
           for line in script.tls]
    own = certificates.server
    lines = (
        f"TLSRSACertificateFile {own.certificate}\nTLSRSACertificateKeyFile {own.key}\n"
        f"TLSCertificateChainFile {own.chain}"
    )
    sections = script.sections.replace("@CERTIFICATE@", lines)
    server = start(tls=tls, directives=script.directives, sections=sections, users=(ALICE, BOB))
    furnish(server, script)
    shown = _shown_certificate(script, certificates)
    context = client_context(
        server.authority, version=script.version, certificate=shown.certificate if shown else None,
        key=shown.key if shown else None)
    if script.ciphers is not None:
        context.set_ciphers(script.ciphers)
    context.check_hostname = script.sni == "localhost"
    with server.client(context=context) as client:
        client.name = script.sni
        return Recorder(client).run(script)


def _shown_certificate(script: Script, certificates: Certificates) -> Files | None:
    if script.certificate == "none":
        return None
    if script.certificate == "client":
        return certificates.client
    return _stranger(certificates.authority_file.parent)


@functools.cache
def _stranger(directory: Path) -> Files:
    """A certificate of an authority that nobody knows."""
    return Authority.create("stranger").leaf("eve").write(directory, "stranger")


def compare(
    proftpd: ServerFactory, ftpsd: ServerFactory, script: Script, certificates: Certificates
) -> list[str]:
    """What differs without being documented; documented differences that do not occur, too."""
    ours = session(ftpsd, script, certificates)
    theirs = session(proftpd, script, certificates)
    for _ in range(2):
        # ProFTPD 1.3.8 now and then crashes after it has changed hosts in mid-handshake (its issue 924).
        if script.sni == "localhost" or theirs[-1][1] != ENDED or len(theirs) >= len(ours):
            break
        theirs = session(proftpd, script, certificates)
    return judge(theirs, ours, script)


def judge(theirs: list[tuple[str, str]], ours: list[tuple[str, str]], script: Script) -> list[str]:
    """What differs in the exchanges without being documented; documented differences that do not occur, too."""
    problems: list[str] = []
    seen: set[Difference] = set()
    for (command, left), (other, right) in zip(theirs, ours, strict=False):
        assert command == other, (command, other)
        if equal(left, right):
            continue
        found = [one for one in script.differences if one.explains(command, left, right)]
        seen.update(found)
        if not found:
            problems.append(f"{command!r}\n  ProFTPD: {_indented(left)}\n  ftpsd:   {_indented(right)}")
    if len(theirs) != len(ours):
        problems.append(f"ProFTPD ended after {len(theirs)} steps, ftpsd after {len(ours)}")
    unused = [one for one in script.differences if one not in seen]
    problems += [f"does not occur any more: {one}" for one in unused]
    return problems


def _indented(text: str) -> str:
    return text.replace("\n", "\n           ")
