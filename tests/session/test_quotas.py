"""Quotas in sessions: what ProFTPD answers and tallies, cut exactly, together with others."""

from __future__ import annotations

import contextlib
import math
import os
import stat
import subprocess
import threading
import time
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from unittest.mock import Mock

import pytest

from ftpsd.access.quotas import Amounts, Key, Limit, QuotaType
from ftpsd.guard import quotafile
from ftpsd.guard.quotafile import LimitFile, TallyFile
from ftpsd.session import quotas
from ftpsd.settings.quotas import QuotaSettings
from ftpsd.testing.client import Reply, ScriptedClient, parse_epsv
from ftpsd.testing.configs import ServerConfig, User
from ftpsd.testing.plugin import Certificates
from ftpsd.testing.server import RunningServer, ServerFault, server_directory, start_ftpsd
from tests.server.harness import until

ALICE, HAL = Key(QuotaType.USER, "alice"), Key(QuotaType.USER, "hal")
USERS = (
    User("alice"), User("bob"), User("carl"), User("dora"), User("eve"), User("fred"), User("gil"),
    User("hal"), User("ida"), User("jan"))
LIMITS = (
    Limit(ALICE, Amounts(1000.0, 3000.0, 0.0, 4, 3)),
    Limit(Key(QuotaType.USER, "bob"), Amounts(1000.0, 0.0, 0.0, 4), hard=False),
    Limit(Key(QuotaType.USER, "carl"), Amounts(bytes_xfer=2000.0, files_xfer=5), per_session=True),
    Limit(Key(QuotaType.USER, "dora"), Amounts(bytes_in=1000.0)),
    Limit(Key(QuotaType.USER, "eve"), Amounts(bytes_in=10_000.0, files_in=100)),
    Limit(HAL, Amounts(bytes_in=20_000.0, files_in=100)),
    Limit(Key(QuotaType.USER, "ida"), Amounts(bytes_in=math.inf)),
    Limit(Key(QuotaType.USER, "jan"), Amounts(bytes_in=1e19)),
)


@contextlib.contextmanager
def running(
    certificates: Certificates, *directives: str, workers: int = 2, tallies: str = "tally.tab",
) -> Iterator[RunningServer]:
    with server_directory() as files:
        make_tables(files.directory)
        config = ServerConfig(
            certificate=certificates.server, users=USERS, tls=("TLSRequired off",), directives=(
                f"Workers {workers}", "QuotaEngine on", f"QuotaLog {files.directory}/quota.log",
                f"QuotaLimitTable file:{files.directory}/limit.tab",
                f"QuotaTallyTable file:{files.directory}/{tallies}", *directives))
        server = start_ftpsd(config, files, certificates.authority_file)
        try:
            yield server
        finally:
            server.stop()


def make_tables(directory: Path) -> None:
    quotafile.create(f"{directory}/limit.tab", quotafile.LIMITS)
    quotafile.create(f"{directory}/tally.tab", quotafile.TALLIES)
    table = LimitFile(f"{directory}/limit.tab", writable=True)
    for limit in LIMITS:
        table.put(limit)
    table.close()


@pytest.fixture(scope="module")
def server(ftps_certificates: Certificates) -> Iterator[RunningServer]:
    with running(ftps_certificates, r"QuotaExcludeFilter \.tmp$", "QuotaDirectoryTally on") as server:
        yield server


def login(server: RunningServer, user: str = "alice") -> ScriptedClient:
    client = server.client(tls=False)
    client.connect()
    client.login(user)
    client.expect(200, "TYPE I")
    return client


def store(client: ScriptedClient, command: str, size: int) -> str:
    """The last reply to an upload."""
    connection = client.data()
    try:
        first = client.command(command)
        if first.code != 150:
            return shown(first)
        stream = connection.establish()
        with contextlib.suppress(OSError):
            stream.write(b"x" * size)
        connection.close("fin")
        return shown(client.read_reply())
    finally:
        connection.close("fin")


def shown(reply: Reply) -> str:
    return f"{reply.code} " + " / ".join(line.strip() for line in reply.lines)


