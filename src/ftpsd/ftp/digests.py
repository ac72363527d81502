"""HASH (draft-bryan-ftpext-hash), and the older commands that each have one algorithm: MD5 (draft-twine-ftpmd5), XCRC,
XMD5, XSHA … (GlobalSCAPE and others, with a range of bytes). Pure.

Which reply means what differs from family to family. Of a whole file HASH says `0-SIZE`, as ProFTPD does; of what RANG
chose it says that range, as the draft does. The digest is always that of the bytes in the file, whatever TYPE and MODE
are (section 3 of the draft).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from ftpsd.errors import Refusal
from ftpsd.ftp.ranges import ByteRange
from ftpsd.reasons.codes import Code


@dataclass(frozen=True, slots=True)
class Algorithm:
    """`name` is the configuration's and OpenSSL's, `hash_name` HASH's, `title` the other commands'."""

    name: str
    hash_name: str
    title: str


ALGORITHMS: Mapping[str, Algorithm] = MappingProxyType({
    algorithm.name: algorithm for algorithm in (
        Algorithm("crc32", "CRC32", "CRC32"), Algorithm("md5", "MD5", "MD5"), Algorithm("sha1", "SHA-1", "SHA1"),
        Algorithm("sha256", "SHA-256", "SHA256"), Algorithm("sha512", "SHA-512", "SHA512"),
    )
})
"""By the configuration's name, in the order in which FEAT shows them."""

COMMANDS: Mapping[str, str] = MappingProxyType({
    "XCRC": "crc32", "MD5": "md5", "XMD5": "md5", "XSHA": "sha1", "XSHA1": "sha1", "XSHA256": "sha256",
    "XSHA512": "sha512",
})
"""The algorithm of each command that has one."""

_PREFERRED = ("sha1", "sha256", "sha512", "md5", "crc32")
_QUOTED = re.compile(r'\s*"((?:[^"]|"")*)"?')
_NUMBER = re.compile(r"[+-]?[0-9]\S*")


@dataclass(frozen=True, slots=True)
class Family:
    """Which codes a command answers with: the digest itself, and refusals."""

    done: int
    denied: int = 550
    not_a_file: int = 550
    too_large: int = 550


HASH = Family(213, denied=552, not_a_file=553, too_large=556)
MD5 = Family(251, not_a_file=504)
RANGED = Family(250)


def default(allowed: Collection[str], wanted: str) -> str:
    """What HASH computes at first: `wanted` (DigestDefaultAlgorithm) if that is allowed, else one that is."""
    return wanted if wanted in allowed else next(name for name in _PREFERRED if name in allowed)


def named(word: str, allowed: Collection[str]) -> str:
    """The algorithm of `OPTS HASH word`. Raises `Refusal`."""
    for algorithm in ALGORITHMS.values():
        if algorithm.hash_name == word.upper() and algorithm.name in allowed:
            return algorithm.name
    raise Refusal(501, f"{word}: Unsupported algorithm", Code.PARAMETER_UNSUPPORTED)


def features(allowed: Collection[str], chosen: str) -> Iterator[str]:
    """The FEAT lines; the algorithm in force has a star."""
    names = (algorithm for algorithm in ALGORITHMS.values() if algorithm.name in allowed)
    yield "HASH " + "".join(f"{one.hash_name}{'*' if one.name == chosen else ''};" for one in names)
    yield from (command for command, name in COMMANDS.items() if name in allowed)


def split(argument: str) -> tuple[str, list[str]]:
    """(path, words behind it) of `path [start end]`; a path in quotes may end like a number ("" is one quote)."""
    quoted = _QUOTED.match(argument)
    if quoted is not None:
        return quoted[1].replace('""', '"'), argument[quoted.end():].split()
    words = argument.split()
    count = next((index for index, word in enumerate(reversed(words)) if not _NUMBER.fullmatch(word)), len(words))
    count = min(count, 2, len(words) - 1)
    if count <= 0:
        return argument.strip(), []
    return argument.strip().rsplit(maxsplit=count)[0], words[-count:]


def span(command: str, words: list[str], size: int) -> tuple[int, int]:
    """(first byte, the one behind the last) that `words` choose of a file of `size` bytes. Raises `Refusal` 501."""
    if not words:
        return 0, size
    if len(words) != 2:
        raise Refusal(501, "Invalid number of parameters", Code.SYNTAX)
    start, end = (_number(word) for word in words)
    if start is None:
        raise Refusal(501, f"{command} requires a start greater than or equal to 0", Code.SYNTAX)
    if end is None:
        raise Refusal(501, f"{command} requires an end greater than 0", Code.SYNTAX)
    if end <= start:
        raise Refusal(501, f"{command} requires end ({end}) greater than start ({start})", Code.SYNTAX)
    if end > size:
        raise Refusal(501, f"{command}: end exceeds file size", Code.RESTART_BEYOND_END)
    return start, end


def _number(word: str) -> int | None:
    digits = word.removeprefix("+")
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) <= 40 else None


def span_of_range(chosen: ByteRange | None, size: int, shown: str) -> tuple[int, int, str]:
    """(first byte, the one behind the last, how HASH's reply shows it) of what RANG chose; None: the whole file.

    Raises `Refusal` 554 where the file ends before the range begins.
    """
    if chosen is None:
        return 0, size, f"0-{size}"
    if chosen.first >= size:
        raise Refusal(554, f"RANG: invalid {shown} argument", Code.RESTART_BEYOND_END)
    end = min(size, chosen.last + 1)
    return chosen.first, end, f"{chosen.first}-{end - 1}"
