"""The control socket: where it is, who may use it and for what (mod_ctrls, mod_ctrls_admin)."""

# ruff: noqa: RUF009 (`directive` makes a dataclass field)

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ftpsd.settings.arguments import ArgumentError, Boolean, Integer, OptionalPath, Path, Special, boolean, want
from ftpsd.settings.declaration import ROOT, Combine, directive
from ftpsd.settings.values import AdminControls, ControlsACL, SocketOwner

CORE_ACTIONS = ("help", "insctrl", "lsctrl", "rmctrl")
ADMIN_ACTIONS = (
    "config", "debug", "dns", "down", "get", "kick", "restart", "scoreboard", "shutdown", "status", "trace", "up",
)
BAN_ACTIONS = ("ban", "permit")
TLS_ACTIONS = ("clear", "info", "ocspcache", "remove", "sesscache")
ALL = "all"
EVERYBODY = "*"


def _who(words: Sequence[str]) -> tuple[bool, str, tuple[str, ...]]:
    """`allow|deny user|group name,…`; the names may also be several words."""
    want(words, 3)
    if words[0].lower() not in ("allow", "deny"):
        raise ArgumentError("first parameter must be either 'allow' or 'deny'")
    if words[1].lower() not in ("user", "group"):
        raise ArgumentError("second parameter must be either 'user' or 'group'")
    names = tuple(name.strip() for name in ",".join(words[2:]).split(",") if name.strip())
    if not names:
        raise ArgumentError("missing parameters")
    return words[0].lower() == "allow", words[1].lower(), names


def socket_acl(words: Sequence[str]) -> tuple[ControlsACL, ...]:
    """`allow|deny user|group name,…`."""
    return (ControlsACL((ALL,), *_who(words)),)


@dataclass(frozen=True)
class ActionsACL(Special[tuple[ControlsACL, ...]]):
    """`all|action,… allow|deny user|group name,…`."""

    @staticmethod
    def of(known: tuple[str, ...]) -> ActionsACL:
        """For a module with these actions."""
        def parse(words: Sequence[str]) -> tuple[ControlsACL, ...]:
            want(words, 4)
            return (ControlsACL(_actions(words[0], known), *_who(words[1:])),)

        return ActionsACL("all|action,… allow|deny user|group name,…", parse)


def _actions(word: str, known: tuple[str, ...]) -> tuple[str, ...]:
    actions = tuple(name.strip().lower() for name in word.split(","))
    for action in actions:
        if action != ALL and action not in known:
            raise ArgumentError(f"unknown action: '{action}'", remedy=f"It is all, or of {', '.join(known)}.")
    return actions


def admin_engine(words: Sequence[str]) -> AdminControls:
    """`on`, `off`, or the actions that there shall not be."""
    want(words, 1)
    value = boolean(words[0]) if len(words) == 1 else None
    if value is not None:
        return AdminControls(value)
    return AdminControls(without=frozenset(_actions(",".join(words), ADMIN_ACTIONS)) - {ALL})


def socket_owner(words: Sequence[str]) -> SocketOwner:
    """`user group`."""
    want(words, 2, 2)
    return SocketOwner(*words)


@dataclass(frozen=True, slots=True)
class ControlsSettings:
    """What concerns the control socket. What no ACL allows is denied, to root too."""

    engine: bool = directive(
        "ControlsEngine", Boolean(), True, contexts=ROOT, module="mod_ctrls", good=("on", "off"), bad=("", "maybe"),
        doc="Whether there is a control socket, through which ftpsctl (and ftpdctl) reach the running server.",
    )
    socket: str = directive(
        "ControlsSocket", Path(), "/run/ftpsd.sock", contexts=ROOT, module="mod_ctrls",
        good=("/run/proftpd/proftpd.sock",), bad=("", "ctrls.sock"), combine=Combine.LAST,
        doc="The control socket. Without this line, one that cannot be made (another server has it) is only logged.",
    )
    socket_owner: SocketOwner | None = directive(
        "ControlsSocketOwner", Special("user group", socket_owner), None, contexts=ROOT, module="mod_ctrls",
        good=("root adm",), bad=("root",), combine=Combine.LAST,
        doc="To whom the control socket belongs. They may connect where there is no ControlsSocketACL.",
    )
    socket_acls: tuple[ControlsACL, ...] = directive(
        "ControlsSocketACL", Special("allow|deny user|group name,…", socket_acl), (), contexts=ROOT,
        module="mod_ctrls", combine=Combine.APPEND, good=("allow user root,alice", "deny group users", "allow user *"),
        bad=("", "allow user", "permit user root", "allow uid root"),
        doc="Who may connect to the control socket, as the kernel says. Without it: root, the account of the server,"
        " ControlsSocketOwner. Of several lines for users (or groups) the last one counts.",
    )
    acls: tuple[ControlsACL, ...] = directive(
        "ControlsACLs", ActionsACL.of(CORE_ACTIONS), (), contexts=ROOT, module="mod_ctrls", combine=Combine.APPEND,
        good=("all allow user root", "lsctrl,help deny group users"), bad=("all", "kick allow user root"),
        doc="Who may use the actions of mod_ctrls: insctrl, lsctrl, rmctrl. What no line allows is denied.",
    )
    admin_acls: tuple[ControlsACL, ...] = directive(
        "AdminControlsACLs", ActionsACL.of(ADMIN_ACTIONS), (), contexts=ROOT, module="mod_ctrls_admin",
        combine=Combine.APPEND, good=("all allow user root", "kick,status allow group adm", "debug deny user *"),
        bad=("all allow root", "tls allow user root", "kick,nosuch allow user root"),
        doc="Who may use the actions of mod_ctrls_admin: kick, shutdown, restart … For an action the last line for"
        " users and the last one for groups count; one of them has to allow it. What no line allows is denied.",
    )
    tls_acls: tuple[ControlsACL, ...] = directive(
        "TLSControlsACLs", ActionsACL.of(TLS_ACTIONS), (), contexts=ROOT, module="mod_tls", combine=Combine.APPEND,
        good=("all allow user root", "sesscache,info allow group adm"), bad=("all allow root", "kick allow user root"),
        doc="Who may use `tls sesscache` and `tls ocspcache`. Both words must be allowed: sesscache (or ocspcache),"
        " and info, clear or remove. What no line allows is denied.",
    )
    ban_acls: tuple[ControlsACL, ...] = directive(
        "BanControlsACLs", ActionsACL.of(BAN_ACTIONS), (), contexts=ROOT, module="mod_ban", combine=Combine.APPEND,
        good=("all allow user root", "permit allow group adm"), bad=("all allow root", "kick allow user root"),
        doc="Who may use the actions of mod_ban: ban, permit. What no line allows is denied.",
    )
    admin: AdminControls = directive(
        "AdminControlsEngine", Special("on|off|action,…", admin_engine), AdminControls(), contexts=ROOT,
        module="mod_ctrls_admin", good=("on", "off", "kick,shutdown"), bad=("", "nosuch"),
        doc="Whether there are the actions of mod_ctrls_admin; names of actions take only these away.",
    )
    log: str | None = directive(
        "ControlsLog", OptionalPath(), None, contexts=ROOT, module="mod_ctrls", combine=Combine.LAST,
        good=("/var/log/ftpsd-controls.log", "none"), bad=("", "controls.log"),
        doc="File in which each connection to the control socket, its request and the answer are written.",
    )
    max_clients: int = directive(
        "ControlsMaxClients", Integer(1, 1000), 5, contexts=ROOT, module="mod_ctrls", good=("2",), bad=("0", "x"),
        doc="Connections to the control socket at a time; more have to wait.",
    )
