"""<Limit>, DenyAll, filters and .ftpaccess at work: every command that has a path, and every way round."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from ftpsd.session.ftpaccess import MOST_FILES
from ftpsd.testing.client import ConnectionEnded, ScriptedClient
from ftpsd.testing.configs import User
from ftpsd.testing.plugin import Certificates
from tests.session.hosts import Hosts, serving
from tests.session.talk import converse, furnish, refurnish

USERS = (User("alice"), User("bob", gid=4001))
HOME = "@HOME@/alice"


def limit(commands: str, *lines: str) -> str:
    return "\n".join((f"<Limit {commands}>", *lines, "</Limit>", ""))


def directory(path: str, body: str) -> str:
    return f"<Directory {path}>\n{body}\n</Directory>\n"


CLOSED = directory(f"{HOME}/sub", limit("ALL", "DenyAll"))
HOSTS = {
    "open": "",
    "closed sub": CLOSED + "AllowOverride off",
    "closed sub by ~": directory("~/sub", limit("ALL", "DenyAll")),
    "closed by a link": directory("~/alias", limit("ALL", "DenyAll")),
    "nothing": limit("ALL", "DenyAll"),
    "by name": limit("TYPE SYST AUTH PROT PBSZ", "DenyAll"),
    "no PROT": limit("PROT", "DenyAll"),
    "no SSCN, no CCC": "TLSRequired off\n" + limit("SSCN CCC AUTH_X", "DenyAll"),
    "login": limit("LOGIN", "DenyUser bob"),
    "login by section": "<IfUser bob>\n" + limit("LOGIN", "DenyAll") + "</IfUser>",
    "nobody": limit("LOGIN", "Deny from all"),
    "filters": "DenyFilter [*]\nAllowFilter ^[-a-zA-Z0-9/.*]+$",
    "paths": 'PathDenyFilter "[.]exe$"\n' + directory("~/sub", 'PathAllowFilter "[.]txt$"'),
    "all denied": directory("~/", "DenyAll") + directory("~/full", "") + directory("~/sub/deep", limit("STOR")),
    "sub denied": directory("~/sub", "DenyAll"),
    "override off": "AllowOverride off",
    "override off in sub": directory("~/sub", "AllowOverride off"),
    "administrator first": directory("~/sub", "AllowOverwrite off\n" + limit("DELE", "DenyAll")),
    "anonymous": (
        f"<Anonymous {HOME}>\nUser alice\nUserAlias anonymous alice\nUserAlias ftp alice\n" + limit("WRITE", "DenyAll")
        + directory("full", limit("STOR", "AllowAll")) + "</Anonymous>\n"
        + directory(f"{HOME}/sub", limit("READ", "DenyAll"))),
}


@pytest.fixture(scope="module")
def hosts(ftps_certificates: Certificates) -> Iterator[Hosts]:
    """One host per configuration."""
    with serving(ftps_certificates, HOSTS, users=USERS, tls=("TLSRequired off",)) as running:
        furnish(running.server)
        (running.server.home() / "alias").symlink_to("sub")
        yield running


@pytest.fixture(autouse=True)
def fresh(hosts: Hosts) -> None:
    """Every test finds the same files."""
    refurnish(hosts.server)
    (hosts.server.home() / "alias").symlink_to("sub")


def refuses_everything(client: ScriptedClient, directory: str) -> None:
    """Every command with a path, on `directory` and the file inner.txt in it."""
    converse(client, f"""
        CWD {directory} => 550 {directory}: No such file or directory
        XCWD {directory} => 550 {directory}: No such file or directory
        < RETR {directory}/inner.txt => 550 {directory}/inner.txt: Operation not permitted [limit-denied]
        > STOR {directory}/new => 550 {directory}/new: Operation not permitted [limit-denied]
        > APPE {directory}/inner.txt => 550 {directory}/inner.txt: Operation not permitted [limit-denied]
        SIZE {directory}/inner.txt => 550 {directory}/inner.txt: Operation not permitted [limit-denied]
        MDTM {directory}/inner.txt => 550 {directory}/inner.txt: Operation not permitted [limit-denied]
        MDTM {directory}/nothere => 550 {directory}/nothere: No such file or directory
        MFMT 20200102030405 {directory}/inner.txt => 550 Unable to handle command [limit-denied]
        SITE CHMOD 600 {directory}/inner.txt => 550 CHMOD 600 {directory}/inner.txt: Permission denied [limit-denied]
        DELE {directory}/inner.txt => 550 {directory}/inner.txt: Operation not permitted [limit-denied]
        RNFR {directory}/inner.txt => 550 {directory}/inner.txt: Operation not permitted [limit-denied]
        RNFR file.txt => 350 File or directory exists, ready for destination name
        RNTO {directory}/moved => 550 {directory}/moved: Operation not permitted [limit-denied]
        MKD {directory}/d => 550 {directory}/d: Permission denied [limit-denied]
        RMD {directory}/d => 550 {directory}/d: Permission denied [limit-denied]
        MLST {directory}/inner.txt => 550 Unable to handle command [limit-denied]
        < MLSD {directory} => 550 Unable to handle command [limit-denied]
        < NLST {directory} => 450 {directory}: No such file or directory
        < LIST {directory} => 150 BINARY: file list; 226 Transfer complete
        STAT {directory} => 212 Status of {directory}: / End of status
    """)
    assert client.retrieve(f"LIST {directory}") == b""


@pytest.mark.parametrize("host", ["closed sub", "closed sub by ~"])
@pytest.mark.parametrize("way", ["sub", "/sub", "full/../sub", "alias", "alias/../alias", "./alias/."])
def test_no_command_and_no_link_gets_round_a_directory(hosts: Hosts, host: str, way: str) -> None:
    with hosts.logged_in(host) as client:
        client.expect(200, "TYPE I")
        refuses_everything(client, way)
        assert (hosts.server.home() / "sub" / "inner.txt").read_bytes() == b"inner\n"
        converse(client, "> STOR free => 150 BINARY: free; 226 Transfer complete")


def test_a_directory_may_be_named_by_a_link(hosts: Hosts) -> None:
    """The administrator wrote the link's name; what it leads to is meant."""
    with hosts.logged_in("closed by a link") as client:
        client.expect(200, "TYPE I")
        refuses_everything(client, "sub")
        refuses_everything(client, "alias")


