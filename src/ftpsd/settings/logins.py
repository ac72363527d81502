"""What happens around a login: whose it is, what is made for it, how long it takes, what its session may use."""

# ruff: noqa: RUF009 (`directive` makes a dataclass field)

from __future__ import annotations

from dataclasses import dataclass

from ftpsd.settings import login_values as values
from ftpsd.settings.arguments import Boolean, Special, Text
from ftpsd.settings.declaration import HOST, LOGIN, Combine, Context, directive
from ftpsd.settings.login_values import CreateHome, Delay, Rejected, ResourceLimit

_HOST_ANON = HOST | Context.ANONYMOUS
_LIMIT = "[daemon|session] soft|max [hard|max]"


@dataclass(frozen=True, slots=True)
class LoginSettings:
    """Logins, apart from who may."""

    auth_alias_only: bool = directive(
        "AuthAliasOnly", Boolean(), False, module="mod_auth", contexts=_HOST_ANON, good=("on",), bad=("", "maybe"),
        doc="Only names that UserAlias knows may log in; in <Anonymous>: only by one may the section be entered.",
    )
    auth_using_alias: bool = directive(
        "AuthUsingAlias", Boolean(), False, module="mod_auth", contexts=Context.ANONYMOUS, good=("on",),
        bad=("", "maybe"),
        doc="With AnonRequirePassword: the password is that of the user whose name the client sent, the rights are"
        " those of the section's User. Guests with passwords of their own.",
    )
    anon_reject_passwords: Rejected | None = directive(
        "AnonRejectPasswords", Special("[!]regular-expression [[NC]]", values.rejected_passwords), None,
        module="mod_auth", contexts=Context.ANONYMOUS, good=(r"@evil\.org$", r"!^[A-Z0-9._-]+@[A-Z0-9.-]+$ [NC]"),
        bad=("", "!", "(", "a b"),
        doc="An anonymous login with a password (an e-mail address) that matches is refused; `!`: that does not.",
    )
    anonymous_group: tuple[str, ...] = directive(
        "AnonymousGroup", Special("group-expression", values.group_expression), (), module="mod_core",
        good=("guests", "guests,!staff"), bad=("", "guests,", "!"),
        doc="Members of these groups log in with their own passwords and are anonymous: their home is the root. The"
        " <Directory> sections of the host hold for them.",
        differs="ProFTPD 1.3 had it up to 1.3.3 and has it no more",
    )
    create_home: CreateHome | None = directive(
        "CreateHome", Special(
            "off|on [mode] [skel /path] [dirmode mode] [uid n|~] [gid n|~] [homegid n] [NoRootPrivs]",
            values.create_home), None, module="mod_auth", contexts=HOST | Context.CONDITIONAL,
        good=("on", "off", "on 755 dirmode 755", "on skel /etc/ftpd/skel", "on 2770 uid ~ gid ~ homegid 100",
              "on 700 NoRootPrivs"),
        bad=("", "maybe", "on 9", "on skel", "on skel etc", "on uid x", "on rwx"), default_text="off",
        doc="A home that does not exist is made at login (mode 700), directories above it, too (mode 711, root's), and"
        " what is in the skel directory copied into it. Never where a link leads that is not root's own, nor among"
        " the system's own directories.",
        differs="a home appears under its name when it is complete, not before",
    )
    use_lastlog: bool = directive(
        "UseLastlog", Boolean(), False, module="mod_auth", good=("on", "off"), bad=("", "maybe"),
        doc="Logins are written to /var/log/lastlog, which lastlog(8) shows.",
    )
    delay_on_event: tuple[Delay, ...] = directive(
        "DelayOnEvent", Special("USER|PASS|FailedLogin|Connect time[-time]", values.delay_on_event), (),
        module="mod_delay", combine=Combine.BY_KEY, good=("PASS 2000ms", "FailedLogin 5s", "Connect 100-3000ms"),
        bad=("", "PASS", "QUIT 5", "PASS soon", "PASS 5-1", "USER 5h"),
        doc="The server waits before its reply: to every USER, to every PASS, to a PASS that failed, before the"
        " greeting. Milliseconds, or with a unit; a range is drawn from at random.",
    )
    anon_allow_robots: bool = directive(
        "AnonAllowRobots", Boolean(), False, module="mod_auth", contexts=Context.ANONYMOUS, good=("on",),
        bad=("", "maybe"),
        doc="off: an anonymous RETR of /robots.txt, where there is no such file, gets one that asks search engines to"
        " stay away.",
    )
    display_file_transfer: str | None = directive(
        "DisplayFileTransfer", Text("file"), None, module="mod_xfer", contexts=LOGIN,
        good=("thanks.msg", "/etc/ftp/thanks"), bad=("", "a b"),
        doc="File shown with the 226 of a transfer; a relative name is looked for in the current directory.",
    )
    cd_path: tuple[str, ...] = directive(
        "CDPath", Special("/path", values.cd_path), (), contexts=LOGIN, combine=Combine.APPEND,
        good=("/pub", "~/projects"), bad=("", "pub", "/a b c"),
        doc="CWD looks for a directory that it does not find in these directories, too.",
    )
    rlimit_cpu: tuple[ResourceLimit, ...] = directive(
        "RLimitCPU", Special(_LIMIT, values.count_limit), (), module="mod_rlimit", combine=Combine.APPEND,
        good=("1800", "session 600 max", "daemon max", "none"), bad=("", "soon", "session", "5 4", "1 2 3 4"),
        doc="Seconds of processor time. Of a session: when it has used more, it ends (421) with its next command."
        " `daemon`: of each worker process (in server config).",
        differs="a session is a thread, so its own time is looked at between commands",
    )
    rlimit_memory: tuple[ResourceLimit, ...] = directive(
        "RLimitMemory", Special(_LIMIT, values.size_limit), (), module="mod_rlimit", combine=Combine.APPEND,
        good=("daemon 4GB", "512M max", "none"), bad=("", "much", "daemon"),
        doc="Bytes of memory (address space) of each worker process; in server config.",
        differs="a worker serves many sessions; what is said of sessions has no effect and is reported at start",
    )
    rlimit_open_files: tuple[ResourceLimit, ...] = directive(
        "RLimitOpenFiles", Special(_LIMIT, values.count_limit), (), module="mod_rlimit", combine=Combine.APPEND,
        good=("daemon 4096 8192", "max", "none"), bad=("", "many", "daemon"),
        doc="Open descriptors of each worker process; in server config. A session needs up to eight.",
        differs="a worker serves many sessions; what is said of sessions has no effect and is reported at start",
    )
