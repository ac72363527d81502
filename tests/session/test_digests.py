"""HASH, MD5, XCRC and their kin."""

from __future__ import annotations

import contextlib
import hashlib
import os
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from ftpsd.session import labour
from ftpsd.testing.client import ScriptedClient
from ftpsd.testing.plugin import Certificates
from tests.session.hosts import Hosts, serving
from tests.session.inprocess import one_session

HELLO = b"hello\nworld\n"
NAMES = {"XMD5": "md5", "XSHA": "sha1", "XSHA1": "sha1", "XSHA256": "sha256", "XSHA512": "sha512"}
HOSTS = {
    "on": "<Directory @HOME@/alice/none>\nDigestEnable off\n</Directory>\n<Directory @HOME@/alice/denied>\n"
    "<Limit HASH XMD5>\nDenyAll\n</Limit>\n</Directory>",
    "off": "DigestEngine off",
    "some": "DigestAlgorithms sha256 crc32\nDigestDefaultAlgorithm md5",
    "small": "DigestMaxSize 10 B\nDigestCache off",
    "default": "DigestDefaultAlgorithm sha512",
    "unread": "<Limit READ>\nDenyAll\n</Limit>",
}


@pytest.fixture(scope="module")
def hosts(ftps_certificates: Certificates) -> Iterator[Hosts]:
    with serving(ftps_certificates, HOSTS) as hosts:
        server = hosts.server
        for name in ("file.txt", "a b.txt", "none/f", "denied/f", "5"):
            server.give(name, HELLO)
        server.give("empty")
        server.give("large", os.urandom(10_000_000))
        yield hosts


def upper(algorithm: str, data: bytes) -> str:
    return hashlib.new(algorithm, data).hexdigest().upper()


def said(client: ScriptedClient, code: int, command: str) -> str:
    return client.expect(code, command).text


def test_hash(hosts: Hosts) -> None:
    sha1 = hashlib.sha1(HELLO).hexdigest()
    with hosts.logged_in("on") as client:
        assert client.expect(213, "HASH file.txt").lines == ("Computing SHA-1 digest", f"SHA-1 0-12 {sha1} file.txt")
        assert said(client, 213, "HASH a b.txt") == f"SHA-1 0-12 {sha1} a b.txt"
        assert said(client, 213, "HASH empty") == f"SHA-1 0-0 {hashlib.sha1(b'').hexdigest()} empty"
        assert said(client, 200, "OPTS HASH") == "SHA-1"
        for name, algorithm in (("SHA-256", "sha256"), ("sha-512", "sha512"), ("MD5", "md5")):
            assert said(client, 200, f"OPTS HASH {name}") == name.upper()
            assert said(client, 213, "HASH large").split()[2] == hashlib.new(algorithm, large(hosts)).hexdigest()
        assert " HASH CRC32;MD5*;SHA-1;SHA-256;SHA-512;" in client.expect(211, "FEAT").lines
        client.expect(200, "OPTS HASH CRC32")
        assert said(client, 213, "HASH file.txt") == "CRC32 0-12 c4c55dff file.txt"
        client.expect(501, "OPTS HASH SHA-3")
        client.expect(501, "OPTS HASH a b")
        for code, command in ((550, "HASH nothere"), (553, "HASH sub/.."), (501, "HASH")):
            client.expect(code, command)


def large(hosts: Hosts) -> bytes:
    return (hosts.server.home() / "large").read_bytes()


def test_hash_of_what_rang_chose(hosts: Hosts) -> None:
    with hosts.logged_in("on") as client:
        client.expect(200, "TYPE I")
        client.expect(350, "RANG 1 4")
        assert said(client, 213, "HASH file.txt") == f"SHA-1 1-4 {hashlib.sha1(b'ello').hexdigest()} file.txt"
        assert said(client, 213, "HASH file.txt").startswith("SHA-1 0-12 "), "a range counts once"
        client.expect(350, "RANG 6 1000")
        assert said(client, 213, "HASH file.txt").startswith("SHA-1 6-11 ")
        client.expect(350, "RANG 12 13")
        client.expect(554, "HASH file.txt")
        client.expect(350, "REST 3")
        client.expect(213, "HASH file.txt")
        assert client.retrieve("RETR file.txt") == HELLO[3:], "REST is for the next transfer"


