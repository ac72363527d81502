"""Account files, whom the server runs as, where logins end up."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

from ftpsd.auth import files, unix
from ftpsd.auth.files import UserEntry
from ftpsd.diag.subject import Subject
from ftpsd.errors import ConfigError, Location
from ftpsd.reasons.codes import Code
from ftpsd.settings.account_files import AccountFile
from ftpsd.settings.model import AnonymousSection, Host

_LINE = re.compile(r"line (\d+) of '.*?' skipped: (.*)", re.DOTALL)
_FILE_MODULE = "mod_auth_file.c"
_CRYPT = re.compile(r"\$[0-9a-z]+\$|[!*]|_")
_OLD_HASH = re.compile(r"\$1\$|[./0-9A-Za-z]{13}$")
_MOST = 5
"""Findings of one kind about one file; more of them would hide the rest."""


def look(subject: Subject) -> None:
    auth = subject.settings.auth
    if auth.auth_user_file is not None:
        _used(subject)
        data = _checked(subject, "AuthUserFile", auth.auth_user_file.path, world_readable=False)
        if data is not None:
            _users(subject, auth.auth_user_file, data)
    elif any(name.startswith(_FILE_MODULE) for name in auth.auth_order):
        subject.warn(
            Code.AUTH_FILE_UNUSED, "AuthOrder asks mod_auth_file.c, but there is no AuthUserFile: it knows nobody",
            "Name an AuthUserFile (`ftpsd passwd` makes one), or take mod_auth_file.c out.", of="AuthOrder")
    elif _is_left_behind(subject):
        subject.note(
            Code.AUTH_FILE_UNUSED, "the AuthUserFile of server config does not hold in a <VirtualHost>: this one has "
            "the users of the system only",
            "Write it here or into <Global>; or AuthOrder mod_auth_unix.c, if that is meant.", of="AuthUserFile")
    if auth.auth_group_file is not None:
        data = _checked(subject, "AuthGroupFile", auth.auth_group_file.path, world_readable=True)
        if data is not None:
            groups = files.parse_groups(data, auth.auth_group_file.path)
            _broken(subject, "AuthGroupFile", auth.auth_group_file.path, groups.problems)
    if auth.root_login:
        subject.warn(
            Code.ROOT_LOGIN, "RootLogin on: whoever guesses root's password has the machine",
            "Log in as somebody else.", of="RootLogin")
    _pam(subject)
    _directory(subject)
    _worker(subject)
    _places(subject)


def _is_left_behind(subject: Subject) -> bool:
    """Whether users in a file that a host does not name are missed in it: it says nothing else of accounts."""
    own, main = subject.settings, subject.configuration.hosts[0].settings
    other = own.auth.auth_order or own.sql.connect_info is not None or own.ldap.users is not None
    return main.auth.auth_user_file is not None and not other


def _pam(subject: Subject) -> None:
    auth = subject.settings.auth
    problem = subject.machine.pam_problem(auth)
    text, _, remedy = problem.partition(". ")
    if problem and "mod_auth_pam.c*" in auth.auth_order:
        subject.error(Code.PAM_UNUSABLE, f"{text}: the server does not start", f"{remedy}.", of="AuthOrder")
    elif problem:
        subject.note(Code.PAM_UNUSABLE, text, f"{remedy}.", of="AuthPAM")


def _directory(subject: Subject) -> None:
    ldap = subject.settings.ldap
    for server in ldap.servers if ldap.users is not None else ():
        silent = subject.silence(server, "directories", f"{server}")
        if silent:
            subject.warn(
                Code.DIRECTORY_UNREACHABLE, f"{server} cannot be reached ({silent}): nobody whose account is there can "
                "log in", "Start it, or correct LDAPServer.", of="LDAPServer")


def _used(subject: Subject) -> None:
    order = subject.settings.auth.auth_order
    if order and not any(name.startswith(_FILE_MODULE) for name in order):
        subject.warn(
            Code.AUTH_FILE_UNUSED, "AuthUserFile has no effect: AuthOrder does not name mod_auth_file.c",
            "Add mod_auth_file.c to AuthOrder.", of="AuthUserFile")


def _checked(subject: Subject, directive: str, path: str, *, world_readable: bool) -> bytes | None:
    try:
        files.check_permissions(directive, path, world_readable=world_readable)
    except ConfigError as error:
        subject.config_error(Code.AUTH_FILE_UNUSABLE, error)
    try:
        return files.read_whole(path)[0]
    except PermissionError:
        subject.cannot_look(path, of=directive)
    except OSError:
        pass  # check_permissions has said so
    return None


def _broken(subject: Subject, directive: str, path: str, problems: tuple[str, ...]) -> None:
    for problem in problems:
        match = _LINE.fullmatch(problem)
        if match is not None:
            subject.warn(
                Code.AUTH_FILE_LINE, f"{match[2]}: the line does not count", f"Correct the line in '{path}'.",
                of=directive, at=Location(path, int(match[1])))
        else:
            subject.warn(Code.AUTH_FILE_LINE, problem, of=directive)


def _lines(data: bytes) -> Iterator[tuple[int, list[str]]]:
    """(number, fields) of every entry of an account file."""
    for number, raw in enumerate(data.split(b"\n"), 1):
        line = raw.decode("utf-8", "surrogateescape").rstrip("\r")
        if line.strip() and not line.startswith("#"):
            yield number, line.split(":")


def _users(subject: Subject, file: AccountFile, data: bytes) -> None:
    path, users = file.path, files.parse_users(data, file.path, file)
    _broken(subject, "AuthUserFile", path, users.problems)
    count, left_out = len(users.by_name), len(files.parse_users(data, path).by_name.keys() - users.by_name.keys())
    more = f", and {left_out} that its id, name and home leave out" if left_out else ""
    subject.fact("accounts", f"{path}: {count} {'user' if count == 1 else 'users'}{more}")
    first: dict[str, int] = {}
    seen: dict[Code, int] = {}
    for number, fields in _lines(data):
        entry = users.by_name.get(fields[0])
        if entry is None or len(fields) < 7 or not _counts(file, fields):
            continue
        place = Location(path, number)
        earlier = first.setdefault(fields[0], number)
        if earlier != number:
            subject.warn(
                Code.AUTH_FILE_DUPLICATE, f"the user '{fields[0]}' stands on line {earlier} already: this line does "
                f"not "
                "count", "Take one of them out.", of="AuthUserFile", at=place)
            continue
        for code, text, remedy in _about(subject, entry):
            seen[code] = seen.get(code, 0) + 1
            if seen[code] <= _MOST:
                subject.warn(code, text, remedy.replace("FILE", path), of="AuthUserFile", at=place)


def _counts(file: AccountFile, fields: list[str]) -> bool:
    name, uid, home = fields[0], fields[2], fields[5]
    return not uid.isdecimal() or file.allows(name, int(uid), home)


def _about(subject: Subject, user: UserEntry) -> Iterator[tuple[Code, str, str]]:
    """What is strange about one user."""
    auth, name = subject.settings.auth, user.name
    change = f"ftpsd passwd --file FILE {name} --change-password"
    if _OLD_HASH.match(user.password):
        yield Code.AUTH_FILE_HASH, f"the password of '{name}' is hashed in an old, weak way (DES, MD5)", change
    elif not _CRYPT.match(user.password):
        yield Code.AUTH_FILE_HASH, f"the password of '{name}' is no hash: nobody can log in with it", change
    if user.uid == 0:
        can = "has all rights" if auth.root_login else "may not log in (RootLogin off)"
        yield Code.AUTH_FILE_ROOT, f"'{name}' has uid 0 and {can}", "Give the user a uid of his own."
    if auth.require_valid_shell and not _shell_is_valid(user.shell):
        yield (
            Code.AUTH_FILE_SHELL, f"'{name}' cannot log in: the shell '{user.shell}' is not in /etc/shells",
            "Write RequireValidShell off, or add the shell to /etc/shells.")
    if not user.home:
        yield Code.AUTH_FILE_HOME, f"'{name}' has no home and cannot log in", f"ftpsd passwd --file FILE {name} "
        "--change-home DIR"
    elif not _homes_are_made(subject.host) and _is_missing(user.home):
        yield (
            Code.AUTH_FILE_HOME, f"the home '{user.home}' of '{name}' does not exist: the login fails",
            f"install -d -o {user.uid} -g {user.gid} {user.home}")


def _shell_is_valid(shell: str) -> bool:
    """What nobody here can read is not the account's fault."""
    try:
        return unix.shell_is_valid(shell)
    except OSError:
        return True


