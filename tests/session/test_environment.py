"""SetEnv and UnsetEnv of server config."""

from __future__ import annotations

import os

import pytest

from ftpsd.session import environment
from tests.settings.support import main_host


def test_the_last_of_a_name_counts_and_all_is_put_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FTPSD_A", "before")
    monkeypatch.setenv("FTPSD_B", "before")
    core = main_host(
        "<Global>\nSetEnv FTPSD_A global\nSetEnv FTPSD_C global\n</Global>\n"
        "SetEnv FTPSD_A first\nUnsetEnv FTPSD_B\nSetEnv FTPSD_A last").settings.core
    environment.apply(core.set_env, core.unset_env)
    assert [os.environ.get(f"FTPSD_{letter}") for letter in "ABC"] == ["last", None, "global"]
    environment.apply((), ())
    assert [os.environ.get(f"FTPSD_{letter}") for letter in "ABC"] == ["before", "before", None]
