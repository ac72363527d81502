"""Fixtures of the TLS tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.tls.rig import Files


@pytest.fixture
def files(tmp_path: Path) -> Files:
    """PEM files of the server's side."""
    return Files(tmp_path)
