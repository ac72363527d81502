"""Libraries of other languages, driven by a small program of ours: Net::FTP, basic-ftp, commons-net."""

from __future__ import annotations

import atexit
import functools
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from tests.clients.base import BOTH_VERSIONS, HERE, Adapter, Link, Step, as_json, run
from tests.clients.command_line import need

COMMONS_NET = Path("/usr/share/java/commons-net.jar")


def _net_ftp_version() -> tuple[int, ...]:
    """None at all where there is no Perl."""
    if need("perl"):
        return ()
    command = ["perl", "-MNet::FTP", "-e", "print Net::FTP->VERSION"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return tuple(int(part) for part in done.stdout.split(".") if part.isdecimal())


class NetFtp(Adapter):
    """Perl's Net::FTP with IO::Socket::SSL. Before 3.15 (Perl 5.38) it does not resume sessions."""

    name = "Net::FTP"
    resumes: ClassVar[frozenset[str]] = BOTH_VERSIONS if _net_ftp_version() >= (3, 15) else frozenset()

    def missing(self) -> str | None:
        if reason := need("perl"):
            return reason
        probe = subprocess.run(["perl", "-MIO::Socket::SSL", "-e1"], capture_output=True, check=False)
        return None if probe.returncode == 0 else "IO::Socket::SSL is not installed (libio-socket-ssl-perl)"

    def perform(self, link: Link, steps: Sequence[Step], work: Path) -> None:
        run(["perl", str(HERE / "net_ftp.pl")], work, text=as_json(link, steps))


class NodeAdapter(Adapter):
    """A client of Node's, by the name of its package; passive only."""

    active: ClassVar[bool] = False

    def missing(self) -> str | None:
        if reason := need("node", "nodejs"):
            return reason
        if (HERE / "node" / "node_modules" / self.name).is_dir():
            return None
        return f"{self.name} is not installed (npm install --no-package-lock --prefix tests/clients/node)"

    def perform(self, link: Link, steps: Sequence[Step], work: Path) -> None:
        program = f"{self.name.replace('-', '_')}.cjs"
        run(["node", str(HERE / "node" / program)], work, text=as_json(link, steps))


class BasicFtp(NodeAdapter):
    """Node's basic-ftp."""

    name = "basic-ftp"


class CommonsNet(Adapter):
    """Java's commons-net; FTPSClient does not resume sessions."""

    name = "commons-net"
    resumes: ClassVar[frozenset[str]] = frozenset()

    def missing(self) -> str | None:
        if reason := need("javac", "default-jdk-headless"):
            return reason
        return None if COMMONS_NET.exists() else "commons-net is not installed (libcommons-net-java)"

    def perform(self, link: Link, steps: Sequence[Step], work: Path) -> None:
        head = [
            link.host, str(link.port), "implicit" if link.implicit else "explicit",
            "active" if link.active else "passive", str(link.authority), link.user, link.password,
        ]
        rows = [head, *([step.verb, step.remote, step.other, step.local] for step in steps)]
        text = "".join("\t".join(row) + "\n" for row in rows)
        path = f"{COMMONS_NET}:{_classes().name}"
        command = ["java", "-Xshare:auto", "-XX:TieredStopAtLevel=1", "-cp", path, "CommonsNet"]
        run(command, work, text=text, environment={"JAVA_TOOL_OPTIONS": "-Dfile.encoding=UTF-8"})


@functools.cache
def _classes() -> tempfile.TemporaryDirectory[str]:
    """The compiled Java program; compiled once per process, removed with it."""
    directory = tempfile.TemporaryDirectory(prefix="ftpsd-java-")
    atexit.register(directory.cleanup)
    javac = shutil.which("javac")
    assert javac is not None
    source = HERE / "java" / "CommonsNet.java"
    run([javac, "-cp", str(COMMONS_NET), "-d", directory.name, str(source)], Path(directory.name))
    return directory
