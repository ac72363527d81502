"""Revocation lists (CRL, RFC 5280 section 5) of the authorities of clients.

Every certificate of a verified chain is looked up in the lists of its issuer. A list counts as the issuer's
when the names are the same and, where both say so, the keys. If no list of an issuer is there, nothing can be
told. A list that cannot be relied upon (bad signature, expired, not yet valid) rejects every certificate of
that issuer, because whoever can withhold the next list could otherwise keep a stolen certificate alive.

Files change while the server runs (authorities publish daily); `Revocations` notices by their times and sizes
and reads them again. If a file cannot be used then, not even in part, what was read from it before stays in force:
it expires by itself.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import re
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPublicKeyTypes

from ftpsd.errors import ConfigError, Location
from ftpsd.settings.tls import TLSSettings
from ftpsd.tls import certificates
from ftpsd.tls.identity import UNREADABLE

CRL_SIGNATURE, CRL_NOT_YET_VALID, CRL_EXPIRED, REVOKED, NO_CRL_SIGN = 8, 11, 12, 23, 35
"""X509_V_ERR_… numbers; OpenSSL's texts for them are what the log says."""

_PEM = re.compile(rb"-----BEGIN X509 CRL-----[ \t]*\r?\n.*?-----END X509 CRL-----", re.DOTALL)
_MARK = re.compile(rb"-----(?:BEGIN|END) X509 CRL-----")
_REMEDY = "Fetch it again. Who writes a new file and renames it shows nobody half a list."


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found out about a chain. `code` (an X509_V_ERR_… number; 0: no objection) concerns the
    certificate at `depth`; `lines` for the TLSLog."""

    lines: tuple[str, ...] = ()
    code: int = 0
    depth: int = 0


def lists_in(data: bytes) -> tuple[x509.CertificateRevocationList, ...]:
    """Every CRL in PEM `data`. Raises `ValueError` where one is damaged or cut off: without it the others tell only
    part of what has been revoked."""
    found = []
    for number, match in enumerate(_PEM.finditer(data), 1):
        try:
            found.append(x509.load_pem_x509_crl(match[0]))
        except (ValueError, x509.InvalidVersion):
            raise ValueError(f"revocation list {number} in it is damaged") from None
    if len(_MARK.findall(data)) != 2 * len(found):
        raise ValueError("a revocation list in it is cut off")
    return tuple(found)


def newest(lists: Iterable[x509.CertificateRevocationList]) -> tuple[x509.CertificateRevocationList, ...]:
    """Without those that a later list of the same issuer, key and scope replaces."""
    found: dict[tuple[bytes, bytes, bytes], x509.CertificateRevocationList] = {}
    for entry in lists:
        key = (entry.issuer.public_bytes(), _authority_key(entry) or b"", _scope(entry))
        known = found.get(key)
        if known is None or entry.last_update_utc > known.last_update_utc:
            found[key] = entry
    return tuple(found.values())


def _authority_key(entry: x509.CertificateRevocationList) -> bytes | None:
    try:
        return entry.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier
    except (x509.ExtensionNotFound, *UNREADABLE):
        return None


def _scope(entry: x509.CertificateRevocationList) -> bytes:
    """What tells lists of one issuer apart that do not replace each other: partitions and deltas."""
    parts = []
    for kind in (x509.IssuingDistributionPoint, x509.DeltaCRLIndicator):
        try:
            value = entry.extensions.get_extension_for_class(kind).value
        except (x509.ExtensionNotFound, *UNREADABLE):
            continue
        parts.append(type(value).__name__.encode())
        if isinstance(value, x509.IssuingDistributionPoint):
            parts.append(value.public_bytes())
    return b"/".join(parts)


def _key_identifier(issuer: x509.Certificate) -> bytes | None:
    try:
        return issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
    except (x509.ExtensionNotFound, *UNREADABLE):
        return None


def check(
    chain: Sequence[x509.Certificate], lists: Sequence[x509.CertificateRevocationList], now: datetime
) -> Finding:
    """Looks up each certificate of a verified `chain` (leaf first, root last) in `lists`."""
    lines: list[str] = []
    for depth in reversed(range(len(chain))):
        issuer = chain[min(depth + 1, len(chain) - 1)]
        for entry in lists:
            if not _is_of(entry, issuer) or chain[depth].issuer != entry.issuer:
                continue
            lines.append(_description(entry))
            code, text = _objection(chain[depth], issuer, entry, now)
            if code:
                return Finding((*lines, text), code, depth)
    return Finding(tuple(lines))


def _is_of(entry: x509.CertificateRevocationList, issuer: x509.Certificate) -> bool:
    if entry.issuer != issuer.subject:
        return False
    said, own = _authority_key(entry), _key_identifier(issuer)
    return said is None or own is None or said == own


def _objection(
    certificate: x509.Certificate, issuer: x509.Certificate, entry: x509.CertificateRevocationList,
    now: datetime,
) -> tuple[int, str]:
    name = certificates.name_text(entry.issuer)
    if not _may_sign(issuer):
        return NO_CRL_SIGN, f"issuer '{name}' may not sign revocation lists (key usage)"
    if not signature_is_good(entry, issuer):
        return CRL_SIGNATURE, f"invalid signature on CRL: issuer '{name}'"
    if entry.last_update_utc > now:
        return CRL_NOT_YET_VALID, f"CRL has invalid lastUpdate field: {_date(entry.last_update_utc)}"
    if entry.next_update_utc is not None and entry.next_update_utc < now:
        return CRL_EXPIRED, "CRL is expired, revoking all certificates until an updated CRL is obtained"
    found = entry.get_revoked_certificate_by_serial_number(certificate.serial_number)
    if found is None or _taken_back(found):
        return 0, ""
    serial = certificate.serial_number
    return REVOKED, (
        f"certificate with serial number {serial} (0x{serial:X}) revoked per CRL from issuer '{name}'"
    )


def _may_sign(issuer: x509.Certificate) -> bool:
    try:
        return issuer.extensions.get_extension_for_class(x509.KeyUsage).value.crl_sign
    except x509.ExtensionNotFound:
        return True
    except UNREADABLE:
        return False


def signature_is_good(entry: x509.CertificateRevocationList, issuer: x509.Certificate) -> bool:
    """Whether `issuer` signed the list."""
    key: CertificateIssuerPublicKeyTypes
    try:
        key = issuer.public_key()  # type: ignore[assignment]
        return entry.is_signature_valid(key)
    except (TypeError, ValueError, UnsupportedAlgorithm):
        return False


def _taken_back(found: x509.RevokedCertificate) -> bool:
    """Whether a delta list says that the certificate is off hold again."""
    try:
        reason = found.extensions.get_extension_for_class(x509.CRLReason).value.reason
    except (x509.ExtensionNotFound, *UNREADABLE):
        return False
    return reason is x509.ReasonFlags.remove_from_crl


def _description(entry: x509.CertificateRevocationList) -> str:
    until = _date(entry.next_update_utc) if entry.next_update_utc is not None else "none"
    return (
        f"CA CRL: Issuer: {certificates.name_text(entry.issuer)}, "
        f"lastUpdate: {_date(entry.last_update_utc)}, nextUpdate: {until}"
    )


def _date(moment: datetime) -> str:
    """As OpenSSL prints it."""
    return f"{moment:%b} {moment.day:2d} {moment:%H:%M:%S %Y} GMT"


Privileged = Callable[[], AbstractContextManager[None]]
"""Takes on the rights that configured files are read with, see `vfs.rights.privileged`."""

_Stamp = tuple[tuple[str, int, int, int], ...]
_Lists = tuple[x509.CertificateRevocationList, ...]


class Revocations:
    """The lists of TLSCARevocationFile and TLSCARevocationPath, read again when they change. Safe for
    threads."""

    def __init__(
        self, settings: TLSSettings, where: Callable[[str], Location | None],
        privileged: Privileged = contextlib.nullcontext,
    ) -> None:
        """`privileged` are the rights to read the files again. Raises `ConfigError` for what cannot be
        used."""
        self._privileged = privileged
        self._file = settings.ca_revocation_file
        self._path = settings.ca_revocation_path
        self._where = where
        self._lock = threading.Lock()
        try:
            self._stamp = _stamp(self._file, self._path)
        except OSError:
            self._stamp = ()
        self._found = {path: self._read(path, directive) for path, directive in self._files()}
        self._lists = _all(self._found)

    def __bool__(self) -> bool:
        """Whether lists are configured at all."""
        return self._file is not None or self._path is not None

    @property
    def notices(self) -> tuple[str, ...]:
        """What an administrator may not have meant."""
        if self._path is None:
            return ()
        inside = os.path.join(self._path, "")
        if any(found for path, found in self._found.items() if path.startswith(inside)):
            return ()
        return (f"TLSCARevocationPath '{self._path}': so far there is no revocation list (PEM) in it",)

    def check(self, chain: Sequence[x509.Certificate], now: datetime) -> Finding:
        """Looks up a verified chain, see `check`."""
        return check(chain, self.current(), now)

    def current(self) -> tuple[x509.CertificateRevocationList, ...]:
        """The lists as the files have them now."""
        try:
            with self._privileged():
                stamp = _stamp(self._file, self._path)
                if stamp != self._stamp:
                    self._replace(stamp)
        except (OSError, ConfigError):
            pass
        return self._lists

    def _replace(self, stamp: _Stamp) -> None:
        """Of files that cannot be used now, those that cannot be read are tried again at the next look."""
        fresh: dict[str, _Lists] = {}
        for path, _ in self._files():
            before = self._found.get(path, ())
            try:
                fresh[path] = self._take(path, needed=path == self._file or bool(before))
            except (OSError, ValueError) as error:
                fresh[path] = before
                stamp = () if isinstance(error, OSError) else stamp
        with self._lock:
            self._stamp, self._found, self._lists = stamp, fresh, _all(fresh)

    def _files(self) -> Iterator[tuple[str, str]]:
        """Each file with the directive that names it or its directory. Raises `ConfigError`."""
        if self._file is not None:
            yield self._file, "TLSCARevocationFile"
        if self._path is None:
            return
        directive = "TLSCARevocationPath"
        if not os.path.isdir(self._path):
            text = "parameter must be a directory path"
            raise ConfigError(text, location=self._where(directive), directive=directive)
        try:
            entries = [entry.path for entry in os.scandir(self._path) if entry.is_file()]
        except OSError as error:
            raise certificates.unusable(
                self._path, error.strerror or str(error), directive, self._where) from None
        yield from ((path, directive) for path in sorted(entries))

    def _read(self, path: str, directive: str) -> _Lists:
        try:
            return self._take(path, needed=path == self._file)
        except OSError as error:
            raise certificates.unusable(path, error.strerror or str(error), directive, self._where) from None
        except ValueError as error:
            remedy = _REMEDY if "list" in str(error) else None
            raise certificates.unusable(path, str(error), directive, self._where, remedy) from None

    @staticmethod
    def _take(path: str, *, needed: bool) -> _Lists:
        """The lists in a file. Raises `OSError`; `ValueError` for what cannot be used, if `needed` also for none."""
        found = lists_in(certificates.read_file(path))
        if needed and not found:
            raise ValueError("file contained no CRL data")
        return found


def _all(found: Mapping[str, _Lists]) -> _Lists:
    return newest(itertools.chain.from_iterable(found.values()))


def _stamp(file: str | None, path: str | None) -> _Stamp:
    """What changes when a file does. Raises `OSError`."""
    found = []
    if file is not None:
        found.append(file)
    if path is not None and os.path.isdir(path):
        found += sorted(entry.path for entry in os.scandir(path) if entry.is_file())
    stamps = []
    for name in found:
        state = os.stat(name)
        stamps.append((name, state.st_mtime_ns, state.st_size, state.st_ino))
    return tuple(stamps)
