"""The thread that sees to it that OCSP responses lie ready; one in each worker (see the package)."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime

from ftpsd.native._openssl import StapleState
from ftpsd.tls import certificates, responder
from ftpsd.tls.cache.base import Store
from ftpsd.tls.responder import Unreachable
from ftpsd.tls.stapling import fetching, schedule
from ftpsd.tls.stapling.fetching import NoResponse, Response
from ftpsd.tls.stapling.shelf import Place
from ftpsd.tls.stapling.subjects import Subject

PATIENCE = 2.0
"""Seconds that a worker's start waits for the first response of certificates that demand stapling."""

_GLANCE = 0.01
_WHILE_OTHERS_ASK = 2.0
_LONGEST_SLEEP = 300.0
"""Seconds; clocks are set, machines sleep."""
_LEFT_ALONE = 5.0
"""Seconds in which a responder that did not answer for one certificate is not asked about others."""


@dataclass(frozen=True, slots=True)
class Stapled:
    """A certificate whose responses are wanted, and where they go; `host` is the id of the (first) host that has it,
    `file` names it."""

    subject: Subject
    place: Place
    host: int
    file: str


@dataclass(frozen=True, slots=True)
class Voice:
    """Where the stapler says something: `note` writes lines to the TLSLog of a host, `warn` to the system log."""

    note: Callable[[int, tuple[str, ...]], None]
    warn: Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Rights:
    """`thread`: in which the thread lives and talks to responders; `privileged`: in which it uses the cache."""

    thread: Callable[[], AbstractContextManager[None]] = nullcontext
    privileged: Callable[[], AbstractContextManager[None]] = nullcontext


def send(subject: Subject, request: bytes) -> bytes:
    """Asks the responder itself."""
    return responder.ask(subject.url, request, subject.timeout, https=True)


