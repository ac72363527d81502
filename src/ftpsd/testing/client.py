"""`ScriptedClient`: an FTPS client that does exactly what a test says and hides nothing.

It has two levels: bytes and replies (`send`, `read_reply`, `command`, `expect`), and the usual sequences
(`login`, `protect`, `retrieve`, `store`). Each is made of public steps, so that a test can replace any of
them: take a data connection in the other order, present another session, end it with a reset.
"""

from __future__ import annotations

import contextlib
import re
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from ftpsd.testing.wire import OPERATION_SECONDS, Ending, Stream

Mode = Literal["EPSV", "PASV", "EPRT", "PORT"]
VERSIONS = {"TLSv1.2": ssl.TLSVersion.TLSv1_2, "TLSv1.3": ssl.TLSVersion.TLSv1_3}
MAX_LINE = 1 << 16
MAX_LINES = 20_000


class ConnectionEnded(AssertionError):
    """The server closed the control connection where a reply was expected."""


class UnexpectedReply(AssertionError):
    """Another reply code than the test demands; the message is the transcript."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply: its code and its lines without code and CRLF."""

    code: int
    lines: tuple[str, ...]

    @property
    def text(self) -> str:
        """The last line's text."""
        return self.lines[-1]

    def __str__(self) -> str:
        return "\n".join(f"{self.code} {line}" for line in self.lines)


def client_context(
    authority: Path | None, *, version: str | None = None, certificate: Path | None = None,
    key: Path | None = None,
) -> ssl.SSLContext:
    """A client context that trusts `authority` (None: verifies nothing), pinned to one TLS version."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if authority is None:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    else:
        context.load_verify_locations(authority)
    if version is not None:
        context.minimum_version = context.maximum_version = VERSIONS[version]
    if certificate is not None:
        context.load_cert_chain(certificate, key)
    return context


@dataclass
class DataConnection:
    """The client's end of a data connection: open already (passive) or still to be accepted (active)."""

    client: ScriptedClient
    listener: socket.socket | None = None
    stream: Stream | None = None

    def establish(self) -> Stream:
        """The TCP connection; accepts it in active mode."""
        if self.stream is None:
            assert self.listener is not None
            self.listener.settimeout(self.client.timeout)
            accepted, _ = self.listener.accept()
            self.listener.close()
            self.stream = Stream(accepted, timeout=self.client.timeout)
        return self.stream

    def handshake(self, *, session: ssl.SSLSession | None = None, reuse: bool = True) -> Stream:
        """TLS on the data connection: resumes the control connection's newest session.

        `session` offers another one, `reuse=False` none at all.
        """
        client = self.client
        assert client.context is not None
        stream = self.establish()
        offered = session if session is not None else client.next_session() if reuse else None
        stream.start_tls(client.context, session=offered, name=client.name)
        return stream

    def close(self, ending: Ending = "notify") -> None:
        """End it; see `Stream.close`."""
        if self.listener is not None:
            self.listener.close()
        if self.stream is not None:
            self.stream.close(ending)


