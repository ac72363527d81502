"""Passphrases: who is asked, how often, what is kept, and that it can be wiped."""

from __future__ import annotations

import os
import pty
import termios
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from ftpsd.errors import ConfigError, Location
from ftpsd.tls.asking import Console, ask_provider, check_provider
from ftpsd.tls.passphrases import BANNER, EMPTY, LONGEST, Passphrases, Request, Secret, Unavailable

REQUEST = Request("RSA", "/k.pem", "127.0.0.1", 990, "Test", "TLSRSACertificateKeyFile", None, Location("/c", 3))
WRONG = "Wrong passphrase for this key.  Please try again."


def fill(secret: Secret, data: bytes) -> None:
    reader, writer = os.pipe()
    os.write(writer, data)
    os.close(writer)
    while secret.read_from(reader):
        pass
    os.close(reader)


@dataclass
class Person:
    """Somebody at a terminal who gives these answers."""

    answers: list[bytes]
    heard: list[str] = field(default_factory=list)

    def say(self, text: str) -> None:
        self.heard.append(text)

    def ask(self, prompt: str, into: Secret) -> None:
        self.heard.append(prompt)
        into.wipe()
        if not self.answers:
            raise Unavailable("nobody there")
        fill(into, self.answers.pop(0))


def no_provider(path: str, arguments: tuple[str, str], into: Secret) -> None:
    raise AssertionError("no program is to be asked")


def fits(*right: bytes) -> Callable[[memoryview], bool]:
    return lambda view: bytes(view) in right


def refused(store: Passphrases, request: Request = REQUEST) -> str:
    with pytest.raises(ConfigError) as caught:
        store.unlock(request, fits(b"right"))
    return str(caught.value)


# --- secrets ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "line", "kept"),
    [(b"secret\n", True, b"secret"), (b"secret\r\n", True, b"secret"), (b"secret", False, b"secret"),
     (b"one\ntwo\n", True, b"one"), (b"", False, b""), (b" blank \n", True, b" blank "),
     (b"x" * LONGEST + b"\n", True, b"x" * LONGEST)],
)
def test_a_secret_is_the_first_line(data: bytes, line: bool, kept: bytes) -> None:
    secret = Secret()
    fill(secret, data)
    assert secret.end_line() is line
    with secret.view() as view:
        assert bytes(view) == kept
    secret.wipe()
    assert len(secret) == 0
    with memoryview(secret._page) as page:
        assert bytes(page) == bytes(len(page))


def test_a_secret_has_a_bound() -> None:
    with pytest.raises(Unavailable, match="longer than"):
        fill(Secret(), b"x" * 2 * LONGEST)
    secret = Secret()
    fill(secret, b"x" * (LONGEST + 1))
    with pytest.raises(Unavailable, match="longer than"):
        secret.end_line()


# --- the store ----------------------------------------------------------------------------------------------


def test_three_tries_with_the_words_of_mod_tls() -> None:
    person = Person([b"wrong", b"", b"bad"])
    message = refused(Passphrases(person, no_provider))
    prompt = "RSA key for the 127.0.0.1#990 (Test) server: "
    assert person.heard == [BANNER, prompt, WRONG, prompt, EMPTY, prompt, WRONG]
    assert message.startswith(
        "fatal: TLSRSACertificateKeyFile: mod_tls/2.9.2: unable to use RSA certificate key in '/k.pem', exiting on "
        "line 3 of '/c'\n"
    )
    assert "bad" not in message


def test_the_banner_is_said_once_and_a_passphrase_asked_once() -> None:
    person = Person([b"wrong", b"right", b"right"])
    store = Passphrases(person, no_provider)
    store.unlock(REQUEST, fits(b"right"))
    store.unlock(REQUEST, fits(b"right"))
    store.unlock(replace(REQUEST, path="/other.pem", kind="EC"), fits(b"right"))
    assert person.heard.count(BANNER) == 1
    assert person.answers == []
    assert len(store) == 2


def test_pkcs12_has_words_of_its_own() -> None:
    person = Person([b"x", b"x", b"x"])
    message = refused(Passphrases(person, no_provider), replace(REQUEST, kind="PKCS12", path="/s.p12"))
    assert person.heard[1] == "PKCS12 password for the 127.0.0.1#990 (Test) server: "
    assert person.heard[2] == "Wrong password for this PKCS12 file.  Please try again."
    assert "unable to use PKCS12 certificate in '/s.p12', exiting" in message


def test_a_running_server_asks_nobody_but_remembers() -> None:
    person = Person([b"right", b"new"])
    store = Passphrases(person, no_provider)
    store.unlock(REQUEST, fits(b"right"))
    store.settled()
    store.unlock(REQUEST, fits(b"right"))
    with pytest.raises(ConfigError) as caught:
        store.unlock(REQUEST, fits(b"new"))
    assert "nobody can be asked while the server runs" in str(caught.value)
    store.unlock(REQUEST, fits(b"right"))
    assert person.answers == [b"new"]


def test_a_program_is_asked_again_when_the_key_has_changed() -> None:
    given = [b"first", b"second"]
    asked: list[tuple[str, tuple[str, str]]] = []

    def provider(path: str, arguments: tuple[str, str], into: Secret) -> None:
        asked.append((path, arguments))
        into.wipe()
        fill(into, given[len(asked) - 1])

    store = Passphrases(Person([]), provider)
    request = replace(REQUEST, provider="/p")
    store.unlock(request, fits(b"first"))
    store.settled()
    store.unlock(request, fits(b"first"))
    store.unlock(request, fits(b"second"))
    store.unlock(request, fits(b"second"))
    assert asked == [("/p", ("Test:990", "RSA"))] * 2
    given.append(b"third")
    assert "The passphrase that '/p' gave for Test:990 RSA is wrong" in refused(store, request)


