"""<IfClass> sections that say what is said of hosts; the same in <IfUser> and its kin."""

from __future__ import annotations

import dataclasses

import pytest

from ftpsd.settings.declaration import Context, Status
from ftpsd.settings.registry import DIRECTIVES
from tests.settings.support import configuration, failure, main_host

CLASSES = "<Class a>\nFrom 10.0.0.0/8\n</Class>\n<Class b>\nFrom 10.1.0.0/16\n</Class>\n"
LINES = ("ServerIdent off", "MaxLoginAttempts 1", "DisplayConnect /banner", "AuthUserFile /users", "TLSEngine on",
         "TLSVerifyClient on", "SQLEngine off", "QuotaEngine off", "WrapEngine off", "UseEncoding off",
         "DeflateEngine on", "TimeoutLogin 5", "CommandBufferSize 512", "AllowChrootSymlinks off", "TCPNoDelay off")


@pytest.mark.parametrize("line", LINES)
def test_a_class_has_a_host_of_its_own(line: str) -> None:
    host = main_host(f"{CLASSES}<IfClass a>\n{line}\nUmask 077\n</IfClass>\n")
    entry = DIRECTIVES[line.split()[0].lower()]
    other = host.for_classes({"a"})
    plain, own = (getattr(getattr(one.settings, entry.group), entry.field) for one in (host, other))
    assert plain == entry.default != own or line.endswith("off")
    assert own == getattr(getattr(main_host(line).settings, entry.group), entry.field)
    assert host.for_classes(()) is host
    assert host.for_classes({"b"}) is host
    assert other.id == 1
    assert other.for_connection(classes={"a"}).transfer.umask == main_host("Umask 077").settings.transfer.umask
    assert str(other.origin(entry.group, entry.field)) == "line 8 of '/etc/main.conf'"


def test_several_sections_together() -> None:
    text = (f"{CLASSES}ServerName main\n<IfClass a>\nMaxLoginAttempts 1\nTimeoutLogin 5\n</IfClass>\n"
            "<IfClass b>\nMaxLoginAttempts 2\n</IfClass>\n<IfClass OR a,b>\nTimeoutLogin 7\n</IfClass>\n"
            "<VirtualHost 127.0.0.2>\nServerName other\n<IfClass a>\nServerIdent off\n</IfClass>\n</VirtualHost>\n")
    found = configuration(text)
    main, other = found.hosts
    assert [host.id for host in found.every_host] == [0, 1, 2, 3, 4]
    for classes, attempts, seconds in (((), 3, 300), ("a", 1, 7), ("b", 2, 7)):
        host = main.for_classes(classes)
        assert (host.settings.auth.max_login_attempts, host.settings.limits.timeout_login) == (attempts, seconds)
    assert not other.for_classes("a").settings.core.server_ident.enabled
    assert main.for_classes("a").addresses == main.addresses


@pytest.mark.parametrize(("expression", "holding"), [
    ("a", "a"), ("!a", "-b"), ("AND !a,!b", "-"), ("AND a,b", ""), ("OR a,b", "ab"), ("OR !a,!b", "-ab"),
    ("regex ^[ab]$", "ab"), ("regex !^a", "-b"), ("nobody", ""), ("!nobody", "-ab"),
])
def test_whatever_the_condition_its_clients_find_a_host(expression: str, holding: str) -> None:
    host = main_host(f"{CLASSES}<IfClass {expression}>\nMaxLoginAttempts 1\n</IfClass>\n")
    attempts = {name: host.for_classes(name.strip("-")).settings.auth.max_login_attempts for name in "-ab"}
    assert attempts == {name: 1 if name in holding else 3 for name in "-ab"}
    assert len(host.variants) == bool(holding)


def test_an_anonymous_login_of_a_class() -> None:
    text = f"{CLASSES}<Anonymous /srv>\nUser ftp\n</Anonymous>\n<IfClass a>\nMaxLoginAttempts 1\n</IfClass>\n"
    (section,) = main_host(text).for_classes("a").anonymous
    assert section.settings.auth.max_login_attempts == 1


def test_as_many_sections_as_classes() -> None:
    names = [f"c{one}" for one in range(30)]
    text = "".join(f"<Class {name}>\nFrom 10.{one}.0.0/16\n</Class>\n" for one, name in enumerate(names))
    text += "".join(f"<IfClass {name}>\nMaxLoginAttempts {one + 1}\n</IfClass>\n" for one, name in enumerate(names))
    text += "<IfClass !c0>\nServerIdent off\n</IfClass>\n"
    found = configuration(text)
    assert [host.id for host in found.every_host] == list(range(32))
    for one, name in enumerate(names):
        settings = found.hosts[0].for_classes({name}).settings
        assert (settings.auth.max_login_attempts, settings.core.server_ident.enabled) == (one + 1, not one)


