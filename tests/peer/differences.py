"""Where ftpsd answers otherwise than ProFTPD 1.3.8 on purpose. Each is named by the scripts that show it."""

from __future__ import annotations

from tests.peer.compare import Difference

GREETING = Difference(
    r"\(greeting\)", r"220 ProFTPD Server .*", r"220 ftpsd Server .*", "the server says what it is",
)
STAT = Difference(
    "STAT", "211 Status of .*", "211 Status of .*  Control connection: .*",
    "STAT says whether the connections are private, too",
)
NO_ADDRESS = Difference(
    "(LIST|NLST|MLSD|STOR|STOU|APPE|RETR).*", "425 Unable to build data connection: Connection refused",
    "425 Unable to build data connection: no PASV, EPSV, PORT or EPRT command came before",
    "the default data port of RFC 959 is not tried (nobody listens there), and the reply says so",
)
ABOR_ARGUMENT = Difference(
    "ABOR .+", "500 'ABOR .*' not understood", "226 Abort successful",
    "whoever wants to abort is not told off for his spelling",
)
EPRT_SYNTAX = Difference(
    "EPRT x", "522 Network protocol not supported.*", "501 Illegal EPRT command",
    "what is no address is a syntax error (RFC 2428)",
)
EPSV_SYNTAX = Difference(
    "EPSV x y z", "229 .*", "501 EPSV: unknown network protocol", "what is no protocol is a syntax error",
)
EPSV_FAMILIES = Difference(
    "EPSV 3", r"522 Network protocol not supported, use \(1,2\)",
    r"522 Network protocol not supported, use \(1\)",
    "the reply names the protocols that this connection can have (RFC 2428)",
)
CLOSED_DIRECTORY = Difference(
    "LIST noperm", "150 .*\n226 Transfer complete", "150 .*\n450 noperm: Permission denied",
    "a directory that may not be read is not an empty one",
)
BROKEN_LINK = Difference(
    "RETR broken", "550 broken: Not a regular file", "550 broken: No such file or directory",
    "the link's target is what is missing",
)
FOREIGN_PORT = Difference(
    "PORT 10,0,0,1,200,200", "200 PORT command successful", r"500 Illegal PORT command \[address-mismatch\]",
    "ProFTPD takes a private address for the control peer's; a foreign address is refused",
)
PORT_ZERO = Difference(
    "PORT 127,0,0,1,0,0", "501 Illegal PORT command", r"500 Illegal PORT command \[port-below-1024\]",
    "like other low ports",
)
EPRT_PORT = Difference(
    r"EPRT \|1\|127.0.0.1\|(0|99999)\|", "(200|500) .*", "501 Illegal EPRT command",
    "what is no port is a syntax error",
)
NOT_REUSED = Difference(
    "(LIST|RETR|STOR).*", ".*425 Unable to build data connection: Operation not permitted",
    r".*425 Unable to build data connection: (TLS session of the control connection was not reused "
    r"\[data-not-resumed\]|TLS handshake failed \[not-tls\])", "the reply says what ProFTPD's log says",
)
MONTH = Difference(
    "MFMT 20201302030405 file.txt", "501 file.txt: Invalid argument", "501 20201302030405: Invalid argument",
    "the time is what is wrong, not the file",
)
LINK_FACTS = Difference(
    "MLST link", "250 .*size=8;type=file;.*UNIX.mode=0777;.*", "250 .*size=12;type=file;.*UNIX.mode=0644;.*",
    "what is called a file has the facts of that file, not of the link to it",
)
LINK_IN_LISTING = Difference(
    "MLSD", "150 .*size=8;type=OS.unix=symlink;.*", "150 .*size=12;type=OS.unix=symlink;.*",
    "the size of a link is what a download brings",
)
FACTS_ORDER = Difference(
    "OPTS MLST .*", "200 MLST OPTS .*", "200 MLST OPTS.*", "facts come in the order of the FEAT line",
)
TILDE = Difference(
    "CWD ~", "550 ~: No such file or directory", "250 CWD command successful",
    "the home is there in a jail, too",
)
RENAME_ONTO_DIRECTORY = Difference(
    "RNTO sub", "550 sub: Operation not permitted", "550 sub: Is a directory", "the reason, not a guess",
)
RENAME_INTERRUPTED = (
    Difference("PWD", "501 Bad sequence of commands", "257 .*", "what comes between is answered as always"),
    Difference(
        "REST 3", "501 Bad sequence of commands", "501 REST: .*",
        "what comes between is answered as always",
    ),
    Difference(
        "RNTO zz", "250 Rename successful", "503 Bad sequence of commands",
        "RFC 959: RNFR must be immediately followed by RNTO",
    ),
)
SITE = (
    Difference("SITE HELP", "214 .* CHGRP\n.*", "214 .*", "mod_site_misc and mod_copy are always there"),
    Difference(
        "SITE CHMOD( 644)?", "500 'SITE CHMOD.*\n500 SITE not understood", "500 'SITE CHMOD.*",
        "one fault, one line",
    ),
)
HELP = Difference(
    "HELP", "214 .*RANG .*214 .*", "214 .*MFMT .*214 .*", "HELP lists the commands that there are",
)
MECHANISM = Difference(
    "AUTH GSSAPI", "500 AUTH not understood", "504 .*", "RFC 2228: an unknown mechanism is 504",
)
HOST_GREETING = Difference(
    "HOST named.example", r"220 ProFTPD Server .*", r"220 ftpsd Server .*", "the server says what it is",
)
OWN_NAME = Difference(
    r"\(handshake\)", r"\(TLS: TLSV1_UNRECOGNIZED_NAME\)", "TLSv1.3",
    "ServerAlias names server config, too, where <VirtualHost> sections have names",
)
NOT_PRIVATE = Difference(
    "LIST sub", "150 .*425 Unable to build data connection.*", "150 .*226 Transfer complete.*",
    "AUTH TLS-P and SSL do not switch on what TLSRequired forbids and PROT P is refused",
)
FEATURES = Difference(
    "FEAT", "211 .*CSID.*LANG.*MFF.*RANG.*", "211 Features:.*211 End",
    "FEAT lists the extensions that there are",
)
