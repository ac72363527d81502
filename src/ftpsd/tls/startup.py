"""What OpenSSL is told once for the whole process, before contexts are made: FIPS, devices, seeds."""

from __future__ import annotations

import os
from collections.abc import Collection

from ftpsd.errors import ConfigError
from ftpsd.native import _openssl
from ftpsd.native._openssl import OpenSSLError
from ftpsd.settings.model import Host
from ftpsd.settings.tls import MODULE_VERSION

FIPS_DEFINE = "TLS_USE_FIPS"
"""`-D TLS_USE_FIPS` asks for the FIPS provider; a line of the configuration would come too late."""

SEED_BYTES = 2048
"""How much of TLSRandomSeed is read."""

_PROVIDER = "provider:"

_in_use: set[str] = set()
"""Devices that this process has loaded: they stay."""


def enable_fips(defines: Collection[str]) -> None:
    """Makes the FIPS provider the only one when it is asked for, before anything else uses OpenSSL.

    Raises `ConfigError` when it cannot be had.
    """
    if FIPS_DEFINE not in defines or FIPS_DEFINE in _in_use:
        return
    try:
        _openssl.load_fips()
        _openssl.random_bytes(32)
    except OpenSSLError as error:
        reason = next((entry.data or entry.reason for entry in error.queue), "") or str(error)
        raise ConfigError(
            f"{MODULE_VERSION}: unable to use FIPS mode: {reason}",
            remedy=f"Install and configure OpenSSL's FIPS provider (openssl fipsinstall), or start without -D"
            f" {FIPS_DEFINE}.",
        ) from None
    _in_use.add(FIPS_DEFINE)


def prepare(hosts: Collection[Host]) -> list[str]:
    """What must be set up before contexts are made; notices. Raises `ConfigError`."""
    notices = [f"{MODULE_VERSION}: FIPS mode enabled"] if FIPS_DEFINE in _in_use else []
    for host in hosts:
        if host.settings.tls.crypto_device is not None:
            _use_device(host.settings.tls.crypto_device, host)
        if host.settings.tls.random_seed is not None:
            notices += _load_seed(host.settings.tls.random_seed)
    return list(dict.fromkeys(notices))


def _use_device(name: str, host: Host) -> None:
    if name in _in_use:
        return
    provider = name.startswith(_PROVIDER)
    try:
        if provider:
            _openssl.use_provider(name.removeprefix(_PROVIDER))
        elif _openssl.engines_exist():
            _openssl.use_engine(name)
        else:
            raise OpenSSLError(f"{_openssl.library_version()} has no engines any more")
    except OpenSSLError as error:
        reason = next((entry.reason for entry in error.queue if entry.reason), str(error))
        kind = "provider" if provider else "engine"
        raise ConfigError(
            f"unable to use {kind} '{name.removeprefix(_PROVIDER)}': {reason}",
            location=host.origin("tls", "crypto_device") or host.location, directive="TLSCryptoDevice",
            remedy="`openssl engine` lists engines; a provider is written provider:NAME; none: no device.",
        ) from None
    _in_use.add(name)


def _load_seed(path: str) -> list[str]:
    try:
        _openssl.load_random(os.fsencode(path), SEED_BYTES)
    except OpenSSLError as error:
        reason = next((entry.reason for entry in error.queue if entry.reason), str(error))
        return [f"{MODULE_VERSION}: unable to load PRNG seed data from '{path}': {reason}"]
    return []
