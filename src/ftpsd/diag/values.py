"""Values of settings as people read them."""

from __future__ import annotations

import dataclasses
from typing import Any

from ftpsd.settings.expressions import Expression, Whom
from ftpsd.settings.login_values import NamedPassword
from ftpsd.settings.regexes import Regex
from ftpsd.settings.values import ForeignAddresses, TLSRequirement, Umask

HIDDEN = "(hidden)"


def shown(value: Any) -> str:
    """A value on one line: `on`, `600`, `TLSv1.2 TLSv1.3`, `none`; passwords (fields without a repr) are hidden."""
    match value:
        case None:
            return "none"
        case bool():
            return "on" if value else "off"
        case TLSRequirement() | Umask() | ForeignAddresses() | Expression() | Whom():
            return str(value)
        case Regex():
            return value.pattern
        case frozenset() | set():
            return " ".join(sorted(map(shown, value))) or "none"
        case NamedPassword():
            return f"key={value.key} password={HIDDEN}"
        case tuple() if hasattr(value, "_fields"):
            return " ".join(f"{name}={shown(each)}" for name, each in zip(value._fields, value, strict=True))
        case tuple() | list():
            return ", ".join(map(shown, value)) or "none"
    if dataclasses.is_dataclass(value):
        return " ".join(f"{field.name}={_member(value, field)}" for field in dataclasses.fields(value))
    return str(value)


def _member(value: Any, field: dataclasses.Field[Any]) -> str:
    content = getattr(value, field.name)
    return shown(content) if field.repr or not content else HIDDEN
