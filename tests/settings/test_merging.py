"""How sections merge. The cases were put to a real ProFTPD 1.3.8 and have its answers."""

from __future__ import annotations

import pytest

from ftpsd.session.places import places_of
from ftpsd.settings import DirectorySection, Host
from ftpsd.settings.model import Settings, directory_pattern
from ftpsd.settings.restrictions import Restrictions
from ftpsd.settings.values import RootedPath, TLSRequirement, Umask
from tests.settings.support import configuration, failure, in_directory, main_host


def messages(host: Host, **login: object) -> str | None:
    settings = host.for_login(user="u", groups={"ga", "gb"}, classes={"local"}, anonymous=None)
    return settings.core.access_grant_msg


def test_virtual_hosts_take_global_but_not_server_config() -> None:
    found = configuration("""
ServerName main
ServerAdmin root@example.org
Port 2121
Umask 077
AccessGrantMsg main
TLSEngine on
<Global>
  AllowOverwrite on
  AccessGrantMsg global
  TLSRequired on
</Global>
<VirtualHost 127.0.0.1>
  AccessDenyMsg vhost
</VirtualHost>
""")
    main, virtual = found.hosts
    assert (main.settings.core.port, virtual.settings.core.port) == (2121, 21)
    assert main.settings.transfer.umask == Umask(0o077)
    assert virtual.settings.transfer.umask == Umask(0o022)
    assert main.settings.core.access_grant_msg == "main"
    assert virtual.settings.core.access_grant_msg == "global"
    assert virtual.settings.core.access_deny_msg == "vhost"
    assert all(host.settings.transfer.allow_overwrite for host in found.hosts)
    assert all(host.settings.tls.required == TLSRequirement(1, 1, 1) for host in found.hosts)
    assert not virtual.settings.tls.engine
    assert virtual.settings.core.server_name == "main"
    assert virtual.settings.core.server_admin == "root@example.org"
    assert [host.id for host in found.hosts] == [0, 1]


def test_what_concerns_the_process_is_seen_from_every_host() -> None:
    found = configuration("""
MaxInstances 7
SystemLog /var/log/x
User nobody
Workers 3
<VirtualHost 127.0.0.1>
</VirtualHost>
""")
    assert found.server.user == "nobody"
    virtual = found.hosts[1].settings
    assert (virtual.limits.max_instances, virtual.logging.system_log) == (7, "/var/log/x")
    assert virtual.server == found.server
    assert found.server.workers == 3


def test_names_bans_and_translations_of_server_config_are_those_of_every_host() -> None:
    found = configuration("""
UseReverseDNS off
LangPath /translations
BanEngine on
BanTable /ban.tab
BanMessage "Host %a has been banned"
BanOnEvent MaxLoginAttempts 2/00:10:00 01:00:00
<VirtualHost 127.0.0.1>
</VirtualHost>
<VirtualHost 127.0.0.2>
  UseReverseDNS on
  BanEngine off
</VirtualHost>
""")
    main, plain, other = (host.settings for host in found.hosts)
    assert plain.bans == main.bans
    assert (plain.bans.engine, plain.bans.message) == (True, "Host %a has been banned")
    assert [rule.event for rule in plain.bans.rules] == ["MaxLoginAttempts"]
    assert (plain.core.use_reverse_dns, plain.lang.path) == (False, "/translations")
    assert (other.core.use_reverse_dns, other.bans.engine) == (True, False)


def test_what_concerns_the_process_may_stand_in_global_and_server_config_has_the_last_word() -> None:
    found = configuration(
        "SystemLog /main.log\n<Global>\nSystemLog /global.log\nTraceLog /trace.log\nServerLog /each.log\nPort 2121\n"
        "BanLog /ban.log\nBanOptions MatchAnyServer\nBanCache none\nBanCacheOptions UseJSON\nLogFormat a %a\n"
        "PersistentPasswd on\n</Global>\nLogFormat b %b\n"
        "<VirtualHost 127.0.0.2>\nPersistentPasswd off\nScoreboardOptions AllowMissingEntry\n</VirtualHost>")
    for host in found.hosts:
        logging = host.settings.logging
        assert (logging.system_log, logging.trace_log, logging.server_log) == ("/main.log", "/trace.log", "/each.log")
        assert {one.key for one in logging.log_formats} >= {"a", "b"}
        assert host.settings.core.port == 2121
        assert host.settings.bans.log == "/ban.log"
        assert host.settings.bans.options == {"MatchAnyServer"}
        assert host.settings.bans.cache_options == {"UseJSON"}


