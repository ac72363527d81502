"""Search filters (RFC 4515) with values that clients have sent."""

from __future__ import annotations

_PLAIN = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.@+ ")


def escape(value: str) -> str:
    """`value` as it may stand in a filter: every byte that could mean anything is written `\\xx`.

    RFC 4515 wants that of NUL, `(`, `)`, `*` and `\\`; here all but letters, digits and a few signs are.
    """
    data = value.encode("utf-8", "surrogateescape")
    return "".join(chr(byte) if byte in _PLAIN else f"\\{byte:02x}" for byte in data)


def fill(template: str, value: str) -> str:
    """A template of the administrator's with `value` in the place of %v (or %u)."""
    escaped = escape(value)  # in which no % is left
    return template.replace("%v", escaped).replace("%u", escaped)


def equals(attribute: str, object_class: str) -> str:
    """The usual template: entries of a class with this attribute."""
    return f"(&({attribute}=%v)(objectclass={object_class}))"