def _homes_are_made(host: Host) -> bool:
    """CreateHome, also where it is for some users only: who they are is not known here."""
    made = host.settings.logins.create_home is not None
    return made or any(change.field == "create_home" and change.value is not None for change in host.every_change())


def _is_missing(path: str) -> bool:
    try:
        os.stat(path)
    except PermissionError:
        return False
    except OSError:
        return True
    return False


# -- rights and places


def _worker(subject: Subject) -> None:
    server, machine = subject.settings.server, subject.machine
    if server.user is not None:
        uid = int(server.user) if server.user.isdecimal() else unix.user_id(server.user)
        if uid is None:
            subject.error(
                Code.WORKER_UNKNOWN, f"there is no user '{server.user}': the server does not start",
                f"useradd --system {server.user}, or name another.", of="User")
        elif uid == 0:
            subject.warn(
                Code.WORKER_ROOT, "User root: a fault in the server before login gives away the whole machine",
                "Write User nobody.", of="User")
    elif subject.host.id == 0 and machine.is_root():
        subject.note(Code.WORKER_ROOT, "without User, sessions run as root until their login", "Write User nobody.")
    if server.group is not None and not server.group.isdecimal() and unix.group_id(server.group) is None:
        subject.error(
            Code.WORKER_UNKNOWN, f"there is no group '{server.group}': the server does not start",
            f"groupadd --system {server.group}, or name another.", of="Group")


