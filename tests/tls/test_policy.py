"""The policy as tables: every TLSRequired value, every command, every state."""

from __future__ import annotations

import pytest

from ftpsd.ftp.commands import COMMANDS
from ftpsd.settings.tls_parsers import required
from ftpsd.settings.values import TLSRequirement
from ftpsd.tls import policy
from ftpsd.tls.policy import Decision, TLSState, Unknown

VALUES = ("off", "on", "ctrl", "ctrl+!data", "data", "!data", "auth", "auth+data", "auth+!data")
NUMBERS = {
    "off": (0, 0, 0), "on": (1, 1, 1), "ctrl": (1, 0, 1), "ctrl+!data": (1, -1, 1), "data": (0, 1, 0),
    "!data": (0, -1, 0), "auth": (0, 0, 1), "auth+data": (0, 1, 1), "auth+!data": (0, -1, 1),
}
CONNECTIONS = {"no TLS": (False, False), "PROT C": (True, False), "PROT P": (True, True)}
EXEMPT = {"SYST", "AUTH", "FEAT", "HOST", "CLNT", "QUIT"}
AUTHENTICATES = {"USER", "PASS", "ACCT"}
TRANSFERS = {"APPE", "LIST", "MLSD", "NLST", "RETR", "STOR", "STOU"}

# What answers, as (code, first words of the log line), for each class of command. "login" is USER PASS ACCT,
# "transfer" the seven, "other" the rest that is not exempt; without TLS, not AllowPerUser.
Answer = tuple[int, str]
AUTH = (550, "SSL/TLS required but absent for authentication, denying")
CTRL = (550, "SSL/TLS required but absent on control channel, denying")
DATA = (522, "SSL/TLS required but absent on data channel, denying")
NO_TLS: dict[str, dict[str, Answer | None]] = {
    "off": {"login": None, "transfer": None, "other": None},
    "on": {"login": AUTH, "transfer": CTRL, "other": CTRL},
    "ctrl": {"login": AUTH, "transfer": CTRL, "other": CTRL},
    "ctrl+!data": {"login": AUTH, "transfer": CTRL, "other": CTRL},
    "data": {"login": None, "transfer": DATA, "other": None},
    "!data": {"login": None, "transfer": None, "other": None},
    "auth": {"login": AUTH, "transfer": None, "other": None},
    "auth+data": {"login": AUTH, "transfer": DATA, "other": None},
    "auth+!data": {"login": AUTH, "transfer": None, "other": None},
}
DEMANDS_DATA = {"on", "data", "auth+data"}
DEMANDS_CONTROL = {"on", "ctrl", "ctrl+!data"}


def expected(value: str, command: str, connection: str, per_user: bool, logged_in: bool) -> Answer | None:
    """Table 2.2 of semantics.md, written by hand for each kind of connection."""
    if command in EXEMPT:
        return None
    kind = "login" if command in AUTHENTICATES else "transfer" if command in TRANSFERS else "other"
    if connection == "PROT P":
        return None
    if connection == "PROT C":
        return DATA if kind == "transfer" and value in DEMANDS_DATA else None
    if not per_user:
        return NO_TLS[value][kind]
    if logged_in and value in DEMANDS_CONTROL:
        return CTRL
    return DATA if kind == "transfer" and value in DEMANDS_DATA else None


@pytest.mark.parametrize("logged_in", [False, True])
@pytest.mark.parametrize("per_user", [False, True])
@pytest.mark.parametrize("connection", CONNECTIONS)
@pytest.mark.parametrize("value", VALUES)
def test_gate(value: str, connection: str, per_user: bool, logged_in: bool) -> None:
    requirement = required([value])
    assert requirement == NUMBERS[value]
    protected, private = CONNECTIONS[connection]
    state = TLSState(
        requirement=requirement, allow_per_user=per_user, logged_in=logged_in, protected=protected,
        mechanism=protected, data_private=private,
    )
    for name, spec in COMMANDS.items():
        refusal = policy.gate(spec, state)
        wanted = expected(value, name, connection, per_user, logged_in)
        if wanted is None:
            assert refusal is None, name
            continue
        code, line = wanted
        assert refusal is not None, name
        assert (refusal.code, refusal.log) == (code, (f"{line} {name} command",)), name
        where = "data" if code == 522 else "control"
        assert refusal.text == f"SSL/TLS required on the {where} channel"


