"""The files that the golden configurations name: certificates good and bad, lists, account files."""

from __future__ import annotations

import os
import re
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.x509.oid import ExtendedKeyUsageOID

from ftpsd.diag.check import Report, check
from ftpsd.diag.finding import Finding
from ftpsd.diag.machine import Machine
from ftpsd.settings.auth import AuthSettings
from ftpsd.testing.ca import Identity
from ftpsd.testing.configs import SALT, hash_password
from tests.tls import pki
from tests.tls.pki import DAY, Draft

SERVER = (ExtendedKeyUsageOID.SERVER_AUTH,)
YEAR = 365 * DAY
SHA1 = Path(__file__).with_name("sha1.txt")
"""A certificate signed with SHA-1, and its key: `cryptography` refuses to make one."""
PEM = serialization.Encoding.PEM


class Bench(Machine):
    """A machine that is everywhere the same."""

    def __init__(
        self, *, addresses: tuple[str, ...] = ("192.0.2.7",), names: dict[str, str] | None = None,
        roots: tuple[x509.Name, ...] = (),
    ) -> None:
        self._roots = roots
        self._addresses = addresses
        self._names = names or {}

    def is_root(self) -> bool:
        return False

    def resolve(self, name: str) -> tuple[str, ...]:
        known = {"ftp.example.org": "5.9.1.2", "inside.example.org": "10.0.0.5", **self._names}
        if re.fullmatch(r"[0-9.]+|[0-9a-f:]+", name):
            return (name,)
        return (known[name],) if name in known else ()

    def ephemeral_ports(self) -> tuple[int, int] | None:
        return 32768, 60999

    def addresses(self) -> tuple[str, ...]:
        return self._addresses

    def unreachable(self, host: str, port: int, path: str = "") -> str:
        return "" if host in ("ocsp.example.org", "10.0.0.1") else "Connection refused"

    def pam_problem(self, settings: AuthSettings) -> str:
        return ""

    def public_roots(self) -> frozenset[x509.Name]:
        return frozenset({pki.subject("Public Root"), *self._roots})


def server(name: str, issuer: Identity | None, **changes: object) -> Identity:
    """A server's certificate for ftp.example.org, valid for a year."""
    fields: dict[str, object] = {
        "names": ("ftp.example.org",), "san": ("ftp.example.org",), "usage": SERVER, "key": name, "last": YEAR,
        **changes}
    return Draft(**fields).sign(issuer)  # type: ignore[arg-type]


def text(*identities: Identity) -> bytes:
    return b"".join(each.certificate.public_bytes(PEM) for each in identities)


def key(identity: Identity, password: bytes | None = None) -> bytes:
    cover: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if password is not None:
        cover = serialization.BestAvailableEncryption(password)
    return identity.key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, cover)


