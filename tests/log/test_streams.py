"""Standard output and error as log files: where containers have their logs."""

from __future__ import annotations

import os

import pytest

from ftpsd.log.files import LogFiles


@pytest.mark.parametrize(("path", "stream"), [("/dev/stdout", 0), ("/dev/stderr", 1), ("/dev//stdout", 0)])
def test_whatever_they_are_links_to(path: str, stream: int, capfd: pytest.CaptureFixture[str]) -> None:
    files = LogFiles()
    file = files.get(path)
    file.write("an entry")
    assert files.reopen() == []
    assert files.get(path) is file
    files.close()
    captured = capfd.readouterr()
    assert (captured.out, captured.err)[stream] == "an entry\n"
    os.fstat(1)
    os.fstat(2)
