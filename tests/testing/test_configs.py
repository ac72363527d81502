"""The configuration builder: a test's line replaces the default of the same name; hashes are libcrypt's."""

from pathlib import Path

import pytest

from ftpsd.testing.ca import Authority
from ftpsd.testing.configs import ServerConfig, ServerFiles, User, hash_password


def text(tmp_path: Path, **options: object) -> str:
    certificate = Authority.create().leaf().write(tmp_path, "server")
    config = ServerConfig(certificate=certificate, **options)  # type: ignore[arg-type]
    return config.text(ServerFiles(tmp_path))


def test_own_directive_replaces_the_default(tmp_path: Path) -> None:
    lines = text(tmp_path, directives=["umask 077", "TimeoutIdle 5"], tls=["TLSLog none"]).splitlines()
    assert "umask 077" in lines
    assert "TimeoutIdle 5" in lines
    assert not [line for line in lines if line.startswith("Umask")]
    assert [line for line in lines if line.startswith("TLSLog")] == ["TLSLog none"]
    assert "TLSEngine on" in lines


def test_dialects(tmp_path: Path) -> None:
    assert "LoadModule mod_tls.c" not in text(tmp_path)
    assert "LoadModule mod_tls.c" in text(tmp_path, dialect="proftpd").splitlines()


def test_without_certificate_there_is_no_tls_block(tmp_path: Path) -> None:
    assert "TLS" not in ServerConfig(certificate=None).text(ServerFiles(tmp_path))


def test_written_files(tmp_path: Path) -> None:
    files = ServerFiles(tmp_path)
    ServerConfig(certificate=None, users=(User(), User("bob", "other", salt="$1$abcd$"))).write(files)
    entries = [line.split(":") for line in (tmp_path / "passwd").read_text().splitlines()]
    assert [entry[0] for entry in entries] == ["alice", "bob"]
    assert entries[1][1].startswith("$1$abcd$")
    assert all(Path(entry[5]).is_dir() for entry in entries)
    assert (tmp_path / "passwd").stat().st_mode & 0o777 == 0o600


def test_unknown_scheme_is_an_error() -> None:
    with pytest.raises(ValueError, match="libcrypt does not know"):
        hash_password("secret", "$nonsense$")