def tally(server: RunningServer, key: Key = ALICE) -> Amounts | None:
    table = TallyFile(f"{server.files.directory}/tally.tab")
    try:
        return table.read(key)
    finally:
        table.close()


def used(client: ScriptedClient, what: str = "Uploaded bytes") -> str:
    reply = client.expect(200, "SITE QUOTA")
    return next(line.split("\t")[1] for line in reply.lines if line.strip().startswith(f"{what}:"))


DONE = "226 Transfer complete"


def test_a_hard_limit_as_in_proftpd(server: RunningServer) -> None:
    """The dialogue that was had with ProFTPD 1.3.8 (552 has a code behind it, and downloads are not cut)."""
    server.give("old", b"y" * 100)
    server.give("big", b"y" * 5000)
    client = login(server)
    assert [line.strip() for line in client.expect(200, "SITE QUOTA").lines] == [
        "The current quota for this session are [current/limit]:", "Name: alice", "Quota Type: User",
        "Per Session: False", "Limit Type: Hard", "Uploaded bytes:\t0.00/1000.00", "Downloaded bytes:\t0.00/3000.00",
        "Transferred bytes:\tunlimited", "Uploaded files:\t0/4", "Downloaded files:\t0/3",
        "Transferred files:\tunlimited", "Please contact admin@example.org if these entries are inaccurate"]
    assert (store(client, "STOR a", 400), used(client)) == (DONE, "400.00/1000.00")
    assert (store(client, "STOR a", 300), used(client)) == (DONE, "300.00/1000.00")
    assert (store(client, "APPE a", 50), used(client)) == (DONE, "350.00/1000.00")
    assert (store(client, "STOR old", 10), used(client)) == (DONE, "260.00/1000.00")
    assert used(client, "Uploaded files") == "1/4"
    assert store(client, "STOR b", 1000) == (
        "552 Transfer aborted. Disk quota exceeded [quota-reached] / STOR: notice: quota reached: 'b' removed")
    assert client.command("SIZE b").code == 550
    assert (used(client), used(client, "Uploaded files")) == ("260.00/1000.00", "1/4")
    client.expect(350, "RNFR a")
    client.expect(250, "RNTO c")
    assert used(client) == "260.00/1000.00"
    client.expect(350, "RNFR c")
    client.expect(250, "RNTO old")
    assert (used(client), used(client, "Uploaded files")) == ("250.00/1000.00", "0/4")
    client.expect(250, "DELE old")
    client.expect(550, "DELE nosuch")
    assert used(client) == "0.00/1000.00"
    assert [store(client, f"STOR f{number}", 200) for number in range(5)] == [
        DONE, DONE, DONE, f"{DONE} / STOR: notice: quota reached: used 4 of 4 upload files",
        "552 STOR denied: quota exceeded: used 4 of 4 upload files [quota-reached]"]
    assert store(client, "STOU", 1).startswith("552 STOU denied: quota exceeded: used 4 of 4 upload files")
    assert store(client, "APPE f1", 1) == DONE
    assert len(client.retrieve("RETR big")) == 5000
    assert shown(client.command("RETR f1")) == (
        "451 RETR denied: quota exceeded: used 5000.00 of 3000.00 download bytes [quota-reached]")
    client.quit()
    assert tally(server) == Amounts(801.0, 5000.0, 0.0, 4, 1, 0)
    log = (server.files.directory / "quota.log").read_text()
    for line in (
        "found limit entry for user 'alice'", "SITE QUOTA requested by user alice", "STOR: quota reached: 'b' removed",
        "STOR denied: quota exceeded: used 4 of 4 upload files",
        "RETR: quota reached: used 5000.00 of 3000.00 download bytes",
    ):
        assert f"]: {line}\n" in log