def test_a_link_in_the_last_place_is_what_is_deleted(hosts: Hosts) -> None:
    """DELE and RNFR are about the link, which lies in the open; RETR and STOR about what it leads to."""
    (hosts.server.home() / "into").symlink_to("sub/inner.txt")
    (hosts.server.home() / "dangling").symlink_to("sub/later")
    with hosts.logged_in("closed sub") as client:
        converse(client, """
            < RETR into => 550 into: Operation not permitted [limit-denied]
            > STOR into => 550 into: Operation not permitted [limit-denied]
            > STOR dangling => 550 dangling: Operation not permitted [limit-denied]
            RNFR into => 350 File or directory exists, ready for destination name
            RNTO onto => 250 Rename successful
            DELE onto => 250 DELE command successful
            DELE dangling => 250 DELE command successful
        """)
    assert not (hosts.server.home() / "sub" / "later").exists()


def test_what_all_covers(hosts: Hosts) -> None:
    with hosts.logged_in("nothing") as client:
        converse(client, """
            PWD => 550 PWD: Permission denied [limit-denied]
            NOOP => 550 Operation not permitted [limit-denied]
            FEAT => 550 FEAT: Operation not permitted [limit-denied]
            HELP => 501 HELP: Permission denied [limit-denied]
            STAT => 500 STAT: Operation not permitted [limit-denied]
            CDUP => 550 ..: No such file or directory
            SYST => 215 UNIX Type: L8
            TYPE I => 200 Type set to I
            EPSV => 229 Entering Extended Passive Mode (|||PORT|)
            OPTS UTF8 ON => 200 UTF8 set to on
            QUIT => 221 Goodbye.
        """)


def test_a_command_can_be_limited_by_its_name(hosts: Hosts) -> None:
    with hosts.connected("by name") as client:
        converse(client, """
            AUTH TLS => 534 Unwilling to accept security parameters [auth-limited]
            TYPE I => 550 TYPE: Operation not permitted [limit-denied]
            SYST => 550 SYST: Operation not permitted [limit-denied]
            NOOP => 200 NOOP command successful
        """)


