"""Classes of clients: which <Class> an address belongs to.

A rule of a From line matches, does not match, or says nothing. Its word is one of
    all, none
    192.0.2.1, 2001:db8::1        an address
    192.0.2.0/24, 2001:db8::/32   a network, also 192.0.2.0/255.255.255.0
    192.0.2.                      everything that starts so
    192.0.2.*, 192.0.[0-9].1      an address with wildcards
    host.example.org              the client's name
    .example.org, *.example.org   names that end so, names with wildcards
and `!` before it turns match and no match round. IPv4-mapped IPv6 addresses count as IPv4.
"""

from __future__ import annotations

import fnmatch
import ipaddress
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Final, NamedTuple

from ftpsd.settings.addresses import block
from ftpsd.settings.expressions import ClassRule
from ftpsd.settings.model import ClassSection

_WILDCARDS: Final = frozenset("*?[")
_ADDRESS_CHARACTERS: Final = frozenset("0123456789abcdef.:*?[]-")

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_Answer = Callable[[Address, str, "str | None"], "bool | None"]


class _Test(NamedTuple):
    """`answer` is True for a match, False for none, None where it says nothing; `of_name`: it looks at the name."""

    answer: _Answer
    of_name: bool = False


def _plain(address: str) -> Address:
    """Raises `ValueError` for what is no address. A scope (`%eth0`) does not count."""
    parsed = ipaddress.ip_address(address.partition("%")[0])
    mapped = parsed.ipv4_mapped if isinstance(parsed, ipaddress.IPv6Address) else None
    return mapped if mapped is not None else parsed


def _always(answer: bool) -> _Test:
    return _Test(lambda address, text, name: answer)


@lru_cache(maxsize=1024)
def _test(word: str) -> _Test:
    """The test that a word of a From line stands for."""
    word = word.lower()
    if word in ("all", "none"):
        return _always(word == "all")
    network = block(word) if "/" in word else None
    if network is not None:
        return _Test(lambda address, text, name: address in network)
    try:
        single = _plain(word)
    except ValueError:
        pass
    else:
        return _Test(lambda address, text, name: address == single)
    return _text_test(word)


def _text_test(word: str) -> _Test:
    if "/" in word:
        return _always(False)
    if word.endswith(".") and set(word) <= _ADDRESS_CHARACTERS:
        return _Test(lambda address, text, name: text.startswith(word))
    if _WILDCARDS.isdisjoint(word) and not word.startswith("."):
        return _Test(lambda address, text, name: name is not None and name.lower() == word, of_name=True)
    pattern = f"*{word}" if word.startswith(".") else word
    if set(pattern) <= _ADDRESS_CHARACTERS and not word.startswith("."):
        return _Test(lambda address, text, name: fnmatch.fnmatchcase(text, pattern))
    # Without reverse DNS a pattern of names says nothing, not even negated; a whole name does (see above).
    return _Test(
        lambda address, text, name: None if name is None else fnmatch.fnmatchcase(name.lower(), pattern), of_name=True)


def rule_matches(rule: ClassRule, address: str, hostname: str | None) -> bool | None:
    """Whether a client fits one rule; None: the rule cannot say (a pattern of names without reverse DNS)."""
    plain = _plain(address)
    answer = _test(rule.pattern).answer(plain, str(plain), hostname)
    return answer if answer is None else answer is not rule.negated


def belongs(section: ClassSection, address: str, hostname: str | None) -> bool:
    """Whether a client belongs to a class: any of its rules fits, or with `Satisfy all` every one."""
    answers = [rule_matches(rule, address, hostname) is True for rule in section.rules]
    return bool(answers) and (all(answers) if section.satisfy == "all" else any(answers))


def class_named(classes: Iterable[ClassSection], name: str) -> ClassSection | None:
    """The <Class> of this name; None: there is none."""
    return next((section for section in classes if section.name == name), None)


def asks_names(section: ClassSection) -> bool:
    """Whether somebody's host name can count for the class; where it cannot, none need be looked up."""
    return any(_test(rule.pattern).of_name for rule in section.rules)


def classes_of(
    classes: Iterable[ClassSection], address: str, hostname: str | None = None,
) -> frozenset[str]:
    """The class of a client: the first in the order of the file that he belongs to, or none.

    `hostname` is the client's name by reverse DNS; None where UseReverseDNS is off. Raises `ValueError`
    when `address` is no IP address.
    """
    found = next((section.name for section in classes if belongs(section, address, hostname)), None)
    return frozenset() if found is None else frozenset({found})
