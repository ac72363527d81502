"""Who needs TLS: TLSEngine, TLSRequired, AllowPerUser, implicit TLS and ports."""

from __future__ import annotations

from ftpsd.diag.subject import Subject
from ftpsd.reasons.codes import Code
from ftpsd.settings.values import TLSRequirement

_EXPLICIT, _IMPLICIT = 21, 990
_IDLE = (
    "TLSRequired", "TLSRSACertificateFile", "TLSECCertificateFile", "TLSDSACertificateFile", "TLSPKCS12File",
    "TLSVerifyClient",
)


def look(subject: Subject) -> None:
    tls = subject.settings.tls
    if not tls.engine:
        _without(subject)
        return
    _required(subject, tls.required)
    implicit = "UseImplicitSSL" in tls.options
    port = subject.settings.core.port
    subject.fact("protection", f"port {port}: {'implicit' if implicit else 'explicit'} TLS; TLSRequired "
    f"{shown(tls.required)}")
    if implicit and port == _EXPLICIT:
        subject.warn(
            Code.IMPLICIT_PORT, "implicit TLS on port 21, where clients expect a greeting in clear: most hang",
            "Write Port 990, or take UseImplicitSSL out.", of="TLSOptions")
    if port == _IMPLICIT and not implicit:
        subject.warn(
            Code.IMPLICIT_PORT, "port 990 without implicit TLS: clients that use it shake hands at once and fail",
            "Add TLSOptions UseImplicitSSL.", of="Port")


def _without(subject: Subject) -> None:
    for directive in _IDLE:
        if subject.says(directive) and subject.value(directive) not in (TLSRequirement(), "off"):
            subject.warn(
                Code.DIRECTIVE_WITHOUT_EFFECT, f"{directive} has no effect: TLSEngine is off for this host",
                "Write TLSEngine on here or in <Global>; server config's does not count in a <VirtualHost>.",
                of=directive)
            return
    subject.note(
        Code.TLS_OFF, "TLS is off: passwords and files travel in clear", "Write TLSEngine on and name a certificate.",
        of="TLSEngine")


def _required(subject: Subject, required: TLSRequirement) -> None:
    per_user = "AllowPerUser" in subject.settings.tls.options
    if per_user:
        subject.note(
            Code.TLS_PER_USER,
            "AllowPerUser: who needs TLS is decided after the login, so passwords may come in clear before they are "
            "refused",
            "IfSessionOptions PerUnauthenticatedUser decides it when the name is known.", of="TLSOptions")
    elif 1 not in (required.ctrl, required.auth):
        subject.note(
            Code.TLS_OPTIONAL, "TLS is offered, not required: a client that does not ask for it sends its password "
            "in clear",
            "Write TLSRequired on when all clients can do TLS.", of="TLSRequired")
    elif required.data != 1:
        subject.note(
            Code.TLS_OPTIONAL, "TLS is not required of data connections: a client that does not ask for it gets "
            "files in "
            "clear", "Write TLSRequired on.", of="TLSRequired")


_WORDS = {1: "required", 0: "free", -1: "forbidden"}


def shown(required: TLSRequirement) -> str:
    """`control required, data free, login free`."""
    return f"control {_WORDS[required.ctrl]}, data {_WORDS[required.data]}, login {_WORDS[required.auth]}"
