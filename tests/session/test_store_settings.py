"""What configurations say about files: modes, overwriting, restarts, hidden stores, rates, <Directory>."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Iterator

import pytest

from ftpsd.testing.client import ScriptedClient
from ftpsd.testing.plugin import Certificates
from tests.session.hosts import Hosts, serving
from tests.session.talk import converse

HOSTS = {
    "umask": "Umask 027 077",
    "one umask": "Umask 007",
    "no overwriting": "AllowOverwrite off",
    "no overwriting, hidden": "AllowOverwrite off\nHiddenStores on",
    "no restarts": "AllowStoreRestart off\nAllowRetrieveRestart off",
    "hidden": "HiddenStores on",
    "hidden, own name": "HiddenStores .up.%P. .part",
    "hidden, kept": "HiddenStores on\nDeleteAbortedStores off",
    "deleted": "DeleteAbortedStores on",
    "kept": "",
    "slow": "TransferRate RETR,APPE 16:1024\nTransferRate STOR 16",
    "slow for the user": "TransferRate RETR 16:1024 user alice\nTransferRate RETR 100000",
    "slow for others": "TransferRate RETR 1 user bob\nTransferRate RETR 1 class far",
    "no percents": 'DenyFilter "%"',
    "directories": """
        AllowOverwrite on
        <Directory ~/in>
          Umask 077 077
          AllowOverwrite off
          AllowStoreRestart off
          AllowRetrieveRestart off
          DenyFilter "#"
          ListOptions "-a"
          ShowSymlinks off
        </Directory>
        <Directory ~/in/hidden>
          HiddenStores on
          AllowOverwrite on
        </Directory>
        <Directory @HOME@/*/messages>
          DisplayChdir motd
        </Directory>
    """,
}


@pytest.fixture(scope="module")
def hosts(ftps_certificates: Certificates) -> Iterator[Hosts]:
    """One host per setting."""
    with serving(ftps_certificates, HOSTS) as running:
        running.server.give("big.bin", b"0123456789abcdef" * 1024)
        for name in ("in/old.txt", "in/.dot", "in/hidden/old.txt", "messages/motd"):
            running.server.give(name, b"old\n")
        (running.server.home() / "in/link").symlink_to("old.txt")
        yield running


@pytest.fixture(autouse=True)
def old_file(hosts: Hosts) -> None:
    """A file to overwrite, resume and append to."""
    hosts.server.give("file.txt", b"hello\nworld\n")


def binary(hosts: Hosts, name: str) -> ScriptedClient:
    client = hosts.logged_in(name)
    client.expect(200, "TYPE I")
    return client


def test_modes_of_new_files_and_directories(hosts: Hosts) -> None:
    # <Global> has Umask 022 022, and one number says nothing of directories
    cases = (("umask", 0o640, 0o700), ("one umask", 0o660, 0o755), ("kept", 0o644, 0o755))
    for number, (host, file_mode, directory_mode) in enumerate(cases):
        with binary(hosts, host) as client:
            client.store(f"STOR mode{number}", b"x")
            client.expect(257, f"MKD directory{number}")
            assert stat.S_IMODE((hosts.server.home() / f"mode{number}").stat().st_mode) == file_mode
            assert stat.S_IMODE((hosts.server.home() / f"directory{number}").stat().st_mode) == directory_mode


def test_overwriting_is_refused(hosts: Hosts) -> None:
    with binary(hosts, "no overwriting") as client:
        converse(client, """
            > STOR file.txt => 550 file.txt: Overwrite permission denied
            REST 3 => 350 Restarting at 3. Send STORE or RETRIEVE to initiate transfer
            > STOR file.txt => 550 file.txt: Overwrite permission denied
            > STOR no-overwriting => 150 BINARY: no-overwriting; 226 Transfer complete
            RNFR no-overwriting => 350 File or directory exists, ready for destination name
            RNTO file.txt => 550 file.txt: Rename permission denied
            RNFR no-overwriting => 350 File or directory exists, ready for destination name
            RNTO renamed => 250 Rename successful
            > APPE file.txt => 150 BINARY: file.txt; 226 Transfer complete
        """, data=b"!")
        assert client.retrieve("RETR file.txt") == b"hello\nworld\n!"
    with binary(hosts, "no overwriting, hidden") as client:
        converse(client, """
            > STOR file.txt => 550 file.txt: Overwrite permission denied
            > STOR another => 150 BINARY: another; 226 Transfer complete
        """)


def test_restarts_are_refused(hosts: Hosts) -> None:
    with binary(hosts, "no restarts") as client:
        converse(client, """
            REST 3 => 350 Restarting at 3. Send STORE or RETRIEVE to initiate transfer
            > STOR file.txt => 451 file.txt: Append/Restart not permitted, try again
            REST 3 => 350 Restarting at 3. Send STORE or RETRIEVE to initiate transfer
            < RETR file.txt => 451 file.txt: Restart not permitted, try again
            > APPE file.txt => 451 file.txt: Append/Restart not permitted, try again
            > APPE fresh => 150 BINARY: fresh; 226 Transfer complete
            > STOR file.txt => 150 BINARY: file.txt; 226 Transfer complete
        """, data=b"!")
        assert client.retrieve("RETR file.txt") == b"!"


def test_what_is_missing_or_no_file_is_told_before_restarts_are_refused(hosts: Hosts) -> None:
    hosts.server.give("folder/inner.txt")
    with binary(hosts, "no restarts") as client:
        converse(client, """
            REST 3 => 350 Restarting at 3. Send STORE or RETRIEVE to initiate transfer
            < RETR missing => 550 missing: No such file or directory
            REST 3 => 350 Restarting at 3. Send STORE or RETRIEVE to initiate transfer
            < RETR folder => 550 folder: Not a regular file
            > APPE folder => 550 folder: Not a regular file
        """)


@pytest.mark.parametrize(("host", "pattern"), [
    ("hidden", ".in.secret.txt."), ("hidden, own name", ".up.{thread}.secret.txt.part"),
])
def test_hidden_stores(hosts: Hosts, host: str, pattern: str) -> None:
    home = hosts.server.home()
    home.joinpath("secret.txt").unlink(missing_ok=True)
    with binary(hosts, host) as client:
        with client.transfer("STOR secret.txt") as stream:
            stream.write(b"half")
            names = {path.name for path in home.iterdir()}
            thread = next((name.split(".")[2] for name in names if name.startswith(".up.")), "")
            assert pattern.format(thread=thread) in names
            assert "secret.txt" not in names
            stream.write(b" and half")
        assert (home / "secret.txt").read_bytes() == b"half and half"
        client.store("APPE secret.txt", b"!")
        assert (home / "secret.txt").read_bytes() == b"half and half!"
    assert not [path for path in home.iterdir() if path.name.startswith((".up.", ".in."))]


@pytest.mark.parametrize(("host", "left"), [
    ("hidden", {"file.txt": b"hello\nworld\n"}),
    ("hidden, kept", {"file.txt": b"hello\nworld\n", ".in.file.txt.": b"half"}),
    ("deleted", {}),
    ("kept", {"file.txt": b"half"}),
])
def test_what_an_aborted_store_leaves(hosts: Hosts, host: str, left: dict[str, bytes]) -> None:
    home = hosts.server.home()
    with binary(hosts, host) as client:
        connection = client.data()
        client.expect(150, "STOR file.txt")
        connection.establish().write(b"half")
        _wait_for_size(home / ("file.txt" if not host.startswith("hidden") else ".in.file.txt."), 4)
        client.expect(426, "ABOR")
        client.expect(226)
        connection.close("fin")
    found = {name: (home / name).read_bytes() for name in ("file.txt", ".in.file.txt.") if (home / name).exists()}
    (home / ".in.file.txt.").unlink(missing_ok=True)
    assert found == left


def _wait_for_size(path: os.PathLike[str], size: int) -> None:
    deadline = time.monotonic() + 10
    while os.stat(path).st_size != size:
        assert time.monotonic() < deadline, f"{path} does not grow"
        time.sleep(0.005)


@pytest.mark.parametrize("host", ["slow", "slow for the user"])
def test_rates_are_kept(hosts: Hosts, host: str) -> None:
    """16 KiB/s: what has come long before the time for it is up is within the rate, never the whole file."""
    with binary(hosts, host) as client:
        data = client.data()
        begin = time.monotonic()
        client.expect(150, "RETR big.bin")
        stream = data.establish()
        got = bytearray()
        while time.monotonic() - begin < 0.3:
            got += stream.read(4096)
        elapsed = time.monotonic() - begin
        assert 1024 <= len(got) <= 1024 + 16 * 1024 * elapsed + 8192
        data.close("rst")
        assert client.read_reply().code == 426


def test_rates_of_others_slow_nobody(hosts: Hosts) -> None:
    """16 KiB at 1 KiB/s would take longer than a test may."""
    with binary(hosts, "slow for others") as client:
        begin = time.monotonic()
        assert len(client.retrieve("RETR big.bin")) == 16384
        assert time.monotonic() - begin < 10


def test_filter_of_arguments(hosts: Hosts) -> None:
    with hosts.connected("no percents") as client:
        converse(client, "MKD a%b => 530 Please login with USER and PASS")
    with binary(hosts, "no percents") as client:
        converse(client, """
            MKD a%b => 550 a%b: Forbidden command argument [argument-forbidden]
            CWD 100% => 550 100%: Forbidden command argument [argument-forbidden]
            < RETR % => 550 %: Forbidden command argument [argument-forbidden]
            MFMT 20200101000000 % => 550 20200101000000 %: Forbidden command argument [argument-forbidden]
            PWD => 257 "/" is the current directory
        """)


def test_directories_have_settings_of_their_own(hosts: Hosts) -> None:
    """Those of the directory that a path lies in, wherever the session is."""
    home = hosts.server.home()
    with binary(hosts, "directories") as client:
        converse(client, """
            > STOR in/old.txt => 550 in/old.txt: Overwrite permission denied
            > STOR in/new.txt => 150 BINARY: in/new.txt; 226 Transfer complete
            > APPE in/new.txt => 451 in/new.txt: Append/Restart not permitted, try again
            REST 1 => 350 Restarting at 1. Send STORE or RETRIEVE to initiate transfer
            < RETR in/old.txt => 451 in/old.txt: Restart not permitted, try again
            RNFR file.txt => 350 File or directory exists, ready for destination name
            RNTO in/old.txt => 550 in/old.txt: Rename permission denied
            MKD in/made => 257 "/in/made" - Directory successfully created
            MKD made# => 257 "/made#" - Directory successfully created
            > STOR file.txt => 150 BINARY: file.txt; 226 Transfer complete
            CWD messages => 250 old / CWD command successful
            CWD ../in => 250 CWD command successful
            MKD made# => 550 made#: Forbidden command argument [argument-forbidden]
            CWD / => 250 CWD command successful
        """)
        assert stat.S_IMODE((home / "in/new.txt").stat().st_mode) == 0o600
        assert stat.S_IMODE((home / "in/made").stat().st_mode) == 0o700
        assert stat.S_IMODE((home / "made#").stat().st_mode) == 0o755
        assert b".dot" in client.retrieve("NLST in")
        assert b"->" not in client.retrieve("LIST in")
        assert b".dot" not in client.retrieve("NLST messages")
        with client.transfer("STOR in/hidden/old.txt") as stream:
            stream.write(b"new")
            assert (home / "in/hidden/.in.old.txt.").exists()
        assert (home / "in/hidden/old.txt").read_bytes() == b"new"
