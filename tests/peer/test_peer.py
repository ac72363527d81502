"""ftpsd answers as ProFTPD 1.3.8 does: the table of scripts, run against both."""

from __future__ import annotations

import pytest

from ftpsd.testing.plugin import Certificates, ServerFactory
from tests.peer.access_scripts import ACCESS_SCRIPTS
from tests.peer.bound_scripts import BOUND_SCRIPTS
from tests.peer.compare import Script, compare
from tests.peer.guard_scripts import GUARD_SCRIPTS
from tests.peer.hiding_scripts import HIDING_SCRIPTS
from tests.peer.scripts import SCRIPTS
from tests.peer.tls_scripts import TLS_SCRIPTS
from tests.peer.transfer_scripts import TRANSFER_SCRIPTS

pytestmark = [pytest.mark.peer, pytest.mark.root]


ALL = [*SCRIPTS, *TLS_SCRIPTS, *BOUND_SCRIPTS, *ACCESS_SCRIPTS, *HIDING_SCRIPTS, *GUARD_SCRIPTS, *TRANSFER_SCRIPTS]


@pytest.mark.parametrize("script", ALL, ids=lambda script: script.name)
def test_same_answers(
    proftpd_server: ServerFactory, ftps_server: ServerFactory, ftps_certificates: Certificates, script: Script
) -> None:
    problems = compare(proftpd_server, ftps_server, script, ftps_certificates)
    assert not problems, f"{len(problems)} differences\n" + "\n".join(problems)


def test_there_are_enough_scripts_about_tls() -> None:
    """At least 60 over AUTH, PBSZ, PROT, CCC, TLSRequired, AllowPerUser, implicit TLS, certificates, names."""
    names = [script.name for script in ALL]
    assert len(set(names)) == len(names)
    themes = ("TLSRequired", "CCC", "auth", "AUTH", "protection", "implicit", "TLS", "reuse")
    assert sum(any(theme in name for theme in themes) for name in names) >= 60


def test_there_are_enough_scripts_about_access() -> None:
    """At least 40 over <Limit>, <Directory>, .ftpaccess, filters, what is hidden, and logins."""
    assert sum(script.name.startswith("access: ") for script in ALL) >= 40
