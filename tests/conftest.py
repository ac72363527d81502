"""Loads the pytest plugin where ftpsd is not installed (PYTHONPATH=src), so its entry point is not known."""

import os

import pytest
from hypothesis import HealthCheck, settings

from ftpsd.testing import plugin

settings.register_profile("busy-machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("gate", settings.get_profile("busy-machine"), derandomize=True)
settings.load_profile("busy-machine")


def pytest_configure(config: pytest.Config) -> None:
    if not config.pluginmanager.is_registered(plugin):
        config.pluginmanager.register(plugin, "ftpsd")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What is marked `root` is skipped for everybody else."""
    if os.getuid() == 0:
        return
    for item in items:
        if item.get_closest_marker("root") is not None:
            item.add_marker(pytest.mark.skip(reason="needs to run as root"))
