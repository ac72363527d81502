"""TLSStapling of the running server, asked by `openssl s_client -status` and `curl --cert-status`."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from ftpsd.errors import ConfigError
from ftpsd.server.options import Options
from ftpsd.server.supervisor import check
from ftpsd.testing import daemons
from ftpsd.testing.configs import ServerConfig, ServerFiles
from ftpsd.testing.server import RunningServer, server_directory, start_ftpsd
from ftpsd.tls.cache.shared import open_segment
from tests.tls.stapling.rig import certificate, issuer, responding

FLAGS = {"TLSv1.2": "-tls1_2", "TLSv1.3": "-tls1_3"}
SECONDS = 20.0
TRACED = {
    "revoked": "returning OCSP response", "trylater": "returning fake tryLater OCSP response",
    "none": "no OCSP response to return",
}
RELOADED = "the new configuration is served (number 2)"
SECOND = """
<VirtualHost 127.0.0.1>
  ServerName "Second"
  Port @PORT@
  ServerAlias two.example.org
  TLSEngine on
  TLSLog BASE/two.log
  TLSStapling on
  TLSStaplingResponder URL
  TLSECCertificateFile BASE/two.cert.pem
  TLSECCertificateKeyFile BASE/two.key.pem
  TLSCertificateChainFile BASE/two.chain.pem
