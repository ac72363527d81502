r"""Access tables in the language of hosts_access(5): `services : clients [: option …]`, a rule to a line. Pure.

    proftpd : .example.org 192.0.2.0/24 EXCEPT 192.0.2.7
    ALL EXCEPT sshd : [2001:db8::]/32, 198.51.100.
    ALL : *.bad.example : DENY

A line that begins with `#` is a comment, and so is such a line within another if it ends with a backslash, too; any
other line that ends with a backslash goes on on the next. Blanks or commas stand between words, and a colon in an
option (or in an address without brackets) is written `\:`. `a EXCEPT b EXCEPT c` is a EXCEPT (b EXCEPT c).
A word for a client is one of

    ALL  LOCAL  KNOWN  UNKNOWN  PARANOID
    .example.org            names that end so
    198.51.100.             addresses that begin so
    192.0.2.0/24, 192.0.2.0/255.255.255.0, [2001:db8::]/32, 192.0.2.1, [2001:db8::1]
    host.example.org, *.example.?rg, 192.0.2.*
    user@word               by what the client's ident server says

and PARANOID is nobody, as a name that does not lead back to its address is no name here. In the list of services
`service@word` is about the server's own address.
"""

from __future__ import annotations

import fnmatch
import ipaddress
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

MOST_RULES = 10_000
_EXCEPT = "EXCEPT"
_PIECES = re.compile(r"\\:|\[[^\]\s]*\]|:|[^:\\\[]+|.")
_WORDS = re.compile(r"[\s,]+")


@dataclass(frozen=True, slots=True)
class WrapRule:
    """A line: its services, its clients and its options, as words."""

    services: tuple[str, ...]
    clients: tuple[str, ...]
    options: tuple[str, ...] = ()
    line: int = 0


@dataclass(frozen=True, slots=True)
class WrapClient:
    """Who asks: `name` by reverse DNS, `ident` what his ident server calls him; `server` is the address he asks at."""

    address: str
    name: str | None = None
    ident: str | None = None
    server: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the tables say, and the rule that says it (None: none does)."""

    allowed: bool
    rule: WrapRule | None = None


def parse(text: str) -> tuple[list[WrapRule], list[str]]:
    """The rules of a table, and what is wrong with it."""
    rules: list[WrapRule] = []
    wrong: list[str] = []
    for number, line in _lines(text):
        rule = _rule(line, number)
        if rule is None:
            wrong.append(f"badly formatted rule at line {number}: `services : clients` is needed")
        elif len(rules) == MOST_RULES:
            wrong.append(f"more than {MOST_RULES} rules: the rest counts not")
            break
        else:
            rules.append(rule)
    return rules, wrong


def _lines(text: str) -> Iterable[tuple[int, str]]:
    whole, first = "", 0
    for number, line in enumerate(text.splitlines(), start=1):
        if line.lstrip().startswith("#") and (not first or line.endswith("\\")):
            continue
        first = first or number
        if line.endswith("\\"):
            whole += line[:-1] + " "
            continue
        whole += line
        if whole.strip() and not whole.lstrip().startswith("#"):
            yield first, whole.strip()
        whole, first = "", 0
    if whole.strip() and not whole.lstrip().startswith("#"):
        yield first, whole.strip()


def _fields(line: str) -> list[str]:
    fields = [""]
    for piece in _PIECES.findall(line):
        if piece == ":":
            fields.append("")
        else:
            fields[-1] += ":" if piece == "\\:" else piece
    return [field.strip() for field in fields]


def _rule(line: str, number: int) -> WrapRule | None:
    fields = _fields(line)
    services, clients = (words(field) for field in (*fields, "")[:2])
    if not services or not clients:
        return None
    return WrapRule(services, clients, tuple(filter(None, fields[2:])), number)


def words(text: str) -> tuple[str, ...]:
    """What blanks and commas separate."""
    return tuple(filter(None, _WORDS.split(text)))


def decide(
    allow: Iterable[WrapRule], deny: Iterable[WrapRule], service: str, client: WrapClient,
) -> Verdict:
    """Whether a client may use a service. The option ALLOW or DENY at the end of a rule counts before its table."""
    for rules, usual in ((allow, True), (deny, False)):
        for rule in rules:
            if _serves(rule.services, service, client) and _holds(rule.clients, lambda word: _is(word, client)):
                return Verdict(_asked(rule, usual), rule)
    return Verdict(True)


def _asked(rule: WrapRule, usual: bool) -> bool:
    last = rule.options[-1].upper() if rule.options else ""
    return last == "ALLOW" if last in ("ALLOW", "DENY") else usual


def unknown_options(rule: WrapRule) -> tuple[str, ...]:
    """Options of a rule that have no effect."""
    return tuple(
        option for index, option in enumerate(rule.options)
        if option.upper() not in ("ALLOW", "DENY") or index != len(rule.options) - 1)


def _holds(given: Sequence[str], fits: Callable[[str], bool]) -> bool:
    """Whether a list means something: `a EXCEPT b` is whatever fits a and not b."""
    if _EXCEPT not in (upper := [word.upper() for word in given]):
        return any(fits(word) for word in given)
    at = upper.index(_EXCEPT)
    return any(fits(word) for word in given[:at]) and not _holds(given[at + 1:], fits)


def _serves(services: Sequence[str], service: str, client: WrapClient) -> bool:
    def fits(word: str) -> bool:
        name, at, where = word.partition("@")
        if name.upper() != "ALL" and name != service:
            return False
        return not at or _is_host(where, WrapClient(client.server))

    return _holds(services, fits)


def _is(word: str, client: WrapClient) -> bool:
    user, at, where = word.rpartition("@")
    if not at or not user:
        return _is_host(word, client)
    return _is_user(user, client.ident) and _is_host(where, client)


def _is_user(word: str, ident: str | None) -> bool:
    match word.upper():
        case "ALL":
            return True
        case "KNOWN":
            return ident is not None
        case "UNKNOWN":
            return ident is None
    return ident is not None and fnmatch.fnmatchcase(ident.lower(), word.lower())


def _is_host(word: str, client: WrapClient) -> bool:
    name = client.name.lower() if client.name is not None else None
    match word.upper():
        case "ALL":
            return True
        case "LOCAL":
            return name is not None and "." not in name
        case "KNOWN":
            return name is not None
        case "UNKNOWN":
            return name is None
        case "PARANOID":
            return False
    network = _network(word)
    if network is not None:
        return _address(client.address) in network
    word = word.lower()
    if word.startswith("."):
        return name is not None and name.endswith(word)
    text = str(_address(client.address))
    if word.endswith("."):
        return text.startswith(word)
    return fnmatch.fnmatchcase(text, word) or (name is not None and fnmatch.fnmatchcase(name, word))


@lru_cache(maxsize=4096)
def _network(word: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    """The block that a word is; None: it is none."""
    base, slash, bits = word.partition("/")
    if base.startswith("[") and base.endswith("]"):
        base = base[1:-1]
    try:
        return ipaddress.ip_network(f"{base}/{bits}" if slash else base, strict=False)
    except ValueError:
        return None


@lru_cache(maxsize=1024)
def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    address = ipaddress.ip_address(text.partition("%")[0])
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def malformed(rule: WrapRule) -> tuple[str, ...]:
    """Words for clients that can fit nobody: netgroups, and blocks that are none."""
    return tuple(
        word for word in rule.clients
        if word.startswith("@")
        or ("/" in word and not word.startswith("/") and _network(word.rpartition("@")[2]) is None))
