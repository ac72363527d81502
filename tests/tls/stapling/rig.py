"""Certificates that want stapling, and responders that answer as a test likes."""

from __future__ import annotations

import datetime
import functools
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID

from ftpsd.settings.tls import TLSSettings
from ftpsd.testing.ca import Identity
from ftpsd.tls.responder import Unreachable
from ftpsd.tls.stapling.subjects import Subject, subject_of
from tests.tls import pki
from tests.tls.pki import DAY, DER, HOUR, Answers, Draft, now

URL = "http://ocsp.invalid/"
MUST_STAPLE = ((x509.TLSFeature([x509.TLSFeatureType.status_request]), False),)
SERVER = (ExtendedKeyUsageOID.SERVER_AUTH,)


@functools.cache
def issuer() -> Identity:
    return pki.authority("StaplingCA", None)


def certificate(*, must: bool = False, key: str = "server", url: str | None = URL, name: str = "localhost") -> Identity:
    return Draft(
        names=(name,), san=(name, "127.0.0.1"), key=key, usage=SERVER, responders=(url,) if url else (),
        more=MUST_STAPLE if must else (),
    ).sign(issuer())


def subject(leaf: Identity | None = None, **settings: object) -> Subject:
    tls = replace(TLSSettings(), **settings)  # type: ignore[arg-type]
    found, why = subject_of((leaf or certificate()).certificate, "/server.pem", [issuer().certificate], tls)
    assert found is not None, why
    return found


def response(
    about: Subject, *, age: datetime.timedelta = HOUR, life: datetime.timedelta | None = 2 * DAY,
    status: ocsp.OCSPCertStatus = ocsp.OCSPCertStatus.GOOD, at: float | None = None, padding: int = 0,
    signer: Identity | None = None,
) -> bytes:
    """A response that was made `age` ago and is good for `life`; `at`: what time it is (seconds of the epoch)."""
    moment = now() if at is None else datetime.datetime.fromtimestamp(at, datetime.UTC)
    by = signer or issuer()
    revoked = status is ocsp.OCSPCertStatus.REVOKED
    builder = ocsp.OCSPResponseBuilder().add_response(
        cert=about.certificate, issuer=about.issuer, algorithm=hashes.SHA1(), cert_status=status,
        this_update=moment - age, next_update=None if life is None else moment - age + life,
        revocation_time=moment - HOUR if revoked else None, revocation_reason=None,
    ).responder_id(ocsp.OCSPResponderEncoding.HASH, by.certificate)
    if padding:
        builder = builder.add_extension(x509.OCSPNonce(bytes(padding)), critical=False)
    return builder.sign(by.key, hashes.SHA256()).public_bytes(DER)


@dataclass
class Sender:
    """Stands for `stapler.send`. `mode` as in `pki.Answers`, `down`: nobody answers, or the next response itself."""

    clock: list[float] | None = None
    mode: str | bytes = "good"
    asked: list[str] = field(default_factory=list)

    def __call__(self, about: Subject, request: bytes) -> bytes:
        self.asked.append(about.url)
        if self.mode == "down":
            raise Unreachable("Connection refused")
        if self.mode == "slow":
            raise Unreachable("timed out")
        if isinstance(self.mode, bytes):
            return self.mode
        if self.clock is not None:
            return response(about, at=self.clock[0])
        return Answers(issuer(), issuer()).answer(self.mode, request)


@dataclass
class Responder:
    """An HTTP responder whose `mode` a test changes; it counts who asked."""

    url: str = ""
    mode: str = "good"
    asked: int = 0
    hold: threading.Event = field(default_factory=threading.Event)


@contextmanager
def responding(mode: str = "good") -> Iterator[Responder]:
    """On loopback; modes as in `pki.Answers`, a number (HTTP status), or `silent` (until the end)."""
    found = Responder(mode=mode)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            found.asked += 1
            question = self.rfile.read(int(self.headers["Content-Length"]))
            if found.mode == "silent":
                found.hold.wait(60)
            status = int(found.mode) if found.mode.isdigit() else 200
            answer = b"" if status != 200 or found.mode == "silent" else Answers(issuer(), issuer()).answer(
                found.mode, question)
            self.send_response(status)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *arguments: object) -> None:
            """Silence."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found.url = f"http://127.0.0.1:{server.server_port}/ocsp"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield found
    finally:
        found.hold.set()
        server.shutdown()
        thread.join()
        server.server_close()
