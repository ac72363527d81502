"""TLS sessions: whether they can be resumed, and whether data connections must and can do so.

That a data connection continues the session of its control connection proves whose it is. Where a server demands it,
clients that cannot do it fail; where a server demands it and cannot do it itself, everybody fails.
"""

from __future__ import annotations

from collections.abc import Iterator

from ftpsd.diag.probe.facts import DataSeries, Facts, Resumption, Transfer
from ftpsd.diag.probe.verdict import Verdict, error, good, note, warning
from ftpsd.reasons.codes import Code


def judge(facts: Facts) -> Iterator[Verdict]:
    if facts.resumptions:
        yield from _control(facts.resumptions)
    told = [each for each in facts.series if each.resuming and _tls_began(each.resuming[0])]
    if not told:
        return
    yield from _broken(told)
    yield from _required(told)
    yield from _dry(told)


def _tls_began(transfer: Transfer) -> bool:
    return transfer.handshake is not None


def _control(resumptions: tuple[Resumption, ...]) -> Iterator[Verdict]:
    working = [each.kind for each in resumptions if each.resumed]
    if working:
        yield good(f"Sessions are resumed: {', '.join(working)}.")
    elif any(each.offered and each.resumed is None and each.error for each in resumptions):
        failed = next(each for each in resumptions if each.error)
        yield error(
            Code.RESUMPTION_BROKEN, f"A client that resumes a session ({failed.kind}) is thrown out: {failed.error}.")


def _resumed(transfer: Transfer) -> bool:
    return transfer.handshake is not None and transfer.handshake.resumed


def _required_by(series: DataSeries) -> bool:
    """Whether a data connection without resumption failed where one with it did not."""
    return (
        series.bare is not None and not series.bare.good and series.bare.handshake is not None
        and any(each.good and _resumed(each) for each in series.resuming))


def _broken(told: list[DataSeries]) -> Iterator[Verdict]:
    """Transfers that fail with TLS although everything was done right; what is the same for several kinds is said once.
    """
    found: dict[tuple[Code, str], list[str]] = {}
    for series in told:
        what = _failure(series)
        if what is not None:
            found.setdefault(what, []).append(series.kind)
    for (code, text), kinds in found.items():
        yield error(code, f"{text} ({', '.join(kinds)}).")


def _failure(series: DataSeries) -> tuple[Code, str] | None:
    bad = next((each for each in series.resuming if not each.good and each.handshake is not None), None)
    if bad is None or (not bad.fresh and bad.offered):
        return None
    if not _resumed(bad) and not bad.offered and _asks_for_resumption(bad):
        return Code.RESUMPTION_BROKEN, (
            "The server demands that data connections resume the TLS session, and offers none to resume")
    if _resumed(bad) or (bad.offered and _asks_for_resumption(bad)):
        number = series.resuming.index(bad) + 1
        how = "was resumed" if _resumed(bad) else "was offered, and is not known any more"
        return Code.RESUMPTION_BROKEN, f"Data connection {number} fails although the TLS session {how}: {bad.error}"
    return Code.DATA_TLS_ERROR, f"A transfer fails: {bad.error}"


def _asks_for_resumption(transfer: Transfer) -> bool:
    text = f"{transfer.closing or ''} {transfer.error}".lower()
    return any(word in text for word in ("reuse", "resum", "425", "522"))


def _required(told: list[DataSeries]) -> Iterator[Verdict]:
    required = [each.kind for each in told if _required_by(each)]
    resumable = [each.kind for each in told if any(_resumed(one) for one in each.resuming)]
    free = [each.kind for each in told if each.bare is not None and each.bare.good]
    if required:
        yield note(
            Code.RESUMPTION_REQUIRED, "Data connections must resume the TLS session. That is safe, but clients that "
            "cannot do it fail (Python's ftplib, PHP, old programs).")
        yield good(f"Data connections that resume work, one after another: {', '.join(required)}.")
    elif free and resumable:
        yield note(
            Code.REUSE_SWITCHED_OFF, "Data connections need not resume the TLS session: who reaches the port first, "
            "gets the file.")
    elif free:
        yield warning(
            Code.RESUMPTION_UNAVAILABLE, "Data connections cannot resume the TLS session: each file costs a full "
            "handshake, and who reaches the port first, gets it.")
    if resumable and "TLSv1.3" in free and "TLSv1.3" not in resumable:
        yield note(
            Code.RESUMPTION_UNAVAILABLE, "Under TLS 1.3 data connections cannot resume the TLS session: each file "
            "costs a full handshake.")


def _dry(told: list[DataSeries]) -> Iterator[Verdict]:
    for series in told:
        stale = [number for number, each in enumerate(series.resuming, 1) if each.offered and not each.fresh]
        if stale and (_required_by(series) or not series.resuming[-1].good):
            yield warning(
                Code.TICKETS_RUN_DRY, f"After {stale[0] - 1} transfers under TLS 1.3 the server has sent no further "
                "ticket, and demands one: clients that use a ticket once fail from then on.")