@pytest.mark.parametrize("module", ["mod_case", "mod_msg", "mod_tar", "mod_fsync", "mod_statsd", "mod_proxy"])
def test_modules_that_ftpsd_lacks_are_a_notice(module: str) -> None:
    (notice,) = configuration(f"LoadModule {module}.c\n<IfModule {module}.c>\nNonsense\n</IfModule>").notices
    assert notice == f"these modules are not part of ftpsd, <IfModule> is false for them: {module}.c"


def test_global_anywhere_and_several_times() -> None:
    found = configuration("""
<Global>
Umask 027
</Global>
<VirtualHost 127.0.0.1>
</VirtualHost>
<Global>
Umask 077
AllowOverwrite on
</Global>
""")
    for host in found.hosts:
        assert host.settings.transfer.umask.file == 0o027
        assert host.settings.transfer.allow_overwrite


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("AccessGrantMsg a\nAccessGrantMsg b", "a"),
        ("<Global>\nAccessGrantMsg g\n</Global>\nAccessGrantMsg a", "a"),
        ("<IfUser u>\nAccessGrantMsg a\nAccessGrantMsg b\n</IfUser>", "b"),
        ("<IfUser u>\nAccessGrantMsg a\n</IfUser>\n<IfUser u>\nAccessGrantMsg b\n</IfUser>", "b"),
        ("AccessGrantMsg base\n<IfUser u>\nAccessGrantMsg U\n</IfUser>", "U"),
        ("AccessGrantMsg base\n<Global>\n<IfUser u>\nAccessGrantMsg U\n</IfUser>\n</Global>", "U"),
        ("<IfGroup ga>\nAccessGrantMsg G\n</IfGroup>\n<IfUser u>\nAccessGrantMsg U\n</IfUser>", "G"),
        (
            "<IfAuthenticated>\nAccessGrantMsg A\n</IfAuthenticated>\n<IfGroup ga>\nAccessGrantMsg"
            " G\n</IfGroup>",
            "A",
        ),
        (
            "<IfClass local>\nAccessGrantMsg C\n</IfClass>\n<IfAuthenticated>\nAccessGrantMsg"
            " A\n</IfAuthenticated>",
            "C",
        ),
        ("<IfGroup ga,zz>\nAccessGrantMsg G\n</IfGroup>", None),
        ("<IfGroup OR ga,zz>\nAccessGrantMsg G\n</IfGroup>", "G"),
        ("<IfUser zz,u>\nAccessGrantMsg U\n</IfUser>", "U"),
        ("<IfUser AND zz,u>\nAccessGrantMsg U\n</IfUser>", None),
        ("<IfUser OR zz,!yy>\nAccessGrantMsg U\n</IfUser>", "U"),
        ("<IfUser !u>\nAccessGrantMsg U\n</IfUser>", None),
        ("<IfUser regex ^[[:alpha:]]$>\nAccessGrantMsg U\n</IfUser>", "U"),
        ("<IfUser regex !^u>\nAccessGrantMsg U\n</IfUser>", None),
        ("<IfClass !local>\nAccessGrantMsg C\n</IfClass>", None),
    ],
)
def test_who_wins(text: str, value: str | None) -> None:
    assert messages(main_host(text)) == value