def test_a_hard_limit_is_met_exactly(server: RunningServer) -> None:
    dora = Key(QuotaType.USER, "dora")
    client = login(server, "dora")
    assert store(client, "STOR a", 600) == DONE
    full = " / STOR: notice: quota reached: used 1000.00 of 1000.00 upload bytes"
    assert store(client, "STOR b", 401).startswith("552 Transfer aborted. Disk quota exceeded")
    assert tally(server, dora) == Amounts(bytes_in=600.0)
    assert store(client, "STOR b", 400) == DONE + full
    assert tally(server, dora) == Amounts(bytes_in=1000.0)
    client.expect(250, "DELE b")
    assert store(client, "APPE a", 401).startswith("552 Transfer aborted. Disk quota exceeded [quota-reached]")
    assert shown(client.expect(213, "SIZE a")) == "213 600"
    client.expect(350, "REST 500")
    assert store(client, "STOR a", 501).startswith("552 Transfer aborted")
    client.expect(350, "REST 500")
    assert store(client, "STOR a", 500) == DONE + full
    assert shown(client.expect(213, "SIZE a")) == "213 1000"
    assert tally(server, dora) == Amounts(bytes_in=1000.0)
    client.expect(250, "DELE a")
    assert store(client, "STOR c.tmp", 5000) == DONE
    assert tally(server, dora) == Amounts()
    client.expect(250, "DELE c.tmp")
    client.quit()


def test_a_soft_limit_may_be_passed_once(server: RunningServer) -> None:
    client = login(server, "bob")
    reached = "used 1260.00 of 1000.00 upload bytes"
    assert store(client, "STOR a", 260) == DONE
    assert store(client, "STOR b", 1000) == f"{DONE} / STOR: notice: quota reached: {reached}"
    assert store(client, "STOR c", 1) == f"552 STOR denied: quota exceeded: {reached} [quota-reached]"
    assert store(client, "APPE a", 1) == f"552 APPE denied: quota exceeded: {reached} [quota-reached]"
    assert shown(client.command("MKD d")) == f"552 MKD denied: quota exceeded: {reached} [quota-reached]"
    client.expect(250, "DELE b")
    client.expect(257, "MKD d")
    assert used(client, "Uploaded files") == "2/4"
    client.expect(250, "RMD d")
    assert used(client, "Uploaded files") == "1/4"
    client.quit()


@pytest.mark.parametrize("user", ["ida", "jan"])
def test_a_hard_limit_beyond_what_a_file_can_have(server: RunningServer, user: str) -> None:
    client = login(server, user)
    assert store(client, "STOR f", 300) == DONE
    assert store(client, "APPE f", 30) == DONE
    assert used(client).startswith("330.00/")
    assert client.expect(213, "AVBL")
    client.quit()


def test_a_limit_for_each_session(server: RunningServer) -> None:
    for _ in range(2):
        client = login(server, "carl")
        assert used(client, "Transferred bytes") == "0.00/2000.00"
        assert [store(client, "STOR a", 400), store(client, "STOR a", 300)] == [DONE, DONE]
        assert len(client.retrieve("RETR a")) == 300
        assert used(client, "Transferred bytes") == "1000.00/2000.00"
        assert used(client, "Transferred files") == "3/5"
        client.quit()
    assert tally(server, Key(QuotaType.USER, "carl")) is None


def test_copies_and_trees_count(ftps_certificates: Certificates) -> None:
    """SITE COPY is no way round a quota, SITE RMDIR gives back what was in the tree."""
    directives = ("CopyEngine on", "SiteMiscEngine on", "QuotaDirectoryTally on")
    with running(ftps_certificates, *directives, workers=1) as server:
        dora = Key(QuotaType.USER, "dora")
        client = login(server, "dora")
        client.expect(257, "MKD d")
        assert store(client, "STOR d/a", 400) == DONE
        client.expect(200, "SITE COPY d/a d/b")
        assert tally(server, dora) == Amounts(bytes_in=800.0)
        assert client.command("SITE COPY d/a d/c").code >= 500
        assert client.command("SIZE d/c").code == 550
        assert tally(server, dora) == Amounts(bytes_in=800.0)
        client.expect(200, "SITE COPY d/a d/b")
        assert tally(server, dora) == Amounts(bytes_in=800.0)
        client.expect(200, "SITE RMDIR d")
        assert tally(server, dora) == Amounts()
        bob = login(server, "bob")
        bob.expect(200, "SITE MKDIR x/y")
        assert used(bob, "Uploaded files") == "2/4"
        assert store(bob, "STOR x/y/f", 10) == DONE
        bob.expect(200, "SITE RMDIR x")
        assert (used(bob, "Uploaded files"), used(bob)) == ("0/4", "0.00/1000.00")


