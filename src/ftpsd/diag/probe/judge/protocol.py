"""Versions, ciphers, names in the hello, renegotiation."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ftpsd.diag.probe.facts import Facts, Hello, Renegotiation, Version
from ftpsd.diag.probe.verdict import Verdict, error, good, note, warning
from ftpsd.reasons.codes import Code

_MODERN = ("TLSv1.2", "TLSv1.3")
_OPEN = re.compile(r"(^|-)(NULL|ADH|AECDH)(-|$)")
_BROKEN = re.compile(r"(^|-)(RC4|RC2|DES|3DES|IDEA|SEED|EXP|MD5)(-|$)")
_FORWARD = re.compile(r"^(ECDHE|DHE|TLS_|ADH|AECDH)")
_MOST_NAMES = 4


def judge(facts: Facts) -> Iterator[Verdict]:
    if facts.versions:
        yield from _versions(facts.versions)
        yield from _ciphers(facts.versions)
    if facts.hello is not None:
        yield from _hello(facts.hello)
    if facts.renegotiation is not None:
        yield from _renegotiation(facts.renegotiation)


def _versions(versions: tuple[Version, ...]) -> Iterator[Verdict]:
    spoken = [each.name for each in versions if each.ciphers]
    old = [name for name in spoken if name not in _MODERN]
    if not spoken:
        return
    if len(old) == len(spoken):
        yield error(Code.PROTOCOL_OBSOLETE, f"The server speaks {_listed(old)} only: today's clients refuse it.")
    elif old:
        yield warning(Code.PROTOCOL_OBSOLETE, f"The server still speaks {_listed(old)}.")
    else:
        yield good(f"It speaks {_listed(spoken)} and nothing older.")
    if "TLSv1.2" in spoken and "TLSv1.3" not in spoken:
        yield note(Code.TLS13_MISSING, "The server does not speak TLS 1.3.")


def _ciphers(versions: tuple[Version, ...]) -> Iterator[Verdict]:
    found = list(dict.fromkeys(cipher for each in versions for cipher in each.ciphers))
    exposed = [name for name in found if _OPEN.search(name)]
    broken = [name for name in found if _BROKEN.search(name) and name not in exposed]
    static = [name for name in found if not _FORWARD.match(name) and name not in exposed + broken]
    if exposed:
        yield error(Code.CIPHER_WEAK, f"Ciphers without encryption or without proof of identity are accepted: "
                    f"{_some(exposed)}.")
    if broken:
        yield warning(Code.CIPHER_WEAK, f"Ciphers that are broken are accepted: {_some(broken)}.")
    if static:
        yield note(Code.NO_FORWARD_SECRECY, f"Ciphers without forward secrecy are accepted: {_some(static)}.")


def _hello(hello: Hello) -> Iterator[Verdict]:
    if hello.without_name is not None and not hello.without_name.good:
        yield warning(Code.SNI_REQUIRED, "Clients that name no host in the handshake (SNI) are refused.")
    if hello.unknown_name is not None and not hello.unknown_name.good:
        yield note(Code.SNI_UNKNOWN, "Clients that name a host that the server does not know (SNI) are refused.")
    if hello.alpn_ftp is not None and not hello.alpn_ftp.good:
        yield warning(Code.ALPN_REFUSED, "Clients that offer the protocol name “ftp” (ALPN) are refused.")
    foreign = hello.alpn_foreign
    if foreign is not None and not foreign.good and foreign.alert:
        yield good("Clients of other protocols (ALPN) are turned away.")


def _renegotiation(renegotiation: Renegotiation) -> Iterator[Verdict]:
    if not renegotiation.secure:
        yield error(Code.RENEGOTIATION_INSECURE, "The server cannot renegotiate securely (RFC 5746).")
    if renegotiation.by_client == "done":
        yield warning(
            Code.RENEGOTIATION_OPEN, "Any client may start new handshakes on its connection, again and again.")
    elif renegotiation.secure:
        yield good("Renegotiation by clients is refused.")


def _some(names: list[str]) -> str:
    more = len(names) - _MOST_NAMES
    return ", ".join(names[:_MOST_NAMES]) + (f" and {more} more" if more > 0 else "")


def _listed(names: list[str]) -> str:
    spoken = [name.replace("TLSv1", "TLS 1").replace("TLS 1", "TLS 1.0") if name == "TLSv1" else name.replace("v", " ")
              for name in names]
    return " and ".join(filter(None, [", ".join(spoken[:-1]), spoken[-1]]))