def _places(subject: Subject) -> None:
    access, umask = subject.settings.access, subject.settings.transfer.umask
    if not access.default_root:
        subject.note(
            Code.NO_JAIL, "without DefaultRoot every user can walk through the whole machine, as far as its rights go",
            "Write DefaultRoot ~.", of="DefaultRoot")
    if not (umask.file & 0o002 and umask.directory & 0o002):
        subject.warn(
            Code.UMASK_OPEN, f"Umask {umask.file:03o} {umask.directory:03o}: uploads may be changed by every user "
            f"of the "
            "machine", "Write Umask 022.", of="Umask")
    for section in subject.host.anonymous:
        _anonymous(subject, section)


def _anonymous(subject: Subject, section: AnonymousSection) -> None:
    user = section.user or subject.settings.server.user
    known = user is not None and (unix.user_id(user) is not None or _in_file(subject, user))
    if not known:
        subject.warn(
            Code.ANONYMOUS_BROKEN, f"nobody can log in to <Anonymous {section.root}>: there is no user '{user}'",
            "Write a User into the section that exists.", at=section.location)
    if section.root.startswith("/") and _is_missing(section.root):
        subject.warn(
            Code.ANONYMOUS_BROKEN, f"nobody can log in to <Anonymous {section.root}>: the directory does not exist",
            f"mkdir -p {section.root}", at=section.location)


def _in_file(subject: Subject, name: str) -> bool:
    file = subject.settings.auth.auth_user_file
    if file is None:
        return False
    try:
        return name in files.parse_users(files.read_whole(file.path)[0], file.path, file).by_name
    except OSError:
        return True