def test_sscn_and_ccc_can_be_limited(hosts: Hosts, tls_version: str) -> None:
    with hosts.client("no SSCN, no CCC", tls_version) as client:
        client.connect()
        client.auth()
        client.login()
        converse(client, """
            SSCN ON => 550 SSCN: Operation not permitted [sscn-refused]
            SSCN ON OFF => 504 SSCN: Invalid argument
            CCC => 534 Unwilling to accept security parameters [ccc-refused]
            PBSZ 0 => 200 PBSZ 0 successful
            PROT P => 200 Protection set to Private
        """)


def test_prot_can_be_limited(hosts: Hosts, tls_version: str) -> None:
    """Either way: what protects data connections stays as it is."""
    with hosts.client("no PROT", tls_version) as client:
        client.connect()
        client.auth()
        client.login()
        for level in ("P", "C"):
            converse(client, f"PROT {level} => 534 Unwilling to accept security parameters [prot-refused]")


def test_who_may_log_in(hosts: Hosts) -> None:
    with hosts.connected("login") as client:
        converse(client, """
            USER bob => 331 Password required for bob
            PASS secret => 530 Login incorrect.
            USER alice => 331 Password required for alice
            PASS secret => 230 User alice logged in
        """)
    hosts.server.wait_for_log("USER bob (Login failed): Limit access denies login", log="system")


def test_sections_of_a_user_may_keep_him_out(hosts: Hosts) -> None:
    with hosts.connected("login by section") as client:
        converse(client, """
            USER bob => 331 Password required for bob
            PASS secret => 530 Login incorrect.
        """)
        with pytest.raises(ConnectionEnded):
            client.command("NOOP")
    with hosts.connected("login by section") as client:
        assert client.login("alice").code == 230


def test_who_can_never_log_in_is_not_greeted(hosts: Hosts) -> None:
    with hosts.client("nobody") as client, pytest.raises((ConnectionEnded, ConnectionError)):
        client.connect()
    hosts.server.wait_for_log("denied", log="system")


def test_filters_of_arguments(hosts: Hosts) -> None:
    """All commands but PASS, SITE and options of listings among them."""
    with hosts.connected("filters") as client:
        converse(client, """
            USER a*b => 550 a*b: Forbidden command argument [argument-forbidden]
            USER alice => 331 Password required for alice
            PASS wrong* => 530 Login incorrect.
            USER alice => 331 Password required for alice
            PASS secret => 230 User alice logged in
            DELE a*b => 550 a*b: Forbidden command argument [argument-forbidden]
            DELE a_b => 550 a_b: Forbidden command argument [argument-forbidden]
            NOOP * => 550 *: Forbidden command argument [argument-forbidden]
            LIST -la* => 550 -la*: Forbidden command argument [argument-forbidden]
            SITE CHMOD 644 x => 550 CHMOD 644 x: Forbidden command argument [argument-forbidden]
            CWD sub => 250 CWD command successful
        """)


def test_filters_of_paths(hosts: Hosts) -> None:
    with hosts.logged_in("paths") as client:
        converse(client, """
            > STOR a.exe => 550 a.exe: Forbidden filename [path-forbidden]
            > APPE a.exe => 550 a.exe: Forbidden filename [path-forbidden]
            MKD a.exe => 550 a.exe: Forbidden filename [path-forbidden]
            RMD a.exe => 550 a.exe: Forbidden filename [path-forbidden]
            DELE a.exe => 550 a.exe: Forbidden filename [path-forbidden]
            RNFR a.exe => 550 a.exe: Forbidden filename [path-forbidden]
            RNFR file.txt => 350 File or directory exists, ready for destination name
            RNTO a.exe => 550 a.exe: Forbidden filename [path-forbidden]
            MFMT 20200102030405 a.exe => 550 a.exe: Permission denied [path-forbidden]
            SITE CHMOD 644 a.exe => 550 CHMOD 644 a.exe: Forbidden filename [path-forbidden]
            > STOR a.ex => 150 ASCII: a.ex; 226 Transfer complete
            > STOR sub/a.ex => 550 sub/a.ex: Forbidden filename [path-forbidden]
            MKD sub/a.ex => 550 sub/a.ex: Forbidden filename [path-forbidden]
            RNFR file.txt => 350 File or directory exists, ready for destination name
            RNTO sub/a.ex => 550 sub/a.ex: Forbidden filename [path-forbidden]
            SITE CHMOD 644 sub/a.ex => 550 CHMOD 644 sub/a.ex: Forbidden filename [path-forbidden]
            MKD sub/a.txt => 257 "/sub/a.txt" - Directory successfully created
            RMD sub/a.txt => 250 RMD command successful
            CWD sub => 250 CWD command successful
            DELE a.ex => 550 a.ex: Forbidden filename [path-forbidden]
            > STOR a.txt => 150 ASCII: a.txt; 226 Transfer complete
        """)


