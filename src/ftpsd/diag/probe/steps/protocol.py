"""The security commands, what goes in clear, and how TLS is spoken: versions, ciphers, names, renegotiation."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from ftpsd.diag.probe.facts import Answer, Facts, Handshake, Hello, Renegotiation, Resumption, Security, Version
from ftpsd.diag.probe.lab import Lab, NoTLS, Sessions
from ftpsd.diag.probe.wire import ProbeError
from ftpsd.tls.client import VERSIONS, Offer, TLSError, ciphers_of

WORDS = ("TLS", "TLS-C", "SSL", "TLS-P")
NOBODY = "ftpsd-probe"
UNKNOWN_NAME = "no-such-host.invalid"
_MOST_CIPHERS = 40
_MEANS = ("tickets", "ids")
_MOMENT = 0.5
"""Seconds in which a server that runs an injected command would have answered it."""


def offer_of(kind: str) -> Offer:
    """What a client offers that resumes in this way (see `facts.Resumption`)."""
    version, _, means = kind.partition(" ")
    return Offer(versions=(version,), tickets=means != "ids")


# -- commands


def commands(lab: Lab, facts: Facts) -> Facts:
    """AUTH in its forms, USER in clear, a command behind AUTH, PBSZ and PROT."""
    if lab.implicit:
        pbsz, levels = _levels(lab)
        return replace(facts, security=Security(pbsz=pbsz, levels=levels))
    auth = {word: _auth(lab, word) for word in WORDS}
    dialogue = lab.greeted()
    plain = dialogue.ask(f"USER {lab.options.user or NOBODY}")
    dialogue.close()
    if facts.handshake is None or not facts.handshake.good:
        return replace(facts, security=Security(auth, plain))
    pbsz, levels = _levels(lab)
    return replace(facts, security=Security(auth, plain, _inject(lab), pbsz, levels))


def _auth(lab: Lab, word: str) -> Answer:
    dialogue = lab.greeted()
    try:
        return dialogue.ask(f"AUTH {word}")
    finally:
        dialogue.wire.close()


def _inject(lab: Lab) -> Literal["run", "dropped", "refused"]:
    """A command sent in clear in one packet with AUTH: a server that keeps it answers it under TLS, as if it had come
    from there (CVE-2011-0411 and its kin).
    """
    dialogue = lab.greeted()
    dialogue.wire.write(f"AUTH {lab.word}\r\nNOOP\r\n".encode())
    try:
        answer = dialogue.answer()
    except ProbeError:
        return "refused"
    if not answer.good or not dialogue.silent(0.0):
        dialogue.wire.close()
        return "refused"
    shake = dialogue.wire.secure(Offer(), name=lab.options.name)
    try:
        if not shake.good:
            return "refused"
        first = dialogue.ask("FEAT")
        if first.code in (0, 211):
            return "dropped" if first.code else "refused"
        return "dropped" if dialogue.silent(min(_MOMENT, lab.wires.timeout)) else "run"
    finally:
        dialogue.wire.close()


def _levels(lab: Lab) -> tuple[Answer | None, dict[str, Answer]]:
    """PBSZ and PROT before anybody has logged in."""
    dialogue, shake = lab.secured(Offer())
    if not shake.good:
        return None, {}
    pbsz = dialogue.ask("PBSZ 0")
    levels = {level: dialogue.ask(f"PROT {level}") for level in ("C", "S", "E", "P")} if pbsz.code else {}
    dialogue.close()
    return pbsz, levels


# -- versions and ciphers


def versions(lab: Lab, facts: Facts) -> Facts:
    """Each version of TLS, and with which ciphers."""
    return replace(facts, versions=tuple(_version(lab, name) for name in VERSIONS))


def _version(lab: Lab, name: str) -> Version:
    left = list(ciphers_of(name))
    if not left:
        return Version(name, missing=True)
    found, error = list[str](), ""
    while left and len(found) < _MOST_CIPHERS:
        shake = _ask_cipher(lab, name, left)
        if not shake.good or shake.version != name or shake.cipher not in left:
            error = "" if found else shake.alert or shake.error
            break
        found.append(shake.cipher)
        left.remove(shake.cipher)
        if not lab.options.ciphers:
            return Version(name, tuple(found), complete=False)
    return Version(name, tuple(found), complete=len(found) < _MOST_CIPHERS, error=error)


def _ask_cipher(lab: Lab, version: str, ciphers: list[str]) -> Handshake:
    words = ":".join(ciphers)
    offer = Offer((version,), suites13=words) if version == "TLSv1.3" else Offer((version,), ciphers=words)
    dialogue, shake = lab.secured(offer)
    dialogue.wire.close()
    return shake


# -- the hello


def hello(lab: Lab, facts: Facts) -> Facts:
    """SNI: none, and a name that the server cannot know; ALPN: `ftp`, and something else."""
    return replace(facts, hello=Hello(
        without_name=_try(lab, Offer(), "") if lab.options.name else None,
        unknown_name=_try(lab, Offer(), UNKNOWN_NAME),
        alpn_ftp=_try(lab, Offer(alpn=(b"ftp",)), None),
        alpn_foreign=_try(lab, Offer(alpn=(b"http/1.1",)), None)))


def _try(lab: Lab, offer: Offer, name: str | None) -> Handshake | None:
    try:
        dialogue, shake = lab.secured(offer, name=name)
    except NoTLS:
        return None
    dialogue.close()
    return shake


# -- renegotiation


def renegotiation(lab: Lab, facts: Facts) -> Facts:
    """Whether a client may ask for new keys under TLS 1.2 or older: each time costs the server a handshake."""
    old = [each.name for each in facts.versions if each.ciphers and each.name != "TLSv1.3"]
    if not old:
        return facts
    dialogue, shake = lab.secured(Offer((old[-1],)))
    if not shake.good:
        return facts
    tls = dialogue.wire.tls
    assert tls is not None
    secure = tls.secure_renegotiation
    outcome: Literal["done", "refused", "ended"]
    try:
        tls.renegotiate()
        answer = dialogue.ask("NOOP")
        outcome = "done" if tls.renegotiations > 0 else "refused" if answer.code else "ended"
    except TLSError:
        outcome = "ended"
    dialogue.close()
    return replace(facts, renegotiation=Renegotiation(secure, outcome))


# -- sessions


def resumption(lab: Lab, facts: Facts) -> Facts:
    """Tickets and ids on control connections, and whether a second one may resume."""
    return replace(facts, resumptions=tuple(_resumption(lab, kind) for kind in _kinds(facts.versions)))


def _kinds(versions: tuple[Version, ...]) -> list[str]:
    """TLS 1.3 knows tickets only; of the older versions the newest stands for all."""
    spoken = [each.name for each in versions if each.ciphers]
    old = [name for name in spoken if name != "TLSv1.3"][-1:]
    return [name for name in spoken if name == "TLSv1.3"] + [f"{name} {means}" for name in old for means in _MEANS]


def _resumption(lab: Lab, kind: str) -> Resumption:
    dialogue, shake = lab.secured(offer_of(kind))
    if not shake.good:
        return Resumption(kind, 0, error=shake.error)
    sessions = Sessions(dialogue.wire)
    dialogue.ask("NOOP")
    sessions.collect()
    session = sessions.first
    dialogue.close()
    if session is None or (kind.endswith("tickets") and not session.has_ticket):
        return Resumption(kind, 0)
    second, again = lab.secured(offer_of(kind), session=session)
    if again.good:
        second.close()
    return Resumption(
        kind, sessions.came, session.lifetime_hint if session.has_ticket else session.timeout,
        resumed=again.resumed if again.good else None, error=again.error)