def test_who_has_no_limit(server: RunningServer) -> None:
    client = login(server, "fred")
    assert shown(client.command("SITE QUOTA")) == "202 No quotas in effect"
    assert store(client, "STOR a", 100_000) == DONE
    client.quit()


def test_sessions_together_do_not_pass_a_hard_limit(server: RunningServer) -> None:
    eve, count = Key(QuotaType.USER, "eve"), 12
    ready = threading.Barrier(count)

    def upload(number: int) -> str:
        client = login(server, "eve")
        connection = client.data()
        client.expect(150, f"STOR n{number}")
        stream = connection.establish()
        ready.wait(20)
        with contextlib.suppress(OSError):
            stream.write(b"x" * 1500)
        connection.close("fin")
        return shown(client.read_reply())

    with ThreadPoolExecutor(count) as pool:
        replies = list(pool.map(upload, range(count)))
    stored = sum(reply.startswith("226") for reply in replies)
    kept = [path for path in server.home("eve").iterdir() if path.stat().st_size]
    assert (stored, len(kept), sum(path.stat().st_size for path in kept)) == (6, 6, 9000)
    assert tally(server, eve) == Amounts(bytes_in=9000.0, files_in=6)


def test_others_see_what_one_has_used(server: RunningServer) -> None:
    first, second = login(server, "gil"), login(server, "gil")
    assert shown(first.command("SITE QUOTA")) == "202 No quotas in effect"
    table = LimitFile(f"{server.files.directory}/limit.tab", writable=True)
    table.put(Limit(Key(QuotaType.USER, "gil"), Amounts(bytes_in=500.0)))
    table.close()
    third, fourth = login(server, "gil"), login(server, "gil")
    assert store(third, "STOR a", 500).startswith(DONE)
    assert store(fourth, "STOR b", 1).startswith("552 STOR denied")
    assert store(second, "STOR b", 1) == DONE


def test_ftpquotas_view(server: RunningServer) -> None:
    login(server, "dora").quit()
    if not Path("/usr/sbin/ftpquota").exists():
        pytest.skip("ftpquota is not installed (package proftpd-core)")
    done = subprocess.run(
        ["/usr/sbin/ftpquota", "--show-records", "--type=tally", f"--table-path={server.files.directory}/tally.tab"],
        capture_output=True, text=True, timeout=60, check=True)
    assert "Name: dora\n  Quota Type: User\n" in done.stdout


def test_scan_on_login_default_and_silence(ftps_certificates: Certificates) -> None:
    directives = (
        r"QuotaExcludeFilter \.tmp$", "QuotaOptions ScanOnLogin", "QuotaDefault user false hard 300 0 0 3 0 0",
        "QuotaDisplayUnits Kb")
    with running(ftps_certificates, *directives, workers=1) as server:
        for name, size in (("x/y/z", 500), ("skip.tmp", 300), ("w", 100)):
            server.give(name, b"1" * size)
        client = login(server)
        assert (used(client, "Uploaded Kb"), used(client, "Uploaded files")) == ("0.59/0.98", "2/4")
        client.expect(250, "DELE x/y/z")
        client.expect(250, "DELE skip.tmp")
        assert (used(client, "Uploaded Kb"), used(client, "Uploaded files")) == ("0.10/0.98", "1/4")
        client.quit()
        other = login(server, "gil")
        assert used(other, "Uploaded Kb") == "0.00/0.29"
        assert store(other, "STOR a", 200) == DONE
        assert store(other, "STOR b", 200).startswith("552 Transfer aborted. Disk quota exceeded")
        assert tally(server, Key(QuotaType.USER, "gil")) == Amounts(bytes_in=200.0, files_in=1)


