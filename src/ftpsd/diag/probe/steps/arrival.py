"""The way to the server, its greeting, and the first TLS session: what every client does."""

from __future__ import annotations

import ipaddress
import socket
import time
import warnings
from dataclasses import replace

from cryptography import x509
from cryptography.x509 import verification

from ftpsd.diag.machine import system_roots
from ftpsd.diag.probe.dialogue import Dialogue, NotFTP
from ftpsd.diag.probe.facts import Answer, Facts, Features, Greeting, Handshake, Identity, Objection, Reached
from ftpsd.diag.probe.lab import EXPLICIT, IMPLICIT, Lab, NoTLS
from ftpsd.diag.probe.software import guess
from ftpsd.diag.probe.wire import ProbeError, Unreachable, alert_of
from ftpsd.tls import certificates
from ftpsd.tls.client import Offer

PATIENCE = 5.0
"""Seconds for a greeting before the server is taken to be waiting for a TLS handshake."""
_MOST_ADDRESSES = 4
_EXPLICIT, _IMPLICIT = "explicit TLS (ftp://, --explicit)", "implicit TLS (ftps://, --implicit)"


def reach(lab: Lab, facts: Facts) -> Facts:
    """Finds the first address and port that answer. Raises `Unreachable`."""
    options = lab.options
    ports = (options.port,) if options.port else (IMPLICIT,) if options.implicit else (EXPLICIT, IMPLICIT)
    refused: list[str] = []
    for port in ports:
        for address in _addresses(options.host, port):
            start = time.monotonic()
            try:
                lab.wires.connect(address, port).close(reset=True)
            except Unreachable as error:
                refused.append(f"{address} port {port}: {error}")
                continue
            lab.address, lab.port = address, port
            return replace(facts, reached=Reached(address, port, time.monotonic() - start, tuple(refused)))
    raise Unreachable("; ".join(refused))


def _addresses(host: str, port: int) -> list[str]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise Unreachable(f"{host}: {error.strerror or error}") from None
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))[:_MOST_ADDRESSES]


def greet(lab: Lab, facts: Facts) -> Facts:
    """Finds out whether TLS comes first, and reads the greeting. Raises `ProbeError` where there is none."""
    wanted = lab.options.implicit
    either = (True, False) if lab.port == IMPLICIT else (False, True)
    tried: tuple[bool, ...] = either if wanted is None else (wanted,)
    problem: ProbeError | None = None
    for implicit in tried:
        start = time.monotonic()
        try:
            answer = _greeting(lab, implicit, last=implicit is tried[-1])
        except ProbeError as error:
            problem = problem or error
            continue
        lab.implicit = implicit
        return replace(facts, greeting=Greeting(answer, implicit, time.monotonic() - start, guess(answer)))
    assert problem is not None
    if wanted is not None and _greets(lab, not wanted):
        raise NotFTP(f"{problem}; the port is for {_EXPLICIT if wanted else _IMPLICIT}")
    raise problem


def _greets(lab: Lab, implicit: bool) -> bool:
    """Whether the server speaks at all, when it is not as it was asked to."""
    try:
        return bool(_greeting(lab, implicit, last=False).code)
    except ProbeError:
        return False


def _greeting(lab: Lab, implicit: bool, *, last: bool) -> Answer:
    dialogue = lab.connect()
    try:
        if implicit:
            shake = dialogue.wire.secure(Offer(), name=lab.options.name)
            if not shake.good:
                raise NotFTP(f"no TLS handshake: {shake.error}")
        timeout = lab.wires.timeout if last or implicit else min(PATIENCE, lab.wires.timeout)
        return dialogue.answer(timeout=timeout)
    finally:
        dialogue.close()


def introduce(lab: Lab, facts: Facts) -> Facts:
    """FEAT in clear, AUTH, the handshake with what today's clients offer, FEAT again."""
    before = _features_in_clear(lab)
    for word in ("TLS", "SSL"):
        lab.word = word
        try:
            dialogue, shake = lab.secured(Offer(status=True), verify=True)
        except NoTLS as error:
            if word == "SSL":
                return replace(facts, handshake=Handshake(error=str(error), kind="auth"),
                               features=Features(before, None))
            continue
        break
    if not shake.good:
        asked = Identity(
            (), lab.options.host, (), asks_for_certificate=True, credential=lab.wires.credential is not None)
        identity = asked if dialogue.wire.certificate_requested else None
        return replace(facts, handshake=shake, identity=identity, features=Features(before, None))
    identity = _identity(lab, dialogue)
    after = dialogue.ask("FEAT")
    if not after.code:
        shake = replace(shake, error=after.text, kind="eof", alert=alert_of(dialogue.wire.tls))
    dialogue.close()
    return replace(facts, handshake=shake, identity=identity, features=Features(before, after))


def _features_in_clear(lab: Lab) -> Answer | None:
    if lab.implicit:
        return None
    dialogue = lab.greeted()
    answer = dialogue.ask("FEAT")
    dialogue.close()
    return answer


def _identity(lab: Lab, dialogue: Dialogue) -> Identity:
    tls = dialogue.wire.tls
    assert tls is not None
    failures = tls.verify_failures
    objections = tuple(Objection(each.depth, each.code, each.text) for each in failures)
    chain = tls.peer_chain
    return Identity(
        chain=chain, named=lab.options.host, objections=tuple(dict.fromkeys(objections)),
        strict=_strict(chain, lab) if not failures else "",
        staple=tls.status_response, authorities=tls.client_ca_names[:50], own_trust=bool(lab.wires.authorities),
        asks_for_certificate=dialogue.wire.certificate_requested, credential=lab.wires.credential is not None)


def _strict(chain: tuple[bytes, ...], lab: Lab) -> str:
    """What `cryptography` says to a chain by the rules of the CA/Browser Forum; "": nothing, or there is no root to
    begin with.
    """
    roots = certificates.certificates_in(lab.wires.authorities) if lab.wires.authorities else system_roots()
    if not roots or not chain:
        return ""
    subject: x509.GeneralName = x509.DNSName(lab.options.name) if lab.options.name else _address(lab.options.host)
    try:
        leaf, *rest = [x509.load_der_x509_certificate(each) for each in chain]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            builder = verification.PolicyBuilder().store(verification.Store(list(roots)))
            builder.build_server_verifier(subject).verify(leaf, rest)  # type: ignore[arg-type]
    except (ValueError, verification.VerificationError) as error:
        return str(error).partition("(")[0].strip() or str(error)
    return ""


def _address(host: str) -> x509.IPAddress:
    return x509.IPAddress(ipaddress.ip_address(host))
