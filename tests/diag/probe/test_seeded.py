"""Servers that others wrote, with faults that were put into them: each is found, and none is invented.

The table stands in docs/probe.md; `python -m tests.diag.probe.test_seeded` writes it there.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.diag.probe.ask import ask, codes
from tests.diag.probe.peers import Workshop

PAGE = Path(__file__).resolve().parents[3] / "docs" / "probe.md"
BEGIN, END = "<!-- table: printed by tests/diag/probe/test_seeded.py -->\n", "<!-- end of table -->"
PROFTPD, VSFTPD, PURE, PYFTPDLIB, FAKE = "ProFTPD 1.3.8", "vsftpd 3.0.3", "Pure-FTPd 1.0.50", "pyftpdlib 2.2", "a fake"

RUN_DRY, REQUIRED, WANTED = "tickets-run-dry", "resumption-required", "client-cert-wanted"
FREE, CCC, INJECTED, PLAIN = "reuse-switched-off", "ccc-allowed", "injection-run", "active-refused"
NOT_UNDER_13 = "resumption-unavailable"


@dataclass(frozen=True)
class Case:
    """`faults`: what was done to the server → the code that it is found by. `own`: what is found there in any case."""

    name: str
    server: str
    start: Callable[[Workshop], int]
    own: frozenset[str]
    faults: dict[str, str] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)


def _context(path: str) -> Any:
    from OpenSSL import SSL

    context = SSL.Context(SSL.TLS_SERVER_METHOD)
    context.set_cipher_list(b"DEFAULT:@SECLEVEL=0")
    context.use_certificate_chain_file(path)
    context.use_privatekey_file(path)
    return context


def _forgetful(path: str) -> Any:
    """A context without sessions and tickets."""
    from OpenSSL import SSL

    context = _context(path)
    context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    context.set_options(SSL.OP_NO_TICKET | SSL.OP_NO_TLSv1 | SSL.OP_NO_TLSv1_1 | SSL.OP_NO_TLSv1_3)
    return context


def _promiscuous(path: str) -> Any:
    context = _context(path)
    context.set_cipher_list(b"ALL:eNULL:@SECLEVEL=0")
    return context


def _without_epsv() -> dict[str, Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from pyftpdlib.handlers import TLS_FTPHandler

    return {name: value for name, value in TLS_FTPHandler.proto_cmds.items() if name != "EPSV"}


def _short_list(handler: Any, line: str) -> None:
    handler.push("211-Features supported:\r\n EPSV\r\n UTF8\r\n211 End FEAT.\r\n")


CASES = (
    Case("proftpd", PROFTPD, Workshop.proftpd, frozenset({RUN_DRY, REQUIRED})),
    Case("proftpd-open", PROFTPD, lambda shop: shop.proftpd(
        "lonely", tls=("TLSRequired off", "TLSOptions NoSessionReuseRequired"),
        directives=("MasqueradeAddress 10.1.2.3",)),
        frozenset(), {
            "intermediate certificate missing": "chain-incomplete",
            "TLSRequired off: password in clear": "tls-optional",
            "TLSRequired off: files in clear": "data-in-clear", "MasqueradeAddress 10.1.2.3": "nat-private-address",
            "NoSessionReuseRequired": FREE, "CCC allowed": CCC}),
    Case("proftpd-old", PROFTPD, lambda shop: shop.proftpd(
        "sha1", tls=("TLSRequired on", "TLSProtocol TLSv1", "TLSCipherSuite DEFAULT:@SECLEVEL=0")),
        frozenset({REQUIRED}), {
            "TLS 1.0 only": "protocol-obsolete", "signature with SHA-1": "cert-weak-signature",
            "self-signed": "cert-self-signed", "certificate of another name": "cert-names"}),
    Case("vsftpd", VSFTPD, Workshop.vsftpd, frozenset({RUN_DRY, REQUIRED, WANTED})),
    Case("vsftpd-open", VSFTPD, lambda shop: shop.vsftpd("expired", lines=(
        "pasv_address=198.51.100.9", "cmds_denied=EPSV", "force_local_logins_ssl=NO", "force_local_data_ssl=NO",
        "require_ssl_reuse=NO")),
        frozenset({WANTED}), {
            "expired certificate": "cert-expired", "pasv_address of another host": "pasv-other-host",
            "EPSV denied": "epsv-missing", "force_local_logins_ssl=NO": "tls-optional",
            "force_local_data_ssl=NO": "data-in-clear", "require_ssl_reuse=NO": FREE}),
    Case("vsftpd-disordered", VSFTPD, lambda shop: shop.vsftpd("disordered", lines=("write_enable=NO",)),
         frozenset({RUN_DRY, REQUIRED, WANTED}), {
             "chain in wrong order": "chain-disordered", "nobody may store files": "probe-transfer-failed"}),
    Case("vsftpd-without", VSFTPD, lambda shop: shop.vsftpd(lines=("ssl_enable=NO",)), frozenset(), {
        "no TLS": "tls-unavailable", "no TLS: password in clear": "tls-optional"}),
    Case("pureftpd", PURE, Workshop.pureftpd, frozenset({FREE, CCC, NOT_UNDER_13})),
    Case("pureftpd-open", PURE, lambda shop: shop.pureftpd(
        "other", arguments=("--tls=1", "--forcepassiveip=192.168.9.9")),
        frozenset({FREE, CCC, NOT_UNDER_13}), {
            "certificate of another name": "cert-names", "--tls=1: password in clear": "tls-optional",
            "--tls=1: files in clear": "data-in-clear",
            "--forcepassiveip of a private address": "nat-private-address"}),
    Case("pyftpdlib", PYFTPDLIB, Workshop.pyftpdlib, frozenset({FREE, INJECTED})),
    Case("pyftpdlib-weak", PYFTPDLIB, lambda shop: shop.pyftpdlib(
        "weak", prepare=_forgetful, proto_cmds=_without_epsv(), ftp_FEAT=_short_list, masquerade_address="192.168.9.9"),
        frozenset({INJECTED}), {
            "RSA key of 1024 bits": "cert-weak-key", "no sessions, no tickets": "resumption-unavailable",
            "no EPSV": "epsv-missing", "FEAT without AUTH TLS": "auth-unlisted", "no TLS 1.3": "tls13-missing",
            "masquerade_address of a private network": "nat-private-address"}),
    Case("pyftpdlib-ciphers", PYFTPDLIB, lambda shop: shop.pyftpdlib(
        "self", prepare=_promiscuous, tls_control_required=False, tls_data_required=False),
        frozenset({FREE, INJECTED}), {
            "anonymous ciphers, and without encryption": "cipher-weak", "ciphers with static RSA": "no-forward-secrecy",
            "TLS 1.0 and 1.1 too": "protocol-obsolete", "self-signed": "cert-self-signed",
            "tls_control_required off": "tls-optional", "tls_data_required off": "data-in-clear"},
        {"ciphers": True}),
    Case("fake", FAKE, Workshop.fake, frozenset({PLAIN, RUN_DRY, REQUIRED})),
    Case("fake-injected", FAKE, lambda shop: shop.fake(injected=True, bare_ends=True, ccc=True),
         frozenset({PLAIN, RUN_DRY, REQUIRED}), {
             "runs what came in clear behind AUTH": INJECTED,
             "no close_notify on data connections": "close-notify-missing",
             "…, which ends the TLS 1.2 session": "resumption-broken", "breaks after CCC": "ccc-shutdown-failed"}),
    Case("fake-clear", FAKE, lambda shop: shop.fake(only_clear=True), frozenset({PLAIN}), {
        "refuses PROT P": "prot-refused", "files in clear": "data-in-clear"}),
    Case("fake-refuses", FAKE, lambda shop: shop.fake(refuses=True), frozenset({PLAIN}), {
        "demands resumption, refuses those that resume": "resumption-broken",
        "… and so all uploads": "probe-transfer-failed"}),
    Case("fake-closed", FAKE, lambda shop: shop.fake(closed_port=True, sni=True), frozenset({PLAIN}), {
        "nothing listens at the passive port": "data-not-connected", "refuses clients without SNI": "sni-required"}),
    Case("fake-changes", FAKE, lambda shop: shop.fake(changes=True, keeps=True),
         frozenset({PLAIN, RUN_DRY, REQUIRED}), {
             "gives other bytes back": "probe-transfer-failed", "does not delete": "probe-file-left"}),
)
MORE = (
    ("ftpsd", "packets to the passive ports are dropped", "data-not-connected"),
    ("ftpsd", "TLSOptions AllowClientRenegotiations", "renegotiation-open"),
    ("ftpsd", "TLSVerifyClient on", "client-cert-missing"),
)
"""Found in tests of their own: test_blocked, test_ftpsd."""


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workshop]:
    with ExitStack() as stack:
        yield Workshop(stack, tmp_path_factory.mktemp("probe"))


@pytest.mark.peer
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_what_was_put_in_is_found_and_nothing_else(case: Case, workshop: Workshop) -> None:
    with workshop.shift():
        port = case.start(workshop)
        facts, verdicts = ask(
            port, workshop.authority, insecure=True, directory="/", **{"ciphers": False, **case.options})
    told = "\n".join(f"{each.grade.word} {each.code}: {each.text}" for each in verdicts)
    assert codes(verdicts) == case.own | set(case.faults.values()), f"{told}\n{facts.steps}"


def test_there_are_enough_of_them() -> None:
    faults = {(case.server, fault) for case in CASES for fault in case.faults}
    assert len(faults) >= 30
    assert len({code for case in CASES for code in case.faults.values()}) >= 15


def test_the_table_in_the_documentation_is_current() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert with_table(page) == page, "run python -m tests.diag.probe.test_seeded"


def table() -> str:
    """server × fault → finding."""
    lines = ["| server | fault | finding |", "|---|---|---|"]
    for case in CASES:
        if not case.faults:
            own = ", ".join(f"`{code}`" for code in sorted(case.own))
            lines.append(f"| {case.server} | *none: as it comes* | {own} |")
    for server, fault, code in (*((case.server, *each) for case in CASES for each in case.faults.items()), *MORE):
        lines.append(f"| {server} | {fault} | `{code}` |")
    return "\n".join(lines) + "\n"


def with_table(page: str) -> str:
    """`page` with the present table; raises `ValueError` without its markers."""
    start, stop = page.index(BEGIN) + len(BEGIN), page.index(END)
    return page[:start] + table() + page[stop:]


if __name__ == "__main__":
    PAGE.write_text(with_table(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    sys.stdout.write(table())
