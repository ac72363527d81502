"""lftp with compression."""

from __future__ import annotations

from pathlib import Path

import pytest

from ftpsd.testing.plugin import ServerFactory
from tests.clients.command_line import Lftp
from tests.clients.scenario import noise
from tests.clients.test_habits import link_to, need, only

pytestmark = pytest.mark.client
TEXT = b"a line of text that comes again and again\n" * 30_000


def test_lftp_compresses_both_ways(ftps_server: ServerFactory, tls_version: str, tmp_path: Path) -> None:
    need(Lftp())
    directory = tmp_path / "log"
    directory.mkdir(mode=0o755)
    server = ftps_server(
        tls=only(tls_version), directives=["DeflateEngine on", f"DeflateLog {directory / 'deflate.log'}"])
    files = {"text": TEXT, "noise": noise(1), "empty": b"", "byte": b"x"}
    source = tmp_path / "source"
    source.mkdir()
    for name, data in files.items():
        (source / name).write_bytes(data)
    (tmp_path / "part").write_bytes(TEXT[:500_000])
    server.give("whole", TEXT)
    lines = [
        "set ftp:use-mode-z yes", "set ftp:mode-z-level 3", f"mirror -R {source} there",
        f"mirror there {tmp_path / 'back'}", "cls -1 there", f"get -c whole -o {tmp_path / 'part'}",
    ]
    shown = Lftp().script(link_to(server), lines, tmp_path)
    assert "there/noise" in shown
    for place in (server.home() / "there", tmp_path / "back"):
        assert {path.name: path.read_bytes() for path in place.iterdir()} == files
    assert (tmp_path / "part").read_bytes() == TEXT
    log = (directory / "deflate.log").read_text()
    assert f"to {len(TEXT)} bytes (9" in log, "compressed uploads"
    assert f"deflated {len(TEXT)} bytes" in log, "compressed downloads"
    assert "then:" not in log