def test_the_others(hosts: Hosts) -> None:
    with hosts.logged_in("on") as client:
        for command, algorithm in NAMES.items():
            reply = client.expect(250, f"{command} file.txt")
            title = algorithm.upper()
            assert reply.lines == (f"Computing {title} digest", upper(algorithm, HELLO))
            assert said(client, 250, f"{command} large") == upper(algorithm, large(hosts))
            assert said(client, 250, f"{command} large 5 9000000") == upper(algorithm, large(hosts)[5:9_000_000])
        assert said(client, 250, "XCRC file.txt") == "C4C55DFF"
        assert said(client, 250, "XCRC large 1 2000") == f"{zlib.crc32(large(hosts)[1:2000]):08X}"
        assert said(client, 250, 'XCRC "a b.txt" 0 5') == f"{zlib.crc32(b'hello'):08X}"
        assert said(client, 250, "XCRC empty") == "00000000"
        assert said(client, 250, "XCRC 5") == "C4C55DFF"
        assert said(client, 251, "MD5 a b.txt") == f"a b.txt {upper('md5', HELLO)}"
        for code, command in (
            (501, "XCRC"), (501, "XMD5 file.txt 5"), (501, "XMD5 file.txt 5 5"), (501, "XMD5 file.txt 0 13"),
            (550, "XMD5 nothere"), (550, "XMD5 sub/.."), (504, "MD5 sub/.."), (550, "MD5 nothere"),
            (550, "MD5 file.txt 0 5"),
        ):
            client.expect(code, command)


def test_the_type_has_no_say(hosts: Hosts) -> None:
    with hosts.logged_in("on") as client:
        client.expect(200, "TYPE A")
        text = said(client, 213, "HASH file.txt")
        client.expect(200, "TYPE I")
        assert text == said(client, 213, "HASH file.txt")


def test_off_there_are_no_such_commands(hosts: Hosts) -> None:
    with hosts.logged_in("off") as client:
        for command in ("HASH file.txt", "XCRC file.txt", "MD5 file.txt", "OPTS HASH"):
            assert said(client, 500, command).endswith("not understood")
        features = client.expect(211, "FEAT").lines
        assert not [line for line in features if line.strip().startswith(("HASH", "XCRC", "MD5", "XSHA"))]


def test_some_algorithms(hosts: Hosts) -> None:
    with hosts.logged_in("some") as client:
        assert said(client, 200, "OPTS HASH") == "SHA-256"
        client.expect(500, "XMD5 file.txt")
        client.expect(501, "OPTS HASH MD5")
        client.expect(250, "XSHA256 file.txt")
        assert " HASH CRC32;SHA-256*;" in client.expect(211, "FEAT").lines
    with hosts.logged_in("default") as client:
        assert said(client, 200, "OPTS HASH") == "SHA-512"


def test_size_and_places(hosts: Hosts) -> None:
    with hosts.logged_in("small") as client:
        assert "[digest-too-large]" in said(client, 556, "HASH file.txt")
        assert "[digest-too-large]" in said(client, 550, "XMD5 file.txt")
        client.expect(250, "XMD5 file.txt 0 10")
    with hosts.logged_in("on") as client:
        assert "[digest-denied]" in said(client, 552, "HASH none/f")
        assert "[digest-denied]" in said(client, 550, "XCRC none/f")


def test_limits(hosts: Hosts) -> None:
    with hosts.logged_in("on") as client:
        assert "[limit-denied]" in said(client, 552, "HASH denied/f")
        assert "[limit-denied]" in said(client, 550, "XMD5 denied/f 0 5")
        assert "[limit-denied]" in said(client, 550, 'XMD5 "denied/f"')
        client.expect(250, "XCRC denied/f")
    with hosts.logged_in("unread") as client:
        client.expect(552, "HASH file.txt")
        client.expect(550, "XSHA512 file.txt")
        client.expect(550, "XSHA512 nothere")