class World:
    """All of them in one directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.root = pki.authority("Root", None, last=10 * YEAR)
        self.inter = pki.authority("Inter", self.root, last=5 * YEAR)
        self._servers()
        self._clients()
        self._accounts()
        self._configurations()

    def write(self, name: str, data: bytes | str, mode: int = 0o600) -> Path:
        path = self.directory / name
        path.write_bytes(data.encode() if isinstance(data, str) else data)
        path.chmod(mode)
        return path

    def _pair(self, name: str, identity: Identity) -> None:
        self.write(f"{name}.pem", text(identity))
        self.write(f"{name}.key", key(identity))

    def _servers(self) -> None:
        inter = self.inter
        other = pki.authority("Other", None, last=5 * YEAR)
        self.write("root.pem", text(self.root))
        self.write("inter.pem", text(inter))
        good = server("good", inter)
        self._pair("good", good)
        self._pair("rsa", server("rsa", inter))
        self._pair("expired", server("good", inter, first=-YEAR, last=-DAY))
        self._pair("future", server("good", inter, first=DAY))
        self._pair("soon", server("good", inter, first=-YEAR, last=9 * DAY))
        self._pair("weak", server("weak", inter))
        self._pair("client", server("good", inter, usage=pki.CLIENT_AUTH))
        self._pair("nosan", server("good", inter, san=()))
        self._pair("elsewhere", server("good", inter, san=("www.example.org",)))
        self._pair("wildcard", server("good", inter, san=("*.example.org",)))
        self._pair("addressed", server("good", inter, san=("ftp.example.org", "192.0.2.1")))
        self._pair("self", server("good", None))
        demand = x509.TLSFeature([x509.TLSFeatureType.status_request])
        answering = ("http://ocsp.example.org/",)
        self._pair("must", server("good", inter, more=((demand, False),), responders=("http://silent.example.org/",)))
        self._pair("answered", server("good", inter, responders=answering))
        self._pair("stranger", server("good", other))
        self._pair("public", server("good", pki.authority("Public Root", None, last=5 * YEAR)))
        damaged = pki.spoil_key(good.certificate, pki.DAMAGED)
        self.write("damaged.pem", damaged.public_bytes(pki.PEM).decode())
        self.write("sha1.pem", SHA1.read_bytes())
        self.write("other.key", key(server("elsewhere", inter)))
        self.write("open.key", key(good), 0o644)
        self.write("encrypted.key", key(good, b"secret"))
        self.write("chain.pem", text(inter, self.root))
        deep = pki.authority("Deep", inter, last=5 * YEAR)
        self._pair("deep", server("good", deep))
        self.write("disordered.pem", text(self.root, inter, deep))
        self.write("unrelated.pem", text(inter, other))
        stale = pki.authority("Inter", self.root, first=-YEAR, last=-DAY)
        self.write("stale.pem", text(stale, self.root))
        self.write("empty.pem", "nothing\n")

    def _clients(self) -> None:
        authority = pki.authority("Clients", None, last=5 * YEAR)
        self.write("clients.pem", text(authority))
        self.write("old-clients.pem", text(pki.authority("Clients", None, first=-YEAR, last=-DAY)))
        self.write("no-authority.pem", text(Draft(last=YEAR).sign(authority)))
        self.write("crl.pem", pki.crl(authority, last=30 * DAY))
        self.write("crl-expired.pem", pki.crl(authority, first=-9 * DAY, last=-DAY))
        self.write("crl-future.pem", pki.crl(authority, first=DAY, last=9 * DAY))
        self.write("crl-soon.pem", pki.crl(authority, first=-9 * DAY, last=DAY))
        stranger = pki.authority("Stranger", None)
        self.write("crl-foreign.pem", pki.crl(stranger, last=30 * DAY))
        self.write("crl-forged.pem", pki.crl(authority, last=30 * DAY, signer=stranger, key_identifier=False))
        whole = pki.crl(authority, last=30 * DAY)
        self.write("crl-half.pem", whole + whole[:-40])

    def _accounts(self) -> None:
        home, hashed = self.directory / "home", hash_password("secret", SALT)
        home.mkdir()
        alice = f"alice:{hashed}:1000:1000::{home}:/bin/sh\n"
        self.write("users", alice)
        self.write("users-open", alice, 0o644)
        self.write("users-broken", f"{alice}bob:{hashed}:1001\ncarol::1002:1002::{home}:/bin/sh\n")
        self.write("users-odd", (
            f"{alice}alice:{hashed}:1001:1001::{home}:/bin/sh\n"
            f"plain:secret:1002:1002::{home}:/bin/sh\nold:ab1234567890.:1003:1003::{home}:/bin/sh\n"
            f"super:{hashed}:0:0::{home}:/bin/sh\nhomeless:{hashed}:1004:1004::/nowhere:/bin/sh\n"
            f"shell:{hashed}:1005:1005::{home}:/bin/nonsense\n"))
        self.write("groups-broken", "staff:x:many:alice\n")

    def _configurations(self) -> None:
        base = self.directory
        self.write("base.conf", "User root\nWtmpLog off\nSystemLog none\nDefaultRoot ~\nUseFtpUsers off\n".replace(
            "User root\n", f"User {_somebody()}\n"))
        self.write("tls.conf", (
            f"TLSEngine on\nTLSRequired on\nTLSECCertificateFile {base}/good.pem\n"
            f"TLSECCertificateKeyFile {base}/good.key\nTLSCertificateChainFile {base}/chain.pem\n"))
        (base / "writable").mkdir()
        (base / "writable").chmod(0o777)
        (base / "link.log").symlink_to(base / "real.log")
        self.write("open.log", "", 0o666)
        self.write("pool.secret", "p" * 48, 0o600)
        self.write("open.psk", "01" * 16, 0o644)
        self.write("open.shm", "", 0o666)


def _somebody() -> str:
    import pwd

    return "nobody" if os.getuid() == 0 else pwd.getpwuid(os.getuid()).pw_name


_VOLATILE = (
    (re.compile(r"\d{4}-\d\d-\d\d"), "DATE"), (re.compile(r"OpenSSL \d[^ ]* \d+ \w+ \d{4}"), "OPENSSL"),
    (re.compile(r"in \d+ days"), "in N days"),
)


def shown(finding: Finding, directory: Path) -> str:
    """A finding on one line, without what changes from day to day and from machine to machine."""
    place = f"{finding.location.file}:{finding.location.line} " if finding.location is not None else ""
    named = f"{finding.directive} " if finding.directive else ""
    remedy = f" -> {finding.remedy}" if finding.remedy else ""
    line = f"{finding.severity.word} {place}{named}[{finding.code}] {finding.text}{remedy}"
    for pattern, word in _VOLATILE:
        line = pattern.sub(word, line)
    return line.replace(f"{directory}/", "").replace(str(directory), ".")


def examine(text: str, world: World, name: str = "main.conf", machine: Machine | None = None) -> tuple[Report,
list[str]]:
    """Checks a configuration (`@` is the directory of all files); the report and its findings as lines."""
    path = world.write(name, text.replace("@", str(world.directory)))
    report = check(str(path), machine=machine or Bench())
    return report, [shown(finding, world.directory) for finding in report.all()]


