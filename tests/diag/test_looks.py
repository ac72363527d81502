"""What depends on the machine and on who runs the check; the command; the parts."""

from __future__ import annotations

import dataclasses
import importlib.util
import io
import json
import os
import socket
import sys
import threading
from pathlib import Path

import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization.pkcs12 import serialize_key_and_certificates
from rich.console import Console

from ftpsd.cli.check import command
from ftpsd.diag import check, render
from ftpsd.diag.machine import Machine
from ftpsd.reasons.codes import Code
from ftpsd.server import options
from ftpsd.settings.auth import AuthSettings
from ftpsd.settings.registry import DIRECTIVES
from ftpsd.tls import certificates, suites
from tests.diag.world import Bench, World, examine, server

HASH = "$6$abcdefgh$" + "x" * 86
GOOD = "Include @/base.conf\nInclude @/tls.conf\n"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return World(tmp_path_factory.mktemp("looks"))


class Root(Bench):
    """A machine on which the check runs as root."""

    def is_root(self) -> bool:
        return True


def codes(lines: list[str]) -> list[str]:
    return [line.split("[")[1].split("]")[0] for line in lines]


def test_without_user_sessions_run_as_root(world: World) -> None:
    text = "Include @/tls.conf\nWtmpLog off\nSystemLog none\nDefaultRoot ~\n"
    assert codes(examine(text, world, machine=Root())[1]) == [Code.WORKER_ROOT]
    assert examine(text, world)[1] == []


@pytest.mark.parametrize("text", ["User 54321\nGroup 54321\n", "User 54321\n"])
def test_numbers_that_no_account_has(world: World, text: str) -> None:
    rest = "WtmpLog off\nSystemLog none\nDefaultRoot ~\nUseFtpUsers off\nInclude @/tls.conf\n"
    assert examine(text + rest, world)[1] == []


@pytest.mark.parametrize(("addresses", "noted"), [
    (("10.0.0.5",), True), (("10.0.0.5", "5.9.1.2"), False), ((), False), (("100.64.3.4",), True),
])
def test_private_addresses_only(world: World, addresses: tuple[str, ...], noted: bool) -> None:
    found = codes(examine(GOOD, world, machine=Bench(addresses=addresses))[1])
    assert found == ([Code.BEHIND_NAT] if noted else [])


def test_a_host_with_a_public_address_of_its_own(world: World) -> None:
    machine = Bench(addresses=("10.0.0.5",))
    assert examine(f"{GOOD}DefaultAddress 5.9.1.2\n", world, machine=machine)[1] == []
    assert codes(examine(f"{GOOD}DefaultAddress 192.168.0.9\n", world, machine=machine)[1]) == [Code.BEHIND_NAT]


def test_a_ban_table_is_not_made(world: World) -> None:
    assert "BanTable" not in "".join(codes(examine(f"{GOOD}BanEngine on\nBanTable @/fresh.bans\n", world)[1]))
    assert not (world.directory / "fresh.bans").exists()


def test_what_may_not_be_read(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: str) -> bytes:
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr(certificates, "read_file", refuse)
    report, found = examine(GOOD, world)
    assert set(codes(found)) >= {Code.CANNOT_LOOK}
    assert all("Run the check as root." in line for line in found if Code.CANNOT_LOOK in line)
    assert Code.CERT_UNREADABLE in codes(examine(GOOD, world, machine=Root())[1])
    assert report.status == 2, "the chain file is read by the server's own code"


def pkcs12_file(world: World, data: bytes, *lines: str) -> list[str]:
    world.write("x.p12", data)
    head = ("Include @/base.conf", "TLSEngine on", "TLSRequired on", "TLSPKCS12File @/x.p12")
    return examine("\n".join((*head, *lines, "")), world)[1]


def pkcs12_of(world: World, password: bytes | None, *, with_key: bool = True) -> bytes:
    identity = server("good", world.inter)
    how = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    key = identity.key if with_key else None
    return serialize_key_and_certificates(None, key, identity.certificate, [world.inter.certificate], how)


