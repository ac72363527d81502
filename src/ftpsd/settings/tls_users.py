"""Whose certificate is whose, and who needs one: the values of TLSUserRule and TLSUserLogin."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from ftpsd.settings.arguments import ArgumentError, want
from ftpsd.settings.regexes import Regex

NAME_PARTS = {
    "cn": "2.5.4.3", "o": "2.5.4.10", "ou": "2.5.4.11", "l": "2.5.4.7", "st": "2.5.4.8", "c": "2.5.4.6",
    "title": "2.5.4.12", "serialnumber": "2.5.4.5", "emailaddress": "1.2.840.113549.1.9.1",
    "uid": "0.9.2342.19200300.100.1.1", "dc": "0.9.2342.19200300.100.1.25",
}
"""Parts of the subject, and their object identifiers (RFC 4519, PKCS #9)."""

OTHER_FIELDS = ("subject", "issuer", "serial", "fingerprint", "email", "dns", "ip", "uri", "upn", "policy")
"""The whole names (RFC 4514), numbers in hexadecimal, subject alternative names, OIDs of policies."""

OID = re.compile(r"[0-2](\.[0-9]{1,39})+")
"""A dotted object identifier."""

_PLACE = re.compile(r"\$(\$|[0-9])")
_SHA256 = 64
"""Hexadecimal digits."""
_NUMBERS = re.compile(r"[0-9A-Fa-f]+(:[0-9A-Fa-f]+)*")

Login = Literal["either", "certificate", "both"]
LOGINS: tuple[Login, ...] = ("either", "both", "certificate")
"""From the loosest to the strictest."""


class Condition(NamedTuple):
    """A value of `field` has to match `pattern` from its first to its last character."""

    field: str
    pattern: Regex


@dataclass(frozen=True, slots=True)
class CertificateRule:
    """A certificate that meets all `conditions` is that of the user `name`.

    In `name` `$1` to `$9` are the groups of the first expression in the value that it matched, `$0` the whole value,
    `$$` is a dollar sign.
    """

    name: str
    conditions: tuple[Condition, ...]

    def __str__(self) -> str:
        return " ".join((self.name, *(f"{field} {expression.pattern}" for field, expression in self.conditions)))

    def name_of(self, matched: Sequence[str | None]) -> str:
        """The user's name, `matched` being the whole value and its groups; "" where a group is missing in it."""
        wanted = [int(place[1]) for place in _PLACE.finditer(self.name) if place[1] != "$"]
        if any(matched[number] is None for number in wanted):
            return ""
        return _PLACE.sub(lambda place: "$" if place[1] == "$" else matched[int(place[1])] or "", self.name)


class CertificateLogin(NamedTuple):
    """How `users` (none: everybody else) prove who they are."""

    login: Login
    users: tuple[str, ...]


def login_of(logins: Sequence[CertificateLogin], account: str, sent: Sequence[str]) -> Login:
    """How whoever sends the names `sent` and is `account` then proves who he is.

    What asks for a certificate counts for every spelling of every one of his names, as directories and databases know
    users by many; what asks for none, for the account's name to the letter, as clients choose what they send. The
    strictest counts; where nothing is said of him, what is said of everybody.
    """
    known = {name.casefold() for name in (account, *sent)}
    own: list[Login] = [
        one.login for one in logins if one.login != "either" and any(name.casefold() in known for name in one.users)]
    if not own and any(one.login == "either" and account in one.users for one in logins):
        return "either"
    said = own or [one.login for one in logins if not one.users]
    return max(said, key=LOGINS.index, default="either")


def rule(words: Sequence[str]) -> tuple[CertificateRule, ...]:
    """`name field expression [field expression …]`."""
    if len(words) < 3 or len(words) % 2 == 0:
        raise ArgumentError(
            "wrong number of parameters", remedy="Write: TLSUserRule user field expression [field expression …].")
    conditions = tuple(_condition(*pair) for pair in zip(words[1::2], words[2::2], strict=True))
    groups = conditions[0].pattern.groups
    for place in _PLACE.finditer(words[0]):
        if place[1] != "$" and int(place[1]) > groups:
            raise ArgumentError(
                f"{place[0]} in '{words[0]}', but the first expression has {groups} groups",
                remedy="What is to be part of the name stands in round brackets in the first expression.")
    if not words[0]:
        raise ArgumentError("the user's name is empty")
    return (CertificateRule(words[0], conditions),)


def _condition(word: str, expression: str) -> Condition:
    field = word.lower()
    if field not in NAME_PARTS and field not in OTHER_FIELDS and not OID.fullmatch(field):
        raise ArgumentError(
            f"unknown field '{word}' of a certificate",
            remedy=f"It is one of {', '.join((*NAME_PARTS, *OTHER_FIELDS))}, or the OID of an extension (1.2.3.4).")
    number = field in ("serial", "fingerprint")
    if number and _NUMBERS.fullmatch(expression):
        expression = _plain_number(expression, field)
        if field == "fingerprint" and len(expression) != _SHA256:
            raise ArgumentError(
                f"'{expression}' is no SHA-256 fingerprint: it has {len(expression)} hexadecimal digits, not {_SHA256}",
                remedy="Write what `openssl x509 -noout -fingerprint -sha256` prints.")
    return Condition(field, Regex(expression, ignore_case=number))


def _plain_number(text: str, field: str) -> str:
    """A serial number or fingerprint in hexadecimal as values are compared: in lower case, without colons."""
    digits = text.lower().replace(":", "")
    return digits if field == "fingerprint" else digits.lstrip("0") or "0"


def login(words: Sequence[str]) -> tuple[CertificateLogin, ...]:
    """`either|certificate|both [user …]`."""
    want(words, 1)
    found = next((one for one in LOGINS if one == words[0].lower()), None)
    if found is None:
        raise ArgumentError(
            f"unknown way to log in '{words[0]}'",
            remedy="Write either (certificate or password), certificate (no password), or both.")
    users = tuple(name.strip() for word in words[1:] for name in word.split(",") if name.strip())
    for name in users:
        if name == "*" or name.startswith("!"):
            raise ArgumentError(
                f"'{name}' is no user's name", remedy="Name users; a TLSUserLogin without names is for everybody else.")
    if len(words) > 1 and not users:
        raise ArgumentError("a list of users without a name in it")
    return (CertificateLogin(found, users),)
