"""Who the server is and how it talks: names, greetings, messages, protocol details."""

# ruff: noqa: RUF009 (`directive` makes a dataclass field)

from __future__ import annotations

from dataclasses import dataclass

from ftpsd.settings import parsers
from ftpsd.settings.arguments import Addresses, Boolean, Integer, Special, Text, Words
from ftpsd.settings.declaration import EVERY_HOST, HOST, LOGIN, PLACES, ROOT, Combine, Context, directive
from ftpsd.settings.values import DisplayChdir, EnvironmentVariable, ServerIdent

BARE_HOST = Context.SERVER | Context.VHOST


@dataclass(frozen=True, slots=True)
class CoreSettings:
    """Identity and protocol."""

    server_name: str = directive(
        "ServerName", Text(), "ftpsd", contexts=BARE_HOST, good=('"Our files"',), bad=("", "a b"),
        combine=Combine.LAST, doc="Name of this server in its greeting and in logs.",
    )
    server_ident: ServerIdent = directive(
        "ServerIdent", Special('off|on ["text"]', parsers.server_ident), ServerIdent(), contexts=HOST,
        good=("off", "on", 'on "FTP service ready"'), bad=("maybe", ""), default_text="on",
        doc="The greeting (220). `off` names only the address; a text replaces the standard one.",
    )
    server_admin: str | None = directive(
        "ServerAdmin", Text("e-mail"), None, contexts=BARE_HOST, good=("ftp@example.org",), bad=("",),
        combine=Combine.LAST,
        doc="E-mail address of the administrator, shown where a message file says %E and by HELP.",
    )
    port: int = directive(
        "Port", Integer(0, 65535, "port"), 21, contexts=EVERY_HOST, good=("2121", "0"),
        bad=("65536", "ftp", "-1"),
        combine=Combine.LAST, doc="TCP port of this host. 0: no listener for this host.",
    )
    default_address: tuple[str, ...] = directive(
        "DefaultAddress", Addresses(), (), contexts=ROOT, good=("127.0.0.1", "::1 127.0.0.1"),
        bad=("", "1.2.3.400"),
        combine=Combine.LAST,
        doc="Addresses (names, or network interfaces) that server config answers on. Default: all. While"
        " SocketBindTight is off, it answers on its port at addresses that no host claims, too.",
        default_text="all addresses",
    )
    server_alias: tuple[str, ...] = directive(
        "ServerAlias", Words("name …"), (), contexts=BARE_HOST, combine=Combine.APPEND,
        good=("ftp.example.org", "a.example.org *.example.com"), bad=("",),
        doc="DNS names of this host, for hosts that share an address and port. `*` and `?` are wildcards. A"
        " DNS name in <VirtualHost> or DefaultAddress is one, too.",
    )
    default_server: bool = directive(
        "DefaultServer", Boolean(), False, contexts=BARE_HOST, good=("on",), bad=("perhaps",),
        doc="This host serves connections to addresses that no host claims.",
    )
    display_connect: str | None = directive(
        "DisplayConnect", Text("file"), None, contexts=HOST, good=("/etc/ftp/banner", "etc/banner"), bad=("", "a b"),
        doc="File whose text is sent before the greeting. A relative path starts where the server runs: in / as a"
        " daemon, with -n in the directory in which it was started.",
    )
    display_login: str | None = directive(
        "DisplayLogin", Text("file"), None, contexts=LOGIN, good=("welcome.msg", "/etc/ftp/motd"), bad=("",),
        doc="File shown after login; a relative name is looked for in the user's first directory. In this file and the"
        " other Display… ones %a is the client's address, %R its name, %x its classes, %u the user, %C the directory,"
        " %T the time, %L, %p, %V the server's address, port and name, %E ServerAdmin, %N the sessions, %M MaxClients,"
        " %F (KiB) and %f the free space (after the login), %i, %o, %t the files received, sent, both, %K (KiB) and %k"
        " their size, %y the sessions of the client's classes, %z MaxClientsPerClass; %{total_bytes_in},"
        " %{total_bytes_out}, %{total_bytes_xfer} are bytes, %{total_files_in} and its kin files; %{time:format} is the"
        " time in strftime(3)'s format, %{env:NAME} a variable of the environment (not in a file of the user's).",
    )
    display_chdir: DisplayChdir | None = directive(
        "DisplayChdir", Special("file [on|off]", parsers.display_chdir), None, contexts=PLACES,
        good=(".message", ".message true"), bad=("", ".message perhaps"),
        doc="File shown when a directory is entered; `on`: not again before the file has changed. A relative"
        " name is looked for in the directory entered.",
    )
    display_quit: str | None = directive(
        "DisplayQuit", Text("file"), None, contexts=LOGIN, good=("/etc/ftp/bye",), bad=("",),
        doc="File shown at QUIT.",
    )
    access_grant_msg: str | None = directive(
        "AccessGrantMsg", Text(), None, contexts=LOGIN, good=('"Welcome, %u"',), bad=("", "two words"),
        doc="Text of the 230 reply; %u is the user's name.",
    )
    access_deny_msg: str | None = directive(
        "AccessDenyMsg", Text(), None, contexts=LOGIN, good=('"Go away, %u"',), bad=("", "two words"),
        doc="Text of the 530 reply to a wrong password; %u is the user's name.",
    )
    times_gmt: bool = directive(
        "TimesGMT", Boolean(), True, contexts=LOGIN, good=("off",), bad=("UTC",),
        doc="Times in listings are UTC; `off`: local time of the server. MLSD, MDTM are always UTC.",
    )
    use_reverse_dns: bool = directive(
        "UseReverseDNS", Boolean(), True, contexts=HOST, good=("off",), bad=("sometimes",),
        combine=Combine.LAST, doc="Look up the client's name.",
    )
    ident_lookups: bool = directive(
        "IdentLookups", Boolean(), False, contexts=HOST, module="mod_ident", good=("off", "on"),
        bad=("fast",),
        doc="Ask the client's machine who owns the connection (RFC 1413).",
    )
    command_buffer_size: int = directive(
        "CommandBufferSize", Special("number [B|KB]", parsers.command_buffer), 4103, contexts=HOST,
        good=("1024", "128", "1 KB"),
        bad=("10", "big", "1 MB", "1KB"),
        doc="Longest command line in bytes; a longer one is refused.",
    )
    multiline_rfc2228: bool = directive(
        "MultilineRFC2228", Boolean(), False, contexts=ROOT, good=("on",), bad=("RFC",),
        combine=Combine.LAST,
        doc="Every line of a multi-line reply starts with the code, as RFC 2228 allows; not the lines of FEAT and MLST,"
        " for which RFC 2389 and 3659 want a blank there.", differs="without effect since 1.3.8",
    )
    defer_welcome: bool = directive(
        "DeferWelcome", Boolean(), False, contexts=HOST, good=("on",), bad=("later",),
        doc="The greeting does not tell ServerName and address before login.",
    )
    set_env: tuple[EnvironmentVariable, ...] = directive(
        "SetEnv", Special("name value", parsers.set_env), (), combine=Combine.BY_KEY,
        good=("TZ UTC", 'SITE "our files"'),
        bad=("TZ", "", "A=B c"),
        doc="An environment variable for log formats (`%{NAME}e`). In server config the server itself has it, too"
        " (`TZ` changes its local time). Of several of one name in a section the last counts.",
    )
    unset_env: tuple[str, ...] = directive(
        "UnsetEnv", Special("name", parsers.unset_env), (), combine=Combine.APPEND, good=("HOME",), bad=("", "A B"),
        doc="Takes an environment variable away, see SetEnv.",
    )
