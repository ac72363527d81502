"""When certificates are about to expire, in words. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from ftpsd.reasons.codes import Code
from ftpsd.tls.live.facts import Served

SOON = timedelta(days=30)


def is_near(begins: datetime, ends: datetime, now: datetime) -> bool:
    """Whether a certificate ends within thirty days, or has but a third of its time left where that is less."""
    return ends - now < min(SOON, (ends - begins) / 3)


def code_of(certificate: Served, now: datetime) -> Code | None:
    """What is to be said about its end; None: nothing."""
    if certificate.ends <= now:
        return Code.CERT_EXPIRED
    return Code.CERT_EXPIRES_SOON if is_near(certificate.begins, certificate.ends, now) else None


def warning(certificate: Served, now: datetime) -> str:
    """`certificate of Server X expires on …, in 9 days`, for who looks at the server, without its files."""
    return f"certificate of Server {certificate.server} {when(certificate.ends, now)}"


def when(ends: datetime, now: datetime) -> str:
    """`expires on 2026-12-03, in 12 days`, `expired on …`."""
    if ends <= now:
        return f"expired on {ends:%Y-%m-%d}"
    return f"expires on {ends:%Y-%m-%d}, in {span(ends - now)}"


def span(left: timedelta) -> str:
    """`12 days`, `1 day`; of the last day the hours, of the last hour the minutes."""
    for count, unit in ((left.days, "day"), (left.seconds // 3600, "hour"), (left.seconds // 60, "minute")):
        if count > 0:
            return f"{count} {unit}{'' if count == 1 else 's'}"
    return "less than a minute"


def warnings(certificates: Iterable[Served], now: datetime) -> list[str]:
    """A warning for each that is near its end, each once, the nearest first."""
    near = sorted((each.ends, warning(each, now)) for each in certificates if code_of(each, now) is not None)
    return list(dict.fromkeys(text for _, text in near))