def test_a_repeated_directive_is_told() -> None:
    found = configuration("Umask 022\nUmask 077\nPort 21\nPort 22\nTimesGMT on\nTimesGMT on")
    assert found.hosts[0].settings.core.port == 22
    assert found.hosts[0].settings.transfer.umask.file == 0o022
    assert found.notices == (
        "Umask on line 2 of '/etc/main.conf' has no effect: the one on line 1 of '/etc/main.conf' counts",
        "Port on line 3 of '/etc/main.conf' has no effect: the one on line 4 of '/etc/main.conf' counts",
    )


def test_the_first_order_in_a_limit_counts() -> None:
    lines = "Order deny,allow\nIgnoreHidden on\nOrder allow,deny\nIgnoreHidden off\nOrder deny,allow\nAllowUser bob"
    found = configuration(f"<Limit ALL>\n{lines}\n</Limit>")
    (limit,) = found.hosts[0].settings.restrictions[0].limits
    assert (limit.deny_first, limit.ignore_hidden) == (True, True)
    assert found.notices == (
        "Order on line 4 of '/etc/main.conf' has no effect: the one on line 2 of '/etc/main.conf' counts",
        "IgnoreHidden on line 5 of '/etc/main.conf' has no effect: the one on line 3 of '/etc/main.conf' counts")


def test_lists_add_up_and_the_inner_section_comes_first() -> None:
    host = main_host("""
<Global>
DefaultRoot /global
TLSOptions NoCertRequest
UserAlias a b
</Global>
DefaultRoot /one staff
DefaultRoot /two
TLSOptions AllowPerUser
TLSOptions NoSessionReuseRequired
<IfUser u>
DefaultRoot /mine
TLSOptions UseImplicitSSL
</IfUser>
""")
    assert [entry.path for entry in host.settings.access.default_root] == ["/one", "/two", "/global"]
    assert host.settings.tls.options == {"NoCertRequest", "AllowPerUser", "NoSessionReuseRequired"}
    login = host.for_login(user="u")
    assert login.access.default_root[0] == RootedPath("/mine")
    assert login.tls.options == host.settings.tls.options | {"UseImplicitSSL"}


@pytest.mark.parametrize(("outer", "inner", "files", "directories"), [
    ("Umask 022 022", "Umask 000", 0, 0o022), ("Umask 022 077", "Umask 000", 0, 0o077),
    ("Umask 022", "Umask 000", 0, 0), ("", "Umask 002", 0o002, 0o002), ("Umask 022 077", "Umask 007 001", 0o007, 0o001),
    ("Umask 022 077", "", 0o022, 0o077), ("<Global>\nUmask 027 077\n</Global>\nUmask 022", "Umask 0", 0, 0o077),
])
def test_the_umask_of_directories_merges_on_its_own(outer: str, inner: str, files: int, directories: int) -> None:
    host = main_host(
        f"{outer}\n<Directory /srv>\n{inner}\n</Directory>\n<Anonymous /srv>\nUser ftp\n{inner}\n</Anonymous>")
    for settings in (host.anonymous[0].settings, in_directory(host.for_login(user="alice"), "/srv/x")):
        assert (settings.transfer.umask.file, settings.transfer.umask.directory) == (files, directories)


@pytest.mark.parametrize(("inner", "conditional", "files", "directories"), [
    ("Umask 000 077", "<IfUser alice>\nUmask 022\n</IfUser>", 0o022, 0o077),
    ("Umask 000 077", "<IfUser alice>\nUmask 022 011\n</IfUser>", 0o022, 0o011),
    ("Umask 000", "<IfUser alice>\nUmask 022\n</IfUser>", 0o022, 0o007),
    ("Umask 000 077", "<IfUser alice>\nUmask 022 011\n</IfUser>\n<IfGroup staff>\nUmask 033\n</IfGroup>", 0o033, 0o011),
    ("Umask 000 077", "<IfUser bob>\nUmask 022 011\n</IfUser>\n<IfGroup staff>\nUmask 033\n</IfGroup>", 0o033, 0o077),
])
def test_a_conditional_umask_of_files_leaves_that_of_directories_to_inner_sections(
    inner: str, conditional: str, files: int, directories: int
) -> None:
    host = main_host(
        f"Umask 027 007\n<Directory /srv>\n{inner}\n</Directory>\n<Anonymous /srv>\nUser ftp\n{inner}\n"
        f"<Directory /srv/in>\n{inner}\n</Directory>\n</Anonymous>\n{conditional}")
    anonymous = host.for_login(user="alice", groups=("staff",), anonymous=host.anonymous[0])
    for settings in (
        in_directory(host.for_login(user="alice", groups=("staff",)), "/srv/x"), anonymous,
        in_directory(anonymous, "/srv/in/x", root="/srv"),
    ):
        assert (settings.transfer.umask.file, settings.transfer.umask.directory) == (files, directories)


