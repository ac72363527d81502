"""The proof of session reuse as a table."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from ftpsd.tls import reuse

SEEDS_LINE = (
    "client did not reuse SSL session, rejecting data connection (see the NoSessionReuseRequired TLSOptions "
    "parameter)"
)


@dataclass(frozen=True)
class End:
    """A connection as far as the proof looks at it."""

    resumed: bool = False
    session_id: bytes = b""
    identity: bytes = b""
    ticket_identity: bytes = b""
    peer_certificate: bytes | None = None


OURS, THEIRS, EARLIER = b"o" * 32, b"t" * 32, b"e" * 32
CONTROL = End(session_id=b"id", identity=OURS)


@pytest.mark.parametrize(
    ("control", "data", "reason"),
    [
        (CONTROL, End(), "data-not-resumed"),
        (CONTROL, End(session_id=b"id", ticket_identity=OURS), "data-not-resumed"),
        (CONTROL, End(resumed=True, ticket_identity=OURS), "session-reused"),
        (CONTROL, End(resumed=True, ticket_identity=OURS, session_id=b"other"), "session-reused"),
        (CONTROL, End(resumed=True, ticket_identity=THEIRS), "data-wrong-session"),
        (CONTROL, End(resumed=True, ticket_identity=OURS[:-1]), "data-wrong-session"),
        (CONTROL, End(resumed=True, session_id=b"id"), "session-reused"),
        (CONTROL, End(resumed=True, session_id=b"id2"), "data-wrong-session"),
        (CONTROL, End(resumed=True), "data-wrong-session"),
        (End(identity=OURS), End(resumed=True), "data-wrong-session"),
        (None, End(resumed=True, session_id=b"id"), "data-wrong-session"),
        (None, End(), "data-not-resumed"),
    ],
)
def test_session(control: End | None, data: End, reason: str) -> None:
    proof = reuse.prove(control, data, required=True, ccc_used=False)
    assert proof.reason == reason
    assert proof.ok is (reason == "session-reused")


def test_an_id_does_not_help_the_holder_of_another_ticket() -> None:
    data = End(resumed=True, session_id=CONTROL.session_id, ticket_identity=THEIRS)
    assert not reuse.prove(CONTROL, data, required=True, ccc_used=False).ok


def test_control_connection_that_resumed_an_earlier_session() -> None:
    control = End(resumed=True, session_id=b"x", identity=OURS, ticket_identity=EARLIER)
    assert reuse.prove(control, End(resumed=True, ticket_identity=EARLIER), required=True, ccc_used=False).ok
    assert reuse.prove(control, End(resumed=True, ticket_identity=OURS), required=True, ccc_used=False).ok
    fresh = End(identity=OURS, ticket_identity=EARLIER)
    refused = reuse.prove(fresh, End(resumed=True, ticket_identity=EARLIER), required=True, ccc_used=False)
    assert refused.reason == "data-wrong-session"


def test_lines() -> None:
    refused = reuse.prove(CONTROL, End(), required=True, ccc_used=False)
    assert refused.lines == (SEEDS_LINE,)
    elsewhere = reuse.prove(CONTROL, End(resumed=True, ticket_identity=THEIRS), required=True, ccc_used=False)
    assert elsewhere.lines == (
        "client reused TLS session for data connection",
        SEEDS_LINE.replace("SSL session,", "SSL session from control channel,"),
    )
    accepted = reuse.prove(CONTROL, End(resumed=True, ticket_identity=OURS), required=True, ccc_used=False)
    assert accepted.lines == ("client reused TLS session for data connection",)


@pytest.mark.parametrize(("required", "ccc_used"), [(False, False), (True, True), (False, True)])
def test_not_demanded(required: bool, ccc_used: bool) -> None:
    proof = reuse.prove(CONTROL, End(), required=required, ccc_used=ccc_used)
    assert (proof.ok, proof.lines, proof.reason) == (True, (), "reuse-not-required")
    assert reuse.prove(None, End(), required=required, ccc_used=ccc_used).ok


@pytest.mark.parametrize(
    ("ours", "theirs", "ok"),
    [(None, None, True), (b"A", None, True), (None, b"A", True), (b"A", b"A", True), (b"A", b"B", False)],
)
@pytest.mark.parametrize("required", [False, True])
def test_certificates(ours: bytes | None, theirs: bytes | None, ok: bool, required: bool) -> None:
    control = End(identity=OURS, peer_certificate=ours)
    data = End(resumed=True, ticket_identity=OURS, peer_certificate=theirs)
    proof = reuse.prove(control, data, required=required, ccc_used=False)
    assert proof.ok is ok
    if not ok:
        assert proof.reason == "data-certificate-mismatch"
        assert proof.lines[-1] == "unable to open data connection: control/data certificate mismatch"