@pytest.mark.parametrize("line", [
    "Port 2121", "ServerName x", "PidFile /x", "TLSRSACertificateFile /x", "RedisEngine on",
    "ProxyProtocolEngine on",
])
def test_what_concerns_more_than_a_host_may_not_stand_there(line: str) -> None:
    assert "directive not allowed in <IfClass> context" in failure(f"{CLASSES}<IfClass a>\n{line}\n</IfClass>")


@pytest.mark.parametrize("line", [
    "User nobody", "Group nogroup", "RLimitMemory 4GB", "RLimitOpenFiles 4096", "UseReverseDNS off"])
def test_what_comes_before_classes_has_no_effect_there_and_says_so(line: str) -> None:
    found = configuration(f"{CLASSES}<IfClass a>\n{line}\n</IfClass>")
    assert found.hosts[0].variants == ()
    (notice,) = found.notices
    assert notice.startswith(f"{line.split()[0]} in <IfClass> on line 8 of '/etc/main.conf' has no effect")


@pytest.mark.parametrize("section", ["IfUser bob", "IfGroup staff", "IfAuthenticated"])
@pytest.mark.parametrize("line", LINES)
def test_after_the_login_it_has_no_effect_and_says_so(section: str, line: str) -> None:
    found = configuration(f"<{section}>\n{line}\n</{section.split()[0]}>\n")
    entry = DIRECTIVES[line.split()[0].lower()]
    settings = found.hosts[0].for_login(user="bob", groups=("staff",))
    assert dataclasses.replace(settings, stages=0) == main_host("").settings
    (notice,) = found.notices
    assert notice.startswith(f"{entry.name} in <{section.split()[0]}> on line 2 of '/etc/main.conf' has no effect")


@pytest.mark.parametrize(("line", "group", "field"), [
    ("UserAlias rob bob", "auth", "user_alias"), ("SetEnv A b", "core", "set_env"), ("UnsetEnv A", "core", "unset_env"),
])
def test_what_counts_for_everybody_wherever_it_stands(line: str, group: str, field: str) -> None:
    found = configuration(f"<IfUser bob>\n{line}\n</IfUser>\n<VirtualHost 127.0.0.2>\n</VirtualHost>")
    main, other = (getattr(getattr(host.settings, group), field) for host in found.hosts)
    assert len(main) == 1
    assert not other
    assert found.notices == (
        f"{line.split()[0]} in <IfUser> on line 2 of '/etc/main.conf' counts for everybody, as in ProFTPD: write it"
        " outside",)


@pytest.mark.parametrize("line", [
    "CDPath /pub", "DefaultTransferMode binary", "DigestEngine off", 'SQLNamedQuery x SELECT "1"', "SQLLog PASS x",
])
def test_what_counts_for_a_user(line: str) -> None:
    entry = DIRECTIVES[line.split()[0].lower()]
    found = configuration(f"<IfUser bob>\n{line}\n</IfUser>\n")
    assert found.notices == ()
    host = found.hosts[0]
    assert (entry.group, entry.field) in host.for_login(user="bob").said
    assert (entry.group, entry.field) not in host.for_login(user="alice").said


def test_every_directive_of_hosts_says_whether_classes_may_have_it() -> None:
    """Where it stands is told, and there is no third way."""
    for entry in DIRECTIVES.values():
        if entry.status is Status.SUPPORTED and Context.BY_CLASS in entry.contexts:
            assert Context.VHOST in entry.contexts


SQL = ("SQLBackend sqlite3\nSQLConnectInfo /db\nSQLAuthTypes Crypt\nSQLNamedQuery log INSERT \"'%u'\" l\n"
       "<IfUser bob>\n{}\n</IfUser>\n")


@pytest.mark.parametrize(("line", "message"), [
    ("SQLLog PASS lost", "SQLLog: no query named 'lost' on line 6 of"),
    ('SQLShowInfo PASS 230 "%{log}"', "SQLShowInfo: the query 'log' is of type INSERT on line 6 of"),
    ('SQLNamedQuery log SELECT "1"', "SQLNamedQuery: there is a query named 'log' outside of the section on line 6 of"),
])
def test_queries_of_sections(line: str, message: str) -> None:
    assert message in failure(SQL.format(line))
    configuration(SQL.format('SQLNamedQuery own INSERT "1" l\nSQLLog PASS own\nSQLLog PASS log'))


def test_queries_of_one_name_in_several_sections() -> None:
    text = SQL.format('SQLNamedQuery own INSERT "1" l') + "<IfUser alice>\n{}\n</IfUser>\n"
    assert (
        "SQLNamedQuery: there is a query named 'own' in another section (line 6 of '/etc/main.conf') on line 9 of"
    ) in failure(text.format('SQLNamedQuery own INSERT "2" l'))
    for fine in ('own INSERT "1" l', "log INSERT \"'%u'\" l", 'other INSERT "2" l'):
        configuration(text.format(f"SQLNamedQuery {fine}"))
