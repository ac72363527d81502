"""Rules over the whole configuration, and the command line's part in loading."""

from __future__ import annotations

from pathlib import Path

import pytest

from ftpsd.errors import ConfigError
from ftpsd.settings import load
from ftpsd.settings.loader import look_up
from tests.settings.support import configuration, failure, main_host

CONFLICT = (
    "fatal: mod_tls/2.9.2: Server main: cannot enforce both 'TLSRequired auth' and 'TLSOptions AllowPerUser'"
    " at the same time on line 2 of '/etc/main.conf'"
)


@pytest.mark.parametrize(
    "requirement", ["on", "ctrl", "ctrl+!data", "auth", "auth+data", "auth+!data", "both"]
)
@pytest.mark.parametrize(
    "section",
    [
        "",
        "<Anonymous ~ftp>\nUser ftp\n</Anonymous>",
        "<IfUser bob>\nTLSRequired on\n</IfUser>",
        "<IfUser bob>\nUmask 022\n</IfUser>",
        "<Directory /x>\nTLSRequired auth\n</Directory>",
    ],
)
def test_per_user_conflict(requirement: str, section: str) -> None:
    text = f"ServerName main\nTLSRequired {requirement}\nTLSOptions AllowPerUser\n{section}"
    assert failure(text).startswith(CONFLICT)


@pytest.mark.parametrize(
    "text",
    [
        "TLSRequired on",
        "TLSRequired data\nTLSOptions AllowPerUser",
        "TLSRequired !data\nTLSOptions AllowPerUser",
        "TLSRequired on\nTLSOptions AllowPerUser\n<Anonymous ~ftp>\nTLSRequired off\n</Anonymous>",
        "TLSRequired on\nTLSOptions AllowPerUser\n<Directory /x>\nTLSRequired data\n</Directory>",
        "TLSRequired on\nTLSOptions AllowPerUser\n<IfGroup trusted>\nTLSRequired off\n</IfGroup>",
        "TLSRequired on\nTLSOptions AllowPerUser\n<IfUser a>\n<Directory /x>\nTLSRequired"
        " off\n</Directory>\n</IfUser>",
    ],
)
def test_per_user_without_conflict(text: str) -> None:
    assert configuration(text).notices == ()


@pytest.mark.parametrize(("text", "noticed"), [
    ("<IfUser bob>\nTLSRequired on\n</IfUser>", True),
    ("<Anonymous ~ftp>\nTLSRequired auth\n</Anonymous>", True),
    ("<IfUser bob>\nTLSRequired on\nTLSOptions AllowPerUser\n</IfUser>", False),
    ("TLSOptions AllowPerUser\n<IfUser bob>\nTLSRequired on\n</IfUser>", False),
    ("TLSRequired ctrl\n<IfUser bob>\nTLSRequired on\n</IfUser>", False),
    ("<IfUser bob>\nTLSRequired data\n</IfUser>", False),
    ("<Class near>\nFrom 10.0.0.0/8\n</Class>\n<IfClass near>\nTLSRequired on\n</IfClass>", False),
])
def test_a_section_that_comes_too_late_to_demand_tls_is_noticed(text: str, noticed: bool) -> None:
    notices = configuration(f"TLSEngine on\n{text}").notices
    assert [text for text in notices if "AllowPerUser" in text] == list(notices)
    assert bool(notices) is noticed


def test_per_user_conflict_in_a_virtual_host() -> None:
    message = failure(
        "TLSRequired on\n<VirtualHost 127.0.0.1>\nServerName v\nTLSOptions AllowPerUser\n"
        "TLSRequired auth\n</VirtualHost>"
    )
    assert "Server v: cannot enforce both" in message
    assert "on line 5 of" in message


def test_a_class_that_is_not_there_is_told() -> None:
    found = configuration(
        "<Class a>\nFrom all\n</Class>\n<IfClass a,!b>\nUmask 022\n</IfClass>\n"
        "<VirtualHost 127.0.0.1>\n</VirtualHost>"
    )
    assert found.notices == ("<IfClass> on line 4 of '/etc/main.conf': there is no <Class b>",)


