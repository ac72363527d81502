"""What the benchmark builds and fetches: its own C programs, and servers from Debian's packages that are not
installed (vsftpd, Pure-FTPd and ProFTPD conflict as packages; unpacked beside each other they do not).
"""

from __future__ import annotations

import functools
import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

NATIVE = Path(__file__).resolve().parent / "native"
SOURCES = {"load": ("load.c", "client.c", "common.c"), "bare": ("bare.c", "common.c")}
FLAGS = ("-std=gnu11", "-D_GNU_SOURCE", "-O2", "-Wall", "-Wextra")
LIBRARIES = ("-lssl", "-lcrypto", "-lpthread")
SECONDS = 120.0


class Unavailable(Exception):
    """A server cannot take part; the text says why."""


def cache() -> Path:
    """Where built programs and unpacked packages are kept between runs (XDG_CACHE_HOME)."""
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    path = base / "ftpsd-bench"
    path.mkdir(parents=True, exist_ok=True)
    return path


@functools.cache
def program(name: str) -> Path:
    """One of our C programs, compiled when its sources changed. Raises `Unavailable` without a compiler."""
    texts = [path.read_bytes() for path in sorted(NATIVE.iterdir())]
    mark = hashlib.sha256(b"\0".join([*texts, *(flag.encode() for flag in FLAGS)])).hexdigest()[:16]
    target = cache() / f"{name}-{mark}"
    if target.exists():
        return target
    compiler = os.environ.get("CC", "cc")
    if shutil.which(compiler) is None:
        raise Unavailable(f"no C compiler ({compiler})")
    fresh = target.with_name(f"{target.name}.{os.getpid()}")
    sources = [str(NATIVE / source) for source in SOURCES[name]]
    built = _run([compiler, *FLAGS, "-o", str(fresh), *sources, *LIBRARIES])
    if built.returncode:
        raise Unavailable(f"{name} does not compile:\n{built.stderr}")
    fresh.rename(target)
    return target


@functools.cache
def unpacked(*packages: str) -> Path:
    """Debian packages unpacked side by side; the directory that stands for /. Raises `Unavailable`."""
    target = cache() / "-".join(packages)
    if target.exists():
        return target
    if shutil.which("apt-get") is None or shutil.which("dpkg") is None:
        raise Unavailable("no Debian: its packages cannot be had")
    with tempfile.TemporaryDirectory(dir=cache()) as name:
        directory = Path(name)
        got = _run(["apt-get", "-o", "APT::Sandbox::User=root", "download", *packages], directory)
        if got.returncode:
            raise Unavailable(f"apt-get download {' '.join(packages)}: {got.stderr.strip().splitlines()[-1:]}")
        root = directory / "root"
        for package in sorted(directory.glob("*.deb")):
            if _run(["dpkg", "-x", str(package), str(root)]).returncode:
                raise Unavailable(f"{package.name} cannot be unpacked")
        root.rename(target)
    target.chmod(0o755)
    return target


def libraries(root: Path) -> str:
    """The LD_LIBRARY_PATH for programs that were unpacked below `root`."""
    found = sorted({str(path.parent) for path in root.rglob("*.so*") if "security" not in path.parts})
    return os.pathsep.join(found)


def package_version(name: str) -> str:
    """The version of a Debian package in the lists, "?" if unknown."""
    lines = _run(["apt-cache", "policy", name]).stdout.splitlines() if shutil.which("apt-cache") else []
    return next((line.split()[1] for line in lines if line.strip().startswith("Candidate:")), "?")


def _run(command: Sequence[str], directory: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=directory, capture_output=True, text=True, check=False, timeout=SECONDS, stdin=subprocess.DEVNULL,
    )
