"""One case on one server: the load is made ready, the meter is read, the load works, the meter is read again."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from bench import servers
from bench.cost import kernel_memory
from bench.generator import Generator, Load, Parameters
from bench.packaged import STARTERS
from bench.servers import Kind, Server, Setting
from bench.workloads import SMALL, Case, bulk_name

BARE_THREADS = 8
ROOM = 2 << 30
LOGINS_BESIDE: Parameters = {"mode": "login", "count": 10, "clients": 4}
FILES_BESIDE: Parameters = {"mode": "fetch", "line": "RETR small.bin", "size": SMALL, "count": 50, "clients": 4}


@dataclass(frozen=True)
class Sample:
    """One measurement. `cost` is what is compared, less is better: server CPU milliseconds per unit, milliseconds of
    the 99th percentile, or KiB per session. `rate` is in units per second of wall time. `load` is the generator's CPU
    time per second of wall time and client thread: near 1 the generator was the limit. `detail` has the rest.
    """

    cost: float
    rate: float
    load: float
    resumed: float | None
    detail: dict[str, float] = field(default_factory=dict)


@dataclass
class Bench:
    """The servers as they are needed: each is started once for a certificate, a number of workers or threads, and a
    place of its files.
    """

    chosen: Setting
    directory: Path
    deadline: int
    running: dict[tuple[str, Kind, int | None, str | None], Server] = field(default_factory=dict)

    def server(self, name: str, case: Case) -> Server:
        """The server for a case, with the files that the case needs. Raises `Unavailable`."""
        key = (name, case.kind, {"ftpsd": case.workers, "bare": _threads(case)}.get(name), _place(case))
        if key not in self.running:
            self.running[key] = self._start(name, case, self.chosen)
        self._furnish(self.running[key], case)
        return self.running[key]

    def run(self, name: str, case: Case) -> Sample:
        """Measure. Raises `LoadFailed` or `Unavailable`."""
        if case.measure == "memory":
            with ExitStack() as stack:
                fresh = self._start(name, case, replace(self.chosen, stack=stack))
                self._furnish(fresh, case)
                return self._memory(fresh, case)
        server = self.server(name, case)
        try:
            return self._cost(server, case)
        finally:
            servers.clear_uploads(server)

    def _start(self, name: str, case: Case, chosen: Setting) -> Server:
        lines = (f"Workers {case.workers}",) if case.workers else ()
        with _directories(_place(case)):
            return STARTERS[name](replace(chosen, kind=case.kind, lines=lines, threads=_threads(case)))

    def _furnish(self, server: Server, case: Case) -> None:
        bulk = None
        if case.bulk:
            bulk = self.directory / bulk_name(case.bulk)
            if not bulk.exists():
                servers.make_bulk(bulk, case.bulk)
        servers.furnish(server, bulk=bulk, small=SMALL, entries=case.entries)

    def _generator(self, server: Server, load: Parameters, tls: str) -> Generator:
        parameters = {**load, "port": server.port, "tls": tls, "bare": int(server.bare)}
        return Generator(parameters, deadline=self.deadline)

    def _cost(self, server: Server, case: Case) -> Sample:
        meter, mode = server.meter, str(case.load["mode"])
        sessions = meter.processes()
        with self._generator(server, case.load, case.tls) as generator:
            if mode != "login":
                sessions = meter.processes()
            cpu = meter.cpu()
            said = generator.work()
            meter.settle(sessions)
            _quiet(meter.cpu, 0.03)
            cpu = meter.cpu() - cpu
            if mode != "noop":
                generator.end()
        units = case.units(said["operations"], said["bytes"])
        cost = said["p99"] * 1e3 if case.measure == "latency" else cpu * 1e3 / units
        return _sample(cost, units, said, int(case.load.get("clients", 1)), cpu)

    def _memory(self, server: Server, case: Case) -> Sample:
        """Memory before and while the sessions wait; logins and small files beside them."""
        meter = server.meter
        warm: Load = {"mode": "fetch", "line": "RETR small.bin", "clients": 4, "count": 2}
        self._beside(server, warm, case.tls)
        before, kernel, processes = meter.memory(), kernel_memory(), meter.processes()
        with self._generator(server, case.load, case.tls) as generator:
            cpu = meter.cpu()
            said = generator.work()
            cpu = meter.cpu() - cpu
            opened, kernel = meter.processes() - processes, kernel_memory() - kernel
            _quiet(meter.cpu, 0.2)
            memory = meter.memory() - before
            login, file = (self._beside(server, load, case.tls) for load in (LOGINS_BESIDE, FILES_BESIDE))
        sessions = said["operations"]
        sample = _sample(memory / 1024 / sessions, sessions, said, int(case.load.get("clients", 1)), cpu)
        sample.detail.update(
            kernel_kib=kernel / 1024 / sessions, processes=opened, opening_cpu_ms=cpu * 1e3 / sessions,
            base_mib=before / (1 << 20), login_beside_cpu_ms=login, file_beside_cpu_ms=file,
        )
        return sample

    def _beside(self, server: Server, load: Parameters, tls: str) -> float:
        """CPU milliseconds per operation of another load."""
        processes = server.meter.processes()
        with self._generator(server, load, tls) as generator:
            cpu = server.meter.cpu()
            said = generator.work()
            generator.end()
        server.meter.settle(processes)
        _quiet(server.meter.cpu, 0.03)
        return (server.meter.cpu() - cpu) * 1e3 / said["operations"]


def _place(case: Case) -> str | None:
    """Where the home should be: large files on a disk's file system, where pages cost half of what they cost in
    memory's; all else in memory, where a new file costs a tenth. None: the directory for temporary files.
    """
    shared = Path("/dev/shm")
    if case.large or not shared.is_dir() or not os.access(shared, os.W_OK):
        return None
    return str(shared) if shutil.disk_usage(shared).free > ROOM else None


@contextmanager
def _directories(place: str | None) -> Iterator[None]:
    """Temporary directories are made there meanwhile."""
    before, tempfile.tempdir = tempfile.tempdir, place or tempfile.tempdir
    try:
        yield
    finally:
        tempfile.tempdir = before


def _threads(case: Case) -> int:
    return min(BARE_THREADS, int(case.load.get("clients", 1)))


def _sample(cost: float, units: float, said: dict[str, float], clients: int, cpu: float) -> Sample:
    wall = max(said["wall"], 1e-6)
    resumed = said["resumed"] / said["connections"] if said["connections"] else None
    detail = {
        "wall_s": wall, "server_cpu_s": cpu, "load_cpu_s": said["cpu"], "units": units, "p50_ms": said["p50"] * 1e3,
        "p99_ms": said["p99"] * 1e3, "most_ms": said["most"] * 1e3, "reused_tickets": said["reused_tickets"],
    }
    return Sample(cost, units / wall, said["cpu"] / wall / clients, resumed, detail)


def _quiet(cpu: Callable[[], float], step: float, *, timeout: float = 5.0) -> None:
    """Wait until the server has nothing more to do: less than 3 % of a core over `step` seconds."""
    deadline = time.monotonic() + timeout
    before = cpu()
    while time.monotonic() < deadline:
        time.sleep(step)
        now = cpu()
        if now - before < 0.03 * step:
            return
        before = now
