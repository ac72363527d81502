"""SITE commands beyond HELP, CHMOD and CHGRP: which of them there are."""

from __future__ import annotations

from dataclasses import dataclass

from ftpsd.settings.arguments import Boolean, OneOf
from ftpsd.settings.declaration import HOST, LOGIN, directive


@dataclass(frozen=True, slots=True)
class SiteSettings:
    """SITE MKDIR, RMDIR, SYMLINK, UTIME; CPFR, CPTO, COPY."""

    misc_engine: bool = directive(
        "SiteMiscEngine", Boolean(), True, module="mod_site_misc", contexts=HOST, good=("off",), bad=("some",),
        doc="There are SITE MKDIR, RMDIR, SYMLINK and UTIME.",
    )
    copy_engine: bool = directive(
        "CopyEngine", Boolean(), True, module="mod_copy", contexts=LOGIN, good=("off",), bad=("slow",),
        doc="There are SITE CPFR, CPTO and COPY, which copy files and directories within the server.",
    )
    copy_options: str | None = directive(
        "CopyOptions", OneOf(("NoDeleteOnFailure",)), None, module="mod_copy", contexts=LOGIN,
        good=("NoDeleteOnFailure",), bad=("", "Fast"), default_text="none",
        doc="NoDeleteOnFailure: what a copy that failed has brought stays.",
    )
