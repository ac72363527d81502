"""What TLSRequired, AUTH, PBSZ, PROT and CCC allow: every decision about TLS, without I/O.

Facts come in as a `TLSState`, decisions go out as a `Refusal` or a `Decision`; the session does what they
say. TLSRequired is three numbers (settings/tls_parsers.py): 1 required, 0 free, -1 forbidden, for the control
connection, data connections and authentication. AllowPerUser postpones the decision about the first and the
last until the login has shown which section of the configuration the user ended up in.

The TLS gate stands before every other check of a command (login, <Limit>, arguments), as in mod_tls: a client
that may not log in without TLS learns nothing else first. Rules ask for properties of a command, never for
its name.

What every login asks is remembered (`_remembered`): sessions differ little in state and words.

Sources: RFC 2228 sections 3 and 4, RFC 4217 sections 4 to 12; codes and texts are mod_tls's.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, NamedTuple, Protocol

from ftpsd.errors import Refusal
from ftpsd.reasons.codes import Code, Good
from ftpsd.settings.values import TLSRequirement

UNWILLING = "Unwilling to accept security parameters"
HANDSHAKE_FAILED = "TLS handshake failed"
"""Text of the 421 that follows a failed handshake, in clear."""


NOTHING_REQUIRED = TLSRequirement()


class Gated(Protocol):
    """The properties of a command that the gate asks for; `ftp.commands.CommandSpec` has them."""

    @property
    def name(self) -> str: ...
    @property
    def tls_exempt(self) -> bool: ...
    @property
    def authenticates(self) -> bool: ...
    @property
    def data(self) -> object: ...


@dataclass(frozen=True, slots=True)
class Unknown:
    """A command that is in no table: it passes the same gate as the others."""

    name: str
    tls_exempt: bool = False
    authenticates: bool = False
    data: None = None


class TLSState(NamedTuple):
    """What of a session matters for TLS decisions.

    `protected`: the control connection runs under TLS now. `mechanism`: an AUTH succeeded, or the connection
    is implicit (stays true after CCC). `data_private`: data connections are protected (PROT P or the like).
    `requirement` and `allow_per_user` are those in force; `has_certificates`: the host could shake hands.
    `client_method` (SSCN ON): we are the TLS client on data connections that files travel on.
    """

    engine: bool = True
    has_certificates: bool = True
    requirement: TLSRequirement = NOTHING_REQUIRED
    allow_per_user: bool = False
    protected: bool = False
    mechanism: bool = False
    data_private: bool = False
    ccc_used: bool = False
    logged_in: bool = False
    client_method: bool = False


Action = Literal["none", "start-tls", "clear-tls", "disconnect"]


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do about a security command.

    In this order: `log` lines to the TLSLog, reply `code` and `text` (0: nothing is sent), `action`, then
    `state` replaces the old one. When a "start-tls" fails: `failure_log`, 421 `HANDSHAKE_FAILED` in clear,
    disconnect. A "clear-tls" comes after the reply, which goes out inside TLS. `reason` is the stable reason
    code. `private`: data connections become private with TLS, unless TLSRequired forbids it; for whoever takes the
    session to another host (SNI), whose TLSRequired counts then.
    """

    code: int
    text: str
    state: TLSState
    reason: Code | Good
    log: tuple[str, ...] = ()
    action: Action = "none"
    failure_log: tuple[str, ...] = ()
    private: bool = False

    @property
    def accepted(self) -> bool:
        return self.code < 400


_remembered = lru_cache(maxsize=64)
"""For decisions, which depend on nothing but what is given; arguments are a client's, so only few are kept."""


def gate(
    spec: Gated, state: TLSState, directory_requirement: TLSRequirement | None = None, directory: str = "/"
) -> Refusal | None:
    """The refusal that TLSRequired demands for this command now, or None.

    `directory_requirement` is what TLSRequired says in the *current* directory, `directory` its name for the
    log (the target of the command does not matter). None: there is none, or the host's own.
    """
    if not state.engine or spec.tls_exempt:
        return None
    if not state.protected:
        refusal = _gate_control(spec, state)
        if refusal is not None:
            return refusal
    if spec.data is None or state.data_private:
        return None
    return _gate_data(spec, state, directory_requirement, directory)


