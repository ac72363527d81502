"""From a host's settings to the OpenSSL context that its connections share.

`build` runs once per host in the supervisor, before it forks, so that every error is found at start (and by
`-t`) and every worker inherits the same certificates and ticket keys. Errors are `ConfigError`s in
mod_tls's words; what does not prevent a start is a notice.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from ftpsd.errors import ConfigError, Location
from ftpsd.native._openssl import Context, OpenSSLError, library_version, supports
from ftpsd.settings.addresses import described
from ftpsd.settings.declaration import METADATA_KEY
from ftpsd.settings.model import Change, Host
from ftpsd.settings.tls import MODULE_VERSION, TLSSettings
from ftpsd.settings.values import SessionCache, TLSRequirement
from ftpsd.tls import certificates, diagnostics, keys, parameters, renewal
from ftpsd.tls.certificates import Chain, Credential
from ftpsd.tls.live import facts
from ftpsd.tls.live.facts import Served
from ftpsd.tls.logtext import HandshakeWords, Place
from ftpsd.tls.passphrases import Passphrases
from ftpsd.tls.revocation import Privileged
from ftpsd.tls.sessions import Resumption, Sessions
from ftpsd.tls.stapling import setup as stapling_setup
from ftpsd.tls.stapling.setup import Stapling
from ftpsd.tls.stapling.stapler import Stapled
from ftpsd.tls.verification import Verification

Locator = Callable[[str], Location | None]

ALPN = (b"ftp", b"ftp-data")
"""What is accepted of a client that uses ALPN: "ftp" is registered (RFC 7301), data connections may say
more."""

DEFAULT_CIPHERS = "DEFAULT:!ADH:!EXPORT:!DES"
_OBSOLETE = frozenset({"TLSv1", "TLSv1.1"})
_KNOWN = _OBSOLETE | {"TLSv1.2", "TLSv1.3"}

_FIELDS = {
    field.metadata[METADATA_KEY].name: field.name
    for field in dataclasses.fields(TLSSettings) if METADATA_KEY in field.metadata
}


@dataclass(frozen=True, slots=True)
class HostTLS:
    """A host's TLS, ready for handshakes.

    `has_certificates` False: AUTH is answered with 431. `reuse_required`: data connections must resume the
    control connection's session. `ciphers` and `protocols` are those in effect.
    """

    context: Context
    settings: TLSSettings
    notices: tuple[str, ...]
    has_certificates: bool
    reuse_required: bool
    ciphers: str
    protocols: frozenset[str]
    verification: Verification
    client: Context
    """For data connections on which we are the TLS client (SSCN)."""
    stapled: tuple[Stapled, ...] = ()
    """Certificates whose OCSP responses somebody has to fetch (`stapling.stapler`)."""
    served: tuple[Served, ...] = ()
    """What is known of the certificates."""

    def words(self, offered: str = "") -> HandshakeWords:
        """What the log's explanations of a failed handshake refer to."""
        place: Place = "implicit" if "UseImplicitSSL" in self.settings.options else "explicit"
        return HandshakeWords(
            self.settings.timeout_handshake, self._ciphers(offered), self.protocols, offered, place,
            asks=self.settings.verify_client != "on" and self.verification.asks())

    def _ciphers(self, offered: str) -> str:
        """As TLSCipherSuite would name those of the version that such a client and this host speak."""
        if offered != "TLSv1.3" or offered not in self.protocols:
            return self.ciphers
        return "TLSv1.3 " + ":".join(name for name in self.context.ciphers() if name.startswith("TLS_"))


