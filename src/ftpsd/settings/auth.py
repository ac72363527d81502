"""Who may log in."""

# ruff: noqa: RUF009 (`directive` makes a dataclass field)

from __future__ import annotations

from dataclasses import dataclass

from ftpsd.settings import account_files, auth_parsers, login_values, parsers
from ftpsd.settings.account_files import AccountFile
from ftpsd.settings.arguments import Boolean, Integer, Special, Text
from ftpsd.settings.declaration import HOST, LOGIN, Combine, Context, Status, directive
from ftpsd.settings.login_values import NamedPassword
from ftpsd.settings.values import UserAlias

HOST_ANON = HOST | Context.ANONYMOUS


@dataclass(frozen=True, slots=True)
class AuthSettings:
    """Accounts, passwords, login rules."""

    auth_user_file: AccountFile | None = directive(
        "AuthUserFile", Special("/path [id min-max] [home [!]regex] [name [!]regex]", account_files.user_file), None,
        module="mod_auth_file", good=("/etc/ftpd.passwd", "/etc/ftpd.passwd id 1000-1999 name ^ftp home !^/root"),
        bad=("passwd", "", "/a b c", "/a id 5", "/a id 9-1", "/a name", "/a name (", "/a name !"),
        doc="File of accounts in the form of /etc/passwd with the password's hash in the second field. Entries whose"
        " uid, home or name does not fit are not there.",
    )
    auth_group_file: AccountFile | None = directive(
        "AuthGroupFile", Special("/path [id min-max] [name [!]regex]", account_files.group_file), None,
        module="mod_auth_file", good=("/etc/ftpd.group", "/etc/ftpd.group id 100-199 name !^wheel$"),
        bad=("group", "", "/a home ^/"), doc="File of groups in the form of /etc/group, see AuthUserFile.",
    )
    auth_order: tuple[str, ...] = directive(
        "AuthOrder", Special("module[*] …", parsers.auth_order), (), module="mod_auth",
        good=("mod_auth_file.c", "mod_auth_pam.c* mod_auth_unix.c", "mod_sql.c*"), bad=("", "file", "mod_radius.c"),
        doc="Sources of accounts in order; a `*` makes one's answer final.",
        default_text="all that are configured",
    )
    auth_pam: bool = directive(
        "AuthPAM", Boolean(), True, module="mod_auth_pam", good=("off",), bad=("unix",),
        doc="Ask PAM about passwords of system accounts.",
        differs="PAM is not asked about users of the AuthUserFile unless AuthOrder names mod_auth_pam.c",
    )
    auth_pam_config: str = directive(
        "AuthPAMConfig", Text("service"), "proftpd", module="mod_auth_pam", good=("ftp",), bad=("", "a b"),
        doc="PAM service (file below /etc/pam.d).",
    )
    auth_file_options: frozenset[str] = directive(
        "AuthFileOptions", Special("SyntaxCheck|InsecurePerms …", auth_parsers.auth_file_options), frozenset(),
        module="mod_auth_file", combine=Combine.UNION, good=("SyntaxCheck", "InsecurePerms syntaxcheck"),
        bad=("", "Check"), default_text="none",
        doc="SyntaxCheck: a broken line in AuthUserFile or AuthGroupFile keeps the server from starting. InsecurePerms:"
        " the files may be readable or writable by anybody.",
    )
    auth_unix_options: frozenset[str] = directive(
        "AuthUnixOptions", Special("option …", auth_parsers.auth_unix_options), frozenset(),
        module="mod_auth_unix", combine=Combine.UNION, good=("MagicTokenChroot", "NoGetgrouplist NoInitgroups"),
        bad=("", "Magic"), default_text="none",
        doc="MagicTokenChroot: a home /srv/./files of a system user means that /srv is the root and /files the first"
        " directory. NoGetgrouplist: the groups of a user are looked for one by one. NoInitgroups, AIXNoAuthenticate"
        " and AIXNoRLogin change nothing here.",
    )
    user_password: tuple[NamedPassword, ...] = directive(
        "UserPassword", Special("user hash", login_values.named_password), (), module="mod_auth", secret=True,
        contexts=HOST_ANON, combine=Combine.APPEND, good=("ftp $5$salt$Gcm6FsVtF/Qa77ZKD.iwsJlCVPY0XSMgLJL0Hnww/c1",),
        bad=("", "ftp", "ftp secret", "ftp *LOCKED*LOCKED*"),
        doc="The password of a user here, in place of that in his account (the account must exist).",
    )
    group_password: tuple[NamedPassword, ...] = directive(
        "GroupPassword", Special("group hash", login_values.named_password), (), module="mod_auth", secret=True,
        contexts=HOST_ANON, combine=Combine.APPEND,
        good=("guests $5$salt$Gcm6FsVtF/Qa77ZKD.iwsJlCVPY0XSMgLJL0Hnww/c1",), bad=("", "guests", "guests secret"),
        doc="The password of all members of a group here, in place of their own.",
        differs="ProFTPD 1.2 had it, 1.3 has it no more",
    )
    allow_empty_passwords: bool | None = directive(
        "AllowEmptyPasswords", Special("on|off", auth_parsers.switch), None, module="mod_auth", contexts=LOGIN,
        good=("on", "off"), bad=("", "maybe"), default_text="off, for anonymous logins without a password on",
        doc="A password may be empty, if the hash is that of the empty password. off: not even for an anonymous login.",
        differs="off is the default, and a system account without a password is never open",
    )
    user_alias: tuple[UserAlias, ...] = directive(
        "UserAlias", Special("alias user", parsers.user_alias), (), module="mod_auth", contexts=HOST_ANON,
        combine=Combine.APPEND, good=("anonymous ftp",), bad=("anonymous", "a b c"),
        doc="Another name for a user; `*` as alias is everybody.",
    )
    require_valid_shell: bool = directive(
        "RequireValidShell", Boolean(), True, module="mod_auth", contexts=LOGIN, good=("off",), bad=("bash",),
        doc="The account's shell must be listed in /etc/shells.",
    )
    root_login: bool = directive(
        "RootLogin", Boolean(), False, module="mod_auth", contexts=LOGIN, good=("on",), bad=("never",),
        doc="uid 0 may log in.",
    )
    use_ftp_users: bool = directive(
        "UseFtpUsers", Boolean(), True, module="mod_auth", contexts=LOGIN, good=("off",),
        bad=("/etc/ftpusers",),
        doc="Who is listed in /etc/ftpusers may not log in.",
    )
    anon_require_password: bool = directive(
        "AnonRequirePassword", Boolean(), False, module="mod_auth", contexts=Context.ANONYMOUS,
        good=("on",), bad=("secret",),
        doc="An anonymous login needs the password of the account in User.",
    )
    max_login_attempts: int = directive(
        "MaxLoginAttempts", Integer(1, 10000, "number|none", (("none", 0),)), 3, module="mod_auth",
        good=("1", "none"), bad=("-1", "few", "0"),
        doc="Wrong passwords after which the connection is closed; none (0): no bound.",
    )
    protocols: frozenset[str] = directive(
        "Protocols", Special("ftp|ftps …", auth_parsers.protocols), frozenset(),
        contexts=HOST | Context.CONDITIONAL, good=("ftps", "FTP ftps", "ftps sftp"), bad=("", "gopher"),
        default_text="ftp ftps",
        doc="Whoever logs in over another protocol than these is turned away: ftp is a session without AUTH, ftps"
        " one that has used it. Words for protocols that ftpsd does not speak (sftp, scp, http, https) may stand here.",
    )
    if_session_options: frozenset[str] = directive(
        "IfSessionOptions", Special("PerUnauthenticatedUser", auth_parsers.if_session_options), frozenset(),
        module="mod_ifsession", combine=Combine.UNION, good=("PerUnauthenticatedUser",), bad=("", "PerUser"),
        default_text="none",
        doc="PerUnauthenticatedUser: <IfUser> and <IfGroup> count from USER on, so that TLSRequired in them is"
        " decided before the password comes. Who can guess names learns from it which users they concern.",
    )
    persistent_passwd: bool = directive(
        "PersistentPasswd", Boolean(), False, module="mod_auth_unix", contexts=HOST,
        good=("off", "on"), bad=("cache",), status=Status.NO_EFFECT,
        reason="ftpsd asks the system's account database when it needs it and never holds it open",
        doc="Whether the account database stays open.",
    )
