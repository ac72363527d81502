"""Values and grammars of mod_ldap's directives."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple
from urllib.parse import unquote

from ftpsd.settings.arguments import (
    ArgumentError,
    absolute_path,
    boolean,
    host_or_address,
    want,
    whole_number,
)

Scope = Literal["base", "onelevel", "subtree"]
LDAP_PORT, LDAPS_PORT = 389, 636
AUTO = -1
"""LDAPDefaultUID Auto: the number that the system knows for the name."""


@dataclass(frozen=True, slots=True)
class LDAPServer:
    """A server: `host` and `port`, or the `path` of a socket (ldapi); `tls` from the first byte (ldaps).

    `scope` is the URL's (None: LDAPSearchScope). Files are PEM; `verify`: the server must prove who it is.
    """

    host: str = ""
    port: int = LDAP_PORT
    path: str = ""
    tls: bool = False
    scope: Scope | None = None
    authority: str = ""
    certificate: str = ""
    key: str = ""
    ciphers: str = ""
    verify: bool = True

    def __str__(self) -> str:
        if self.path:
            return f"ldapi:{self.path}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'ldaps' if self.tls else 'ldap'}://{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class LDAPBind:
    """LDAPBindDN."""

    name: str = ""
    password: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class LDAPSearch:
    """LDAPUsers, LDAPGroups: where entries are, and filter templates ("": the usual one)."""

    base: str
    by_name: str = ""
    by_number: str = ""
    by_member: str = ""


class LDAPAttribute(NamedTuple):
    """LDAPAttr: the name of an attribute (`key`, lower case) in this directory."""

    key: str
    name: str


_SCOPES: dict[str, Scope] = {
    "base": "base", "one": "onelevel", "onelevel": "onelevel", "sub": "subtree", "subtree": "subtree",
}
_FILES = {"ssl-ca": "authority", "ssl-cert": "certificate", "ssl-key": "key"}


def scope(words: Sequence[str]) -> Scope:
    """`base`, `onelevel` or `subtree`."""
    want(words, 1, 1)
    found = _SCOPES.get(words[0].lower())
    if found is None:
        raise ArgumentError(f"unknown search scope '{words[0]}'", remedy="It is base, onelevel or subtree.")
    return found


def servers(words: Sequence[str]) -> tuple[LDAPServer, ...]:
    """`url|host[:port] …`, then `ssl-ca:/path`, `ssl-cert:/path`, `ssl-key:/path`, `ssl-ciphers:list`, `ssl-verify:on`
    for all of the line.
    """
    want(words, 1)
    options: dict[str, str | bool] = {}
    places = []
    for word in words:
        name, colon, value = word.partition(":")
        if colon and name.lower().startswith("ssl-"):
            options |= _option(name.lower(), value)
        else:
            places.append(word)
    if not places:
        raise ArgumentError("no server is named")
    return tuple(_server(place, options) for place in places)


def _option(name: str, value: str) -> dict[str, str | bool]:
    if name in _FILES:
        return {_FILES[name]: absolute_path(value)}
    if name == "ssl-ciphers" and value:
        return {"ciphers": value}
    if name == "ssl-verify":
        verify = boolean(value)
        if verify is None:
            raise ArgumentError("expected Boolean parameter", remedy="Write ssl-verify:on or ssl-verify:off.")
        return {"verify": verify}
    raise ArgumentError(f"unknown parameter '{name}'")


def _server(place: str, options: dict[str, str | bool]) -> LDAPServer:
    match = re.fullmatch(r"(?:(ldaps?|ldapi)://)?([^/?]*)(?:/(.*))?", place, re.IGNORECASE)
    if match is None:
        raise ArgumentError(f"'{place}' is no LDAP URL", remedy="Write ldap://host/ or host:port.")
    kind, address = (match[1] or "ldap").lower(), match[2]
    fields: dict[str, str | int | bool | None] = {**options, "scope": _url_scope(match[3], url=match[1] is not None)}
    if kind == "ldapi":
        return LDAPServer(path=absolute_path(unquote(address)), port=0, **fields)  # type: ignore[arg-type]
    found = re.fullmatch(r"(\[[0-9A-Fa-f:.]+\]|[^:]*)(?::([0-9]{1,5}))?", address)
    if found is None or not found[1]:
        raise ArgumentError(f"'{place}' names no host")
    port = int(found[2]) if found[2] else (LDAPS_PORT if kind == "ldaps" else LDAP_PORT)
    if not 0 < port <= 65535:
        raise ArgumentError(f"'{port}' is not a port")
    return LDAPServer(host_or_address(found[1]), port, tls=kind == "ldaps", **fields)  # type: ignore[arg-type]


def _url_scope(rest: str | None, *, url: bool) -> Scope | None:
    """The third part behind the slash of a URL (`/dn?attributes?scope`); None: it has none."""
    parts = (rest or "").split("?")
    if not url or len(parts) < 3 or not parts[2]:
        return None
    return scope([parts[2]])


def bind(words: Sequence[str]) -> LDAPBind:
    """`dn password`; both may be empty: anonymous."""
    want(words, 1, 2)
    password = words[1] if len(words) == 2 else ""
    if words[0] and not password:
        raise ArgumentError(
            "a name without a password is no proof of anything (RFC 4513 section 5.1.2)",
            remedy='Write the password behind it, or LDAPBindDN "" "" for an anonymous bind.')
    return LDAPBind(words[0], password)


def _template(word: str) -> str:
    """A filter template with exactly balanced parentheses outside of escapes, and a place for the value."""
    if "%v" not in word and "%u" not in word:
        raise ArgumentError(f"'{word}' has no place for the value", remedy="Write %v where it belongs, (uid=%v).")
    text = word if word.startswith("(") else f"({word})"
    depth = 0
    for sign in re.sub(r"\\[0-9A-Fa-f]{2}", "", text):
        depth += {"(": 1, ")": -1}.get(sign, 0)
        if depth < 0:
            break
    if depth:
        raise ArgumentError(f"the parentheses of '{word}' do not match")
    return text


def users(words: Sequence[str]) -> LDAPSearch:
    """`base-dn [name-filter [uid-filter]]`."""
    want(words, 1, 3)
    return LDAPSearch(words[0], *map(_template, words[1:]))


def groups(words: Sequence[str]) -> LDAPSearch:
    """`base-dn [cn-filter [gid-filter [member-filter]]]`."""
    want(words, 1, 4)
    return LDAPSearch(words[0], *map(_template, words[1:]))


ATTRIBUTES = (
    "uid", "uidNumber", "gidNumber", "homeDirectory", "userPassword", "loginShell", "cn", "memberUid", "ftpQuota",
)


def attribute(words: Sequence[str]) -> tuple[LDAPAttribute, ...]:
    """`usual-name name-here`."""
    want(words, 2, 2)
    known = {name.lower() for name in ATTRIBUTES}
    if words[0].lower() not in known:
        raise ArgumentError(f"unknown attribute '{words[0]}'", remedy=f"It is one of {', '.join(ATTRIBUTES)}.")
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9.;-]*|[0-9.]+", words[1]):
        raise ArgumentError(f"'{words[1]}' is not the name of an attribute")
    return (LDAPAttribute(words[0].lower(), words[1]),)


def number(words: Sequence[str]) -> int:
    """A uid or gid, or `Auto`."""
    want(words, 1, 1)
    if words[0].lower() == "auto":
        return AUTO
    value = whole_number(words[0])
    if value > 2**32 - 2:
        raise ArgumentError(f"{value} is too large for an id")
    return value
