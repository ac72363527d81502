"""The processes that ask PAM: what modules do in them stays in them.

A process with threads has no desk, and pytest may have some; so each scene is played by a program of its own, whose
`check` is the module.
"""

from __future__ import annotations

import importlib.util
import json
import os
import select
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ftpsd.testing.plugin import ServerFactory

SECONDS = 40
SCENE = '''
import json, os, select, signal, sys, threading
from ftpsd.auth.pam import Pam, PamUnanswered
from ftpsd.auth.pamdesk import Desk

class Service(Pam):
    def __init__(self, name):
        self.service = name

    def check(self, name, password, host=""):
{module}

notes = []
desk = Desk(notes.append, make=Service, patience={patience})
pam = desk.service("ftp")

def only_child(pid):
    with open(f"/proc/{{pid}}/task/{{pid}}/children") as file:
        child, = file.read().split()
    return int(child)

def end(pid):
    descriptor = os.pidfd_open(pid)
    os.kill(pid, signal.SIGKILL)
    select.select([descriptor], [], [])
    os.close(descriptor)

def tell(what):
    print(json.dumps(what), flush=True)

def ask(name="a", password=""):
    try:
        return pam.check(name, password)
    except PamUnanswered as error:
        return ["unanswered", str(error)]

{play}
'''


def indented(text: str) -> str:
    return "\n".join(f"        {line}" for line in text.strip().splitlines())


def begun(module: str, play: str, patience: float = SECONDS) -> subprocess.Popen[str]:
    scene = SCENE.format(module=indented(module), play=play, patience=patience)
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", scene], stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True)


def played(module: str, play: str, patience: float = SECONDS) -> Any:
    process = begun(module, play, patience)
    output, _ = process.communicate(timeout=SECONDS)
    assert process.returncode == 0
    return json.loads(output)


def gone(pid: int) -> bool:
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([descriptor], [], [], SECONDS)[0])
    finally:
        os.close(descriptor)


def test_questions_and_answers_arrive_whole() -> None:
    asked = played(
        'return password == "p\\u00e4\\udcff", f"{name}\\u00fc {os.getpid()}"',
        'desk.start()\nwords = ("p\\u00e4\\udcff", "", "x" * 70000)\n'
        'asked = [pam.check("j\\u00f6rg\\udcfe", word) for word in words]\n'
        "tell([asked[0][0], asked[1][0], asked[0][1] != asked[1][1], asked[2], notes])")
    assert asked == [True, False, True, [False, "name and password are too long for PAM"], []]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can change ids")
def test_a_module_that_changes_ids_changes_them_for_nobody_else() -> None:
    """glibc would abort the process: the other thread has laid its rights down for good."""
    play = """
from ftpsd.vfs import rights
from ftpsd.native import _system
desk.start()
ready, over = threading.Event(), threading.Event()
def session():
    rights.become_worker(65534, 65534)
    ready.set()
    over.wait()
thread = threading.Thread(target=session)
thread.start()
ready.wait()
answer = pam.check("alice", "geheim")
over.set()
thread.join()
tell([answer, os.geteuid(), os.getegid()])
"""
    module = "os.setgroups([65534])\nos.setegid(65534)\nos.seteuid(65534)\nreturn True, str(os.geteuid())"
    assert played(module, play) == [[True, "65534"], 0, 0]


def test_the_client_s_host_arrives() -> None:
    assert played("return True, host", 'desk.start()\ntell(pam.check("a", "", "client.example"))') == [
        True, "client.example"]


def test_a_module_that_crashes_refuses_one_login() -> None:
    module = 'if name == "bad":\n    os.kill(os.getpid(), signal.SIGSEGV)\nreturn True, "Success"'
    asked = played(module, 'desk.start()\ntell([ask("bad"), ask("good"), notes])')
    assert asked[0][0] == "unanswered"
    assert "crashed" in asked[0][1]
    assert asked[1:] == [[True, "Success"], []]


