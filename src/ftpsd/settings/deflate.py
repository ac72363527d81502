"""MODE Z (mod_deflate)."""



from __future__ import annotations

from dataclasses import dataclass

from ftpsd.settings.arguments import Boolean, OptionalPath
from ftpsd.settings.declaration import directive

MODULE = "mod_deflate"


@dataclass(frozen=True, slots=True)
class DeflateSettings:
    """Data connections that carry compressed data."""

    engine: bool = directive(
        "DeflateEngine", Boolean(), False, module=MODULE, good=("on", "off"), bad=("", "zlib"),
        doc="MODE Z is offered: what travels on data connections is compressed, under TLS, too. docs/transfers.md"
        " says more.",
        differs="ProFTPD declines MODE Z once the control connection has TLS",
    )
    log: str | None = directive(
        "DeflateLog", OptionalPath(), None, module=MODULE, good=("/var/log/deflate.log", "none"),
        bad=("", "deflate.log"),
        doc="File with a line for every transfer in MODE Z: how many bytes it had before and after.",
    )
