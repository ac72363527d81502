"""`ftpsd passwd`: makes and changes entries of an AuthUserFile and an AuthGroupFile.

A password is never an argument (every user of the machine can read those): it is asked for twice, or read
from standard input with --stdin.
"""

from __future__ import annotations

import contextlib
import os
import sys
from dataclasses import dataclass

import click

from ftpsd.auth import editing
from ftpsd.auth.passwords import DEFAULT_SCHEME, SCHEMES, CryptUnavailable, hash_password
from ftpsd.auth.unix import shell_is_valid

DEFAULT_SHELL = "/bin/sh"
_ACTIONS = ("delete", "lock", "unlock", "change_home", "change_password")


@dataclass(frozen=True, slots=True)
class _Request:
    """The command line, understood: `action` is "add", "groups", or one of `_ACTIONS`."""

    action: str
    name: str
    file: str | None
    uid: int | None
    gid: int | None
    home: str | None
    shell: str
    gecos: str
    stdin: bool
    scheme: str
    cost: int
    group_file: str | None
    group: str | None
    group_gid: int | None


def _read_password(request: _Request) -> str:
    if request.stdin:
        return sys.stdin.readline().rstrip("\r\n")
    if not sys.stdin.isatty():
        raise click.UsageError("there is no terminal to ask for the password; send it with --stdin")
    return str(click.prompt(f"Password of {request.name}", hide_input=True, confirmation_prompt=True))


def _hash(request: _Request) -> str:
    try:
        return hash_password(_read_password(request), request.scheme, cost=request.cost)
    except (ValueError, CryptUnavailable) as error:
        raise click.ClickException(str(error)) from None


def _action(chosen: dict[str, bool], file: str | None, group: str | None) -> str:
    actions = [name for name in _ACTIONS if chosen[name]]
    if len(actions) > 1:
        options = " and ".join("--" + name.replace("_", "-") for name in actions)
        raise click.UsageError(f"{options} exclude each other")
    if file is None and (group is None or (actions and actions != ["delete"])):
        raise click.UsageError("--file is missing: which AuthUserFile is meant?")
    if file is None:
        return "delete" if actions else "groups"
    return actions[0] if actions else "add"


def _check_usage(request: _Request) -> None:
    if (request.group is not None or request.group_gid is not None) and request.group_file is None:
        raise click.UsageError("--group and --group-gid need --group-file: which AuthGroupFile is meant?")
    if request.group_file is not None and request.group is None and request.action != "delete":
        raise click.UsageError("--group-file needs --group: which group is meant?")
    if request.action == "add" and request.uid is None:
        raise click.UsageError(
            f"a new user needs --uid and --home (if {request.name} exists, say what to change"
            f"{'; for a group only, leave --file out' if request.group is not None else ''})")
    if request.action in ("add", "change_home") and request.home is None:
        raise click.UsageError("--home is missing")
    if request.stdin and request.action not in ("add", "change_password"):
        raise click.UsageError("--stdin has a meaning only where a password is set")


def _new_user(request: _Request) -> editing.NewUser:
    uid = request.uid if request.uid is not None else 0
    gid = request.gid if request.gid is not None else uid
    checked = editing.NewUser(request.name, "*", uid, gid, request.home or "", request.shell, request.gecos)
    return editing.NewUser(
        checked.name, _hash(request), uid, gid, checked.home, checked.shell, checked.gecos)


def _warn(user: editing.NewUser) -> None:
    if user.uid == 0:
        click.echo("warning: uid 0 may log in only with 'RootLogin on'", err=True)
    with contextlib.suppress(OSError):  # what cannot be read says nothing about this shell
        if not shell_is_valid(user.shell):
            click.echo(
                f"warning: {user.shell} is not in /etc/shells; logins need 'RequireValidShell off'", err=True)
    if not os.path.isdir(user.home):
        click.echo(f"warning: the home {user.home} does not exist yet", err=True)