def _gate_control(spec: Gated, state: TLSState) -> Refusal | None:
    postponed = state.allow_per_user
    if state.requirement.auth == 1 and spec.authenticates and not postponed:
        line = f"SSL/TLS required but absent for authentication, denying {spec.name} command"
    elif state.requirement.ctrl == 1 and (state.logged_in or not postponed):
        line = f"SSL/TLS required but absent on control channel, denying {spec.name} command"
    else:
        return None
    return Refusal(550, "SSL/TLS required on the control channel", Code.TLS_REQUIRED_CONTROL, log=(line,))


def _gate_data(
    spec: Gated, state: TLSState, directory_requirement: TLSRequirement | None, directory: str
) -> Refusal | None:
    if state.requirement.data == 1:
        line = f"SSL/TLS required but absent on data channel, denying {spec.name} command"
    elif directory_requirement is not None and directory_requirement.data == 1:
        line = f"{spec.name} command denied by TLSRequired in directory '{directory}'"
    else:
        return None
    return Refusal(522, "SSL/TLS required on the data channel", Code.TLS_REQUIRED_DATA, log=(line,))


@_remembered
def auth(state: TLSState, argument: str) -> Decision:
    """AUTH (RFC 4217 section 4): TLS and TLS-C leave data connections clear, SSL and TLS-P make them private.

    (Not where TLSRequired forbids it: a protection that PROT could not have chosen is not switched on.)
    """
    words = argument.split()
    mechanism = words[0].upper() if words else ""
    refusal = _auth_refusal(state, mechanism)
    if refusal is not None:
        return refusal
    if mechanism in ("TLS", "TLS-C"):
        title, private = "TLS/TLS-C", False
    elif mechanism in ("SSL", "TLS-P"):
        title, private = "SSL/TLS-P", True
    else:
        return Decision(
            504, f"AUTH {mechanism} unsupported", state, Code.AUTH_UNKNOWN_MECHANISM,
            log=(f"AUTH {mechanism} unsupported, declining",),
        )
    return Decision(
        234, f"AUTH {mechanism} successful",
        secured(state, private=private), Good.AUTH_ACCEPTED,
        log=(f"{title} requested, starting TLS handshake",), action="start-tls",
        failure_log=(f"{title} negotiation failed on control channel",), private=private,
    )


def secured(state: TLSState, *, private: bool) -> TLSState:
    """After the handshake; `private` as in `Decision`."""
    return state._replace(
        protected=True, mechanism=True, data_private=private and state.requirement.data != -1)


def _auth_refusal(state: TLSState, mechanism: str) -> Decision | None:
    if not state.engine:
        return not_understood(state, "AUTH")
    if state.protected:
        return Decision(
            503, "Unwilling to accept second AUTH", state, Code.AUTH_TWICE,
            log=("Unwilling to accept AUTH after AUTH for this session",),
        )
    if not mechanism:
        return Decision(504, "AUTH requires at least one argument", state, Code.SYNTAX)
    if state.ccc_used:
        return Decision(
            534, UNWILLING, state, Code.AUTH_AFTER_CCC,
            log=("Unwilling to accept AUTH after CCC for this session",),
        )
    if not state.has_certificates:
        return Decision(
            431, "Necessary security resource unavailable", state, Code.NO_CERTIFICATE,
            log=(f"Unable to accept AUTH {mechanism} due to lack of certificates",),
        )
    if state.logged_in and not state.allow_per_user:
        line = (
            "Unwilling to accept AUTH after USER/PASS authentication for this session unless "
            "AllowPerUser TLSOption is used"
        )
        return Decision(534, UNWILLING, state, Code.AUTH_AFTER_LOGIN, log=(line,))
    return None


def implicit(state: TLSState) -> Decision:
    """A connection to a UseImplicitSSL host: handshake before the greeting, data private unless forbidden."""
    failed = ("implicit SSL/TLS negotiation failed on control channel",)
    if not state.has_certificates:
        line = "Unable to start implicit SSL/TLS handshake due to lack of certificates"
        return Decision(
            421, HANDSHAKE_FAILED, state, Code.NO_CERTIFICATE, log=(line, *failed), action="disconnect"
        )
    return Decision(
        0, "", secured(state, private=True), Good.IMPLICIT_TLS,
        log=("TLSOption UseImplicitSSL in effect, starting SSL/TLS handshake",), action="start-tls",
        failure_log=failed, private=True,
    )