def test_before_login_only_classes_count() -> None:
    host = main_host("""
<IfAuthenticated>
TimeoutIdle 1
</IfAuthenticated>
<IfUser regex .>
TimeoutIdle 2
</IfUser>
<IfClass local>
TLSRequired off
</IfClass>
<IfClass !local>
TLSRequired on
</IfClass>
""")
    assert host.for_connection(classes={"local"}).limits.timeout_idle == 600
    assert host.for_connection(classes={"local"}).tls.required == TLSRequirement()
    assert host.for_connection(classes=()).tls.required == TLSRequirement(1, 1, 1)
    assert host.for_login(user="x").limits.timeout_idle == 1


ANONYMOUS = """
Umask 077
AccessGrantMsg host
User nobody
UserAlias all bob
<Anonymous ~ftp>
  User ftp
  Group nogroup
  UserAlias anonymous ftp
  AccessGrantMsg anonymous
  TLSRequired off
  <Directory incoming>
    Umask 000
  </Directory>
</Anonymous>
<IfClass !local>
  TLSRequired on
  AllowOverwrite on
</IfClass>
"""


def test_anonymous_lies_over_its_host() -> None:
    host = main_host(ANONYMOUS)
    section = host.anonymous[0]
    assert (section.root, section.user, section.group) == ("~ftp", "ftp", "nogroup")
    assert section.settings.transfer.umask.file == 0o077
    assert section.settings.core.access_grant_msg == "anonymous"
    assert host.settings.core.access_grant_msg == "host"
    assert host.settings.server.user == "nobody"
    assert [(alias.alias, alias.user) for alias in section.aliases] == [("anonymous", "ftp")]


@pytest.mark.parametrize(
    ("name", "found"), [("ftp", True), ("anonymous", True), ("all", False), ("bob", False)]
)
def test_who_is_anonymous(name: str, found: bool) -> None:
    assert (main_host(ANONYMOUS).anonymous_for(name) is not None) is found


def test_conditionals_take_the_place_of_what_anonymous_sections_say() -> None:
    """As in ProFTPD, of the same directive; the rest of the section stands."""
    host = main_host(ANONYMOUS)
    settings = host.for_login(user="ftp", classes=(), anonymous=host.anonymous[0])
    assert settings.tls.required == TLSRequirement(1, 1, 1)
    assert settings.transfer.allow_overwrite
    assert settings.core.access_grant_msg == "anonymous"
    local = host.for_login(user="ftp", classes={"local"}, anonymous=host.anonymous[0])
    assert local.tls.required == TLSRequirement()
    assert not local.transfer.allow_overwrite
    inner = in_directory(settings, "/srv/ftp/incoming/x", root="/srv/ftp")
    assert inner.transfer.umask.file == 0
    assert in_directory(settings, "/srv/ftp/pub", root="/srv/ftp") is settings


def test_anonymous_in_global_reaches_every_host() -> None:
    found = configuration(
        "<Global>\n<Anonymous ~ftp>\nUser ftp\n</Anonymous>\n</Global>\n"
        "<VirtualHost 127.0.0.1>\nUmask 011\n</VirtualHost>"
    )
    assert [host.anonymous[0].user for host in found.hosts] == ["ftp", "ftp"]
    assert found.hosts[1].anonymous[0].settings.transfer.umask.file == 0o011