DENY_WRITE = b"<Limit WRITE>\nDenyAll\n</Limit>\n"


def test_a_file_in_the_directory_restricts_it(hosts: Hosts) -> None:
    hosts.server.give("sub/.ftpaccess", DENY_WRITE + b"AllowRetrieveRestart off\n")
    hosts.server.give("sub/deep/.ftpaccess", b"<Limit MKD>\nAllowAll\n</Limit>\n")
    with hosts.logged_in("open") as client:
        converse(client, """
            MKD sub/x => 550 sub/x: Permission denied [limit-denied]
            MKD alias/x => 550 alias/x: Permission denied [limit-denied]
            MKD sub/deep/x => 257 "/sub/deep/x" - Directory successfully created
            DELE sub/deep/y => 550 sub/deep/y: Operation not permitted [limit-denied]
            DELE sub/inner.txt => 550 sub/inner.txt: Operation not permitted [limit-denied]
            DELE file.txt => 250 DELE command successful
            TYPE I => 200 Type set to I
            REST 1 => 350 Restarting at 1. Send STORE or RETRIEVE to initiate transfer
            < RETR sub/inner.txt => 451 sub/inner.txt: Restart not permitted, try again
        """)


def test_a_wrong_line_in_such_a_file_opens_nothing(hosts: Hosts) -> None:
    hosts.server.give(
        "sub/.ftpaccess",
        b"<IfModule mod_auth.c>\n<Limit ALL>\nDenyUserr bob\nAllow from x/y\nDenyAll\n</Limit>\n</IfModule>\n")
    with hosts.logged_in("open") as client:
        converse(client, "MKD sub/x => 550 sub/x: Permission denied [limit-denied]")
    hosts.server.wait_for_log("unknown configuration directive 'DenyUserr' on line 3", log="system")
    hosts.server.wait_for_log("bad ACL 'x/y' on line 4", log="system")


def test_what_the_session_does_to_such_a_file_counts_at_once(hosts: Hosts) -> None:
    with hosts.logged_in("open") as client:
        converse(client, "MKD sub/a => 257 \"/sub/a\" - Directory successfully created")
        converse(client, "> STOR sub/.ftpaccess => 150 ASCII: sub/.ftpaccess; 226 Transfer complete", data=DENY_WRITE)
        converse(client, "MKD sub/b => 550 sub/b: Permission denied [limit-denied]")
        converse(client, "DELE sub/.ftpaccess => 550 sub/.ftpaccess: Operation not permitted [limit-denied]")
    (hosts.server.home() / "sub" / ".ftpaccess").write_bytes(b"<Limit MKD>\nDenyAll\n</Limit>\n")
    with hosts.logged_in("open") as client:
        converse(client, """
            MKD sub/b => 550 sub/b: Permission denied [limit-denied]
            RNFR sub/.ftpaccess => 350 File or directory exists, ready for destination name
            RNTO sub/away => 250 Rename successful
            MKD sub/b => 257 "/sub/b" - Directory successfully created
        """)


def test_what_says_nothing_opens_nothing(hosts: Hosts) -> None:
    """DenyAll of a directory holds in one for which an empty section, <Limit> or file stands, and is of places."""
    hosts.server.give("sub/.ftpaccess", b"")
    hosts.server.give("sub/deep/z", b"z")
    with hosts.logged_in("all denied") as client:
        converse(client, """
            TYPE I => 200 Type set to I
            REST 0 => 350 Restarting at 0. Send STORE or RETRIEVE to initiate transfer
            DELE full/x => 550 full/x: Permission denied [limit-denied]
            DELE sub/inner.txt => 550 sub/inner.txt: Permission denied [limit-denied]
            DELE sub/deep/z => 550 sub/deep/z: Permission denied [limit-denied]
            QUIT => 221 Goodbye.
        """)


