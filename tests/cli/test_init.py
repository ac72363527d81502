"""`ftpsd init`: what it writes runs, is checked, and is never written over something."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from cryptography import x509

import ftpsd
from ftpsd.access.closing import parse
from ftpsd.cli import fresh, new_site, shut
from ftpsd.cli.init import command
from ftpsd.errors import ConfigError
from ftpsd.settings import load
from ftpsd.testing.client import ScriptedClient, client_context
from ftpsd.testing.ports import free_port

SOURCES = Path(ftpsd.__file__).parents[1]
PATIENCE = 30.0


@pytest.fixture
def directory() -> Iterator[Path]:
    # pytest's own directories are closed to the user that is served as root
    made = Path(tempfile.mkdtemp(prefix="ftpsd-init-test-"))
    made.chmod(0o755)
    yield made / "site"
    shutil.rmtree(made)


def init(*arguments: str, stdin: str = "") -> Result:
    return CliRunner().invoke(command, list(arguments), input=stdin)


def test_no_password_is_not_a_random_one(directory: Path) -> None:
    for stdin in ("", "\n"):
        said = init(str(directory), "--user", "alice", "--stdin", stdin=stdin)
        assert isinstance(said.exception, ConfigError)
        assert "user 'alice': a password must have 1 to" in str(said.exception)
        assert not directory.exists()


def test_what_it_writes_runs(directory: Path, tls_version: str) -> None:
    port = free_port()
    said = init(str(directory), "--name", "ftp.example.org", "--port", str(port), "--user", "alice", "--stdin",
                stdin="open sesame\n")
    assert said.exit_code == 0, said.output
    assert "It was checked: nothing is wrong with it." in said.output, said.output
    assert f"Then: ftpsd -n -c {directory}/ftpsd.conf" in said.output
    assert "open sesame" not in said.output
    process = subprocess.Popen(
        [sys.executable, "-m", "ftpsd.cli.main", "-n", "-q", "-c", str(directory / "ftpsd.conf")],
        stdin=subprocess.DEVNULL, env=dict(os.environ, PYTHONPATH=str(SOURCES)))
    try:
        deadline = time.monotonic() + PATIENCE
        while not (directory / "run" / "ftpsd.pid").exists():
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.02)
        context = client_context(directory / "server.pem", version=tls_version)
        client = ScriptedClient("127.0.0.1", port, context=context, timeout=PATIENCE)
        client.begin(password="open sesame")
        assert client.store("STOR hello", b"hello").code == 226
        assert (directory / "files" / "alice" / "hello").read_bytes() == b"hello"
        client.quit()
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0


def test_modes_names_and_what_is_left_to_do(tmp_path: Path) -> None:
    base = tmp_path / "site"
    said = init(str(base), "--name", "ftp.example.org", "--name", "192.0.2.7", "--user", "bob")
    assert said.exit_code == 0, said.output
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in base.iterdir()}
    assert modes == {
        "ftpsd.conf": 0o644, "server.pem": 0o644, "server.key": 0o600, "users": 0o600, "log": 0o750, "run": 0o755,
        "files": 0o755}
    (password,) = [line.split()[3] for line in said.output.splitlines() if line.startswith("User bob, password ")]
    assert len(password) >= 16
    assert password not in (base / "users").read_text()
    leaf = x509.load_pem_x509_certificate((base / "server.pem").read_bytes())
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert set(names.get_values_for_type(x509.DNSName)) == {"ftp.example.org", "localhost"}
    assert {str(each) for each in names.get_values_for_type(x509.IPAddress)} == {"192.0.2.7", "127.0.0.1", "::1"}
    left = said.output.partition("Left to do:")[2]
    assert "Get a certificate that clients trust" in left
    assert "30000 to 30999" in left
    assert "Make a user" not in left
    tls = load(str(base / "ftpsd.conf")).hosts[0].settings.tls
    assert tls.required.auth == 1
    assert "TLSv1.1" not in tls.protocol


def test_without_a_user_it_says_how_to_make_one(tmp_path: Path) -> None:
    said = init(str(tmp_path / "site"), "--name", "ftp.example.org")
    assert said.exit_code == 0, said.output
    assert f"Make a user: ftpsd passwd --file {tmp_path}/site/users --uid " in said.output
    assert (tmp_path / "site" / "users").read_bytes() == b""


def test_a_shutdown_is_announced_to_this_server_alone(tmp_path: Path) -> None:
    base = tmp_path / "site"
    assert init(str(base), "--name", "ftp.example.org").exit_code == 0
    done = CliRunner().invoke(shut.command, ["-c", str(base / "ftpsd.conf"), "+30", "Back at noon"])
    assert done.exit_code == 0, done.output
    assert parse((base / "run" / "shutmsg").read_text()).message == "Back at noon"


def test_nothing_is_written_over_something(tmp_path: Path) -> None:
    base = tmp_path / "site"
    base.mkdir()
    assert init(str(base), "--name", "ftp.example.org").exit_code == 0, "an empty directory will do"
    before = {path: path.read_bytes() for path in base.iterdir() if path.is_file()}
    again = init(str(base), "--name", "ftp.example.org")
    assert isinstance(again.exception, ConfigError)
    assert "is there already, and not empty: nothing was written" in str(again.exception)
    assert {path: path.read_bytes() for path in base.iterdir() if path.is_file()} == before
    (tmp_path / "file").touch()
    assert isinstance(init(str(tmp_path / "file")).exception, ConfigError)


@pytest.mark.parametrize("is_there", [False, True])
def test_what_fails_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_there: bool) -> None:
    def full(path: Path, data: bytes, mode: int) -> None:
        if path.name == "users":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        write(path, data, mode)

    write = fresh.write
    base = tmp_path / "site"
    if is_there:
        base.mkdir()
    monkeypatch.setattr(fresh, "write", full)
    said = init(str(base), "--name", "ftp.example.org")
    assert isinstance(said.exception, ConfigError)
    why = f"fatal: unable to write '{base}/users': No space left on device"
    assert str(said.exception) == f"{why}\n  Nothing was written."
    assert list(tmp_path.rglob("*")) == ([base] if is_there else [])


@pytest.mark.parametrize(("port", "passive"), [(29999, "30000 to 30999"), (30000, "31000 to 31999"),
                                               (30999, "31000 to 31999"), (31500, "30000 to 30999")])
def test_the_port_is_none_of_the_passive_ones(tmp_path: Path, port: int, passive: str) -> None:
    said = init(str(tmp_path / "site"), "--name", "ftp.example.org", "--port", str(port))
    assert said.exit_code == 0
    assert "It was checked: nothing is wrong with it." in said.output, said.output
    assert f"Open the ports {port} and {passive} (TCP)" in said.output


def test_with_acme(tmp_path: Path) -> None:
    base = tmp_path / "site"
    said = init(str(base), "--name", "ftp.example.org", "--acme", "--contact", "admin@example.org")
    assert said.exit_code == 0, said.output
    settings = load(str(base / "ftpsd.conf")).hosts[0].settings.certificates
    assert settings.acme_names == ("ftp.example.org",)
    assert settings.acme_server == "https://acme-v02.api.letsencrypt.org/directory"
    assert settings.acme_contact == "admin@example.org"
    assert not settings.acme_agreed
    assert "take the # away before ACMEAgreeToTerms" in said.output
    assert stat.S_IMODE((base / "acme").stat().st_mode) == 0o700
    agreed = init(str(tmp_path / "other"), "--name", "ftp.example.org", "--acme", "--agree")
    assert "ACMEAgreeToTerms" not in agreed.output
    assert load(str(tmp_path / "other" / "ftpsd.conf")).hosts[0].settings.certificates.acme_agreed


@pytest.mark.parametrize(("arguments", "says"), [
    (("--name", "ftp_1.example.org"), "'ftp_1.example.org' is no DNS name"),
    (("--name", 'x" y'), "is no DNS name"),
    (("--name", "192.0.2.7", "--acme"), "'192.0.2.7' is no DNS name"),
    (("--name", "localhost", "--acme"), "an ACME server certifies public names only"),
    (("--name", "a.example.org", "--user", "al:ice"), "user 'al:ice': "),
])
def test_misuse(tmp_path: Path, arguments: tuple[str, ...], says: str) -> None:
    said = init(str(tmp_path / "site"), *arguments)
    assert isinstance(said.exception, ConfigError)
    assert says in str(said.exception)


def test_directories_that_cannot_be_configured(tmp_path: Path) -> None:
    for name in ("with blank", "100%"):
        said = init(str(tmp_path / name), "--name", "ftp.example.org")
        assert isinstance(said.exception, ConfigError)
        assert not (tmp_path / name).exists()
    assert new_site.left_to_do(new_site.Plan("/x", ("a",), 21))
