"""The supervisor and its workers as real processes, with a service that only talks."""

from __future__ import annotations

import contextlib
import os
import re
import resource
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from ftpsd.server.process import has_ended
from tests.server.harness import PATIENCE, Server, alive, children, ends_within, running, until


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with running(tmp_path) as made:
        yield made


def descriptors(pid: int) -> int:
    return len(os.listdir(f"/proc/{pid}/fd"))


def watched(pid: int) -> int:
    """How many files of other processes are in the epoll descriptors of `pid`."""
    own, seen = set(), set()
    for fd in os.listdir(f"/proc/{pid}/fd"):
        with contextlib.suppress(FileNotFoundError):  # closed meanwhile
            about = os.stat(f"/proc/{pid}/fd/{fd}")
            said = Path(f"/proc/{pid}/fdinfo/{fd}").read_text()
            own.add((about.st_ino, os.major(about.st_dev) << 20 | os.minor(about.st_dev)))
            items = re.findall(r"^tfd:.* ino:([0-9a-f]+) sdev:([0-9a-f]+)", said, re.MULTILINE)
            seen |= {(int(ino, 16), int(device, 16)) for ino, device in items}
    return len(seen - own)


def test_start_writes_the_pidfile_and_serves(server: Server) -> None:
    server.start()
    assert server.process is not None
    assert server.pidfile.read_text() == f"{server.process.pid}\n"
    talk = server.talk()
    assert talk.name == "first"
    assert talk.worker in children(server.pid)
    until(lambda: "STARTUP" in server.said, "the line of the start")


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="one processor")
def test_as_many_workers_as_processors_have_one_each(server: Server) -> None:
    every = os.sched_getaffinity(0)
    server.start(workers=len(every))
    assert os.sched_getaffinity(server.pid) == every
    assert sorted(os.sched_getaffinity(pid) for pid in children(server.pid)) == [{number} for number in sorted(every)]
    server.reload(workers=1)
    until(lambda: len(children(server.pid)) == 1, "the end of the old workers")
    assert os.sched_getaffinity(children(server.pid)[0]) == every


def test_all_control_connections_are_in_one_descriptor(server: Server) -> None:
    """Which pumps look at, to see whether a command waits."""
    server.start(workers=2)
    talks = [server.talk()]

    def both_have_one() -> bool:
        talks.append(server.talk())
        return len({talk.worker for talk in talks}) == 2

    until(both_have_one, "a session in each worker")
    assert watched(server.pid) == len(talks)
    for talk in talks:
        talk.close()
    until(lambda: watched(server.pid) == 0, "the end of the sessions")


def test_a_command_that_waits_in_another_worker_is_given_way_to(server: Server) -> None:
    server.start(workers=2)
    first = other = server.talk()

    def is_elsewhere() -> bool:
        nonlocal other
        other = server.talk()
        return other.worker != first.worker

    until(is_elsewhere, "a session in the other worker")
    assert first.ask("DIGEST") == "200 0"
    other.send("HANG")
    until(lambda: "HANG" in {entry.command for entry in server.entries()}, "a session that hangs")
    other.send("NOOP")
    until(lambda: first.ask("DIGEST") == "200 1", "that it is given way to")


def test_sessions_spread_over_the_workers(server: Server) -> None:
    server.start(workers=2)
    by_worker = [server.talk().worker for _ in range(20)]

    def each_has_some() -> bool:
        if (least := min(by_worker.count(worker) for worker in children(server.pid))) < 2:
            by_worker.append(server.talk().worker)  # a worker that is not let run leaves them to the other
        return least >= 2

    until(each_has_some, "sessions in every worker")


def test_the_service_manager_is_told(server: Server) -> None:
    path = server.directory / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        notify.settimeout(PATIENCE)
        notify.bind(str(path))
        server.write()
        server.process = server.launch("-n", NOTIFY_SOCKET=str(path))
        assert notify.recv(100).startswith(b"READY=1\n")
        server.signal(signal.SIGHUP)
        assert notify.recv(100).startswith(b"RELOADING=1\nMONOTONIC_USEC=")
        assert notify.recv(100).startswith(b"READY=1\n")
        server.signal(signal.SIGTERM)
        assert notify.recv(100) == b"STOPPING=1"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGQUIT])
def test_end_within_two_seconds(server: Server, number: signal.Signals) -> None:
    server.start()
    assert server.process is not None
    workers = children(server.pid)
    talks = [server.talk() for _ in range(4)]
    with ends_within(server.process, 2):
        server.signal(number)
    assert server.process.wait(PATIENCE) == 0
    assert not server.pidfile.exists()
    assert not (server.directory / "scoreboard").exists()
    assert [talk.read() for talk in talks] == [""] * 4
    until(lambda: not any(alive(pid) for pid in workers), "the end of workers that had to be killed")
    assert "SHUTDOWN" in server.said


