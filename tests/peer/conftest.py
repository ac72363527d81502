"""What tests that ask ProFTPD share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ftpsd.testing.plugin import need_proftpd
from tests.peer.shared import Pairs, pairs


@pytest.fixture(scope="module")
def servers() -> Iterator[Pairs]:
    """Pairs of ProFTPD and ftpsd, each started when it is needed first."""
    need_proftpd()
    with pairs() as found:
        yield found
