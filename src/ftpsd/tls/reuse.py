"""Whether a data connection belongs to the control connection: the proof of session reuse.

Without it, whoever connects to a passive port first gets the file or plants one. The proof is that the data
connection's handshake resumed a session that only the holder of the control connection's keys can resume.

What counts is the identity: 32 random bytes per control connection that the server puts into every ticket
and every cached session and reads back from what the client presented. Session ids decide only where a
session has no identity. Ids alone would not do: with a TLS 1.2 ticket the *client* chooses the id that it
sends along, so that the holder of any ticket could show the id of anybody's session.

A control connection may itself have resumed a session of another one. Both handshakes proved the same secret, so
they are one client's, and both have the same identity from then on: a data connection of either may present a session
of the other. Clients with several control connections and one store of sessions (rclone, Go's libraries) do that.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from typing import Protocol

from ftpsd.reasons.codes import Code, Good

_SEE = "rejecting data connection (see the NoSessionReuseRequired TLSOptions parameter)"
NOT_REUSED = f"client did not reuse SSL session, {_SEE}"
NOT_FROM_CONTROL = f"client did not reuse SSL session from control channel, {_SEE}"
REUSED = "client reused TLS session for data connection"
CERTIFICATE_MISMATCH = "unable to open data connection: control/data certificate mismatch"
FAILED = "unable to open data connection: TLS negotiation failed"
"""The last TLSLog line of every data connection that fails; the session adds it."""


@dataclass(frozen=True, slots=True)
class Proof:
    """`ok`: the data connection may be used. `lines` for the TLSLog, `reason` the stable reason code."""

    ok: bool
    lines: tuple[str, ...]
    reason: Code | Good


class Peer(Protocol):
    """What the proof needs of a connection, see `native._openssl.Connection`."""

    @property
    def resumed(self) -> bool: ...
    @property
    def session_id(self) -> bytes: ...
    @property
    def identity(self) -> bytes: ...
    @property
    def ticket_identity(self) -> bytes: ...
    @property
    def peer_certificate(self) -> bytes | None: ...


def prove(control: Peer | None, data: Peer, *, required: bool, ccc_used: bool) -> Proof:
    """The proof for a data connection whose handshake is done.

    It is not demanded when NoSessionReuseRequired is set or sessions are not cached (`required` False), nor
    after CCC. Client certificates must be the same on both connections in any case. `control` None: the
    control connection never had TLS.
    """
    lines: tuple[str, ...] = ()
    if required and not ccc_used:
        refusal = _session_refusal(control, data)
        if refusal is not None:
            return refusal
        lines = (REUSED,)
    if control is not None and not _same_certificate(control, data):
        return Proof(False, (*lines, CERTIFICATE_MISMATCH), Code.DATA_CERTIFICATE_MISMATCH)
    return Proof(True, lines, Good.SESSION_REUSED if lines else Good.REUSE_NOT_REQUIRED)


def _session_refusal(control: Peer | None, data: Peer) -> Proof | None:
    if not data.resumed:
        return Proof(False, (NOT_REUSED,), Code.DATA_NOT_RESUMED)
    if control is None or not _same_session(control, data):
        return Proof(False, (REUSED, NOT_FROM_CONTROL), Code.DATA_WRONG_SESSION)
    return None


def _same_session(control: Peer, data: Peer) -> bool:
    shown = data.ticket_identity
    if shown:
        if hmac.compare_digest(control.identity, shown):
            return True
        return control.resumed and hmac.compare_digest(control.ticket_identity, shown)
    return bool(data.session_id) and hmac.compare_digest(control.session_id, data.session_id)


def _same_certificate(control: Peer, data: Peer) -> bool:
    ours, theirs = control.peer_certificate, data.peer_certificate
    return ours is None or theirs is None or hmac.compare_digest(ours, theirs)
