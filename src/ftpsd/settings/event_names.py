"""The names under which ProFTPD's core and its modules make events known, for BanOnEvent and SQLLogOnEvent.

Source: the calls of pr_event_generate in ProFTPD 1.3.8. It takes any word for an event and waits for ever for one that
there is not; so does ftpsd for names of this form, and says so when it starts.
"""

from __future__ import annotations

import re

BANNED_FOR = {
    "core.bad-protocol": "BadProtocol", "core.max-command-rate": "MaxCommandRate", "core.timeout-idle": "TimeoutIdle",
    "core.timeout-login": "TimeoutLogin", "core.timeout-no-transfer": "TimeoutNoTransfer",
    "core.timeout-session": "timeout-session", "core.timeout-stalled": "timeout-stalled",
    "core.unhandled-command": "UnhandledCommand", "mod_auth.anon-reject-passwords": "AnonRejectPasswords",
    "mod_auth.empty-password": "EmptyPassword", "mod_auth.max-clients": "limit-clients",
    "mod_auth.max-clients-per-class": "MaxClientsPerClass", "mod_auth.max-clients-per-host": "MaxClientsPerHost",
    "mod_auth.max-clients-per-user": "MaxClientsPerUser",
    "mod_auth.max-connections-per-host": "MaxConnectionsPerHost", "mod_auth.max-hosts-per-user": "MaxHostsPerUser",
    "mod_auth.max-login-attempts": "MaxLoginAttempts", "mod_auth.root-login": "RootLogin",
    "mod_ban.client-connect-rate": "ClientConnectRate", "mod_tls.ctrl-handshake": "TLSHandshake",
    "mod_tls.ctrl-handshake-failed": "mod_tls.ctrl-handshake-failed", "mod_wrap.connection-denied": "wrap-denied",
    "mod_xfer.max-transfers-per-host": "limit-transfers-per-host",
    "mod_xfer.max-transfers-per-user": "limit-transfers-per-user",
}
"""ProFTPD's names, and what counts here for a BanOnEvent that has them; the client's address is banned for each."""

LOGGED = tuple(sorted({
    *BANNED_FOR, "core.exit", "mod_ban.ban-class", "mod_ban.ban-host", "mod_ban.ban-user", "mod_ban.ban-user@host",
    "mod_tls.data-handshake-failed",
}))
"""Those of which SQLLogOnEvent hears."""

ALIASES = {
    "MaxClientsPerClass": "mod_auth.max-clients-per-class", "MaxClientsPerHost": "mod_auth.max-clients-per-host",
    "MaxClientsPerUser": "mod_auth.max-clients-per-user", "MaxCommandRate": "core.max-command-rate",
    "MaxConnectionsPerHost": "mod_auth.max-connections-per-host", "MaxHostsPerUser": "mod_auth.max-hosts-per-user",
    "MaxLoginAttempts": "mod_auth.max-login-attempts", "RootLogin": "mod_auth.root-login",
    "TimeoutIdle": "core.timeout-idle", "TimeoutLogin": "core.timeout-login",
    "TimeoutNoTransfer": "core.timeout-no-transfer", "TimeoutStalled": "core.timeout-stalled",
    "UserBanned": "mod_ban.ban-user", "HostBanned": "mod_ban.ban-host", "ClassBanned": "mod_ban.ban-class",
}
"""What SQLLogOnEvent may call them, too."""

_FORM = re.compile(r"(?:core|mod_[a-z0-9_]+)\.[a-z0-9@._-]+")


def is_a_name(word: str) -> bool:
    """Whether it looks like the name of an event of ProFTPD or one of its modules."""
    return _FORM.fullmatch(word) is not None
