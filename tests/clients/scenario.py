"""What every client does in one session, and how it is judged: by the server's disk and the local files."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ftpsd.testing.server import RunningServer
from tests.clients.base import Adapter, Step

SIZE = 300_000


@dataclass
class Scenario:
    """The steps that a client can do, what must be there before, and what must be true afterwards."""

    server: RunningServer
    local: Path
    steps: list[Step] = field(default_factory=list)
    checks: list[Callable[[], None]] = field(default_factory=list)

    def file(self, name: str, data: bytes) -> str:
        """Make a local file; its path."""
        path = self.local / name
        path.write_bytes(data)
        return str(path)

    def step(self, verb: str, remote: str, *, other: str = "", local: str = "") -> None:
        """Add a step."""
        self.steps.append(Step(verb, remote, other, local))  # type: ignore[arg-type]

    def expect(self, what: str, actual: Callable[[], object], wanted: object) -> None:
        """Add a check."""
        def check() -> None:
            found = actual()
            assert found == wanted, f"{what}: {_brief(found)} instead of {_brief(wanted)}"

        self.checks.append(check)

    def verify(self) -> None:
        """All checks."""
        for check in self.checks:
            check()


def _brief(value: object) -> str:
    return f"{len(value)} bytes" if isinstance(value, bytes) else repr(value)


def whole_session(adapter: Adapter, server: RunningServer, local: Path) -> Scenario:
    """Every verb of the adapter once or more, in the order that a person would."""
    scenario = Scenario(server, local)
    for verb, add in PARTS:
        if verb in adapter.verbs:
            add(scenario, adapter)
    return scenario


def _mkdir(scenario: Scenario, adapter: Adapter) -> None:
    name = _umlauts(adapter, "über")
    scenario.step("mkdir", name)
    scenario.expect("mkdir", (scenario.server.home() / name).is_dir, True)


def _put(scenario: Scenario, adapter: Adapter) -> None:
    home = scenario.server.home()
    folder = _umlauts(adapter, "über") if "mkdir" in adapter.verbs else "."
    for name, data in (("up.bin", noise(1)), ("empty", b"")):
        scenario.step("put", f"{folder}/{name}", local=scenario.file(f"local-{name}", data))
        scenario.expect(f"upload of {name}", (home / folder / name).read_bytes, data)


def _get(scenario: Scenario, adapter: Adapter) -> None:
    for name, data in ((_umlauts(adapter, "Größe.bin"), noise(2)), ("nothing", b"")):
        scenario.server.give(name, data)
        target = scenario.local / f"got-{name}"
        scenario.step("get", name, local=str(target))
        scenario.expect(f"download of {name}", target.read_bytes, data)


def _list(scenario: Scenario, adapter: Adapter) -> None:
    name = _umlauts(adapter, "naïve.txt")
    scenario.server.give(f"folder/{name}", b"1")
    scenario.server.give("folder/second name", b"2")
    scenario.server.give_directory("bare")
    for folder, names in (("folder", [name, "second name"]), ("bare", [])):
        target = scenario.local / f"list-{folder}"
        scenario.step("list", folder, local=str(target))
        scenario.expect(f"list of {folder}", _sorted_lines(target), sorted(names))


def _sorted_lines(path: Path) -> Callable[[], Sequence[str]]:
    return lambda: sorted(path.read_text().splitlines())


def _resume_get(scenario: Scenario, adapter: Adapter) -> None:
    data = noise(3)
    scenario.server.give("resumed-down.bin", data)
    target = scenario.file("resumed-down.bin", data[: SIZE // 3])
    scenario.step("resume-get", "resumed-down.bin", local=target)
    scenario.expect("resumed download", Path(target).read_bytes, data)


def _resume_put(scenario: Scenario, adapter: Adapter) -> None:
    data = noise(4)
    there = scenario.server.give("resumed-up.bin", data[: SIZE // 3])
    scenario.step("resume-put", "resumed-up.bin", local=scenario.file("resumed-up.bin", data))
    scenario.expect("resumed upload", there.read_bytes, data)


def _rename(scenario: Scenario, adapter: Adapter) -> None:
    old = scenario.server.give("old name.txt", b"same")
    new = _umlauts(adapter, "новый.txt")
    scenario.step("rename", "old name.txt", other=new)
    scenario.expect("rename, new name", old.with_name(new).read_bytes, b"same")
    scenario.expect("rename, old name", old.exists, False)


def _delete(scenario: Scenario, adapter: Adapter) -> None:
    doomed = scenario.server.give("doomed.txt", b"x")
    scenario.step("delete", "doomed.txt")
    scenario.expect("delete", doomed.exists, False)


def _rmdir(scenario: Scenario, adapter: Adapter) -> None:
    doomed = scenario.server.give_directory("doomed directory")
    scenario.step("rmdir", "doomed directory")
    scenario.expect("rmdir", doomed.exists, False)


PARTS: tuple[tuple[str, Callable[[Scenario, Adapter], None]], ...] = (
    ("mkdir", _mkdir), ("put", _put), ("get", _get), ("list", _list), ("resume-get", _resume_get),
    ("resume-put", _resume_put), ("rename", _rename), ("delete", _delete), ("rmdir", _rmdir),
)


def _umlauts(adapter: Adapter, name: str) -> str:
    return name if adapter.unicode else name.encode("ascii", "replace").decode().replace("?", "x")


def noise(seed: int, size: int = SIZE) -> bytes:
    """Reproducible bytes that no compression and no ASCII conversion leaves alone."""
    return random.Random(seed).randbytes(size)
