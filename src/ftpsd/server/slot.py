"""A session's place on the scoreboard."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

from ftpsd.access.occupancy import KEY_SIZE, NOTHING, Holding, Shown, Standing
from ftpsd.server.layout import (
    BYTES_AT,
    CHANGED,
    CHANGED_AT,
    COMMAND_AT,
    COMMAND_SIZE,
    ENDS,
    ENDS_AT,
    HELD_COMMAND_AT,
    HOLDING,
    HOLDING_AT,
    MAP_AT,
    OPENED_AT,
    PARTS,
    PHASE_AT,
    SEQUENCE_AT,
    SIZE_AT,
    SLOT_SIZE,
    SLOTS_AT,
    THREAD_AT,
    TRANSFERRED_AT,
    USER_AT,
    USER_SIZE,
    pack_text,
)

if TYPE_CHECKING:
    from ftpsd.server.scoreboard import Scoreboard

Verdict = TypeVar("Verdict")


class Slot:
    """A session's place on the scoreboard. Written by the session's thread alone; safe after `release()`."""

    def __init__(self, board: Scoreboard, index: int) -> None:
        self._board = board
        self._index = index
        self._at = SLOTS_AT + index * SLOT_SIZE
        self._sequence = 0
        self._held = True

    def update(
        self, *, user: str | None = None, command: str | None = None, phase: int | None = None,
        bytes: int | None = None,
    ) -> None:
        """Show a new user, command line (without secrets), `Phase` or count of bytes; None leaves it."""
        if not self._held:
            return
        board, at = self._board, self._at
        memory = board.memory
        # The fields are read before the number turns odd: nothing can fail while it is.
        shown = None if command is None else pack_text(command, COMMAND_SIZE)
        name = None if user is None else pack_text(user, USER_SIZE)
        sequence = (self._sequence + 1) & 0xFFFF_FFFF | 1
        board.words[at + SEQUENCE_AT >> 2] = sequence
        if shown is not None:
            memory[at + COMMAND_AT : at + COMMAND_AT + COMMAND_SIZE] = shown
        if name is not None:
            memory[at + USER_AT : at + USER_AT + USER_SIZE] = name
        if phase is not None:
            memory[at + PHASE_AT] = phase
        if bytes is not None:
            board.counts[at + BYTES_AT >> 3] = bytes
        board.times[at + CHANGED_AT >> 3] = time.time()
        board.words[at + SEQUENCE_AT >> 2] = self._sequence = sequence + 1 & 0xFFFF_FFFF

    def describe(
        self, *, session: str | None = None, peer_name: str | None = None, client_class: str | None = None,
        server: str | None = None, protocol: str | None = None, location: str | None = None,
        thread: int | None = None,
    ) -> None:
        """Show more about the session; None leaves it. Unlike `update()` it does not count as activity."""
        shown: list[tuple[int, bytes]] = []
        given = (session, protocol, client_class, server, location, peer_name)
        for (offset, size), text in zip(PARTS, given, strict=True):
            if text is not None:
                shown.append((offset, pack_text(text, size)))
        if not self._held:
            return
        board, at = self._board, self._at
        sequence = (self._sequence + 1) & 0xFFFF_FFFF | 1
        board.words[at + SEQUENCE_AT >> 2] = sequence
        for offset, field in shown:
            board.memory[at + offset : at + offset + len(field)] = field
        if thread is not None:
            board.words[at + THREAD_AT >> 2] = thread
        board.words[at + SEQUENCE_AT >> 2] = self._sequence = sequence + 1 & 0xFFFF_FFFF

    def arrive(self, peer: tuple[str, int], local: tuple[str, int]) -> None:
        """Show other ends (address, port) of the connection than it was claimed for: a proxy has told of them."""
        if not self._held:
            return
        board, at = self._board, self._at
        shown = ENDS.pack(peer[1], local[1], pack_text(peer[0], 46), pack_text(local[0], 46))
        sequence = (self._sequence + 1) & 0xFFFF_FFFF | 1
        board.words[at + SEQUENCE_AT >> 2] = sequence
        board.memory[at + ENDS_AT : at + ENDS_AT + ENDS.size] = shown
        board.words[at + SEQUENCE_AT >> 2] = self._sequence = sequence + 1 & 0xFFFF_FFFF

    def transfer(self, phase: int, size: int) -> None:
        """A transfer of `size` bytes (0: unknown) begins; `phase` says in which direction."""
        if not self._held:
            return
        board, at = self._board, self._at
        sequence = (self._sequence + 1) & 0xFFFF_FFFF | 1
        board.words[at + SEQUENCE_AT >> 2] = sequence
        board.memory[at + PHASE_AT] = phase
        board.counts[at + TRANSFERRED_AT >> 3] = 0
        board.counts[at + SIZE_AT >> 3] = size
        board.times[at + CHANGED_AT >> 3] = time.time()
        board.words[at + SEQUENCE_AT >> 2] = self._sequence = sequence + 1 & 0xFFFF_FFFF

    @property
    def progress(self) -> memoryview | None:
        """Eight bytes in which whoever moves the bytes of the transfer counts them; needs no sequence number."""
        start = self._at + TRANSFERRED_AT
        return memoryview(self._board.memory)[start : start + 8] if self._held else None

    @property
    def opened(self) -> float:
        """When it was claimed, in seconds since the epoch: with `index` it names one session."""
        (opened,) = CHANGED.unpack_from(self._board.memory, self._at + OPENED_AT)
        return float(opened)

    @property
    def index(self) -> int:
        """Its number on the scoreboard; others may have it after `release()`."""
        return self._index

    def everybody(self) -> list[Shown]:
        """All sessions that are on, this one too."""
        return [
            Shown(
                entry.index, entry.user, entry.server, entry.peer, entry.opened, entry.command, entry.client_class)
            for entry in self._board.entries()
        ]

    def take(self, holding: Holding, judge: Callable[[Sequence[Holding]], Verdict | None]) -> Verdict | None:
        """Have `holding` unless `judge`, told what all others hold, objects; his objection.

        Raises `TimeoutError` when too many want something at the same time.
        """
        with self._board.taking():
            verdict = judge(self._board.holdings(self._index))
            if verdict is not None:
                verdict = judge(self._board.holdings(self._index, living=True))
            if verdict is None:
                self.hold(holding)
        return verdict

    def hold(self, holding: Holding) -> None:
        """Have `holding`, without anybody being asked: for what nothing bounds."""
        if self._held:
            HOLDING.pack_into(self._board.memory, self._at + HOLDING_AT, *holding)

    def give_back_transfer(self) -> None:
        """The transfer that was taken is over."""
        if self._held:
            at = self._at + HELD_COMMAND_AT
            self._board.memory[at : at + KEY_SIZE] = NOTHING

    def give_back(self) -> None:
        """Hold nothing any more: the session is at its end."""
        if self._held:
            self._board.memory[self._at + HOLDING_AT] = Standing.NOT_COUNTED

    def release(self) -> None:
        """Free the slot. More calls do nothing."""
        if self._held:
            self._held = False
            self._board.memory[MAP_AT + self._index] = 0
