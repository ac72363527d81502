"""PAM: what happens without it, what it is told, and what the real one says."""

from __future__ import annotations

import ctypes
import ctypes.util
import os
import pwd
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ftpsd.auth.chain import Authenticator
from ftpsd.auth.pam import Pam, PamUnavailable
from ftpsd.settings.account_files import AccountFile
from ftpsd.settings.auth import AuthSettings
from tests.auth.support import ImaginarySystem, user_line, write


class FakeModule:
    """Stands in for the package `pam`."""

    def __init__(self, ok: bool = True, reason: str | bytes = "Success") -> None:
        self.calls: list[tuple[Any, ...]] = []
        module = self

        class PamAuthenticator:
            def __init__(self) -> None:
                self.reason: str | bytes | None = None
                self.pam_authenticate = self.pam_set_item = None

            def authenticate(self, name: bytes, password: bytes, service: bytes, resetcreds: bool) -> bool:
                module.calls.append((name, password, service, resetcreds))
                self.reason = reason
                return ok

        self.PamAuthenticator = PamAuthenticator


def make(module: object) -> Pam:
    return Pam("ftp", load=lambda name: module, exists=lambda service: True)


def test_a_missing_package_says_what_to_install() -> None:
    def load(name: str) -> types.ModuleType:
        raise ImportError("No module named 'pam'")

    with pytest.raises(PamUnavailable, match="No module named 'pam'") as caught:
        Pam("ftp", load=load, exists=lambda service: True)
    assert f"{sys.executable} -m pip install 'ftpsd[pam]'" in caught.value.remedy


def test_a_missing_libpam() -> None:
    class Broken:
        def PamAuthenticator(self) -> None:
            raise OSError("libpam.so.0: cannot open shared object file")

    with pytest.raises(PamUnavailable, match="libpam"):
        make(Broken())


@pytest.mark.parametrize("service", ["no-such-service-of-ftpsd", "../shadow", ""])
def test_a_missing_service_names_the_directive(service: str) -> None:
    with pytest.raises(PamUnavailable, match=f"no PAM service '{service}'") as caught:
        Pam(service, load=lambda name: FakeModule(), exists=lambda name: name == "ftp")
    assert "AuthPAMConfig" in caught.value.remedy


def test_the_password_goes_to_the_service_and_nowhere_else() -> None:
    module = FakeModule()
    assert make(module).check("jürgen", "pä\udcff") == (True, "Success")
    assert module.calls == [("jürgen".encode(), b"p\xc3\xa4\xff", b"ftp", False)]


@pytest.mark.parametrize("reason", ["Authentication failure", b"Authentication failure"])
def test_a_refusal_has_a_reason(reason: str | bytes) -> None:
    assert make(FakeModule(False, reason)).check("a", "b") == (False, "Authentication failure")


@pytest.mark.parametrize(("name", "password"), [("a\0b", "c"), ("a", "b\0c")])
def test_what_c_would_cut_off_is_not_asked(name: str, password: str) -> None:
    module = FakeModule()
    assert make(module).check(name, password)[0] is False
    assert module.calls == []


@pytest.mark.skipif(not os.path.exists("/etc/pam.d/other"), reason="no PAM on this machine")
def test_the_real_pam_refuses_who_does_not_exist() -> None:
    pytest.importorskip("pam")
    try:
        pam = Pam("other")
    except PamUnavailable as error:
        pytest.skip(str(error))
    ok, reason = pam.check("no-such-user-of-ftpsd", "geheim")
    assert not ok
    assert reason


# ---- a real stack, in a directory of the test's ------------------------------------------------------

_SERVICE = "auth required pam_exec.so quiet expose_authtok {script}\naccount required pam_permit.so\n"
_CLOSED = "auth required pam_permit.so\naccount required pam_deny.so\n"
_SCRIPT = '#!/bin/sh\npassword=$(tr -d "\\0")\n[ "$PAM_USER:$PAM_SERVICE:$password" = "alice:ftpsd-test:right pass" ]\n'