@pytest.mark.parametrize("text", [b"", b"# nothing\n", b"Umask 022\n", limit("ALL", "AllowAll").encode()])
def test_an_uploaded_file_does_not_open_what_the_administrator_closed(hosts: Hosts, text: bytes) -> None:
    with hosts.logged_in("sub denied") as client:
        converse(client, "DELE sub/inner.txt => 550 sub/inner.txt: Permission denied [limit-denied]")
        converse(client, "> STOR sub/.ftpaccess => 150 ASCII: sub/.ftpaccess; 226 Transfer complete", data=text)
        converse(client, """
            TYPE I => 200 Type set to I
            < RETR sub/inner.txt => 550 sub/inner.txt: Permission denied [limit-denied]
            DELE sub/inner.txt => 550 sub/inner.txt: Permission denied [limit-denied]
        """)


def test_restarts_end_with_a_transfer_that_is_refused(hosts: Hosts) -> None:
    with hosts.logged_in("closed sub") as client:
        client.expect(200, "TYPE I")
        converse(client, """
            REST 2 => 350 Restarting at 2. Send STORE or RETRIEVE to initiate transfer
            < RETR sub/inner.txt => 550 sub/inner.txt: Operation not permitted [limit-denied]
        """)
        client.store("STOR full/new", b"abc")
        assert client.retrieve("RETR full/new") == b"abc"


def test_tls_may_be_demanded_there(hosts: Hosts) -> None:
    """The current directory has the say, not that of the path (semantics 2.2)."""
    hosts.server.give("sub/.ftpaccess", b"TLSRequired on\n")
    with hosts.logged_in("open") as client:
        converse(client, """
            < LIST sub => 150 ASCII: file list; 226 Transfer complete
            CWD sub => 250 CWD command successful
            < LIST => 522 SSL/TLS required on the data channel [tls-required-data]
            < LIST / => 522 SSL/TLS required on the data channel [tls-required-data]
            CDUP => 250 CDUP command successful
            < LIST => 150 ASCII: file list; 226 Transfer complete
        """)


@pytest.mark.parametrize("host", ["override off", "override off in sub"])
def test_files_do_not_count_where_they_may_not(hosts: Hosts, host: str) -> None:
    hosts.server.give("sub/.ftpaccess", DENY_WRITE)
    with hosts.logged_in(host) as client:
        converse(client, "MKD sub/x => 257 \"/sub/x\" - Directory successfully created")


def test_where_both_speak_of_one_directory(hosts: Hosts) -> None:
    """Of a directive the administrator's counts, of <Limit> the file's is asked first: as in ProFTPD."""
    hosts.server.give("sub/.ftpaccess", b"AllowOverwrite on\n<Limit DELE>\nAllowAll\n</Limit>\n")
    with hosts.logged_in("administrator first") as client:
        converse(client, """
            > STOR sub/inner.txt => 550 sub/inner.txt: Overwrite permission denied
            DELE sub/inner.txt => 250 DELE command successful
        """)


@pytest.mark.parametrize(("text", "complaint"), [
    (b"Port 21\n" + DENY_WRITE, "Port: directive not allowed in .ftpaccess context on line 1"),
    (b"Nonsense\n" + DENY_WRITE, "unknown configuration directive 'Nonsense' on line 1"),
    (b"<Directory /x>\n</Directory>\n" + DENY_WRITE, "<Directory>: directive not allowed in .ftpaccess context"),
    (b'Umask "0\n' + DENY_WRITE, "a quoted word is not closed on line 1"),
    (DENY_WRITE.replace(b"</Limit>\n", b""), ""),
    (DENY_WRITE + b"</Limit>\n", "</Limit>: no such section is open here on line 4"),
    (b"\xff\xfe\n" + DENY_WRITE, "unknown configuration directive"),
])
def test_what_is_right_in_a_file_counts(hosts: Hosts, text: bytes, complaint: str) -> None:
    hosts.server.give("sub/.ftpaccess", text)
    with hosts.logged_in("open") as client:
        converse(client, "MKD sub/x => 550 sub/x: Permission denied [limit-denied]")
    hosts.server.wait_for_log(complaint, log="system")