DIRECTORIES = """
<Directory />
  Umask 001
</Directory>
<Directory /srv/a/b>
  Umask 003
</Directory>
<Directory /srv/a>
  Umask 002
  TLSRequired data
</Directory>
<Directory ~/private>
  Umask 004
</Directory>
<Directory /srv/*/up/*>
  Umask 005
</Directory>
"""


@pytest.mark.parametrize(
    ("path", "umask"),
    [
        ("/", 1),
        ("/srv", 1),
        ("/srv/ab", 1),
        ("/srv/a", 2),
        ("/srv/a/", 2),
        ("/srv/a/x/y", 2),
        ("/srv/a/b", 3),
        ("/srv/a/b/c", 3),
        ("/home/u/private", 4),
        ("/home/u/private/x", 4),
        ("/home/v/private", 1),
        ("/srv/q/up", 1),
        ("/srv/q/up/x", 5),
        ("/srv/q/r/up/x", 5),
    ],
)
def test_directories_merge_down_outer_first(path: str, umask: int) -> None:
    host = main_host(DIRECTORIES)
    settings = in_directory(host.for_login(user="u"), path, home="/home/u")
    assert settings.transfer.umask.file == umask
    assert settings.tls.required.data == (
        1 if path.startswith("/srv/a") and not path.startswith("/srv/ab") else 0
    )


@pytest.mark.parametrize(
    ("pattern", "path", "matches"),
    [
        ("/a?c", "/abc/d", True),
        ("/a?c", "/a/c", True),
        ("/a/*/c", "/a/x/y/c/d", True),
        ("/a/*/c", "/a/c", False),
        ("/[ab]", "/b", True),
        ("/[!ab]", "/b", False),
        ("/[!ab]", "/c", True),
        ("/x.y", "/xzy", False),
        ("/*", "/", True),
        ("/[^ab]", "/b", False),
        ("/[^ab]", "/c", True),
        ("/*", "/x", True),
        ("*", "/root/x", True),
        ("*", "/other", False),
        ("~", "/home/u", True),
        ("~bob/x", "/home/bob/x/y", True),
        ("~eve/x", "/x", False),
        ("/srv/%u/in", "/srv/u/in/x", True),
        ("*", "/root", True),
        ("/a//b/", "/a/b", True),
        ("/a\nb", "/a\nb", True),
        ("/a[", "/a[", True),
        ("/[]x]", "/]", True),
        ("/a\\*", "/a*/b", True),
        ("/a\\*", "/ab", False),
    ],
)
def test_directory_patterns(pattern: str, path: str, matches: bool) -> None:
    section = DirectorySection(pattern, restrictions=Restrictions(everything="deny"))
    home_of = {"bob": "/home/bob"}.get
    absolute = section.absolute(home="/home/u", root="/root", user="u", home_of=home_of)
    assert (directory_pattern(absolute).fullmatch(path.rstrip("/") or "/") is not None) is matches
    places = places_of(
        Settings(directories=(section,)), home="/home/u", root="/root", user="u", home_of=home_of,
        real_path=lambda path: path)
    assert bool(places.sections_at(path)) is matches


@pytest.mark.parametrize(("pattern", "user", "path", "matches"), [
    ("/srv/%u[0]/%u", "alice", "/srv/a/alice/x", True),
    ("/srv/%u[0]/%u[1]/*", "alice", "/srv/a/l/x", True),
    ("/srv/%u[0]/%u", "alice", "/srv/b/alice", False),
    ("/srv/%u[5]/%u", "alice", "/srv/a/alice", False),
    ("/srv/%u", "[ab]", "/srv/[ab]/x", True),
    ("/srv/%u", "[ab]", "/srv/a", False),
    ("/srv/%u[0]/in", "*b", "/srv/*/in", True),
    ("/srv/%u[0]/in", "*b", "/srv/x/in", False),
    ("~/in", "alice", "/home/[x]?/in", True),
    ("~/in", "alice", "/home/xy/in", False),
    ("~bob/in", "alice", "/home/*/in", True),
    ("~bob/in", "alice", "/home/x/in", False),
    ("in", "alice", "/root[1]/in", True),
    ("*", "alice", "/root1/in", False),
    ("/link/%u/x*", "a*", "/led/a*/xy", True),
    ("/srv/%u", "a\\b", "/srv/a\\b/c", True),
    ("/srv/%u", "a\\b", "/srv/ab/c", False),
])
def test_what_a_login_puts_into_a_directory_is_no_pattern(pattern: str, user: str, path: str, matches: bool) -> None:
    section = DirectorySection(pattern, restrictions=Restrictions(everything="deny"))
    places = places_of(
        Settings(directories=(section,)), home="/home/[x]?", root="/root[1]", user=user,
        home_of={"bob": "/home/*"}.get, real_path=lambda path: path.replace("/link/a*", "/led/a*"))
    assert bool(places.sections_at(path)) is matches


