"""ExtendedLog and TransferLog say what ProFTPD 1.3.8's say, for a table of sessions."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ftpsd.testing.configs import ServerConfig
from ftpsd.testing.plugin import Certificates
from ftpsd.testing.server import PROFTPD, RunningServer, server_directory, start_ftpsd, start_proftpd
from tests.peer import log_compare
from tests.peer.compare import ALICE, BOB
from tests.peer.log_compare import LogScript, compare
from tests.peer.log_scripts import LOG_SCRIPTS

pytestmark = [pytest.mark.peer, pytest.mark.root]


def _config(certificates: Certificates) -> ServerConfig:
    return ServerConfig(
        certificates.server, users=(ALICE, BOB), tls=("TLSRequired off", "TLSOptions StdEnvVars"),
        directives=("MaxLoginAttempts 3",), sections=log_compare.SECTIONS)


@pytest.fixture(scope="module")
def servers(ftps_certificates: Certificates) -> Iterator[tuple[RunningServer, RunningServer]]:
    """ProFTPD and ftpsd, for all scripts of this process."""
    if not (PROFTPD.exists() and Path("/usr/lib/proftpd/mod_tls.so").exists()):
        pytest.skip("proftpd with mod_tls is not installed (packages proftpd-core, proftpd-mod-crypto)")
    authority = ftps_certificates.authority_file
    with server_directory() as theirs, server_directory() as ours:
        proftpd = start_proftpd(_config(ftps_certificates), theirs, authority)
        try:
            ftpsd = start_ftpsd(_config(ftps_certificates), ours, authority)
            try:
                yield proftpd, ftpsd
            finally:
                ftpsd.stop()
        finally:
            proftpd.stop()


@pytest.mark.parametrize("script", LOG_SCRIPTS, ids=lambda script: str(script.name))
def test_same_lines(servers: tuple[RunningServer, RunningServer], script: LogScript) -> None:
    proftpd, ftpsd = servers
    ours, theirs = log_compare.session(ftpsd, script), log_compare.peers(proftpd, script)
    if theirs is None:
        pytest.skip("ProFTPD did not write the end of this session")
    problems = compare(theirs, ours, script)
    assert not problems, f"{len(problems)} differences\n" + "\n".join(problems)


def test_there_are_enough_scripts() -> None:
    assert len({script.name for script in LOG_SCRIPTS}) == len(LOG_SCRIPTS) >= 30
