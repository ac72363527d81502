"""Many sessions against one ProFTPD and one ftpsd of the same configuration: a pair of servers for a whole group."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ftpsd.testing.configs import ServerConfig
from ftpsd.testing.server import RunningServer, server_directory, start_ftpsd, start_proftpd
from tests.peer.compare import ALICE, BOB, Recorder, Script, furnish, judge

MODULES = (
    "<IfModule mod_dso.c>\nLoadModule mod_site_misc.c\nLoadModule mod_copy.c\nLoadModule mod_ifsession.c\n</IfModule>\n"
)


@dataclass(frozen=True)
class Group:
    """Scripts that share a configuration; each begins with alice's home as `furnish` makes it."""

    name: str
    scripts: tuple[Script, ...]
    directives: tuple[str, ...] = ()
    sections: str = ""


@dataclass
class Pairs:
    """The servers of the groups, started when they are needed first."""

    stack: contextlib.ExitStack
    running: dict[str, tuple[RunningServer, RunningServer]] = field(default_factory=dict)

    def of(self, group: Group) -> tuple[RunningServer, RunningServer]:
        """ProFTPD and ftpsd."""
        if group.name not in self.running:
            self.running[group.name] = (self._start(group, "proftpd"), self._start(group, "ftpsd"))
        return self.running[group.name]

    def _start(self, group: Group, kind: str) -> RunningServer:
        files = self.stack.enter_context(server_directory())
        config = ServerConfig(None, users=(ALICE, BOB), directives=group.directives, sections=MODULES + group.sections)
        start = start_proftpd if kind == "proftpd" else start_ftpsd
        server = start(config, files, Path("/nonexistent"))
        self.stack.callback(server.stop)
        return server


@contextlib.contextmanager
def pairs() -> Iterator[Pairs]:
    """Pairs that are stopped at the end of the block."""
    with contextlib.ExitStack() as stack:
        yield Pairs(stack)


def run(server: RunningServer, script: Script) -> list[tuple[str, str]]:
    """The script's exchanges with a server that runs."""
    for path in server.home().iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
    furnish(server, script)
    with server.client(tls=False) as client:
        return Recorder(client).run(script)


def same_answers(pair: tuple[RunningServer, RunningServer], script: Script) -> None:
    """Nothing differs without being documented."""
    proftpd, ftpsd = pair
    problems = judge(run(proftpd, script), run(ftpsd, script), script)
    assert not problems, f"{len(problems)} differences\n" + "\n".join(problems)
