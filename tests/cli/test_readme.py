"""The configuration in README.md is one that loads."""

from __future__ import annotations

import re
from pathlib import Path

from ftpsd.server.options import Options
from ftpsd.server.supervisor import check
from ftpsd.testing.ca import Authority

TREE = Path(__file__).resolve().parents[2]
PATHS = ("/var/log/ftpsd", "/etc/ftpsd", "/etc/ssl/certs", "/etc/ssl/private")


def test_the_configuration_loads(tmp_path: Path) -> None:
    found = re.search(r"```apache\n(.*?)```", (TREE / "README.md").read_text(), re.DOTALL)
    assert found is not None
    text = found[1]
    for path in PATHS:
        text = text.replace(f"{path}/", f"{tmp_path}/")
    files = Authority.create().leaf("ftp.example.org", kind="rsa").write(tmp_path, "server")
    files.certificate.rename(tmp_path / "ftp.example.org.pem")
    files.key.rename(tmp_path / "ftp.example.org.key")
    (tmp_path / "users").touch(mode=0o600)
    config = tmp_path / "ftpsd.conf"
    config.write_text(text + "WtmpLog off\n")
    notices = check(Options(config=str(config)))
    assert not [notice for notice in notices if "unable" in notice]