</VirtualHost>
"""


@contextlib.contextmanager
def serving(
    url: str | None, *, tls: Sequence[str] = ("TLSStapling on",), sections: str = "", must: bool = False,
    directives: Sequence[str] = (),
) -> Iterator[RunningServer]:
    """A server whose RSA and EC certificates name the responder at `url`."""
    with server_directory() as files:
        server = start(files, url, tls=tls, sections=sections, must=must, directives=directives)
        try:
            yield server
        finally:
            server.stop()


def start(
    files: ServerFiles, url: str | None, *, tls: Sequence[str] = ("TLSStapling on",), sections: str = "",
    must: bool = False, directives: Sequence[str] = (),
) -> RunningServer:
    base = files.directory
    if not (base / "root.pem").exists():
        (base / "root.pem").write_bytes(issuer().certificate_pem)
        certificate(key="rsa", url=url, must=must).write(base, "rsa")
        certificate(key="ec", url=url, must=must).write(base, "ec")
        certificate(key="two", url=None, name="two.example.org").write(base, "two")
    own = certificate(key="rsa", url=url, must=must).write(base, "unused")
    own = type(own)(base / "rsa.cert.pem", base / "rsa.key.pem", base / "rsa.chain.pem", "rsa")
    lines = (
        "TLSRequired off", f"TLSECCertificateFile {base}/ec.cert.pem", f"TLSECCertificateKeyFile {base}/ec.key.pem",
        *(line.replace("BASE", str(base)) for line in tls),
    )
    more = tuple(line.replace("BASE", str(base)) for line in directives)
    config = ServerConfig(own, tls=lines, sections=sections, directives=("ServerAlias localhost", *more))
    return start_ftpsd(config, files, base / "root.pem")


def status(server: RunningServer, *arguments: str) -> str:
    """What a client hears: the status in the response, `trylater`, or `none`."""
    done = subprocess.run(
        ["openssl", "s_client", "-starttls", "ftp", "-status", "-connect", f"{server.address}:{server.port}",
         "-CAfile", str(server.authority), "-verify_return_error", *arguments],
        input=b"QUIT\r\n", capture_output=True, timeout=60,
    )
    said = done.stdout.decode("utf-8", "replace")
    if "OCSP response: no response sent" in said:
        return "none"
    found = re.search(r"Cert Status: (\w+)", said) or re.search(r"OCSP Response Status: (\w+)", said)
    assert found is not None, said + done.stderr.decode()
    return found[1]


def wait_for(path: Path, text: str, count: int = 1) -> None:
    deadline = time.monotonic() + SECONDS
    while not path.exists() or path.read_text().count(text) < count:
        assert time.monotonic() < deadline, path.read_text() if path.exists() else path
        time.sleep(0.02)


def test_every_certificate_of_every_host() -> None:
    with responding() as responder, serving(
        responder.url, sections=SECOND.replace("URL", responder.url), directives=("Workers 3",)
    ) as server:
        wait_for(server.files.tls_log, "stapling OCSP response from", 2)
        wait_for(server.files.directory / "two.log", "stapling OCSP response from")
        server.give("hello.txt", b"hello")
        for version, flag in FLAGS.items():
            for algorithm in ("rsa_pss_rsae_sha256", "ecdsa_secp256r1_sha256"):
                assert status(server, flag, "-sigalgs", algorithm) == "good"
            assert status(server, flag, "-servername", "two.example.org") == "good"
            with server.client(version).begin() as client:
                for _ in range(3):
                    assert client.retrieve("RETR hello.txt") == b"hello"
        assert responder.asked == 3  # the workers share what one has fetched
        responder.mode = "500"
        server.signal(signal.SIGHUP)  # what was fetched stays
        server.wait_for_log(RELOADED, log="system", timeout=SECONDS)
        for flag in FLAGS.values():
            assert status(server, flag) == "good"
            assert status(server, flag, "-servername", "two.example.org") == "good"
        assert responder.asked == 3


@pytest.mark.parametrize(
    ("mode", "tls", "must", "heard"),
    [
        ("revoked", (), False, "revoked"),
        ("unknown", (), False, "trylater"),
        ("500", (), False, "trylater"),
        ("500", ("TLSStaplingOptions NoFakeTryLater",), False, "none"),
        ("later", ("TLSStaplingOptions NoFakeTryLater",), True, "trylater"),
    ],
)
def test_what_clients_get_when_not_all_is_well(
    mode: str, tls: tuple[str, ...], must: bool, heard: str
) -> None:
    with responding(mode) as responder, serving(
        responder.url, tls=("TLSStapling on", *tls), must=must,
        directives=("TraceLog BASE/trace.log", "Trace tls:5"),
    ) as server:
        line = "certificate status 'revoked'" if mode == "revoked" else "no OCSP response to staple"
        wait_for(server.files.tls_log, line, 2)
        for flag in FLAGS.values():
            assert status(server, flag) == heard
        wait_for(server.files.directory / "trace.log", TRACED[heard], 2)
        if mode == "revoked":
            server.wait_for_log("has been revoked, says OCSP responder", log="system")
        if must:
            server.wait_for_log("demands stapling, and there is no OCSP response", log="system")


def test_handshakes_do_not_wait_for_a_responder() -> None:
    with responding("silent") as responder, serving(
        responder.url, tls=("TLSStapling on", "TLSStaplingTimeout 30")
    ) as server:
        deadline = time.monotonic() + SECONDS
        while not responder.asked and time.monotonic() < deadline:
            time.sleep(0.01)
        began = time.monotonic()
        assert status(server) == "trylater"
        assert time.monotonic() - began < 10
        responder.hold.set()


def test_a_certificate_that_demands_it_has_it_from_the_first_client_on() -> None:
    with responding() as responder, serving(responder.url, must=True) as server:
        assert status(server) == "good"


def test_the_cache_outlives_the_server() -> None:
    """TLSStaplingCache switches stapling on where TLSStapling does not say off; files may be ProFTPD's."""
    lines = ("TLSStaplingCache fs:/path=BASE/ocsp",)
    with server_directory() as files:
        with responding() as responder:
            server = start(files, responder.url, tls=lines)
            try:
                wait_for(files.tls_log, "stapling OCSP response from", 2)
                assert status(server) == "good"
            finally:
                server.stop()
            kept = sorted((files.directory / "ocsp").iterdir())
            assert [re.fullmatch(r"[0-9a-f]{40}\.der", path.name) is not None for path in kept] == [True, True]
            shown = ["openssl", "ocsp", "-respin", str(kept[0]), "-noverify", "-resp_text"]
            assert b"Cert Status: good" in subprocess.run(shown, capture_output=True, timeout=60).stdout
            assert (files.directory / "ocsp").stat().st_mode & 0o777 == 0o700
        (files.directory / "notify").unlink()
        server = start(files, responder.url, tls=lines)  # the responder is gone
        try:
            assert status(server) == "good"
        finally:
            server.stop()


@pytest.mark.parametrize("kind", ["shm", "redis", "memcache"])
def test_servers_share_what_one_has_fetched(kind: str, tmp_path: Path) -> None:
    with contextlib.ExitStack() as stack:
        files = stack.enter_context(server_directory())
        lines, directives = cache(kind, files.directory, stack, tmp_path)
        with responding() as responder:
            server = start(files, responder.url, tls=lines, directives=directives)
            try:
                wait_for(files.tls_log, "stapling OCSP response from", 2)
            finally:
                server.stop()
        (files.directory / "notify").unlink()
        server = start(files, responder.url, tls=lines, directives=directives)
        try:
            assert status(server) == "good"
        finally:
            server.stop()


