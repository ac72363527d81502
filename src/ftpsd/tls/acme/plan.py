"""Which certificates a configuration wants of an ACME server, and when. Pure."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import datetime

from ftpsd.errors import ConfigError
from ftpsd.settings.model import Configuration, Host
from ftpsd.tls.certificates import KEY_KINDS
from ftpsd.tls.identity import stands_for
from ftpsd.tls.live.expiry import is_near, when

FIRST_PAUSE, LONGEST_PAUSE = 3600.0, 86_400.0
"""Seconds until the next attempt after a failure; doubled at each further one."""

DAILY = 43_200.0
"""Seconds between two looks at certificates that are not due."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A certificate for `names`, to be written to `certificate` and `key`; `kind` is RSA or EC."""

    names: tuple[str, ...]
    certificate: str
    key: str
    kind: str


@dataclass(frozen=True, slots=True)
class Present:
    """What is in the file now. `provisional`: nobody vouches for it (it is its own issuer)."""

    names: tuple[str, ...]
    begins: datetime
    ends: datetime
    provisional: bool = False


def wanted(configuration: Configuration) -> tuple[Wanted, ...]:
    """One for each host that has ACMENames. Raises `ConfigError` where there is no place for it."""
    if configuration.hosts[0].settings.certificates.acme_server is None:
        return ()
    hosts = [host for host in configuration.hosts if host.settings.certificates.acme_names]
    found = dict.fromkeys(_of_host(host) for host in hosts)
    places = [each.certificate for each in found]
    for host in hosts:
        if places.count(_of_host(host).certificate) > 1:
            raise _no_place(host, "another host has other ACMENames and the same certificate file")
    return tuple(found)


def _of_host(host: Host) -> Wanted:
    tls = host.settings.tls
    if not tls.engine:
        raise _no_place(host, "TLSEngine is off")
    for kind in reversed(KEY_KINDS[:2]):  # EC before RSA
        certificate, key = kind.certificate_file(tls), kind.key_file(tls)
        if certificate is not None and key is not None and key.startswith("/") and key != certificate:
            return Wanted(host.settings.certificates.acme_names, certificate, key, kind.name)
    raise _no_place(host, "there are no files for the certificate and its key")


def _no_place(host: Host, why: str) -> ConfigError:
    return ConfigError(
        f"no certificate can be kept: {why}", directive="ACMENames",
        location=host.origin("certificates", "acme_names") or host.location,
        remedy="Write TLSEngine on, TLSECCertificateFile and TLSECCertificateKeyFile (two files of this host's own).")


def due(wish: Wanted, present: Present | None, now: datetime) -> str | None:
    """Why a certificate is to be got now; None: it is not."""
    if present is None:
        return "there is none"
    if present.provisional:
        return "the present one is only provisional (self-signed)"
    if not all(any(stands_for(pattern, name) for pattern in present.names) for name in wish.names):
        return "the present one lacks a name"
    if is_near(present.begins, present.ends, now):
        return f"the present one {when(present.ends, now)}"
    return None


def pause(failures: int, luck: float | None = None) -> float:
    """Seconds until the next attempt after so many failures in a row; `luck` (0 to 1) spreads many servers."""
    spread = 0.9 + 0.2 * (random.random() if luck is None else luck)
    return min(FIRST_PAUSE * 2.0 ** (failures - 1), LONGEST_PAUSE) * spread
