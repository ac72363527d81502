"""The control socket's server, in the supervisor's loop.

A client has one request, one answer and a deadline for each; whoever is slow, says too much or says nonsense is cut
off. Those who may not connect are answered that they may not, from a pool of their own, so that they cannot keep
others away. Nothing here waits: the loop says what is ready.
"""

from __future__ import annotations

import os
import select
import socket
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

from ftpsd.auth import unix
from ftpsd.ctl import access, aside, endpoint
from ftpsd.ctl.access import Peer, Rule
from ftpsd.ctl.actions import ACTIONS
from ftpsd.ctl.actions.base import Action, Answer, Failed, Later, Office, Request
from ftpsd.ctl.aside import NO_ANSWER, Aside
from ftpsd.ctl.endpoint import Listener
from ftpsd.ctl.protocol import OK, REQUEST, Decoder, ProtocolError, encode
from ftpsd.log import stamps
from ftpsd.log.escape import escape, shorten
from ftpsd.log.files import LogFileError, LogFiles
from ftpsd.reasons.system import EXHAUSTED
from ftpsd.server.supervisor import Supervisor
from ftpsd.settings import DIRECTIVES, Configuration
from ftpsd.settings.controls import ControlsSettings

PATIENCE = 5.0
"""Seconds that a client has to send its request, and then to take the answer."""

REST = 1.0
"""Seconds without a look for new clients where there is no descriptor for one: the supervisor would never sleep."""

STRANGERS = 16
"""Clients that may not connect and are being told so, at a time."""

DENIED = "access denied"
MODULE = "mod_ctrls/0.9.5"
"""What lines of a ControlsLog begin with: the module whose words they are."""

_CHUNK = 65_536
_LONGEST_SHOWN = 500
_MOST_FDS = 8
"""Descriptors that are taken in at once; more than one ends the connection."""


@dataclass(slots=True)
class _Client:
    """`verdict`: the answer to whatever it asks; `output`: what it has still to take, once it was answered; `aside`:
    the answer is being looked for (`done`: called when that has succeeded); `private`: request and answer may hold a
    password."""

    sock: socket.socket
    peer: Peer
    deadline: float
    verdict: str | None
    decoder: Decoder = field(default_factory=lambda: Decoder(REQUEST))
    output: bytes | None = None
    answer: Answer | None = None
    fds: list[int] = field(default_factory=list)
    aside: Aside | None = None
    done: Callable[[], None] = lambda: None
    private: bool = False

    def interest(self) -> tuple[int, int]:
        """What is waited for: the descriptor, and for what."""
        if self.aside is not None:
            return self.aside.fd, select.POLLIN
        return self.sock.fileno(), select.POLLIN if self.output is None else select.POLLOUT

    def leave(self) -> None:
        """In a new process: closes what there is of it."""
        for descriptor in (*self.fds, *(() if self.aside is None else (self.aside.fd,))):
            os.close(descriptor)
        self.sock.close()

    def close(self) -> None:
        """Gives everything back."""
        if self.aside is not None:
            self.aside.kill()
        self.leave()


@dataclass(frozen=True, slots=True)
class _Rules:
    """The ACLs in force, with ids for names."""

    socket: tuple[Rule, ...] = ()
    by_directive: Mapping[str, tuple[Rule, ...]] = field(default_factory=dict)


