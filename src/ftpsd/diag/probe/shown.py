"""Facts as lines for people, by theme. Pure. What a server sent is made harmless here."""

from __future__ import annotations

from collections.abc import Iterator

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from ftpsd.diag.looks import names
from ftpsd.diag.looks.certificates import described_key, signature
from ftpsd.diag.probe.facts import DataSeries, Facts, Handshake, Identity, Resumption, Transfer, Version
from ftpsd.ftp.replies import harmless
from ftpsd.tls.certificates import name_text

_FEW = 3


def lines(facts: Facts) -> dict[str, list[str]]:
    """Theme → lines, in the order of the steps; themes of which nothing is known are missing."""
    themes = {
        "server": _server(facts), "certificate": _identity(facts.identity), "TLS": _tls(facts),
        "ciphers": _ciphers(facts.versions), "commands": _commands(facts), "sessions": _sessions(facts.resumptions),
        "login": _login(facts), "data": _data(facts), "time": _times(facts),
    }
    found = {theme: [harmless(line) for line in told] for theme, told in themes.items()}
    return {theme: told for theme, told in found.items() if told}


def _server(facts: Facts) -> Iterator[str]:
    reached, greeting = facts.reached, facts.greeting
    if reached is None:
        return
    kind = "" if greeting is None else ", implicit TLS" if greeting.implicit else ", explicit TLS"
    yield f"{reached.address} port {reached.port}{kind}, connected in {_time(reached.seconds)}"
    if greeting is not None:
        yield f"{greeting.answer} ({_time(greeting.seconds)})"


def _identity(identity: Identity | None) -> Iterator[str]:
    if identity is None:
        return
    for depth, der in enumerate(identity.chain):
        try:
            each = x509.load_der_x509_certificate(der)
        except ValueError:
            yield f"{depth} unreadable"
            continue
        yield f"{depth} {name_text(each.subject) or 'no subject'}, issued by {name_text(each.issuer) or 'nobody'}"
        if depth == 0:
            yield f"  for {', '.join(names.of(each)) or 'no name'}"
            yield f"  SHA-256 {each.fingerprint(hashes.SHA256()).hex(':').upper()}"
        yield (f"  {described_key(each)}, {signature(each)}, {each.not_valid_before_utc:%Y-%m-%d} to "
               f"{each.not_valid_after_utc:%Y-%m-%d}")
    yield f"OCSP response stapled: {'yes' if identity.staple else 'no'}"
    if identity.asks_for_certificate:
        yield f"asks clients for a certificate of: {'; '.join(identity.authorities) or 'anybody'}"


def _tls(facts: Facts) -> Iterator[str]:
    shake = facts.handshake
    if shake is not None and shake.good:
        yield f"{shake.version} {shake.cipher} ({_time(shake.seconds)})"
    hello = facts.hello
    if hello is not None:
        tried = (("no server name", hello.without_name), ("unknown server name", hello.unknown_name),
                 ("ALPN ftp", hello.alpn_ftp), ("ALPN http/1.1", hello.alpn_foreign))
        leaf = shake.leaf if shake is not None else b""
        yield "; ".join(f"{what}: {_welcome(each, leaf)}" for what, each in tried if each is not None)
    renegotiation = facts.renegotiation
    if renegotiation is not None:
        secure = "secure" if renegotiation.secure else "not secure"
        yield f"renegotiation: {secure}, by client: {renegotiation.by_client or 'not tried'}"


def _welcome(shake: Handshake, leaf: bytes) -> str:
    """What became of a handshake beside the first one, in which the certificate was `leaf`."""
    if not shake.good:
        return f"refused ({shake.alert or shake.error})"
    return (shake.alpn or "accepted") + (", with another certificate" if shake.leaf != leaf else "")


def _ciphers(versions: tuple[Version, ...]) -> Iterator[str]:
    for each in versions:
        if each.ciphers:
            more = "" if each.complete else " …"
            yield f"{each.name} {' '.join(each.ciphers)}{more}"
        else:
            yield f"{each.name} {'this OpenSSL cannot ask' if each.missing else f'refused ({each.error})'}"


def _commands(facts: Facts) -> Iterator[str]:
    security = facts.security
    if security is not None:
        if security.auth:
            yield "AUTH " + ", ".join(f"{word} {answer.code}" for word, answer in security.auth.items())
        if security.plain_user is not None:
            yield f"USER without TLS: {security.plain_user}"
        if security.injected:
            yield f"command injected behind AUTH: {security.injected}"
        if security.levels:
            levels = ", ".join(f"{level} {answer.code}" for level, answer in security.levels.items())
            yield f"PBSZ {security.pbsz.code if security.pbsz is not None else '-'}, PROT {levels}"
    features = facts.features
    if features is not None:
        words = features.words(features.after) or features.words(features.before)
        if words:
            yield f"FEAT {', '.join(words)}"
    if facts.clearing is not None:
        yield f"CCC {facts.clearing.answer}"


def _sessions(resumptions: tuple[Resumption, ...]) -> Iterator[str]:
    for each in resumptions:
        if not each.offered:
            yield f"{each.kind}: none{f' ({each.error})' if each.error else ''}"
            continue
        what = "id" if each.kind.endswith("ids") else "ticket"
        again = {True: "resumed", False: "not resumed", None: f"failed ({each.error})"}[each.resumed]
        yield (f"{each.kind}: {each.offered} {what}{'s' if each.offered != 1 else ''} for {each.lifetime} s, new "
               f"control connection {again}")


def _login(facts: Facts) -> Iterator[str]:
    if facts.login is not None:
        yield facts.login.withheld or str(facts.login.answer)
        if facts.login.system:
            yield f"SYST {facts.login.system}"


def _data(facts: Facts) -> Iterator[str]:
    for passive in facts.passive:
        where = f" → {passive.peer} port {passive.port}: {passive.error or 'reached'}" if passive.port else ""
        yield f"{passive.command} {passive.answer}{where}"
    for series in facts.series:
        yield _series(series)
    if facts.clear is not None:
        yield f"in clear: {_outcome(facts.clear)}"
    for active in facts.active:
        yield f"{active.command} {active.answer.code}: {'the server connected' if active.came else active.error or '-'}"
    if facts.written is not None:
        yield f"upload {_outcome(facts.written.stored)}"
        if facts.written.fetched is not None:
            yield f"download {_outcome(facts.written.fetched)}"


def _times(facts: Facts) -> Iterator[str]:
    if facts.steps:
        yield ", ".join(f"{step.name} {_time(step.seconds)}" for step in facts.steps)


def _series(series: DataSeries) -> str:
    resumed = sum(each.handshake is not None and each.handshake.resumed for each in series.resuming)
    worked = sum(each.good for each in series.resuming)
    text = f"{series.kind}: {worked} of {len(series.resuming)} listings, {resumed} resumed"
    if series.bare is not None:
        text += f"; without resuming: {_outcome(series.bare)}"
    return text


def _outcome(transfer: Transfer) -> str:
    if transfer.good:
        return f"{transfer.size} bytes in {_time(transfer.seconds)}"
    return transfer.error or "failed"


def _time(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds >= 1 else f"{seconds * 1000:.0f} ms"
