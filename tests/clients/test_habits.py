"""What single clients do that others do not, each of which must work (clients' habits by client)."""

from __future__ import annotations

import ftplib
import io
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from ftpsd.testing.plugin import ServerFactory
from ftpsd.testing.server import RunningServer
from tests.clients.base import Adapter, ClientFailed, Link, Step, run
from tests.clients.command_line import Curl, Lftp, Rclone, curl_cannot_clear
from tests.clients.languages import FtpSsl, GoFtp, PhpFtp, PromiseFtp, RubyNetFtp
from tests.clients.python_clients import Ftplib, ftplib_session
from tests.clients.s_client import SClient
from tests.clients.scenario import noise
from tests.clients.scripted import BasicFtp, CommonsNet, NetFtp

pytestmark = pytest.mark.client
LARGE = 12_000_000


def need(adapter: Adapter) -> None:
    """Skip where the client is not installed."""
    if reason := adapter.missing():
        pytest.skip(reason)


def link_to(server: RunningServer) -> Link:
    """Explicit TLS, passive."""
    return Link(server.address, server.port, server.authority)


def only(version: str, *more: str) -> Sequence[str]:
    """TLS directives that pin a version."""
    return ["TLSRequired on", f"TLSProtocol {version}", *more]


@pytest.mark.parametrize("parallel", [1, 4])
def test_lftp_mirrors_a_hundred_small_files_both_ways(
    ftps_server: ServerFactory, tls_version: str, tmp_path: Path, parallel: int,
) -> None:
    need(Lftp())
    server = ftps_server(tls=only(tls_version))
    source = tmp_path / "source"
    files = {f"d{number % 7}/file {number:03}": noise(number, 10_240 + number) for number in range(100)}
    for name, data in files.items():
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_bytes(data)
    lines = [
        f"mirror --parallel={parallel} -R {source} there",
        f"mirror --parallel={parallel} there {tmp_path / 'back'}",
    ]
    Lftp().script(link_to(server), lines, tmp_path)
    for place in (server.home() / "there", tmp_path / "back"):
        found = [path for path in place.rglob("*") if path.is_file()]
        assert {str(path.relative_to(place)): path.read_bytes() for path in found} == files


def test_rclone_copies_many_files_at_a_time(
    ftps_server: ServerFactory, tls_version: str, tmp_path: Path,
) -> None:
    """Four transfers and eight checkers, by default, that share one store of TLS sessions."""
    need(Rclone())
    server = ftps_server(tls=only(tls_version))
    link = link_to(server)
    (tmp_path / "source").mkdir()
    files = {f"file {number}": noise(number, 1000 * number) for number in range(60)}
    for name, data in files.items():
        (tmp_path / "source" / name).write_bytes(data)
    for words in (["copy", "source", "t:there"], ["check", "source", "t:there"], ["copy", "t:there", "back"]):
        Rclone.call(link, words, tmp_path)
    for place in (server.home() / "there", tmp_path / "back"):
        assert {path.name: path.read_bytes() for path in place.iterdir()} == files


UPLOADERS: tuple[Adapter, ...] = (
    Curl(), Lftp(), Rclone(), BasicFtp(), SClient(), Ftplib(), NetFtp(), CommonsNet(), RubyNetFtp(), PhpFtp(),
    GoFtp(), PromiseFtp(),
)


@pytest.mark.parametrize("adapter", UPLOADERS, ids=lambda adapter: adapter.name)
def test_a_large_upload_loses_nothing(
    ftps_server: ServerFactory, tls_version: str, tmp_path: Path, adapter: Adapter,
) -> None:
    """Many clients close without having read what the server sent: nothing may be sent that way then."""
    need(adapter)
    reuse = () if tls_version in adapter.resumes else ("TLSOptions NoSessionReuseRequired",)
    server = ftps_server(tls=only(tls_version, *reuse))
    data = noise(9, LARGE)
    local = tmp_path / "large.bin"
    local.write_bytes(data)
    steps = [Step("put", f"large-{number}.bin", local=str(local)) for number in range(3)]
    adapter.perform(link_to(server), steps, tmp_path)
    for step in steps:
        assert (server.home() / step.remote).read_bytes() == data


def test_an_upload_that_ends_with_a_plain_fin(
    ftps_server: ServerFactory, tls_version: str, tmp_path: Path,
) -> None:
    """Its end is taken for one from a client that has ended what it received in the same way, not before."""
    need(FtpSsl())
    server = ftps_server(tls=only(tls_version))
    server.give("file", noise(1))
    local = tmp_path / "local"
    local.write_bytes(noise(2))
    put, get = Step("put", "up", local=str(local)), Step("get", "file", local=str(tmp_path / "got"))
    with pytest.raises(ClientFailed, match="data-truncated"):
        FtpSsl().perform(link_to(server), [put], tmp_path)
    FtpSsl().perform(link_to(server), [get, put], tmp_path)
    assert (server.home() / "up").read_bytes() == noise(2)


