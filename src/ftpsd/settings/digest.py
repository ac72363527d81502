"""Digests of files: HASH, XCRC, XMD5 … (mod_digest)."""

# ruff: noqa: RUF009 (`directive` makes a dataclass field)

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ftpsd.settings import parsers
from ftpsd.settings.arguments import ArgumentError, Boolean, Integer, OneOf, Special, boolean, want
from ftpsd.settings.declaration import HOST, LOGIN, Context, directive
from ftpsd.settings.values import DigestCache

MODULE = "mod_digest"
ALGORITHMS = ("crc32", "md5", "sha1", "sha256", "sha512")
_HERE = HOST | Context.ANONYMOUS


def algorithms(words: Sequence[str]) -> frozenset[str]:
    """`all`, or some of crc32, md5, sha1, sha256, sha512."""
    want(words, 1)
    chosen = [word.lower() for word in words]
    if chosen == ["all"]:
        return frozenset(ALGORITHMS)
    for word in chosen:
        if word not in ALGORITHMS:
            raise ArgumentError(
                f"unknown/unsupported DigestAlgorithm: {word}", remedy=f"Some of {', '.join(ALGORITHMS)}, or all.")
    return frozenset(chosen)


def cache(words: Sequence[str]) -> DigestCache:
    """`on|off` or `[size number] [maxAge seconds]`."""
    want(words, 1, 4)
    switched = boolean(words[0]) if len(words) == 1 else None
    if switched is not None:
        return DigestCache() if switched else DigestCache(size=0)
    if len(words) % 2:
        raise ArgumentError(f"unknown DigestCache parameter: {words[-1]}", remedy="on, off, size N, maxAge SECONDS.")
    found = {}
    for name, value in zip(words[::2], words[1::2], strict=True):
        key = name.lower()
        if key not in ("size", "maxage"):
            raise ArgumentError(f"unknown DigestCache parameter: {name}", remedy="on, off, size N, maxAge SECONDS.")
        found["age" if key == "maxage" else key] = Integer(1, 2**31 - 1).parse([value])
    return DigestCache(**found)


@dataclass(frozen=True, slots=True)
class DigestSettings:
    """Who may ask for which digests."""

    engine: bool = directive(
        "DigestEngine", Boolean(), True, module=MODULE, contexts=LOGIN, good=("on", "off"), bad=("", "md5"),
        doc="HASH, MD5, XCRC, XMD5, XSHA, XSHA1, XSHA256 and XSHA512 are offered. docs/transfers.md says more.",
    )
    algorithms: frozenset[str] = directive(
        "DigestAlgorithms", Special("all|crc32|md5|sha1|sha256|sha512 …", algorithms), frozenset(ALGORITHMS),
        module=MODULE, contexts=_HERE, good=("all", "sha256 SHA512"), bad=("", "sha3", "SHA-256", "sha256 all"),
        default_text="all", doc="The algorithms that are offered.",
    )
    default_algorithm: str = directive(
        "DigestDefaultAlgorithm", OneOf(ALGORITHMS, "unknown/unsupported DigestAlgorithm: {}"), "sha1", module=MODULE,
        good=("sha256", "MD5"), bad=("", "SHA-1", "all"),
        doc="What HASH computes until OPTS HASH says otherwise; if it is not among DigestAlgorithms, one that is.",
    )
    max_size: int | None = directive(
        "DigestMaxSize", Special("number [B|KB|MB|GB|TB]", parsers.size), None, module=MODULE, contexts=_HERE,
        good=("10 GB", "4096", "0"), bad=("", "big", "5 XB", "5KB"), default_text="none",
        doc="How many bytes of a file are looked at; whoever asks for more is refused.",
    )
    enable: bool = directive(
        "DigestEnable", Boolean(), True, module=MODULE,
        contexts=Context.ANONYMOUS | Context.DIRECTORY | Context.FTPACCESS, good=("off",), bad=("md5",),
        doc="Digests of the files here are told.",
    )
    cache: DigestCache = directive(
        "DigestCache", Special("on|off|[size number] [maxAge seconds]", cache), DigestCache(), module=MODULE,
        contexts=HOST | Context.ANONYMOUS,
        good=("off", "size 100", "size 100 maxAge 60", "maxAge 5"), bad=("", "size 0", "size", "on size 4"),
        default_text="size 10000 maxAge 3600",
        doc="How many digests are remembered, and how long. A file that has changed since is computed anew.",
        differs="all sessions of a worker share it; when it is full the oldest entry goes, ProFTPD refuses the command",
    )