def not_understood(state: TLSState, name: str) -> Decision:
    """What an unknown command is answered, and a security command without the mechanism it belongs to."""
    return Decision(500, f"{name} not understood", state, Code.SECURITY_NOT_NEGOTIATED)


def _has_mechanism(state: TLSState) -> bool:
    return state.engine and state.mechanism


@_remembered
def pbsz(state: TLSState, argument: str) -> Decision:
    """PBSZ (RFC 4217 section 8): the only size is 0."""
    if not _has_mechanism(state):
        return not_understood(state, "PBSZ")
    words = argument.split()
    if len(words) != 1:
        return Decision(501, "Invalid number of parameters", state, Code.SYNTAX)
    if not state.protected:
        return Decision(503, "PBSZ not allowed on insecure control connection", state, Code.CONTROL_NOT_PROTECTED)
    text = "PBSZ 0 successful" if words[0] == "0" else "PBSZ=0 successful"
    return Decision(200, text, state, Good.PBSZ_ACCEPTED)


@_remembered
def prot(state: TLSState, argument: str) -> Decision:
    """PROT (RFC 4217 section 9). Neither PBSZ before it nor upper case is insisted on; allowed after CCC."""
    if not _has_mechanism(state):
        return not_understood(state, "PROT")
    words = argument.split()
    if len(words) != 1:
        return Decision(501, "Invalid number of parameters", state, Code.SYNTAX)
    level = words[0].upper()
    if level == "C":
        if state.requirement.data == 1:
            return _prot_refused(state, level)
        return _prot_set(state, "Protection set to Clear", private=False)
    if level == "P":
        if state.requirement.data == -1:
            return _prot_refused(state, level)
        return _prot_set(state, "Protection set to Private", private=True)
    if level in ("S", "E"):
        return Decision(536, f"PROT {level} unsupported", state, Code.PROT_LEVEL_UNSUPPORTED)
    return Decision(504, f"PROT {words[0]} unsupported", state, Code.PROT_LEVEL_UNSUPPORTED)


def _prot_set(state: TLSState, text: str, *, private: bool) -> Decision:
    reason: Good = Good.PROT_PRIVATE if private else Good.PROT_CLEAR
    return Decision(200, text, state._replace(data_private=private), reason, log=(text,))


def _prot_refused(state: TLSState, level: str) -> Decision:
    line = f"PROT: unwilling to accept security parameter ({level}), declining"
    return Decision(534, UNWILLING, state, Code.PROT_REFUSED, log=(line,))


def auth_limited(state: TLSState, argument: str) -> Decision:
    """AUTH that a <Limit> denies."""
    line = f"AUTH {argument.strip().upper()}: unwilling to accept security parameters"
    return Decision(534, UNWILLING, state, Code.AUTH_LIMITED, log=(line,))


def prot_limited(state: TLSState, argument: str) -> Decision:
    """PROT that a <Limit> denies."""
    return _prot_refused(state, argument.strip().upper())


def ccc(state: TLSState) -> Decision:
    """CCC (RFC 4217 section 5): back to clear, unless TLSRequired demands a protected control connection."""
    if not state.logged_in:
        return Decision(530, "Please login with USER and PASS", state, Code.LOGIN_REQUIRED)
    if not _has_mechanism(state):
        return not_understood(state, "CCC")
    if not state.protected:
        return Decision(533, "CCC not allowed on insecure control connection", state, Code.CONTROL_NOT_PROTECTED)
    if state.requirement.ctrl == 1:
        line = (
            "CCC: unwilling to accept security parameters: TLSRequired setting does not allow for "
            "unprotected control channel"
        )
        return Decision(534, UNWILLING, state, Code.CCC_REFUSED, log=(line,))
    return Decision(
        200, "Clearing control channel protection", state._replace(protected=False, ccc_used=True),
        Good.CCC_ACCEPTED, log=("received CCC, clearing control channel protection",), action="clear-tls",
    )


