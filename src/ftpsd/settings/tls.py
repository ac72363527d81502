"""mod_tls: everything about FTP over TLS that has an effect now."""

# ruff: noqa: RUF009 (`directive` makes a dataclass field)

from __future__ import annotations

from dataclasses import dataclass

from ftpsd.settings import tls_parsers, tls_users
from ftpsd.settings.arguments import Addresses, Boolean, Duration, Integer, OptionalPath, Special
from ftpsd.settings.declaration import ANYWHERE, CONNECTION, HOST, Combine, Context, directive
from ftpsd.settings.modules import OWN
from ftpsd.settings.tls_keys import file_of as _file
from ftpsd.settings.tls_stapling import StaplingSettings
from ftpsd.settings.tls_users import CertificateLogin, CertificateRule
from ftpsd.settings.values import CipherSuite, Renegotiate, SessionCache, TLSRequirement

MODULE = "mod_tls"
MODULE_VERSION = "mod_tls/2.9.2"
"""What stands before mod_tls's messages."""

# mod_ifsession's sections are applied after login, too late for what shapes the handshake.
PER_LOGIN = HOST | Context.ANONYMOUS | Context.CONDITIONAL


@dataclass(frozen=True, slots=True)
class TLSSettings(StaplingSettings):
    """TLS of one host. A path is absolute; None: not configured."""

    engine: bool = directive(
        "TLSEngine", Boolean(), False, module=MODULE, good=("on", "off", "YES"), bad=("", "maybe"),
        doc="TLS is offered on this host.",
    )
    log: str | None = directive(
        "TLSLog", OptionalPath(), None, module=MODULE, good=("/var/log/tls.log", "none"), bad=("tls.log",),
        doc="File for messages about TLS.",
    )
    protocol: frozenset[str] = directive(
        "TLSProtocol", Special("version …|SSLv23|ALL ±version …", tls_parsers.protocol),
        tls_parsers.DEFAULT_PROTOCOLS, module=MODULE,
        good=("TLSv1.2", "tlsv1.2 TLSv1.3", "ALL -SSLv3 -TLSv1", "SSLv23"),
        bad=("", "TLSv4", "ALL TLSv1.2", "SSLv2", "SSLv3"), default_text="TLSv1.2 TLSv1.3",
        doc="Versions that are offered. TLSv1 and TLSv1.1 are obsolete; SSLv3 is a word without effect in"
        " OpenSSL today.",
    )
    required: TLSRequirement = directive(
        "TLSRequired", Special("on|off|ctrl|ctrl+[!]data|[!]data|auth|auth+[!]data", tls_parsers.required),
        TLSRequirement(), module=MODULE, contexts=ANYWHERE, default_text="off",
        good=("on", "off", "ctrl", "control", "both", "ctrl+!data", "!data", "auth+data", "AUTH"),
        bad=("", "mayhap", "data+auth", "on off"),
        doc="Which of control channel, data channel and authentication must (or with ! must not) use TLS.",
    )
    options: frozenset[str] = directive(
        "TLSOptions", Special("option …", tls_parsers.options), frozenset(), module=MODULE,
        contexts=PER_LOGIN,
        combine=Combine.UNION,
        good=("NoCertRequest", "AllowPerUser nosessionreuserequired", "UseImplicitSSL"),
        bad=("", "NoCert", "StdEnv"), default_text="none",
        doc="AllowClientRenegotiations: clients may renegotiate (TLS 1.2 and older), and TLSRenegotiate ctrl"
        " applies to them. AllowDotLogin: whose certificate stands in ~/.tlslogin needs no password, if"
        " nobody else can write that file and the home (chmod go-w)."
        " iPAddressRequired, dNSNameRequired, CommonNameRequired: with TLSVerifyClient on, a client's"
        " certificate must bear its IP address, or its name by reverse DNS."
        " AllowWeakDH: TLSDHParamFile may have less than 2048 bits. AllowWeakSecurity: keys, signatures and"
        " ciphers may be weak (OpenSSL's security level 0). NoAutoECDH: without TLSECDHCurve P-256 is the only"
        " group. NoEmptyFragments: no empty records against BEAST (TLS 1.0)."
        " AllowPerUser: TLSRequired is enforced after login, so that sections of a user can say otherwise."
        " IgnoreSNI: the name that a client sends with TLS (SNI) chooses no virtual host."
        " EnableDiags: every TLS message and state goes to the TLSLog, counters at the end of a session."
        " NoCertRequest: clients are not asked for a certificate. NoSessionReuseRequired: data"
        " connections need"
        " not resume the control connection's TLS session. UseImplicitSSL: TLS starts at once (port 990),"
        " without AUTH. StdEnvVars, ExportCertData: variables about TLS (TLS_CIPHER …) and the certificates, for"
        " logs.",
    )
    cipher_suites: tuple[CipherSuite, ...] = directive(
        "TLSCipherSuite", Special("[TLSv1.2|TLSv1.3] list", tls_parsers.ciphers), (), module=MODULE,
        combine=Combine.APPEND,
        good=("HIGH:!aNULL", "TLSv1.2 HIGH", "TLSv1.3 TLS_AES_256_GCM_SHA384"),
        bad=("", "TLSv1.4 HIGH", "TLS_AES_256_GCM_SHA384"),
        default_text="OpenSSL's default",
        doc="Ciphers in OpenSSL's notation: those of TLS 1.2 and older, or with TLSv1.3 before the list,"
        " those of TLS 1.3.",
    )
    server_cipher_preference: bool = directive(
        "TLSServerCipherPreference", Boolean(), True, module=MODULE, good=("off",), bad=("AES",),
        doc="The server's order of ciphers decides, not the client's.",
    )
    ca_certificate_file: str | None = _file(
        "TLSCACertificateFile",
        "Certificates (PEM) of authorities that client certificates are trusted from.",
        "/etc/ftpsd/ca.pem",
    )
    ca_certificate_path: str | None = _file(
        "TLSCACertificatePath", "Directory of such certificates, one per file.", "/etc/ftpsd/ca",
    )
    certificate_chain_file: str | None = _file(
        "TLSCertificateChainFile", "Certificates (PEM) sent along with the server's, in the order of the"
        " chain.",
        "/etc/ftpsd/chain.pem",
    )
    verify_client: str = directive(
        "TLSVerifyClient", Special("on|off|optional", tls_parsers.verify_client), "off", module=MODULE,
        good=("on", "off", "optional"), bad=("", "always"),
        doc="`on`: clients must have a certificate that verifies. `optional`: what they present must verify.",
    )
    verify_order: tuple[str, ...] = directive(
        "TLSVerifyOrder", Special("crl|ocsp …", tls_parsers.verify_order), ("crl",), module=MODULE,
        good=("crl", "ocsp crl", "OCSP"), bad=("", "crl crl", "ldap", "crl ocsp crl"), default_text="crl",
        doc="Who is asked, in this order, whether a client's certificate has been revoked: crl (the lists"
        " of TLSCARevocationFile and TLSCARevocationPath), ocsp (the responder that the certificate names)."
        " Who says revoked ends it; who cannot tell passes on to the next.",
        differs="a mechanism that cannot tell passes on to the next one",
    )
    ca_revocation_file: str | None = _file(
        "TLSCARevocationFile", "Revocation lists (PEM) of the authorities of clients. A list that has expired"
        " or whose signature is bad rejects every certificate of its authority. Changes are seen at once.",
        "/etc/ftpsd/crl.pem",
    )
    ca_revocation_path: str | None = _file(
        "TLSCARevocationPath", "Directory of such lists.", "/etc/ftpsd/crl",
    )
    user_name: str | None = directive(
        "TLSUserName", Special("CommonName|EmailSubjAltName|OID", tls_parsers.user_name), None, module=MODULE,
        good=("CommonName", "EmailSubjAltName", "1.3.6.1.4.1.311.20.2.3"),
        bad=("", "Subject", "1.", "1.2.x", "CommonName EmailSubjAltName"), default_text="none",
        doc="Whoever shows a certificate that verifies and in which this (an OID: that extension's text) is"
        " the name given with USER needs no password.",
    )
    user_rules: tuple[CertificateRule, ...] = directive(
        "TLSUserRule", Special("user field expression [field expression …]", tls_users.rule), (), module=OWN,
        combine=Combine.TOGETHER, default_text="none",
        good=("alice CN alice-laptop", "$1 uri spiffe://example.org/partner/([a-z]+)",
              '$1 CN ([a-z0-9]+) issuer "CN=Partner CA,O=Example" OU Transfers', "bob serial 3F:A1:07:99"),
        bad=("", "alice", "alice fingerprint 3F:A1", "alice CN", "$1 CN alice", "alice name x", "alice CN ("),
        doc="Whose certificate that is, beside TLSUserName: a certificate that verifies and in which every field has a"
        " value that its expression matches as a whole is that of this user, who needs no password. $1 to $9 in the"
        " user's name are groups of the first expression. Fields: CN, O, OU, L, ST, C, DC, UID, title, serialNumber,"
        " emailAddress (of the subject), subject, issuer (RFC 4514), serial, fingerprint (SHA-256, in hexadecimal),"
        " email, dns, ip, uri, upn (alternative names), policy, or the OID of an extension.",
    )
    user_logins: tuple[CertificateLogin, ...] = directive(
        "TLSUserLogin", Special("either|certificate|both [user …]", tls_users.login), (), module=OWN,
        combine=Combine.TOGETHER, default_text="either", good=("both", "certificate alice bob", "either carol"),
        bad=("", "password", "maybe alice"),
        doc="How users prove who they are who need a password: `either`: with a certificate that TLSUserName,"
        " TLSUserRule or AllowDotLogin knows as theirs, or with a password; `certificate`: with such a certificate"
        " only; `both`: with such a certificate and the password. What names a user counts for him, what names nobody"
        " for everybody else.",
    )
    verify_server: str = directive(
        "TLSVerifyServer", Special("on|off|NoReverseDNS", tls_parsers.verify_server), "on", module=MODULE,
        good=("on", "off", "noreversedns"), bad=("", "always"),
        doc="Which server we take for the one that is meant when we are the TLS client of a data connection (SSCN):"
        " `on`: its chain must verify and its certificate bear its IP address or its name by reverse DNS,"
        " `NoReverseDNS`: its IP address, `off`: any.",
    )
    verify_depth: int = directive(
        "TLSVerifyDepth", Integer(0, 100, "depth"), 10, module=MODULE, good=("3",), bad=("deep", "-1"),
        doc="Longest chain of a client certificate, in authorities: 0 is a certificate that is trusted itself, 1 one"
        " that a root has issued, 2 one with an authority between.",
        differs="1.3.8 with OpenSSL 3 lets chains pass that have two authorities more",
    )
    renegotiate: Renegotiate | None = directive(
        "TLSRenegotiate", Special("none|keyword value …", tls_parsers.renegotiate), None, module=MODULE,
        good=("none", "required off", "ctrl 3600 data 1048576 required on timeout 300"),
        bad=("", "ctrl", "ctrl x", "every 5", "required maybe"),
        default_text="nothing is scheduled",
        doc="When the server asks for new keys: `ctrl` every so many seconds on the control connection"
        " (TLS 1.3; older versions with TLSOptions AllowClientRenegotiations), `data` every so many KiB on"
        " data connections (under TLS 1.3 at most twice a second: GnuTLS takes no more than eight; on uploads only if"
        " `required on` is written: a client that only sends reads nothing)."
        " `timeout`: seconds that a renegotiation (TLS 1.2 and older) may take, then the connection ends unless"
        " `required off` (OpenSSL ends it in any case when the client declines in as many words). `none`: the"
        " client may not renegotiate either.",
        differs="on uploads new keys are only asked for with `required on`, and `required off` alone lets clients"
        " renegotiate",
    )
    timeout_handshake: int = directive(
        "TLSTimeoutHandshake", Duration(0, 65535), 300, module=MODULE, good=("30",), bad=("", "x", "70000"),
        doc="Seconds that a handshake may take; 0: no bound of its own.",
    )
    next_protocol: bool = directive(
        "TLSNextProtocol", Boolean(), True, module=MODULE, good=("off",), bad=("ftp",),
        doc="ALPN: answer `ftp` to clients that offer it and refuse those that offer only other protocols.",
    )
    masquerade_address: str | None = directive(
        "TLSMasqueradeAddress", Special("address|name", lambda words: Addresses(most=1).parse(words)[0]), None,
        module=MODULE, contexts=CONNECTION, good=("192.0.2.1", "ftp.example.org"), bad=("", "a b", "1.2.3.4.5"),
        default_text="MasqueradeAddress",
        doc="Address that the reply to PASV tells once the control connection has been under TLS (also after CCC):"
        " a NAT device that rewrites such replies cannot see them then.",
    )

    @property
    def cipher_suite(self) -> str | None:
        """The list for TLS 1.2 and older; None: OpenSSL's default."""
        return next((entry.suites for entry in self.cipher_suites if not entry.tls13), None)

    @property
    def tls13_cipher_suite(self) -> str | None:
        """The list for TLS 1.3; None: OpenSSL's default."""
        return next((entry.suites for entry in self.cipher_suites if entry.tls13), None)


__all__ = ["MODULE_VERSION", "CipherSuite", "Renegotiate", "SessionCache", "TLSRequirement", "TLSSettings"]