def test_command_classes_are_the_table_s() -> None:
    assert {name for name, spec in COMMANDS.items() if spec.data is not None} == TRANSFERS
    assert {name for name, spec in COMMANDS.items() if spec.authenticates} == AUTHENTICATES
    assert {name for name, spec in COMMANDS.items() if spec.tls_exempt} <= EXEMPT


def test_unknown_commands_pass_the_same_gate() -> None:
    state = TLSState(requirement=required(["on"]))
    refusal = policy.gate(Unknown("XYZZY"), state)
    assert refusal is not None
    assert refusal.code == 550
    assert policy.gate(Unknown("XYZZY"), state._replace(protected=True)) is None


def test_engine_off_demands_nothing() -> None:
    state = TLSState(engine=False, requirement=required(["on"]))
    assert all(policy.gate(spec, state, required(["on"])) is None for spec in COMMANDS.values())


@pytest.mark.parametrize("value", ["off", "!data", "auth"])
def test_directory_requirement(value: str) -> None:
    state = TLSState(requirement=required([value]), protected=True, mechanism=True, logged_in=True)
    for name, spec in COMMANDS.items():
        refusal = policy.gate(spec, state, required(["data"]), "/safe")
        if name not in TRANSFERS:
            assert refusal is None
            continue
        assert refusal is not None
        assert (refusal.code, refusal.log) == (
            522, (f"{name} command denied by TLSRequired in directory '/safe'",)
        )
        assert policy.gate(spec, state._replace(data_private=True), required(["data"]), "/safe") is None
        assert policy.gate(spec, state, required(["off"]), "/safe") is None


def test_sessions_own_requirement_speaks_before_the_directory_s() -> None:
    state = TLSState(requirement=required(["data"]), protected=True, mechanism=True, logged_in=True)
    refusal = policy.gate(COMMANDS["LIST"], state, required(["data"]), "/safe")
    assert refusal is not None
    assert refusal.log == ("SSL/TLS required but absent on data channel, denying LIST command",)


def test_after_ccc_login_counts_as_unprotected() -> None:
    state = TLSState(requirement=required(["auth"]), mechanism=True, ccc_used=True, logged_in=True)
    refusal = policy.gate(COMMANDS["USER"], state)
    assert refusal is not None
    assert refusal.reason == "tls-required-control"


PLAIN = TLSState()
SECURE = TLSState(protected=True, mechanism=True)
CLEARED = TLSState(mechanism=True, ccc_used=True, logged_in=True)


@pytest.mark.parametrize(
    ("state", "argument", "code", "text", "log"),
    [
        (SECURE, "TLS", 503, "Unwilling to accept second AUTH",
         "Unwilling to accept AUTH after AUTH for this session"),
        (SECURE, "", 503, "Unwilling to accept second AUTH",
         "Unwilling to accept AUTH after AUTH for this session"),
        (PLAIN, "", 504, "AUTH requires at least one argument", None),
        (PLAIN, "  ", 504, "AUTH requires at least one argument", None),
        (CLEARED, "", 504, "AUTH requires at least one argument", None),
        (CLEARED, "TLS", 534, "Unwilling to accept security parameters",
         "Unwilling to accept AUTH after CCC for this session"),
        (CLEARED._replace(has_certificates=False), "TLS", 534, "Unwilling to accept security parameters",
         "Unwilling to accept AUTH after CCC for this session"),
        (PLAIN._replace(has_certificates=False), "tls", 431, "Necessary security resource unavailable",
         "Unable to accept AUTH TLS due to lack of certificates"),
        (PLAIN._replace(has_certificates=False, logged_in=True), "TLS", 431,
         "Necessary security resource unavailable", "Unable to accept AUTH TLS due to lack of certificates"),
        (PLAIN._replace(logged_in=True), "TLS", 534, "Unwilling to accept security parameters",
         "Unwilling to accept AUTH after USER/PASS authentication for this session unless AllowPerUser "
         "TLSOption is used"),
        (PLAIN, "GSSAPI", 504, "AUTH GSSAPI unsupported", "AUTH GSSAPI unsupported, declining"),
        (PLAIN, "tls1", 504, "AUTH TLS1 unsupported", "AUTH TLS1 unsupported, declining"),
        (PLAIN._replace(engine=False), "TLS", 500, "AUTH not understood", None),
    ],
)
def test_auth_refused(state: TLSState, argument: str, code: int, text: str, log: str | None) -> None:
    decision = policy.auth(state, argument)
    assert (decision.code, decision.text) == (code, text)
    assert decision.log == (() if log is None else (log,))
    assert decision.action == "none"
    assert decision.state == state
    assert not decision.accepted


