"""ftpsd answers as ProFTPD 1.3.8 does: the table of scripts, run against both."""

from __future__ import annotations

import pytest

from ftpsd.testing.plugin import ServerFactory
from tests.peer.compare import Script, compare
from tests.peer.scripts import SCRIPTS

pytestmark = [pytest.mark.peer, pytest.mark.root]


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_same_answers(proftpd_server: ServerFactory, ftps_server: ServerFactory, script: Script) -> None:
    problems = compare(proftpd_server, ftps_server, script)
    assert not problems, f"{len(problems)} differences\n" + "\n".join(problems)