def test_scan_on_login_counts_what_making_directories_has_counted(ftps_certificates: Certificates) -> None:
    """Who came again could make ever more of them."""
    directives = ("QuotaOptions ScanOnLogin", "QuotaDirectoryTally on", "QuotaDefault user false hard 0 0 0 3 0 0")
    with running(ftps_certificates, *directives, workers=1) as server:
        client = login(server, "gil")
        client.expect(257, "MKD one")
        client.expect(257, "MKD one/two")
        client.quit()
        client = login(server, "gil")
        assert used(client, "Uploaded files") == "2/3"
        client.expect(257, "MKD three")
        client.quit()
        client = login(server, "gil")
        assert used(client, "Uploaded files") == "3/3"
        client.expect(552, "MKD four")


class Tree:
    """A file system of one directory, which holds as many entries of a kind as anybody reads, up to a million."""

    def __init__(self, mode: int) -> None:
        self._mode = mode
        self.read = 0

    def names(self, path: str) -> Generator[str, None, None]:
        while self.read < 1_000_000:
            self.read += 1
            yield str(self.read)

    def stat(self, path: str, *, follow: bool) -> os.stat_result:
        return os.stat_result((self._mode, 0, 0, 1, 0, 0, 10, 0, 0, 0))


@pytest.mark.parametrize(("mode", "patience", "most"), [(stat.S_IFREG, -1.0, 1), (stat.S_IFDIR, 3600.0, 7)])
def test_scan_on_login_keeps_little_of_a_large_directory(
    monkeypatch: pytest.MonkeyPatch, mode: int, patience: float, most: int,
) -> None:
    monkeypatch.setattr(quotas, "SCAN_WAITING", 5)
    session = Mock(cwd="/", fs=Tree(mode))
    quota = quotas.SessionQuota(session, Mock(), QuotaSettings())
    assert quota._counted(LIMITS[0], time.monotonic() + patience) is None
    assert session.fs.read == most


def test_quotas_that_nobody_may_see(ftps_certificates: Certificates) -> None:
    with running(ftps_certificates, "QuotaShowQuotas off", workers=1) as server:
        client = login(server)
        assert shown(client.command("SITE QUOTA")) == "500 'SITE QUOTA' not understood"
        assert "QUOTA" not in shown(client.expect(214, "SITE HELP"))
        assert store(client, "STOR a", 1001).startswith("552 Transfer aborted")


def test_a_table_that_breaks_refuses_what_counts(ftps_certificates: Certificates) -> None:
    with running(ftps_certificates, workers=1) as server:
        client = login(server)
        os.truncate(f"{server.files.directory}/tally.tab", 4)
        assert store(client, "STOR a", 10) == DONE
        holder = TallyFile(f"{server.files.directory}/tally.tab")
        with holder.lock.held():
            connection = client.data()
            reply = client.command("STOR b")
            connection.close("fin")
        holder.close()
        assert shown(reply) == "451 STOR: the quota cannot be determined [quota-unavailable]"
        assert store(client, "STOR b", 10) == DONE


def test_a_server_with_a_broken_table_does_not_start(ftps_certificates: Certificates) -> None:
    with pytest.raises(ServerFault, match="QuotaTallyTable: unable to use"), running(
            ftps_certificates, tallies="none"):
        pass


def test_what_is_joined_counts_once(server: RunningServer) -> None:
    """COMB and AVBL: a part is counted already, one that QuotaExcludeFilter spares is not."""
    dora = Key(QuotaType.USER, "dora")
    with login(server, "dora") as client:
        for name in ("p1", "p2"):
            store(client, f"STOR {name}", 400)
        store(client, "STOR spared.tmp", 500)
        assert client.expect(213, "AVBL").text == "200"
        client.expect(250, "COMB joined p1 p2")
        assert (server.home("dora") / "joined").stat().st_size == 800
        assert tally(server, dora) == Amounts(bytes_in=800.0)
        assert "[quota-reached]" in client.expect(552, "COMB joined spared.tmp").text
        assert (server.home("dora") / "spared.tmp").exists()
        assert client.expect(213, "AVBL").text == "200"
        client.expect(250, "DELE joined")
        assert tally(server, dora) == Amounts()