def build(
    host: Host, *, cache: SessionCache | None = None, sessions: Sessions | None = None,
    passphrases: Passphrases | None = None, provider: str | None = None,
    privileged: Privileged = contextlib.nullcontext, stapling: Stapling | None = None,
) -> HostTLS:
    """The TLS of a host whose TLSEngine is on.

    `cache` is TLSSessionCache of server config (None: the host's own settings have it) and `sessions` what was
    made of it (None: the host has ticket keys and sessions for itself); `passphrases` opens encrypted keys
    (None: they cannot be used), with the help of `provider`, TLSPassPhraseProvider of server config. `privileged`
    are the rights to read revocation lists again, `stapling` is what hosts share of that. Raises `ConfigError`.
    """
    settings = host.settings.tls
    where = _locator(host)
    check_per_user(host)
    context = Context(server=True)
    notices: list[str] = []
    protocols = _set_protocols(context, settings, where, notices)
    ciphers = _set_ciphers(context, settings, where)
    level = 0 if protocols & _OBSOLETE else None
    notices += parameters.apply(context, settings, where, level=level)
    credentials, found = certificates.load_credentials(settings, where)
    notices += found
    unlocker = keys.Unlocker(host, where, passphrases, provider)
    if settings.pkcs12_file is not None:
        credential = keys.load_pkcs12(settings.pkcs12_file, unlocker)
        credentials = (*credentials, credential)
        notices += certificates.worries(credential)
    trusted = certificates.authorities(settings, where)
    given = certificates.chain_file(settings, where)
    stapling = stapling or Stapling()
    stapled: list[Stapled] = []
    served: list[Served] = []
    for credential in credentials:
        keys.use(context, credential, unlocker)
        sent = certificates.build_chain(credential.leaf, (*given, *credential.extras), trusted)
        served.append(facts.served(host.id, host.settings.core.server_name, credential, sent))
        notices += _use_chain(context, credential, sent)
        chain = (*given, *credential.extras, *trusted)
        wanted, warnings = stapling_setup.attach(context, host, credential, chain, stapling)
        stapled += wanted
        notices += warnings
    notices += stapling_setup.without_effect(host, stapling)
    if credentials:
        parameters.use_server_info(context, settings.server_info_file, where)
    else:
        notices.append(_no_certificate(host))
    verification = Verification(settings, trusted, where, privileged=privileged)
    notices += [*_set_verification(context, settings, trusted), *verification.notices]
    if verification.mechanisms:
        context.set_verify_callback(verification.revoked)
        context.set_resume_callback(verification.may_resume)
    if diagnostics.OPTION in settings.options:
        diagnostics.enable(context)
    cache = cache or settings.session_cache
    context.set_session_id_context(_session_context(host, credentials, trusted))
    sessions = sessions or Resumption().lease(dataclasses.replace(settings, session_cache=cache), None, notices.append)
    sessions.serve(context)
    return HostTLS(
        context=context, settings=settings, notices=tuple(notices), has_certificates=bool(credentials),
        reuse_required=cache.kind != "off" and "NoSessionReuseRequired" not in settings.options,
        ciphers=ciphers, protocols=protocols, verification=verification,
        client=_client(settings, where, trusted, protocols), stapled=tuple(stapled), served=tuple(served),
    )


def _client(
    settings: TLSSettings, where: Locator, trusted: tuple[x509.Certificate, ...], protocols: frozenset[str]
) -> Context:
    """The context for the client's side. What is wrong with a server's chain is noted and judged afterwards
    (TLSVerifyServer, `server_identity`)."""
    context = Context(server=False)
    _set_protocols(context, settings, where, [])
    _set_ciphers(context, settings, where)
    context.set_alpn(())
    if protocols & _OBSOLETE or "AllowWeakSecurity" in settings.options:
        context.set_security_level(0)
    if trusted:
        context.add_trusted(certificates.pem(trusted))
    else:
        context.use_default_trust()
    context.set_verify("request", depth=settings.verify_depth, optional_failure_ok=True)
    return context


def _locator(host: Host) -> Locator:
    """Where a directive stands: its own line, or else where the host begins."""

    def where(directive: str) -> Location | None:
        return host.origin("tls", _FIELDS[directive]) or host.location

    return where


def check_per_user(host: Host) -> None:
    """Refuses AllowPerUser where TLSRequired wants TLS before anybody could have a name.

    A section that may free some logins of that (<Anonymous>, <Directory>, <IfUser> …) makes sense of it.
    """
    settings = host.settings.tls
    if "AllowPerUser" not in settings.options or settings.required.auth != 1:
        return
    if any(requirement.auth != 1 for requirement in _section_requirements(host)):
        return
    name = host.settings.core.server_name
    conflict = "cannot enforce both 'TLSRequired auth' and 'TLSOptions AllowPerUser' at the same time"
    raise ConfigError(
        f"{MODULE_VERSION}: Server {name}: {conflict}", location=_locator(host)("TLSOptions"),
        remedy="Take AllowPerUser away, or say TLSRequired off in the sections of users who need no TLS.",
    )


def _section_requirements(host: Host) -> Iterable[TLSRequirement]:
    directories = [*host.directories]
    for section in host.anonymous:
        yield section.settings.tls.required
        directories += section.directories
    for conditional in host.conditionals:
        directories += conditional.directories
        yield from _requirements(conditional.changes)
    for directory in directories:
        yield from _requirements(directory.changes)


def _requirements(changes: Iterable[Change]) -> Iterable[TLSRequirement]:
    for change in changes:
        if change.group == "tls" and change.field == "required" and isinstance(change.value, TLSRequirement):
            yield change.value