def test_a_file_that_is_too_large_does_not_count(hosts: Hosts) -> None:
    hosts.server.give("sub/.ftpaccess", DENY_WRITE + b"#" * 70_000)
    with hosts.logged_in("open") as client:
        converse(client, "MKD sub/x => 257 \"/sub/x\" - Directory successfully created")
    hosts.server.wait_for_log("is larger than 65536 bytes and does not count", log="system")


@pytest.mark.parametrize("target", ["/etc/passwd", "../../outside"])
def test_no_link_leads_out_of_the_jail(hosts: Hosts, target: str) -> None:
    outside = hosts.server.home().parent.parent / "outside"
    outside.write_bytes(DENY_WRITE)
    (hosts.server.home() / "sub" / ".ftpaccess").symlink_to(target)
    with hosts.logged_in("open") as client:
        converse(client, "MKD sub/x => 257 \"/sub/x\" - Directory successfully created")


@pytest.mark.root
def test_files_are_read_with_the_rights_of_the_user(hosts: Hosts) -> None:
    path = hosts.server.give("sub/.ftpaccess", DENY_WRITE)
    os.chown(path, 0, 0)
    path.chmod(0o600)
    with hosts.logged_in("open") as client:
        converse(client, "MKD sub/x => 257 \"/sub/x\" - Directory successfully created")
    hosts.server.wait_for_log("unable to read '", log="system")


def test_an_anonymous_login_has_its_own_sections(hosts: Hosts) -> None:
    with hosts.connected("anonymous") as client:
        converse(client, """
            USER ftp => 331 Anonymous login ok, send your complete email address as your password
            PASS a@b => 230 Anonymous access granted, restrictions apply
            MKD x => 550 x: Permission denied [limit-denied]
            > STOR x => 550 x: Operation not permitted [limit-denied]
            > STOR full/y => 150 ASCII: full/y; 226 Transfer complete
            DELE full/y => 550 full/y: Operation not permitted [limit-denied]
            < RETR sub/inner.txt => 150 ASCII: sub/inner.txt (6 bytes); 226 Transfer complete
        """)


def test_behind_very_many_files_everything_is_closed(hosts: Hosts) -> None:
    way = "d/" * (MOST_FILES - 1)
    opening = b"<Limit READ WRITE DIRS RETR SIZE MKD CWD>\nAllowAll\n</Limit>\n"
    for depth in range(1, MOST_FILES + 2):
        hosts.server.give("d/" * depth + ".ftpaccess", opening)
    hosts.server.give(f"{way}d/f", b"in")
    hosts.server.give(f"{way}d/d/f", b"too far")
    with hosts.logged_in("open") as client:
        converse(client, f"""
            < RETR {way}d/f => 150 ASCII: {way}d/f (2 bytes); 226 Transfer complete
            RETR {way}d/d/f => 550 {way}d/d/f: Permission denied [limit-denied]
            SIZE {way}d/d/f => 550 {way}d/d/f: Permission denied [limit-denied]
            MKD {way}d/d/x => 550 {way}d/d/x: Permission denied [limit-denied]
            CWD {way}d/d => 550 {way}d/d: No such file or directory
            NLST {way}d/d => 450 {way}d/d: No such file or directory
            CWD {way}d => 250 CWD command successful
            DELE f => 250 DELE command successful
            QUIT => 221 Goodbye.
        """)
    said = "is closed: more than 64 .ftpaccess files, or 512 KiB of them, are on the way there"
    assert any(said in line for line in hosts.server.system_log())


def test_an_expression_of_an_ftpaccess_that_takes_for_ever_forbids(hosts: Hosts) -> None:
    """It holds up nobody: `re` would have looked at this name for years, with the interpreter."""
    hosts.server.give("sub/.ftpaccess", b"PathDenyFilter (a|aa)+$\n")
    name = "a" * 60 + "!"
    with hosts.logged_in("open") as client:
        converse(client, f"""
            CWD sub => 250 CWD command successful
            MKD {name} => 550 {name}: Forbidden filename [path-forbidden]
            MKD b => 257 "/sub/b" - Directory successfully created
        """)