@dataclass(slots=True)
class Stapler:
    """Keeps the places of `wanted` filled. `store` (TLSStaplingCache, started) is asked before
    responders are."""

    wanted: Sequence[Stapled]
    voice: Voice
    store: Store | None = None
    rights: Rights = Rights()
    send: fetching.Ask = send
    clock: Callable[[], float] = time.time
    _stop: threading.Event = field(default_factory=threading.Event)
    _silent: dict[str, float] = field(default_factory=dict)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        """In a worker, before its first session: what the cache has is ready then, and what certificates demand, if
        their responders are quick."""
        if not self.wanted:
            return
        for stapled in self.wanted:
            self._load(stapled)
        self._thread = threading.Thread(target=self._run, name="stapler", daemon=True)
        self._thread.start()
        deadline = time.monotonic() + PATIENCE
        while any(map(self._awaited, self.wanted)) and time.monotonic() < deadline:
            self._stop.wait(_GLANCE)

    def _awaited(self, stapled: Stapled) -> bool:
        state = stapled.place.state()
        return stapled.subject.must and not state.response and not state.failures

    def stop(self, timeout: float = 0.0) -> None:
        """Ends the thread when it has got the answer that it waits for; waits up to `timeout` seconds for that."""
        self._stop.set()
        if self._thread is not None and timeout > 0:
            self._thread.join(timeout)

    def _run(self) -> None:
        with self.rights.thread():
            pause = self.round()
            while not self._stop.wait(pause):
                pause = self.round()

    def round(self) -> float:
        """Does what is due; seconds until something will be."""
        pauses = []
        for stapled in self.wanted:
            if self._stop.is_set():
                break
            pauses.append(self._attempt(stapled))
        return min(max(min(pauses, default=_LONGEST_SLEEP), 0.1), _LONGEST_SLEEP)

    def _attempt(self, stapled: Stapled) -> float:
        try:
            return self._look_after(stapled)
        except Exception as error:  # a defect must not take the others' responses with it
            self.voice.warn(f"defect in stapling for certificate '{stapled.file}': {error!r}")
            return _LONGEST_SLEEP

    def _look_after(self, stapled: Stapled) -> float:
        place = stapled.place
        if self._is_due(place.state()):
            with place.writing() as mine:
                if not mine:
                    return _WHILE_OTHERS_ASK
                state = place.state()
                if self._is_due(state):  # nobody has done it meanwhile
                    self._renew(stapled, state)
        return place.state().due - self.clock()

    def _is_due(self, state: StapleState) -> bool:
        return schedule.is_due(state.due, state.until, self.clock())

    def _renew(self, stapled: Stapled, state: StapleState) -> None:
        held, kept = self._judged(stapled.subject, state.response), self._kept(stapled.subject)
        if kept is not None and _newer(kept, held):
            if schedule.is_fresh(kept.validity, self.clock()):
                self._put(stapled, kept)
                return
            held = kept
        try:
            fresh = self._ask(stapled.subject)
            if held is not None and _newer(held, fresh):
                raise NoResponse(f"OCSP responder '{stapled.subject.url}' has an older response than we have")
        except NoResponse as error:
            self._failed(stapled, state, held, str(error))
            return
        self._put(stapled, fresh)
        self._keep(stapled.subject, fresh)
        self._tell(stapled, fresh)

    def _ask(self, subject: Subject) -> Response:
        """Raises `NoResponse`."""
        if 0 <= self.clock() - self._silent.get(subject.url, 0.0) < _LEFT_ALONE:
            raise NoResponse(f"OCSP responder '{subject.url}' has just not answered for another certificate")

        def attempt(subject: Subject, request: bytes) -> bytes:
            try:
                return self.send(subject, request)
            except Unreachable:
                self._silent[subject.url] = self.clock()
                raise

        return fetching.ask(subject, attempt, self._now)

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self.clock(), UTC)

    def _judged(self, subject: Subject, response: bytes) -> Response | None:
        if not response:
            return None
        try:
            return fetching.judge(subject, response, self._now())
        except NoResponse:
            return None

    # ---- results

    def _put(self, stapled: Stapled, response: Response) -> None:
        due = schedule.after_success(response.validity, self.clock(), random.random())
        stapled.place.put(response.der, until=response.validity.until, due=due)

    def _failed(self, stapled: Stapled, state: StapleState, held: Response | None, why: str) -> None:
        subject, now, failures = stapled.subject, self.clock(), state.failures + 1
        until = held.validity.until if held is not None else 0.0
        due = schedule.after_failure(failures, until, now, random.random())
        stapled.place.put(held.der if held is not None else b"", until=until, due=due, failures=failures)
        which = f"fingerprint '{subject.fingerprint}'"
        lines = [f"{why} ({which}); asking again in {round(due - now)} secs"]
        if held is None:
            got = "a fake tryLater OCSP response" if subject.fake else "none"
            lines.append(f"no OCSP response to staple ({which}): clients get {got}")
        self.voice.note(stapled.host, tuple(lines))
        if held is None and subject.must and (failures == 1 or state.response):
            self.voice.warn(
                f"certificate '{stapled.file}' demands stapling, and there is no OCSP response: {why}")

    def _tell(self, stapled: Stapled, response: Response) -> None:
        subject = stapled.subject
        until = certificates.date_text(datetime.fromtimestamp(response.validity.until, UTC))
        self.voice.note(stapled.host, (
            *response.lines,
            f"stapling OCSP response from '{subject.url}' (fingerprint '{subject.fingerprint}'): certificate status"
            f" '{response.status}', valid until {until}",
        ))
        if response.revoked:
            self.voice.warn(f"certificate '{stapled.file}' has been revoked, says OCSP responder '{subject.url}'")

    # ---- the cache

    def _load(self, stapled: Stapled) -> None:
        """Puts what the cache has where nothing is yet."""
        if self.store is None:
            return
        with stapled.place.writing() as mine:
            if not mine or stapled.place.state().response:
                return
            kept = self._kept(stapled.subject)
            if kept is None:
                return
            if schedule.is_fresh(kept.validity, self.clock()):
                self._put(stapled, kept)
            else:
                stapled.place.put(kept.der, until=kept.validity.until, due=0)

    def _kept(self, subject: Subject) -> Response | None:
        """What the cache has for the certificate, if it can be sent."""
        if self.store is None:
            return None
        with self.rights.privileged():
            found = self.store.fetch(bytes.fromhex(subject.fingerprint))
        return self._judged(subject, found or b"")

    def _keep(self, subject: Subject, response: Response) -> None:
        if self.store is not None:
            with self.rights.privileged():
                self.store.store(bytes.fromhex(subject.fingerprint), response.der, response.validity.until)


def _newer(one: Response, other: Response | None) -> bool:
    return other is None or one.validity.since > other.validity.since
