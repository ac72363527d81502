"""What ServerType inetd costs, and which lines have no effect with it."""

from __future__ import annotations

from ftpsd.diag.subject import Subject
from ftpsd.reasons.codes import Code
from ftpsd.settings.registry import DIRECTIVES
from ftpsd.settings.server import INETD

_COUNTED = (
    "MaxClients", "MaxClientsPerHost", "MaxClientsPerUser", "MaxClientsPerClass", "MaxHostsPerUser",
    "MaxConnectionsPerHost", "MaxTransfersPerHost", "MaxTransfersPerUser",
)
"""What the scoreboard counts."""

_STARTER = "Let it bound them: `instances` and `cps` of xinetd, MaxConnections= of the .socket unit."
_NO_EFFECT = {
    "MaxInstances": ("the number of processes is up to whoever starts them, as with ProFTPD", _STARTER),
    "MaxConnectionRate": ("how fast connections come is up to whoever accepts them, as with ProFTPD", _STARTER),
    "Workers": ("each connection has its own process", "It may stay or go."),
    "PidFile": ("no process is the server", "It may stay or go."),
    "MetricsAddress": ("no process outlives its connection, and could be asked", "Write ServerType standalone."),
    "ControlsSocket": (
        "no process outlives its connection, and could be asked",
        "`ftpsd who -f SCOREBOARD` shows who is on; SIGTERM to the number that it shows ends a session."),
}


def look(subject: Subject) -> None:
    if subject.configuration.server.server_type != INETD:
        return
    if subject.host.id == 0:
        _whole(subject)
    if subject.configuration.server.scoreboard_file is None:
        _limits(subject)
    if subject.settings.tls.engine and subject.settings.tls.stapling and subject.value("TLSStaplingCache") is None:
        subject.warn(
            Code.SERVER_TYPE_INETD, "TLSStapling without TLSStaplingCache: each process begins without an OCSP "
            "response, and asks the responder anew", "Write TLSStaplingCache fs:/path=DIRECTORY, for example.",
            of="TLSStapling")


def _whole(subject: Subject) -> None:
    subject.note(
        Code.SERVER_TYPE_INETD, "ServerType inetd: each connection pays for the start of a program, about half a "
        "second of a processor, and begins with a whole TLS handshake",
        "If you can choose: ServerType standalone, which systemd can start with the first connection, too "
        "(ftpsd.socket).", of="ServerType")
    for directive, (why, remedy) in _NO_EFFECT.items():
        if subject.says(directive) and subject.value(directive):
            subject.note(
                Code.DIRECTIVE_WITHOUT_EFFECT, f"{directive} has no effect with ServerType inetd: {why}", remedy,
                of=directive)
    if subject.value("ACMEServer") is not None:
        subject.warn(
            Code.SERVER_TYPE_INETD, "nobody renews the certificates of ACMENames: no process outlives its connection",
            "Have cron or a timer run `ftpsd acme` every day.", of="ACMEServer")


def _limits(subject: Subject) -> None:
    fields = {DIRECTIVES[name.lower()].field: name for name in _COUNTED}
    said = {change.field for change in subject.host.every_change() if change.group == "bounds" and change.value}
    for field, name in fields.items():
        if field in said:
            subject.warn(
                Code.LIMITS_NOT_SHARED, f"{name} counts in each process alone, where there is one session: ServerType "
                "inetd and no ScoreboardFile", "Name a ScoreboardFile.", of=name)
