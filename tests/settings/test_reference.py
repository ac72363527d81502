"""Help and the reference page."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from ftpsd.settings import DIRECTIVES, did_you_mean, help
from ftpsd.settings.declaration import Declaration
from ftpsd.settings.manual import page

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "directives.md"


def test_the_page_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), (
        "run python -m ftpsd.settings.reference > docs/reference/directives.md"
    )


def test_the_page_is_what_the_module_prints() -> None:
    printed = subprocess.run(
        [sys.executable, "-W", "error", "-m", "ftpsd.settings.reference"],
        capture_output=True,
        check=True,
        timeout=60,
        env={"PYTHONPATH": str(Path(__file__).parents[2] / "src"), "PYTHONUTF8": "1"},
    )
    assert printed.stdout.decode("utf-8") == page()


@pytest.mark.parametrize("entry", DIRECTIVES.values(), ids=list(DIRECTIVES))
def test_every_directive_has_help(entry: Declaration) -> None:
    name = entry.name
    text = help(name.upper())
    assert text is not None
    assert text.startswith(name)
    assert name in page()


@pytest.mark.parametrize("name", ["User", "Group", "RLimitMemory", "RLimitOpenFiles", "UseReverseDNS"])
def test_places_without_effect_are_not_listed(name: str) -> None:
    """They may stand in <IfClass>, which is a notice."""
    assert "<IfClass>" not in DIRECTIVES[name.lower()].places
    assert "<IfClass>" in DIRECTIVES["rlimitcpu"].places


@pytest.mark.parametrize(
    ("name", "contents"),
    [
        ("tlsrequired", ["TLSRequired on|off|ctrl", "Module:    mod_tls", "Default:   off", "<Directory>"]),
        ("LoadModule", ["accepted without effect: every module"]),
        ("RootRevoke", ["accepted without effect: a session gives up root"]),
        ("RateReadBPS", ["renamed: write TransferRate"]),
        ("HiddenStor", ["renamed: write HiddenStores"]),
        ("TLSRSACertificateKeyFile", ["Needs:     TLSRSACertificateFile"]),
        ("UserAlias", ["Repeated:  all count"]),
        ("<VirtualHost>", ["<VirtualHost address …>"]),
        ("ifmodule", ["<IfModule [!]mod_name.c>"]),
        ("Include", ["Reads other files"]),
    ],
)
def test_help(name: str, contents: list[str]) -> None:
    text = help(name)
    assert text is not None
    for part in contents:
        assert part in text


def test_help_for_what_is_not_there() -> None:
    assert help("TLSRequire") is None
    assert did_you_mean("TLSRequire") == "Did you mean TLSRequired?"
    assert did_you_mean("zzz") is None
    assert "belongs to mod_sftp, which ftpsd does not have" in (did_you_mean("SFTPEngine") or "")