def cache(
    kind: str, directory: Path, stack: contextlib.ExitStack, logs: Path
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """(lines about TLS, other lines) for a cache that is gone with `stack`."""
    if kind == "shm":
        file = str(directory / "ocsp.shm")
        stack.callback(lambda: open_segment(file, directive="TLSStaplingCache").remove())
        return (f"TLSStaplingCache shm:/file={file}",), ()
    if kind == "redis":
        pytest.importorskip("redis")
        daemon = daemons.redis(logs)
        directives = ("RedisEngine on", f"RedisServer 127.0.0.1:{daemon.port}")
    else:
        pytest.importorskip("pymemcache")
        daemon = daemons.memcached(logs)
        directives = ("MemcacheEngine on", f"MemcacheServers 127.0.0.1:{daemon.port}")
    stack.callback(daemon.stop)
    return (f"TLSStaplingCache {kind}:",), directives


def curl(server: RunningServer, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["curl", "-sSv", "--ssl-reqd", "--cert-status", "--cacert", str(server.authority), "-u", "alice:secret",
         *arguments, f"ftp://localhost:{server.port}/hello.txt"],
        capture_output=True, text=True, timeout=60,
    )


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_curl_demands_the_status() -> None:
    """curl wants it on data connections too, where a resumed session has none (RFC 6066): so without resumption."""
    tls = ("TLSStapling on", "TLSOptions NoSessionReuseRequired")
    with responding() as responder, serving(responder.url, tls=tls) as server:
        wait_for(server.files.tls_log, "stapling OCSP response from", 2)
        server.give("hello.txt", b"hello\n")
        for version in FLAGS:
            done = curl(server, "--no-sessionid", f"--{version.lower()}", "--tls-max", version.removeprefix("TLSv"))
            assert (done.returncode, done.stdout) == (0, "hello\n")
            assert done.stderr.count("SSL certificate status: good (0)") == 2
    with responding("500") as responder, serving(responder.url, tls=tls) as server:
        done = curl(server, "--no-sessionid")
        assert (done.returncode, done.stdout) == (91, "")  # CURLE_SSL_INVALIDCERTSTATUS


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("TLSStaplingResponder ocsp.example.org", "error parsing OCSP URL 'ocsp.example.org'"),
        ("TLSStaplingOptions NoNonse", "unknown TLSStaplingOption 'NoNonse'"),
        ("TLSStaplingTimeout 0", "value must be between 1 and 300 seconds"),
        ("TLSStaplingCache paper:/path=/x", "OCSP stapling cache type 'paper' not available"),
        ("TLSStaplingCache fs:/path=BASE/open", "others could write to"),
        ("TLSStaplingCache fs:/path=BASE/server.key.pem", "unable to use"),
    ],
)
def test_the_syntax_check_finds_what_is_broken(tmp_path: Path, line: str, message: str) -> None:
    options = checked(tmp_path, line)
    with pytest.raises(ConfigError) as caught:
        check(options)
    assert message in str(caught.value)
    assert "on line 4 of" in str(caught.value)


def checked(directory: Path, line: str, *, must: bool = False) -> Options:
    """`ftpsd -t` for a server with `line` on its fourth line."""
    files = certificate(key="ec", must=must).write(directory, "server")
    (directory / "open").mkdir()
    os.chmod(directory / "open", 0o777)
    configuration = directory / "ftpsd.conf"
    configuration.write_text(
        f"Port 0\nWtmpLog off\nSystemLog none\n{line.replace('BASE', str(directory))}\nTLSEngine on\n"
        f"TLSECCertificateFile {files.certificate}\nTLSECCertificateKeyFile {files.key}\n"
        f"TLSCertificateChainFile {files.chain}\n"
    )
    return Options(config=str(configuration), foreground=True, quiet=True)


@pytest.mark.parametrize(
    ("line", "must", "notice"),
    [
        ("TLSStapling off", True, "demands stapling"),
        ("TLSStaplingTimeout 3", False, "TLSStaplingTimeout has no effect: TLSStapling is off"),
        ("TLSStapling on", True, None),
    ],
)
def test_the_syntax_check_warns(tmp_path: Path, line: str, must: bool, notice: str | None) -> None:
    notices = [text for text in check(checked(tmp_path, line, must=must)) if "tapling" in text]
    assert len(notices) == (notice is not None)
    assert notice is None or notice in notices[0]