def test_links_and_directories_are_no_way_round(ftps_certificates: Certificates) -> None:
    """Symbolic links do not count, neither made nor removed; a part that COMB cannot take away is a copy."""
    directives = ("CopyEngine on", "SiteMiscEngine on", "AllowOverwrite on", "QuotaDirectoryTally on")
    eve = Key(QuotaType.USER, "eve")
    with running(ftps_certificates, *directives, workers=1) as server, login(server, "eve") as client:
        client.expect(257, "MKD d")
        assert store(client, "STOR d/a", 3000) == DONE
        client.expect(200, "SITE SYMLINK d/a d/link")
        client.expect(200, "SITE COPY d/link other")
        client.expect(250, "DELE other")
        assert tally(server, eve) == Amounts(bytes_in=3000.0, files_in=2)
        assert store(client, "STOR plain", 500) == DONE
        client.expect(200, "SITE COPY d/link plain")
        client.expect(250, "DELE plain")
        assert tally(server, eve) == Amounts(bytes_in=3000.0, files_in=2)
        client.expect(200, "SITE COPY d e")
        assert tally(server, eve) == Amounts(bytes_in=6000.0, files_in=4)
        client.expect(200, "SITE RMDIR e")
        assert tally(server, eve) == Amounts(bytes_in=3000.0, files_in=2)
        for place in ("one", "two"):
            client.expect(257, f"MKD {place}")
            client.expect(200, f"SITE SYMLINK d/a {place}/l")
        client.expect(200, "SITE COPY one two")
        assert tally(server, eve) == Amounts(bytes_in=3000.0, files_in=4)
        assert store(client, "STOR b", 6000) == DONE
        assert "[quota-reached]" in client.expect(552, "COMB c d/link").text
        (server.home("eve") / "d").chmod(0o555)
        assert client.command("COMB c d/a").code == 552
        assert tally(server, eve) == Amounts(bytes_in=9000.0, files_in=5)
        assert not (server.home("eve") / "c").exists()


def test_a_rename_out_of_what_is_spared_counts(server: RunningServer) -> None:
    """A file that QuotaExcludeFilter spares, renamed, is no credit for whoever deletes it then."""
    dora = Key(QuotaType.USER, "dora")

    def rename(client: ScriptedClient, source: str, target: str) -> int:
        client.expect(350, f"RNFR {source}")
        return client.command(f"RNTO {target}").code

    with login(server, "dora") as client:
        assert store(client, "STOR real", 600) == DONE
        for name, size in (("large.tmp", 500), ("small.tmp", 300)):
            assert store(client, f"STOR {name}", size) == DONE
        assert rename(client, "large.tmp", "large") == 552
        assert rename(client, "small.tmp", "small") == 250
        assert tally(server, dora) == Amounts(bytes_in=900.0)
        assert rename(client, "small", "small.tmp") == 250
        assert rename(client, "small.tmp", "other.tmp") == 250
        assert tally(server, dora) == Amounts(bytes_in=600.0)
        for name in ("real", "large.tmp", "other.tmp"):
            client.expect(250, f"DELE {name}")
        assert tally(server, dora) == Amounts()


class Uploading:
    """An upload that is under way: its file is open, and nothing has come; `give` and `finish` go on."""

    def __init__(self, client: ScriptedClient, *commands: str) -> None:
        self._client = client
        self._connection = client.data()
        for command in commands[:-1]:
            client.expect(350, command)
        client.expect(150, commands[-1])
        self._stream = self._connection.establish()

    def give(self, size: int, path: Path) -> None:
        """So many bytes come, and are all that is in the file."""
        self._stream.write(b"x" * size)
        until(lambda: path.stat().st_size == size, f"{size} bytes in {path.name}")

    def finish(self, size: int = 0) -> str:
        """So many bytes come, and then the end."""
        self._stream.write(b"x" * size)
        self._connection.close("fin")
        return shown(self._client.read_reply())

    def abort(self) -> list[int]:
        """ABOR; the codes of both replies."""
        first = self._client.command("ABOR")
        self._connection.close("fin")
        return [first.code, self._client.read_reply().code]


@pytest.fixture
def pair(server: RunningServer) -> Iterator[tuple[ScriptedClient, ScriptedClient, Path]]:
    """Two sessions of hal, and his home."""
    home = server.home("hal")
    for path in home.iterdir():
        path.unlink()
    table = TallyFile(f"{server.files.directory}/tally.tab")
    table.remove(HAL)
    table.close()
    with login(server, "hal") as one, login(server, "hal") as two:
        yield one, two, home