def test_a_class_of_foreign_addresses_that_is_not_there_is_told_once() -> None:
    found = configuration(
        "<Class a>\nFrom all\n</Class>\nAllowForeignAddress a\n<Global>\nAllowForeignAddress b\n</Global>\n"
        "<VirtualHost 127.0.0.1>\nAllowForeignAddress on\n</VirtualHost>\n<IfUser bob>\nAllowForeignAddress A\n"
        "</IfUser>"
    )
    assert found.notices == (
        "AllowForeignAddress on line 6 of '/etc/main.conf': there is no <Class b>",
        "AllowForeignAddress on line 12 of '/etc/main.conf': there is no <Class A>",
    )


@pytest.mark.parametrize(("line", "noticed"), [
    ("AllowGroup AND a,b", True), ("DenyUser and a", True), ("AllowClass AND", False), ("DenyGroup a,b", False),
    ("AllowGroup OR a,b", False),
])
def test_where_proftpd_takes_and_for_a_name_is_told(line: str, noticed: bool) -> None:
    notices = configuration(f"<Limit WRITE>\n{line}\nDenyAll\n</Limit>").notices
    assert any("takes AND for the only name" in notice for notice in notices) is noticed


@pytest.mark.parametrize(("section", "noticed"), [
    ("IfUser a", True), ("IfGroup a", True), ("IfAuthenticated", True), ("IfClass a", False)])
@pytest.mark.parametrize("name", ["DefaultRoot", "DefaultChdir"])
def test_where_proftpd_comes_too_late_is_told(section: str, noticed: bool, name: str) -> None:
    text = f"<Class a>\nFrom all\n</Class>\n<{section}>\n{name} ~\n</{section.split()[0]}>"
    assert bool(configuration(text).notices) is noticed
    assert all(f"{name} in <{section.split()[0]}> on line 5" in notice for notice in configuration(text).notices)


def test_key_in_global_and_certificate_in_host() -> None:
    tls = main_host("<Global>\nTLSRSACertificateKeyFile /k\n</Global>\nTLSRSACertificateFile /c").settings.tls
    assert (tls.rsa_certificate_file, tls.rsa_certificate_key_file) == ("/c", "/k")


def test_defines_and_environment() -> None:
    found = configuration(
        "<IfDefine TLS>\nTLSEngine on\n</IfDefine>\nPort %{env:PORT}\nDefine MORE",
        defines={"TLS"},
        env={"PORT": "2121"},
    )
    assert found.hosts[0].settings.tls.engine
    assert found.hosts[0].settings.core.port == 2121
    assert found.defines == {"TLS", "MORE"}


def test_modules() -> None:
    found = configuration(
        "LoadModule mod_tls.c\nLoadModule MOD_geoip.c\nLoadModule mod_geoip.c\n"
        "<IfModule mod_geoip.c>\nGeoIPEngine on\n</IfModule>\n<IfModule mod_tls.c>\nTLSEngine on\n</IfModule>"
    )
    assert found.notices == ("these modules are not part of ftpsd, <IfModule> is false for them: mod_geoip.c",)
    assert found.hosts[0].settings.tls.engine


@pytest.mark.parametrize(
    ("module", "present"),
    [
        ("mod_tls.c", True),
        ("mod_dso.c", True),
        ("mod_delay.c", True),
        ("mod_ident.c", True),
        ("mod_ifsession.c", True),
        ("mod_shaper.c", False), ("mod_quotatab.c", True), ("mod_wrap2_file.c", True),
        ("mod_ratio.c", False),
        ("mod_ctrls.c", True),
        ("mod_tls", False),
        ("mod_sftp.c", False),
    ],
)
def test_if_module(module: str, present: bool) -> None:
    host = main_host(
        f"<IfModule {module}>\nUmask 011\n</IfModule>\n<IfModule !{module}>\nUmask 044\n</IfModule>"
    )
    assert host.settings.transfer.umask.file == (0o011 if present else 0o044)


def test_relative_configuration_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    directory = tmp_path
    (directory / "ftpsd.conf").write_text("Include more.conf\nServerName x\n")
    (directory / "more.conf").write_text("Port 0\n")
    monkeypatch.chdir(directory)
    found = load("ftpsd.conf")
    assert found.files == (str(directory / "ftpsd.conf"), str(directory / "more.conf"))
    assert found.hosts[0].settings.core.port == 0


def test_looking_up_names() -> None:
    assert "127.0.0.1" in look_up("localhost")
    assert look_up("x" * 300) == ()


