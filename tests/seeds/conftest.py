"""Fixtures of the seeds' tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ftpsd.testing.configs import ServerFiles
from ftpsd.testing.server import server_directory


@pytest.fixture
def directory() -> Iterator[ServerFiles]:
    """Files of a server under test."""
    with server_directory() as files:
        yield files
