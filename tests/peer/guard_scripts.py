"""Bans and access tables: ftpsd answers as ProFTPD 1.3.8's mod_ban and mod_wrap2 do."""

from __future__ import annotations

from collections.abc import Sequence

from tests.peer.compare import Difference, Script, Step

_WRAP = ("LoadModule mod_wrap2.c", "LoadModule mod_wrap2_file.c", "WrapEngine on")
_LOGIN: tuple[Step, ...] = ("USER alice", "PASS secret", "NOOP")
_CIDR = Difference(
    "(PASS|NOOP).*", "(530 Access denied|.connection closed.)", "2[03]0 .*", "blocks of IPv4 are understood")
_GREETING = Difference(
    r"\(greeting\)", r"220 ProFTPD Server .*", r"220 ftpsd Server .*", "the server says what it is")
_WILDCARDS = Difference(
    "(PASS|NOOP).*", "(530 Access denied|.connection closed.)", "2[03]0 .*",
    "wildcards fit addresses, too, as mod_wrap2's documentation says")


def _wrap(
    name: str, *directives: str, allow: bytes = b"", deny: bytes = b"", steps: Sequence[Step] = _LOGIN,
    differences: Sequence[Difference] = (),
) -> Script:
    return Script(
        f"access: wrap: {name}", steps, start="connected", directives=(*_WRAP, *directives),
        files=(("allow.tab", allow), ("deny.tab", deny)), differences=(_GREETING, *differences))


_TABLES = "WrapTables file:~/allow.tab file:~/deny.tab"


def _ban(name: str, *lines: str, steps: Sequence[Step]) -> Script:
    sections = "\n".join(("BanEngine on", "BanTable BASE/ban.tab", *lines, ""))
    return Script(
        f"access: ban: {name}", steps, start="connected", directives=("LoadModule mod_ban.c", "MaxLoginAttempts 2"),
        sections=sections, differences=(_GREETING,))


GUARD_SCRIPTS = [
    _wrap("nobody", "WrapTables file:~/allow.tab builtin:all"),
    _wrap("nobody, in words", "WrapTables file:~/allow.tab builtin:all", 'WrapDenyMsg "go away %u"'),
    _wrap("everybody", _TABLES, 'WrapAllowMsg "welcome %u"'),
    _wrap("allowed address", _TABLES, allow=b"proftpd: 127.0.0.1\n", deny=b"ALL: ALL\n"),
    _wrap("beginning of an address", _TABLES, allow=b"ALL: 127.\n", deny=b"ALL: ALL\n"),
    _wrap("net and mask", _TABLES, allow=b"ALL: 127.0.0.0/255.0.0.0\n", deny=b"ALL: ALL\n"),
    _wrap("another net and mask", _TABLES, allow=b"ALL: 128.0.0.0/255.0.0.0\n", deny=b"ALL: ALL\n"),
    _wrap("CIDR", _TABLES, allow=b"ALL: 127.0.0.0/8\n", deny=b"ALL: ALL\n", differences=(_CIDR,)),
    _wrap("wildcards", _TABLES, allow=b"ALL: 127.?.0.*\n", deny=b"ALL: ALL\n", differences=(_WILDCARDS,)),
    _wrap("EXCEPT", _TABLES, deny=b"ALL: 127. EXCEPT 127.0.0.9\n"),
    _wrap("EXCEPT the client", _TABLES, deny=b"ALL: 127. EXCEPT 127.0.0.1\n"),
    _wrap("another service", _TABLES, deny=b"sshd: ALL\n"),
    _wrap("all but a service", _TABLES, deny=b"ALL EXCEPT proftpd: ALL\n"),
    _wrap("name of the service", "WrapServiceName ftpd", _TABLES, deny=b"proftpd: ALL\nftpd: 127.0.0.1\n"),
    _wrap("comma and comment", _TABLES, deny=b"# x\nproftpd: 10.1.2.3, 127.0.0.1\n"),
    _wrap("users", "WrapUserTables alice file:~/allow.tab builtin:all"),
    _wrap("other users", "WrapUserTables !alice file:~/allow.tab builtin:all"),
    _wrap("groups", "WrapGroupTables alice file:~/allow.tab builtin:all"),
    _wrap("users before all", "WrapUserTables alice file:~/deny.tab file:~/deny.tab",
          "WrapTables file:~/allow.tab builtin:all"),
    _wrap("wrong password", _TABLES, 'WrapDenyMsg "%u"', steps=("USER alice", "PASS wrong", "NOOP")),
    _wrap("on connect", "WrapOptions CheckOnConnect", "WrapTables builtin:all builtin:all"),
    _ban("few unknown commands", 'BanOnEvent UnhandledCommand 3/00:10:00 01:00:00 "no more from %a"',
         steps=("FOO", "FOO", "NOOP")),
    _ban("failed logins", 'BanOnEvent MaxLoginAttempts 1/00:10:00 01:00:00 "no more"',
         steps=("USER alice", "PASS wrong", "USER alice", "PASS wrong")),
    _ban("below the threshold", "BanOnEvent MaxLoginAttempts 2/00:10:00 01:00:00",
         steps=("USER alice", "PASS wrong", "USER alice", "PASS secret", "PWD")),
    _ban("another protocol", "BanOnEvent BadProtocol 1/00:10:00 01:00:00", steps=("NOOP", "GET / HTTP/1.0")),
]
