"""The facts of a server that is all right; tables say what is otherwise."""

from __future__ import annotations

import functools
from datetime import UTC, datetime

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from ftpsd.diag.probe.facts import (
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
from ftpsd.testing.ca import Authority

NOW = datetime.now(UTC)
FEAT = Answer(211, ("Features:", "AUTH TLS", "EPSV", "PBSZ", "PROT", "End"))
REUSE = Answer(425, ("TLS session of the control connection was not reused",))
KINDS = ("TLSv1.3", "TLSv1.2 tickets", "TLSv1.2 ids")


def der(*certificates: x509.Certificate) -> tuple[bytes, ...]:
    return tuple(each.public_bytes(Encoding.DER) for each in certificates)


@functools.cache
def authority() -> Authority:
    return Authority.create("probe's root")


@functools.cache
def chain() -> tuple[x509.Certificate, ...]:
    leaf = authority().intermediate().leaf("ftp.example.org", alternatives=("ftp.example.org",))
    return (leaf.certificate, *leaf.chain)


def shake(version: str = "TLSv1.3", *, resumed: bool = False) -> Handshake:
    return Handshake(version=version, cipher="TLS_AES_256_GCM_SHA384", resumed=resumed, leaf=b"leaf")


def listing(*, resumed: bool = True, fresh: bool = True) -> Transfer:
    return Transfer(
        "LIST", offered=resumed, fresh=fresh, handshake=shake(resumed=resumed), opening=Answer(150, ("here",)),
        closing=Answer(226, ("done",)), size=100, ending="notify")


def refused() -> Transfer:
    return Transfer(
        "LIST", handshake=shake(), opening=Answer(150, ("here",)), closing=REUSE, ending="fin", error=f"got {REUSE}")


def passive(command: str = "EPSV", *, host: str = "192.0.2.1", error: str = "") -> Passive:
    code = 227 if command == "PASV" else 229
    return Passive(command, Answer(code, ("here",)), host=host, port=50000, peer="192.0.2.1", error=error)


def good() -> Facts:
    """Explicit TLS, everything demanded, everything works."""
    yes, no = Answer(200, ("yes",)), Answer(534, ("no",))
    return Facts(
        "ftp.example.org",
        reached=Reached("192.0.2.1", 21, 0.01),
        greeting=Greeting(Answer(220, ("ProFTPD ready",)), False, 0.1, "ProFTPD"),
        handshake=shake(),
        identity=Identity(der(*chain()), "ftp.example.org", ()),
        features=Features(FEAT, FEAT),
        security=Security(
            dict.fromkeys(("TLS", "TLS-C", "SSL", "TLS-P"), Answer(234, ("go",))), Answer(550, ("TLS first",)),
            "dropped", yes, {"C": no, "S": no, "E": no, "P": yes}),
        versions=(
            Version("TLSv1", error="protocol version"), Version("TLSv1.1", error="protocol version"),
            Version("TLSv1.2", ("ECDHE-RSA-AES256-GCM-SHA384",)), Version("TLSv1.3", ("TLS_AES_256_GCM_SHA384",))),
        hello=Hello(shake(), shake(), shake(), Handshake(error="refused", alert="no application protocol")),
        renegotiation=Renegotiation(True, "refused"),
        resumptions=tuple(Resumption(kind, 2, 7200, resumed=True) for kind in KINDS),
        login=Login(Answer(230, ("in",)), system="UNIX"),
        passive=(passive("PASV"), passive()),
        series=tuple(DataSeries(kind, (listing(),) * 4, refused()) for kind in KINDS),
        written=Written(
            Transfer("STOR /x/f", handshake=shake(), closing=Answer(226, ("done",)), ending="notify"),
            Transfer("RETR /x/f", handshake=shake(), closing=Answer(226, ("done",)), ending="notify"),
            same=True, deleted=Answer(250, ("gone",))),
        clearing=Clearing(Answer(534, ("no",))),
        steps=(Step("greeting", 0.1),),
        connections=90,
    )
