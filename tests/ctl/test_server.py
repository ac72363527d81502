"""The control socket: who may connect, what hostile clients can do, what it leaves behind."""

from __future__ import annotations

import errno
import os
import secrets
import socket
import stat
import struct
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest

from ftpsd.ctl import server
from ftpsd.ctl.client import Unreachable, ask
from tests.ctl.desk import ME, Desk, changed, desk, parse

HELP = struct.pack("=iII", 0, 1, 4) + b"help"


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Desk]:
    with desk(tmp_path) as made:
        yield made


def test_an_answer(here: Desk) -> None:
    status, lines = here.ask("help")
    assert status == 0
    assert "kick: disconnect a class, host, or user" in lines
    assert here.server.interests().keys() == {here.server._listener.fileno()}  # type: ignore[union-attr]
    assert here.server.due() is None


def test_a_byte_at_a_time(here: Desk) -> None:
    client = here.connect()
    for number in HELP:
        here.turn(0.01)
        client.send(bytes([number]))
    assert parse(here.receive(client))[0] == 0


@pytest.mark.parametrize("garbage", [
    b"\xff" * 8, b"GET / HTTP/1.1\r\n\r\n", struct.pack("=iII", 0, 1, 1 << 31), os.urandom(5) + b"\xff" * 100,
], ids=["ones", "http", "length", "random"])
def test_garbage_ends_the_connection(here: Desk, garbage: bytes) -> None:
    client = here.connect()
    client.sendall(garbage)
    assert here.receive(client) == b""
    assert here.ask("help")[0] == 0


def test_a_client_that_never_ends_its_request_is_cut_off(here: Desk) -> None:
    client = here.connect()
    total = 0
    try:
        client.sendall(struct.pack("=iI", 0, 64))
        while total < 1 << 20:
            here.turn(0.01)
            total += client.send(struct.pack("=I", 4096) + b"x" * 4096)
    except (ConnectionResetError, BrokenPipeError):
        pass
    assert total < 200_000
    assert here.ask("help")[0] == 0


def test_a_slow_client_has_a_deadline(here: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "PATIENCE", 0.2)
    client = here.connect()
    client.sendall(HELP[:-1])
    began = time.monotonic()
    assert here.receive(client) == b""
    assert 0.1 < time.monotonic() - began < 3


@pytest.mark.parametrize("complete", [True, False])
def test_what_came_while_the_server_was_at_something_else_counts(here: Desk, complete: bool) -> None:
    """… a restart, say, that took longer than a client has."""
    client = here.connect()
    here.turn()
    client.sendall(HELP if complete else HELP[:-1])
    (accepted,) = here.server._clients.values()
    accepted.deadline = time.monotonic() - 1
    here.server.attend(())
    answer = here.receive(client)
    assert parse(answer)[0] == 0 if complete else answer == b""


def test_an_answer_that_nobody_takes_has_a_deadline(here: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "PATIENCE", 0.3)
    client = here.connect()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
    for accepted in range(2):
        here.turn(0.2 if not accepted else 0.01)
    for sock in [each.sock for each in here.server._clients.values()]:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1024)
    client.sendall(struct.pack("=iII", 0, 2, 3) + b"get" + struct.pack("=I", 10) + b"directives")
    for _ in range(100):
        here.turn(0.05)
        if not here.server._clients:
            break
    assert not here.server._clients
    assert here.ask("help")[0] == 0


def test_a_client_that_leaves_at_once(here: Desk) -> None:
    for data in (b"", HELP[:5], HELP):
        client = here.connect()
        client.send(data) if data else None
        client.close()
        here.turn()
        here.turn()
    assert not here.server._clients
    assert here.ask("help")[0] == 0


def test_controls_max_clients(tmp_path: Path) -> None:
    with desk(tmp_path, "ControlsMaxClients 2") as here:
        waiting = [here.connect(), here.connect()]
        here.turn()
        here.turn()
        assert here.ask("help") == (-1, ["too many clients: ControlsMaxClients is 2"])
        waiting.pop().close()
        here.turn()
        assert here.ask("help")[0] == 0