def test_conditionals_take_the_place_of_what_directories_say() -> None:
    host = main_host(
        "<Directory /x>\nUmask 077\nAllowOverwrite on\n</Directory>\n<Directory /y>\nUmask 077\n</Directory>\n"
        "<IfUser bob>\nUmask 011\n<Directory /y>\nUmask 033\n</Directory>\n</IfUser>"
    )
    bob = host.for_login(user="bob")
    umasks = [in_directory(bob, path).transfer.umask.file for path in ("/x", "/y", "/z")]
    assert umasks == [0o011, 0o033, 0o011]
    assert in_directory(bob, "/x").transfer.allow_overwrite
    assert in_directory(host.for_login(user="eve"), "/x").transfer.umask.file == 0o077


def test_an_anonymous_login_has_its_own_directories_only() -> None:
    host = main_host(
        "<Directory /x>\nUmask 077\n</Directory>\n"
        "<Anonymous /srv>\nUser ftp\n<Directory *>\nUmask 033\n</Directory>\n</Anonymous>"
    )
    settings = host.for_login(user="ftp", anonymous=host.anonymous[0])
    umasks = [
        in_directory(settings, path, root="/srv").transfer.umask.file for path in ("/srv", "/srv/a", "/x")
    ]
    assert umasks == [0o033, 0o033, 0o022]


def test_directories_of_conditionals() -> None:
    host = main_host("<IfUser bob>\n<Directory /x>\nUmask 011\n</Directory>\n</IfUser>")
    bob, eve = (in_directory(host.for_login(user=name), "/x") for name in ("bob", "eve"))
    assert (bob.transfer.umask.file, eve.transfer.umask.file) == (0o011, 0o022)