def test_before_the_login(hosts: Hosts) -> None:
    with hosts.connected("on") as client:
        client.expect(530, "HASH file.txt")
        client.expect(530, "XCRC file.txt")


@pytest.mark.root
def test_what_may_not_be_read_has_no_digest(hosts: Hosts) -> None:
    secret = hosts.server.give("secret", HELLO)
    os.chown(secret, 0, 0)
    secret.chmod(0o600)
    with hosts.logged_in("on") as client:
        assert "Permission denied" in said(client, 550, "HASH secret")
        assert "Permission denied" in said(client, 550, "XMD5 secret")


def test_a_file_that_changes_has_another_digest(hosts: Hosts) -> None:
    changing = hosts.server.give("changing", b"one")
    with hosts.logged_in("on") as client:
        assert said(client, 250, "XMD5 changing") == upper("md5", b"one")
        os.utime(changing, (1_000_000_000, 1_000_000_000))
        assert said(client, 250, "XMD5 changing") == upper("md5", b"one")
        changing.write_bytes(b"two")
        os.utime(changing, (1_000_000_000, 1_000_000_000))
        assert said(client, 250, "XMD5 changing") == upper("md5", b"two")


def sparse(home: Path, name: str = "sparse", size: int = 1 << 40) -> None:
    """A file whose digest takes half an hour."""
    with (home / name).open("wb") as file:
        file.truncate(size)
    (home / name).chmod(0o644)


def test_abor_ends_it_and_others_wait(hosts: Hosts) -> None:
    sparse(hosts.server.home())
    with hosts.logged_in("on") as client:
        client.send_line("XSHA512 sparse")
        client.send_line("NOOP")
        client.send_line("ABOR")
        client.expect(426)
        client.expect(226)
        client.expect(200)
        client.expect(257, "PWD")
        client.send(b"HASH sparse\r\nABOR\r\n")
        client.expect(426)
        client.expect(226)


def test_a_client_that_goes_ends_it(hosts: Hosts) -> None:
    sparse(hosts.server.home())
    client = hosts.logged_in("on")
    client.send_line("XSHA512 sparse")
    client.close("fin")
    hosts.server.wait_for_log("FTP session closed", log="system")


@contextlib.contextmanager
def working(directives: Sequence[str] = ()) -> Iterator[ScriptedClient]:
    """Logged in to a session of this process, where a digest of `sparse` takes half an hour."""
    with one_session(directives) as served:
        system = served.service.configuration.hosts[0].settings.logging.system_log
        assert system is not None
        sparse(Path(system).parent / "homes" / "alice")
        served.client.connect()
        served.client.login()
        yield served.client


def last_line(client: ScriptedClient) -> str:
    """The end of a reply of several lines that has been begun."""
    while (line := client.read_line())[3] == "-":
        pass
    return line


def test_the_client_hears_that_something_is_going_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(labour, "PULSE", 0.05)
    with working() as client:
        client.send_line("XSHA512 sparse")
        assert client.read_line() == "250-Computing SHA512 digest"
        assert client.read_line() == "250-0% of 1099511627776 bytes"
        assert client.read_line().startswith("250-")
        client.send_line("ABOR")
        assert last_line(client) == "250 Aborted"
        client.expect(226)
        client.expect(257, "PWD")


def test_what_fails_late_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(labour, "PULSE", 0.05)
    with working(["TimeoutSession 1"]) as client:
        client.send_line("HASH sparse")
        assert client.read_line() == "213-Computing SHA-1 digest"
        assert last_line(client) == "213 Failed: Session Timeout: aborted [transfer-cut]"
        client.expect(421)


def test_the_session_s_time_ends_it() -> None:
    with working(["TimeoutSession 1"]) as client:
        client.expect(426, "HASH sparse")
        client.expect(421)
