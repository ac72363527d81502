"""FileZilla: list, upload, download, both resumed, rename, delete, make and remove a directory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ftpsd.testing.plugin import Certificates, ServerFactory
from tests.clients import filezilla
from tests.clients.base import Link
from tests.clients.scenario import SIZE, noise

pytestmark = pytest.mark.client
DONE = "File transfer successful"


@pytest.fixture(scope="module")
def screen() -> Iterator[filezilla.Screen]:
    """One X server for all sessions."""
    if reason := filezilla.missing():
        pytest.skip(reason)
    virtual = filezilla.Screen()
    yield virtual
    virtual.close()


# Every pair of values occurs: a session takes seconds.
@pytest.mark.parametrize(
    ("version", "implicit", "active", "address"),
    [
        pytest.param("TLSv1.3", False, False, "127.0.0.1", id="TLSv1.3-explicit-passive-IPv4"),
        pytest.param("TLSv1.3", True, True, "::1", id="TLSv1.3-implicit-active-IPv6"),
        pytest.param("TLSv1.2", False, True, "127.0.0.1", id="TLSv1.2-explicit-active-IPv4"),
        pytest.param("TLSv1.2", True, False, "127.0.0.1", id="TLSv1.2-implicit-passive-IPv4"),
        pytest.param("TLSv1.2", False, False, "::1", id="TLSv1.2-explicit-passive-IPv6"),
    ],
)
def test_session(
    ftps_server: ServerFactory, ftps_certificates: Certificates, screen: filezilla.Screen, tmp_path: Path,
    version: str, implicit: bool, active: bool, address: str,
) -> None:
    options = ["TLSOptions UseImplicitSSL"] if implicit else []
    server = ftps_server(tls=["TLSRequired on", f"TLSProtocol {version}", *options], address=address)
    local, work = tmp_path / "local", tmp_path / "work"
    local.mkdir()
    work.mkdir()
    # Rows are in the order of names: ".." is 0, then directories, then files. (No F5: FileZilla's refresh
    # loses the local directory when another one above it comes or goes meanwhile.)
    (local / "z größer.bin").write_bytes(noise(1))
    (local / "b resumed.bin").write_bytes(noise(2))
    (local / "d resumed.bin").write_bytes(noise(4)[: SIZE // 3])
    server.give("b resumed.bin", noise(2)[: SIZE // 3])
    server.give("c größer.bin", noise(3))
    server.give("d resumed.bin", noise(4))
    server.give("e doomed.txt", b"x")
    server.give("f old name.txt", b"same")
    server.give_directory("folder")
    link = Link(address, server.port, server.authority, implicit=implicit, active=active)
    with filezilla.FileZilla(screen, link, ftps_certificates.server.certificate, local, work) as client:
        client.go("local", 3)
        client.key("Return")
        client.wait_for("STOR z größer.bin", DONE)
        client.go("local", 1)
        client.key("Return")
        client.wait_for("b resumed.bin", DONE)
        client.go("remote", 3)
        client.key("Return")
        client.wait_for("RETR c größer.bin", DONE)
        client.go("remote", 4)
        client.key("Return")
        client.wait_for("REST", "RETR d resumed.bin", DONE)
        client.go("remote", 6)
        client.key("F2")
        client.key("ctrl+a")
        client.type("g new name.txt")
        client.key("Return")
        client.wait_for("RNTO g new name.txt", "250")
        client.go("remote", 5)
        client.key("Delete")
        client.answer("Confirm")
        client.wait_for("DELE e doomed.txt", "250")
        client.go("remote", 0)
        client.key("ctrl+shift+n")
        client.answer("Create directory", text="made")
        client.wait_for("MKD made", "257")
        client.go("remote", 1)
        client.key("Delete")
        client.answer("Confirm")
        client.wait_for("RMD folder", "250")
    home = server.home()
    assert (home / "z größer.bin").read_bytes() == noise(1)
    assert (home / "b resumed.bin").read_bytes() == noise(2)
    assert (local / "c größer.bin").read_bytes() == noise(3)
    assert (local / "d resumed.bin").read_bytes() == noise(4)
    assert sorted(path.name for path in home.iterdir()) == [
        "b resumed.bin", "c größer.bin", "d resumed.bin", "g new name.txt", "made", "z größer.bin",
    ]
    assert any(f"{version} connection accepted" in line for line in server.tls_log())
