"""Who may not log in. The client hears the same words whatever it is; the log knows."""

from __future__ import annotations

from ftpsd.reasons.codes import Code
from ftpsd.reasons.reason import Reason

_SAME = "530 Login incorrect. (the same for every cause, so that nobody can find out who exists)"

REASONS = (
    Reason(
        Code.LOGIN_REQUIRED,
        "The command needs a login first.",
        causes=("The login failed before, and the client went on.",),
        confirm=("The reply to PASS, some lines before in the client's log.",),
        shown=("530 Please login with USER and PASS",),
    ),
    Reason(
        Code.LOGIN_UNKNOWN_USER,
        "There is no user of that name.",
        causes=(
            "A slip of the pen; capital and small letters are different.",
            "The user is in another source than those of AuthOrder: AuthUserFile, the system.",
            "The AuthUserFile that this host reads is another one.",
            "Somebody tries names.",
        ),
        confirm=("`ftpsd check` shows each host's account files and their broken lines.",),
        server=("`ftpsd passwd --file AUTHUSERFILE NAME --uid N --home DIR` makes the user.",),
        shown=(_SAME, "System log: USER bob: no such user found from …"),
    ),
    Reason(
        Code.LOGIN_WRONG_PASSWORD,
        "The password is wrong.",
        causes=(
            "A slip of the pen, or an old password that the client has stored.",
            "The account is locked (`!` or `*` before the hash).",
            "Somebody tries passwords.",
        ),
        server=("`ftpsd passwd --file AUTHUSERFILE NAME --change-password` sets a new one.",),
        client=("Delete the stored password, type it again.",),
        shown=(_SAME, "System log: USER bob (Login failed): Incorrect password"),
    ),
    Reason(
        Code.LOGIN_EMPTY_PASSWORD,
        "An empty password came, which never opens an account.",
        causes=("The client has no password stored.",),
        client=("Type the password.",),
        shown=(_SAME, "System log: Refusing empty password from user 'bob'"),
    ),
    Reason(
        Code.LOGIN_INVALID_SHELL,
        "The user's shell is not in /etc/shells (RequireValidShell).",
        causes=("Users who may do nothing but FTP have /bin/false or nologin as their shell.",),
        server=("`RequireValidShell off`, or add the shell to /etc/shells.",),
        shown=(_SAME, "System log: USER bob (Login failed): Invalid shell: '/bin/false'"),
    ),
    Reason(
        Code.LOGIN_ROOT_DENIED,
        "root (uid 0) may not log in (RootLogin off).",
        causes=("Somebody tries root.", "An AuthUserFile gives a user uid 0."),
        server=("`RootLogin on` would allow it; better to log in as somebody else.",),
        shown=(_SAME, "System log: SECURITY VIOLATION: Root login attempted"),
    ),
    Reason(
        Code.LOGIN_ACCOUNT_EXPIRED,
        "The account has expired or is disabled.",
        causes=("The expiry date in /etc/shadow has passed.",),
        confirm=("`chage -l NAME`",),
        server=("`chage -E -1 NAME`",),
        shown=(_SAME, "System log: USER bob (Login failed): Account disabled"),
    ),
    Reason(
        Code.LOGIN_PASSWORD_EXPIRED,
        "The password is too old; it must be changed before the next login.",
        causes=("The system demands new passwords from time to time.",),
        confirm=("`chage -l NAME`",),
        server=("`passwd NAME`, or `chage -M -1 NAME`",),
        shown=(_SAME, "System log: USER bob (Login failed): Password expired"),
    ),
    Reason(
        Code.LOGIN_FTPUSERS,
        "The user stands in /etc/ftpusers, the list of those who may not use FTP.",
        causes=("System accounts stand there by default.",),
        server=("Remove the name from /etc/ftpusers, or `UseFtpUsers off`.",),
        shown=(_SAME, "System log: USER bob (Login failed): User in /etc/ftpusers"),
    ),
    Reason(
        Code.LOGIN_LIMITED,
        "A <Limit LOGIN> keeps the user out.",
        causes=("Every <Limit LOGIN> of the host, or of the <Anonymous> section, must let the user through.",),
        confirm=("`ftpsd help Limit`",),
        server=("AllowUser, AllowGroup or Allow from in the <Limit LOGIN>, before its DenyAll.",),
        shown=(_SAME, "System log: USER bob (Login failed): Limit access denies login"),
    ),
    Reason(
        Code.LOGIN_NO_HOME,
        "The password was right, but the user's home or root directory cannot be entered.",
        causes=(
            "It does not exist.",
            "The user has no right to it, or to a directory above it.",
            "DefaultRoot or DefaultChdir names a directory that is not there.",
        ),
        confirm=("The system log names the directory.", "`sudo -u USER ls -ld DIRECTORY`"),
        server=("Make the directory: `install -d -o USER -g GROUP DIRECTORY`.",),
        shown=(_SAME, "System log: USER bob (Login failed): unable to enter '/srv/bob': Permission denied"),
    ),
    Reason(
        Code.LOGIN_OVERLOAD,
        "So many passwords were waiting to be checked that this one was not checked in time.",
        causes=("Somebody tries passwords in masses.", "The hashes are made very expensive, for the number of logins."),
        confirm=("The number of failed logins in the system log.",),
        server=("Ban the addresses (fail2ban); lower MaxLoginAttempts.",),
        client=("Try again.",),
        shown=(_SAME,),
    ),
    Reason(
        Code.LOGIN_RIGHTS,
        "The server could not take on the user's rights, and ended the session to be safe.",
        causes=(
            "The server does not run as root (or without CAP_SETUID, CAP_SETGID), and the user is another one.",
            "A limit of the system: number of threads or processes of that user.",
        ),
        confirm=("The system log has the system's words.",),
        server=("Start the server as root; it lays down its rights itself.", "In containers: add the capabilities."),
        shown=("421 Internal error, closing control connection", "530 Login incorrect."),
    ),
    Reason(
        Code.LOGIN_NAME_TOO_LONG,
        "The user name is longer than 256 characters.",
        causes=("An attack, or a fault of the client.",),
        shown=("501 Login name too long",),
    ),
    Reason(
        Code.PROTOCOL_DENIED,
        "The password was right, but this user may log in only with TLS, or only without (Protocols).",
        causes=("The client is set to plain FTP, and Protocols allows ftps only (or the other way round).",),
        confirm=("`ftpsd check --explain Protocols` shows the value for every host.",),
        server=("Add the protocol: `Protocols ftp ftps`.",),
        client=("Set the client to \"require explicit FTP over TLS\" (FTPES).",),
        shown=(_SAME, "TLSLog: ftp protocol denied by Protocols config"),
    ),
    Reason(
        Code.LOGIN_ATTEMPTS_EXCEEDED,
        "Too many failed logins in one session (MaxLoginAttempts): it was ended.",
        causes=("A wrong password that the client tries again and again.", "Somebody tries passwords."),
        server=("MaxLoginAttempts, 3 by default.",),
        client=("Correct the stored password.",),
        shown=("System log: Maximum login attempts (3) exceeded, connection refused",),
    ),
    Reason(
        Code.REAUTHENTICATION,
        "Somebody is logged in already; another user needs another connection.",
        causes=("The client sends USER twice with different names.",),
        client=("Connect anew.",),
        shown=("501 Reauthentication not supported",),
    ),
)
