"""A pytest plugin (`-p tests.long_search`): hypothesis looks longer for inputs that break something."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile(
    "long-search", max_examples=20_000, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)


@pytest.hookimpl(trylast=True)
def pytest_configure() -> None:
    """After the profile of tests/conftest.py."""
    settings.load_profile("long-search")
