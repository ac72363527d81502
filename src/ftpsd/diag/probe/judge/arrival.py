"""The way to the server, its greeting, AUTH and FEAT."""

from __future__ import annotations

from collections.abc import Iterator

from ftpsd.diag.probe.facts import Facts, Features, Handshake, Identity, Security
from ftpsd.diag.probe.lab import EXPLICIT, IMPLICIT
from ftpsd.diag.probe.verdict import Verdict, error, good, note, warning
from ftpsd.reasons.codes import Code

SLOW = 3.0
"""Seconds until the greeting from which on people believe that it hangs."""


def judge(facts: Facts) -> Iterator[Verdict]:
    if facts.unreachable and facts.reached is not None:
        yield error(Code.GREETING_REFUSED, f"A server accepts the connection, and does not greet: {facts.unreachable}.")
        return
    if facts.unreachable:
        yield error(Code.SERVER_UNREACHABLE, f"There is no server to talk to: {facts.unreachable}.")
        return
    yield from _greeting(facts)
    if facts.handshake is not None:
        yield from _handshake(facts.handshake, facts.identity)
    if facts.security is not None:
        yield from _security(facts.security)
    if facts.features is not None and facts.handshake is not None and facts.handshake.good:
        yield from _features(facts)
    for step in facts.steps:
        if step.error:
            yield warning(Code.PROBE_INTERRUPTED, f"The step “{step.name}” could not be finished: {step.error}.")


def _greeting(facts: Facts) -> Iterator[Verdict]:
    greeting, reached = facts.greeting, facts.reached
    if greeting is None or reached is None:
        return
    if not greeting.answer.good:
        yield error(Code.GREETING_REFUSED, f"The server turns clients away: {greeting.answer}.")
    if greeting.seconds > SLOW:
        yield note(Code.GREETING_SLOW, f"The greeting took {greeting.seconds:.1f} s.")
    if greeting.implicit and reached.port == EXPLICIT:
        yield warning(Code.IMPLICIT_PORT, "Port 21 begins with TLS; clients expect plain FTP and AUTH TLS there.")
    if not greeting.implicit and reached.port == IMPLICIT:
        yield warning(Code.IMPLICIT_PORT, "Port 990 begins in clear; clients expect TLS from the first byte there.")


def _handshake(shake: Handshake, identity: Identity | None) -> Iterator[Verdict]:
    if shake.kind == "auth":
        yield error(Code.TLS_UNAVAILABLE, f"The server has no TLS: {shake.error}.")
        return
    if shake.good:
        yield good(f"TLS works: {shake.version}, {shake.cipher}.")
    asked = identity is not None and identity.asks_for_certificate
    credential = identity is not None and identity.credential
    said = f" (it says: {shake.alert})" if shake.alert else ""
    if shake.good and asked and credential:
        yield good("The client's certificate is accepted.")
    elif shake.good and asked:
        yield note(Code.CLIENT_CERT_WANTED, "Clients are asked for a certificate, and may go on without one.")
    elif not shake.good and asked and credential:
        yield error(Code.CLIENT_CERT_INVALID, f"The client's certificate is refused{said}.")
    elif not shake.good and asked:
        yield error(Code.CLIENT_CERT_MISSING, f"Only clients with a certificate get in{said}.")
    elif not shake.good:
        yield error(Code.HANDSHAKE_ERROR, f"The TLS handshake fails: {shake.error}{said}.")


def _security(security: Security) -> Iterator[Verdict]:
    if security.injected == "run":
        yield error(
            Code.INJECTION_RUN, "A command that was sent in clear, behind AUTH, is carried out, and its reply comes "
            "over TLS.")
    elif security.injected:
        yield good("Commands injected behind AUTH are not carried out.")
    user = security.plain_user
    if user is not None and user.code in (230, 331, 332):
        yield warning(Code.TLS_OPTIONAL, "The server takes a user's password without TLS, readable by everybody "
                      "on the way.")
    elif user is not None and user.code:
        yield good("Nobody can log in without TLS.")
    prot = security.levels.get("P")
    if prot is not None and prot.code in (431, 504, 534, 536, 500, 502):
        yield error(Code.PROT_REFUSED, f"Transfers cannot be encrypted: PROT P is answered with {prot}.")


def _features(facts: Facts) -> Iterator[Verdict]:
    features = facts.features
    assert features is not None
    before, after = Features.words(features.before), Features.words(features.after)
    implicit = facts.greeting is not None and facts.greeting.implicit
    if before and not implicit and not any(word.startswith("AUTH") and "TLS" in word for word in before):
        yield warning(Code.AUTH_UNLISTED, "AUTH TLS works, but the list of features (FEAT) does not name it.")
    tried = next((each for each in facts.passive if each.command == "EPSV"), None)
    if tried is not None:
        missing = tried.answer.code // 100 == 5
    else:
        missing = bool(after) and not any(word.startswith("EPSV") for word in after)
    if missing:
        yield note(Code.EPSV_MISSING, "The server has no EPSV: clients on IPv6 cannot transfer anything.")