@pytest.mark.parametrize(
    ("argument", "shown", "title", "private"),
    [
        ("TLS", "TLS", "TLS/TLS-C", False), ("tls", "TLS", "TLS/TLS-C", False),
        ("TLS-C", "TLS-C", "TLS/TLS-C", False), ("tls-c", "TLS-C", "TLS/TLS-C", False),
        ("SSL", "SSL", "SSL/TLS-P", True), ("ssl", "SSL", "SSL/TLS-P", True),
        ("TLS-P", "TLS-P", "SSL/TLS-P", True), ("TLS more", "TLS", "TLS/TLS-C", False),
    ],
)
def test_auth_accepted(argument: str, shown: str, title: str, private: bool) -> None:
    decision = policy.auth(PLAIN, argument)
    assert (decision.code, decision.text, decision.action) == (234, f"AUTH {shown} successful", "start-tls")
    assert decision.log == (f"{title} requested, starting TLS handshake",)
    assert decision.failure_log == (f"{title} negotiation failed on control channel",)
    assert decision.state == PLAIN._replace(protected=True, mechanism=True, data_private=private)


def test_auth_after_login_with_allow_per_user() -> None:
    assert policy.auth(PLAIN._replace(logged_in=True, allow_per_user=True), "TLS").code == 234


def test_auth_ssl_does_not_make_private_what_is_forbidden() -> None:
    decision = policy.auth(TLSState(requirement=required(["!data"])), "SSL")
    assert decision.code == 234
    assert not decision.state.data_private


@pytest.mark.parametrize(
    ("argument", "code", "text"),
    [
        ("0", 200, "PBSZ 0 successful"), ("1024", 200, "PBSZ=0 successful"), ("x", 200, "PBSZ=0 successful"),
        ("00", 200, "PBSZ=0 successful"), ("", 501, "Invalid number of parameters"),
        ("0 0", 501, "Invalid number of parameters"),
    ],
)
def test_pbsz(argument: str, code: int, text: str) -> None:
    decision = policy.pbsz(SECURE, argument)
    assert (decision.code, decision.text, decision.state) == (code, text, SECURE)


def test_pbsz_elsewhere() -> None:
    assert policy.pbsz(PLAIN, "0").text == "PBSZ not understood"
    assert policy.pbsz(PLAIN, "0").code == 500
    assert policy.pbsz(CLEARED, "").code == 501
    after = policy.pbsz(CLEARED, "0")
    assert (after.code, after.text) == (503, "PBSZ not allowed on insecure control connection")


@pytest.mark.parametrize("state", [SECURE, CLEARED])
@pytest.mark.parametrize("value", VALUES)
def test_prot_levels(value: str, state: TLSState) -> None:
    requirement = required([value])
    state = state._replace(requirement=requirement)
    for word in ("C", "c"):
        decision = policy.prot(state._replace(data_private=True), word)
        if requirement.data == 1:
            assert (decision.code, decision.text) == (534, "Unwilling to accept security parameters")
            assert decision.log == ("PROT: unwilling to accept security parameter (C), declining",)
            assert decision.state.data_private
        else:
            assert (decision.code, decision.text) == (200, "Protection set to Clear")
            assert decision.log == ("Protection set to Clear",)
            assert not decision.state.data_private
    for word in ("P", "p"):
        decision = policy.prot(state, word)
        if requirement.data == -1:
            assert (decision.code, decision.text) == (534, "Unwilling to accept security parameters")
            assert decision.log == ("PROT: unwilling to accept security parameter (P), declining",)
            assert not decision.state.data_private
        else:
            assert (decision.code, decision.text) == (200, "Protection set to Private")
            assert decision.log == ("Protection set to Private",)
            assert decision.state.data_private


