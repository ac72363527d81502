"""The program may lie where its users cannot read: sessions need no file of it after login."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

import ftpsd
from ftpsd.testing import server as servers
from ftpsd.testing.plugin import ServerFactory


@pytest.mark.root
@pytest.mark.skipif(os.getuid() != 0, reason="changing users needs root")
def test_a_session_runs_although_its_user_cannot_read_the_program(
    ftps_server: ServerFactory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tls_version: str
) -> None:
    closed = tmp_path / "closed"
    unneeded = shutil.ignore_patterns("__pycache__", "*.c")
    shutil.copytree(Path(ftpsd.__file__).parent, closed / "ftpsd", ignore=unneeded)
    closed.chmod(0o700)
    monkeypatch.setattr(servers, "_import_path", lambda: str(closed))
    server = ftps_server()
    server.give("hello.txt", b"hello")
    with server.client(tls_version).begin() as client:
        assert client.retrieve("RETR hello.txt") == b"hello"
        assert b"hello.txt" in client.retrieve("LIST")
        assert b"hello.txt" in client.retrieve("MLSD")
        assert client.retrieve("NLST") == b"hello.txt\r\n"
        client.store("STOR up", b"x")
        client.store("APPE up", b"y")
        for command in (
            "STAT", "STAT .", "HELP", "FEAT", "SYST", "OPTS UTF8 ON", "PWD", "CWD /", "SIZE up", "MDTM up",
            "MFMT 20200101000000 up", "MLST up", "MKD d", "RMD d", "SITE HELP", "SITE CHMOD 600 up", "CLNT x",
            "RNFR up", "RNTO upp", "DELE upp", "NOOP", "TYPE A", "MODE S", "STRU F", "ALLO 1", "REST 0",
            "PASV",
        ):
            assert client.command(command).code < 400, command
    assert not any("defect" in line for line in server.system_log())
