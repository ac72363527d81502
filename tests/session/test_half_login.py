"""A change of rights that fails half-way ends the session: nothing is served from whatever is left."""

from __future__ import annotations

import errno
from types import SimpleNamespace
from typing import Any, cast

import pytest

from ftpsd.auth.account import LoginResult
from ftpsd.errors import SessionEnded
from ftpsd.ftp.commands import Command
from ftpsd.ftp.parsing import parse
from ftpsd.log import events
from ftpsd.session import entering, gate, loop
from ftpsd.session.handlers import login
from ftpsd.session.state import Login, Session
from ftpsd.tls.policy import TLSState
from ftpsd.vfs.rights import CredentialsError


class Log:
    def __init__(self) -> None:
        self.events: list[events.Event] = []

    def emit(self, event: events.Event) -> None:
        self.events.append(event)


def stand_in(log: Log) -> Session:
    state = SimpleNamespace(
        login=Login(user="alice"), host=None, log=log, tls=TLSState(), cwd="/",
        parameters=SimpleNamespace(epsv_all=False, rename_from=None),
        control=SimpleNamespace(channel=SimpleNamespace(report=None)),
        guarded=False, filtered=False, overrides=None, bans=None,
        settings=SimpleNamespace(
            bounds=SimpleNamespace(max_password_size=1024),
            logins=SimpleNamespace(delay_on_event=(), anonymous_group=()),
            wrap=SimpleNamespace(engine=False), tls=SimpleNamespace(user_logins=())),
    )
    return cast(Session, state)


@pytest.mark.parametrize("error", [
    CredentialsError(errno.EPERM, "cannot set the group"),
    OSError(errno.ENOSYS, "cannot enter the Landlock domain"), MemoryError(),
])
def test_an_error_while_rights_change_ends_the_session(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def enter(*_: object) -> None:
        raise error

    granted: Any = SimpleNamespace(ok=True, account=object())
    monkeypatch.setattr(login, "select", lambda host, name: SimpleNamespace(user=name, anonymous=None))
    monkeypatch.setattr(entering, "check", lambda *_: cast(LoginResult, granted))
    monkeypatch.setattr(entering, "enter", enter)
    log = Log()
    with pytest.raises(SessionEnded) as caught:
        login.pass_(stand_in(log), parse("PASS secret"))
    assert (caught.value.reason, caught.value.code) == ("login-rights", 530)
    assert isinstance(log.events[-1], events.LoginFailed)


def test_rights_that_cannot_be_given_back_end_the_session(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(session: Session, command: Command) -> None:
        raise CredentialsError(errno.EPERM, "cannot set the effective user")

    monkeypatch.setattr(gate, "refusal", lambda *_, **__: None)
    monkeypatch.setattr(loop, "resolve", lambda spec: fail)
    log = Log()
    with pytest.raises(SessionEnded) as caught:
        loop._answer(stand_in(log), parse("PASS secret"))
    assert (caught.value.reason, caught.value.code) == ("login-rights", 421)
    assert isinstance(log.events[-1], events.Notice)