@pytest.mark.parametrize(
    ("argument", "code", "text"),
    [
        ("S", 536, "PROT S unsupported"), ("E", 536, "PROT E unsupported"), ("e", 536, "PROT E unsupported"),
        ("X", 504, "PROT X unsupported"), ("private", 504, "PROT private unsupported"),
        ("", 501, "Invalid number of parameters"), ("P P", 501, "Invalid number of parameters"),
    ],
)
def test_prot_refused(argument: str, code: int, text: str) -> None:
    decision = policy.prot(SECURE, argument)
    assert (decision.code, decision.text, decision.state) == (code, text, SECURE)


def test_prot_needs_the_mechanism() -> None:
    assert (policy.prot(PLAIN, "P").code, policy.prot(PLAIN, "P").text) == (500, "PROT not understood")


@pytest.mark.parametrize("value", VALUES)
def test_ccc(value: str) -> None:
    state = SECURE._replace(requirement=required([value]), logged_in=True, data_private=True)
    decision = policy.ccc(state)
    if value in DEMANDS_CONTROL:
        assert (decision.code, decision.text) == (534, "Unwilling to accept security parameters")
        assert decision.log == (
            "CCC: unwilling to accept security parameters: TLSRequired setting does not allow for "
            "unprotected control channel",
        )
        assert decision.state == state
    else:
        assert (decision.code, decision.text) == (200, "Clearing control channel protection")
        assert decision.action == "clear-tls"
        assert decision.log == ("received CCC, clearing control channel protection",)
        assert decision.state == state._replace(protected=False, ccc_used=True)


@pytest.mark.parametrize(
    ("state", "code", "text"),
    [
        (SECURE, 530, "Please login with USER and PASS"),
        (PLAIN._replace(logged_in=True), 500, "CCC not understood"),
        (CLEARED, 533, "CCC not allowed on insecure control connection"),
    ],
)
def test_ccc_refused(state: TLSState, code: int, text: str) -> None:
    decision = policy.ccc(state)
    assert (decision.code, decision.text, decision.action, decision.state) == (code, text, "none", state)


def test_limits() -> None:
    assert policy.ccc_limited(SECURE).log == ("CCC: unwilling to accept security parameters",)
    assert policy.ccc_limited(SECURE).code == 534
    assert policy.prot_limited(SECURE, "p").code == 534


@pytest.mark.parametrize(
    ("state", "decide", "code"),
    [
        (PLAIN, policy.adat, 503), (SECURE, policy.adat, 503),
        (PLAIN, lambda state: policy.protected_command(state, "MIC"), 503),
        (SECURE, lambda state: policy.protected_command(state, "ENC"), 537),
        (CLEARED, lambda state: policy.protected_command(state, "CONF"), 537),
    ],
)
def test_rfc_2228(state: TLSState, decide: object, code: int) -> None:
    assert callable(decide)
    decision = decide(state)
    assert isinstance(decision, Decision)
    assert decision.code == code
    assert decision.state == state


@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize("protected", [False, True])
def test_after_login_with_allow_per_user(value: str, protected: bool) -> None:
    state = TLSState(
        requirement=required(["on"]), allow_per_user=True, protected=protected, mechanism=protected
    )
    requirement = required([value])
    decision = policy.after_login(state, requirement)
    if not protected and (requirement.ctrl == 1 or requirement.auth == 1):
        assert (decision.code, decision.text, decision.action) == (530, "Login incorrect.", "disconnect")
        assert decision.log == ("SSL/TLS required but absent on control channel, disconnecting",)
    else:
        assert (decision.code, decision.action) == (0, "none")
        assert decision.state == state._replace(logged_in=True, requirement=requirement)


