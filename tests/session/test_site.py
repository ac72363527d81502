"""SITE commands, answered as ProFTPD 1.3.8 answers them with mod_site_misc and mod_copy."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from ftpsd.testing.configs import User
from ftpsd.testing.plugin import Certificates, ServerFactory
from ftpsd.testing.server import RunningServer
from tests.session.inprocess import one_session
from tests.session.talk import ALICE, BOB, converse, furnish_forbidden, refurnish, talkative

ROOT = os.getuid() == 0


@pytest.fixture(scope="module")
def running(ftps_certificates: Certificates) -> Iterator[RunningServer]:
    with talkative(ftps_certificates) as server:
        yield server


@pytest.fixture
def server(running: RunningServer) -> RunningServer:
    refurnish(running)
    if ROOT:
        furnish_forbidden(running)
    return running


def talk(server: RunningServer, text: str) -> None:
    with server.client(tls=False) as client:
        client.connect()
        client.login()
        converse(client, text)


def test_mkdir_and_rmdir(server: RunningServer) -> None:
    talk(server, """
        SITE MKDIR => 500 'SITE MKDIR' not understood
        SITE MKDIR a/b/c => 200 SITE MKDIR command successful
        SITE MKDIR a/b/c => 200 SITE MKDIR command successful
        SITE MKDIR two words => 200 SITE MKDIR command successful
        SITE MKDIR ../up => 200 SITE MKDIR command successful
        SITE MKDIR file.txt => 550 MKDIR file.txt: Not a directory
        SITE MKDIR file.txt/x => 550 MKDIR file.txt/x: Not a directory
        SITE RMDIR => 500 'SITE RMDIR' not understood
        SITE RMDIR nothere => 550 RMDIR nothere: No such file or directory
        SITE RMDIR file.txt => 550 RMDIR file.txt: Not a directory
        SITE RMDIR link => 550 RMDIR link: Not a directory
        SITE RMDIR / => 550 RMDIR /: Device or resource busy
        SITE RMDIR full => 200 SITE RMDIR command successful
        SITE RMDIR a => 200 SITE RMDIR command successful
    """)
    left = {"up", "two words", "file.txt", "big.bin", "sub", "link", "broken", *(("noperm", "secret") if ROOT else ())}
    assert set(os.listdir(server.home())) == left
    assert (server.home() / "up").stat().st_mode & 0o7777 == 0o755


@pytest.mark.skipif(not ROOT, reason="needs files of another user")
def test_what_is_anothers(server: RunningServer) -> None:
    talk(server, f"""
        SITE MKDIR noperm/x => 550 MKDIR noperm/x: Permission denied
        SITE RMDIR noperm => 550 RMDIR noperm: Permission denied
        SITE SYMLINK file.txt noperm/l => 550 SYMLINK file.txt noperm/l: Permission denied
        SITE UTIME 20200102030405 secret => 550 UTIME 20200102030405 secret: Operation not permitted
        SITE CHGRP {BOB.gid} file.txt => 550 file.txt: Operation not permitted
        SITE CHGRP {ALICE.gid} secret => 550 secret: Operation not permitted
        SITE CPFR secret => 350 File or directory exists, ready for destination name
        SITE CPTO mine => 550 CPTO: Permission denied
        SITE CPFR file.txt => 350 File or directory exists, ready for destination name
        SITE CPTO noperm/x => 550 CPTO: Permission denied
    """)


def test_symlinks(server: RunningServer) -> None:
    talk(server, """
        SITE SYMLINK => 500 'SITE SYMLINK' not understood
        SITE SYMLINK file.txt => 500 'SITE SYMLINK' not understood
        SITE SYMLINK file.txt one => 200 SITE SYMLINK command successful
        SITE SYMLINK file.txt sub/two => 200 SITE SYMLINK command successful
        SITE SYMLINK sub three => 200 SITE SYMLINK command successful
        SITE SYMLINK file.txt three/four => 200 SITE SYMLINK command successful
        SITE SYMLINK file.txt one => 550 SYMLINK file.txt one: File exists
        SITE SYMLINK nothere l => 550 SYMLINK nothere l: No such file or directory
        SITE SYMLINK file.txt nodir/l => 550 SYMLINK file.txt nodir/l: No such file or directory
        < RETR three/four => 150 ASCII: three/four (12 bytes); 226 Transfer complete
    """)
    home = server.home()
    assert os.readlink(home / "one") == "file.txt"
    assert os.readlink(home / "sub/two") == os.readlink(home / "sub/four") == "../file.txt"
    assert os.readlink(home / "three") == "sub"


def test_utime(server: RunningServer) -> None:
    talk(server, """
        SITE UTIME file.txt => 500 'SITE UTIME' not understood
        SITE UTIME 20200102 file.txt => 500 UTIME 20200102 file.txt: Invalid argument
        SITE UTIME 20201302030406 file.txt => 500 UTIME 20201302030406 file.txt: Invalid argument
        SITE UTIME 20200102030405 nothere => 550 UTIME 20200102030405 nothere: No such file or directory
        SITE UTIME 202101020304 file.txt => 200 SITE UTIME command successful
        MDTM file.txt => 213 20210102030400
        SITE UTIME 20210102030405 file.txt => 200 SITE UTIME command successful
        MDTM file.txt => 213 20210102030405
        SITE UTIME file.txt 20200102030405 20200203040506 20200304050607 UTC => 200 SITE UTIME command successful
        MDTM file.txt => 213 20200203040506
        MKD two words => 257 "/two words" - Directory successfully created
        SITE UTIME two words 20200102030405 20200203040506 20200304050607 utc => 200 SITE UTIME command successful
        SITE UTIME a 2 202002030405 202003040506 UTC => 500 UTIME a 2 202002030405 202003040506 UTC: Invalid argument
        SITE UTIME a 202002030405 202003040506 GMT => 500 UTIME a 202002030405 202003040506 GMT: Invalid argument
    """)
    assert (server.home() / "file.txt").stat().st_atime == 1577934245
    assert (server.home() / "two words").stat().st_atime == 1577934245


def test_chgrp(server: RunningServer) -> None:
    talk(server, f"""
        SITE CHGRP => 500 'SITE CHGRP' not understood
        SITE CHGRP {ALICE.gid} => 500 'SITE CHGRP {ALICE.gid}' not understood
        SITE CHGRP {ALICE.gid} file.txt => 200 SITE CHGRP command successful
        SITE CHGRP alice sub => 200 SITE CHGRP command successful
        SITE CHGRP {ALICE.gid} nothere => 550 nothere: No such file or directory
        SITE CHGRP nosuchgroup file.txt => 550 nosuchgroup: Invalid argument
    """)


def test_copies(server: RunningServer) -> None:
    ready = "350 File or directory exists, ready for destination name"
    talk(server, f"""
        SITE CPFR => 500 'SITE CPFR' not understood
        SITE CPTO x => 503 Bad sequence of commands
        SITE CPFR nothere => 550 /nothere: No such file or directory
        SITE CPTO x => 503 Bad sequence of commands
        SITE CPFR file.txt => {ready}
        NOOP => 200 NOOP command successful
        SITE CPTO two words => 250 Copy successful
        SITE CPTO three => 503 Bad sequence of commands
        SITE CPFR sub => {ready}
        SITE CPTO full => 250 Copy successful
        SITE CPFR sub => {ready}
        SITE CPTO sub/below => 550 CPTO: Invalid argument
        SITE CPFR file.txt => {ready}
        SITE CPTO sub => 550 CPTO: Is a directory
        SITE CPFR link => {ready}
        SITE CPTO linkcopy => 250 Copy successful
        SITE COPY file.txt => 500 'SITE COPY' not understood
        SITE COPY a b c => 500 'SITE COPY' not understood
        SITE COPY nothere x => 550 COPY: No such file or directory
        SITE COPY sub file.txt => 550 COPY: Not a directory
        SITE COPY file.txt file.txt => 200 SITE COPY command successful
        SITE COPY big.bin file2 => 200 SITE COPY command successful
        SITE COPY file.txt file2 => 200 SITE COPY command successful
    """)
    home = server.home()
    for name in ("file.txt", "two words", "file2"):
        assert (home / name).read_bytes() == b"hello\nworld\n"
    assert {path.name for path in (home / "full").iterdir()} == {"x", "inner.txt"}
    assert os.readlink(home / "linkcopy") == "file.txt"


def test_help(server: RunningServer) -> None:
    with server.client(tls=False) as client:
        client.connect()
        client.login()
        features = [line.strip() for line in client.expect(211, "FEAT").lines]
        assert [line for line in features if line.startswith("SITE")] == [
            "SITE COPY", "SITE MKDIR", "SITE RMDIR", "SITE SYMLINK", "SITE UTIME"]
        listed = [line.strip() for line in client.expect(214, "SITE HELP").lines[1:-1]]
        assert listed == [
            "CPFR <sp> pathname", "CPTO <sp> pathname", "COPY <sp> source <sp> destination",
            "UTIME <sp> YYYYMMDDhhmm[ss] <sp> path", "SYMLINK <sp> source <sp> destination", "RMDIR <sp> path",
            "MKDIR <sp> path", "WHO", "HELP", "CHGRP", "CHMOD"]
        assert [line.strip() for line in client.expect(214, "HELP SITE").lines] == listed
        assert client.expect(214, "SITE HELP chgrp").lines[1].strip() == "Syntax: SITE CHGRP <sp> group <sp> pathname"


def test_who_shows_ones_own_sessions_and_nobody_elses(ftps_server: ServerFactory) -> None:
    server = ftps_server(tls=["TLSRequired off"], users=(ALICE, BOB), directives=["TimesGMT on"])
    with server.client(tls=False) as first, server.client(tls=False) as second, server.client(tls=False) as other:
        for client, name in ((first, "alice"), (second, "alice"), (other, "bob")):
            client.connect()
            client.login(name)
        first.expect(200, "CLNT x")
        lines = second.expect(211, "SITE WHO").lines
        assert lines[0] == "Sessions of alice:"
        assert [re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "THEN", line.strip()) for line in sorted(lines[1:-1])] == [
            "127.0.0.1 since THEN: CLNT x", "127.0.0.1 since THEN: this one"]
        assert len(other.expect(211, "SITE WHO").lines) == 3


def test_engines_that_are_off(ftps_server: ServerFactory) -> None:
    server = ftps_server(tls=["TLSRequired off"], directives=["CopyEngine off", "SiteMiscEngine off"])
    talk(server, "\n".join(
        f"SITE {name} x y => 500 'SITE {name}' not understood"
        for name in ("CPFR", "CPTO", "COPY", "MKDIR", "RMDIR", "SYMLINK", "UTIME")) + """
        SITE HELP CPFR => 502 Unknown command 'SITE CPFR'
        HELP SITE => 214 HELP / CHGRP / CHMOD
    """)
    with server.client(tls=False) as client:
        client.connect()
        assert not [line for line in client.expect(211, "FEAT").lines if "SITE" in line]


def test_a_copy_is_an_upload(ftps_server: ServerFactory) -> None:
    server = ftps_server(tls=["TLSRequired off"], directives=[
        "AllowOverwrite off", "MaxStoreFileSize 1 Kb", "Umask 077 027", r"PathDenyFilter \.exe$"],
        sections="<Directory BASE/homes/alice>\nHideFiles ^hidden$\n</Directory>\n")
    for name in ("file.txt", "tree/x", "tree/hidden", "tree/sub/y"):
        server.give(name, b"hello")
    server.give("large", b"x" * 1025)
    talk(server, """
        SITE COPY large other => 550 COPY: File too large
        SITE COPY file.txt large => 550 COPY: Permission denied
        SITE COPY file.txt a.exe => 550 COPY: Operation not permitted [path-forbidden]
        SITE COPY file.txt new => 200 SITE COPY command successful
        SITE COPY tree copy => 200 SITE COPY command successful
        SITE MKDIR a.exe => 550 MKDIR a.exe: Operation not permitted [path-forbidden]
        SITE SYMLINK file.txt a.exe => 550 SYMLINK file.txt a.exe: Operation not permitted [path-forbidden]
    """)
    home = server.home()
    assert (home / "new").stat().st_mode & 0o777 == 0o600
    assert (home / "copy").stat().st_mode & 0o777 == 0o750
    assert sorted(os.listdir(home / "copy")) == ["sub", "x"]
    assert not (home / "other").exists()


@pytest.mark.root
@pytest.mark.parametrize(("options", "left"), [((), False), (("CopyOptions NoDeleteOnFailure",), True)])
def test_what_a_copy_that_failed_leaves(
    ftps_server: ServerFactory, small_disk: Path, options: tuple[str, ...], left: bool
) -> None:
    (small_disk / "file").write_bytes(b"x" * 700_000)
    server = ftps_server(tls=["TLSRequired off"], directives=[f"DefaultRoot {small_disk}", *options])
    talk(server, "SITE COPY /file /copy => 550 COPY: No space left on device")
    assert (small_disk / "copy").exists() is left


LIMITS = (
    ("WRITE", """
        SITE CPFR @/file => 350 File or directory exists, ready for destination name
        SITE CPTO @/x => 550 /@/x: Operation not permitted
        SITE COPY @/file @/x => 550 @/x: Operation not permitted
        SITE MKDIR @/x => 550 MKDIR @/x: Operation not permitted
        SITE RMDIR @/d => 550 RMDIR @/d: Operation not permitted
        SITE UTIME 202001020304 @/file => 550 UTIME 202001020304 @/file: Operation not permitted
        SITE SYMLINK @/file @/x => 550 @/x: Operation not permitted
        SITE CHGRP alice @/file => 550 @/file: Permission denied
        MFF UNIX.mode=0600; @/file => 550 Unable to handle command
    """),
    ("READ", """
        SITE CPFR @/file => 550 /@/file: Operation not permitted
        SITE COPY @/file @/x => 550 @/file: Operation not permitted
        SITE SYMLINK @/file @/x => 550 @/file: Operation not permitted
        SITE MKDIR @/x => 200 SITE MKDIR command successful
    """),
    ("RETR", """
        SITE COPY @/file x => 550 @/file: Operation not permitted
        SITE COPY @ x => 550 @: Operation not permitted
    """),
    ("STOR", "SITE COPY free/file @/x => 550 @/x: Operation not permitted"),
    ("MKD", "SITE MKDIR @/x/y => 550 MKDIR @/x/y: Operation not permitted"),
    ("DELE", "SITE RMDIR @/d => 550 RMDIR @/d: Operation not permitted"),
    ("SITE_COPY SITE_RMDIR", """
        SITE COPY free/file @/x => 550 @/x: Operation not permitted
        SITE RMDIR @/d => 550 RMDIR @/d: Operation not permitted
        SITE MKDIR @/x => 200 SITE MKDIR command successful
    """),
)


def test_limits_bind_site_commands_and_what_they_do(ftps_server: ServerFactory) -> None:
    sections = "".join(
        f"<Directory BASE/homes/alice/{number}>\n<Limit {commands}>\nDenyAll\n</Limit>\n</Directory>\n"
        for number, (commands, _) in enumerate(LIMITS))
    server = ftps_server(tls=["TLSRequired off"], sections=sections)
    server.give("free/file")
    for number, (_, text) in enumerate(LIMITS):
        server.give(f"{number}/file")
        server.give(f"{number}/d/f")
        expected = re.sub("(=> 550 .*)", r"\1 [limit-denied]", text.replace("@", str(number)))
        talk(server, expected)
        assert (server.home() / f"{number}/d/f").exists()


def test_feat_without_what_is_denied_everywhere(ftps_server: ServerFactory) -> None:
    server = ftps_server(tls=["TLSRequired off"], sections="<Limit EPRT RANG>\nDenyAll\n</Limit>\n")
    talk(server, """
        RANG 1 2 => 552 RANG: Operation not permitted [limit-denied]
        EPRT |1|127.0.0.1|51400| => 501 EPRT: Operation not permitted [limit-denied]
    """)
    with server.client(tls=False) as client:
        client.connect()
        features = {line.strip() for line in client.expect(211, "FEAT").lines}
        assert "EPRT" not in features
        assert {"EPSV", "SITE COPY", "RANG STREAM"} <= features


@pytest.mark.parametrize("command", ["SITE COPY tree copy", "SITE RMDIR tree"])
def test_abor_ends_work_on_a_tree(command: str) -> None:
    """What came together with the command, and the end of the client, are seen while a tree is walked."""
    with one_session() as served:
        system = served.service.configuration.hosts[0].settings.logging.system_log
        assert system is not None
        tree = Path(system).parent / "homes" / "alice" / "tree"
        tree.mkdir()
        (tree / "file").write_bytes(b"x")
        for path in (tree, tree / "file"):
            User().own(path)
        client = served.client
        client.connect()
        client.login()
        client.send(f"{command}\r\nABOR\r\n".encode())
        assert client.read_reply().code == 426
        assert client.read_reply().code == 226
        client.expect(257, "PWD")
        assert (tree / "file").exists()
        assert not (tree.parent / "copy").exists()
