"""Key exchange: security level, groups, DH parameters and pre-shared keys of a host's context."""

from __future__ import annotations

import os
import re
import stat

from ftpsd.errors import ConfigError
from ftpsd.native._openssl import Context, OpenSSLError, dh_bits, wipe_memory
from ftpsd.settings.tls import TLSSettings
from ftpsd.settings.tls_keys import PreSharedKey
from ftpsd.tls import certificates
from ftpsd.tls.certificates import Locator

SMALLEST_DH = 2048
"""Bits that DH parameters have without TLSOptions AllowWeakDH."""

SHORTEST_PSK = 20
"""Hexadecimal digits of a pre-shared key."""

LONGEST_PSK = 512
"""Bytes of a pre-shared key (OpenSSL's limit)."""

ONLY_CURVE = "P-256"
"""What NoAutoECDH leaves when TLSECDHCurve says nothing."""

_PSK = "TLSPreSharedKey"
_DH = re.compile(
    rb"-----BEGIN (X9\.42 )?DH PARAMETERS-----\r?\n.*?-----END (X9\.42 )?DH PARAMETERS-----", re.DOTALL
)
_DIGITS = re.compile(rb"[0-9A-Fa-f]+")


def apply(context: Context, settings: TLSSettings, where: Locator, *, level: int | None = None) -> list[str]:
    """Sets all of it up, before certificates are loaded; notices. Raises `ConfigError`.

    `level` is the security level that has been set already (None: OpenSSL's default).
    """
    notices: list[str] = []
    if "AllowWeakSecurity" in settings.options:
        level = 0
        context.set_security_level(level)
        notices.append(
            "TLSOptions AllowWeakSecurity: weak keys, signatures and ciphers are accepted; OpenSSL's"
            " security "
            "level is 0 for this host"
        )
    _set_groups(context, settings, where)
    if settings.dh_param_file is not None:
        notices += _set_dh(context, settings.dh_param_file, settings, where, level)
    for shared in settings.pre_shared_keys:
        notices += _add_psk(context, shared, where)
    return notices


def _set_groups(context: Context, settings: TLSSettings, where: Locator) -> None:
    groups = settings.ecdh_curve
    if groups is None and "NoAutoECDH" in settings.options:
        groups = ONLY_CURVE
    if groups is None:
        return
    try:
        context.set_groups(groups)
    except OpenSSLError as error:
        detail = next((entry.data for entry in error.queue if entry.data), "")
        reason = f"unable to use ECDH curves '{groups}': {certificates.reason_of(error)}"
        raise ConfigError(
            f"{reason} [{detail}]" if detail else reason, location=where("TLSECDHCurve"),
            directive="TLSECDHCurve",
            remedy="Names of groups are for example X25519, P-256, P-384, P-521.",
        ) from None


def _set_dh(
    context: Context, path: str, settings: TLSSettings, where: Locator, level: int | None
) -> list[str]:
    directive = "TLSDHParamFile"
    remedy = f"openssl dhparam -out '{path}' 2048, or leave {directive} out: OpenSSL has some of its own."
    try:
        data = certificates.read_file(path)
    except FileNotFoundError:
        raise ConfigError(
            f"'{path}' does not exist", location=where(directive), directive=directive, remedy=remedy
        ) from None
    except OSError as error:
        reason = error.strerror or str(error)
        raise certificates.unusable(path, reason, directive, where, remedy) from None
    found = _DH.search(data)
    if found is None:
        raise certificates.unusable(path, "file contained no DH parameters", directive, where, remedy)
    try:
        bits = dh_bits(found[0])
    except OpenSSLError as error:
        raise certificates.unusable(path, certificates.reason_of(error), directive, where, remedy) from None
    weak = bits < SMALLEST_DH
    if weak and "AllowWeakDH" not in settings.options:
        raise certificates.unusable(
            path, f"{bits} bits are less than {SMALLEST_DH} bits (see AllowWeakDH TLSOption)", directive,
            where, remedy,
        )
    if weak and level != 0:
        context.set_security_level(1 if bits >= 1024 else 0)
    try:
        context.use_dh_parameters(found[0])
    except OpenSSLError as error:
        reason = certificates.reason_of(error)
        raise certificates.unusable(path, reason, directive, where, remedy) from None
    if not weak:
        return []
    return [
        f"{directive} '{path}': {bits} bits are weak (TLSOptions AllowWeakDH); OpenSSL's security level is"
        f" {0 if level == 0 or bits < 1024 else 1} for this host"
    ]


def use_server_info(context: Context, path: str | None, where: Locator) -> None:
    """TLSServerInfoFile, for all certificates that the context has. Raises `ConfigError`."""
    if path is None:
        return
    try:
        certificates.read_file(path)
        context.use_server_info(os.fsencode(path))
    except (OSError, OpenSSLError) as error:
        reason = error.strerror or str(error) if isinstance(error, OSError) else error.queue[-1].reason
        raise ConfigError(
            f"error setting server info using '{path}': {reason}", location=where("TLSServerInfoFile"),
            directive="TLSServerInfoFile",
            remedy="The file holds PEM blocks -----BEGIN SERVERINFO FOR …----- or -----BEGIN SERVERINFOV2 FOR …-----.",
        ) from None


def psk_objection(shared: PreSharedKey) -> tuple[str, str] | None:
    """Why a key is not used (others can read or change it), and what to do. Raises `OSError`."""
    path = shared.file
    mode = os.stat(path).st_mode
    if not mode & (stat.S_IROTH | stat.S_IWOTH):
        return None
    return (
        f"'{shared.identity}': '{path}' is open to others (mode {stat.S_IMODE(mode):04o}), the key is not used",
        f"make a new one, and chmod 600 '{path}'")


def _add_psk(context: Context, shared: PreSharedKey, where: Locator) -> list[str]:
    """Makes a key known. One that others can read or change is not used: a notice."""
    directive, path = _PSK, shared.file
    try:
        unused = psk_objection(shared)
        if unused is not None:
            return [f"{directive} {': '.join(unused)}"]
        text = bytearray(certificates.read_file(path))
    except OSError as error:
        raise certificates.unusable(path, error.strerror or str(error), directive, where) from None
    try:
        key = _key_in(text, path, where)
    finally:
        wipe_memory(text)
    try:
        context.add_psk(shared.identity.encode("utf-8", "surrogateescape"), key)
    except ValueError:
        raise ConfigError(
            f"identity '{shared.identity}' has a key already", location=where(directive), directive=directive,
            remedy="Take one of the lines out.",
        ) from None
    finally:
        wipe_memory(key)
    return []


def _key_in(text: bytearray, path: str, where: Locator) -> bytearray:
    """The key whose hexadecimal digits stand in the file's first line."""
    directive = _PSK
    digits = text.split(b"\n", 1)[0].strip()
    try:
        if len(digits) < SHORTEST_PSK:
            reason = f"{len(digits)} digits are too few: a key has at least {SHORTEST_PSK}"
        elif not _DIGITS.fullmatch(digits) or len(digits) % 2:
            reason = "the key is not written in hexadecimal digits, two for each byte"
        elif len(digits) > 2 * LONGEST_PSK:
            reason = f"the key is longer than {LONGEST_PSK} bytes"
        else:
            return bytearray.fromhex(digits.decode("ascii"))
    finally:
        wipe_memory(digits)
    raise certificates.unusable(
        path, reason, directive, where, remedy=f"openssl rand -hex 32 > '{path}', and chmod 600 '{path}'."
    )