def test_a_worker_wipes_its_copy_and_the_supervisor_keeps_its_own() -> None:
    store = Passphrases(Person([b"right"]), no_provider)
    store.unlock(REQUEST, fits(b"right"))
    page = store._kept[REQUEST.path]._page
    child = os.fork()
    if child == 0:
        status = 1
        try:
            store.wipe()
            with memoryview(page) as view:
                status = 0 if len(store) == 0 and bytes(view) == bytes(len(view)) else 2
        finally:
            os._exit(status)
    assert os.waitpid(child, 0)[1] == 0
    store.settled()
    store.unlock(REQUEST, fits(b"right"))


# --- the terminal -------------------------------------------------------------------------------------------


@contextmanager
def terminal(typed: bytes) -> Iterator[tuple[str, list[bytes], list[bool]]]:
    """(path of a terminal at which somebody answers each prompt with `typed`, what it showed, echo then)."""
    master, slave = pty.openpty()
    shown: list[bytes] = []
    echo: list[bool] = []

    def person() -> None:
        said = b""
        while not said.endswith(b": "):
            said += os.read(master, 4096)
            shown[:] = [said]
        echo.append(bool(termios.tcgetattr(slave)[3] & termios.ECHO))
        os.write(master, typed)

    thread = threading.Thread(target=person, daemon=True)
    thread.start()
    try:
        yield os.ttyname(slave), shown, echo
        thread.join(10)
        os.set_blocking(master, False)
        try:
            shown.append(os.read(master, 4096))
        except BlockingIOError:
            shown.append(b"")
    finally:
        os.close(master)
        os.close(slave)


def test_the_terminal_does_not_show_what_is_typed() -> None:
    secret = Secret()
    with terminal(b"open sesame\n") as (path, shown, echo):
        Console(path, 20).ask("prompt: ", secret)
    with secret.view() as view:
        assert bytes(view) == b"open sesame"
    assert echo == [False]
    assert shown == [b"prompt: ", b"\r\n"]


def test_end_of_input_is_no_passphrase() -> None:
    with terminal(b"\x04") as (path, _, _), pytest.raises(Unavailable, match="No passphrase was given"):
        Console(path, 20).ask("prompt: ", Secret())


def test_nobody_answers() -> None:
    master, slave = pty.openpty()
    with pytest.raises(Unavailable, match=r"within 0\.05 seconds"):
        Console(os.ttyname(slave), 0.05).ask("prompt: ", Secret())
    os.close(master)
    os.close(slave)


@pytest.mark.parametrize("path", ["/nonexistent", "/dev/null"])
def test_no_terminal(path: str) -> None:
    with pytest.raises(Unavailable, match="terminal"):
        Console(path, 1).ask("prompt: ", Secret())


# --- the program --------------------------------------------------------------------------------------------


def script(tmp_path: Path, text: str, mode: int = 0o700) -> str:
    path = tmp_path / "provider"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(mode)
    return str(path)


@pytest.mark.parametrize(
    ("text", "given"),
    [
        ("echo secret", b"secret"), ("printf secret", b"secret"), ("printf 'secret\\r\\n'", b"secret"),
        ('echo "$1/$2/$#"', b"Test:990/EC/2"), ("echo hm >&2; echo secret", b"secret"),
        ('echo "$(env | grep -c FTPSD_)"', b"0"), ("cat; echo secret", b"secret"), ("pwd", b"/"), ("umask", b"0077"),
    ],
)
def test_what_a_program_gives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, given: bytes) -> None:
    monkeypatch.setenv("FTPSD_TEST_SECRET", "x")
    secret = Secret()
    ask_provider(script(tmp_path, text), ("Test:990", "EC"), secret)
    with secret.view() as view:
        assert bytes(view) == given


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("exit 3", "ended with status 3"), ("echo 'no such key' >&2; exit 1", "ended with status 1: no such key"),
        ("true", "gave no passphrase"), ("echo", "gave no passphrase"), ("sleep 100", "within 0.3 seconds"),
        ("echo secret; exec >&-; sleep 100", "within 0.3 seconds"), ("exec yes", "longer than"),
    ],
)
def test_what_a_program_fails_with(tmp_path: Path, text: str, why: str) -> None:
    with pytest.raises(Unavailable) as caught:
        ask_provider(script(tmp_path, text), ("a", "b"), Secret(), seconds=0.3 if "sleep" in text else 20)
    assert why in str(caught.value)
    assert "secret" not in str(caught.value)


def test_a_program_that_cannot_run(tmp_path: Path) -> None:
    path = tmp_path / "data"
    path.write_bytes(b"\0\1\2")
    path.chmod(0o700)
    with pytest.raises(Unavailable, match="cannot be run"):
        ask_provider(str(path), ("a", "b"), Secret())


def test_the_program_is_looked_at_when_the_server_starts(tmp_path: Path) -> None:
    def error(path: str) -> str:
        with pytest.raises(ConfigError) as caught:
            check_provider(path, lambda directive: Location("/c", 2))
        return str(caught.value)

    head = "fatal: TLSPassPhraseProvider:"
    assert error("/nonexistent") == (
        f"{head} error checking '/nonexistent': No such file or directory on line 2 of '/c'\n"
        "  Name a program that prints the passphrase of the key that it is told."
    )
    assert error(str(tmp_path)) == f"{head} unable to use '{tmp_path}': Not a regular file on line 2 of '/c'"
    plain = script(tmp_path, "echo x", 0o600)
    assert error(plain).startswith(f"{head} unable to use '{plain}': Not executable on line 2")
    check_provider(script(tmp_path, "echo x"), lambda directive: None)
    check_provider(None, lambda directive: None)
