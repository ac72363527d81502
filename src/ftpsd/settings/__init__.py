"""Every directive, declared once as a typed, documented field of a frozen settings class."""

from __future__ import annotations

from ftpsd.settings.expressions import ClassRule, Expression
from ftpsd.settings.loader import load
from ftpsd.settings.manual import did_you_mean, help
from ftpsd.settings.model import (
    AnonymousSection,
    Change,
    ClassSection,
    ConditionalSection,
    Configuration,
    DirectorySection,
    Host,
    Settings,
)
from ftpsd.settings.registry import DIRECTIVES, MODULES, place

__all__ = [
    "DIRECTIVES", "MODULES", "AnonymousSection", "Change", "ClassRule", "ClassSection",
    "ConditionalSection", "Configuration",
    "DirectorySection", "Expression", "Host", "Settings", "did_you_mean", "help", "load", "place",
]