def test_an_exception_is_no_answer_and_told() -> None:
    assert played('raise ValueError("no libpam")', "desk.start()\ntell(ask())") == [
        "unanswered", "PAM cannot be asked: ValueError('no libpam')"]


def test_a_worker_without_descriptors_refuses_with_the_reason() -> None:
    """Nothing that carries the password leaves as an exception."""
    play = """
import resource
desk.start()
resource.setrlimit(resource.RLIMIT_NOFILE, (3, 3))
tell([ask("a", "geheim"), notes])
"""
    assert played("return True, ''", play) == [["unanswered", "PAM cannot be asked: Too many open files"], []]


def test_a_module_that_waits_for_ever_is_ended() -> None:
    """Also one that minds no signals."""
    module = "signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())\nwhile True:\n    signal.pause()"
    assert played(module, "desk.start()\ntell(ask())", patience=0.3)[0] == "unanswered"


@pytest.mark.parametrize("alarm", ["", "signal.alarm(0)", "signal.signal(signal.SIGALRM, signal.SIG_IGN)"])
@pytest.mark.parametrize("who_ends", ["end(only_child(desk.pid))", "desk.close()"])
def test_a_module_that_waits_for_ever_is_ended_without_its_desk(tmp_path: Path, who_ends: str, alarm: str) -> None:
    """Where the desk was killed, or has ended with the worker; also one that has used the alarm itself."""
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    module = f"""
{alarm}
with open({str(fifo)!r}, "w") as file:
    file.write(str(os.getpid()))
while True:
    signal.pause()
"""
    play = f"""
desk.start()
answers = []
asking = threading.Thread(target=lambda: answers.append(ask()))
asking.start()
with open({str(fifo)!r}) as file:
    pid = int(file.read())
{who_ends}
asking.join()
tell([pid, answers[0][0]])
"""
    pid, answer = played(module, play, patience=1)
    assert answer == "unanswered"
    assert gone(pid)