@pytest.mark.parametrize("adapter", [Ftplib(), NetFtp(), CommonsNet()], ids=lambda adapter: adapter.name)
def test_a_client_that_cannot_resume_is_told_425_and_the_log_says_why(
    ftps_server: ServerFactory, tls_version: str, tmp_path: Path, adapter: Adapter,
) -> None:
    need(adapter)
    if tls_version in adapter.resumes:
        pytest.skip("this version of it resumes")
    server = ftps_server(tls=only(tls_version))
    server.give("folder/file", b"1")
    with pytest.raises(ClientFailed, match="425 Unable to build data connection"):
        adapter.perform(link_to(server), [Step("list", "folder", local=str(tmp_path / "list"))], tmp_path)
    line = server.wait_for_log("rejecting data connection")
    assert "client did not reuse" in line
    assert "(see the NoSessionReuseRequired TLSOptions parameter)" in line


def test_curl_uploads_and_downloads_in_one_run(
    ftps_server: ServerFactory, tls_version: str, tmp_path: Path,
) -> None:
    """curl uses a TLS 1.3 ticket once: every transfer needs a fresh one on the control connection."""
    need(Curl())
    server = ftps_server(tls=only(tls_version))
    link = link_to(server)
    command = ["curl"]
    for number in range(6):
        (tmp_path / f"up{number}").write_bytes(noise(number))
        remote = Curl.url(link, f"file{number}")
        for transfer in (["-T", f"up{number}", remote], ["-o", f"down{number}", remote]):
            command += [*Curl.options(link), *transfer, "--next"]
    run(command[:-1], tmp_path)
    for number in range(6):
        assert (tmp_path / f"down{number}").read_bytes() == noise(number)
    accepted = [line for line in server.tls_log() if "connection accepted" in line]
    assert len([line for line in accepted if "data connection" not in line]) == 1, "one control connection"


@pytest.mark.parametrize("mode", ["passive", "active"])
def test_curl_clears_the_control_channel(
    ftps_server: ServerFactory, tls_version: str, tmp_path: Path, mode: str,
) -> None:
    """CCC: `passive` waits for the server's close_notify, `active` sends its own first."""
    need(Curl())
    if reason := curl_cannot_clear():
        pytest.skip(reason)
    server = ftps_server(tls=["TLSRequired auth+data", f"TLSProtocol {tls_version}"])
    server.give("file", noise(1))
    link = link_to(server)
    clear = ["--ftp-ssl-ccc", "--ftp-ssl-ccc-mode", mode]
    run(["curl", *Curl.options(link), *clear, "-o", "got", Curl.url(link, "file")], tmp_path)
    assert (tmp_path / "got").read_bytes() == noise(1)
    server.wait_for_log("received CCC, clearing control channel protection")


def test_lftp_clears_the_control_channel(
    ftps_server: ServerFactory, tls_version: str, tmp_path: Path,
) -> None:
    need(Lftp())
    server = ftps_server(tls=["TLSRequired auth+data", f"TLSProtocol {tls_version}"])
    server.give("file", noise(1))
    lines = ["set ftp:ssl-use-ccc yes", "cls -1", f"get file -o {tmp_path / 'got'}"]
    Lftp().script(link_to(server), lines, tmp_path)
    assert (tmp_path / "got").read_bytes() == noise(1)


def test_ftplib_clears_the_control_channel(ftps_server: ServerFactory, tls_version: str) -> None:
    server = ftps_server(tls=["TLSRequired auth+data", f"TLSProtocol {tls_version}"])
    server.give("file", noise(1))
    client = ftplib_session(link_to(server))
    try:
        client.ccc()
        got = io.BytesIO()
        client.retrbinary("RETR file", got.write)
        assert got.getvalue() == noise(1)
        client.quit()
    finally:
        client.close()


@pytest.fixture
def large_file(ftps_server: ServerFactory, tls_version: str) -> Iterator[ftplib.FTP_TLS]:
    """A session of ftplib on a server with a file `large` that no socket buffer holds."""
    server = ftps_server(tls=only(tls_version, "TLSOptions NoSessionReuseRequired"))
    with server.give("large").open("r+b") as file:
        file.truncate(200_000_000)
    client = ftplib_session(link_to(server))
    yield client
    client.close()


@pytest.mark.parametrize("abort", [b"ABOR\r\n", b"\xff\xf4\xff\xf2ABOR\r\n"], ids=["plain", "telnet"])
def test_ftplib_aborts_a_download(large_file: ftplib.FTP_TLS, abort: bytes) -> None:
    """ABOR inside TLS, also with telnet IP and Synch before it; the session goes on."""
    client = large_file
    client.voidcmd("TYPE I")
    data = client.transfercmd("RETR large")
    assert data.recv(1000)
    assert client.sock is not None
    client.sock.sendall(abort)
    replies = [client.getmultiline()[:3], client.getmultiline()[:3]]
    data.close()
    assert replies == ["426", "226"]
    assert client.voidcmd("NOOP").startswith("200")
    assert client.voidcmd("ABOR").startswith("226")
    assert client.pwd() == "/"


def test_ten_clients_at_once(ftps_server: ServerFactory, tls_version: str, tmp_path: Path) -> None:
    """Several sessions of one worker, each with its own tickets."""
    need(Curl())
    server = ftps_server(tls=only(tls_version))
    server.give("file", noise(1))
    link = link_to(server)
    failures: list[str] = []

    def fetch(number: int) -> None:
        target = tmp_path / f"got{number}"
        try:
            run(["curl", *Curl.options(link), "-o", str(target), Curl.url(link, "file")], tmp_path)
            assert target.read_bytes() == noise(1)
        except AssertionError as error:
            failures.append(str(error))

    threads = [threading.Thread(target=fetch, args=(number,)) for number in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failures == []
