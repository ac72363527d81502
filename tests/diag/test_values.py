"""Values of settings as `ftpsd check` prints them."""

from __future__ import annotations

import pytest

from ftpsd.diag.values import shown
from ftpsd.settings.bound_parsers import session_timeout


@pytest.mark.parametrize(("line", "text"), [
    ("60", "seconds=60 whom=none"),
    ("60 user alice,!bob", "seconds=60 whom=user alice or !bob"),
    ("60 group staff,ftp", "seconds=60 whom=group staff and ftp"),
])
def test_for_whom_a_line_is(line: str, text: str) -> None:
    assert shown(session_timeout(line.split())) == text
