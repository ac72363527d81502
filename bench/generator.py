"""The load generator (native/load.c) as a process: it gets ready, works when told, and says what it did."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Mapping
from types import TracebackType

from bench.programs import program

Parameters = Mapping[str, str | int]
Load = dict[str, str | int]


class LoadFailed(Exception):
    """The generator gave up: what the server answered."""


class Generator:
    """A context: on entry the generator is ready (its sessions stand, where the mode wants some)."""

    def __init__(self, parameters: Parameters, *, deadline: int) -> None:
        arguments = [f"{name}={value}" for name, value in {**parameters, "deadline": deadline}.items()]
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 (closed by __exit__)
        self._process = subprocess.Popen(
            [str(program("load")), *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors,
        )

    def __enter__(self) -> Generator:
        try:
            if self._line() != b"ready\n":
                raise self._failure()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None,
    ) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.kill()
        self._process.wait(30)
        for stream in (self._process.stdin, self._process.stdout, self._errors):
            stream.close()

    def work(self) -> dict[str, float]:
        """Let it work; what it says about that. Its sessions stay open. Raises `LoadFailed`."""
        self._say(b"go\n")
        line = self._line()
        if not line:
            raise self._failure()
        answer: dict[str, float] = json.loads(line)
        return answer

    def end(self) -> None:
        """Let it close its sessions and end. Raises `LoadFailed`."""
        self._say(b"end\n")
        self._line()
        if self._process.wait(30):
            raise self._failure()

    def _say(self, word: bytes) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(word)
            self._process.stdin.flush()
        except BrokenPipeError:
            raise self._failure() from None

    def _line(self) -> bytes:
        """One line; the generator's own deadline (SIGALRM) bounds the wait."""
        assert self._process.stdout is not None
        return self._process.stdout.readline()

    def _failure(self) -> LoadFailed:
        self._process.kill()
        status = self._process.wait(30)
        self._errors.seek(0)
        said = self._errors.read(2000).decode("utf-8", "replace").strip()
        return LoadFailed(said or f"the load generator ended with status {status} (deadline?)")