def _change_users(request: _Request, file: str) -> str:
    name = request.name
    match request.action:
        case "add":
            if os.path.exists(file):
                editing.edit(file, lambda data: editing.checked_absent(data, name, file))
            user = _new_user(request)
            editing.edit(file, lambda data: editing.add_user(data, user, file), create=True)
            _warn(user)
            return f"{name} added to {file}"
        case "change_password":
            hashed = _hash(request)
            editing.edit(file, lambda data: editing.set_password(data, name, hashed, file))
            return f"password of {name} changed in {file}"
        case "change_home":
            home = request.home or ""
            editing.edit(file, lambda data: editing.set_home(data, name, home, file))
            return f"home of {name} is now {home} in {file}"
        case "lock":
            editing.edit(file, lambda data: editing.lock_user(data, name, file))
            return f"{name} locked in {file}"
        case "unlock":
            editing.edit(file, lambda data: editing.unlock_user(data, name, file))
            return f"{name} unlocked in {file}"
        case _:
            editing.edit(file, lambda data: editing.delete_user(data, name, file))
            return f"{name} deleted from {file}"


def _change_groups(request: _Request, file: str) -> str:
    name, group = request.name, request.group
    if request.action == "delete":
        editing.edit(file, lambda data: editing.leave_groups(data, name, group, file))
        return f"{name} is no longer in {group or 'any group'} of {file}"
    if group is None:
        raise click.UsageError("--group is missing")
    editing.edit(
        file, lambda data: editing.join_group(data, group, request.group_gid, name, file), create=True)
    return f"{name} is in group {group} of {file}"


def _run(request: _Request) -> None:
    _check_usage(request)
    try:
        if request.file is not None:
            click.echo(_change_users(request, request.file))
        if request.group_file is not None:
            click.echo(_change_groups(request, request.group_file))
    except editing.EditError as error:
        raise click.ClickException(str(error)) from None


@click.command("passwd")
@click.argument("name")
@click.option("--file", "-f", type=click.Path(dir_okay=False), help="The AuthUserFile.")
@click.option("--uid", type=int, help="User id of a new user.")
@click.option("--gid", type=int, help="Primary group id of a new user (default: the uid).")
@click.option("--home", metavar="DIR", help="Home directory (absolute) of a new user, or for --change-home.")
@click.option("--shell", metavar="PATH", default=DEFAULT_SHELL, show_default=True,
              help="Shell of a new user; RequireValidShell looks for it in /etc/shells.")
@click.option("--gecos", metavar="TEXT", default="", help="Full name or comment of a new user.")
@click.option("--stdin", is_flag=True, help="Read the password from standard input (one line).")
@click.option("--scheme", type=click.Choice(list(SCHEMES)), default=DEFAULT_SCHEME, show_default=True,
              help="How the password is hashed.")
@click.option("--cost", type=click.IntRange(0, 2**32 - 1), default=0,
              help="Cost parameter of the scheme (default: libcrypt's).")
@click.option("--change-password", is_flag=True, help="Give NAME another password.")
@click.option("--change-home", is_flag=True, help="Give NAME the home --home.")
@click.option("--lock", is_flag=True, help="Let no password of NAME match; --unlock undoes it.")
@click.option("--unlock", is_flag=True, help="Undo --lock.")
@click.option("--delete", is_flag=True, help="Remove NAME; with --group-file from the groups, too.")
@click.option("--group-file", type=click.Path(dir_okay=False), help="The AuthGroupFile.")
@click.option("--group", metavar="GROUP", help="Make NAME a member of this group of --group-file.")
@click.option("--group-gid", type=int, help="Make the group with this gid if it does not exist.")
def command(
    name: str, file: str | None, uid: int | None, gid: int | None, home: str | None, shell: str, gecos: str,
    stdin: bool, scheme: str, cost: int, group_file: str | None, group: str | None, group_gid: int | None,
    **chosen: bool,
) -> None:
    """Make or change the entry of NAME in an AuthUserFile.

    \b
    ftpsd passwd --file /etc/ftpsd/users alice --uid 1001 --home /srv/ftp/alice
    ftpsd passwd --file /etc/ftpsd/users alice --change-password
    """
    _run(_Request(
        _action(chosen, file, group), name, file, uid, gid, home, shell, gecos, stdin, scheme, cost,
        group_file, group, group_gid))
