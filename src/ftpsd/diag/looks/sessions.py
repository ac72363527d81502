"""Resumption of TLS sessions, renegotiation, time limits of handshakes."""

from __future__ import annotations

from ftpsd.diag.subject import Subject
from ftpsd.reasons.codes import Code
from ftpsd.tls import renewal

_SHORT = 10


def look(subject: Subject) -> None:
    _resumption(subject)
    _renegotiation(subject)
    seconds = subject.settings.tls.timeout_handshake
    if 0 < seconds < _SHORT:
        subject.warn(
            Code.HANDSHAKE_TIME_SHORT,
            f"TLSTimeoutHandshake {seconds}: clients that ask their users about the certificate do not make it",
            "Write 60 or more.", of="TLSTimeoutHandshake")


def _resumption(subject: Subject) -> None:
    main = subject.configuration.hosts[0]
    cache = main.settings.tls.session_cache
    free = "NoSessionReuseRequired" in subject.settings.tls.options
    if cache.kind == "off":
        subject.warn(
            Code.SESSION_CACHE_OFF,
            "TLSSessionCache off: no data connection has to prove that it is the client's, whoever reaches a "
            "passive port "
            "first can take or plant a file", "Take the line out.", of="TLSSessionCache",
            at=main.origin("tls", "session_cache"))
    elif free:
        subject.note(
            Code.REUSE_SWITCHED_OFF,
            "NoSessionReuseRequired: no data connection has to prove that it is the client's, whoever reaches a "
            "passive "
            "port first can take or plant a file", "Give it to the clients that need it only: TLSOptions in an "
            "<IfUser>, "
            "<IfClass> or a <VirtualHost> of their own.", of="TLSOptions")
    required = "no" if free or cache.kind == "off" else "yes"
    subject.fact("sessions", f"data connections must resume the control connection's session: {required}")
    renegotiate = subject.settings.tls.renegotiate
    if renegotiate is not None and cache.kind != "off" and renegotiate.ctrl > cache.timeout:
        subject.note(
            Code.SESSION_CACHE_SHORT,
            f"sessions are kept {cache.timeout} seconds, and new keys come every {renegotiate.ctrl}: ProFTPD would "
            f"refuse "
            "data connections in between, ftpsd never does for a session's age", of="TLSRenegotiate")


def _renegotiation(subject: Subject) -> None:
    tls = subject.settings.tls
    setting, old = tls.renegotiate, tls.protocol - {"TLSv1.3"}
    if setting is None or not (setting.ctrl or setting.data):
        return
    versions = {version: renewal.control_means(setting, version, tls.options) for version in sorted(tls.protocol)}
    if setting.ctrl and not any(versions.values()):
        subject.note(
            Code.DIRECTIVE_WITHOUT_EFFECT,
            "TLSRenegotiate ctrl has no effect: below TLS 1.3 it takes TLSOptions AllowClientRenegotiations",
            "Offer TLSv1.3, where new keys ask nothing of the client.", of="TLSRenegotiate")
    elif setting.required and old and (setting.data or any(versions[version] for version in old)):
        subject.warn(
            Code.RENEGOTIATION_RISKY,
            f"TLSRenegotiate required on: clients of {' and '.join(sorted(old))} that cannot renegotiate (most) are "
            f"cut off "
            "after a while, in the middle of large files", "Write required off, or TLSRenegotiate none.",
            of="TLSRenegotiate")
