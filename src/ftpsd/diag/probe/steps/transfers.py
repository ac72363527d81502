"""Logged in: data connections of all kinds, a file both ways where that was allowed, and CCC."""

from __future__ import annotations

import contextlib
import ipaddress
import re
import secrets
import socket
import time
from dataclasses import dataclass, replace

from ftpsd.diag.probe.dialogue import Dialogue
from ftpsd.diag.probe.facts import (
    Active,
    Answer,
    Clearing,
    DataSeries,
    Ending,
    Facts,
    Handshake,
    Login,
    Passive,
    Transfer,
    Written,
)
from ftpsd.diag.probe.lab import Lab, Sessions
from ftpsd.diag.probe.steps.protocol import offer_of
from ftpsd.diag.probe.wire import CHUNK, Ended, ProbeError, Unreachable, Wire
from ftpsd.tls.client import Offer

TIMES = 4
"""Transfers on one control connection: more than the two tickets that OpenSSL sends at first."""
_MOST_LISTING = 1 << 20
_PAYLOAD = 64 * 1024
_PATIENCE = 3
"""How many times the timeout a listing may take: a server that sends a byte now and then has no end."""
_PASV = re.compile(r"(\d{1,3}),(\d{1,3}),(\d{1,3}),(\d{1,3}),(\d{1,3}),(\d{1,3})")
_EPSV = re.compile(r"\((.)\1\1(\d{1,5})\1\)")


class NotAllowed(ProbeError):
    """The login did not succeed, or was not tried."""

    def __init__(self, answer: Answer, withheld: str = "") -> None:
        super().__init__(withheld or f"the login was answered with {answer}")
        self.answer, self.withheld = answer, withheld


@dataclass
class Seat:
    """A session that is logged in."""

    lab: Lab
    dialogue: Dialogue
    sessions: Sessions
    offer: Offer
    answer: Answer

    def ask(self, text: str) -> Answer:
        return self.dialogue.ask(text)

    def leave(self) -> None:
        self.dialogue.close()


def log_in(lab: Lab, offer: Offer) -> Seat:
    """A session of `--user`; raises `NotAllowed`, without a password sent where the server could be anybody."""
    dialogue, shake = lab.secured(offer, verify=True)
    if not shake.good:
        raise ProbeError(f"no TLS handshake: {shake.error}")
    tls = dialogue.wire.tls
    if tls is not None and tls.verify_failures and not lab.options.insecure:
        dialogue.close()
        raise NotAllowed(Answer(0), f"the certificate could not be verified ({tls.verify_failures[0].text})")
    answer = dialogue.ask(f"USER {lab.options.user}")
    if answer.code in (331, 332, 336):
        answer = dialogue.ask(f"PASS {lab.options.password}", secret=True)
    if answer.code not in (230, 232, 202):
        dialogue.close()
        raise NotAllowed(answer)
    return Seat(lab, dialogue, Sessions(dialogue.wire), offer, answer)


def _protected(lab: Lab, offer: Offer) -> tuple[Seat, Answer]:
    """A session after PBSZ, PROT P and TYPE I, and PROT's reply."""
    seat = log_in(lab, offer)
    seat.ask("PBSZ 0")
    prot = seat.ask("PROT P")
    seat.ask("TYPE I")
    return seat, prot


# -- the steps


def enter(lab: Lab, facts: Facts) -> Facts:
    """The login, SYST, PROT's levels, and the addresses that PASV and EPSV name."""
    try:
        seat = log_in(lab, Offer())
    except NotAllowed as error:
        return replace(facts, login=Login(error.answer, error.withheld))
    system = seat.ask("SYST")
    pbsz = seat.ask("PBSZ 0")
    levels = {level: seat.ask(f"PROT {level}") for level in ("C", "S", "E", "P")}
    assert facts.security is not None
    facts = replace(
        facts, login=Login(seat.answer, system=system.text), security=replace(facts.security, pbsz=pbsz, levels=levels))
    passive = []
    for command in ("PASV", "EPSV"):
        if command == "PASV" and seat.dialogue.wire.family == socket.AF_INET6:
            continue
        found, wire = _passive(seat, command)
        passive.append(found)
        if wire is not None:
            wire.close()
        if not found.answer.code:
            break
    seat.leave()
    return replace(facts, passive=tuple(passive))


def series(lab: Lab, facts: Facts) -> Facts:
    """Listings over data connections that resume the control connection's TLS session, one after another, and one that
    does not; for each kind of resumption that the server speaks.
    """
    found = []
    for kind in (each.kind for each in facts.resumptions):
        seat, prot = _protected(lab, offer_of(kind))
        if not prot.good:
            seat.leave()
            continue
        resuming = []
        for _ in range(TIMES):
            resuming.append(_listing(seat))
            if not resuming[-1].good:
                break
        alive = resuming[-1].closing is not None and resuming[-1].closing.code != 0
        bare = _listing(seat, resume=False) if alive else None
        seat.leave()
        found.append(DataSeries(kind, tuple(resuming), bare))
    return replace(facts, series=tuple(found))