def test_strangers_cannot_keep_others_away(here: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(here.server, "_verdict", lambda peer: server.DENIED)
        strangers = []
        for _ in range(server.STRANGERS + 4):
            strangers.append(here.connect())
            here.turn(0.01)
        assert len(here.server._clients) == server.STRANGERS
    assert here.ask("help")[0] == 0
    strangers[0].sendall(HELP)
    assert parse(here.receive(strangers[0])) == (-1, ["access denied"])


@pytest.mark.parametrize(("line", "status"), [
    (f"ControlsSocketACL allow user {ME}", 0),
    (f"ControlsSocketACL deny user {ME}", -1),
    ("ControlsSocketACL allow user nobody" if ME != "nobody" else "ControlsSocketACL deny user *", -1),
    ("ControlsSocketACL allow user *", 0),
])
def test_the_kernel_says_who_may_connect(tmp_path: Path, line: str, status: int) -> None:
    with desk(tmp_path, line) as here:
        assert stat.S_IMODE(here.path.stat().st_mode) == 0o666
        found, lines = here.ask("help")
        assert found == status
        assert status == 0 or lines == ["access denied"]


def test_without_acl_the_socket_is_ours_alone(here: Desk) -> None:
    assert stat.S_IMODE(here.path.stat().st_mode) == 0o600


@pytest.mark.root
def test_the_socket_is_given_to_its_owner(tmp_path: Path) -> None:
    with desk(tmp_path, "ControlsSocketOwner nobody nogroup") as here:
        status = here.path.stat()
        assert (status.st_uid, stat.S_IMODE(status.st_mode)) == (65534, 0o660)


@pytest.mark.root
def test_another_user(tmp_path: Path) -> None:
    """A process of nobody's: it may connect, may ask for help, and nothing else."""
    tmp_path.chmod(0o755)
    for parent in tmp_path.parents[:3]:
        if parent.stat().st_uid == os.getuid():
            parent.chmod(parent.stat().st_mode | 0o111)
    with desk(tmp_path, "ControlsSocketACL allow user *") as here:
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            os.setgroups([])
            os.setgid(65534)
            os.setuid(65534)
            with socket.socket(socket.AF_UNIX) as sock:
                sock.settimeout(10)
                sock.connect(str(here.path))
                sock.sendall(struct.pack("=iII", 0, 2, 6) + b"status" + struct.pack("=I", 3) + b"all")
                os.write(writer, sock.recv(1000))
            os._exit(0)
        while os.waitpid(child, os.WNOHANG)[0] == 0:
            here.turn(0.01)
        assert parse(os.read(reader, 1000)) == (-1, ["access denied"])
        os.close(reader)
        os.close(writer)


def test_the_log(tmp_path: Path) -> None:
    log = tmp_path / "controls.log"
    with desk(tmp_path, f"ControlsLog {log}") as here:
        here.ask("kick", "user", "x\n2026-11-21 forged\x1b[31m")
        log.rename(tmp_path / "old.log")
        here.ask("status", "all")
        assert "status: 127.0.0.1#2121 UP" in log.read_text()
        (said,) = here.supervisor.journal.said
        assert said.endswith("client asks for 'kick user x\\n2026-11-21 forged\\x1b[31m'")
    lines = (tmp_path / "old.log").read_text().splitlines()
    assert len(lines) == 5
    assert all(f" mod_ctrls/0.9.5[{os.getpid()}]: " in line for line in lines)
    texts = [line.partition("]: ")[2] for line in lines]
    assert texts[0].startswith(f"accepted connection from {ME}/")
    assert texts[1].endswith("client: 'kick user x\\n2026-11-21 forged\\x1b[31m'")
    assert texts[2].endswith("client: return value: 0")
    assert texts[4].startswith(f"closed connection to {ME}/")


def test_a_log_that_cannot_be_written_is_told_once(tmp_path: Path) -> None:
    with desk(tmp_path, f"ControlsLog {tmp_path}/missing/log") as here:
        here.ask("help")
        here.ask("help")
        assert here.supervisor.journal.said == [
            f"notice: unable to write ControlsLog '{tmp_path}/missing/log': No such file or directory"]


def test_engine_off(tmp_path: Path) -> None:
    with desk(tmp_path, "ControlsEngine off") as here:
        assert not here.path.exists()
        assert here.server.interests() == {}


def test_a_reload_moves_the_socket(here: Desk, tmp_path: Path) -> None:
    other = tmp_path / "other"
    before = here.path.stat().st_ino
    here.server.follow(here.supervisor.configuration)
    assert here.path.stat().st_ino == before
    here.server.follow(changed(here.supervisor.configuration, socket=str(other)))
    assert not here.path.exists()
    assert other.exists()
    here.server.follow(changed(here.supervisor.configuration, engine=False))
    assert not other.exists()


def test_a_socket_that_a_dead_server_left_is_replaced(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(tmp_path / "controls"))
    with desk(tmp_path) as here:
        assert here.ask("help")[0] == 0


def test_a_living_servers_socket_is_left_alone(here: Desk, tmp_path: Path) -> None:
    with desk(tmp_path) as second:
        assert second.supervisor.journal.said == [
            f"ControlsSocket {here.path}: another server listens there; there is no control socket"]
        assert second.server.interests() == {}
        second.server.close()
        assert here.ask("help")[0] == 0
        here.server.close()


def test_something_else_at_the_path_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "controls").write_text("mine")
    with desk(tmp_path) as here:
        assert here.server.interests() == {}
        assert (tmp_path / "controls").read_text() == "mine"
        (tmp_path / "controls").unlink()