def at_hand(server: RunningServer) -> tuple[int, int]:
    """Bytes and files that hal's tally has."""
    found = tally(server, HAL) or Amounts()
    return int(found.bytes_in), int(found.files_in)


def really(home: Path) -> tuple[int, int]:
    """What he has."""
    sizes = [path.stat().st_size for path in home.iterdir()]
    return sum(sizes), len(sizes)


def holders(path: Path) -> int:
    """How often the file is open."""
    found = 0
    for link in Path("/proc").glob("[0-9]*/fd/*"):
        with contextlib.suppress(OSError):
            found += os.readlink(link) == str(path)
    return found


def test_two_who_overwrite_a_file_do_not_both_get_it_back(
    server: RunningServer, pair: tuple[ScriptedClient, ScriptedClient, Path],
) -> None:
    one, two, home = pair
    assert store(one, "STOR f", 5000) == DONE
    assert store(one, "STOR other", 9000) == DONE
    ports = [parse_epsv(client.expect(229, "EPSV").text) for client in (one, two)]
    for client in (one, two):
        client.send_line("STOR f")
    until(lambda: holders(home / "f") == 2, "the file is open twice")
    for client, port in zip((one, two), ports, strict=True):
        connection = client.connect_data(client.host, port)
        client.expect(150)
        connection.establish().write(b"x" * 10)
        connection.close("fin")
        client.expect(226)
    assert at_hand(server)[0] >= really(home)[0] == 9010


@pytest.mark.parametrize("commands", [("STOR f",), ("APPE f",), ("REST 2000", "STOR f")])
@pytest.mark.parametrize("finish", [True, False])
def test_who_removes_a_file_that_another_writes_gets_it_back_once(
    server: RunningServer, pair: tuple[ScriptedClient, ScriptedClient, Path], commands: tuple[str, ...], finish: bool,
) -> None:
    one, two, home = pair
    assert store(one, "STOR f", 5000) == DONE
    assert store(one, "STOR other", 3000) == DONE
    writing = Uploading(one, *commands)
    if len(commands) == 1 and commands[0].startswith("STOR"):
        until(lambda: at_hand(server) == (3000, 2), "the file is emptied")
    two.expect(250, "DELE f")
    assert writing.finish() == DONE if finish else writing.abort() == [426, 226]
    assert really(home) == (3000, 1)
    assert at_hand(server) == (3000, 1)


@pytest.mark.parametrize("removal", [("DELE f",), ("RNFR new", "RNTO f"), ("SITE RMDIR d",)])
def test_a_file_that_is_emptied_and_removed_at_once(
    ftps_certificates: Certificates, removal: tuple[str, ...],
) -> None:
    """Whoever comes first: it is not given back twice. (In between, nobody may be able to say what was in it.)"""
    with running(ftps_certificates, "SiteMiscEngine on", "CopyEngine on", workers=1) as server:
        home = server.home("hal")
        with login(server, "hal") as one, login(server, "hal") as two:
            one.expect(257, "MKD d")
            assert store(one, "STOR other", 9000) == DONE
            name = "d/f" if removal[0].startswith("SITE") else "f"
            for _ in range(8):
                assert store(one, f"STOR {name}", 5000) == DONE
                assert store(one, "STOR new", 1) == DONE
                port = parse_epsv(one.expect(229, "EPSV").text)
                one.send_line(f"STOR {name}")
                until(lambda: holders(home / name) == 1, "the file is open")
                for command in removal[:-1]:
                    two.expect(350, command)
                two.send_line(removal[-1])
                connection = one.connect_data(one.host, port)
                one.expect(150)
                connection.close("fin")
                one.expect(226)
                assert two.read_reply().code in (200, 250)
                there = sum(path.stat().st_size for path in home.rglob("*") if path.is_file())
                counted = at_hand(server)[0]
                assert counted >= there
                if counted > there:
                    break
                if removal[0].startswith("SITE"):
                    one.expect(257, "MKD d")


