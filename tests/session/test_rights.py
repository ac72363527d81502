"""As root a session has its user's rights and nobody else's; other threads of the worker keep theirs
(DESIGN.md 1).
"""

from __future__ import annotations

import contextlib
import os
import tempfile
import threading
from pathlib import Path

import pytest

from ftpsd.testing.configs import User
from ftpsd.testing.plugin import ServerFactory
from ftpsd.testing.server import RunningServer

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(os.getuid() != 0, reason="changing users needs root"),
]

USERS = (User("alice", uid=1001, gid=1001), User("bob", uid=1002, gid=1002))
ONE_WORKER = ["Workers 1"]


def test_two_users_in_one_worker_have_their_own_rights_only(
    ftps_server: ServerFactory, tls_version: str, tmp_path: Path
) -> None:
    server = ftps_server(users=USERS, directives=[*ONE_WORKER, "DefaultRoot /"])
    homes = {user.name: server.home(user.name) for user in USERS}
    for user in USERS:
        homes[user.name].chmod(0o700)
        server.give("own.txt", user.name.encode(), user=user.name)
    with server.client(tls_version).begin(user="alice") as alice, server.client(
        tls_version).begin(user="bob") as bob:
        for _ in range(3):
            for client, mine, other in ((alice, "alice", "bob"), (bob, "bob", "alice")):
                assert client.retrieve(f"RETR {homes[mine]}/own.txt") == mine.encode()
                connection = client.data()
                denied = client.expect(550, f"RETR {homes[other]}/own.txt")
                assert denied.text.endswith("Permission denied")
                client.expect(550, f"STOR {homes[other]}/planted")
                client.expect(550, f"CWD {homes[other]}")
                connection.close("fin")
                client.store(f"STOR {homes[mine]}/new.txt", b"x")
        alice.expect(257, f"MKD {homes['alice']}/dir")
    for user in USERS:
        status = (homes[user.name] / "new.txt").stat()
        assert (status.st_uid, status.st_gid) == (user.uid, user.gid)
    assert (homes["alice"] / "dir").stat().st_uid == 1001


def begins(server: RunningServer, user: str) -> int:
    """The reply to PASS of a login by `user`."""
    with server.client("TLSv1.3") as client:
        client.connect()
        client.auth()
        client.expect(331, f"USER {user}")
        return client.command("PASS secret").code


@pytest.mark.parametrize(("owner", "parents", "code"), [
    (1001, 0o700, 530), (1001, 0o711, 230), (0, 0o700, 230), (1002, 0o700, 530),
])
def test_a_root_reached_by_a_link_of_the_user_must_be_one_that_the_user_can_reach(
    ftps_server: ServerFactory, owner: int, parents: int, code: int
) -> None:
    """DefaultRoot ~/ftp, which its user may make a link: root's own links lead behind closed doors, others do not."""
    server = ftps_server(users=USERS, directives=[*ONE_WORKER, "DefaultRoot ~/ftp"])
    with tempfile.TemporaryDirectory(prefix="ftpsd-closed-") as directory:
        closed = Path(directory)
        closed.chmod(parents)
        (closed / "inner").mkdir(mode=0o755)
        link = server.home("alice") / "ftp"
        link.symlink_to(closed / "inner")
        os.chown(link, owner, owner, follow_symlinks=False)
        assert begins(server, "alice") == code


def test_a_root_below_directories_that_are_closed_to_users_can_be_entered(ftps_server: ServerFactory) -> None:
    with tempfile.TemporaryDirectory(prefix="ftpsd-closed-") as directory:
        (Path(directory) / "alice").mkdir(mode=0o755)
        server = ftps_server(users=USERS, directives=[*ONE_WORKER, f"DefaultRoot {directory}/%u"])
        assert begins(server, "alice") == 230


def test_the_umask_of_the_session_is_its_own(ftps_server: ServerFactory) -> None:
    server = ftps_server(users=USERS, directives=[*ONE_WORKER, "Umask 027 077"])
    with server.client("TLSv1.3").begin(user="alice") as client:
        client.store("STOR a", b"x")
        client.expect(257, "MKD d")
    assert (server.home("alice") / "a").stat().st_mode & 0o777 == 0o640
    assert (server.home("alice") / "d").stat().st_mode & 0o777 == 0o700


def test_a_link_that_is_swapped_while_it_is_resolved_does_not_leave_the_jail(
    ftps_server: ServerFactory, tmp_path: Path
) -> None:
    server = ftps_server(users=USERS, directives=ONE_WORKER)
    home = server.home("alice")
    outside = home.parent / "outside"
    outside.mkdir(mode=0o755)
    (outside / "f").write_bytes(b"SECRET")
    server.give("in/f", b"inside", user="alice")
    link = home / "link"
    link.symlink_to("in")
    done = threading.Event()

    def swap() -> None:
        targets = ("in", str(outside), "../outside")
        number = 0
        while not done.is_set():
            fresh = home / f".swap{number % 3}"
            fresh.symlink_to(targets[number % 3])
            fresh.rename(link)
            number += 1

    swapper = threading.Thread(target=swap)
    swapper.start()
    try:
        with server.client("TLSv1.3").begin(user="alice") as client:
            seen = set()
            for _ in range(60):
                connection = client.data()
                client.send_line("RETR link/f")
                reply = client.read_reply()
                if reply.code == 150:
                    seen.add(connection.handshake().read_all())
                    connection.close()
                    client.expect(226)
                else:
                    assert reply.code == 550
                    connection.close("fin")
    finally:
        done.set()
        swapper.join()
    assert seen <= {b"inside"}


def test_the_workers_other_threads_keep_their_rights(ftps_server: ServerFactory) -> None:
    """A second login works while and after a first one has given up the worker's rights."""
    server = ftps_server(users=USERS, directives=ONE_WORKER)
    with server.client("TLSv1.2").begin(user="alice"):
        for _ in range(3):
            with server.client("TLSv1.3").begin(user="bob") as bob:
                bob.store("STOR f", b"x")
                assert (server.home("bob") / "f").stat().st_uid == 1002
    uids = set()
    for task in _threads_of_workers(server.process.pid):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # bob's threads are ending
            uids.add(Path(f"/proc/{task}/status").read_text().split("Uid:")[1].split()[1])
    assert "0" in uids


def _threads_of_workers(supervisor: int) -> list[str]:
    children = Path(f"/proc/{supervisor}/task/{supervisor}/children").read_text().split()
    return [f"{child}/task/{task}" for child in children for task in os.listdir(f"/proc/{child}/task")]


@pytest.mark.parametrize("uid", [0])
def test_root_may_not_log_in_unless_root_login_says_so(ftps_server: ServerFactory, uid: int) -> None:
    users = (User("rooty", uid=uid, gid=0),)
    with ftps_server(users=users).client("TLSv1.3") as client:
        client.connect()
        client.auth()
        client.expect(331, "USER rooty")
        client.expect(530, "PASS secret")
    with ftps_server(users=users, directives=["RootLogin on"]).client("TLSv1.3") as client:
        client.connect()
        client.auth()
        assert client.login("rooty").code == 230
