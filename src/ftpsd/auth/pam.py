"""Passwords of system users through PAM, with the python-pam package (extra `pam`).

python-pam loads libpam with ctypes, which releases the GIL: modules that wait (a directory server, the delay
after a wrong password) hold up nobody else. Each check has its own PAM handle, as libpam demands of threads. A server
asks in processes of their own (`auth.pamdesk`). PAM is asked to authenticate and whether the account is good; no PAM
session is opened, because a session belongs to a process and ours serves many users.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Mapping
from typing import Any, Final

from ftpsd.errors import installing

_CONFIGURATIONS: Final = ("/etc/pam.d", "/usr/lib/pam.d", "/usr/share/pam.d")
_ONE_FILE: Final = "/etc/pam.conf"


_TTY, _RHOST, _RUSER = 3, 4, 8
"""Items of PAM (pam_set_item(3)); ProFTPD sets these."""


def _service_exists(service: str) -> bool:
    if any(os.path.exists(os.path.join(directory, service)) for directory in _CONFIGURATIONS):
        return True
    try:
        with open(_ONE_FILE, encoding="utf-8", errors="replace") as stream:
            return any(line.split()[0] == service for line in stream if line.strip())
    except OSError:
        return False


class PamUnavailable(Exception):
    """PAM cannot be asked; `str()` says why, `remedy` what would help."""

    def __init__(self, why: str, remedy: str = "") -> None:
        super().__init__(why)
        self.remedy = remedy


class PamUnanswered(TimeoutError):
    """PAM said neither yes nor no; `str()` says why."""


class Pam:
    """A PAM service. Raises `PamUnavailable` when the package, libpam or the service is missing."""

    def __init__(
        self, service: str, *, load: Callable[[str], Any] = importlib.import_module,
        exists: Callable[[str], bool] = _service_exists,
    ) -> None:
        if not service or "/" in service or not exists(service):
            raise PamUnavailable(
                f"there is no PAM service '{service}' (/etc/pam.d/{service})",
                "Set AuthPAMConfig to a service that exists, or AuthPAM off")
        try:
            self._module = load("pam")
            self._module.PamAuthenticator()
        except (ImportError, OSError, TypeError, AttributeError) as error:
            raise PamUnavailable(
                f"PAM is not available ({error})",
                f"Install it ({installing('pam')}), or set AuthPAM off") from None
        self.service = service

    def check(self, name: str, password: str, host: str = "") -> tuple[bool, str]:
        """Whether PAM lets the user in with this password, and PAM's reason (for the log). Raises `PamUnanswered`.

        `host` is the client's name or address: modules let in by it (pam_access), and logs name it.
        """
        if "\0" in name or "\0" in password:
            return False, "NUL in name or password"
        authenticator = self._module.PamAuthenticator()
        _tell(authenticator, {_TTY: f"/dev/ftpd{os.getpid():02d}", _RUSER: name, _RHOST: host})
        encode = "surrogateescape"
        ok = authenticator.authenticate(
            name.encode("utf-8", encode), password.encode("utf-8", encode), self.service.encode("utf-8"),
            resetcreds=False)
        reason = authenticator.reason
        return bool(ok), reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)


def _tell(authenticator: Any, items: Mapping[int, str]) -> None:
    """Modules shall know these of the client. python-pam has no parameter for them: its handle is there only while it
    asks, through functions that are its attributes.
    """
    ask, put = authenticator.pam_authenticate, authenticator.pam_set_item

    def asking(handle: Any, flags: int) -> Any:
        for item, value in items.items():
            if value and "\0" not in value:
                put(handle, item, value.encode("utf-8", "surrogateescape"))
        return ask(handle, flags)

    authenticator.pam_authenticate = asking