def in_clear(lab: Lab, facts: Facts) -> Facts:
    """A listing without protection, where PROT C is allowed."""
    seat = log_in(lab, Offer())
    seat.ask("PBSZ 0")
    if not seat.ask("PROT C").good:
        seat.leave()
        return facts
    clear = _listing(seat, private=False)
    seat.leave()
    return replace(facts, clear=clear)


def active(lab: Lab, facts: Facts) -> Facts:
    """Whether the server connects to us when it is asked to."""
    found = []
    for command in ("PORT", "EPRT"):
        seat, prot = _protected(lab, Offer())
        if command == "EPRT" or seat.dialogue.wire.family == socket.AF_INET:
            found.append(_active(seat, command, private=prot.good))
        seat.leave()
    return replace(facts, active=tuple(found))


def write(lab: Lab, facts: Facts) -> Facts:
    """A file of random bytes stored in the directory that was given, fetched and deleted."""
    seat, prot = _protected(lab, Offer())
    data = secrets.token_bytes(_PAYLOAD)
    path = f"{lab.options.directory.rstrip('/')}/ftpsd-probe-{secrets.token_hex(8)}.tmp"
    stored = _move(seat, f"STOR {path}", private=prot.good, upload=data)[0]
    written = Written(stored)
    if stored.good:
        fetched, got = _move(seat, f"RETR {path}", private=prot.good)
        written = replace(written, fetched=fetched, same=got == data)
    if stored.opening is not None:
        written = replace(written, deleted=seat.ask(f"DELE {path}"))
    seat.leave()
    return replace(facts, written=written)


def clear_again(lab: Lab, facts: Facts) -> Facts:
    """CCC, and a command in clear after it."""
    seat = log_in(lab, Offer())
    seat.ask("PBSZ 0")
    seat.ask("PROT P")
    answer = seat.ask("CCC")
    if not answer.good:
        seat.leave()
        return replace(facts, clearing=Clearing(answer))
    ending = seat.dialogue.wire.unsecure()
    if ending != "notify":
        seat.dialogue.wire.close()
        return replace(facts, clearing=Clearing(answer, False, "no close_notify came"))
    after = seat.ask("NOOP")
    seat.leave()
    return replace(facts, clearing=Clearing(answer, bool(after.code), "" if after.code else after.text))


# -- data connections


def parse_pasv(text: str) -> tuple[str, int] | None:
    """Address and port of a 227 reply, with or without brackets (RFC 1123 section 4.1.2.6)."""
    found = _PASV.search(text)
    numbers = [int(number) for number in found.groups()] if found else []
    if not numbers or max(numbers) > 255:
        return None
    return ".".join(map(str, numbers[:4])), numbers[4] * 256 + numbers[5]


def parse_epsv(text: str) -> int | None:
    """The port of a 229 reply (RFC 2428 section 3)."""
    found = _EPSV.search(text)
    return int(found[2]) if found and 0 < int(found[2]) < 65536 else None


def _passive(seat: Seat, command: str) -> tuple[Passive, Wire | None]:
    """PASV or EPSV and a connection to the port, at the control connection's address (see `Passive.host`)."""
    start = time.monotonic()
    peer = seat.dialogue.wire.peer
    answer = seat.ask(command)
    seat.sessions.collect()
    found = Passive(command, answer, peer=peer)
    if answer.code not in (227, 229):
        return found, None
    told = parse_pasv(answer.text) if command == "PASV" else (peer, parse_epsv(answer.text) or 0)
    if told is None or not told[1]:
        return replace(found, error="the reply names no address"), None
    found = replace(found, host=told[0], port=told[1])
    wire = None
    try:
        wire = seat.lab.wires.connect(peer, told[1])
    except Unreachable as error:
        found = replace(found, error=str(error))
    return replace(found, seconds=time.monotonic() - start), wire


def _listing(seat: Seat, *, resume: bool = True, private: bool = True) -> Transfer:
    return _move(seat, "LIST", resume=resume, private=private)[0]


def _move(
    seat: Seat, command: str, *, resume: bool = True, private: bool = True, upload: bytes | None = None,
) -> tuple[Transfer, bytes]:
    """A transfer by EPSV, or PASV where the server has no EPSV; what was received."""
    start = time.monotonic()
    passive, wire = _passive(seat, "EPSV")
    if passive.answer.code // 100 == 5:
        passive, wire = _passive(seat, "PASV")
    found = Transfer(command, private=private, passive=passive)
    if wire is None:
        return replace(found, error=passive.error or f"{passive.command}: {passive.answer}"), b""
    try:
        found, data = _over(seat, wire, found, resume=resume and private, upload=upload)
    finally:
        wire.close()
    return replace(found, seconds=time.monotonic() - start), data