class ControlServer:
    """An `Attendant` (server/contract.py) of the supervisor."""

    def __init__(self, supervisor: Supervisor) -> None:
        self._supervisor = supervisor
        self._office = Office(supervisor, ACTIONS, time.time())
        self._settings: ControlsSettings | None = None
        self._rules = _Rules()
        self._owner: tuple[int, int] | None = None
        self._listener: Listener | None = None
        self._clients: dict[int, _Client] = {}
        self._broken_log: str | None = None
        self._rests_until = 0.0
        """Monotonic seconds; 0: it does not."""

    # ---- for the supervisor

    def interests(self) -> Mapping[int, int]:
        """See `Attendant`."""
        watched = dict(client.interest() for client in self._clients.values())
        if self._rests_until <= time.monotonic():
            self._rests_until = 0.0
        if self._listener is not None and not self._rests_until:
            watched[self._listener.fileno()] = select.POLLIN
        return watched

    def due(self) -> float | None:
        """See `Attendant`."""
        moments = [client.deadline for client in self._clients.values()]
        if self._rests_until:
            moments.append(self._rests_until)
        return min(moments, default=None)

    def attend(self, ready: Collection[int]) -> None:
        """See `Attendant`."""
        for client in [each for each in self._clients.values() if each.interest()[0] in ready]:
            self._serve(client)
        if self._listener is not None and self._listener.fileno() in ready:
            self._accept(self._listener)
        now = time.monotonic()
        for client in [each for each in self._clients.values() if each.deadline <= now]:
            self._overdue(client, now)

    def follow(self, configuration: Configuration) -> None:
        """See `Attendant`."""
        before, self._settings = self._settings, configuration.hosts[0].settings.controls
        settings = self._settings
        self._read_rules(settings)
        self._broken_log = None
        if not settings.engine:
            self._close_listener()
        elif before is None or _place(before) != _place(settings) or self._listener is None:
            self._close_listener()
            self._open(configuration, settings)

    def leave(self) -> None:
        """See `Attendant`."""
        for client in self._clients.values():
            client.leave()
        if self._listener is not None:
            self._listener.sock.close()

    def close(self) -> None:
        """See `Attendant`."""
        for client in list(self._clients.values()):
            self._drop(client)
        self._close_listener()

    # ---- the configuration

    def _read_rules(self, settings: ControlsSettings) -> None:
        acls = {
            "ControlsSocketACL": settings.socket_acls, "ControlsACLs": settings.acls,
            "AdminControlsACLs": settings.admin_acls, "TLSControlsACLs": settings.tls_acls,
            "BanControlsACLs": settings.ban_acls,
        }
        resolved: dict[str, tuple[Rule, ...]] = {}
        for directive, lines in acls.items():
            resolved[directive], unknown = access.resolve(lines, unix.number_of)
            for name in unknown:
                self._supervisor.journal.say(f"notice: {directive}: there is no {name}")
        self._rules = _Rules(resolved.pop("ControlsSocketACL"), resolved)
        self._owner = self._find_owner(settings)

    def _find_owner(self, settings: ControlsSettings) -> tuple[int, int] | None:
        if settings.socket_owner is None:
            return None
        numbers = []
        for kind, name in zip(("user", "group"), settings.socket_owner, strict=True):
            number = unix.number_of(kind, name)
            if number is None:
                self._supervisor.journal.say(f"notice: ControlsSocketOwner: there is no {kind} '{name}'")
            numbers.append(-1 if number is None else number)
        return numbers[0], numbers[1]

    def _open(self, configuration: Configuration, settings: ControlsSettings) -> None:
        written = configuration.hosts[0].origin("controls", "socket") is not None
        mode = 0o666 if self._rules.socket else 0o660 if self._owner is not None else 0o600
        try:
            self._listener = endpoint.listen(settings.socket, mode=mode, owner=self._owner)
        except OSError as error:
            text = f"ControlsSocket {settings.socket}: {error.strerror or error}; there is no control socket"
            self._supervisor.journal.say(text, console=written)

    def _close_listener(self) -> None:
        if self._listener is not None:
            self._listener.remove()
        self._listener = None

    # ---- clients

    def _accept(self, listener: Listener) -> None:
        try:
            sock, name = listener.sock.accept()
        except OSError as error:
            if error.errno in EXHAUSTED:
                self._rests_until = time.monotonic() + REST
            return
        try:
            sock.setblocking(False)
            peer = endpoint.peer_of(sock)
        except OSError:
            sock.close()
            return
        endpoint.forget_name(name, peer)
        verdict = self._verdict(peer)
        strangers = sum(client.verdict is not None for client in self._clients.values())
        if verdict is not None and strangers >= STRANGERS:
            sock.close()
            return
        self._clients[sock.fileno()] = _Client(sock, peer, time.monotonic() + PATIENCE, verdict)
        self._log(f"accepted connection from {peer} client")

    def _verdict(self, peer: Peer) -> str | None:
        assert self._settings is not None
        owner = self._owner or (-1, -1)
        if not access.may_connect(self._rules.socket, (0, os.geteuid(), owner[0]), (owner[1],), peer):
            return DENIED
        if sum(client.verdict is None for client in self._clients.values()) >= self._settings.max_clients:
            return f"too many clients: ControlsMaxClients is {self._settings.max_clients}"
        return None

    def _serve(self, client: _Client) -> None:
        try:
            if client.aside is not None:
                answer = client.aside.read()
                if answer is not None:
                    self._answered(client, answer)
            elif client.output is None:
                self._read(client)
            if client.output is not None:
                self._write(client)
        except BlockingIOError:
            pass
        except OSError as error:
            self._log(f"connection to {client.peer} client lost: {error.strerror}")
            self._drop(client)

    def _overdue(self, client: _Client, now: float) -> None:
        """Cuts `client` off, unless something came from it while the supervisor was at something else."""
        self._serve(client)
        if client.deadline > now or client.sock.fileno() not in self._clients:
            return
        if client.aside is not None:
            self._answered(client, NO_ANSWER)
            return
        self._log(f"{client.peer} client was too slow")
        self._drop(client)

    def _read(self, client: _Client) -> None:
        data, fds, _, _ = socket.recv_fds(client.sock, _CHUNK, _MOST_FDS, socket.MSG_CMSG_CLOEXEC)
        client.fds += fds
        if not data or len(client.fds) > 1:
            self._drop(client)
            return
        try:
            request = client.decoder.feed(data)
        except ProtocolError as error:
            self._log(f"{client.peer} client does not speak the protocol: {error}")
            self._drop(client)
            return
        if request is None:
            return
        found = self._answer(client, request.texts)
        if isinstance(found, Later):
            self._look(client, found)
        else:
            self._answered(client, found)

    def _look(self, client: _Client, later: Later) -> None:
        try:
            client.aside, client.done = Aside(later.work), later.done
        except OSError as error:
            self._answered(client, Answer.failure(f"unable to fork: {error.strerror}"))
        else:
            client.deadline = time.monotonic() + aside.PATIENCE

    def _answered(self, client: _Client, answer: Answer) -> None:
        if client.aside is not None:
            client.aside.kill()
            os.close(client.aside.fd)
            client.aside = None  # whatever comes next: that number may be another's by then
            if answer.status == OK:
                client.done()
        client.answer = answer
        self._log(f"sent to {client.peer} client: return value: {answer.status}")
        for line in () if client.private else answer.lines:
            self._log(f"sent to {client.peer} client: '{escape(shorten(line, _LONGEST_SHOWN))}'")
        client.output = encode(answer.status, answer.lines)
        client.deadline = time.monotonic() + PATIENCE

    def _write(self, client: _Client) -> None:
        assert client.output is not None
        sent = client.sock.send(client.output[:_CHUNK])
        client.output = client.output[sent:]
        if not client.output:
            self._drop(client)

    def _drop(self, client: _Client) -> None:
        if self._clients.pop(client.sock.fileno(), None) is None:
            return
        client.close()
        self._log(f"closed connection to {client.peer} client")
        if client.answer is not None and client.answer.afterwards is not None:
            client.answer.afterwards()

    def _answer(self, client: _Client, texts: tuple[str, ...]) -> Answer | Later:
        if client.verdict is not None:
            return Answer.failure(client.verdict)
        public = _public(texts)
        client.private = public != texts
        words = escape(shorten(" ".join(public), _LONGEST_SHOWN))
        self._log(f"recvd from {client.peer} client: '{words}'")
        action = self._office.actions.get(texts[0]) if texts else None
        if action is None or action not in self._office.present():
            return Answer.failure("unsupported action requested")
        if not self._may(action, client.peer):
            return Answer.failure(DENIED)
        if action.changes:
            self._supervisor.journal.say(f"control socket: {client.peer} client asks for '{words}'")
        try:
            return action.run(self._office, self._request(client, texts[1:]))
        except Failed as error:
            return Answer.failure(*str(error).splitlines())

    def _request(self, client: _Client, words: tuple[str, ...]) -> Request:
        rules = self._rules.by_directive["TLSControlsACLs"]
        fd = client.fds[0] if client.fds else None
        return Request(list(words), client.peer, lambda word: access.allowed(rules, word, client.peer), fd)

    def _may(self, action: Action, peer: Peer) -> bool:
        directive = _DIRECTIVES.get(action.acl or "")
        return directive is None or access.allowed(self._rules.by_directive[directive], action.name, peer)

    def _log(self, text: str) -> None:
        """A line in the ControlsLog, which is opened for it: it may have been moved away meanwhile."""
        path = self._settings.log if self._settings is not None and self._settings.engine else None
        if path is None or path == self._broken_log:
            return
        files = LogFiles()
        try:
            files.get(path).write(f"{stamps.milliseconds(time.time())} {MODULE}[{os.getpid()}]: {text}")
        except (LogFileError, OSError) as error:
            self._broken_log = path
            self._supervisor.journal.say(f"notice: unable to write ControlsLog '{path}': {error}")
        finally:
            files.close()


_DIRECTIVES = {"core": "ControlsACLs", "admin": "AdminControlsACLs", "ban": "BanControlsACLs"}


def _public(texts: tuple[str, ...]) -> tuple[str, ...]:
    """A request as logs show it: without the words that `config set` gives to a directive for secrets, or to one that
    there is not, which may be a misspelt one."""
    if texts[:2] != ("config", "set") or len(texts) < 5:
        return texts
    declaration = DIRECTIVES.get(texts[3].lower())
    return (*texts[:4], "(hidden)") if declaration is None or declaration.secret else texts


def _place(settings: ControlsSettings) -> tuple[object, ...]:
    """What a socket has to be made anew for."""
    return settings.engine, settings.socket, settings.socket_owner, bool(settings.socket_acls)
