"""What `ftpsctl` says beside the server's words, which are ProFTPD's: what to do about a refusal."""

from __future__ import annotations

from pathlib import Path

import pytest

from ftpsd.cli import ctl
from ftpsd.cli.main import main
from ftpsd.ctl.actions import ACTIONS
from ftpsd.ctl.protocol import Message

PAGE = Path(__file__).resolve().parents[2] / "docs" / "operation.md"


def answered(monkeypatch: pytest.MonkeyPatch, *texts: str) -> None:
    monkeypatch.setattr("ftpsd.ctl.client.ask", lambda path, words, fd=None: Message(-1, texts))


def said(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    with pytest.raises(SystemExit) as ended:
        main(["ctl", "-s", "/nowhere/ftpsd.sock", *words])
    assert ended.value.code == 1
    return capsys.readouterr().err


@pytest.mark.parametrize(("words", "text", "hint"), [
    (("nosuch",), "unsupported action requested", "  `help` lists the actions\n"),
    (("kick",), "missing required parameters", "  write: kick user|host|class|session [-n N] NAME …\n"),
    (("tls", "sesscache"), "tls sesscache: missing required parameters",
     "  write: tls sesscache|ocspcache info [-v]|clear|remove\n"),
    (("ban", "user"), "missing parameters", "  write: ban user|host|class [-d HH:MM:SS] NAME … | ban info [-v]\n"),
    (("permit",), "missing parameters", "  write: permit user|host|class NAME …|*\n"),
    (("get", "config"), "config: missing parameters", "  write: get directives | get config NAME …\n"),
    (("kick", "user", "bob"), "user 'bob' not connected", ""),
])
def test_a_refusal(
    words: tuple[str, ...], text: str, hint: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:
    answered(monkeypatch, text)
    assert said(capsys, *words) == hint


def test_nobody_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert "no server answers there: start it, or say with -c FILE or -s SOCKET which one is meant" in said(
        capsys, "who")


def test_forms_are_those_of_the_page() -> None:
    page = PAGE.read_text("utf-8").replace("\\|", "|")
    assert set(ctl.FORMS) <= set(ACTIONS)
    for form in ctl.FORMS.values():
        for one in form.split(" | "):
            assert one.removeprefix("down ") in page, one