class RealModule:
    """python-pam with services in a directory of one's own (libpam 1.4: pam_start_confdir)."""

    def __init__(self, directory: Path) -> None:
        real = pytest.importorskip("pam")
        found = ctypes.util.find_library("pam")
        start = getattr(ctypes.CDLL(found), "pam_start_confdir", None) if found else None
        if start is None or not os.path.exists("/lib/x86_64-linux-gnu/security/pam_exec.so"):
            pytest.skip("no libpam with pam_start_confdir, or no pam_exec")
        place = os.fsencode(directory)

        class PamAuthenticator(real.PamAuthenticator):  # type: ignore[misc, name-defined]
            def __init__(self) -> None:
                super().__init__()
                self.pam_start = self._start

            @staticmethod
            def _start(service: Any, user: Any, conversation: Any, handle: Any) -> int:
                assert start is not None
                return int(start(service, user, conversation, place, handle))

        self.PamAuthenticator = PamAuthenticator


@pytest.fixture
def stack(tmp_path: Path) -> Callable[[str], Pam]:
    script = tmp_path / "check"
    script.write_text(_SCRIPT)
    script.chmod(0o755)
    (tmp_path / "ftpsd-test").write_text(_SERVICE.format(script=script))
    (tmp_path / "closed").write_text(_CLOSED)
    module = RealModule(tmp_path)
    return lambda service: Pam(service, load=lambda name: module, exists=lambda name: (tmp_path / name).exists())


def test_a_real_stack_grants_and_refuses(stack: Callable[[str], Pam]) -> None:
    subject = stack("ftpsd-test")
    assert subject.check("alice", "right pass")[0]
    wrong = (("alice", "wrong"), ("bob", "right pass"), ("alice", ""), ("alice", "right pass "), ("", ""))
    for name, password in wrong:
        assert not subject.check(name, password)[0], (name, password)


@pytest.mark.parametrize(("host", "told"), [
    ("client.example", "client.example"), ("192.0.2.7", "192.0.2.7"), ("", ""), ("a\0b", ""),
])
def test_modules_hear_of_the_client(stack: Callable[[str], Pam], tmp_path: Path, host: str, told: str) -> None:
    """As from ProFTPD: pam_access lets in by it, and pam_unix logs it."""
    (tmp_path / "check").write_text(f'#!/bin/sh\necho "$PAM_RHOST $PAM_RUSER $PAM_TTY" > {tmp_path}/heard\n')
    assert stack("ftpsd-test").check("alice", "x", host)[0]
    assert (tmp_path / "heard").read_text() == f"{told} alice /dev/ftpd{os.getpid()}\n"


@pytest.mark.skipif(not os.path.exists("/lib/x86_64-linux-gnu/security/pam_access.so"), reason="no pam_access")
def test_pam_access_goes_by_the_address(stack: Callable[[str], Pam], tmp_path: Path) -> None:
    (tmp_path / "access.conf").write_text("- : ALL : 192.0.2.\n")
    (tmp_path / "by-address").write_text(
        f"auth required pam_permit.so\naccount required pam_access.so nodefgroup accessfile={tmp_path}/access.conf\n")
    user = pwd.getpwuid(os.getuid()).pw_name
    assert stack("by-address").check(user, "x", "198.51.100.1")[0]
    assert not stack("by-address").check(user, "x", "192.0.2.7")[0]


def test_an_account_that_is_closed(stack: Callable[[str], Pam]) -> None:
    assert not stack("closed").check("alice", "right pass")[0]


def test_a_login_that_a_real_stack_grants(stack: Callable[[str], Pam], tmp_path: Path) -> None:
    settings = AuthSettings(
        auth_user_file=AccountFile(write(tmp_path / "users", user_line("alice"), user_line("bob"))),
        auth_pam_config="ftpsd-test",
        auth_order=("mod_auth_pam.c*", "mod_auth_file.c"), require_valid_shell=False, use_ftp_users=False)
    chain = Authenticator(settings, system=ImaginarySystem(), pam=stack)
    assert chain.prepare() == ()
    result = chain.check(chain.lookup("alice"), "right pass", "peer [192.0.2.7] to 192.0.2.1:21")
    assert (result.ok, result.method) == (True, "mod_auth_pam.c")
    assert not chain.check(chain.lookup("alice"), "geheim", "peer").ok
    assert not chain.check(chain.lookup("bob"), "right pass", "peer").ok
