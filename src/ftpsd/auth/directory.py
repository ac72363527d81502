"""Connections to directory servers (LDAP), with ldap3 (extra `ldap`).

The servers of LDAPServer are asked in turn. One that does not answer is left alone, for a second at first and ever
longer up to a minute, so that logins wait for it only now and then; that it is away is said once, and once that it is
back. What is asked with the rights of LDAPBindDN goes over a few connections that are kept; one that has been idle for
long, or turns out to be closed, is replaced. Binds in the name of users have connections of their own.

Names for listings are asked by sessions that have given up their rights, and perhaps cannot read the file of an
authority any more: where that fails it is no server's fault, and nobody asks for names for a minute.

Referrals are not followed: who says where to ask, and with which password, is the configuration alone.
"""

from __future__ import annotations

import contextlib
import importlib
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from ftpsd.auth.backend import Note, Unavailable
from ftpsd.errors import ConfigError, installing
from ftpsd.settings.ldap import LDAPSettings
from ftpsd.settings.ldap_values import LDAPServer, Scope

MOST_IDLE: Final = 4
IDLE_SECONDS: Final = 60.0
FIRST_PAUSE: Final = 1.0
LONGEST_PAUSE: Final = 60.0
NAMELESS_SECONDS: Final = 60.0
LARGEST_ANSWER: Final = 8 * 1024 * 1024
"""Bytes; an entry has some hundred, and nobody is in more than MOST_GROUPS groups."""

_INVALID_CREDENTIALS: Final = 49
_BUSY: Final = frozenset({51, 52})
"""Result codes (RFC 4511 appendix A): busy, unavailable."""

_SCOPES: Final[dict[Scope, str]] = {"base": "BASE", "onelevel": "LEVEL", "subtree": "SUBTREE"}
_DEREFERENCE: Final = {
    "never": "NEVER", "always": "ALWAYS", "search": "SEARCH", "find": "BASE",
}

Entry = tuple[str, Mapping[str, tuple[bytes, ...]]]
"""A name (DN), and values by attribute in lower case."""


@dataclass
class _State:
    """What is known of a server: until when it is left alone (monotonic seconds), and how long the next time."""

    settings: LDAPServer
    until: float = 0.0
    pause: float = FIRST_PAUSE
    away: bool = False


@dataclass
class _Idle:
    """A connection that nobody uses, since when, and whose."""

    state: _State
    connection: Any = field(repr=False)
    since: float = 0.0


class _Bounded:
    """A connected socket that answers within a time and a size, however slowly or long it is sent: ldap3 bounds the
    wait for each piece alone.
    """

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._deadline = 0.0
        self._left = 0

    def begin(self, deadline: float) -> None:
        """The next answer is to be there by then (monotonic seconds)."""
        self._deadline, self._left = deadline, LARGEST_ANSWER

    def gettimeout(self) -> float:
        """Seconds that are left: all that a TLS handshake gets which takes the socket over. Raises `OSError`."""
        remaining = self._deadline - time.monotonic()
        if remaining <= 0:
            raise TimeoutError("timed out")
        return remaining

    def recv(self, size: int) -> bytes:
        """Raises `OSError`."""
        self._sock.settimeout(self.gettimeout())
        data = self._sock.recv(size)
        self._left -= len(data)
        if self._left < 0:
            raise OSError(f"the answer is longer than {LARGEST_ANSWER} bytes")
        return data

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)


_UNREADABLE: Final = (LookupError, TypeError, ValueError)
"""What ldap3 raises over an answer that it cannot take apart."""


def _failures() -> tuple[type[Exception], ...]:
    """What makes a server one that cannot be asked."""
    ldap: type[Exception] = importlib.import_module("ldap3.core.exceptions").LDAPException
    return (ldap, OSError, Unavailable, *_UNREADABLE)


def library() -> Any:
    """ldap3. Raises `ConfigError` where it is not installed."""
    try:
        return importlib.import_module("ldap3")
    except ImportError as error:
        raise ConfigError(
            f"accounts in a directory need the Python package ldap3: {error}", directive="LDAPServer",
            remedy=f"Install it ({installing('ldap')}), or take the line out.") from None