def test_a_slow_module_holds_up_nobody_else(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    module = f'open({str(fifo)!r}, "r" if name == "slow" else "w").close()\nreturn True, name'
    play = """
desk.start()
answers = []
slow = threading.Thread(target=lambda: answers.append(pam.check("slow", "")))
slow.start()
answers.append(pam.check("quick", ""))
slow.join()
tell(sorted(answers))
"""
    assert played(module, play) == [[True, "quick"], [True, "slow"]]


def test_whoever_asks_pam_has_nothing_of_what_the_worker_has_open(tmp_path: Path) -> None:
    module = """
standard = [os.readlink(f"/proc/self/fd/{fd}") for fd in (0, 1, 2)]
return True, json.dumps(standard + os.listdir("/proc/self/fd"))
"""
    play = f'kept = [open({str(tmp_path / "log")!r}, "w") for _ in range(5)]\ndesk.start()\ntell(pam.check("a", ""))'
    standard = json.loads(played(module, play)[1])
    assert standard[:3] == ["/dev/null"] * 3
    assert len(standard[3:]) == 5, "0, 1, 2, the answer and the list itself"


@pytest.mark.parametrize("end", ["os._exit(0)", "os.kill(os.getpid(), signal.SIGKILL)"])
def test_the_desk_ends_with_its_worker(end: str) -> None:
    process = begun(
        "return True, ''", f"desk.start()\nask()\ntell(desk.pid)\nsys.stdin.readline()\n{end}")
    assert process.stdout is not None
    keeper = int(process.stdout.readline())
    assert children(process.pid) == [keeper]
    desk, = children(keeper)
    process.communicate("\n", timeout=SECONDS)
    assert gone(keeper)
    assert gone(desk)


def test_a_desk_that_is_killed_is_replaced() -> None:
    """Again and again; a login that comes meanwhile waits for it."""
    play = """
desk.start()
asked = [pam.check("a", "")]
for _ in range(3):
    end(only_child(desk.pid))
    asked.append(pam.check("a", ""))
tell([[ok for ok, _ in asked], len({pid for _, pid in asked}), str(os.getpid()) in [pid for _, pid in asked], notes])
"""
    assert played("return True, str(os.getppid())", play) == [[True] * 4, 4, False, []]


def test_a_desk_is_kept_where_processes_cannot_be_polled() -> None:
    """Before Linux 5.3 and in some sandboxes: it is still one, and the dead are not left behind."""
    play = """
def missing(pid):
    raise OSError(38, "Function not implemented")

opened, os.pidfd_open = os.pidfd_open, missing
desk.start()
os.pidfd_open = opened
asked = [pam.check("a", "")]
for _ in range(3):
    end(only_child(desk.pid))
    asked.append(pam.check("a", ""))
tell([len(set(pid for _, pid in asked)), desk.pid, only_child(desk.pid), notes])
"""
    number, keeper, desk, notes = played("return True, str(os.getppid())", play)
    assert (number, notes) == (4, [])
    assert gone(desk)
    assert gone(keeper)


def test_without_its_keeper_a_desk_goes_on() -> None:
    play = """
desk.start()
pam.check("a", "")
end(desk.pid)
answer, pid = pam.check("a", "")
tell([answer, int(pid) == os.getpid(), notes])
"""
    assert played("return True, str(os.getpid())", play) == [True, False, []]


def test_signals_to_the_group_leave_the_desk_to_its_worker() -> None:
    """Nor do they end who is asking: all of a service get SIGUSR1 when logs are rotated."""
    play = """
desk.start()
pam.check("a", "")
numbers = (15, 2, 1, 3, signal.SIGUSR1, signal.SIGUSR2, signal.SIGALRM)
processes = [desk.pid, only_child(desk.pid)]
for number in numbers:
    for pid in processes:
        os.kill(pid, number)
answer, pid = pam.check("a", "")
tell([answer, int(pid) == os.getpid() or processes[1] != only_child(desk.pid), notes])
"""
    module = """
for number in (15, 2, 1, 3, signal.SIGUSR1, signal.SIGUSR2):
    os.kill(os.getpid(), number)
return True, str(os.getpid())
"""
    assert played(module, play) == [True, False, []]


def test_without_a_desk_the_thread_asks() -> None:
    play = """
before = pam.check("a", "")
desk.start()
at_desk = pam.check("a", "")
itself = only_child(desk.pid)
end(desk.pid)
end(itself)
after = pam.check("a", "")
own = str(os.getpid())
tell([before[1] == own, at_desk[1] == own, after[1] == own, notes])
"""
    before, at_desk, after, notes = played("return True, str(os.getpid())", play)
    assert (before, at_desk, after) == (True, False, True)
    assert len(notes) == 1
    assert "has ended" in notes[0]


def test_a_process_with_threads_is_not_forked() -> None:
    play = """
over = threading.Event()
thread = threading.Thread(target=over.wait)
thread.start()
desk.start()
tell([desk.pid, pam.check("a", "")])
over.set()
"""
    assert played("return True, ''", play) == [0, [True, ""]]


def children(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@pytest.mark.skipif(importlib.util.find_spec("pam") is None, reason="python-pam is not installed")
@pytest.mark.skipif(not os.path.exists("/etc/pam.d/other"), reason="no PAM on this machine")
def test_a_server_asks_at_the_desk_and_takes_it_along(ftps_server: ServerFactory, tls_version: str) -> None:
    """PAM knows no alice, and its no is not final here."""
    order = "AuthOrder mod_auth_pam.c mod_auth_file.c"
    server = ftps_server(directives=(order, "AuthPAMConfig other"))
    client = server.client(tls_version)
    client.connect()
    client.auth()
    assert client.login().code == 230
    worker = server.worker_of(client.control.socket.getsockname()[1])
    desk, = children(worker)
    server.wait_for_log("PAM(alice): ", log="system", timeout=5)
    server.stop()
    assert gone(desk)