OTP_TABLE = "AuthOTPEngine on\nAuthOTPTable sql:/get/set\n"
TALLIES = "QuotaEngine on\nQuotaDefault user false hard 1 0 0 0 0 0\nQuotaTallyTable sql:/get/add/make\n"


def test_a_code_is_good_once_for_all_processes_of_inetd() -> None:
    """Their locks in memory are their own."""
    said = failure(f"ServerType inetd\n{OTP_TABLE}")
    assert "AuthOTPTable: needs AuthOTPTableLock with ServerType inetd" in said
    assert "on line 3 of '/etc/main.conf'" in said
    for text in (f"ServerType inetd\n{OTP_TABLE}AuthOTPTableLock /run/otp.lock", OTP_TABLE,
                 "ServerType inetd\nAuthOTPEngine on\nAuthOTPTable file:/var/lib/otp"):
        assert configuration(text).notices == ()


@pytest.mark.parametrize(("text", "noticed"), [
    (f"ServerType inetd\n{TALLIES}", True), (f"ServerType inetd\n{TALLIES}QuotaLock /run/quota.lock", False),
    (TALLIES, False), ("ServerType inetd\n" + TALLIES.replace("on", "off", 1), False),
])
def test_tallies_of_a_database_that_processes_of_inetd_share(text: str, noticed: bool) -> None:
    found = [notice for notice in configuration(text).notices if "QuotaLock" in notice]
    assert [notice.endswith("counts; write QuotaLock") for notice in found] == [True] * noticed


def test_network_interfaces_are_looked_up_and_are_no_names(tmp_path: Path) -> None:
    """An interface's name is no ServerAlias: with one SNI with another name would be refused."""
    file = tmp_path / "ftpsd.conf"
    file.write_text("DefaultAddress lo\nPort 2121\n<VirtualHost lo>\nPort 2122\n</VirtualHost>\n")
    found = load(str(file))
    assert look_up("lo")[0] == "127.0.0.1"
    for host in found.hosts:
        assert "127.0.0.1" in host.resolved
        assert host.names == ()


def test_an_interface_that_there_is_not(tmp_path: Path) -> None:
    file = tmp_path / "ftpsd.conf"
    file.write_text("<VirtualHost eth98:7>\n</VirtualHost>\n")
    with pytest.raises(ConfigError, match="error resolving 'eth98:7'"):
        load(str(file))


@pytest.mark.parametrize(("line", "told"), [
    ("BanOnEvent mod_auth.root-login 1/00:01:00 01:00:00", False),
    ("BanOnEvent mod_tls.ctrl-handshake-failed 1/00:01:00 01:00:00", False),
    ("BanOnEvent mod_geoip.connection-denied 1/00:01:00 01:00:00", True),
    ("BanOnEvent core.connect 1/00:01:00 01:00:00", True),
    ("BanOnEvent RootLogin 1/00:01:00 01:00:00", False),
    ("SQLLogOnEvent mod_ban.ban-host q", False), ("SQLLogOnEvent HostBanned q", False),
    ("SQLLogOnEvent core.exit q", False),
    ("SQLLogOnEvent mod_auth.max-connections-per-host q", False), ("SQLLogOnEvent mod_sftp.ssh2.auth-password q", True),
])
def test_events_that_never_happen_here_are_noticed(line: str, told: bool) -> None:
    notices = configuration(line).notices
    assert [text for text in notices if "never happens" in text] == list(notices)
    assert bool(notices) is told


@pytest.mark.parametrize("line", ["BanOnEvent MaxLoginAttemps 1/00:01:00 01:00:00", "SQLLogOnEvent HostBaned q"])
def test_typing_errors_in_events_stop_the_start(line: str) -> None:
    assert "event" in failure(line)


@pytest.mark.parametrize("engine", ["", "VRootEngine off\n"])
def test_vroot_options_without_vroot(engine: str) -> None:
    assert configuration(f"{engine}VRootOptions allowSymlinks\n").notices == ()


@pytest.mark.parametrize("engine", ["VRootEngine on", "<IfUser bob>\nVRootEngine on\n</IfUser>"])
def test_links_never_lead_out_of_the_root(engine: str) -> None:
    assert "VRootOptions: a symbolic link never leads out" in failure(f"VRootOptions allowSymlinks\n{engine}\n")
