"""The socket of the control channel: whose it is, and who is at its other end."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from ftpsd.ctl import endpoint


def test_another_server_s_socket_is_not_removed(tmp_path: Path) -> None:
    path = str(tmp_path / "s")
    first = endpoint.listen(path, mode=0o600, owner=None)
    os.unlink(path)
    second = endpoint.listen(path, mode=0o600, owner=None)
    first.remove()
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.connect(path)
    second.remove()
    assert not os.path.exists(path)


def test_a_socket_whose_place_somebody_has_taken_stays_somebody_s(tmp_path: Path) -> None:
    path = tmp_path / "s"
    listener = endpoint.listen(str(path), mode=0o600, owner=None)
    path.unlink()
    path.write_text("somebody's")
    listener.remove()
    assert path.read_text() == "somebody's"


CLIENT = """
import os, socket
from ftpsd.ctl import endpoint
os.getgrouplist = lambda name, gid: [gid, 77]
here, there = socket.socketpair(socket.AF_UNIX)
print(*sorted(endpoint.peer_of(here).gids))
"""


@pytest.mark.root
@pytest.mark.parametrize(("groups", "counted"), [
    ([], []), ([4, 65500], [4, 65500]), (list(range(1000, 1256)), list(range(1000, 1256))),
    (list(range(1000, 1257)), [77]),  # more than Python asks the kernel for: those that the user's name has
])
def test_all_groups_of_the_client_are_known(groups: list[int], counted: list[int]) -> None:
    said = subprocess.run(
        [sys.executable, "-c", CLIENT], extra_groups=groups, group=65501, capture_output=True, text=True, check=True)
    assert [int(word) for word in said.stdout.split()] == sorted([*counted, 65501])
