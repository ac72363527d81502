"""Certificates while the server runs, and where they come from. Directives of ftpsd's own."""

# ruff: noqa: RUF009 (`directive` makes a dataclass field)

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from ftpsd.settings.arguments import (
    NONE_WORDS,
    ArgumentError,
    Boolean,
    Integer,
    OptionalPath,
    Path,
    Special,
    want,
)
from ftpsd.settings.declaration import EVERY_HOST, ROOT, Combine, directive

MODULE = "mod_ftpsd"

KNOWN_SERVERS = {
    "letsencrypt": "https://acme-v02.api.letsencrypt.org/directory",
    "letsencrypt-staging": "https://acme-staging-v02.api.letsencrypt.org/directory",
}
MOST_NAMES = 100
"""Names in one certificate, as with Let's Encrypt."""

_NAME = re.compile(r"(?=.{1,253}$)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")


class Challenge(NamedTuple):
    """How an ACME server verifies names, and where its questions are answered (`address` "": everywhere)."""

    kind: Literal["http-01", "tls-alpn-01"]
    address: str
    port: int


def acme_server(words: Sequence[str]) -> str | None:
    """`none`, `letsencrypt`, `letsencrypt-staging` or `https://…`."""
    want(words, 1, 1)
    word = words[0]
    if word.lower() in NONE_WORDS:
        return None
    found = KNOWN_SERVERS.get(word.lower(), word)
    if not re.fullmatch(r"https://[^\s/]+(/\S*)?", found):
        raise ArgumentError(
            f"'{word}' is no address of an ACME server", remedy="Write letsencrypt, or https:// and its directory.")
    return found


def acme_names(words: Sequence[str]) -> tuple[str, ...]:
    """DNS names."""
    want(words, 1, MOST_NAMES)
    for word in words:
        if word.startswith("*."):
            raise ArgumentError(
                f"'{word}': names with a star need a challenge by DNS, which ftpsd does not do",
                remedy="Name every host, or let certbot or acme.sh renew the files.")
        if not _NAME.fullmatch(word.lower()) or word.replace(".", "").isdecimal():
            raise ArgumentError(f"'{word}' is no DNS name", remedy="Write for example ftp.example.org.")
    return tuple(dict.fromkeys(word.lower() for word in words))


def acme_challenge(words: Sequence[str]) -> Challenge:
    """`http-01|tls-alpn-01 [[address:]port]`."""
    want(words, 1, 2)
    kind = words[0].lower()
    if kind not in ("http-01", "tls-alpn-01"):
        raise ArgumentError(f"unknown challenge '{words[0]}'", remedy="It is http-01 or tls-alpn-01.")
    address, port = _place(words[1]) if len(words) == 2 else ("", 0)
    if kind == "http-01":
        return Challenge("http-01", address, port or 80)
    return Challenge("tls-alpn-01", address, port or 443)


def _place(word: str) -> tuple[str, int]:
    host, _, port = word.rpartition(":")
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    if bare:
        try:
            bare = str(ipaddress.ip_address(bare))
        except ValueError:
            raise ArgumentError(
                f"'{word}' is not an address and a port", remedy="Write 127.0.0.1:8402, [::1]:8402 or 8402.") from None
    return bare, Integer(1, 65535).parse([port])


def acme_contact(words: Sequence[str]) -> str | None:
    """A mail address, or `none`."""
    want(words, 1, 1)
    if words[0].lower() in NONE_WORDS:
        return None
    if not re.fullmatch(r"[^@\s,?]+@[^@\s,?]+", words[0]):
        raise ArgumentError(f"'{words[0]}' is no mail address", remedy="Write for example admin@example.org.")
    return words[0]


@dataclass(frozen=True, slots=True)
class CertificateSettings:
    """What happens to certificates between two reloads."""

    watch: bool = directive(
        "TLSCertificateWatch", Boolean(), True, contexts=ROOT, module=MODULE, combine=Combine.LAST,
        good=("on", "off"), bad=("", "maybe"),
        doc="Files of certificates, keys, chains and authorities are watched: what is put there is served to new"
        " sessions by itself, when it belongs together, is in force, and has the names and at least the days of what it"
        " replaces. Otherwise the log says why not, and the old certificate is served on. `off`: files are only read at"
        " start and reload (SIGHUP), as by ProFTPD. A directive of ftpsd's own.",
    )
    acme_server: str | None = directive(
        "ACMEServer", Special("none|letsencrypt|letsencrypt-staging|https://…", acme_server), None, contexts=ROOT,
        module=MODULE, combine=Combine.LAST, default_text="none",
        good=("letsencrypt", "https://acme.example.org/directory", "none"),
        bad=("", "http://acme.example.org/", "acme.example.org", "https://"),
        doc="Where certificates for ACMENames are got and renewed (RFC 8555): the address of the server's directory."
        " Needs the library acme. ftpsd's own, as are all ACME directives.",
    )
    acme_names: tuple[str, ...] = directive(
        "ACMENames", Special("name …", acme_names), (), contexts=EVERY_HOST, module=MODULE, default_text="none",
        good=("ftp.example.org", "ftp.example.org FTP2.example.org"),
        bad=("", "*.example.org", "192.0.2.7", "ftp_1.example.org", "-a.example.org"),
        doc="Names of the certificate that ACMEServer is asked for. It is written to this host's TLSECCertificateFile"
        " and TLSECCertificateKeyFile (or the two of RSA), a new key each time.",
    )
    acme_agreed: bool = directive(
        "ACMEAgreeToTerms", Boolean(), False, contexts=ROOT, module=MODULE, combine=Combine.LAST, good=("on", "off"),
        bad=("", "perhaps"), doc="You agree to the terms of service of ACMEServer.",
    )
    acme_contact: str | None = directive(
        "ACMEContact", Special("mail address|none", acme_contact), None, contexts=ROOT, module=MODULE,
        combine=Combine.LAST, default_text="none", good=("admin@example.org", "none"), bad=("", "admin", "a@b c"),
        doc="Mail address of the account at ACMEServer.",
    )
    acme_account_key_file: str = directive(
        "ACMEAccountKeyFile", Path(), "/var/lib/ftpsd/acme/account.key", contexts=ROOT, module=MODULE,
        combine=Combine.LAST, good=("/etc/ftpsd/acme.key",), bad=("", "acme.key"),
        doc="Key (PEM) of the account at ACMEServer; made where there is none. Beside it stands what has failed when.",
    )
    acme_ca_certificate_file: str | None = directive(
        "ACMECACertificateFile", OptionalPath(), None, contexts=ROOT, module=MODULE, combine=Combine.LAST,
        good=("/etc/ftpsd/acme-ca.pem", "none"), bad=("", "ca.pem"),
        doc="Certificates (PEM) of the authorities that vouch for ACMEServer; default: those of the system.",
    )
    acme_challenge: Challenge = directive(
        "ACMEChallenge", Special("http-01|tls-alpn-01 [[address:]port]", acme_challenge), Challenge("http-01", "", 80),
        contexts=ROOT, module=MODULE, combine=Combine.LAST, default_text="http-01",
        good=("http-01", "tls-alpn-01", "http-01 127.0.0.1:8402", "tls-alpn-01 [::1]:8443", "http-01 8080"),
        bad=("", "dns-01", "http-01 localhost:80", "http-01 127.0.0.1", "http-01 0"),
        doc="How ACMEServer verifies names: http-01 (it connects to port 80 of each name) or tls-alpn-01 (port 443)."
        " While an order runs, its questions are answered on that port, or on the address and port that stand here: a"
        " web server that has port 80 can pass /.well-known/acme-challenge/ on.",
    )