def test_an_encrypted_pkcs12_file(world: World) -> None:
    assert codes(pkcs12_file(world, pkcs12_of(world, b"secret"))) == [Code.CANNOT_LOOK]


@pytest.mark.parametrize("with_key", [True, False])
def test_a_pkcs12_file_that_stops_the_start(world: World, with_key: bool) -> None:
    found = pkcs12_file(world, b"no such thing" if with_key else pkcs12_of(world, None, with_key=False))
    assert codes(found) == [Code.CERT_UNREADABLE]
    assert found[0].startswith("error main.conf:4 TLSPKCS12File")


def test_what_stands_beside_a_pkcs12_file_is_looked_at(world: World) -> None:
    found = pkcs12_file(world, pkcs12_of(world, None), "TLSDHParamFile @/empty.pem")
    assert codes(found) == [Code.CONFIG_ERROR, Code.CHAIN_INCOMPLETE]


def test_what_stands_beside_an_encrypted_key_is_looked_at(world: World) -> None:
    text = GOOD.replace("Include @/tls.conf", (
        "TLSEngine on\nTLSRequired on\nTLSECCertificateFile @/good.pem\nTLSECCertificateKeyFile @/encrypted.key\n"
        "TLSCertificateChainFile @/chain.pem\nTLSDHParamFile @/empty.pem"))
    assert codes(examine(text, world)[1]) == [Code.CONFIG_ERROR, Code.CERT_KEY_ENCRYPTED]


@pytest.mark.parametrize("directive", ["TLSSessionCache", "TLSStaplingCache"])
def test_a_check_makes_no_cache(world: World, directive: str) -> None:
    _, found = examine(f"{GOOD}TLSStapling off\n{directive} shm:/file=@/new.shm\n", world)
    assert {Code.DIRECTIVE_DIFFERS} >= set(codes(found))
    assert not (world.directory / "new.shm").exists()


def test_a_directory_for_responses_is_not_made(world: World) -> None:
    assert examine(f"{GOOD}TLSStapling off\nTLSStaplingCache fs:/path=@/new/one\n", world)[1] == []
    assert not (world.directory / "new").exists()


DIFFERING = [entry for entry in DIRECTIVES.values() if entry.differs]


@pytest.mark.parametrize("entry", DIFFERING, ids=lambda entry: entry.name)
def test_directives_that_mean_something_else_than_in_proftpd(world: World, entry: object) -> None:
    assert hasattr(entry, "name")
    assert hasattr(entry, "good")
    _, found = examine(f"{GOOD}{entry.name} {entry.good[0]}\n", world)
    assert any(f"main.conf:3 {entry.name} [{Code.DIRECTIVE_DIFFERS}]" in line for line in found), found


def test_there_are_such_directives() -> None:
    assert len(DIFFERING) >= 4


def test_whether_a_server_answers(tmp_path: Path) -> None:
    machine = Machine()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        assert machine.unreachable("127.0.0.1", port) == ""
    assert machine.unreachable("127.0.0.1", port) == "Connection refused"
    path = str(tmp_path / "socket")
    assert machine.unreachable("", 0, path) == "No such file or directory"
    with socket.socket(socket.AF_UNIX) as local:
        local.bind(path)
        local.listen()
        assert machine.unreachable("", 0, path) == ""


def test_whoever_never_answers_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    ended = threading.Event()
    monkeypatch.setattr("ftpsd.diag.machine.PATIENCE", 0.05)
    monkeypatch.setattr("ftpsd.diag.machine._connect", lambda *words: (ended.wait(30) and "") or "")
    assert Machine().unreachable("192.0.2.1", 80) == "no answer within 0.05 seconds"
    ended.set()