def test_workers_that_end_with_it_are_no_loss(server: Server) -> None:
    server.start()
    assert server.process is not None
    workers = children(server.pid)
    server.signal(signal.SIGSTOP)
    for worker in workers:
        os.kill(worker, signal.SIGTERM)
    until(lambda: all(has_ended(worker) for worker in workers), "the end of the workers")
    server.signal(signal.SIGTERM)
    server.signal(signal.SIGCONT)
    assert server.process.wait(PATIENCE) == 0
    assert "SHUTDOWN (SIGTERM)" in server.said
    assert "sessions are lost" not in server.said


def test_a_session_that_hangs_does_not_delay_the_end(server: Server) -> None:
    server.start()
    assert server.process is not None
    server.talk().send("HANG")
    with ends_within(server.process, 2):
        server.signal(signal.SIGTERM)
    assert server.process.wait(PATIENCE) == 0


def test_a_stopped_worker_does_not_delay_the_end(server: Server) -> None:
    server.start()
    assert server.process is not None
    for worker in children(server.pid):
        os.kill(worker, signal.SIGSTOP)
    with ends_within(server.process, 2):
        server.signal(signal.SIGTERM)
    assert server.process.wait(PATIENCE) == 0


def test_abort_ends_and_removes_the_pidfile(server: Server) -> None:
    server.start()
    assert server.process is not None
    server.signal(signal.SIGABRT)
    assert server.process.wait(PATIENCE) == 134
    assert not server.pidfile.exists()


def test_workers_end_when_the_supervisor_is_killed(server: Server) -> None:
    server.start()
    workers = children(server.pid)
    talk = server.talk()
    server.signal(signal.SIGKILL)
    until(lambda: not any(alive(pid) for pid in workers), "the end of the workers")
    assert talk.read() == ""


def test_reload_keeps_pid_and_sessions(server: Server) -> None:
    server.start()
    old, pid = server.talk(), server.pid
    server.reload(name="second")
    server.await_name("second")
    assert server.pid == pid
    assert old.ask("still here?") == "200 still here?"
    assert alive(old.worker)
    old.close()
    until(lambda: not alive(old.worker), "the end of the drained worker")


def test_reload_changes_workers_and_limit(server: Server) -> None:
    server.start(workers=1)
    server.reload(workers=3, max_instances=1)
    until(lambda: len(children(server.pid)) == 3, "three workers")
    server.talk()
    assert server.talk().greeting == ""


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("bad-file", "fatal: unknown configuration directive 'Foo'"),
        ("bad-service", "fatal: TLSRSACertificateKeyFile: the certificate does not match the key"),
        ("bad-worker", "fatal: a worker could not start: fatal: workers cannot start"),
        ("bug", "ValueError: a bug"),
    ],
)
def test_a_bad_reload_changes_nothing(server: Server, name: str, why: str) -> None:
    server.start()
    old, workers, count = server.talk(), children(server.pid), descriptors(server.pid)
    server.reload(name=name)
    until(lambda: why in server.said, "the reason")
    assert old.ask("x") == "200 x"
    assert server.talk().name == "first"
    until(lambda: children(server.pid) == workers, "the workers as before")
    until(lambda: descriptors(server.pid) <= count, "no more descriptors than before")
    server.reload(name="mended")
    server.await_name("mended")


def test_fifty_reloads_leak_nothing(server: Server) -> None:
    server.start()
    kept = server.talk()
    server.reload(name="zeroth")
    first = server.await_name("zeroth")
    until(lambda: len(children(server.pid)) == 3, "the end of the worker that has no session")
    before = descriptors(server.pid)
    inside = first.ask("DESCRIPTORS")
    for number in range(50):
        server.reload(name=f"reload-{number}")
    last = server.await_name("reload-49")
    first.close()
    until(lambda: len(children(server.pid)) == 3, "the end of all workers but the present two and the first")
    until(lambda: descriptors(server.pid) <= before, "no more descriptors than before")
    assert last.ask("DESCRIPTORS") == inside
    assert kept.ask("x") == "200 x"


def test_a_dead_worker_is_replaced_and_its_slots_are_freed(server: Server) -> None:
    server.start(workers=2)
    talks = [server.talk() for _ in range(6)]
    victim = talks[0].worker
    lost = [talk for talk in talks if talk.worker == victim]
    until(lambda: len(server.entries()) == 6, "six entries")
    os.kill(victim, signal.SIGKILL)
    until(lambda: len(server.entries()) == 6 - len(lost), "the dead worker's slots to be freed")
    assert all(talk.read() == "" for talk in lost)
    assert all(talk.ask("x") == "200 x" for talk in talks if talk.worker != victim)
    until(lambda: len(children(server.pid)) == 2, "the replacement")
    assert victim not in children(server.pid)
    assert f"worker {victim} killed by SIGKILL" in server.said
    assert server.talk().name == "first"