def _set_protocols(
    context: Context, settings: TLSSettings, where: Locator, notices: list[str]
) -> frozenset[str]:
    """Enables the versions of TLSProtocol that this OpenSSL has; returns them."""
    usable = frozenset(name for name in settings.protocol & _KNOWN if supports(name))
    library = library_version()
    for name in sorted(settings.protocol - usable):
        notices.append(f"TLSProtocol {name}: {library} does not have it, the word has no effect")
    if not usable:
        raise ConfigError(
            f"{library} supports none of these protocols", location=where("TLSProtocol"),
            directive="TLSProtocol", remedy="Write TLSProtocol TLSv1.2 TLSv1.3.",
        )
    context.set_protocols(usable)
    obsolete = sorted(usable & _OBSOLETE)
    if obsolete:
        context.set_security_level(0)
        notices.append(
            f"TLSProtocol {' '.join(obsolete)}: obsolete and weak (RFC 8996); OpenSSL's security level is 0 "
            "for this host"
        )
    return usable


def ciphers_of(settings: TLSSettings) -> str:
    """The list for TLS 1.2 and older that OpenSSL is given."""
    suite = settings.cipher_suite
    if suite is None:
        return DEFAULT_CIPHERS
    return suite if suite.upper().startswith("PROFILE=") else f"{suite}:!EXPORT"


def _set_ciphers(context: Context, settings: TLSSettings, where: Locator) -> str:
    """Sets ciphers, their order and ALPN; returns the list for TLS 1.2 and older."""
    ciphers = ciphers_of(settings)
    tls13 = settings.tls13_cipher_suite
    for method, text in ((context.set_ciphers, ciphers), (context.set_ciphersuites, tls13)):
        if text is None:
            continue
        try:
            method(text)
        except OpenSSLError as error:
            raise ConfigError(
                f"unable to use ciphersuite '{text}': {certificates.reason_of(error)}",
                location=where("TLSCipherSuite"), directive="TLSCipherSuite",
                remedy="`openssl ciphers` lists the names that this OpenSSL knows.",
            ) from None
    renegotiate = settings.renegotiate
    context.set_options(
        server_preference=settings.server_cipher_preference,
        renegotiation=renewal.may_client(renegotiate, settings.options), tickets12=settings.session_tickets,
        ktls=renegotiate is None or not renegotiate.data,  # no kernel before 6.13 takes new keys
        empty_fragments="NoEmptyFragments" not in settings.options,
    )
    if settings.next_protocol:
        context.set_alpn(ALPN, strict=True)
    return ciphers


def _use_chain(context: Context, credential: Credential, chain: Chain) -> list[str]:
    """Adds what is sent along with the certificate; notices of a chain that clients may not be able to
    follow."""
    if chain.certificates:
        context.add_chain_certificate(certificates.pem(chain.certificates))
    if chain.certificates or chain.missing is None:
        return []
    issuer = certificates.name_text(chain.missing)
    return [
        f"certificate '{credential.certificate_file}': its issuer ({issuer}) is in none of "
        "TLSCertificateChainFile, TLSCACertificateFile and the certificate file; clients that do not know it "
        "cannot verify the server: put the intermediate certificates into TLSCertificateChainFile"
    ]


def _no_certificate(host: Host) -> str:
    return (
        f"Server {described(host)}: TLSEngine is on but no certificate is configured; AUTH will be refused (431): set "
        "TLSRSACertificateFile or TLSECCertificateFile"
    )


def _set_verification(
    context: Context, settings: TLSSettings, trusted: tuple[x509.Certificate, ...]
) -> list[str]:
    """Whether clients are asked for a certificate, which issuers they are told, and what a bad one means."""
    wanted = settings.verify_client
    if trusted:
        context.add_trusted(certificates.pem(trusted))
    elif wanted != "off":
        context.use_default_trust()
    suppressed = "NoCertRequest" in settings.options and wanted != "on"
    if suppressed or (wanted == "off" and not trusted):
        context.set_verify("none")
        return []
    context.set_client_ca_names(certificates.pem(trusted))
    context.set_verify(
        "require" if wanted == "on" else "request", depth=settings.verify_depth,
        optional_failure_ok=wanted == "off",
    )
    if wanted == "on" and "NoCertRequest" in settings.options:
        return ["TLSOptions NoCertRequest has no effect: TLSVerifyClient on asks clients for certificates"]
    return []


def _session_context(host: Host, credentials: Iterable[Credential], trusted: Iterable[x509.Certificate]) -> bytes:
    """What sessions belong to: the host (by its place, its names and what its certificates say), and who its clients
    must be. When that changes, ticket keys may stay, but clients have to begin anew.
    """
    about = [str(host.id), *sorted(host.names), host.settings.tls.verify_client]
    about += sorted(certificates.name_text(credential.leaf.subject) for credential in credentials)
    digest = hashlib.sha256("\0".join(about).encode("utf-8", "surrogateescape"))
    for authority in trusted:
        digest.update(authority.fingerprint(hashes.SHA256()))
    return digest.digest()
