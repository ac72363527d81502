"""PAM: what happens without it, what it is told, and what the real one says."""

from __future__ import annotations

import os
import types
from typing import Any

import pytest

from ftpsd.auth.pam import Pam, PamUnavailable


class FakeModule:
    """Stands in for the package `pam`."""

    def __init__(self, ok: bool = True, reason: str | bytes = "Success") -> None:
        self.calls: list[tuple[Any, ...]] = []
        module = self

        class PamAuthenticator:
            def __init__(self) -> None:
                self.reason: str | bytes | None = None

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

    with pytest.raises(PamUnavailable, match=r"ftpsd\[pam\]"):
        Pam("ftp", load=load, exists=lambda service: True)


def test_a_missing_libpam() -> None:
    class Broken:
        def PamAuthenticator(self) -> None:
            raise OSError("libpam.so.0: cannot open shared object file")

    with pytest.raises(PamUnavailable, match="libpam"):
        make(Broken())


@pytest.mark.parametrize("service", ["no-such-service-of-ftpsd", "../shadow", ""])
def test_a_missing_service_names_the_directive(service: str) -> None:
    with pytest.raises(PamUnavailable, match="AuthPAMConfig"):
        Pam(service, load=lambda name: FakeModule(), exists=lambda name: name == "ftp")


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
