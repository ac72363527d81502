"""What is kept between two runs: the account's key, what failed and when, and the certificates themselves."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from ftpsd.reasons.codes import Code
from ftpsd.tls import certificates, directories
from ftpsd.tls.acme.errors import AcmeError
from ftpsd.tls.acme.plan import Present
from ftpsd.tls.live import facts

_DRAFT = ".ftpsd-new"
_LARGEST_STATE = 1 << 20


def make_key(kind: str) -> bytes:
    """A private key (PEM): RSA with 2048 bits, or EC (P-256)."""
    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
    if kind == "RSA":
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    else:
        key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def account_key(path: str) -> ec.EllipticCurvePrivateKey:
    """The key of our account, made where there is none yet. Raises `AcmeError`."""
    try:
        try:
            data = certificates.read_file(path)
        except FileNotFoundError:
            directories.make(os.path.dirname(path))
            data = make_key("EC")
            _replace(path, data, 0o600)
        key = load_pem_private_key(data, None)
        if isinstance(key, ec.EllipticCurvePrivateKey):
            return key
    except OSError as error:
        raise _cannot_write(path, error) from None
    except (ValueError, TypeError):
        pass
    raise AcmeError(
        Code.ACME_UNWRITABLE, f"'{path}' holds no account key (EC, PEM, not encrypted)",
        "Name another ACMEAccountKeyFile; a file that does not exist is made.")


def present(path: str) -> Present | None:
    """The certificate in a file; None: there is none that can be read."""
    try:
        found = certificates.certificates_in(certificates.read_file(path))
    except OSError:
        return None
    if not found:
        return None
    leaf = found[0]
    return Present(
        facts.names(leaf), leaf.not_valid_before_utc, leaf.not_valid_after_utc, leaf.issuer == leaf.subject)


@contextlib.contextmanager
def room_for(*paths: str) -> Iterator[None]:
    """Sees to it that files can be written before anybody is asked for what should be in them. Raises `AcmeError`."""
    for path in paths:
        draft = path + _DRAFT
        try:
            os.close(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600))
        except OSError as error:
            raise _cannot_write(path, error) from None
    try:
        yield
    finally:
        for path in paths:
            with contextlib.suppress(OSError):
                os.unlink(path + _DRAFT)


def put(certificate: str, chain: bytes, key: str, key_data: bytes) -> None:
    """Puts a new pair in the place of the old one; nobody ever sees half a file. Raises `AcmeError`."""
    try:
        _draft(key, key_data, 0o600)
        _draft(certificate, chain, 0o644)
        os.rename(key + _DRAFT, key)
        os.rename(certificate + _DRAFT, certificate)
    except OSError as error:
        raise _cannot_write(certificate, error) from None


def _replace(path: str, data: bytes, mode: int) -> None:
    _draft(path, data, mode)
    os.rename(path + _DRAFT, path)


def _draft(path: str, data: bytes, mode: int) -> None:
    draft = path + _DRAFT
    with contextlib.suppress(FileNotFoundError):
        os.unlink(draft)
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode), "wb") as file:
        os.fchmod(file.fileno(), mode)
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _cannot_write(path: str, error: OSError) -> AcmeError:
    return AcmeError(
        Code.ACME_UNWRITABLE, f"unable to write '{path}': {error.strerror or error}",
        "Run it as root, and name files in existing directories on which it may write (a unit of systemd may forbid it:"
        " ReadWritePaths=).")


@dataclass(slots=True)
class Failures:
    """How often getting each certificate has failed in a row, and when it may be tried again (seconds since 1970)."""

    path: str
    by_certificate: dict[str, tuple[int, float]]

    @classmethod
    def load(cls, account_key_file: str) -> Failures:
        """What stands beside the account's key; what cannot be read counts as nothing."""
        path = account_key_file + ".failures"
        found: dict[str, tuple[int, float]] = {}
        with contextlib.suppress(OSError, ValueError, TypeError, AttributeError), open(path, "rb") as file:
            for name, (count, again) in json.loads(file.read(_LARGEST_STATE)).items():
                found[str(name)] = int(count), float(again)
        return cls(path, found)

    def note(self, certificate: str, count: int, again: float) -> None:
        """It has failed `count` times. What cannot be written is not remembered."""
        self.by_certificate[certificate] = (count, again)
        self._save()

    def forget(self, certificate: str) -> None:
        """It has worked."""
        if self.by_certificate.pop(certificate, None) is not None:
            self._save()

    def _save(self) -> None:
        with contextlib.suppress(OSError):
            directories.make(os.path.dirname(self.path))
            _replace(self.path, json.dumps(self.by_certificate).encode(), 0o600)
