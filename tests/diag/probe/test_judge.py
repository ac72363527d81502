"""Facts → findings, as tables: what differs from a server that is all right, and what is said about it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from ftpsd.diag.probe import judge
from ftpsd.diag.probe.advice import advice
from ftpsd.diag.probe.facts import (
    Active,
    Answer,
    Clearing,
    DataSeries,
    Facts,
    Features,
    Greeting,
    Handshake,
    Hello,
    Identity,
    Login,
    Objection,
    Passive,
    Reached,
    Renegotiation,
    Resumption,
    Security,
    Step,
    Transfer,
    Version,
    Written,
)
from ftpsd.diag.probe.verdict import Grade
from ftpsd.reasons.codes import Code
from ftpsd.testing.ca import DAY
from tests.diag.probe.examples import KINDS, NOW, REUSE, authority, chain, der, good, listing, passive, refused, shake

ALWAYS = {Code.RESUMPTION_REQUIRED}
"""The note that a good server gets: whoever demands resumption has clients that cannot."""
Found = dict[Code, Grade]


def found(facts: Facts) -> Found:
    return {each.code: each.grade for each in judge.decide(facts, NOW) if each.code is not None}


def security(**changes: Any) -> Callable[[Facts], Facts]:
    return lambda facts: replace(facts, security=replace(facts.security or Security(), **changes))


def part(**changes: Any) -> Callable[[Facts], Facts]:
    return lambda facts: replace(facts, **changes)


def identity(*certificates: Any, named: str = "ftp.example.org", codes: tuple[int, ...] = (), **more: Any) -> Identity:
    return Identity(der(*certificates), named, tuple(Objection(0, code, f"number {code}") for code in codes), **more)


def series(*resuming: Transfer, bare: Transfer | None = None) -> Callable[[Facts], Facts]:
    return part(series=(DataSeries("TLSv1.3", resuming, bare),))


def broken(text: str = "got 425", *, resumed: bool = False, offered: bool = True, fresh: bool = True) -> Transfer:
    return replace(refused(), handshake=shake(resumed=resumed), offered=offered, fresh=fresh, error=text)


NO = Handshake(error="refused", kind="protocol", alert="handshake failure")
STORED = Transfer("STOR /x/f", handshake=shake(), closing=Answer(226, ("done",)))

TABLE: tuple[tuple[str, Callable[[Facts], Facts], Code, Grade], ...] = (
    ("turned away", part(greeting=Greeting(Answer(421, ("too many",)), False, 0.1)),
     Code.GREETING_REFUSED, Grade.ERROR),
    ("slow", part(greeting=Greeting(Answer(220, ("hi",)), False, 9.0)), Code.GREETING_SLOW, Grade.NOTE),
    ("implicit on 21", part(greeting=Greeting(Answer(220, ("hi",)), True, 0.1)), Code.IMPLICIT_PORT, Grade.WARNING),
    ("explicit on 990", part(reached=Reached("192.0.2.1", 990, 0.1)), Code.IMPLICIT_PORT, Grade.WARNING),
    ("no TLS", part(handshake=Handshake(error="AUTH: 502", kind="auth")), Code.TLS_UNAVAILABLE, Grade.ERROR),
    ("handshake fails", part(handshake=NO, identity=None), Code.HANDSHAKE_ERROR, Grade.ERROR),
    ("certificate demanded", part(handshake=NO, identity=identity(*chain(), asks_for_certificate=True)),
     Code.CLIENT_CERT_MISSING, Grade.ERROR),
    ("certificate refused", part(handshake=NO, identity=identity(*chain(), asks_for_certificate=True, credential=True)),
     Code.CLIENT_CERT_INVALID, Grade.ERROR),
    ("certificate wanted", part(identity=identity(*chain(), asks_for_certificate=True)),
     Code.CLIENT_CERT_WANTED, Grade.NOTE),
    ("injection", security(injected="run"), Code.INJECTION_RUN, Grade.ERROR),
    ("password in clear", security(plain_user=Answer(331, ("password",))), Code.TLS_OPTIONAL, Grade.WARNING),
    ("PROT P refused", security(levels={"P": Answer(536, ("no",))}), Code.PROT_REFUSED, Grade.ERROR),
    ("FEAT without AUTH", part(features=Features(Answer(211, ("F:", "EPSV", "End")), None)),
     Code.AUTH_UNLISTED, Grade.WARNING),
    ("no EPSV", part(passive=(passive("PASV"), Passive("EPSV", Answer(500, ("what?",))))),
     Code.EPSV_MISSING, Grade.NOTE),
    ("step broken off", part(steps=(Step("login", 1.0, "it hung up"),)), Code.PROBE_INTERRUPTED, Grade.WARNING),
    # certificates
    ("self-signed", part(identity=identity(authority().identity.certificate, named="probe's root", codes=(18,))),
     Code.CERT_SELF_SIGNED, Grade.WARNING),
    ("no intermediate", part(identity=identity(chain()[0], codes=(20, 21))), Code.CHAIN_INCOMPLETE, Grade.ERROR),
    ("chain to nowhere", part(identity=identity(*chain(), codes=(20,))), Code.SERVER_CERT_UNTRUSTED, Grade.WARNING),
    ("root sent along", part(identity=identity(*chain(), authority().identity.certificate, codes=(19,))),
     Code.SERVER_CERT_UNTRUSTED, Grade.WARNING),
    ("another name", part(identity=identity(*chain(), named="www.example.org", codes=(62,))),
     Code.CERT_NAMES, Grade.ERROR),
    ("another address", part(identity=identity(*chain(), named="192.0.2.1", codes=(64,))),
     Code.CERT_NAMES, Grade.WARNING),
    ("wrong order", part(identity=identity(chain()[0], authority().identity.certificate, chain()[1])),
     Code.CHAIN_DISORDERED, Grade.WARNING),
    ("something else", part(identity=identity(*chain(), codes=(34,))), Code.SERVER_CERT_REJECTED, Grade.ERROR),
    ("by hand", part(identity=identity(*chain(), strict="no AKI")), Code.CERT_IRREGULAR, Grade.NOTE),
    ("broken staple", part(identity=identity(*chain(), staple=b"what")), Code.STAPLE_UNUSABLE, Grade.WARNING),
    # protocol
    ("TLS 1.0 only", part(versions=(Version("TLSv1", ("AES128-SHA",)),)), Code.PROTOCOL_OBSOLETE, Grade.ERROR),
    ("TLS 1.1 too", part(versions=(Version("TLSv1.1", ("ECDHE-X",)), Version("TLSv1.3", ("TLS_X",)))),
     Code.PROTOCOL_OBSOLETE, Grade.WARNING),
    ("no TLS 1.3", part(versions=(Version("TLSv1.2", ("ECDHE-X",)),)), Code.TLS13_MISSING, Grade.NOTE),
    ("anonymous", part(versions=(Version("TLSv1.2", ("ADH-AES256-SHA",)),)), Code.CIPHER_WEAK, Grade.ERROR),
    ("no encryption", part(versions=(Version("TLSv1.2", ("ECDHE-RSA-NULL-SHA",)),)), Code.CIPHER_WEAK, Grade.ERROR),
    ("RC4", part(versions=(Version("TLSv1.2", ("ECDHE-RSA-RC4-SHA",)),)), Code.CIPHER_WEAK, Grade.WARNING),
    ("static RSA", part(versions=(Version("TLSv1.2", ("AES256-SHA",)),)), Code.NO_FORWARD_SECRECY, Grade.NOTE),
    ("SNI needed", part(hello=Hello(without_name=NO)), Code.SNI_REQUIRED, Grade.WARNING),
    ("SNI unknown", part(hello=Hello(unknown_name=NO)), Code.SNI_UNKNOWN, Grade.NOTE),
    ("ALPN ftp refused", part(hello=Hello(alpn_ftp=NO)), Code.ALPN_REFUSED, Grade.WARNING),
    ("not RFC 5746", part(renegotiation=Renegotiation(False, "refused")), Code.RENEGOTIATION_INSECURE, Grade.ERROR),
    ("client renegotiates", part(renegotiation=Renegotiation(True, "done")), Code.RENEGOTIATION_OPEN, Grade.WARNING),
    # sessions
    ("resuming throws out", part(resumptions=(Resumption("TLSv1.3", 2, error="reset"),)),
     Code.RESUMPTION_BROKEN, Grade.ERROR),
    ("reuse not demanded", series(listing(), bare=listing(resumed=False)), Code.REUSE_SWITCHED_OFF, Grade.NOTE),
    ("no resumption", series(listing(resumed=False), bare=listing(resumed=False)),
     Code.RESUMPTION_UNAVAILABLE, Grade.WARNING),
    ("demanded and not offered", series(broken(f"got {REUSE}", offered=False)), Code.RESUMPTION_BROKEN, Grade.ERROR),
    ("resumed and refused", series(broken("got 425", resumed=True)), Code.RESUMPTION_BROKEN, Grade.ERROR),
    ("second one refused", series(listing(), broken("got 425", resumed=True)), Code.RESUMPTION_BROKEN, Grade.ERROR),
    ("transfer fails", series(broken("reset", offered=False)), Code.RESUMPTION_BROKEN, Grade.ERROR),
    ("TLS fails", series(replace(broken("no TLS", offered=False), closing=Answer(426, ("broken",)))),
     Code.DATA_TLS_ERROR, Grade.ERROR),
    ("tickets run dry", series(listing(), listing(), listing(fresh=False), bare=refused()),
     Code.TICKETS_RUN_DRY, Grade.WARNING),
    ("tickets run dry, and refused", series(listing(), broken(fresh=False, resumed=True)),
     Code.TICKETS_RUN_DRY, Grade.WARNING),
    # transfers
    ("wrong password", part(login=Login(Answer(530, ("no",)))), Code.PROBE_LOGIN_FAILED, Grade.WARNING),
    ("not sent", part(login=Login(Answer(0), withheld="untrusted")), Code.PASSWORD_WITHHELD, Grade.WARNING),
    ("private address", part(passive=(passive("PASV", host="10.0.0.1"),)), Code.NAT_PRIVATE_ADDRESS, Grade.ERROR),
    ("another host", part(passive=(passive("PASV", host="198.51.100.1"),)), Code.PASV_OTHER_HOST, Grade.WARNING),
    ("closed port", part(passive=(passive(error="no answer"),)), Code.DATA_NOT_CONNECTED, Grade.ERROR),
    ("no address", part(passive=(Passive("PASV", Answer(227, ("hm",)), error="none"),)),
     Code.PASV_UNREADABLE, Grade.ERROR),
    ("no close_notify", series(replace(listing(), ending="fin"), bare=refused()),
     Code.CLOSE_NOTIFY_MISSING, Grade.WARNING),
    ("in clear", part(clear=replace(listing(), private=False)), Code.DATA_IN_CLEAR, Grade.WARNING),
    ("active refused", part(active=(Active("PORT", Answer(500, ("no",))),)), Code.ACTIVE_REFUSED, Grade.NOTE),
    ("active unreachable", part(active=(Active("PORT", Answer(200, ("ok",)), error="nobody"),)),
     Code.ACTIVE_UNREACHABLE, Grade.NOTE),
    ("upload fails", part(written=Written(replace(STORED, error="550 no"))), Code.PROBE_TRANSFER_FAILED, Grade.ERROR),
    ("comes back changed", part(written=Written(STORED, STORED, deleted=Answer(250, ("gone",)))),
     Code.PROBE_TRANSFER_FAILED, Grade.ERROR),
    ("cannot be deleted", part(written=Written(STORED, STORED, same=True, deleted=Answer(550, ("no",)))),
     Code.PROBE_FILE_LEFT, Grade.WARNING),
    ("CCC works", part(clearing=Clearing(Answer(200, ("ok",)), True)), Code.CCC_ALLOWED, Grade.NOTE),
    ("CCC breaks", part(clearing=Clearing(Answer(200, ("ok",)), False, "reset")),
     Code.CCC_SHUTDOWN_FAILED, Grade.WARNING),
)


def test_a_good_server_is_good() -> None:
    verdicts = judge.decide(good(), NOW)
    assert found(good()) == {Code.RESUMPTION_REQUIRED: Grade.NOTE}
    assert judge.status(good(), verdicts) == 0
    assert sum(each.grade is Grade.GOOD for each in verdicts) >= 10


@pytest.mark.parametrize(("change", "code", "grade"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE])
def test_what_is_wrong_is_found(change: Callable[[Facts], Facts], code: Code, grade: Grade) -> None:
    facts = change(good())
    assert found(facts).get(code) is grade
    assert set(found(facts)) - ALWAYS - {code} <= ACCOMPANY.get(code, frozenset())
    assert judge.status(facts, judge.decide(facts, NOW)) >= max(grade, 0)


ACCOMPANY: dict[Code, frozenset[Code]] = {
    Code.PROTOCOL_OBSOLETE: frozenset({Code.NO_FORWARD_SECRECY}),
    Code.CIPHER_WEAK: frozenset({Code.TLS13_MISSING}),
    Code.NO_FORWARD_SECRECY: frozenset({Code.TLS13_MISSING}),
    Code.CERT_SELF_SIGNED: frozenset({Code.CERT_WITHOUT_SAN}),
    Code.CHAIN_DISORDERED: frozenset(),
    Code.TICKETS_RUN_DRY: frozenset({Code.REUSE_SWITCHED_OFF}),
    Code.RESUMPTION_BROKEN: frozenset({Code.REUSE_SWITCHED_OFF}),
}
"""What may be found besides, because it is true of the same example."""


def test_dates() -> None:
    last = chain()[0].not_valid_after_utc
    first = chain()[0].not_valid_before_utc
    for now, code in (
        (last + DAY, Code.CERT_EXPIRED), (last - 10 * DAY, Code.CERT_EXPIRES_SOON),
        (first - DAY, Code.CERT_NOT_YET_VALID),
        (chain()[1].not_valid_after_utc + DAY, Code.CHAIN_EXPIRED),
    ):
        assert code in {each.code for each in judge.decide(good(), now)}


def test_not_reached_is_a_status_of_its_own() -> None:
    facts = Facts("nowhere", unreachable="connection refused")
    verdicts = judge.decide(facts, NOW)
    assert [each.code for each in verdicts] == [Code.SERVER_UNREACHABLE]
    assert judge.status(facts, verdicts) == 3


def test_the_worst_comes_first() -> None:
    facts = security(injected="run", plain_user=Answer(331, ("password",)))(good())
    grades = [each.grade for each in judge.decide(facts, NOW)]
    assert grades == sorted(grades, reverse=True)
    assert judge.status(facts, judge.decide(facts, NOW)) == 2


@pytest.mark.parametrize("code", [row[2] for row in TABLE])
def test_whoever_runs_it_is_told_what_to_do(code: Code) -> None:
    for software in ("", "ProFTPD", "vsFTPd", "Pure-FTPd", "ftpsd"):
        assert any(advice(code, software)) or code is Code.PROBE_INTERRUPTED


def test_advice_speaks_the_servers_language() -> None:
    assert advice(Code.NAT_PRIVATE_ADDRESS, "vsFTPd")[0].startswith("pasv_address")
    assert advice(Code.NAT_PRIVATE_ADDRESS, "ftpsd") == advice(Code.NAT_PRIVATE_ADDRESS, "ProFTPD")
    assert "passive" in advice(Code.NAT_PRIVATE_ADDRESS, "unknown")[0]


def test_facts_of_no_transfer_need_no_login() -> None:
    facts = replace(good(), login=None, passive=(), series=(), written=None, clearing=None)
    assert found(facts) == {}
    assert timedelta(0) < chain()[0].not_valid_after_utc - NOW


def test_kinds_are_told_apart() -> None:
    facts = replace(good(), series=(
        DataSeries(KINDS[0], (broken("got 425", resumed=True),)), DataSeries(KINDS[1], (listing(),), refused())))
    texts = [each.text for each in judge.decide(facts, NOW) if each.code is Code.RESUMPTION_BROKEN]
    assert len(texts) == 1
    assert "(TLSv1.3)" in texts[0]
