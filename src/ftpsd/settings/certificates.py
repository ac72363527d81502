"""Certificates while the server runs. Directives of ftpsd's own."""

from __future__ import annotations

from dataclasses import dataclass

from ftpsd.settings.arguments import Boolean
from ftpsd.settings.declaration import ROOT, Combine, directive

MODULE = "mod_ftpsd"


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
