"""`ftpsd demo`, with curl as its instructions say."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography import x509

import ftpsd
from ftpsd.cli import demo_site
from ftpsd.errors import ConfigError

SOURCES = Path(ftpsd.__file__).parents[1]
PATIENCE = 30.0


@dataclass
class Demo:
    process: subprocess.Popen[str]
    said: str

    def line(self, start: str) -> list[str]:
        """The words of the instruction that begins with `start`."""
        found = re.search(rf"^\s*{start}:\s+(.*)$", self.said, re.MULTILINE)
        assert found is not None, self.said
        return found[1].split()


@pytest.fixture
def directory() -> Iterator[Path]:
    # pytest's own directories are closed to the user that the demonstration serves as root
    made = Path(tempfile.mkdtemp(prefix="ftpsd-demo-test-"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made)


@pytest.fixture
def demo(directory: Path) -> Iterator[Demo]:
    said = directory / "said"
    with said.open("w") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "ftpsd.cli.main", "demo", "--directory", str(directory / "site")],
            stdin=subprocess.DEVNULL, stdout=out, stderr=out, text=True,
            env=dict(os.environ, PYTHONPATH=str(SOURCES)),
        )
    deadline = time.monotonic() + PATIENCE
    while "Logs:" not in said.read_text():
        assert process.poll() is None, said.read_text()
        assert time.monotonic() < deadline
        time.sleep(0.02)
    yield Demo(process, said.read_text())
    process.send_signal(signal.SIGINT)
    assert process.wait(PATIENCE) == 0


@pytest.mark.client
@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_instructions_work(demo: Demo, directory: Path) -> None:
    def curl(words: list[str]) -> subprocess.CompletedProcess[str]:
        assert words[0] == "curl"
        command = ["curl", "-sS", "--max-time", "20", *words[1:]]
        return subprocess.run(command, cwd=directory, capture_output=True, text=True, timeout=60, check=False)

    listed = curl(demo.line("curl"))
    assert (listed.returncode, listed.stderr) == (0, "")
    assert "welcome.txt" in listed.stdout
    assert curl(demo.line("download")).returncode == 0
    assert (directory / "welcome.txt").read_text() == "This came over TLS.\n"
    (directory / "FILE").write_bytes(bytes(range(256)) * 4096)
    assert curl(demo.line("upload")).returncode == 0
    uploaded = directory / "site" / "files" / "FILE"
    assert uploaded.read_bytes() == (directory / "FILE").read_bytes()
    untrusted = [word for word in demo.line("curl") if word != "--cacert" and not word.endswith("ca.pem")]
    assert curl(untrusted).returncode == 60


def test_site(tmp_path: Path) -> None:
    site = demo_site.make(str(tmp_path), 2121)
    certificate = x509.load_pem_x509_certificate((tmp_path / "server.pem").read_bytes())
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["localhost"]
    assert [str(each) for each in names.get_values_for_type(x509.IPAddress)] == ["127.0.0.1", "::1"]
    ca = x509.load_pem_x509_certificate((tmp_path / "ca.pem").read_bytes())
    certificate.verify_directly_issued_by(ca)
    for secret in ("server.key", "users"):
        assert (tmp_path / secret).stat().st_mode & 0o777 == 0o600
    assert site.password not in (tmp_path / "users").read_text()
    again = demo_site.make(str(tmp_path), 2121)
    assert again.password != site.password


@pytest.mark.parametrize("name", ["welcome.txt", "files"])
def test_links_in_the_directory_of_an_earlier_one_are_not_followed(tmp_path: Path, name: str) -> None:
    site = tmp_path / "site"
    site.mkdir(mode=0o755)
    demo_site.make(str(site), 2121)
    precious = tmp_path / "precious"
    if name == "files":
        precious.mkdir()
        (precious / "welcome.txt").write_text("mine")
        (site / "files").rename(site / "old")
        (site / "files").symlink_to(precious)
        with pytest.raises(ConfigError, match=f"unable to use '{site}/files'"):
            demo_site.make(str(site), 2121)
        precious = precious / "welcome.txt"
    else:
        precious.write_text("mine")
        (site / "files" / "welcome.txt").unlink()
        (site / "files" / "welcome.txt").symlink_to(precious)
        demo_site.make(str(site), 2121)
        assert (site / "files" / "welcome.txt").read_text() == "This came over TLS.\n"
        assert not (site / "files" / "welcome.txt").is_symlink()
    assert (precious.read_text(), precious.stat().st_uid) == ("mine", os.geteuid())


def test_a_directory_that_others_may_write_to_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o1777)
    with pytest.raises(ConfigError, match="others could write") as caught:
        demo_site.make(str(tmp_path), 2121)
    assert f"chmod go-w {tmp_path}" in str(caught.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a directory away")
def test_a_directory_of_somebody_else_is_refused(tmp_path: Path) -> None:
    os.chown(tmp_path, 65534, 65534)
    with pytest.raises(ConfigError, match="belongs to somebody else"):
        demo_site.make(str(tmp_path), 2121)
    assert list(tmp_path.iterdir()) == []


def test_free_port_skips_those_in_use() -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert demo_site.free_port(port) > port


def test_no_free_port(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo_site, "PORTS_TRIED", 0)
    with pytest.raises(ConfigError, match="no free port"):
        demo_site.free_port(2121)
