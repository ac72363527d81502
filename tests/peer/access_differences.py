"""Where ftpsd's access control answers otherwise than ProFTPD 1.3.8 on purpose."""

from __future__ import annotations

from tests.peer.compare import Difference

XCWD = Difference(
    "XCWD sub",
    "250 XCWD command successful",
    "550 sub: No such file or directory",
    "CWD and XCWD are one command, as CDUP and XCUP are: a <Limit> on one holds for the other",
)
STOU = Difference(
    "STOU",
    "550 UNIQUE: Operation not permitted",
    "550 STOU: Operation not permitted.*",
    "the name that the file would have had is nobody's business",
)
LINK_FACTS = Difference(
    "MLSD",
    ".*size=8;type=OS.unix=symlink;.*",
    ".*size=12;type=OS.unix=symlink;.*",
    "the facts of a link are those of what it leads to",
)
GLOBBED = Difference(
    r"NLST \*",
    ".*",
    ".*",
    "a pattern names what LIST with it shows, no more: not what is hidden, and no hidden target",
)
NEGATED = Difference(
    "PWD",
    "257 .*",
    "550 PWD: Permission denied.*",
    "address rules with `!` never fit anybody in ProFTPD 1.3.8; here they do what its documentation says",
)
EARLY_FILTER = Difference(
    r"RETR a\*b",
    "550 .*: Forbidden command argument",
    "530 Please login with USER and PASS",
    "what needs a login asks for that first",
)
NO_SITE_GROUP = Difference(
    "(SITE (CHMOD 644 file.txt|HELP)|HELP SITE)",
    "(200|214) .*",
    "(550|501) .*",
    "SITE is a group of commands, as the documentation of <Limit> has it",
)
NO_OPTS = Difference(
    "OPTS UTF8 ON", "200 .*", "550 OPTS UTF8: Permission denied.*", "a <Limit> on OPTS covers all its options"
)
BY_NAME = Difference(
    "(TYPE I|SYST|CLNT x|ALLO 5)",
    "2.*",
    "550 [A-Z]+: Operation not permitted.*",
    "a <Limit> that names a command covers it, also where ProFTPD does not look",
)
NO_WORD = Difference(
    "PASS secret",
    r"\(connection closed\)",
    "530 Login incorrect.",
    "whoever is turned away by a <Limit LOGIN> of his own section is told so",
)
OVERRIDE_LATE = Difference(
    "(MKD sub/x|DELE sub/inner.txt|DELE full/x)",
    ".*",
    ".*",
    "AllowOverride counts for the directory that has the file; ProFTPD asks that of the command before",
)
NO_ARGUMENT = Difference(
    "CDUP",
    "550 : Forbidden command argument",
    "250 CDUP command successful",
    "what has no argument has no forbidden one",
)