class Directory:
    """Servers with the same content. Safe for threads. `clock` (monotonic seconds) is for tests."""

    def __init__(self, settings: LDAPSettings, note: Note, clock: Callable[[], float] = time.monotonic) -> None:
        self._settings = settings
        self._note = note
        self._clock = clock
        self._states = [_State(server) for server in settings.servers]
        self._lock = threading.Lock()
        self._idle: list[_Idle] = []
        self._ldap3: Any = None
        self._nameless_until = 0.0

    def prepare(self) -> None:
        """Loads ldap3. Raises `ConfigError`."""
        self._ldap3 = library()

    def close(self) -> None:
        """Closes what is idle."""
        with self._lock:
            idle, self._idle = self._idle, []
        for entry in idle:
            _drop(entry.connection)

    def search(
        self, base: str, text: str, attributes: list[str], *, most: int, for_names: bool = False,
    ) -> list[Entry]:
        """At most `most` + 1 entries that the filter `text` fits; `for_names`: for a listing. Raises `Unavailable`."""
        if for_names and self._clock() < self._nameless_until:
            raise Unavailable
        return self._asked(
            lambda state, connection: self._search(state, connection, base, text, attributes, most), for_names)

    def proves(self, name: str, password: str) -> bool:
        """Whether a bind as `name` (a DN) succeeds. Raises `Unavailable`."""
        if not password:
            return False  # a bind without a password is an anonymous one, and always succeeds (RFC 4513 5.1.2)
        if not _is_text(password):
            return False  # ldap3 cannot send it, which would look like a server that is away
        for state in self._willing():
            with self._watched(state):
                deadline = self._opening()
                connection = self._open(state, name, password, deadline)
                try:
                    return self._bind(connection, deadline)
                finally:
                    _drop(connection)
        raise Unavailable

    # ---- servers -------------------------------------------------------------------------------------

    def _willing(self) -> Iterator[_State]:
        """The servers that may be asked now."""
        now = self._clock()
        for state in self._states:
            if state.until <= now:
                yield state

    @contextlib.contextmanager
    def _watched(self, state: _State, for_names: bool = False) -> Iterator[None]:
        """Suppresses the failure of a server, which is then left alone; a success makes it one like others."""
        try:
            yield
        except _failures() as error:
            if for_names:
                self._nameless_until = self._clock() + NAMELESS_SECONDS
            else:
                self._failed(state, error)
        else:
            self._answered(state)

    def _failed(self, state: _State, error: Exception) -> None:
        with self._lock:
            state.until = self._clock() + state.pause
            state.pause = min(state.pause * 2, LONGEST_PAUSE)
            known, state.away = state.away, True
        if not known:
            text = " ".join(str(error).split()) or type(error).__name__
            if isinstance(error, _UNREADABLE):
                text = f"its answer is no LDAP ({type(error).__name__} {text})"
            self._note(f"notice: LDAP server {state.settings} does not answer: {text[:300]}")

    def _answered(self, state: _State) -> None:
        if not state.away:
            return
        with self._lock:
            state.pause, state.until, state.away = FIRST_PAUSE, 0.0, False
        self._note(f"LDAP server {state.settings} answers again")

    # ---- connections ---------------------------------------------------------------------------------

    def _asked(self, question: Callable[[_State, Any], list[Entry]], for_names: bool) -> list[Entry]:
        """The answer over a connection that is kept, else over a new one."""
        answer: list[Entry] | None = None
        failures = _failures()
        while answer is None and (kept := self._take()) is not None:
            with contextlib.suppress(*failures):
                answer = question(kept.state, kept.connection)
            if answer is None:
                _drop(kept.connection)  # the server has closed it meanwhile, or is away: a new one will tell
            else:
                self._keep(kept.state, kept.connection)
        for state in self._willing() if answer is None else ():
            with self._watched(state, for_names):
                bind = self._settings.bind_dn
                deadline = self._opening()
                connection = self._open(state, bind.name, bind.password, deadline)
                try:
                    if not self._bind(connection, deadline):
                        raise Unavailable(f"it refuses LDAPBindDN {bind.name}: {_result(connection)}")
                    answer = question(state, connection)
                except BaseException:
                    _drop(connection)
                    raise
                self._keep(state, connection)
            if answer is not None:
                break
        if answer is None:
            raise Unavailable
        return answer

    def _take(self) -> _Idle | None:
        now = self._clock()
        with self._lock:
            found = self._idle.pop() if self._idle else None
            old = [entry for entry in self._idle if now - entry.since > IDLE_SECONDS]
            self._idle = [entry for entry in self._idle if now - entry.since <= IDLE_SECONDS]
        for entry in old:
            _drop(entry.connection)
        if found is not None and now - found.since > IDLE_SECONDS:
            _drop(found.connection)
            return None
        return found

    def _keep(self, state: _State, connection: Any) -> None:
        with self._lock:
            if len(self._idle) < MOST_IDLE:
                self._idle.append(_Idle(state, connection, self._clock()))
                return
        _drop(connection)

    def _opening(self) -> float:
        """By when (monotonic seconds) a connection that is begun now has to be there, with TLS and bound."""
        return time.monotonic() + self._settings.connect_timeout + self._settings.query_timeout

    def _open(self, state: _State, name: str, password: str, deadline: float) -> Any:
        """A new connection, with TLS where it is wanted, not bound yet."""
        ldap3, settings = self._ldap3, self._settings
        connection = ldap3.Connection(
            self._server(state.settings), user=name or None, password=_bytes(password) or None,
            version=int(settings.protocol_version), client_strategy=ldap3.SYNC, auto_referrals=False,
            check_names=False, read_only=True, receive_timeout=settings.query_timeout, raise_exceptions=False,
            authentication=ldap3.SIMPLE if name else ldap3.ANONYMOUS)
        try:
            connection.open(read_server_info=False)
            plain = not state.settings.tls and not state.settings.path
            if settings.use_tls and plain:
                _bound(connection, deadline)
                if not connection.start_tls(read_server_info=False):
                    raise Unavailable(f"it refuses StartTLS: {_result(connection)}")
        except BaseException:
            _drop(connection)
            raise
        return connection

    def _server(self, settings: LDAPServer) -> Any:
        ldap3, ssl = self._ldap3, importlib.import_module("ssl")
        tls = ldap3.Tls(
            validate=ssl.CERT_REQUIRED if settings.verify else ssl.CERT_NONE,
            ca_certs_file=settings.authority or None, local_certificate_file=settings.certificate or None,
            local_private_key_file=settings.key or None, ciphers=settings.ciphers or None, sni=settings.host or None)
        place = f"ldapi://{settings.path.replace('/', '%2F')}" if settings.path else settings.host
        return ldap3.Server(
            place, port=settings.port or None, use_ssl=settings.tls, tls=tls, get_info=ldap3.NONE,
            connect_timeout=self._settings.connect_timeout)

    def _bind(self, connection: Any, deadline: float) -> bool:
        """Raises `Unavailable` where the server cannot say now."""
        _bound(connection, deadline)
        if connection.bind(read_server_info=False):
            return True
        code = (connection.result or {}).get("result")
        if code in _BUSY:
            raise Unavailable(_result(connection))
        if code != _INVALID_CREDENTIALS:
            self._note(f"LDAP bind as {connection.user}: {_result(connection)}")
        return False

    def _search(
        self, state: _State, connection: Any, base: str, text: str, attributes: list[str], most: int,
    ) -> list[Entry]:
        settings = self._settings
        _bound(connection, time.monotonic() + settings.query_timeout)
        connection.search(
            base, text, search_scope=_SCOPES[state.settings.scope or settings.search_scope],
            dereference_aliases=_DEREFERENCE[settings.dereference], attributes=attributes, size_limit=most + 1,
            time_limit=settings.query_timeout)
        code = (connection.result or {}).get("result", 80)
        if code not in (0, 4, 32):  # success, more than was asked for, no such base
            raise Unavailable(f"search in '{base}': {_result(connection)}")
        return [_entry(found) for found in connection.response or () if found.get("type") == "searchResEntry"]


