"""Facts of files: what MLSD and MLST tell, and what FEAT says of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ftpsd.settings import parsers
from ftpsd.settings.arguments import ArgumentError, Boolean, Special, want
from ftpsd.settings.declaration import HOST, LOGIN, Combine, directive

MODULE = "mod_facts"
FACTS = (
    "modify", "perm", "size", "type", "unique",
    "UNIX.group", "UNIX.groupname", "UNIX.mode", "UNIX.owner", "UNIX.ownername",
)
"""The facts that there are (`ftp.facts` has the same)."""
_OPTIONS = ("UseSlink", "NoAdjustedSymlinks", "NoNames")


def _facts(words: Sequence[str]) -> frozenset[str]:
    want(words, 1)
    known = {fact.lower(): fact for fact in FACTS}
    for word in words:
        if word.lower() not in known:
            raise ArgumentError(f"unknown fact: '{word}'", remedy=f"The facts are {', '.join(FACTS)}.")
    return frozenset(known[word.lower()] for word in words)


def _options(words: Sequence[str]) -> frozenset[str]:
    return parsers.keywords(words, _OPTIONS, "FactsOption")


@dataclass(frozen=True, slots=True)
class FactsSettings:
    """MLSD, MLST, MFF, MFMT (RFC 3659 section 7)."""

    advertise: bool = directive(
        "FactsAdvertise", Boolean(), True, module=MODULE, contexts=HOST, good=("off",), bad=("MLST",),
        doc="FEAT tells of MLST, MFF, MFMT and TVFS. They are there even where it does not.",
    )
    default: frozenset[str] | None = directive(
        "FactsDefault", Special("fact …", _facts), None, module=MODULE, contexts=HOST, combine=Combine.LAST,
        good=("type size modify", "unix.mode"), bad=("", "colour"), default_text="all of them",
        doc="The facts that a session is told before it has sent OPTS MLST.",
    )
    options: frozenset[str] = directive(
        "FactsOptions", Special("option …", _options), frozenset(), module=MODULE, contexts=LOGIN,
        combine=Combine.LAST, good=("UseSlink", "noNames UseSlink"), bad=("", "Fast"), default_text="none",
        doc="UseSlink: links are `type=OS.unix=slink:TARGET` in MLSD. NoNames: there are no facts UNIX.ownername and"
        " UNIX.groupname. NoAdjustedSymlinks has no effect: targets of links are shown as they are written.",
    )
