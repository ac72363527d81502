"""TLSRenegotiate in a session: asks for new keys when they are due and watches whether they come.

`tls.renewal` decides, this acts. On the control connection the request goes along with a reply, because only
then does a client read; the clock of a renegotiation stands still while a transfer runs, because then it does
not. Under TLS 1.2 the request follows a final reply: a client that is about to transfer is left alone.
"""

from __future__ import annotations

import math
import time

from ftpsd.data.pump import Pump
from ftpsd.errors import SessionEnded
from ftpsd.log import events
from ftpsd.log.bus import SessionLog
from ftpsd.reasons.codes import Code
from ftpsd.settings.tls import TLSSettings
from ftpsd.settings.values import Renegotiate
from ftpsd.tls import renewal
from ftpsd.tls.channel import ControlChannel
from ftpsd.tls.data import DataTLS
from ftpsd.tls.errors import TLSError

_FLUSH_SECONDS = 15.0
"""What a client may take to make room for a request (a few bytes)."""
_UPDATES_APART = 0.5
"""Seconds between key updates on a data connection at the least: GnuTLS breaks off at the ninth within a second."""


class ControlRenewal:
    """New keys for one control connection."""

    def __init__(self, channel: ControlChannel, log: SessionLog) -> None:
        self._channel = channel
        self._log = log
        self._keyed = 0.0
        self._before = 0
        self._paused = 0.0
        self.deadline: float | None = None
        """When a renegotiation that was asked for must be through (monotonic seconds)."""

    def started(self) -> None:
        """The connection has got its first keys."""
        self._keyed = time.monotonic()
        self.deadline = None

    def before_reply(self, tls: TLSSettings) -> None:
        """Under TLS 1.3, new keys with the next reply when they are due. Raises `TLSError`."""
        if self._due(tls) == "update-keys" and self._channel.update_keys():
            self._asked("update-keys", tls)

    def after_reply(self, tls: TLSSettings, code: int) -> None:
        """Under TLS 1.2, asks for a renegotiation when it is due. Raises `TLSError`."""
        connection = self._channel.connection
        if code < 200 or connection is None or self._due(tls) != "renegotiate" or self.deadline is not None:
            return
        assert tls.renegotiate is not None
        self._before = connection.renegotiations
        self._asked("renegotiate", tls)
        self._channel.renegotiate()
        self.deadline = time.monotonic() + (tls.renegotiate.timeout or math.inf)

    def _due(self, tls: TLSSettings) -> renewal.Means | None:
        connection, setting = self._channel.connection, tls.renegotiate
        if connection is None or setting is None or time.monotonic() - self._keyed < setting.ctrl:
            return None
        return renewal.control_means(setting, connection.version, tls.options)

    def _asked(self, means: renewal.Means, tls: TLSSettings) -> None:
        assert tls.renegotiate is not None
        self._keyed = time.monotonic()
        self._log.emit(events.TLSNote(renewal.request_line(means, "control", tls.renegotiate)))

    def watch(self, setting: Renegotiate | None) -> None:
        """Notes that a renegotiation is through. Raises `SessionEnded` when it should have been."""
        connection = self._channel.connection
        if self.deadline is None or connection is None:
            self.deadline = None
        elif connection.renegotiations > self._before:
            self.deadline = None
            self._log.emit(events.TLSNote(renewal.done_line("control")))
        elif time.monotonic() >= self.deadline:
            self.deadline = None
            if setting is not None and setting.required:
                self._log.emit(events.TLSNote(*renewal.timeout_lines("control")))
                raise SessionEnded(Code.RENEGOTIATION_TIMEOUT)

    def pause(self) -> None:
        """A transfer begins."""
        self._paused = time.monotonic()

    def resume(self) -> None:
        """A transfer has ended."""
        if self.deadline is not None:
            self.deadline += time.monotonic() - self._paused


class DataRenewal:
    """New keys for one data connection while a pump runs on it."""

    def __init__(
        self, pump: Pump, tls: DataTLS | None, setting: Renegotiate | None, log: SessionLog, *,
        receiving: bool, until: float = 0.0,
    ) -> None:
        """`until`: when the pump has to pause in any case (seconds of the monotonic clock; 0: never)."""
        self._pump = pump
        self._until = until
        self._connection = tls.connection if tls is not None else None
        self._setting = setting
        self._log = log
        self._receiving = receiving
        self._deadline = self._updated = 0.0
        self._before = self._next = 0
        self._means: renewal.Means | None = None
        if self._connection is not None and setting is not None:
            self._means = renewal.data_means(setting, self._connection.version, receiving=receiving)
            self._next = setting.data * renewal.KIB
        if self._means is None:
            self._next = 0
        pump.pause(at=self._next, time=until)

    def attend(self) -> bool:
        """The pump has paused: does what is due; False when the transfer must end."""
        setting = self._setting
        if setting is None or self._means is None:
            self._pump.pause(time=self._until)
            return True
        self._note_done()
        if self._deadline and time.monotonic() >= self._deadline:
            self._deadline = 0.0
            if setting.required:
                self._log.emit(events.TLSNote(*renewal.timeout_lines("data")))
                return False
        if not self._deadline and self._pump.bytes >= self._next and not self._ask(setting):
            return False
        if self._pump.bytes >= self._next:
            self._next = self._pump.bytes + setting.data * renewal.KIB
        self._pump.pause(at=self._next, time=self._earliest())
        return True

    def come_back(self, at: float) -> None:
        """The pump is to pause then, too, once (monotonic seconds)."""
        self._pump.pause(at=self._next, time=min(at, self._earliest() or at))

    def _earliest(self) -> float:
        return min((moment for moment in (self._deadline, self._until) if moment), default=0.0)

    def _ask(self, setting: Renegotiate) -> bool:
        connection, means = self._connection, self._means
        assert connection is not None
        assert means is not None
        if means == "update-keys":
            if (now := time.monotonic()) < self._updated + _UPDATES_APART:
                return True
            self._updated = now
        self._log.emit(events.TLSNote(renewal.request_line(means, "data", setting)))
        try:
            if means == "update-keys":
                connection.key_update(self._receiving)  # only the sender's keys wear out
                connection.flush(_FLUSH_SECONDS)
                return True
            self._before = connection.renegotiations
            connection.renegotiate()
        except TLSError as error:
            self._log.emit(events.TLSNote(f"unable to request new keys on data channel: {error}"))
            return False
        self._deadline = time.monotonic() + (setting.timeout or math.inf)
        return True

    def _note_done(self) -> None:
        if self._deadline and self._connection is not None and self._connection.renegotiations > self._before:
            self._deadline = 0.0
            self._log.emit(events.TLSNote(renewal.done_line("data")))

    finished = _note_done
    """The transfer is over: a renegotiation that came through since is noted."""