def test_origin_says_where_a_value_comes_from() -> None:
    host = main_host("\nUmask 011\n<Global>\nAllowOverwrite on\nUmask 000\n</Global>")
    origin = host.origin("transfer", "umask")
    assert origin is not None
    assert origin.line == 2
    overwrite = host.origin("transfer", "allow_overwrite")
    assert overwrite is not None
    assert overwrite.line == 4
    assert host.origin("core", "port") is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("<Global x>\n</Global>", "fatal: <Global>: wrong number of parameters on line 1"),
        ("<VirtualHost>\n</VirtualHost>", "fatal: <VirtualHost>: wrong number of parameters on line 1"),
        (
            "<VirtualHost nosuch.invalid>\n</VirtualHost>",
            "fatal: <VirtualHost>: error resolving 'nosuch.invalid' on line 1",
        ),
        ("<VirtualHost 127.0.0.1:21>\n</VirtualHost>", "is not an IP address or a host name on line 1"),
        (
            "DefaultAddress nosuch.invalid",
            "fatal: DefaultAddress: error resolving 'nosuch.invalid' on line 1",
        ),
        (
            "<Global>\n<Global>\n</Global>\n</Global>",
            "<Global>: directive not allowed in <Global> context on line 2",
        ),
        (
            "<Directory foo>\n</Directory>",
            "<Directory>: relative path not allowed in non-<Anonymous> sections on line 1",
        ),
        ("<Directory /a b>\n</Directory>", "<Directory>: wrong number of parameters"),
        (
            "<Directory /a>\n<Directory /a/b>\n</Directory>\n</Directory>",
            "not allowed in <Directory> context on line 2",
        ),
        ("<Anonymous ftp>\n</Anonymous>", "fatal: <Anonymous>: (ftp) absolute pathname required on line 1"),
        (
            "<Anonymous ~ftp>\nPort 21\n</Anonymous>",
            "fatal: Port: directive not allowed in <Anonymous> context on line 2",
        ),
        (
            "<Anonymous ~ftp>\n<IfUser a>\n</IfUser>\n</Anonymous>",
            "<IfUser>: directive not allowed in <Anonymous> context",
        ),
        (
            "<VirtualHost 127.0.0.1>\nServerType standalone\n</VirtualHost>",
            "not allowed in <VirtualHost> context on line 2",
        ),
        (
            "<IfUser a>\n<IfGroup b>\n</IfGroup>\n</IfUser>",
            "<IfGroup>: directive not allowed in <IfUser> context on line 2",
        ),
        ("<IfUser foo !>\n</IfUser>", "<IfUser>: badly formatted expression 'foo !' on line 1"),
        ("<IfUser !>\n</IfUser>", "<IfUser>: badly formatted expression"),
        ("<IfUser regex a b>\n</IfUser>", "<IfUser>: wrong number of parameters"),
        ("<IfUser regex (>\n</IfUser>", "<IfUser>: unable to compile regex '('"),
        ("<IfUser>\n</IfUser>", "<IfUser>: wrong number of parameters"),
        ("<IfAuthenticated x>\n</IfAuthenticated>", "<IfAuthenticated>: wrong number of parameters"),
        ("<Class a>\nUmask 022\n</Class>", "Umask: directive not allowed in <Class> context on line 2"),
        (
            "<Class a>\n<Global>\n</Global>\n</Class>",
            "<Global>: directive not allowed in <Class> context on line 2",
        ),
        ("<Class a>\nFrom 1.2.3.4/33\n</Class>", "From: bad ACL '1.2.3.4/33' on line 2"),
        ("<Class a>\nFrom 10.0.0.0/0.255.255.255\n</Class>", "From: bad ACL '10.0.0.0/0.255.255.255' on line 2"),
        ("<Class a>\nFrom !10.0.0.0/255.0.255.0\n</Class>", "From: bad ACL '!10.0.0.0/255.0.255.0' on line 2"),
        ("<Class a>\nFrom 2001:db8::/255.255.0.0\n</Class>", "From: bad ACL '2001:db8::/255.255.0.0' on line 2"),
        ("<Class a>\nFrom ,\n</Class>", "From: missing parameters on line 2"),
        (
            "<Class a>\nFrom all\n</Class>\n<Class a>\nFrom all\n</Class>",
            "class 'a' is already defined on line 4",
        ),
        ("From 1.2.3.4", "From: directive not allowed in server config context on line 1"),
        (
            "LoadModule mod_tsl.c",
            "LoadModule: error loading module 'mod_tsl.c': No such file or directory on line 1",
        ),
        ("LoadModule mod_tsl.c", "Did you mean mod_tls.c?"),
    ],
)
def test_structural_errors(text: str, message: str) -> None:
    assert message in failure(text)


def test_classes() -> None:
    found = configuration("""
<Class local>
  From 127.0.0.1,10.0.0.0/8 !10.1.0.0/16
  From .example.org
</Class>
<Class both>
  From *.org all
  Satisfy all
</Class>
<Class void>
</Class>
""")
    local, both, void = found.classes
    assert [(rule.pattern, rule.negated) for rule in local.rules] == [
        ("127.0.0.1", False),
        ("10.0.0.0/8", False),
        ("10.1.0.0/16", True),
        (".example.org", False),
    ]
    assert (local.satisfy, both.satisfy) == ("any", "all")
    assert void.rules == ()
    assert found.notices == ("empty <Class> definition on line 10 of '/etc/main.conf'",)
