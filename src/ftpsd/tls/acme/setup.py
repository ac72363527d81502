"""What a start has to know of ACME, without the library: it costs memory, and only `ftpsd acme` needs it."""

from __future__ import annotations

import importlib.util
import os

from ftpsd.errors import ConfigError, installing
from ftpsd.settings.model import Configuration
from ftpsd.tls.acme import plan

LIBRARY = "acme"


def wants(configuration: Configuration) -> bool:
    """Whether any host's certificate comes from an ACME server."""
    return bool(plan.wanted(configuration))


def check(configuration: Configuration) -> list[str]:
    """Notices. Raises `ConfigError` for what can never work."""
    settings = configuration.hosts[0].settings.certificates
    if settings.acme_server is None:
        named = any(host.settings.certificates.acme_names for host in configuration.hosts)
        return ["ACMENames has no effect: there is no ACMEServer"] if named else []
    if not plan.wanted(configuration):
        return ["ACMEServer has no effect: no host has ACMENames"]
    check_library(configuration)
    for wish in plan.wanted(configuration):
        if not os.path.exists(wish.certificate):
            raise ConfigError(
                f"'{wish.certificate}' does not exist yet", directive="ACMENames",
                remedy="Get it before the first start: ftpsd acme -c CONFIGURATION.")
    return []


def check_library(configuration: Configuration) -> None:
    """Raises `ConfigError` where certificates are to come from an ACME server, and the library is missing."""
    if configuration.hosts[0].settings.certificates.acme_server is None or not plan.wanted(configuration):
        return
    if importlib.util.find_spec(LIBRARY) is None:
        raise ConfigError(
            "the library that speaks ACME is not installed", directive="ACMEServer",
            location=configuration.hosts[0].origin("certificates", "acme_server"),
            remedy=f"Install it ({installing('acme')}, or Debian's python3-acme), or take ACMEServer out.")
