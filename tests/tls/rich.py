"""A certificate whose names have every part that mod_tls has a variable for."""

from __future__ import annotations

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import NameOID

from ftpsd.testing.ca import Identity
from tests.tls import pki

PARTS = {
    "C": (NameOID.COUNTRY_NAME, "DE"), "ST": (NameOID.STATE_OR_PROVINCE_NAME, "Hessen"),
    "L": (NameOID.LOCALITY_NAME, "Bad Homburg"), "O": (NameOID.ORGANIZATION_NAME, "Files, Inc"),
    "OU": (NameOID.ORGANIZATIONAL_UNIT_NAME, "Größe"), "T": (NameOID.TITLE, "Dr"),
    "G": (NameOID.GIVEN_NAME, "Alice"), "S": (NameOID.SURNAME, "Archer"), "I": (NameOID.INITIALS, "AA"),
    "D": (x509.ObjectIdentifier("2.5.4.13"), "somebody"), "UID": (NameOID.USER_ID, "alice"),
    "Email": (NameOID.EMAIL_ADDRESS, "alice@example.org"), "CN": (NameOID.COMMON_NAME, "Alice Archer"),
}
"""By mod_tls's name of the part."""


OF_SESSION = (
    "FTPS", "TLS_PROTOCOL", "TLS_SESSION_ID", "TLS_CIPHER", "TLS_CIPHER_EXPORT", "TLS_CIPHER_KEYSIZE_POSSIBLE",
    "TLS_CIPHER_KEYSIZE_USED", "TLS_SERVER_NAME", "TLS_LIBRARY_VERSION",
)
OF_CERTIFICATE = (
    "M_VERSION", "M_SERIAL", "S_DN", "I_DN", *(f"{letter}_DN_{part}" for letter in "SI" for part in PARTS), "V_START",
    "V_END", "A_SIG", "A_KEY",
)
TEXTS = ("TLS_SERVER_CERT", "TLS_CLIENT_CERT", "TLS_CLIENT_CERT_CHAIN1", "TLS_CLIENT_CERT_CHAIN2")
NAMES = (
    *OF_SESSION, *(f"TLS_{side}_{name}" for side in ("SERVER", "CLIENT") for name in OF_CERTIFICATE), *TEXTS,
)
"""Every variable of semantics.md 2.16 but those of extensions."""
NOTES = (
    "FTPS", "TLS_PROTOCOL", "TLS_CIPHER", "TLS_SERVER_NAME", "TLS_CLIENT_S_DN_CN", "TLS_CLIENT_A_KEY",
    "TLS_CLIENT_A_SIG", "TLS_LIBRARY_VERSION", "mod_tls.sni",
)


def name(prefix: str) -> x509.Name:
    """A name with all parts; `prefix` stands before the common name."""
    texts = {**{part: value for part, (_, value) in PARTS.items()}, "CN": f"{prefix} {PARTS['CN'][1]}"}
    return x509.Name([x509.NameAttribute(oid, texts[part]) for part, (oid, _) in PARTS.items()])


def authority() -> Identity:
    """Issues `leaf`."""
    own = pki.key("rich authority")
    builder = (
        x509.CertificateBuilder().subject_name(name("CA of")).issuer_name(name("CA of")).serial_number(1)
        .public_key(own.public_key()).not_valid_before(pki.now() - pki.DAY).not_valid_after(pki.now() + pki.DAY)
        .add_extension(x509.BasicConstraints(True, None), True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(own.public_key()), False)
    )
    return Identity(builder.sign(own, hashes.SHA256()), own)


def leaf(issuer: Identity, prefix: str, *, serial: int, dns: str | None = None) -> Identity:
    """A certificate signed by `issuer`; `dns` makes it a server's."""
    own = pki.key(f"rsa {prefix}")
    builder = (
        x509.CertificateBuilder().subject_name(name(prefix)).issuer_name(issuer.certificate.subject)
        .serial_number(serial).public_key(own.public_key()).not_valid_before(pki.now() - pki.DAY)
        .not_valid_after(pki.now() + pki.DAY).add_extension(x509.BasicConstraints(False, None), True)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.key.public_key()), False)
    )
    if dns is not None:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(dns)]), False)
    return Identity(builder.sign(issuer.key, hashes.SHA256()), own)
