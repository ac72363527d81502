"""<Anonymous>: logins without a password of one's own, and what their section changes."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from ftpsd.testing.configs import User
from ftpsd.testing.plugin import Certificates
from tests.session.hosts import Hosts, serving
from tests.session.talk import converse

PUBLIC = User("ftp", password="the-password")
USERS = (User("alice"), PUBLIC)
HOSTS = {
    "usual": """
        RequireValidShell on
        <Anonymous ~ftp>
          User ftp
          UserAlias anonymous ftp
          RequireValidShell off
          DisplayLogin welcome.msg
          AllowOverwrite off
        </Anonymous>
    """,
    "with a password": """
        <Anonymous @HOME@/ftp/pub>
          User ftp
          UserAlias anonymous ftp
          AnonRequirePassword on
          AccessDenyMsg "No anonymous %u"
          AccessGrantMsg "Welcome %u"
        </Anonymous>
    """,
    "two": """
        UserAlias guest ftp
        <Anonymous ~ftp/pub>
          User ftp
          DefaultChdir deep
        </Anonymous>
        <Anonymous ~alice>
          User alice
          UserAlias anonymous alice
        </Anonymous>
    """,
    "no home": """
        <Anonymous @HOME@/ftp/nowhere>
          User ftp
        </Anonymous>
    """,
    "each": """
        <Anonymous ~ftp/each>
          User ftp
          UserAlias guest ftp
          UserAlias friend ftp
          UserDirRoot on
        </Anonymous>
    """,
    "no account": """
        <Anonymous ~ftp>
          User nobody-there
          UserAlias anonymous nobody-there
        </Anonymous>
    """,
}


@pytest.fixture(scope="module")
def hosts(ftps_certificates: Certificates) -> Iterator[Hosts]:
    """One host per kind of anonymous login."""
    with serving(ftps_certificates, HOSTS, users=USERS) as running:
        server = running.server
        server.give("pub/deep/file", b"public", user="ftp")
        server.give("pub/owned", b"old", user="ftp")
        server.give("welcome.msg", b"Hello %u\nat %L\n", user="ftp")
        server.give("mine", b"alice's", user="alice")
        (server.home() / "mine").chmod(0o600)
        yield running


GREETING = "331 Anonymous login ok, send your complete email address as your password"
GRANTED = "230 Anonymous access granted, restrictions apply"


def test_the_usual_anonymous_login(hosts: Hosts) -> None:
    with hosts.connected("usual") as client:
        converse(client, f"""
            USER anonymous => {GREETING}
            PASS me@example.org => 230 Hello anonymous / at 127.0.0.2 / {GRANTED[4:]}
            PWD => 257 "/" is the current directory
            USER anonymous => 230 User anonymous logged in
            USER ftp => 501 Reauthentication not supported
            CWD pub => 250 CWD command successful
            CWD ../../.. => 250 CWD command successful
            PWD => 257 "/" is the current directory
            > STOR pub/owned => 550 pub/owned: Overwrite permission denied
            > STOR pub/new => 150 ASCII: pub/new; 226 Transfer complete
            DELE pub/new => 250 DELE command successful
        """)
        client.quit()
    log = hosts.server.files.transfer_log.read_text().splitlines()
    assert any(" /" in line and line.endswith(" a me@example.org ftp 0 * c") for line in log), log


def test_any_address_will_do_and_the_user_itself_is_anonymous_too(hosts: Hosts) -> None:
    for name, password in (("ftp", ""), ("anonymous", "x"), ("ftp", "the-password")):
        with hosts.connected("usual") as client:
            client.expect(331, f"USER {name}")
            client.expect(230, f"PASS {password}")


def test_others_log_in_as_ever(hosts: Hosts) -> None:
    with hosts.connected("usual") as client:
        converse(client, """
            USER alice => 331 Password required for alice
            PASS wrong => 530 Login incorrect.
            USER alice => 331 Password required for alice
            PASS secret => 230 User alice logged in
        """)


def test_a_password_may_be_demanded(hosts: Hosts) -> None:
    with hosts.connected("with a password") as client:
        converse(client, """
            USER anonymous => 331 Password required for anonymous
            PASS me@example.org => 530 No anonymous anonymous
            USER anonymous => 331 Password required for anonymous
            PASS the-password => 230 Welcome anonymous
            PWD => 257 "/" is the current directory
        """)
        assert client.retrieve("NLST") == b"deep\r\nowned\r\n"
        assert client.retrieve("RETR owned") == b"old"
        client.quit()
    log = hosts.server.files.transfer_log.read_text()
    assert " a anonymous ftp 0 * c" in log
    assert "the-password" not in log, "what is a password is not taken for an address"


def test_each_user_has_his_section(hosts: Hosts) -> None:
    with hosts.connected("two") as client:
        converse(client, f"""
            USER guest => {GREETING}
            PASS x => {GRANTED}
            PWD => 257 "/deep" is the current directory
        """)
        assert client.retrieve("RETR file") == b"public"
    with hosts.connected("two") as client:
        converse(client, f"""
            USER anonymous => {GREETING}
            PASS x => {GRANTED}
        """)
        assert client.retrieve("RETR mine") == b"alice's"


@pytest.mark.root
@pytest.mark.skipif(os.getuid() != 0, reason="needs root: two users")
def test_an_anonymous_session_has_the_rights_of_its_user(
    hosts: Hosts, ftps_certificates: Certificates
) -> None:
    sections = {"other": """
        <Anonymous ~alice>
          User bob
        </Anonymous>
    """}
    users = (User("alice", uid=1000, gid=1000), User("bob", uid=1001, gid=1001))
    with serving(ftps_certificates, sections, users=users) as running:
        secret = running.server.give("mine", b"alice's")
        secret.chmod(0o600)
        with running.logged_in("other", "bob", "x") as client:
            converse(client, """
                < RETR mine => 550 mine: Permission denied
                > STOR new => 550 new: Permission denied
                MKD new => 550 new: Permission denied
            """)


@pytest.mark.parametrize(("host", "ends"), [("no home", True), ("no account", False)])
def test_a_section_that_leads_nowhere(hosts: Hosts, host: str, ends: bool) -> None:
    with hosts.connected(host) as client:
        client.expect(331, "USER ftp" if host == "no home" else "USER anonymous")
        assert client.expect(530, "PASS x").text == "Login incorrect."
        if ends:
            client.expect_end()
        else:
            client.expect(200, "NOOP")


@pytest.mark.skipif(os.geteuid() != 0, reason="links that are root's and others are told apart")
def test_no_client_makes_a_root_with_a_link_of_his_own(hosts: Hosts) -> None:
    """UserDirRoot: he moves one up to where the roots are; what root has linked counts."""
    server = hosts.server
    server.give("each/in/file", user="ftp")
    each = server.home("ftp") / "each"
    for name in ("in/link", "friend"):
        (each / name).symlink_to("../pub")
    PUBLIC.own(each / "in" / "link")
    with hosts.connected("each") as client:
        client.login("ftp", "x@example.com")
        client.expect(350, "RNFR in/link")
        client.expect(250, "RNTO guest")
    with hosts.connected("each") as client:
        client.expect(331, "USER guest")
        client.expect(530, "PASS x@example.com")
    server.wait_for_log("UserDirRoot: a link that is not root's leads from", log="system")
    with hosts.connected("each") as client:
        client.login("friend", "x@example.com")
        client.expect(250, "CWD deep")
