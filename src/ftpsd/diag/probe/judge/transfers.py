"""Logged in: the login itself, addresses and ports, protection, files, CCC."""

from __future__ import annotations

from collections.abc import Iterator

from ftpsd.diag.probe.facts import Active, Clearing, Facts, Login, Passive, Transfer, Written
from ftpsd.diag.probe.verdict import Verdict, error, good, note, warning
from ftpsd.ftp import addresses
from ftpsd.reasons.codes import Code


def judge(facts: Facts) -> Iterator[Verdict]:
    if facts.login is not None:
        yield from _login(facts.login)
    for passive in facts.passive:
        yield from _passive(passive)
    yield from _reached(facts.passive)
    yield from _ends([each for series in facts.series for each in series.resuming])
    if facts.clear is not None and facts.clear.good:
        yield warning(Code.DATA_IN_CLEAR, "Files may be transferred without encryption (PROT C).")
    elif facts.passive and (facts.clear is not None or not _clear_allowed(facts)):
        yield good("Files are not transferred without encryption.")
    yield from _active(facts.active)
    if facts.written is not None:
        yield from _written(facts.written)
    if facts.clearing is not None:
        yield from _clearing(facts.clearing)


def _clear_allowed(facts: Facts) -> bool:
    level = facts.security.levels.get("C") if facts.security is not None else None
    return level is not None and level.good


def _login(login: Login) -> Iterator[Verdict]:
    if login.withheld:
        yield warning(Code.PASSWORD_WITHHELD, f"The password was not sent: {login.withheld}.")
    elif login.answer.code not in (230, 232, 202):
        yield warning(Code.PROBE_LOGIN_FAILED, f"The login failed: {login.answer}.")


def _passive(passive: Passive) -> Iterator[Verdict]:
    if passive.command != "PASV" or not passive.host or addresses.same_host(passive.host, passive.peer):
        return
    told = f"PASV tells clients to connect to {passive.host}, but the server is {passive.peer}"
    if addresses.is_hidden_from(passive.host, passive.peer):
        yield error(Code.NAT_PRIVATE_ADDRESS, f"{told}: a private address cannot be reached from outside.")
    elif addresses.is_private(passive.host):
        yield warning(Code.NAT_PRIVATE_ADDRESS, f"{told}: a private address, of another network or machine.")
    else:
        yield warning(Code.PASV_OTHER_HOST, f"{told}: many clients refuse to go elsewhere.")


def _reached(passive: tuple[Passive, ...]) -> Iterator[Verdict]:
    told = [each for each in passive if each.port]
    closed = [each for each in told if each.error]
    if closed:
        ports = ", ".join(str(each.port) for each in closed)
        yield error(
            Code.DATA_NOT_CONNECTED, f"The ports for data connections cannot be reached (tried {ports}): "
            f"{closed[0].error}.")
    elif told:
        yield good("The ports for data connections can be reached.")
    for each in passive:
        if each.answer.code in (227, 229) and not each.port:
            yield error(Code.PASV_UNREADABLE, f"The reply to {each.command} names no address: {each.answer}.")


def _ends(transfers: list[Transfer]) -> Iterator[Verdict]:
    ended = [each for each in transfers if each.good and each.ending]
    if any(each.ending == "fin" for each in ended):
        yield warning(
            Code.CLOSE_NOTIFY_MISSING, "The server ends data connections without TLS's farewell (close_notify): "
            "clients cannot tell a whole file from a cut one.")
    elif ended:
        yield good("Data connections end properly (close_notify).")


def _active(tried: tuple[Active, ...]) -> Iterator[Verdict]:
    refused = [each for each in tried if each.answer.code // 100 in (4, 5)]
    if refused:
        yield note(
            Code.ACTIVE_REFUSED, f"Active mode ({_commands(refused)}) is refused: {refused[0].answer}.")
    missed = [each for each in tried if each.answer.good and not each.came]
    if missed:
        yield note(
            Code.ACTIVE_UNREACHABLE, f"Active mode ({_commands(missed)}): the server could not connect to this machine "
            f"({missed[0].error}).")


def _commands(tried: list[Active]) -> str:
    return ", ".join(each.command for each in tried)


def _written(written: Written) -> Iterator[Verdict]:
    if not written.stored.good:
        yield error(Code.PROBE_TRANSFER_FAILED, f"The upload failed: {written.stored.error}.")
    elif written.fetched is None or not written.fetched.good:
        why = written.fetched.error if written.fetched is not None else "it was not tried"
        yield error(Code.PROBE_TRANSFER_FAILED, f"The file that was uploaded could not be fetched: {why}.")
    elif not written.same:
        yield error(Code.PROBE_TRANSFER_FAILED, "The file that was uploaded came back changed.")
    else:
        yield good("A file was uploaded, and came back the same.")
    if written.stored.good and (written.deleted is None or not written.deleted.good):
        yield warning(
            Code.PROBE_FILE_LEFT, f"The file {written.stored.command.partition(' ')[2]} could not be deleted again: "
            f"{written.deleted}.")


def _clearing(clearing: Clearing) -> Iterator[Verdict]:
    if clearing.works:
        yield note(Code.CCC_ALLOWED, "The control connection may go back to clear text (CCC).")
    elif clearing.works is False:
        yield warning(Code.CCC_SHUTDOWN_FAILED, f"CCC is accepted, and breaks the session: {clearing.error}.")
    elif clearing.answer.code:
        yield good("The control connection stays encrypted (CCC is refused).")
