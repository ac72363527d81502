"""`ftpsctl trace user|host|session NAME`: what some sessions do, live, for whoever asked.

A trace is a sink of the log in each worker that writes lines into a pipe, whose other end the asking program has.
Sessions that are meant are known by their events: from then on their FTP dialogue, what the logs get, and the messages
of their TLS (as with TLSOptions EnableDiags) go into the pipe. Passwords are masked where commands become loggable.

Nothing here holds a session up: the pipe is never waited for. Lines that it has no room for are counted, and the number
is said when there is room again. The trace ends when nobody reads any more, or when its time is up.
"""

from __future__ import annotations

import contextlib
import ipaddress
import os
import select
import threading
import time
from collections.abc import Callable

from ftpsd.log import events, stamps, texts
from ftpsd.log.escape import escape, shorten
from ftpsd.log.events import Event, Origin
from ftpsd.tls import diagnostics

MOST = 4
"""Traces at a time in a worker."""

LONGEST_LINE = 2000
"""Bytes; less than PIPE_BUF, so that lines of several workers never mix."""

_HEARD: frozenset[type[Event]] = texts.IN_SYSTEM_LOG | texts.IN_TLS_LOG | frozenset({
    events.CommandReceived, events.ReplySent, events.TLSMessages, events.ClientCertificate, events.Debug,
})


class LiveTrace:
    """A `Sink`. `kind` and `name` say whose sessions are meant; `fd` is the pipe, which it closes."""

    capped = False

    def __init__(self, kind: str, name: str, fd: int, tell: Callable[[Event, Origin], None]) -> None:
        """`tell` emits events to all sinks: what TLS says comes through the log, too."""
        self._kind = kind
        self._name = name
        self._fd = fd
        self._tell = tell
        self._network = _network(name) if kind == "host" else None
        self._sessions: set[str] = set()
        self._lost = 0
        self._lock = threading.Lock()
        os.set_blocking(fd, False)

    def __str__(self) -> str:
        return f"trace of {self._kind} {self._name}"

    @property
    def hears(self) -> frozenset[type[Event]]:
        return _HEARD

    def emit(self, event: Event, origin: Origin) -> None:
        """Writes what concerns the sessions that are meant. Called by the session's thread."""
        if origin.session_id not in self._sessions:
            if not origin.session_id or not self._means(event, origin):
                return
            self._sessions.add(origin.session_id)
            self._attend(origin)
        for text in described(event, origin):
            self._write(f"{_head(origin, time.time())} {text}")
        if isinstance(event, events.SessionClosed):
            self._sessions.discard(origin.session_id)

    def _means(self, event: Event, origin: Origin) -> bool:
        match self._kind:
            case "user":
                asked = isinstance(event, events.CommandReceived) and event.text == f"USER {self._name}"
                return asked or origin.user == self._name
            case "session":
                return origin.session_id == self._name
        if self._network is None:
            return origin.peer_name.lower() == self._name.lower()
        return ipaddress.ip_address(origin.peer) in self._network

    def _attend(self, origin: Origin) -> None:
        """The TLS messages of this thread's connections are events from now on."""
        def note(lines: tuple[str, ...]) -> None:
            self._tell(events.TLSMessages(lines), origin)

        if not diagnostics.attended():
            diagnostics.attend(diagnostics.Diagnosis(note))

    def _write(self, line: str) -> None:
        data = shorten(line, LONGEST_LINE).encode("utf-8", "backslashreplace")[:LONGEST_LINE] + b"\n"
        with self._lock:
            if self._fd < 0:
                return
            try:
                if self._lost:
                    os.write(self._fd, f"*** {self._lost} lines lost: they were not read fast enough\n".encode())
                    self._lost = 0
                os.write(self._fd, data)
            except BlockingIOError:
                self._lost += 1
            except OSError:  # nobody reads: `wait` knows it, too
                pass

    def refuse(self, why: str) -> None:
        """Ends it at once, and says why."""
        self._write(f"*** {why}")
        self.close()

    def wait(self, seconds: float) -> None:
        """Returns when nobody reads any more, or after so many seconds."""
        poll = select.poll()
        poll.register(self._fd, 0)
        poll.poll(seconds * 1000)

    def reopen(self) -> list[str]:
        """There is nothing to open."""
        return []

    def close(self) -> None:
        """Closes the pipe; more than once is harmless."""
        with self._lock:
            if self._fd >= 0:
                fd, self._fd = self._fd, -1
                os.close(fd)


def _network(name: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    """The addresses that are meant; None: a name is."""
    with contextlib.suppress(ValueError):
        return ipaddress.ip_network(name, strict=False)
    return None


def _head(origin: Origin, now: float) -> str:
    who = escape(origin.user).replace(" ", "\\x20") or "-"
    return f"{stamps.milliseconds(now)} {origin.session_id} {who} [{origin.peer}]"


def described(event: Event, origin: Origin) -> list[str]:
    """An event as lines: `>` from the client, `<` to it, `TLS` of its TLS, `*` anything else."""
    match event:
        case events.CommandReceived():
            return [f"> {escape(event.text)}"]
        case events.ReplySent():
            return [f"< {event.code} {escape(event.text)}"]
        case events.TLSMessages():
            return [f"TLS {escape(row)}" for line in event.lines for row in line.split("\n")]
        case events.ClientCertificate():
            return [f"TLS client certificate: {escape(event.subject)}"]
        case events.Debug():
            return [f"* {escape(event.text)}"]
    lines = [f"TLS {row}" for line in texts.tls_lines(event) for row in line.split("\n")]
    return lines + [f"* {text}" for _, text in texts.system_lines(event, origin)]


class Tracing:
    """The traces of a service; safe for threads. `wanted` and `unwanted` switch the messages of its TLS on and off."""

    def __init__(
        self, join: Callable[[LiveTrace], None], leave: Callable[[LiveTrace], None],
        wanted: Callable[[], None], unwanted: Callable[[], None],
    ) -> None:
        """`join` and `leave` make a trace a sink of the log and take it away."""
        self._join, self._leave = join, leave
        self._wanted, self._unwanted = wanted, unwanted
        self._traces: set[LiveTrace] = set()
        self._lock = threading.Lock()

    def begin(self, trace: LiveTrace, seconds: float) -> None:
        """Lets it run for so many seconds, at most; one that cannot is told why, and ended."""
        with self._lock:
            if len(self._traces) >= MOST:
                trace.refuse(f"there are {MOST} traces already: end one of them")
                return
            self._traces.add(trace)
            self._wanted()
            self._join(trace)
        try:
            threading.Thread(target=self._end_later, args=(trace, seconds), name="trace", daemon=True).start()
        except (RuntimeError, MemoryError) as error:
            trace.refuse(f"{str(error) or 'out of memory'}: raise the limit of threads (ulimit -u, TasksMax)")
            self._end(trace)

    def _end_later(self, trace: LiveTrace, seconds: float) -> None:
        trace.wait(seconds)
        self._end(trace)

    def _end(self, trace: LiveTrace) -> None:
        with self._lock:
            self._traces.discard(trace)
            self._leave(trace)
            trace.close()
            if not self._traces:
                self._unwanted()
