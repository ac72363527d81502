"""Grammars of directives about logins that came after `parsers.py`."""

from __future__ import annotations

from collections.abc import Sequence

from ftpsd.settings.arguments import ArgumentError, Boolean, want

SPOKEN = frozenset({"ftp", "ftps"})
_FOREIGN = frozenset({"sftp", "scp", "http", "https"})


def protocols(words: Sequence[str]) -> frozenset[str]:
    """Names of protocols in any case; those that ftpsd does not speak are taken and mean nothing."""
    want(words, 1)
    named = frozenset(word.lower() for word in words)
    strange = named - SPOKEN - _FOREIGN
    if strange:
        raise ArgumentError(f"unknown protocol: '{min(strange)}'", remedy="Write ftp, ftps or both.")
    return named


_IF_SESSION = {"perunauthenticateduser": "PerUnauthenticatedUser"}


def if_session_options(words: Sequence[str]) -> frozenset[str]:
    """Options of mod_ifsession, in any case."""
    want(words, 1)
    for word in words:
        if word.lower() not in _IF_SESSION:
            raise ArgumentError(
                f"unknown IfSessionOption '{word}'", remedy=f"It can be {', '.join(_IF_SESSION.values())}.")
    return frozenset(_IF_SESSION[word.lower()] for word in words)


def switch(words: Sequence[str]) -> bool | None:
    """`on` or `off` of a directive whose default is neither."""
    return Boolean().parse(words)


def options(words: Sequence[str], known: dict[str, str], directive: str) -> frozenset[str]:
    """Words that are `known` (lower case → as it is written), in any case; `directive` is for the message."""
    want(words, 1)
    for word in words:
        if word.lower() not in known:
            raise ArgumentError(f"unknown {directive} '{word}'", remedy=f"It can be {', '.join(known.values())}.")
    return frozenset(known[word.lower()] for word in words)


def known(*names: str) -> dict[str, str]:
    """`names` by their lower case."""
    return {name.lower(): name for name in names}


_FILE = known("SyntaxCheck", "InsecurePerms")
_UNIX = known("MagicTokenChroot", "NoGetgrouplist", "NoInitgroups", "AIXNoRLogin", "AIXNoAuthenticate")


def auth_file_options(words: Sequence[str]) -> frozenset[str]:
    """Options of mod_auth_file, in any case."""
    return options(words, _FILE, "AuthFileOption")


def auth_unix_options(words: Sequence[str]) -> frozenset[str]:
    """Options of mod_auth_unix, in any case."""
    return options(words, _UNIX, "AuthUnixOption")
