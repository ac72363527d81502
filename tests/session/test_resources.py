"""RLimit*: what is bounded in a process of its own, and what is said of what is not."""

from __future__ import annotations

import resource
import subprocess
import sys
from dataclasses import replace

from ftpsd.session import resources
from ftpsd.settings.login_values import ResourceLimit, count_limit, size_limit
from ftpsd.settings.logins import LoginSettings

_PROGRAM = """
import resource
from ftpsd.session import resources
from ftpsd.settings.login_values import ResourceLimit
from ftpsd.settings.logins import LoginSettings
notes = []
resources.bound_worker(LoginSettings(
    rlimit_open_files=(ResourceLimit("both", 200, 300),), rlimit_memory=(ResourceLimit("daemon", 2**33),),
    rlimit_cpu=(ResourceLimit("both", 1),)), notes.append)
print(resource.getrlimit(resource.RLIMIT_NOFILE), resource.getrlimit(resource.RLIMIT_AS)[0],
      resource.getrlimit(resource.RLIMIT_CPU)[0] == 1, notes)
resources.bound_worker(LoginSettings(rlimit_open_files=(ResourceLimit("daemon", 500, 400),)), notes.append)
print(len(notes), resource.getrlimit(resource.RLIMIT_NOFILE))
"""


def test_a_worker_is_bounded() -> None:
    done = subprocess.run([sys.executable, "-c", _PROGRAM], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.splitlines() == [f"(200, 300) {2**33} False []", "1 (200, 300)"]


def test_what_is_said_of_sessions_is_reported() -> None:
    assert resources.notices(LoginSettings(rlimit_cpu=(ResourceLimit("session", 5),))) == ()
    assert resources.notices(LoginSettings(rlimit_memory=size_limit(["daemon", "1GB"]))) == ()
    (said,) = resources.notices(LoginSettings(rlimit_memory=size_limit(["session", "64M"])))
    assert said.startswith("RLimitMemory session has no effect")
    (said,) = resources.notices(LoginSettings(rlimit_open_files=count_limit(["4096"])))
    assert said.startswith("RLimitOpenFiles without scope holds for each worker process")


def test_processor_time_of_sessions() -> None:
    unbounded = LoginSettings()
    assert resources.session_seconds(unbounded) is None
    assert resources.session_seconds(replace(unbounded, rlimit_cpu=count_limit(["30"]))) == 30
    assert resources.session_seconds(replace(unbounded, rlimit_cpu=count_limit(["daemon", "30"]))) is None
    both = (*count_limit(["none"]), *count_limit(["30"]))
    assert resources.session_seconds(replace(unbounded, rlimit_cpu=both)) is None
    assert resources.session_seconds(replace(unbounded, rlimit_cpu=count_limit(["max"]))) is None


def test_nothing_is_bounded_by_default() -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resources.bound_worker(LoginSettings(), lambda text: None)
    assert resource.getrlimit(resource.RLIMIT_NOFILE) == before