def _bound(connection: Any, deadline: float) -> None:
    """The next answer has its time (until monotonic seconds) and size. Raises `Unavailable`."""
    sock = connection.socket
    if not isinstance(sock, _Bounded):
        if sock is None:
            raise Unavailable("the connection is closed")
        connection.socket = sock = _Bounded(sock)
    sock.begin(deadline)


def _entry(found: Mapping[str, Any]) -> Entry:
    raw: Mapping[str, list[bytes]] = found["raw_attributes"]
    return str(found["dn"]), {name.lower(): tuple(map(bytes, values)) for name, values in raw.items()}


def _bytes(password: str) -> bytes:
    """As it came: ldap3 refuses some signs in a text (RFC 4013), which would look like a server that is away."""
    return password.encode("utf-8", "surrogateescape")


def _is_text(password: str) -> bool:
    """Whether it came in UTF-8, as passwords of simple binds do (RFC 4513 5.1.3)."""
    try:
        password.encode()
    except UnicodeEncodeError:
        return False
    return True


def _result(connection: Any) -> str:
    """What the server said, in one line."""
    result = connection.result or {}
    said = f"{result.get('description', 'no answer')} {result.get('message', '')}"
    return "".join(sign if sign.isprintable() else "?" for sign in said).strip()[:200]


def _drop(connection: Any) -> None:
    """Ends a connection, whatever state it is in."""
    with contextlib.suppress(Exception):
        connection.unbind()
    with contextlib.suppress(Exception):
        if connection.socket is not None:
            connection.socket.close()