def test_after_login_without_allow_per_user_keeps_the_host_s_requirement() -> None:
    decision = policy.after_login(TLSState(), required(["on"]))
    assert decision.state == TLSState(logged_in=True)
    per_login = policy.after_login(TLSState(), required(["on"]), allow_per_user=True)
    assert per_login.action == "disconnect"


def test_after_login_without_tls_engine() -> None:
    state = TLSState(engine=False, allow_per_user=True)
    assert policy.after_login(state, required(["on"])).state == state._replace(logged_in=True)


def test_after_rein() -> None:
    state = SECURE._replace(logged_in=True, data_private=True, requirement=required(["off"]))
    again = policy.after_rein(state, TLSRequirement(1, 1, 1), allow_per_user=True)
    assert again == state._replace(logged_in=False, requirement=TLSRequirement(1, 1, 1), allow_per_user=True)


@pytest.mark.parametrize("value", VALUES)
def test_implicit(value: str) -> None:
    state = TLSState(requirement=required([value]))
    decision = policy.implicit(state)
    assert (decision.code, decision.action) == (0, "start-tls")
    assert decision.log == ("TLSOption UseImplicitSSL in effect, starting SSL/TLS handshake",)
    assert decision.failure_log == ("implicit SSL/TLS negotiation failed on control channel",)
    private = state.requirement.data != -1
    assert decision.state == state._replace(protected=True, mechanism=True, data_private=private)
    assert policy.auth(decision.state, "TLS").code == 503
    assert policy.pbsz(decision.state, "0").code == 200


def test_implicit_without_certificates() -> None:
    decision = policy.implicit(TLSState(has_certificates=False))
    assert (decision.code, decision.text, decision.action) == (421, "TLS handshake failed", "disconnect")
    assert decision.log[-1] == "implicit SSL/TLS negotiation failed on control channel"


@pytest.mark.parametrize(("argument", "code", "text", "client"), [
    ("", 200, "SSCN:SERVER METHOD", False), ("ON", 200, "SSCN:CLIENT METHOD", True),
    ("OFF", 200, "SSCN:SERVER METHOD", False), ("on", 501, "SSCN: Invalid argument", False),
    ("x", 501, "SSCN: Invalid argument", False), ("ON ON", 504, "SSCN: Invalid argument", False),
])
def test_sscn(argument: str, code: int, text: str, client: bool) -> None:
    decision = policy.sscn(TLSState(protected=True, mechanism=True, logged_in=True), argument)
    assert (decision.code, decision.text, decision.state.client_method) == (code, text, client)


def test_sscn_limited_and_without_tls() -> None:
    state = TLSState(protected=True, mechanism=True, logged_in=True)
    assert (policy.sscn_limited(state).code, policy.sscn_limited(state).text) == (550, "SSCN: Operation not permitted")
    assert policy.sscn(TLSState(), "ON").text == "SSCN not understood"


@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize("protected", [False, True])
@pytest.mark.parametrize("per_user", [False, True])
def test_after_user(value: str, protected: bool, per_user: bool) -> None:
    """With AllowPerUser the session ends; without, the gate refuses the password."""
    requirement = required([value])
    state = TLSState(protected=protected, mechanism=protected)
    decision = policy.after_user(state, requirement, allow_per_user=per_user)
    if per_user and not protected and 1 in (requirement.ctrl, requirement.auth):
        assert (decision.code, decision.text, decision.action) == (530, "Login incorrect.", "disconnect")
        assert decision.log == ("SSL/TLS required but absent on control channel, disconnecting",)
        return
    assert (decision.code, decision.action) == (0, "none")
    assert decision.state == state._replace(requirement=requirement, allow_per_user=per_user)
    refused = policy.gate(COMMANDS["PASS"], decision.state)
    assert (refused is not None) == (not per_user and not protected and 1 in (requirement.ctrl, requirement.auth))


def test_after_user_without_tls_engine() -> None:
    state = TLSState(engine=False)
    assert policy.after_user(state, required(["on"]), allow_per_user=True).state == state
