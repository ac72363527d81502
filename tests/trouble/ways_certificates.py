"""How troubles with certificates are made, the server's and those of clients."""

from __future__ import annotations

import dataclasses
import datetime

from cryptography.x509.oid import ExtendedKeyUsageOID

from ftpsd.testing.ca import Authority, Identity
from ftpsd.testing.configs import ServerConfig
from ftpsd.testing.server import RunningServer
from tests.tls import pki
from tests.tls.pki import DAY, Draft
from tests.trouble.stage import BOTH, CLIENTS, Scene, way

YEAR = 365 * DAY
SERVER = (ExtendedKeyUsageOID.SERVER_AUTH,)


@way("untrusted", *BOTH)
def untrusted(scene: Scene) -> None:
    server = scene.server("TLSRequired on")
    context = scene.context(server)
    context.load_default_certs()
    other = Authority.create("someone else").write(scene.stage.directory / "other.pem")
    strange = scene.context(server)
    strange = type(strange)(strange.protocol)
    strange.load_verify_locations(other)
    strange.minimum_version, strange.maximum_version = context.minimum_version, context.maximum_version
    scene.handshake(server, strange)
    scene.check("chain-incomplete")


def served(scene: Scene, name: str, days: int = 365, bears: str = "localhost") -> RunningServer:
    """A server with a certificate of its own, which ends in so many days."""
    made = scene.stage.certificates.authority.leaf(
        name, alternatives=(bears,), kind="p256", first=-YEAR, last=datetime.timedelta(days=days))
    path = scene.stage.directory / f"{name}.pem"
    if path.exists():
        raise AssertionError("made twice")
    return scene.server("TLSRequired on", certificate=scene.stage.written(name, made))


@way("expired", *BOTH)
def expired(scene: Scene) -> None:
    server = served(scene, f"expired-{scene.version}", days=-1)
    scene.handshake(server, scene.context(server))
    scene.check("cert-expired")


@way("wrong-name", *BOTH)
def wrong_name(scene: Scene) -> None:
    server = served(scene, f"elsewhere-{scene.version}", bears="www.example.org")
    scene.handshake(server, scene.context(server))
    scene.check("cert-names")


def start(scene: Scene, certificate: Identity, key: Identity, password: bytes | None = None) -> None:
    """A start with a certificate and a key that do not do."""
    files = certificate.write(scene.stage.directory, "started")
    files.key.write_bytes(key.key_pem(password))
    scene.say("start", scene.stage.refused(ServerConfig(files)))


@way("wrong-key")
def wrong_key(scene: Scene) -> None:
    authority = scene.stage.certificates.authority
    start(scene, authority.leaf("one"), authority.leaf("another"))
    scene.check("cert-key-mismatch")


@way("passphrase")
def passphrase(scene: Scene) -> None:
    leaf = scene.stage.certificates.authority.leaf("locked")
    start(scene, leaf, leaf, b"open sesame")
    scene.check("cert-key-encrypted")


@way("weak-key")
def weak_key(scene: Scene) -> None:
    weak = Draft(names=("localhost",), san=("localhost",), key="weak", usage=SERVER).sign(CLIENTS)
    start(scene, Identity(weak.certificate, weak.key), weak)
    scene.check("cert-weak-key")


def asking(scene: Scene, *more: str) -> RunningServer:
    """A server that demands certificates of CLIENTS."""
    trusted = scene.stage.file("clients.pem", CLIENTS.certificate_pem)
    return scene.server("TLSRequired on", f"TLSCACertificateFile {trusted}", "TLSVerifyClient on", *more)


def shown(scene: Scene, server: RunningServer, certificate: Identity | None) -> None:
    scene.handshake(server, scene.context(server, certificate))


@way("client-certificate-missing", *BOTH)
def client_certificate_missing(scene: Scene) -> None:
    shown(scene, asking(scene), None)


@way("chain-too-long", *BOTH)
def chain_too_long(scene: Scene) -> None:
    between = pki.authority("Between", CLIENTS)
    shown(scene, asking(scene, "TLSVerifyDepth 0"), Draft().sign(between))
    scene.check("verify-depth-zero")


OURS = pki.authority("MyServerCA", pki.authority("MyRootCA", None))


@way("client-ca-unknown", *BOTH)
def client_ca_unknown(scene: Scene) -> None:
    """MyServerCA is in the chain that the server sends, and not among those whose clients are trusted."""
    own = scene.stage.certificates.server.chain
    assert own is not None
    chain = scene.stage.file("chain.pem", own.read_bytes() + OURS.certificate_pem)
    server = asking(scene, f"TLSCertificateChainFile {chain}")
    identity = Draft(names=("certB",)).sign(OURS)
    shown(scene, server, dataclasses.replace(identity, chain=identity.chain[:1]))  # clients do not send roots


@way("crl-expired", *BOTH)
def crl_expired(scene: Scene) -> None:
    outdated = scene.stage.file("outdated.crl", pki.crl(CLIENTS, first=-9 * DAY, last=-DAY))
    shown(scene, asking(scene, f"TLSCARevocationFile {outdated}"), Draft().sign(CLIENTS))
    scene.check("crl-expired")


REVOKED = Draft(names=("withdrawn",)).sign(CLIENTS)
LIST = pki.crl(CLIENTS, REVOKED)


@way("client-certificate-revoked", *BOTH)
def client_certificate_revoked(scene: Scene) -> None:
    present = scene.stage.file("present.crl", LIST)
    shown(scene, asking(scene, f"TLSCARevocationFile {present}"), REVOKED)


@way("client-certificate-expired", *BOTH)
def client_certificate_expired(scene: Scene) -> None:
    shown(scene, asking(scene), Draft(first=-9 * DAY, last=-DAY).sign(CLIENTS))


@way("client-certificate-purpose", *BOTH)
def client_certificate_purpose(scene: Scene) -> None:
    shown(scene, asking(scene), Draft(usage=SERVER).sign(CLIENTS))