def test_a_worker_that_dies_again_and_again_is_replaced_ever_more_slowly(server: Server) -> None:
    server.start(workers=1)
    for delay in ("0.05", "0.1", "0.2", "0.4"):
        talk = server.talk()
        talk.send("DIE")
        said = f"worker {talk.worker} killed by SIGKILL: its sessions are lost; a new one starts in {delay} s"
        until(lambda said=said: said in server.said, f"a delay of {delay} s")  # type: ignore[misc]
    assert server.talk().name == "first"


def test_a_crashing_session_does_not_end_the_worker(server: Server) -> None:
    server.start(workers=1)
    other, crashing = server.talk(), server.talk()
    assert crashing.ask("CRASH") == ""
    until(lambda: "RuntimeError: a session's bug" in server.said, "the traceback")
    assert other.ask("x") == "200 x"
    until(lambda: len(server.entries()) == 1, "the crashed session's slot to be freed")


def test_entries_show_what_sessions_do(server: Server) -> None:
    server.start(workers=1)
    talk = server.talk()
    assert talk.ask("NOOP") == "200 NOOP"
    (entry,) = server.entries()
    assert (entry.pid, entry.user, entry.command) == (talk.worker, "somebody", "NOOP")
    assert (entry.peer, entry.peer_port) == talk.sock.getsockname()
    assert (entry.local, entry.local_port) == talk.sock.getpeername()
    talk.close()
    until(lambda: not server.entries(), "the slot to be freed")


def test_beyond_max_instances_connections_are_closed(server: Server) -> None:
    server.start(max_instances=3)
    talks = [server.talk() for _ in range(3)]
    assert server.talk().greeting == ""
    until(lambda: "MaxInstances (3) reached, new connection denied" in server.said, "the notice")
    talks[0].close()
    until(lambda: len(server.entries()) == 2, "a free place")
    assert server.talk().name == "first"


def test_without_descriptors_connections_wait(server: Server) -> None:
    server.start(workers=1)
    (worker,) = children(server.pid)
    taken = {int(name) for name in os.listdir(f"/proc/{worker}/fd")}
    free = next(number for number in range(len(taken) + 1) if number not in taken)
    _, hard = resource.prlimit(worker, resource.RLIMIT_NOFILE)
    resource.prlimit(worker, resource.RLIMIT_NOFILE, (free, hard))
    with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE) as waiting:
        said = "unable to accept connections for the moment: Too many open files; raise the limit"
        until(lambda: said in server.said, "the complaint")
        resource.prlimit(worker, resource.RLIMIT_NOFILE, (hard, hard))
        assert waiting.recv(4) == b"220 "
    assert server.said.count(said) == 1


def test_logs_are_reopened_in_every_worker(server: Server) -> None:
    server.start(workers=2)
    until(lambda: len({server.talk().worker, *(talk.worker for talk in server.talks)}) == 2, "both workers")
    server.signal(signal.SIGUSR1)
    for talk in server.talks:
        until(lambda talk=talk: talk.ask("REOPENED") == "200 1", "the reopened log")  # type: ignore[misc]


def test_unusable_pidfile_and_scoreboard_are_notices(server: Server) -> None:
    server.write(pid_file="/nonexistent/pid", scoreboard_file="/nonexistent/scoreboard")
    server.process = server.launch("-n")
    assert server.talk().name == "first"
    until(lambda: "STARTUP" in server.said, "the start")
    assert "PidFile /nonexistent/pid: No such file or directory" in server.said
    assert "ScoreboardFile /nonexistent/scoreboard: No such file or directory" in server.said


@pytest.mark.parametrize("name", ["bad-file", "bad-service", "bad-worker"])
@pytest.mark.parametrize("mode", [(), ("-n",), ("-n", "-q")])
def test_a_start_that_fails_says_why_and_leaves_no_pidfile(
    server: Server, name: str, mode: tuple[str, ...]
) -> None:
    server.write(name=name)
    assert server.launch(*mode).wait(PATIENCE) == 1
    assert server.said.count("fatal: ") >= 1
    assert "Traceback" not in server.said
    assert not server.pidfile.exists()
    assert not (server.directory / "scoreboard").exists()


def test_daemon(server: Server) -> None:
    server.write()
    launcher = server.launch()
    assert launcher.wait(PATIENCE) == 0
    assert server.pid != launcher.pid
    talk = server.talk()
    assert talk.name == "first"
    assert os.getsid(server.pid) not in (os.getsid(0), server.pid)
    assert os.readlink(f"/proc/{server.pid}/cwd") == "/"
    assert {os.readlink(f"/proc/{server.pid}/fd/{fd}") for fd in (0, 1, 2)} == {os.devnull}
    pid = server.pid
    os.kill(pid, signal.SIGTERM)
    until(lambda: not server.pidfile.exists() and not alive(pid), "the end")
    assert talk.read() == ""
