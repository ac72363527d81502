"""What stands between a command line and its handler. Pure: reads properties of the command table, never
names.

The order is ProFTPD's: the TLS policy speaks first (also about commands that nobody knows), then the table
(unknown command, login needed), then the command's own arguments.
"""

from __future__ import annotations

from ftpsd.errors import Refusal
from ftpsd.ftp.commands import Command
from ftpsd.ftp.parsing import argument_error
from ftpsd.reasons.codes import Code
from ftpsd.settings.values import TLSRequirement
from ftpsd.tls import policy
from ftpsd.tls.policy import TLSState, Unknown


def refusal(
    command: Command, tls: TLSState, *, epsv_all: bool = False, renaming: bool = True,
    directory_requirement: TLSRequirement | None = None, directory: str = "/",
) -> Refusal | None:
    """Why this command may not run now; None when it may.

    `renaming`: RNFR came right before.
    `directory_requirement` is the TLSRequired in force in the current directory (semantics.md 2.2, rule 5).
    """
    spec = command.spec
    denied = policy.gate(spec or Unknown(command.name), tls, directory_requirement, directory)
    if denied is not None:
        return denied
    if spec is None:
        return _unknown(command)
    if spec.needs_login and not tls.logged_in:
        return Refusal(530, "Please login with USER and PASS", Code.LOGIN_REQUIRED)
    if spec.needs_tls and not tls.mechanism:
        return _unknown(command)
    if epsv_all and not spec.after_epsv_all:
        return Refusal(500, f"Illegal {command.name} command, EPSV ALL in effect", Code.EPSV_ALL)
    wrong = argument_error(command)
    if wrong is not None:
        return Refusal(wrong.code, wrong.text, Code.SYNTAX)
    if spec.needs_source and not renaming:
        return Refusal(503, "Bad sequence of commands", Code.RENAME_WITHOUT_SOURCE)
    return None


def _unknown(command: Command) -> Refusal:
    return Refusal(500, f"{command.name} not understood", Code.COMMAND_UNKNOWN)
