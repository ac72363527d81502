"""Whether a changed certificate may take the place of the one that is served. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from ftpsd.reasons.codes import Code
from ftpsd.tls.identity import stands_for
from ftpsd.tls.live.facts import Served

ANYWAY = "SIGHUP takes it nevertheless."


@dataclass(frozen=True, slots=True)
class Objection:
    """Why not: `text` and `remedy` for the log."""

    code: Code
    text: str
    remedy: str = ""


def judge(old: Iterable[Served], new: Sequence[Served], now: datetime) -> Objection | None:
    """The first objection to serving `new` instead of `old`; None: there is none.

    Only what differs is judged: what was served before with its faults stays as good as it was.
    """
    before = {(each.host, each.directive): each for each in old}
    for candidate in new:
        known = before.get((candidate.host, candidate.directive))
        if known != candidate:
            found = _alone(candidate, now) or (known and _beside(known, candidate, now))
            if found:
                return found
    return None


def _alone(new: Served, now: datetime) -> Objection | None:
    path = f"certificate '{new.path}'"
    if new.ends <= now:
        return Objection(Code.CERT_EXPIRED, f"{path} has expired ({_day(new.ends)})", "Renew it.")
    if new.begins > now:
        return Objection(
            Code.CERT_NOT_YET_VALID, f"{path} is not valid before {new.begins:%Y-%m-%d %H:%M} UTC",
            "Set the clock right, or put the files there again when it is.")
    if not new.for_servers:
        return Objection(
            Code.CERT_NOT_FOR_SERVERS, f"{path} was not issued for servers (extended key usage)",
            "Request one for TLS servers (serverAuth).")
    for name, ends in new.chain:
        if ends <= now:
            return Objection(
                Code.CHAIN_EXPIRED, f"'{name}' in the chain of {path} has expired ({_day(ends)})",
                "Get the authority's present intermediate certificates.")
    return None


def _beside(old: Served, new: Served, now: datetime) -> Objection | None:
    path = f"certificate '{new.path}'"
    if old.self_signed and not new.self_signed:
        return None  # whoever vouches for it, that is better than nobody
    if (old.chain or old.rooted) and not new.chain and not new.rooted:
        return Objection(
            Code.CHAIN_INCOMPLETE,
            f"{path} has lost its chain: its issuer is in none of TLSCertificateChainFile, TLSCACertificateFile and the"
            " certificate file", f"Put the intermediate certificates there. {ANYWAY}")
    lost = [name for name in old.names if not any(stands_for(pattern, name) for pattern in new.names)]
    if lost:
        return Objection(
            Code.CERT_NAMES_LOST,
            f"{path} no longer bears {', '.join(lost)}: clients that connect by that would refuse it",
            f"Request one with all names. {ANYWAY}")
    if now < new.ends < old.ends and old.ends > now:
        return Objection(
            Code.CERT_EXPIRES_EARLIER,
            f"{path} expires on {_day(new.ends)}, earlier than the one that is served ({_day(old.ends)})",
            f"Perhaps an old file was put back. {ANYWAY}")
    return None


def _day(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d}"
