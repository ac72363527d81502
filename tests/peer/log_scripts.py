"""Sessions whose log lines are those of ProFTPD 1.3.8, with the differences that are meant."""

from __future__ import annotations

import time

from ftpsd.testing.client import ScriptedClient
from tests.peer import log_differences as but
from tests.peer.compare import Do, Step, Transfer
from tests.peer.log_compare import LogScript

UPLOAD = b"line one\nline two\n"


def await_size(client: ScriptedClient, name: str, size: int) -> None:
    """Waits until alice's file has as many bytes."""
    deadline = time.monotonic() + 10
    with ScriptedClient(client.host, client.port) as other:
        other.begin()
        while other.command(f"SIZE {name}").text != str(size):
            assert time.monotonic() < deadline
            time.sleep(0.02)


def _aborted(client: ScriptedClient) -> None:
    """A download that is aborted by ABOR."""
    connection = client.data()
    client.send_line("RETR huge.bin")
    client.expect(150)
    connection.establish().read(1)
    client.send_line("ABOR")
    connection.close("fin")
    client.read_reply()
    client.read_reply()


def _cut_download(client: ScriptedClient) -> None:
    """The client resets the data connection of a download."""
    connection = client.data()
    client.send_line("RETR huge.bin")
    client.expect(150)
    connection.establish().read(1)
    connection.close("rst")
    client.expect(426)


def _cut_upload(client: ScriptedClient) -> None:
    """The client resets the data connection of an upload."""
    connection = client.data()
    client.send_line("STOR cut")
    client.expect(150)
    stream = connection.establish()
    stream.write(b"1" * 1000)
    await_size(client, "cut", 1000)
    connection.close("rst")
    client.expect(426)


def _active(client: ScriptedClient) -> None:
    """A download over PORT and one over EPRT."""
    client.retrieve("RETR file.txt", mode="PORT")
    client.retrieve("RETR file.txt", mode="EPRT")


def _foreign_session(client: ScriptedClient) -> None:
    """A data connection that resumes nothing."""
    connection = client.data()
    client.send_line("RETR file.txt")
    client.expect(150)
    try:
        connection.handshake(reuse=False).read_all()
    except OSError:
        pass
    connection.close("fin")
    client.read_reply()


ANONYMOUS: tuple[Step, ...] = ("USER anonymous", "PASS me@example.org")

