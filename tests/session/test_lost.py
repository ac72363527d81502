"""Connections that end before there is a session: silence where the client has left, an error where it is our fault."""

from __future__ import annotations

import errno

import pytest

from ftpsd.session.service import Service
from ftpsd.vfs.rights import CredentialsError
from tests.session.inprocess import one_session, system_log

NO_SESSION = "error: no session could begin for a client"


@pytest.mark.parametrize(("error", "logged"), [
    (CredentialsError(errno.EPERM, "cannot set the supplementary groups"), True),
    (OSError(errno.EMFILE, "Too many open files"), True),
    (ValueError("a defect"), True),
    (ConnectionResetError(errno.ECONNRESET, "Connection reset by peer"), False),
    (TimeoutError("timed out"), False),
    (OSError(errno.ENOTCONN, "Transport endpoint is not connected"), False),
])
def test_what_is_said(error: Exception, logged: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """At the usual debug level: an administrator whose clients are all dropped has to find something."""
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(Service, "_open", fail)
    with one_session(()) as served:
        served.client.expect_end()
        assert (NO_SESSION in system_log(served)) is logged