@dataclass
class ScriptedClient:
    """A control connection to `host`:`port`.

    `single_use`: offer every TLS session (ticket) at most once, as careful TLS 1.3 clients do, and fail
    when the server has not sent a fresh one.
    """

    host: str
    port: int
    context: ssl.SSLContext | None = None
    name: str = "localhost"
    timeout: float = OPERATION_SECONDS
    single_use: bool = False
    transcript: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        sock = socket.create_connection((self.host, self.port), self.timeout)
        self.control = Stream(sock, timeout=self.timeout)
        self.private_data = False
        self._buffer = b""
        self._used: set[bytes] = set()
        self._opened: list[DataConnection] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None,
    ) -> None:
        self.close("fin")

    # -- bytes and replies

    def send(self, data: bytes) -> None:
        """Send bytes on the control connection."""
        self.transcript.append(f"> {_shown(data)}")
        self.control.write(data)

    def send_line(self, text: str) -> None:
        """Send a command line in UTF-8; lone surrogates are raw bytes."""
        self.send(text.encode("utf-8", "surrogateescape") + b"\r\n")

    def read_line(self) -> str:
        """One line without its CRLF. Raises `ConnectionEnded` at the end."""
        while b"\n" not in self._buffer:
            try:
                chunk = self.control.read()
            except (ssl.SSLEOFError, ConnectionError) as error:
                raise ConnectionEnded(self._report(f"control connection broken: {error}")) from error
            if not chunk:
                raise ConnectionEnded(self._report("control connection closed"))
            self._buffer += chunk
            if len(self._buffer) > MAX_LINE and b"\n" not in self._buffer:
                raise UnexpectedReply(self._report("a line without end"))
        line, _, self._buffer = self._buffer.partition(b"\n")
        text = line.removesuffix(b"\r").decode("utf-8", "surrogateescape")
        self.transcript.append(f"< {text}")
        return text

    def read_reply(self) -> Reply:
        """The next reply, of one line or several (RFC 959 4.2)."""
        first = self.read_line()
        if not re.fullmatch(r"[1-6][0-9]{2}[ -].*", first):
            raise UnexpectedReply(self._report(f"not a reply: {first!r}"))
        code, lines = first[:3], [first[4:]]
        if first[3] == "-":
            while len(lines) < MAX_LINES:
                line = self.read_line()
                lines.append(line[4:] if line[:3] == code and line[3:4] in (" ", "-") else line)
                if line.startswith(f"{code} "):
                    break
            else:
                raise UnexpectedReply(self._report("a reply without end"))
        return Reply(int(code), tuple(lines))

    def command(self, text: str) -> Reply:
        """Send a command line and read one reply."""
        self.send_line(text)
        return self.read_reply()

    def expect(self, code: int, text: str | None = None) -> Reply:
        """As `command` (with None only read a reply), and the code must be this one."""
        reply = self.read_reply() if text is None else self.command(text)
        if reply.code != code:
            raise UnexpectedReply(self._report(f"expected {code}, got {reply}"))
        return reply

    def expect_end(self) -> None:
        """The server must close the control connection now, with nothing more to say."""
        with contextlib.suppress(ConnectionEnded):
            raise UnexpectedReply(self._report(f"expected the end, got {self.read_line()!r}"))

    @property
    def has_input(self) -> bool:
        """Whether a further line lies in the client's own buffer already."""
        return b"\n" in self._buffer

    # -- the usual sequences

    def connect(self, *, implicit: bool = False) -> Reply:
        """The greeting, after a TLS handshake if `implicit`."""
        if implicit:
            self.handshake()
            self.private_data = True
        return self.expect(220)

    def auth(self, word: str = "TLS") -> Reply:
        """AUTH and the handshake."""
        reply = self.expect(234, f"AUTH {word}")
        self.handshake()
        self.private_data = word in ("SSL", "TLS-P")
        return reply

    def handshake(self, *, session: ssl.SSLSession | None = None) -> None:
        """TLS on the control connection."""
        assert self.context is not None, "a context is needed for TLS"
        self.control.start_tls(self.context, session=session, name=self.name)
        self.transcript.append(f"* {self.control.version}")

    def login(self, user: str = "alice", password: str = "secret") -> Reply:
        """USER and PASS; the last reply. A 232 at USER needs no PASS."""
        self.send_line(f"USER {user}")
        reply = self.read_reply()
        if reply.code == 331:
            reply = self.expect(230, f"PASS {password}")
        return reply

    def protect(self, level: Literal["C", "P"] = "P") -> None:
        """PBSZ 0 and PROT."""
        self.expect(200, "PBSZ 0")
        self.expect(200, f"PROT {level}")
        self.private_data = level == "P"

    def begin(
        self, *, user: str = "alice", password: str = "secret", implicit: bool = False, binary: bool = True,
    ) -> Self:
        """Greeting, TLS, login, PROT P, TYPE I: a session in which files can be moved."""
        self.connect(implicit=implicit)
        if not implicit and self.context is not None:
            self.auth()
        self.login(user, password)
        if self.context is not None:
            self.protect()
        if binary:
            self.expect(200, "TYPE I")
        return self

    def quit(self) -> None:
        """QUIT, and the server closes."""
        self.expect(221, "QUIT")
        self.close()

    def clear_control(self, *, notify: bool = True) -> Reply:
        """CCC; then close_notify both ways, or (`notify=False`) only the server's and on in clear."""
        reply = self.expect(200, "CCC")
        self._buffer += self.control.end_tls() if notify else self.control.drop_tls()
        return reply

    def close(self, ending: Ending = "notify-nowait") -> None:
        """Close the control connection, and what is left of data connections."""
        for connection in self._opened:
            connection.close("fin")
        self.control.close(ending)

    # -- data connections

    def data(self, mode: Mode = "EPSV") -> DataConnection:
        """Open a data connection (passive) or announce one (active); no transfer command yet."""
        if mode == "EPSV":
            return self.connect_data(self.host, parse_epsv(self.expect(229, "EPSV").text))
        if mode == "PASV":
            return self.connect_data(*parse_pasv(self.expect(227, "PASV").text))
        listener = self._listen()
        port = listener.getsockname()[1]
        if mode == "PORT":
            address = self.local_address.replace(".", ",")
            self.expect(200, f"PORT {address},{port // 256},{port % 256}")
        else:
            family = 2 if ":" in self.local_address else 1
            self.expect(200, f"EPRT |{family}|{self.local_address}|{port}|")
        return self._remember(DataConnection(self, listener=listener))

    def connect_data(self, host: str, port: int) -> DataConnection:
        """Connect to a passive address."""
        sock = socket.create_connection((host, port), self.timeout)
        return self._remember(DataConnection(self, stream=Stream(sock, timeout=self.timeout)))

    def _remember(self, connection: DataConnection) -> DataConnection:
        self._opened.append(connection)
        return connection

    def next_session(self) -> ssl.SSLSession | None:
        """The TLS session that a data connection resumes now; see `single_use`."""
        session = self.control.session
        if session is not None and self.single_use:
            if session.id in self._used:
                raise AssertionError(self._report("no fresh TLS session for this data connection"))
            self._used.add(session.id)
        return session

    def retrieve(self, command: str, *, mode: Mode = "EPSV", ending: Ending = "notify") -> bytes:
        """A whole transfer from the server (RETR, LIST, …), 150 to 226."""
        with self.transfer(command, mode=mode, ending=ending) as stream:
            return stream.read_all()

    def store(self, command: str, data: bytes, *, mode: Mode = "EPSV", ending: Ending = "notify") -> Reply:
        """A whole transfer to the server (STOR, APPE, STOU), 150 to 226."""
        with self.transfer(command, mode=mode, ending=ending) as stream:
            stream.write(data)
        return self.last

    @contextlib.contextmanager
    def transfer(
        self, command: str, *, mode: Mode = "EPSV", ending: Ending = "notify",
    ) -> Iterator[Stream]:
        """Data connection, command, 150, handshake; then the caller's; then the end and 226 (`last`)."""
        connection = self.data(mode)
        try:
            self.send_line(command)
            self.preliminary = self.expect(150)
            yield connection.handshake() if self.private_data else connection.establish()
        except BaseException:
            connection.close("rst")
            raise
        connection.close(ending)
        self.last = self.expect(226)

    @property
    def local_address(self) -> str:
        """Our address on the control connection."""
        return str(self.control.socket.getsockname()[0])

    def _listen(self) -> socket.socket:
        listener = socket.socket(self.control.socket.family, socket.SOCK_STREAM)
        listener.bind((self.local_address, 0))
        listener.listen(1)
        return listener

    def _report(self, problem: str) -> str:
        return "\n".join([problem, *self.transcript[-60:]])


def parse_pasv(text: str) -> tuple[str, int]:
    """Host and port of a 227 reply."""
    found = re.search(r"\((\d+),(\d+),(\d+),(\d+),(\d+),(\d+)\)", text)
    if found is None:
        raise UnexpectedReply(f"no address in {text!r}")
    numbers = [int(number) for number in found.groups()]
    return ".".join(map(str, numbers[:4])), numbers[4] * 256 + numbers[5]


def parse_epsv(text: str) -> int:
    """The port of a 229 reply."""
    found = re.search(r"\(\|\|\|(\d+)\|\)", text)
    if found is None:
        raise UnexpectedReply(f"no port in {text!r}")
    return int(found[1])


def _shown(data: bytes) -> str:
    """A line for the transcript: passwords masked, long lines cut."""
    text = data.decode("utf-8", "backslashreplace").rstrip("\r\n")
    return re.sub(r"(?i)^(PASS) .*", r"\1 ****", text)[:500]
