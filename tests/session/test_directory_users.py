"""Sessions of users from a directory (mod_ldap)."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from ftpsd.access.bans import Ban, Kind
from ftpsd.guard.bantable import BanTable
from ftpsd.testing.configs import User
from ftpsd.testing.plugin import Certificates
from tests.auth.slapd import BASE, Slapd, group, person, ssha
from tests.session.hosts import Hosts, serving
from tests.session.talk import converse

ME = User()


@dataclass
class Running:
    """A server and its directory."""

    hosts: Hosts
    slapd: Slapd


@pytest.fixture(scope="module")
def running(ftps_certificates: Certificates, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A directory that knows dora, whose home does not exist yet."""
    place = tmp_path_factory.mktemp("slapd")
    slapd = Slapd(place, (
        person("dora", ME.uid, ssha("secret"), "/nowhere", group=ME.gid), group("dwellers", ME.gid),
    ))
    settings = (
        f"AuthOrder mod_ldap.c mod_auth_file.c\nLDAPServer {slapd.address} ssl-ca:{slapd.authority}\nLDAPUseTLS on\n"
        f"LDAPUsers ou=people,{BASE}\nLDAPGroups ou=groups,{BASE}\nLDAPConnectTimeout 1\nLDAPQueryTimeout 1\n"
        "LDAPGenerateHomedir on\nLDAPForceGeneratedHomedir on\nLDAPGenerateHomedirPrefix @HOME@/ldap\nCreateHome on")
    others = {
        "wrapped": f"{settings}\nWrapEngine on\nWrapUserTables dora file:/nonexistent/allow builtin:all",
        "banned": f"{settings}\nBanEngine on",
        "watchful": f"{settings}\nMaxLoginAttempts 2\nBanEngine on\nBanOnEvent MaxLoginAttempts 1/00:10:00 01:00:00",
        "choosy": f"{settings}\n<IfUser dora>\n<Limit LOGIN>\nDenyAll\n</Limit>\n</IfUser>",
    }
    try:
        directives = ("Workers 1", "BanTable @HOME@/ban.tab")
        with serving(ftps_certificates, {"directory": settings, **others}, directives=directives) as hosts:
            (hosts.server.files.directory / "homes").chmod(0o755)
            table = BanTable.open(str(hosts.server.files.directory / "homes" / "ban.tab"))
            table.add(Ban(Kind.USER, "dora"), time.time())
            table.close()
            yield Running(hosts, slapd)
    finally:
        slapd.stop()


def test_a_user_of_the_directory(running: Running) -> None:
    with running.hosts.logged_in("directory", "dora") as client:
        converse(client, """
            PWD => 257 "/" is the current directory
            > STOR up => 150 ASCII: up; 226 Transfer complete
        """)
    assert (running.hosts.server.files.directory / "homes" / "ldap" / "dora" / "up").exists()
    with running.hosts.logged_in("directory", "alice"):
        pass


@pytest.mark.parametrize("host", ["banned", "choosy", "wrapped"])
@pytest.mark.parametrize("spelling", ["dora", "DORA", "dora ", "\uff44ora"])
def test_what_is_said_of_a_user_holds_for_other_spellings(running: Running, host: str, spelling: str) -> None:
    """Whom a directory knows by them (RFC 4518)."""
    with running.hosts.connected(host) as client:
        client.expect(331, f"USER {spelling}")
        client.expect(530, "PASS secret")


REFUSED = """
    USER dora => 331 Password required for dora
    PASS wrong => 530 Login incorrect.
    USER dora)(uid=* => 331 Password required for dora)(uid=*
    PASS secret => 530 Login incorrect.
    USER nobody-there => 331 Password required for nobody-there
    PASS secret => 530 Login incorrect.
    USER dora => 331 Password required for dora
    PASS => 530 Login incorrect.
"""


def test_whoever_is_refused_hears_the_same(running: Running) -> None:
    with running.hosts.connected("directory") as client:
        converse(client, REFUSED)


def test_a_directory_that_goes_away(running: Running) -> None:
    """Logins from elsewhere go on, those from there fail soon and count against nobody; and it is found again."""
    running.slapd.stop()
    began = time.monotonic()
    for _ in range(2):
        with running.hosts.connected("watchful") as client:
            converse(client, """
                USER olga => 331 Password required for olga
                PASS secret => 530 Login incorrect.
                USER olga => 331 Password required for olga
                PASS secret => 530 Login incorrect.
            """)
            client.expect_end()
    log = running.hosts.server.files.system_log.read_text()
    assert log.count("USER olga (Login failed): no LDAP server answers [directory-unreachable]") == 4
    for second in ("olga", "alice"):    # whether somebody knows him is nobody's business
        with running.hosts.connected("watchful") as client:
            converse(client, f"""
                USER olga => 331 Password required for olga
                PASS secret => 530 Login incorrect.
                USER {second} => 331 Password required for {second}
                PASS wrong => 530 Login incorrect.
            """)
            client.expect_end()
    assert "Maximum login attempts" not in running.hosts.server.files.system_log.read_text()
    with running.hosts.connected("directory") as client:
        converse(client, """
            USER dora => 331 Password required for dora
            PASS secret => 530 Login incorrect.
        """)
        client.login("alice")
    assert time.monotonic() - began < 10
    running.slapd.daemon.start()
    deadline = time.monotonic() + 20
    while True:
        with running.hosts.connected("directory") as client:
            client.expect(331, "USER dora")
            if client.command("PASS secret").code == 230:
                break
        assert time.monotonic() < deadline
        time.sleep(0.2)
    logged = "\n".join(running.hosts.server.system_log())
    assert f"LDAP server ldap://{running.slapd.address} does not answer" in logged
    assert f"LDAP server ldap://{running.slapd.address} answers again" in logged
    assert "secret" not in logged