@pytest.mark.parametrize(("text", "unknown"), [
    ("HIGH:!aNULL", ()), ("HIGH:HIHG", ("HIHG",)), ("HIGH:!EXPORT:!SSLv2:!FZA", ()), ("HIGH:!aNUL", ("!aNUL",)),
    ("ECDHE+AESGCM:DHE+NONSENSE", ("DHE+NONSENSE",)), ("DEFAULT@SECLEVEL=1", ("DEFAULT@SECLEVEL=1",)),
    ("DEFAULT:@SECLEVEL=1", ()), ("HIGH, HIHG KX", ("HIHG", "KX")), ("", ()),
])
def test_words_of_cipher_lists(text: str, unknown: tuple[str, ...]) -> None:
    if "@SECLEVEL" in text and ":" not in text:
        unknown = ()
    assert suites.unmatched(text) == unknown


@pytest.mark.parametrize(("word", "past"), [
    ("MEDIUM", True), ("RC4-SHA", True), ("EXP-RC4-MD5", True), ("!kRSA", True), ("RC4+RSA", False), ("HIHG", False),
    ("ECDHE-RSA-AES128-GCM-SHA265", False), ("DES-CBC3-SHA", True),
])
def test_words_of_the_past(word: str, past: bool) -> None:
    assert suites.is_of_the_past(word) is past


def test_ciphers_for_each_protocol() -> None:
    found = suites.offered(["TLSv1.2", "TLSv1.3"], "ECDHE-RSA-AES128-GCM-SHA256", "TLS_AES_128_GCM_SHA256")
    assert found == {"TLSv1.2": ("ECDHE-RSA-AES128-GCM-SHA256",), "TLSv1.3": ("TLS_AES_128_GCM_SHA256",)}
    assert suites.offered(["TLSv1.2"], "NONSENSE", None) == {"TLSv1.2": ()}
    assert suites.unmatched13("TLS_AES_128_GCM_SHA256:TLS_NONE") == ("TLS_NONE",)


def test_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine()
    assert machine.is_root() is (os.geteuid() == 0)
    assert machine.resolve("127.0.0.1") == ("127.0.0.1",)
    assert machine.now().tzinfo is not None
    assert all("." in each for each in machine.addresses())
    assert isinstance(machine.public_roots(), frozenset)
    ports = machine.ephemeral_ports()
    assert ports is None or ports[0] < ports[1]
    monkeypatch.setattr("ftpsd.diag.machine._EPHEMERAL", str(tmp_path / "none"))
    monkeypatch.setattr("ftpsd.diag.machine._ROUTES", str(tmp_path / "none"))
    assert machine.ephemeral_ports() is None
    assert machine.addresses() == ()


# -- the command


def run(world: World, text: str, *options: str) -> tuple[int, str]:
    path = world.write("asked.conf", text.replace("@", str(world.directory)))
    result = CliRunner().invoke(command, [str(path), *options], standalone_mode=False)
    assert result.exception is None, result.exception
    return int(result.return_value), result.output


@pytest.mark.parametrize(("more", "status", "words"), [
    ("", 0, "Nothing is wrong."), ("RootLogin on\n", 1, "1 warning."), ("Nonsense on\n", 2, "1 error."),
    ("Nonsense on\nRootLogin on\n", 2, "1 error and 1 warning."),
])
def test_exit_status_and_summary(world: World, more: str, status: int, words: str) -> None:
    found, output = run(world, f"{GOOD}AllowOverwrite on\n{more}", "--no-notes")
    assert (found, words in output) == (status, True), output
    assert "\x1b" not in output, "no colours where there is no terminal"
    assert "  note  " not in output


def test_for_people(world: World) -> None:
    _, output = run(world, f"{GOOD}RootLogin on\n")
    joined = " ".join(output.split())
    assert f"warning {world.directory}/asked.conf:3 RootLogin [root-login]" in joined
    assert "→ Log in as somebody else." in joined
    assert "CN = ftp.example.org, issued by CN = Inter" in joined
    assert "TLSv1.3: TLS_AES_256_GCM_SHA384" in joined


