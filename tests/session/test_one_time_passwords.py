"""One-time passwords in sessions (mod_auth_otp)."""

from __future__ import annotations

import base64
import time
from collections.abc import Iterator

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.twofactor.hotp import HOTP

from ftpsd.testing.configs import User
from ftpsd.testing.plugin import Certificates
from tests.auth.support import write
from tests.session.hosts import Hosts, serving

KEY = b"12345678901234567890"
TABLE = "AuthOTPEngine on\nAuthOTPTable file:@TABLES@/%s\nAuthOrder mod_auth_otp.c%s mod_auth_file.c\n"
HOSTS = {
    "codes": TABLE % ("codes", "*") + "AuthOTPAlgorithm hotp",
    "behind": TABLE % ("behind", "") + "AuthOTPOptions AfterPassword FTPStandardResponse",
    "open": TABLE % ("codes", "") + "AuthOTPAlgorithm hotp",
}


@pytest.fixture(scope="module")
def hosts(ftps_certificates: Certificates, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hosts]:
    """alice has a secret, bob has none; four workers share a table."""
    tables = tmp_path_factory.mktemp("tables")
    for name in ("codes", "behind"):
        write(tables / name, f"alice:{base64.b32encode(KEY).decode()}:0")
    written = {name: text.replace("@TABLES@", str(tables)) for name, text in HOSTS.items()}
    users = (User("alice"), User("bob"))
    with serving(ftps_certificates, written, users=users, directives=("Workers 4",)) as running:
        yield running


def code(counter: int) -> str:
    return HOTP(KEY, 6, hashes.SHA1()).generate(counter).decode()


def attempt(hosts: Hosts, host: str, user: str, password: str) -> int:
    with hosts.connected(host) as client:
        client.expect(331, f"USER {user}")
        return client.command(f"PASS {password}").code


def test_what_user_is_answered(hosts: Hosts) -> None:
    for host, text in (("codes", "One-time password"), ("behind", "Password")):
        for user in ("alice", "bob", "nobody-there"):
            with hosts.connected(host) as client:
                assert str(client.command(f"USER {user}")) == f"331 {text} required for {user}"


def test_a_code_is_good_once_in_any_worker(hosts: Hosts) -> None:
    assert attempt(hosts, "codes", "alice", "secret") == 530
    assert attempt(hosts, "codes", "alice", code(0)) == 230
    assert [attempt(hosts, "codes", "alice", code(0)) for _ in range(4)] == [530] * 4
    assert attempt(hosts, "open", "alice", code(0)) == 530
    assert attempt(hosts, "open", "alice", code(1)) == 230
    assert attempt(hosts, "open", "alice", "secret") == 230
    assert attempt(hosts, "codes", "bob", "secret") == 230


def test_a_code_behind_the_password(hosts: Hosts) -> None:
    assert attempt(hosts, "behind", "alice", "secret") == 530
    now = code(int(time.time()) // 30)
    assert attempt(hosts, "behind", "alice", "secret" + now) == 230
    assert attempt(hosts, "behind", "alice", "secret" + now) == 530
    assert attempt(hosts, "behind", "bob", "secret") == 230