def sscn(state: TLSState, argument: str) -> Decision:
    """SSCN: which side of TLS we take on data connections of files (secure FXP)."""
    if not _has_mechanism(state):
        return not_understood(state, "SSCN")
    words = argument.split()
    if len(words) > 1:
        return Decision(504, "SSCN: Invalid argument", state, Code.SYNTAX)
    if words and words[0] not in ("ON", "OFF"):
        return Decision(501, "SSCN: Invalid argument", state, Code.SYNTAX)
    if words:
        state = state._replace(client_method=words[0] == "ON")
    method = "CLIENT" if state.client_method else "SERVER"
    return Decision(200, f"SSCN:{method} METHOD", state, Good.SSCN_ACCEPTED)


def sscn_limited(state: TLSState) -> Decision:
    """SSCN that a <Limit> denies."""
    return Decision(550, "SSCN: Operation not permitted", state, Code.SSCN_REFUSED)


def ccc_limited(state: TLSState) -> Decision:
    """CCC that a <Limit> denies."""
    return Decision(
        534, UNWILLING, state, Code.CCC_REFUSED, log=("CCC: unwilling to accept security parameters",)
    )


def adat(state: TLSState) -> Decision:
    """ADAT: no mechanism here exchanges data with it, so it is never in sequence (RFC 2228 section 3)."""
    text = "ADAT not expected: no security data exchange is in progress"
    return Decision(503, text, state, Code.ADAT_UNEXPECTED)


def protected_command(state: TLSState, name: str) -> Decision:
    """MIC, CONF and ENC (RFC 2228 section 3): TLS protects the connection, never a single command."""
    if not _has_mechanism(state):
        text = f"{name} not allowed before a security data exchange"
        return Decision(503, text, state, Code.SECURITY_NOT_NEGOTIATED)
    text = f"{name} protection level not supported by security mechanism"
    return Decision(537, text, state, Code.PROTECTION_UNSUPPORTED)


def after_user(state: TLSState, requirement: TLSRequirement, *, allow_per_user: bool = False) -> Decision:
    """USER has named somebody under `requirement` (IfSessionOptions PerUnauthenticatedUser).

    With AllowPerUser a client without the TLS that it demands is cut off at once, as mod_tls does. Without, the
    requirement takes force, and the gate refuses the password.
    """
    per_user = state.allow_per_user or allow_per_user
    if not state.engine:
        return Decision(0, "", state, Good.USER_ACCEPTED)
    if per_user and not state.protected and 1 in (requirement.ctrl, requirement.auth):
        return _cut_off(state)
    return Decision(0, "", state._replace(requirement=requirement, allow_per_user=per_user), Good.USER_ACCEPTED)


def _cut_off(state: TLSState) -> Decision:
    return Decision(
        530, "Login incorrect.", state, Code.TLS_REQUIRED_LOGIN, action="disconnect",
        log=("SSL/TLS required but absent on control channel, disconnecting",),
    )


@_remembered
def after_login(
    state: TLSState, requirement: TLSRequirement, *, allow_per_user: bool = False
) -> Decision:
    """The login succeeded and ended up under `requirement` (Anonymous block, <IfUser> …).

    With AllowPerUser (the host's, or `allow_per_user` from the login's own configuration) that requirement
    takes force now, and a client without the TLS it demands is told that its login failed and is cut off.
    """
    per_user = state.allow_per_user or allow_per_user
    logged_in = state._replace(logged_in=True, allow_per_user=per_user)
    if not state.engine or not per_user:
        return Decision(0, "", logged_in, Good.LOGIN_ACCEPTED)
    if not state.protected and 1 in (requirement.ctrl, requirement.auth):
        return _cut_off(state)
    return Decision(0, "", logged_in._replace(requirement=requirement), Good.LOGIN_ACCEPTED)


def after_rein(state: TLSState, requirement: TLSRequirement, *, allow_per_user: bool) -> TLSState:
    """REIN undoes the login: the host's `requirement` and AllowPerUser count again, TLS stays as it is."""
    return state._replace(logged_in=False, requirement=requirement, allow_per_user=allow_per_user)
