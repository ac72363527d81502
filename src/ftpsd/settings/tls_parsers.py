"""Grammars of mod_tls's directives: functions from words to a value of `values.py`."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence

from ftpsd.settings.arguments import ArgumentError, boolean, want, whole_number
from ftpsd.settings.tls_users import OID
from ftpsd.settings.values import CipherSuite, Renegotiate, TLSRequirement

REQUIREMENTS: Mapping[str, TLSRequirement] = {
    "both": TLSRequirement(1, 1, 1),
    "ctrl+data": TLSRequirement(1, 1, 1),
    "ctrl": TLSRequirement(1, 0, 1),
    "control": TLSRequirement(1, 0, 1),
    "ctrl+!data": TLSRequirement(1, -1, 1),
    "data": TLSRequirement(0, 1, 0),
    "!data": TLSRequirement(0, -1, 0),
    "auth": TLSRequirement(0, 0, 1),
    "auth+data": TLSRequirement(0, 1, 1),
    "auth+!data": TLSRequirement(0, -1, 1),
}


def required(words: Sequence[str]) -> TLSRequirement:
    """A switch or one of the words of `REQUIREMENTS`."""
    want(words, 1, 1)
    switch = boolean(words[0])
    if switch is not None:
        return TLSRequirement(1, 1, 1) if switch else TLSRequirement()
    requirement = REQUIREMENTS.get(words[0].lower())
    if requirement is None:
        raise ArgumentError("bad parameter", remedy=f"It is on, off or one of {', '.join(REQUIREMENTS)}.")
    return requirement


KEY_OPTIONS = ("AllowWeakDH", "AllowWeakSecurity", "NoAutoECDH", "NoEmptyFragments")
SUPPORTED_OPTIONS = (
    *KEY_OPTIONS,
    "AllowClientRenegotiations",
    "AllowDotLogin",
    "AllowPerUser",
    "CommonNameRequired",
    "dNSNameRequired",
    "EnableDiags",
    "ExportCertData",
    "IgnoreSNI",
    "iPAddressRequired",
    "NoCertRequest",
    "NoSessionReuseRequired",
    "StdEnvVars",
    "UseImplicitSSL",
)
_OPTION_WORDS = {option.lower(): option for option in SUPPORTED_OPTIONS}
_OPTION_WORDS["allowclientrenegotiation"] = "AllowClientRenegotiations"


def options(words: Sequence[str]) -> frozenset[str]:
    """One or more words of the list above, in any case."""
    if not words:
        raise ArgumentError("wrong number of parameters")
    chosen = set()
    for word in words:
        option = _OPTION_WORDS.get(word.lower())
        if option is None:
            raise ArgumentError(f"unknown TLSOption '{word}'", remedy=close_to(word, _OPTION_WORDS))
        chosen.add(option)
    return frozenset(chosen)


def close_to(word: str, known: Mapping[str, str]) -> str | None:
    """`Did you mean X?` when a known word (keys in lower case) is close to `word`."""
    close = difflib.get_close_matches(word.lower(), known, n=1)
    return f"Did you mean {known[close[0]]}?" if close else None


PROTOCOLS = {
    "sslv3": "SSLv3",
    "tlsv1": "TLSv1",
    "tlsv1.1": "TLSv1.1",
    "tlsv1.2": "TLSv1.2",
    "tlsv1.3": "TLSv1.3",
}
DEFAULT_PROTOCOLS = frozenset({"TLSv1.2", "TLSv1.3"})
_EVERY = frozenset(PROTOCOLS.values()) - {"SSLv3"}


def _protocol(word: str) -> str:
    name = PROTOCOLS.get(word.lower())
    if name is None:
        raise ArgumentError(
            f"unknown protocol: '{word}'", remedy=f"It is one of {', '.join(PROTOCOLS.values())}."
        )
    return name


def protocol(words: Sequence[str]) -> frozenset[str]:
    """Names of versions; `SSLv23` (all of TLS), or `ALL` followed by `-name` and `+name`.

    SSLv3 is in the value only where it is named, so that a notice can say that it is not there.
    """
    want(words, 1)
    first = words[0].lower()
    if first == "sslv23" and len(words) == 1:
        return _EVERY
    chosen = _adjusted(words[1:]) if first == "all" else frozenset(_protocol(word) for word in words)
    if chosen <= {"SSLv3"}:
        raise ArgumentError("no protocol is left", remedy="OpenSSL has no SSLv3 any more: add TLSv1.2"
        " TLSv1.3.")
    return chosen


def _adjusted(words: Sequence[str]) -> frozenset[str]:
    """All versions of TLS with `+name` added and `-name` taken away, in order."""
    chosen = set(_EVERY)
    for word in words:
        if word[:1] not in ("+", "-"):
            raise ArgumentError(
                f"missing required +/- prefix: {word}", remedy="After ALL write for example -TLSv1 -TLSv1.1."
            )
        if word[1:].lower() not in PROTOCOLS:
            raise ArgumentError(f"unknown protocol: '{word}'")
        if word[0] == "+":
            chosen.add(_protocol(word[1:]))
        else:
            chosen.discard(_protocol(word[1:]))
    return frozenset(chosen)


def verify_client(words: Sequence[str]) -> str:
    """`on`, `off` or `optional`."""
    want(words, 1, 1)
    if words[0].lower() == "optional":
        return "optional"
    switch = boolean(words[0])
    if switch is None:
        raise ArgumentError("expected Boolean parameter", remedy="Write on, off or optional.")
    return "on" if switch else "off"


MECHANISMS = ("crl", "ocsp")
"""What TLSVerifyOrder may name."""


def verify_order(words: Sequence[str]) -> tuple[str, ...]:
    """One or both of `MECHANISMS`, in any case."""
    want(words, 1, 2)
    chosen = tuple(word.lower() for word in words)
    for mechanism, word in zip(chosen, words, strict=True):
        if mechanism not in MECHANISMS:
            raise ArgumentError(
                f"unsupported verification mechanism '{word}' requested", remedy="It is crl or ocsp.")
    if len(set(chosen)) != len(chosen):
        raise ArgumentError(f"verification mechanism '{words[0]}' requested twice")
    return chosen


def user_name(words: Sequence[str]) -> str:
    """`CommonName`, `EmailSubjAltName` or the dotted number of an extension."""
    want(words, 1, 1)
    if words[0] in ("CommonName", "EmailSubjAltName"):
        return words[0]
    if not OID.fullmatch(words[0]):
        raise ArgumentError(
            "badly formatted OID parameter",
            remedy="Write CommonName, EmailSubjAltName or an OID like 1.2.3.4.",
        )
    return words[0]


def verify_server(words: Sequence[str]) -> str:
    """`on`, `off` or `NoReverseDNS`."""
    want(words, 1, 1)
    if words[0].lower() == "noreversedns":
        return "NoReverseDNS"
    switch = boolean(words[0])
    if switch is None:
        raise ArgumentError("expected Boolean parameter", remedy="Write on, off or NoReverseDNS.")
    return "on" if switch else "off"


def renegotiate(words: Sequence[str]) -> Renegotiate:
    """`none`, or pairs of `ctrl SECONDS`, `data KIB`, `required on|off`, `timeout SECONDS`."""
    want(words, 1, 8)
    if len(words) == 1 and words[0].lower() == "none":
        return Renegotiate(refused=True)
    if len(words) % 2:
        raise ArgumentError(
            "wrong number of parameters", remedy="Write none, or keywords with one value each."
        )
    values = {"ctrl": 0, "data": 0, "timeout": 30}
    is_required, insists = True, False
    for keyword, value in zip(words[::2], words[1::2], strict=True):
        key = keyword.lower()
        if key == "required":
            switch = boolean(value)
            if switch is None:
                raise ArgumentError(f"required must be a Boolean value: '{value}'")
            is_required = insists = switch
        elif key in values:
            values[key] = whole_number(value, f"{key} value")
        else:
            raise ArgumentError(
                f"unknown TLSRenegotiate argument '{keyword}'", remedy="It is one of ctrl, data, required, timeout."
            )
    return Renegotiate(
        ctrl=values["ctrl"], data=values["data"], timeout=values["timeout"], required=is_required,
        insists=insists,
    )


def ciphers(words: Sequence[str]) -> tuple[CipherSuite, ...]:
    """`[PROTOCOL] LIST` in OpenSSL's notation; all versions before TLS 1.3 share one list."""
    want(words, 1, 2)
    version = _cipher_version(words[0]) if len(words) == 2 else None
    suites = words[-1]
    if not re.fullmatch(r"[A-Za-z0-9_:+!@,=. -]+", suites):
        raise ArgumentError(f"unable to use ciphersuite '{suites}'")
    if version != "TLSv1.3" and "_" in suites and not suites.upper().startswith("PROFILE="):
        raise ArgumentError(
            f"unable to use ciphersuite '{suites}'",
            remedy=f"For TLS 1.3 write TLSCipherSuite TLSv1.3 {suites}.",
        )
    return (CipherSuite(version == "TLSv1.3", suites),)


def _cipher_version(word: str) -> str:
    version = PROTOCOLS.get(word.lower())
    if version is None:
        raise ArgumentError(
            f"unknown/unsupported protocol specifier: {word}",
            remedy="TLSv1.2 (or an older version) or TLSv1.3 can stand before the list.",
        )
    return version
