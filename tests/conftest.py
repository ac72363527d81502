"""Loads the pytest plugin where ftpsd is not installed (PYTHONPATH=src), so its entry point is not known."""

import pytest

from ftpsd.testing import plugin


def pytest_configure(config: pytest.Config) -> None:
    if not config.pluginmanager.is_registered(plugin):
        config.pluginmanager.register(plugin, "ftpsd")