def test_leaving_keeps_the_socket(here: Desk) -> None:
    """A forked worker closes its copies of the descriptors, no more."""
    client = here.connect()
    here.turn()
    child = os.fork()
    if child == 0:
        here.server.leave()
        os._exit(0 if here.path.exists() else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    client.sendall(HELP)
    assert parse(here.receive(client))[0] == 0


def test_the_client_says_what_is_wrong(tmp_path: Path) -> None:
    path = tmp_path / "nobody"
    with pytest.raises(Unreachable, match=f"error contacting server using '{path}': No such file or directory"):
        ask(str(path), ["help"])
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(path))
        silent.listen()
        with pytest.raises(Unreachable, match=r"error receiving response: none within 0\.2 seconds"):
            ask(str(path), ["help"], patience=0.2)


def test_the_client_waits_for_a_place_in_the_servers_queue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "busy"
    with socket.socket(socket.AF_UNIX) as busy, socket.socket(socket.AF_UNIX) as first:
        busy.bind(str(path))
        busy.listen(0)
        first.connect(str(path))
        with pytest.raises(Unreachable, match=r"error contacting server .*: Resource temporarily unavailable"):
            ask(str(path), ["help"], patience=0.1)
        monkeypatch.setattr(time, "sleep", lambda seconds: busy.accept()[0].close())
        with pytest.raises(Unreachable, match=r"error receiving response: none within 0\.3 seconds"):
            ask(str(path), ["help"], patience=0.3)


@pytest.mark.parametrize(("kind", "left"), [("own", False), ("longer", True), ("file", True), ("elsewhere", True)])
def test_the_name_of_ftpdctl_is_deleted(here: Desk, tmp_path: Path, kind: str, left: bool) -> None:
    """/tmp/ftp.clPID, which the server is to delete; a number that no process has. Nothing else is deleted."""
    number = 100_000_000 + secrets.randbelow(900_000_000)
    name = Path(f"/tmp/ftp.cl{number}" + ("" if kind != "longer" else ".x"))
    name = tmp_path / name.name if kind == "elsewhere" else name
    client = here.send("help", name=str(name))
    try:
        assert name.exists()
        if kind == "file":
            name.unlink()
            name.write_text("mine")
        assert parse(here.receive(client))[0] == 0
        assert name.exists() is left
    finally:
        name.unlink(missing_ok=True)


@pytest.mark.root
def test_the_name_of_somebody_elses_ftpdctl_stays(here: Desk) -> None:
    name = Path(f"/tmp/ftp.cl{100_000_000 + secrets.randbelow(900_000_000)}")
    client = here.send("help", name=str(name))
    try:
        os.chown(name, 65534, 65534)
        assert parse(here.receive(client))[0] == 0
        assert name.exists()
    finally:
        name.unlink(missing_ok=True)


def test_a_client_for_whom_there_is_no_descriptor(here: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """He waits; the supervisor's loop does not spin meanwhile, and takes him in when there is one again."""
    def full(*_: object) -> NoReturn:
        raise OSError(errno.ENFILE, "no descriptor")

    monkeypatch.setattr(server, "REST", 0.2)
    client = here.connect()
    with monkeypatch.context() as patch:
        patch.setattr(socket.socket, "accept", full)
        here.turn()
        assert (here.server.interests(), here.server.due() is not None) == ({}, True)
    deadline = time.monotonic() + 5
    while not here.server._clients:
        assert time.monotonic() < deadline
        here.turn(0.01)
    client.close()