def test_facts_have_no_blanks_at_their_ends_and_fit_a_terminal(world: World) -> None:
    _, output = run(world, GOOD)
    assert all(line == line.rstrip() for line in output.splitlines())
    report = check.check(str(world.directory / "asked.conf"))
    narrow = io.StringIO()
    render.for_people(report, Console(file=narrow, width=60), notes=False)
    lines = narrow.getvalue().splitlines()
    assert next(line for line in lines if line.startswith("  protocols      TLSv1.2: "))
    assert all(len(line) <= 60 or " " not in line[17:] for line in lines if line.startswith(" "))
    assert any(line.startswith(" " * 17) for line in lines)


def test_it_says_which_file_it_found(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nobody has named one."""
    run(world, GOOD)
    path = str(world.directory / "asked.conf")
    monkeypatch.setattr(options, "DEFAULT_PATHS", (path,))
    assert CliRunner().invoke(command, [], standalone_mode=False).output.startswith(f"Checking {path}\n")
    json.loads(CliRunner().invoke(command, ["--json"], standalone_mode=False).output)
    assert "Checking" not in CliRunner().invoke(command, [path], standalone_mode=False).output


def test_for_programs(world: World) -> None:
    status, output = run(world, f"{GOOD}RootLogin on\n", "--json")
    found = json.loads(output)
    assert found["status"] == status == 1
    (finding,) = [each for each in found["hosts"][0]["findings"] if each["severity"] == "warning"]
    assert (finding["code"], finding["line"], finding["directive"]) == ("root-login", 3, "RootLogin")
    assert finding["remedy"] == "Log in as somebody else."
    assert found["hosts"][0]["facts"]["chain"]


def accounts(report: check.Report) -> list[str]:
    return report.hosts[0].facts["accounts"]


def test_entries_that_the_directive_leaves_out(world: World) -> None:
    """Nothing is said about them, also where a later line of the same name counts."""
    hashed = HASH
    world.write("filtered", f"a:{hashed}:10:10::/gone:/bin/sh\nb:{hashed}:20:20::/gone:/bin/sh\n"
                f"c:{hashed}:5:5::/gone:/bin/sh\nc:{hashed}:11:11::/:/bin/sh\n")
    report, found = examine(f"{GOOD}RequireValidShell off\nAuthUserFile @/filtered id 10-19\n", world)
    assert accounts(report) == [f"{world.directory}/filtered: 2 users, and 1 that its id, name and home leave out"]
    assert [(line.split()[1], "'a'" in line) for line in found] == [("filtered:1", True)]


@pytest.mark.parametrize(("made", "missing"), [
    ("", 1), ("CreateHome off\n", 1), ("CreateHome on\n", 0), ("<IfUser b>\nCreateHome on\n</IfUser>\n", 0),
])
def test_homes_that_will_be_made_are_not_missing(world: World, made: str, missing: int) -> None:
    world.write("homeless", f"a:{HASH}:10:10::/gone:/bin/sh\n")
    _, found = examine(f"{GOOD}RequireValidShell off\nAuthUserFile @/homeless\n{made}", world)
    assert sum(f"[{Code.AUTH_FILE_HOME}]" in line for line in found) == missing


@pytest.mark.parametrize("path", ["/dev/stdout", "/dev/stderr", "/dev//stdout", "/dev/null"])
@pytest.mark.parametrize("directive", ["SystemLog", "TransferLog", "TLSLog", "ExtendedLog"])
def test_logs_of_containers(world: World, directive: str, path: str) -> None:
    """The streams are links, and devices may be written to by everybody."""
    tls = (world.directory / "tls.conf").read_text()
    text = f"User root\nWtmpLog off\nDefaultRoot ~\nUseFtpUsers off\n{tls}{directive} {path}\n"
    assert not {Code.LOG_UNUSABLE, Code.LOG_OPEN} & set(codes(examine(text, world)[1]))


def test_codes_that_cannot_be_marked_as_used(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in /etc under systemd's ProtectSystem=full."""
    world.write("codes", "alice:GEZDGNBVGY3TQOJQ:0\n")
    text = f"{GOOD}AuthOTPEngine on\nAuthOTPTable file:@/codes\n"
    assert examine(text, world)[1] == []
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    (found,) = examine(text, world)[1]
    assert found.startswith("warning main.conf:4 AuthOTPTable [config-notice] AuthOTPTable: nothing can be written in ")


def test_what_is_true_of_several_hosts_is_said_once(world: World) -> None:
    """Whether it stands in <Global> or nowhere; hosts with one name and address are hosts nevertheless."""
    bare = "Include @/base.conf\nInclude @/tls.conf\nDefaultRoot ~\n"
    hosts = "".join(f"<VirtualHost 192.0.2.{n}>\nServerName {name}\n</VirtualHost>\n" for n, name in (
        (1, "two"), (1, "two"), (3, "three")))
    _, output = run(world, bare + hosts, "--json")
    reported = json.loads(output)["hosts"]
    two, three = "two (192.0.2.1:21)", "three (192.0.2.3:21)"
    assert [host["name"] for host in reported] == ["ftpsd (port 21)", two, two, three]
    found = {each["code"]: each for each in reported[1]["findings"]}
    assert found["tls-off"]["also"] == found["no-jail"]["also"] == [two, three]
    assert reported[2]["findings"] == reported[3]["findings"] == []
    output = run(world, bare + hosts)[1]
    assert output.count("[tls-off]") == output.count("[no-jail]") == 1
    assert f"    also: {two}, {three}\n    → Write TLSEngine on" in output
    shared = f"Include @/base.conf\n<Global>\nInclude @/tls.conf\nDefaultRoot ~\nRootLogin on\n</Global>\n{hosts}"
    (login,) = [each for each in json.loads(run(world, shared, "--json")[1])["hosts"][0]["findings"]
                   if each["directive"] == "RootLogin"]
    assert login["also"] == [two, three]


def test_no_configuration_at_all(tmp_path: Path) -> None:
    result = CliRunner().invoke(command, [str(tmp_path / "none")], standalone_mode=False)
    assert result.return_value == 2
    assert "unable to read configuration file" in result.output


def test_defines(world: World) -> None:
    text = f"{GOOD}<IfDefine RISKY>\nRootLogin on\n</IfDefine>\n"
    assert run(world, text)[0] == 0
    assert run(world, text, "-D", "RISKY")[0] == 1


def test_it_writes_nothing(world: World) -> None:
    before = sorted(path.name for path in world.directory.iterdir())
    run(world, f"{GOOD}TLSLog @/new.log\nTransferLog @/other.log\nAuthUserFile @/users\n")
    after = sorted(path.name for path in world.directory.iterdir())
    assert set(after) - set(before) <= {"asked.conf"}


class WithoutPam(Bench):
    """A machine whose PAM lacks the service."""

    def pam_problem(self, settings: AuthSettings) -> str:
        return pam_problem(settings, "nosuch")


def pam_problem(settings: AuthSettings, service: str) -> str:
    return Machine().pam_problem(dataclasses.replace(settings, auth_pam_config=service))


def test_pam_is_missed_where_it_would_be_asked(world: World) -> None:
    text = "Include @/tls.conf\nUser nobody\nWtmpLog off\nSystemLog none\nDefaultRoot ~\n"
    (line,) = examine(text, world, machine=WithoutPam())[1]
    assert "[pam-unusable] there is no PAM service 'nosuch' (/etc/pam.d/nosuch)" in line
    assert line.endswith("-> Set AuthPAMConfig to a service that exists, or AuthPAM off.")
    final = examine(f"{text}AuthOrder mod_auth_pam.c* mod_auth_unix.c\n", world, machine=WithoutPam())[1]
    (line,) = [each for each in final if Code.PAM_UNUSABLE in each]
    assert line.startswith("error")
    assert "as AuthOrder says that PAM alone counts: the server does not start" in line
    without = examine(f"{text}AuthPAM off\n", world, machine=WithoutPam())[1]
    assert Code.PAM_UNUSABLE not in codes(without)


def test_directories_that_do_not_answer(world: World) -> None:
    text = f"{GOOD}LDAPServer 10.0.0.1 ldaps://10.0.0.2/\n"
    assert Code.DIRECTORY_UNREACHABLE not in codes(examine(text, world)[1]), "nobody's account is there"
    found = examine(f"{text}LDAPUsers ou=people,dc=example,dc=org\n", world)[1]
    (line,) = [each for each in found if Code.DIRECTORY_UNREACHABLE in each]
    assert line.startswith("warning")
    assert "[directory-unreachable] ldaps://10.0.0.2:636 cannot be reached (Connection refused)" in line


@pytest.mark.parametrize("directive", ["PidFile", "ScoreboardFile", "ControlsSocket"])
def test_files_that_cannot_be_made(world: World, tmp_path: Path, directive: str) -> None:
    (tmp_path / "file").touch()
    for parent, why in (("nothere", "No such file or directory"), ("file", "Not a directory")):
        (line,) = examine(f"{GOOD}{directive} {tmp_path}/{parent}/it\n", world)[1]
        assert f"{directive} '{tmp_path}/{parent}/it': {tmp_path}/{parent}: {why}; it will not be there" in line
    assert examine(f"{GOOD}{directive} {tmp_path}/it\n", world)[1] == []
    assert examine(f"{GOOD}{directive} none\n", world)[1] == [] or directive == "ControlsSocket"


PROXY = "ProxyProtocolEngine on\nProxyProtocolTrust 10.0.0.5 fd00::/8\n"


@pytest.mark.parametrize(("directives", "expected"), [
    (PROXY, [Code.PROXY_ADDRESS, Code.PROXY_DATA_PLAIN]),
    (f"{PROXY}ProxyProtocolData on\nMasqueradeAddress 5.9.1.2\nPassivePorts 30000 30999\n", []),
    (f"{PROXY}ProxyProtocolData on\nProxyProtocolOptions UseProxiedServerAddress\n", []),
    (f"{PROXY}ProxyProtocolTrust 0.0.0.0/0\nProxyProtocolData on\nProxyProtocolOptions UseProxiedServerAddress\n",
     [Code.PROXY_TRUST_WIDE]),
])
def test_behind_a_proxy(world: World, directives: str, expected: list[Code]) -> None:
    machine = Bench(addresses=("10.0.0.20",))
    found = codes(examine(GOOD + directives, world, machine=machine)[1])
    assert [code for code in found if code != Code.DIRECTIVE_DIFFERS] == expected


def test_a_proxy_that_nobody_has_named(world: World) -> None:
    report, found = examine(f"{GOOD}ProxyProtocolEngine on\n", world)
    assert report.status == 2
    assert any("needs ProxyProtocolTrust beside it" in line for line in found)


@pytest.mark.parametrize(("module", "lines"), [
    ("ftpsd.metrics.exposition", "MetricsAddress 127.0.0.1:9810\n"),
    ("ldap3", "LDAPServer 127.0.0.1:1\nLDAPUsers dc=example\n"),
    ("acme", "ACMEServer letsencrypt\nACMENames ftp.example.org\n"),
])
def test_libraries_that_are_not_installed(
    module: str, lines: str, world: World, monkeypatch: pytest.MonkeyPatch,
) -> None:
    """They stop the start."""
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == module else find_spec(name))
    monkeypatch.setitem(sys.modules, module, None)
    errors = [line for line in examine(f"{GOOD}{lines}", world)[1] if line.startswith("error")]
    assert any(f"{sys.executable} -m pip install 'ftpsd[" in line for line in errors), errors
