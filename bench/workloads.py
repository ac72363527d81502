"""What is measured: the rows of the comparison, declared as data.

A case is one run of the load generator against one server. Its amounts are for a full run; `quick` makes them small
and leaves out what needs long.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from bench.generator import Load, Parameters
from bench.servers import Kind

Measure = Literal["cpu", "latency", "memory"]
VERSIONS = ("1.2", "1.3")
SMALL = 10 * 1024
GIB = 1 << 30
PACED = 256 << 20
"""Bytes per second of all downloads together, where they have a pace: half of what the slowest peer can do."""
# Servers with a process for each session are not asked for more than the machine may hold.
PROCESS_EACH = ("proftpd", "vsftpd", "pure-ftpd")
MANY_PROCESSES = 2000
UNAVAILABLE = f"a process for each session: not asked for more than {MANY_PROCESSES:,}"


@dataclass(frozen=True)
class Case:
    """One row. `scale` is how many units one operation of the generator is; `entries` and `bulk` are the files that
    the homes need; `workers` is ftpsd's, None as it comes.
    """

    group: str
    name: str
    unit: str
    load: Parameters
    measure: Measure = "cpu"
    kind: Kind = "rsa"
    tls: str = "1.3"
    entries: int = 0
    bulk: int = 0
    workers: int | None = None
    only: tuple[str, ...] = ()
    without: tuple[str, ...] = ("bare",)

    @property
    def large(self) -> bool:
        """Whether it moves large files."""
        return self.unit == "GiB" or self.bulk > 0

    def applies(self, server: str) -> bool:
        """Whether this server takes part."""
        return server in self.only if self.only else server not in self.without

    def units(self, operations: float, moved: float) -> float:
        """How many units the generator did."""
        return moved / GIB if self.unit == "GiB" else operations

    def limit(self, server: str) -> bool:
        """Whether it is too large for this server."""
        sessions = int(self.load.get("count", 1)) * int(self.load.get("clients", 1))
        return self.measure == "memory" and server in PROCESS_EACH and sessions > MANY_PROCESSES


def _several(count: int, word: str) -> str:
    return f"1 {word}" if count == 1 else f"{count} {word}s"


def bulk_name(size: int) -> str:
    """The large file of so many bytes."""
    return f"bulk{size >> 20}.bin"


def bulk(quick: bool) -> Iterator[Case]:
    """Workload 1: a large file in one session, or shared out between eight."""
    total = (256 << 20) if quick else GIB
    for clients in (1, 8):
        for tls in VERSIONS:
            ending = f"TLS {tls}, {_several(clients, 'session')}"
            size = total // clients
            both: Load = {"size": size, "clients": clients}
            get: Load = {"mode": "fetch", "line": f"RETR {bulk_name(size)}", **both}
            put: Load = {"mode": "store", "line": "STOR up", **both}
            yield Case("download", f"download, {ending}", "GiB", get, tls=tls, bulk=size, without=())
            yield Case("upload", f"upload, {ending}", "GiB", put, tls=tls, without=())


def logins(quick: bool) -> Iterator[Case]:
    """Workload 2: whole sessions without a transfer; the bare program only shakes hands."""
    kinds: tuple[tuple[Kind, str], ...] = (("rsa", "RSA-2048"), ("p256", "P-256"))
    for kind, words in kinds:
        for tls in VERSIONS:
            for clients in (8,) if quick else (1, 8, 64):
                count = max(1, (64 if quick else 384) // clients)
                load: Load = {"mode": "login", "count": count, "clients": clients}
                name = f"{words}, TLS {tls}, {_several(clients, 'client')}"
                yield Case("login", f"login, {name}", "login", load, kind=kind, tls=tls, without=())
    for tls in VERSIONS:
        for clients in (8,) if quick else (1, 8, 64):
            count = max(1, (64 if quick else 384) // clients)
            load = {"mode": "login", "count": count, "clients": clients, "resume": 1}
            name = f"resumed login, TLS {tls}, {_several(clients, 'client')}"
            yield Case("login", name, "login", load, tls=tls, without=())
    if quick:
        load = {"mode": "login", "count": 2, "clients": 64}
        yield Case("login", "login, RSA-2048, TLS 1.3, 64 clients", "login", load, without=())


def small(quick: bool) -> Iterator[Case]:
    """Workload 3: 10 KiB, each over its own resumed data connection."""
    for clients in (1,) if quick else (1, 16):
        for tls in VERSIONS:
            count = max(1, (200 if quick else 800) // clients)
            ending = f"TLS {tls}, {_several(clients, 'session')}"
            both: Load = {"size": SMALL, "count": count, "clients": clients}
            get: Load = {"mode": "fetch", "line": "RETR small.bin", **both}
            put: Load = {"mode": "store", "line": "STOR up", **both}
            yield Case("small", f"10 KiB RETR, {ending}", "file", get, tls=tls, without=())
            yield Case("small", f"10 KiB STOR, {ending}", "file", put, tls=tls, without=())


def listings(quick: bool) -> Iterator[Case]:
    """Workload 4: large directories. vsftpd knows no MLSD."""
    for entries in (10_000,) if quick else (10_000, 100_000):
        for verb in ("LIST", "MLSD"):
            load: Load = {"mode": "fetch", "line": f"{verb} many{entries}", "count": 100_000 // entries}
            without = ("bare", "vsftpd") if verb == "MLSD" else ("bare",)
            yield Case("list", f"{verb} of {entries:,}", "listing", load, entries=entries, without=without)


def idle(quick: bool) -> Iterator[Case]:
    """Workload 5: sessions that have moved one small file and wait."""
    for sessions in (200,) if quick else (500, 2000, 10_000):
        load: Load = {"mode": "idle", "warm": "RETR small.bin", "clients": 20, "count": sessions // 20, "sources": 20}
        yield Case("idle", f"{sessions:,} idle sessions", "session", load, "memory")


def noop(quick: bool) -> Iterator[Case]:
    """Workload 6: the round trip of NOOP while bulk transfers run, as fast as they go and at the same pace for all."""
    for transfers in (4,) if quick else (4, 32):
        size = (256 << 20) if quick else GIB
        line = f"RETR {bulk_name(size)}"
        load: Load = {"mode": "noop", "line": line, "clients": transfers + 1, "count": 1500 if quick else 5000}
        name = f"NOOP p99, {transfers} downloads"
        yield Case("noop", name, "NOOP", load, "latency", bulk=size)
        pace = PACED // transfers
        paced: Load = {**load, "pace": pace}
        yield Case("noop", f"{name} of {pace >> 20} MiB/s", "NOOP", paced, "latency", bulk=size)


def growth(quick: bool) -> Iterator[Case]:
    """Workload 7: cost by the number of sessions at work, and ftpsd with one worker and two."""
    for clients in (4, 64) if quick else (1, 4, 16, 64, 256):
        ending = _several(clients, "session")
        count = max(1, (128 if quick else 512) // clients)
        login: Load = {"mode": "login", "count": count, "clients": clients}
        files = max(4, count)
        get: Load = {"mode": "fetch", "line": "RETR small.bin", "size": SMALL, "count": files, "clients": clients}
        only = ("ftpsd",) if quick else ()
        yield Case("scale", f"growth: login, {ending}", "login", login, only=only)
        yield Case("scale", f"growth: 10 KiB RETR, {ending}", "file", get, only=only)
    for workers in (1, 2):
        ending = f"{_several(workers, 'worker')}, 16 clients"
        login = {"mode": "login", "count": 8 if quick else 24, "clients": 16}
        get = {"mode": "fetch", "line": "RETR small.bin", "size": SMALL, "count": 20 if quick else 50, "clients": 16}
        yield Case("scale", f"login, {ending}", "login", login, workers=workers, only=("ftpsd",))
        yield Case("scale", f"10 KiB RETR, {ending}", "file", get, workers=workers, only=("ftpsd",))


def limits(quick: bool) -> Iterator[Case]:
    """Workload 8: bare handshakes, as fast as the machine makes them (bare transfers stand beside the servers')."""
    kinds: tuple[tuple[Kind, str], ...] = (("rsa", "RSA-2048"), ("p256", "P-256"))
    for kind, words in kinds:
        for tls in VERSIONS:
            load: Load = {"mode": "hello", "count": 100 if quick else 400, "clients": 4}
            name = f"{words}, TLS {tls}"
            yield Case("limit", f"handshake, {name}", "handshake", load, kind=kind, tls=tls, only=("bare",))
            resumed: Load = {**load, "resume": 1}
            if kind == "rsa":
                name = f"resumed handshake, TLS {tls}"
                yield Case("limit", name, "handshake", resumed, tls=tls, only=("bare",))


GROUPS = {
    "download": bulk, "upload": bulk, "login": logins, "small": small, "list": listings, "idle": idle, "noop": noop,
    "scale": growth, "limit": limits,
}


def cases(groups: tuple[str, ...], *, quick: bool) -> list[Case]:
    """The rows of the chosen groups, in order. Raises `KeyError` for a group that does not exist."""
    makers = dict.fromkeys(GROUPS[group] for group in groups)
    return [case for maker in makers for case in maker(quick) if case.group in groups]