def _over(
    seat: Seat, wire: Wire, found: Transfer, *, resume: bool, upload: bytes | None,
) -> tuple[Transfer, bytes]:
    dialogue = seat.dialogue
    session, fresh = seat.sessions.next() if resume else (None, False)
    try:
        dialogue.send(found.command)
        found = replace(found, opening=dialogue.answer(), offered=session is not None, fresh=fresh)
    except Ended as error:
        return replace(found, error=str(error), closing=Answer(0, (str(error),))), b""
    assert found.opening is not None
    if found.opening.code // 100 != 1:
        return replace(found, closing=found.opening, error=f"{found.command.split()[0]}: {found.opening}"), b""
    if found.private:
        shake = wire.secure(seat.offer, name=seat.lab.options.name, session=session)
        found = replace(found, handshake=shake)
        if not shake.good:
            wire.close()
            return replace(found, closing=_last(dialogue), error=f"no TLS handshake: {shake.error}"), b""
    data, ending, why = _receive(wire) if upload is None else (b"", *_send(wire, upload))
    wire.close()
    closing = _last(dialogue)
    if not why and not 200 <= closing.code < 300:
        why = f"the transfer was answered with {closing}"
    return replace(found, size=len(upload or data), ending=ending, closing=closing, error=why), data


def _last(dialogue: Dialogue) -> Answer:
    """The reply that ends a transfer."""
    try:
        return dialogue.answer()
    except ProbeError as error:
        return Answer(0, (str(error),))


def _receive(wire: Wire) -> tuple[bytes, Ending, str]:
    data = bytearray()
    deadline = time.monotonic() + _PATIENCE * wire.timeout
    try:
        while len(data) < _MOST_LISTING and time.monotonic() < deadline:
            data += wire.read()
    except Ended as error:
        bad = error.ending in ("reset", "timeout")
        return bytes(data), error.ending, str(error) if bad else ""
    return bytes(data), "", ""


def _send(wire: Wire, data: bytes) -> tuple[Ending, str]:
    """All of `data`, our end, and how the server ends after it."""
    try:
        for at in range(0, len(data), CHUNK):
            wire.write(data[at:at + CHUNK])
    except Ended as error:
        return error.ending, str(error)
    wire.finish()
    deadline = time.monotonic() + wire.timeout
    try:
        while time.monotonic() < deadline:
            wire.read()
    except Ended as error:
        return (error.ending, "") if error.ending != "timeout" else ("", "")
    return "", "the server sends without end"


def _active(seat: Seat, command: str, *, private: bool) -> Active:
    wire = seat.dialogue.wire
    with socket.socket(wire.family, socket.SOCK_STREAM) as listener:
        listener.bind((wire.local, 0))
        listener.listen(1)
        listener.settimeout(wire.timeout)
        answer = seat.ask(_active_command(command, wire.local, listener.getsockname()[1]))
        if not answer.good:
            return Active(command, answer)
        try:
            seat.dialogue.send("LIST")
            opened, why = _accept(listener, seat)
        except ProbeError as problem:
            return Active(command, answer, error=str(problem))
        if opened is None:
            return Active(command, answer, error=why)
        with contextlib.suppress(ProbeError):
            _drain(seat, opened, private=private)
        opened.close()
        return Active(command, answer, came=True)


def _active_command(command: str, address: str, port: int) -> str:
    if command == "PORT":
        return f"PORT {address.replace('.', ',')},{port // 256},{port % 256}"
    return f"EPRT |{2 if ipaddress.ip_address(address).version == 6 else 1}|{address}|{port}|"


def _accept(listener: socket.socket, seat: Seat) -> tuple[Wire | None, str]:
    """The server's connection, or why there is none."""
    try:
        sock, _ = listener.accept()
    except TimeoutError:
        refused = _last(seat.dialogue) if seat.dialogue.waiting else Answer(0)
        return None, f"no connection came{f': {refused}' if refused.code else ''}"
    return seat.lab.wires.accepted(sock), ""


def _drain(seat: Seat, wire: Wire, *, private: bool) -> None:
    opening = seat.dialogue.answer()
    session, _ = seat.sessions.next()
    shake = Handshake()
    if private and opening.code // 100 == 1:
        shake = wire.secure(seat.offer, name=seat.lab.options.name, session=session)
    if shake.good:
        _receive(wire)
    wire.close()
    if opening.code // 100 == 1:
        seat.dialogue.answer()
