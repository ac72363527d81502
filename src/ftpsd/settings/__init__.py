"""Every directive, declared once as a typed, documented field of a frozen settings class."""

from __future__ import annotations

from ftpsd.settings.model import (
    AnonymousSection,
    Change,
    ClassRule,
    ClassSection,
    ConditionalSection,
    Configuration,
    DirectorySection,
    Expression,
    Host,
    Settings,
)

__all__ = [
    "AnonymousSection", "Change", "ClassRule", "ClassSection", "ConditionalSection", "Configuration",
    "DirectorySection", "Expression", "Host", "Settings",
]