LOG_SCRIPTS = [
    LogScript("login", ["USER alice", "PASS secret", "NOOP"], "connected"),
    LogScript("wrong password", ["USER alice", "PASS wrong", "NOOP"], "connected"),
    LogScript("unknown user", ["USER nobodyhere", "PASS secret", "NOOP"], "connected"),
    LogScript("second attempt", ["USER alice", "PASS wrong", "USER alice", "PASS secret"], "connected"),
    LogScript("PASS first", ["PASS secret", "USER alice", "PASS secret", "PASS secret"], "connected",
              differences=(but.LOGIN_NAME,)),
    LogScript("logging in twice", ["USER alice", "USER bob", "PASS x"], differences=(but.LOGIN_NAME,)),
    LogScript("too many logins", ["USER alice", "PASS x"] * 3, "connected", ending="drop"),
    LogScript("leaving without QUIT", ["PWD"], ending="drop"),
    LogScript("leaving before login", [], "connected", ending="drop"),
    LogScript("before login", ["PWD", "CWD sub", "LIST", "RETR x", "MKD x", "SIZE x", "TYPE I"], "connected",
              differences=but.BEFORE_LOGIN),
    LogScript("unknown commands", ["BOGUS", "BOGUS x y", "NOOP x"], differences=(but.UNKNOWN,)),
    LogScript("anonymous login", [*ANONYMOUS, "PWD", "CWD sub", "NOOP"], "connected"),
    LogScript("anonymous download", [
        *ANONYMOUS, "TYPE I", Transfer("RETR file.txt"), Transfer("LIST sub")], "connected"),
    LogScript("anonymous upload refused", [
        *ANONYMOUS, Transfer("STOR x", b"x"), "DELE file.txt", "MKD x"], "connected", differences=(but.NOT_DELETED,)),
    LogScript("download", ["TYPE I", Transfer("RETR file.txt"), Transfer("RETR sub/inner.txt")]),
    LogScript("download in ASCII", [Transfer("RETR file.txt")]),
    LogScript("download of a part", ["TYPE I", "REST 6", Transfer("RETR file.txt"), Transfer("RETR file.txt")]),
    LogScript("download from a directory", ["CWD sub", Transfer("RETR inner.txt"), Transfer("RETR ../file.txt")]),
    LogScript("downloads refused", [
        Transfer("RETR nothere"), Transfer("RETR sub"), Transfer("RETR secret"), Transfer("RETR noperm/in")],
        differences=(but.NAMED,)),
    LogScript("download without an address", ["RETR file.txt"],
              differences=(*but.NO_ADDRESS, but.NOT_MOVED)),
    LogScript("upload", [
        "TYPE I", Transfer("STOR up", UPLOAD), Transfer("STOR up", b"da"), Transfer("STOR sub/up", b"")]),
    LogScript("upload of a part", ["TYPE I", Transfer("STOR up", UPLOAD), "REST 4", Transfer("STOR up", b"XX")]),
    LogScript("appending", ["TYPE I", Transfer("APPE up", b"one"), Transfer("APPE up", b"three")]),
    LogScript("unique names", ["TYPE I", Transfer("STOU", b"x")]),
    LogScript("upload in ASCII", [Transfer("STOR up", b"a\r\nb\r\n")]),
    LogScript("uploads refused", [
        Transfer("STOR sub", b"x"), Transfer("STOR noperm/x", b"x"), Transfer("STOR nodir/x", b"x"),
        Transfer("APPE secret", b"x")], differences=(but.NAMED, but.MODIFIED)),
    LogScript("aborted download", ["TYPE I", Do("abort", _aborted), "NOOP"], shapes=frozenset({"I"})),
    LogScript("download cut by the client", ["TYPE I", Do("cut", _cut_download), "NOOP"]),
    LogScript("upload cut by the client", ["TYPE I", Do("cut", _cut_upload), "NOOP"]),
    LogScript("ABOR without a transfer", ["ABOR"]),
    LogScript("active mode", ["TYPE I", Do("active", _active)], shapes=frozenset({"I"})),
    LogScript("passive mode", ["TYPE I", Transfer("RETR file.txt", mode="PASV")]),
    LogScript("listings", [
        Transfer("LIST"), Transfer("LIST sub"), Transfer("LIST -la sub"), Transfer("LIST file.txt")],
        differences=(but.OFFERED, but.OPTIONS)),
    LogScript("names", [Transfer("NLST"), Transfer("NLST sub"), Transfer("NLST nothere")], differences=(but.OFFERED,)),
    LogScript("machine listings", [Transfer("MLSD sub"), Transfer("MLSD nothere"), "MLST file.txt", "MLST nothere"],
              differences=(but.FACTS,)),
    LogScript("listing of nothing", ["CWD sub", Transfer("LIST nothere"), Transfer("LIST")],
              differences=but.NOTHING_LISTED),
    LogScript("status", ["STAT", "STAT file.txt", "STAT nothere", "HELP", "FEAT", "SYST"],
              differences=(but.NAMED,)),
    LogScript("renaming", ["RNFR file.txt", "RNTO new.txt", "RNFR new.txt", "RNTO sub/new.txt"],
              differences=(but.RENAMED,)),
    LogScript("renaming refused", ["RNFR nothere", "RNTO x", "RNFR secret", "RNTO nodir/x"],
              differences=(but.NAMED, but.RENAMED)),
    LogScript("deleting", ["DELE file.txt", "DELE file.txt", "DELE noperm/in"], differences=(but.NOT_DELETED,)),
    LogScript("directories", ["MKD new", "MKD new", "RMD new", "RMD new", "XMKD /new", "XRMD /new", "RMD full"]),
    LogScript("walking", ["CWD sub", "PWD", "CDUP", "CWD nothere", "XCWD /sub", "XPWD", "XCUP"],
              differences=(but.MISSING_DIRECTORY,)),
    LogScript("sizes and times", [
        "TYPE I", "SIZE file.txt", "SIZE nothere", "MDTM file.txt", "MDTM nothere", "MFMT 20200102030405 file.txt"],
        differences=(but.NAMED, but.MFMT)),
    LogScript("SITE", ["SITE HELP", "SITE CHMOD 644 file.txt", "SITE CHMOD 644 nothere", "SITE BOGUS x"]),
    LogScript("parameters", ["TYPE A", "TYPE X", "MODE S", "STRU F", "ALLO 1", "REST 0", "OPTS MLST type;", "CLNT me"],
              differences=(but.OPTS,)),
    LogScript("not implemented", ["SMNT x", "REIN", "ACCT x"], differences=(but.ACCOUNT,)),
    LogScript("names with blanks", [
        Transfer("STOR a b c", b"x"), Transfer("RETR a b c"), "RNFR a b c", "RNTO  d", "DELE  d", "MKD x y"],
        differences=(but.BLANKS, but.RENAMED)),
    LogScript("names in UTF-8", [Transfer("STOR größe 漢字", b"x"), Transfer("RETR größe 漢字"), "DELE größe 漢字"]),
    LogScript("names with quotes", [Transfer('STOR a"b', b"x"), 'DELE a"b', 'MKD c"d']),
    LogScript("names with control characters", [Transfer("STOR a\x1bb", b"x"), "DELE a\x1bb"],
              differences=(but.CONTROLS,)),
    LogScript("login under TLS", ["NOOP", "USER alice", "PASS secret", "PBSZ 0", "PROT P", "PROT C"], "tls"),
    LogScript("transfers under TLS", [
        "TYPE I", Transfer("RETR file.txt"), Transfer("STOR up", UPLOAD), Transfer("LIST sub"), Transfer("RETR no")],
        "private", differences=(but.NAMED,)),
    LogScript("security commands", ["AUTH TLS", "AUTH X", "PBSZ x", "PROT X", "SSCN"], "private",
              differences=(but.SSCN,)),
    LogScript("gone after CCC", ["CCC"], "private", differences=(but.HALF_CLEARED,), ending="drop"),
    LogScript("security commands in clear", ["PBSZ 0", "PROT P", "CCC", "AUTH BOGUS"]),
    LogScript("data connection that proves nothing", ["TYPE I", Do("foreign", _foreign_session)], "private",
              differences=(but.NOT_MOVED, but.NOT_RESUMED)),
]