def test_a_hung_upload_whose_file_is_removed_and_sent_anew(
    server: RunningServer, pair: tuple[ScriptedClient, ScriptedClient, Path],
) -> None:
    """What a client does whose connection has died."""
    one, two, home = pair
    assert store(two, "STOR other", 3000) == DONE
    hung = Uploading(one, "STOR f")
    hung.give(400, home / "f")
    two.expect(250, "DELE f")
    assert store(two, "STOR f", 1000) == DONE
    assert hung.finish() == DONE
    assert at_hand(server) == really(home) == (4000, 2)


def test_who_goes_on_in_a_file_that_another_empties(
    server: RunningServer, pair: tuple[ScriptedClient, ScriptedClient, Path],
) -> None:
    """No hole in a file is a credit for whoever removes it then."""
    one, two, home = pair
    assert store(one, "STOR f", 5000) == DONE
    assert store(one, "STOR other", 3000) == DONE
    on = Uploading(one, "REST 5000", "STOR f")
    assert store(two, "STOR f", 0) == DONE
    assert on.finish(1) == DONE
    assert at_hand(server) == really(home) == (8001, 2)
    two.expect(250, "DELE f")
    assert at_hand(server) == really(home) == (3000, 1)


def test_an_overwritten_file_is_counted_by_what_is_there(
    server: RunningServer, pair: tuple[ScriptedClient, ScriptedClient, Path],
) -> None:
    one, _, home = pair
    assert store(one, "STOR f", 5000) == DONE
    begun = Uploading(one, "STOR f")
    begun.give(100, home / "f")
    assert at_hand(server) == (0, 1)
    assert begun.finish(100) == DONE
    assert at_hand(server) == really(home) == (200, 1)
    assert store(one, "APPE f", 50) == DONE
    one.expect(350, "REST 10")
    assert store(one, "STOR f", 20) == DONE
    assert at_hand(server) == really(home) == (250, 1)


def test_what_has_a_hidden_name_counts_as_what_it_is(ftps_certificates: Certificates) -> None:
    """A part of a hidden upload that stays counts, as its removal does; what it would have replaced is still there."""
    with running(ftps_certificates, "HiddenStores on", "DeleteAbortedStores off", workers=1) as server:
        home = server.home("hal")
        with login(server, "hal") as client:
            assert store(client, "STOR f", 5000) == DONE
            assert store(client, "STOR f", 3000) == DONE
            assert at_hand(server) == really(home) == (3000, 1)
            begun = Uploading(client, "STOR f")
            begun.give(100, home / ".in.f.")
            assert begun.abort() == [426, 226]
            assert at_hand(server) == really(home) == (3100, 2)
            client.expect(250, "DELE .in.f.")
            assert at_hand(server) == really(home) == (3000, 1)


def test_a_tree_that_two_remove_is_given_back_once(ftps_certificates: Certificates) -> None:
    with running(ftps_certificates, "SiteMiscEngine on") as server:
        home = server.home("hal")
        with login(server, "hal") as one, login(server, "hal") as two:
            assert store(one, "STOR other", 9000) == DONE
            one.expect(257, "MKD d")
            for number in range(20):
                assert store(one, f"STOR d/{number}", 300) == DONE
            for client in (one, two):
                client.send_line("SITE RMDIR d")
            assert 200 in {client.read_reply().code for client in (one, two)} or two.command("SITE RMDIR d").code == 200
            assert at_hand(server) == really(home) == (9000, 1)


def test_display_files_tell_of_quotas(ftps_certificates: Certificates) -> None:
    with running(ftps_certificates, "DisplayChdir .message", workers=1) as server:
        text = b"%{mod_quotatab.tally.bytes_in} of %{mod_quotatab.limit.bytes_in}, %{mod_quotatab.x}, %{"
        server.give(".message", text)
        with login(server) as client:
            assert store(client, "STOR f", 300) == DONE
            assert shown(client.expect(250, "CWD /")).startswith("250 300.00 of 1000.00, %{mod_quotatab.x}, %{ / ")
        with login(server, "gil") as client:
            (server.home("gil") / ".message").write_text("%{mod_quotatab.limit.bytes_in}")
            assert shown(client.expect(250, "CWD /")).startswith("250 (unlimited) / ")
