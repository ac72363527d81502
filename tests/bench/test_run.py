"""The benchmark's parts work together: tiny amounts against ftpsd and the bare program."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest
from bench.cost import GroupMeter
from bench.generator import Generator, LoadFailed
from bench.measure import Bench
from bench.report import Results
from bench.run import measure
from bench.servers import setting
from bench.workloads import Case, cases
from rich.console import Console

from bench import programs, report

SIZE = 1 << 20
pytestmark = pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler (cc)")


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """Servers and programs of this module, built in a directory of their own."""
    directory = tmp_path_factory.mktemp("bench")
    with pytest.MonkeyPatch.context() as patch, ExitStack() as stack:
        patch.setenv("XDG_CACHE_HOME", str(directory))
        patch.setattr("bench.measure.ROOM", 1 << 60)
        programs.program.cache_clear()
        stack.callback(programs.program.cache_clear)
        yield Bench(setting(stack), directory, 30)


def _tiny(case: Case) -> Case:
    """The same with a few operations."""
    load = {**case.load, "count": min(2, int(case.load.get("count", 1))), "clients": min(2, int(case.load["clients"]))}
    if case.bulk:
        load.update(line="RETR bulk1.bin", size=SIZE)
    elif "size" in load:
        load["size"] = min(SIZE, int(load["size"]))
    return replace(case, load=load, entries=0, bulk=SIZE if case.bulk else 0)


KINDS = (
    "download, TLS 1.3, 1 session", "upload, TLS 1.2, 1 session", "login, P-256, TLS 1.3, 8 clients",
    "resumed login, TLS 1.3, 8 clients", "10 KiB RETR, TLS 1.2, 1 session", "10 KiB STOR, TLS 1.3, 1 session",
)


@pytest.mark.parametrize("server", ["ftpsd", "bare"])
def test_every_kind_of_work(bench: Bench, server: str) -> None:
    every = {case.name: case for case in cases(("download", "upload", "login", "small"), quick=True)}
    chosen = [_tiny(every[name]) for name in KINDS]
    results = Results(chosen, [server])
    measure(bench, results, rounds=1, until=float("inf"), console=Console(quiet=True))
    assert results.failures == {}
    for case in chosen:
        (sample,) = results.samples[case.name, server]
        fine = isinstance(bench.server(server, case).meter, GroupMeter)  # else by clock ticks, too coarse for so little
        assert sample.cost > 0 if fine else sample.cost >= 0
        assert sample.rate > 0
        if "KiB" in case.name or "load" in case.name or "resumed" in case.name:
            assert sample.resumed == 1
    json.dumps(report.document(results, seconds=1))


@pytest.mark.parametrize("place", [0, 1], ids=["as fast as they go", "at a pace"])
def test_noop_beside_downloads(bench: Bench, place: int) -> None:
    case = _tiny(cases(("noop",), quick=True)[place])
    sample = bench.run("ftpsd", replace(case, load={**case.load, "clients": 3}))
    assert 0 < sample.detail["p50_ms"] <= sample.cost


def test_downloads_keep_their_pace(bench: Bench) -> None:
    case = _tiny(next(case for case in cases(("download",), quick=True) if case.load["clients"] == 1))
    size, pace = case.bulk, 4 * case.bulk
    sample = bench.run("ftpsd", replace(case, load={**case.load, "pace": pace}))
    assert sample.detail["wall_s"] >= (size - (1 << 18)) / pace


def test_memory_of_idle_sessions(bench: Bench) -> None:
    (case,) = cases(("idle",), quick=True)
    sample = bench.run("ftpsd", replace(case, load={**case.load, "clients": 2, "count": 5, "sources": 2}))
    assert 1 < sample.cost < 100_000
    assert sample.detail["login_beside_cpu_ms"] >= 0
    assert sample.detail["file_beside_cpu_ms"] >= 0


def test_the_generator_says_what_the_server_answered(bench: Bench) -> None:
    case = _tiny(cases(("small",), quick=True)[0])
    server = bench.server("ftpsd", case)
    with pytest.raises(LoadFailed, match="RETR nothing: expected 1, got: 550"):
        with Generator({"mode": "fetch", "line": "RETR nothing", "port": server.port}, deadline=20) as generator:
            generator.work()


def test_the_generator_says_what_it_does_not_understand(bench: Bench) -> None:
    with pytest.raises(LoadFailed, match="clients=0: not in 1 to"), Generator({"clients": 0}, deadline=20):
        pass


@pytest.mark.parametrize("name", sorted(programs.SOURCES))
def test_the_programs_compile_without_a_warning(name: str, tmp_path: Path) -> None:
    sources = [str(programs.NATIVE / source) for source in programs.SOURCES[name]]
    flags = [*programs.FLAGS, "-O0", "-Werror", "-Wshadow", "-Wconversion", "-fsyntax-only"]
    said = subprocess.run(["cc", *flags, *sources], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert (said.returncode, said.stderr) == (0, "")
