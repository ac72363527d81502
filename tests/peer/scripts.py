"""The table of sessions in which ftpsd answers as ProFTPD 1.3.8 does, with the differences that are meant."""

from __future__ import annotations

from ftpsd.testing.client import ScriptedClient
from tests.peer import differences as but
from tests.peer.compare import Do, Script, Step, Transfer

# QUIT ends a session, CCC its TLS; a passive address would be waited at by the transfer commands that
# follow; uploads leave an empty file with ProFTPD. Unknown commands, SITE and CLNT before login get two
# replies from
# ProFTPD 1.3.8, which then is one reply behind for the rest of the session.
COMMANDS = (
    "USER", "PASS", "ACCT", "AUTH", "PBSZ", "PROT", "OPTS", "SYST", "STAT", "NOOP", "TYPE", "MODE", "STRU",
    "ALLO", "REST", "RETR", "ABOR", "PWD", "XPWD", "CWD", "XCWD", "CDUP", "XCUP", "MKD", "XMKD", "RMD",
    "XRMD", "DELE", "RNFR", "RNTO", "SIZE", "MDTM", "MFMT", "LIST", "NLST", "MLSD", "MLST", "SMNT", "PORT",
    "EPRT",
    "PASV", "EPSV",
)
UPLOAD = b"line one\nline two\n"
EVERY_VALUE = ("off", "on", "ctrl", "ctrl+!data", "data", "!data", "auth", "auth+data", "auth+!data")
NO_REUSE = "TLSOptions NoSessionReuseRequired"


def every_command() -> list[Step]:
    """Each command without an argument, with one and with three."""
    return [f"{name} {argument}".strip() for name in COMMANDS for argument in ("", "x", "x y z")]


def transfers() -> list[Step]:
    """Downloads, uploads and listings that work, and ones that do not."""
    return [
        Transfer("LIST"), Transfer("LIST nothere"), Transfer("LIST sub"), Transfer("LIST -a sub"),
        Transfer("LIST -la sub"), Transfer("LIST file.txt"), Transfer("LIST *.txt"), Transfer("LIST noperm"),
        Transfer("LIST -R full"), Transfer("NLST"), Transfer("NLST sub"), Transfer("NLST nothere"),
        Transfer("NLST file.txt"), Transfer("NLST *.txt"), Transfer("NLST -a sub"), Transfer("MLSD"),
        Transfer("MLSD sub"), Transfer("MLSD nothere"), Transfer("MLSD file.txt"), Transfer("MLSD noperm"),
        Transfer("RETR file.txt"), Transfer("RETR nothere"), Transfer("RETR sub"), Transfer("RETR secret"),
        Transfer("RETR broken"), Transfer("RETR link"), "TYPE I", Transfer("LIST sub"), Transfer("NLST sub"),
        Transfer("MLSD sub"), Transfer("RETR file.txt"), "REST 6", Transfer("RETR file.txt"), "REST 500",
        Transfer("RETR file.txt"), "REST 12", Transfer("RETR file.txt"), Transfer("STOR up.txt", UPLOAD),
        Transfer("STOR up.txt", b"da"), Transfer("RETR up.txt"), "REST 1", Transfer("STOR up.txt", b"ZZZ"),
        Transfer("RETR up.txt"), "REST 100", Transfer("STOR up.txt", b"ZZZ"), "DELE up.txt",
        Transfer("APPE up.txt", b"one"), Transfer("APPE up.txt", b"two"), Transfer("RETR up.txt"),
        Transfer("STOU", b"unique"), Transfer("STOR sub", b"x"), Transfer("STOR noperm/x", b"x"),
        Transfer("STOR nodir/x", b"x"), Transfer("STOR secret", b"x"), Transfer("STOR /up2.txt", b""),
        Transfer("RETR up2.txt"), "TYPE A", Transfer("STOR asc.txt", b"a\r\nb\r\nc\nd"), "TYPE I",
        Transfer("RETR asc.txt"), Transfer("RETR file.txt", mode="PASV"), "SIZE up.txt",
    ]


def required() -> list[Script]:
    """Every value of TLSRequired, in clear before login, and under TLS with each protection."""
    found = []
    for value in EVERY_VALUE:
        tls = (f"TLSRequired {value}", NO_REUSE)
        clear: list[Step] = [
            "NOOP", "HELP USER", "OPTS UTF8 ON", "SYST", "PBSZ 0", "PROT P", "USER alice", "PASS secret",
            "ACCT x", "PWD", "CWD sub", "TYPE I", "CCC",
        ]
        name = f"TLSRequired {value}"
        greeting = (but.GREETING,)
        found.append(Script(f"{name}, in clear", clear, "connected", tls, differences=greeting))
        for level in ("C", "P"):
            steps = ["USER alice", "PASS secret", f"PROT {level}", _believe(level, value), *probes()]
            steps += ["PROT C", "PROT P", "CCC"]
            found.append(Script(f"{name}, TLS, PROT {level}", steps, "tls", tls, differences=(but.STAT,)))
    return found


def probes() -> list[Step]:
    """A walk through the gate: control commands, then the seven that open a data connection."""
    return [
        "NOOP", "SYST", "HELP USER", "OPTS UTF8 ON", "STAT", "PWD", "CWD sub", "CDUP", "EPSV", "TYPE I",
        "SIZE file.txt", "ALLO 1", "REST 0", "MKD made", "RNFR file.txt", "RNTO moved", "ABOR", "TYPE A",
        Transfer("LIST sub"), Transfer("NLST sub"), Transfer("MLSD sub"), Transfer("RETR big.bin"),
        Transfer("STOR new", b"z"), Transfer("STOU", b"z"), Transfer("APPE new", b"z"),
    ]


def _believe(level: str, value: str) -> Do:
    """The client keeps in mind whether data connections are private now."""
    requires, forbids = value in ("on", "data", "auth+data"), "!data" in value
    refused = forbids if level == "P" else requires

    def note(client: ScriptedClient) -> None:
        client.private_data = level == "P" and not refused

    return Do("note the protection", note)


THEMES: list[Script] = [
    Script("login", [
        "PASS secret", "ACCT x", "USER", "USER alice", "NOOP", "PASS secret", "USER alice", "USER bob",
        "PASS secret", "REIN", "PWD", "QUIT",
    ], "connected", differences=(but.GREETING,)),
    Script("failed logins", [
        "USER alice", "PASS wrong", "PASS secret", "USER nobodyhere", "PASS x", "USER alice", "USER alice",
        "PASS", "USER alice", "PASS secret", "QUIT",
    ], "tls"),
    Script("too many failed logins", [
        "USER alice", "PASS x", "USER alice", "PASS x", "NOOP",
    ], "tls", directives=("MaxLoginAttempts 2",)),
    Script("a user alias", ["USER carol", "PASS secret", "PWD", "USER carol", "USER alice"], "tls",
           directives=("UserAlias carol alice",)),
    Script("types, modes, structures", [
        "TYPE", "TYPE A", "TYPE I", "TYPE L", "TYPE L 8", "TYPE L8", "TYPE A N", "TYPE E", "TYPE i", "TYPE X",
        "TYPE A X Y", "MODE", "MODE S", "MODE s", "MODE B", "MODE C", "MODE X", "STRU", "STRU F", "STRU f",
        "STRU R", "STRU P", "STRU X", "ALLO", "ALLO 0", "ALLO 10", "ALLO x", "ALLO 10 R 5",
    ]),
    Script("passive addresses", [
        "PASV", "PASV x", "EPSV", "EPSV 1", "EPSV 3", "EPSV x", "EPSV ALL", "PASV", "PORT 127,0,0,1,200,200",
        "EPRT |1|127.0.0.1|51400|", "EPSV",
    ], differences=(but.EPSV_FAMILIES,)),
    Script("active addresses", [
        "PORT", "PORT x", "PORT 1,2,3", "PORT 127,0,0,1,200,200", "PORT 127,0,0,1,0,20",
        "PORT 127,0,0,1,3,255", "PORT 127,0,0,2,200,200", "PORT 10,0,0,1,200,200",
        "PORT 256,0,0,1,1,1", "PORT 127,0,0,1,256,1", "PORT 127,0,0,1,0,0", "EPRT",
        "EPRT |1|127.0.0.1|51400|", "EPRT |1|127.0.0.1|80|",
        "EPRT |1|127.0.0.2|51400|", "EPRT |3|127.0.0.1|51400|", "EPRT |1|127.0.0.1|99999|",
        "EPRT |1|127.0.0.1|0|", "EPRT !1!127.0.0.1!51400!", "EPRT |1|localhost|51400|",
    ], differences=(but.FOREIGN_PORT, but.PORT_ZERO, but.EPRT_PORT)),
    Script("restarts", [
        "REST", "REST 0", "REST 5", "REST x", "REST -1", "REST 99999999999", "REST 5 5", "TYPE I", "REST 5",
        "NOOP", "REST 3", Transfer("RETR file.txt"), Transfer("RETR file.txt"), "REST 3", "PWD",
        Transfer("RETR file.txt"),
    ]),
    Script("sizes and times", [
        "SIZE", "SIZE file.txt", "TYPE I", "SIZE file.txt", "SIZE sub", "SIZE nothere", "SIZE link",
        "SIZE broken", "SIZE secret", "SIZE noperm/x", "SIZE /file.txt", "MDTM", "MDTM file.txt",
        "MDTM nothere", "MDTM link", "MDTM broken", "MFMT", "MFMT 20200102030405",
        "MFMT 20200102030405 file.txt", "MFMT 2020 file.txt", "MFMT 20200102030405 nothere",
        "MFMT 20201302030405 file.txt", "MFMT 20200102030405 secret", "MDTM file.txt",
    ], differences=(but.MONTH,)),
    Script("local times", ["MDTM file.txt", "MLST file.txt", Transfer("LIST file.txt")],
           directives=("TimesGMT off",)),
    Script("types with a second word", [
        "TYPE A T", "TYPE A X", "TYPE I N", "TYPE i x", "TYPE I N X", "TYPE L", "TYPE L 8 X", "TYPE L 9", "TYPE AB",
    ]),
    Script("OPTS UTF8 without LangEngine", ["OPTS UTF8 ON", "OPTS UTF8 OFF", "OPTS UTF8 x", "LANG"],
           directives=("LangEngine off",)),
    Script("facts", [
        "MLST", "MLST file.txt", "MLST sub", "MLST /", "MLST .", "MLST nothere", "MLST link", "MLST secret",
        "OPTS MLST", "OPTS MLST type;size;", "MLST file.txt", "OPTS MLST foo;bar;", "MLST file.txt",
        "OPTS MLST Type;Size;Modify;Perm;Unique;UNIX.mode;UNIX.owner;UNIX.group;", "MLST file.txt",
        "OPTS UTF8", "OPTS UTF8 ON", "OPTS UTF8 OFF", "OPTS utf8 x", "OPTS XYZ",
    ], differences=(but.LINK_FACTS, but.FACTS_ORDER)),
    Script("directories", [
        "PWD", "PWD x", "CWD", "CWD sub", "PWD", "CDUP", "CDUP x", "CDUP", "PWD", "CWD nothere",
        "CWD file.txt", "CWD noperm", "CWD ~", "CWD ..", "CWD /sub", "XCWD /", "MKD", "MKD new",
        "MKD new", "MKD new/", "MKD new/x/y", "MKD /new2", 'MKD a"b', 'CWD a"b', "PWD", "CWD /",
        "MKD noperm/x", "MKD file.txt",
        "MKD new dir", "RMD", "RMD new", "RMD new", "RMD new2/", "RMD full", "RMD file.txt", "RMD noperm",
        "RMD nothere", "RMD new dir", "XMKD xx", "XRMD xx", "MKD übung", "CWD übung", "PWD", "CDUP",
        "RMD übung",
    ], differences=(but.TILDE,)),
    Script("deletions", [
        "DELE", "DELE nothere", "DELE sub", "DELE noperm/x", "DELE secret", "DELE link", "DELE broken",
        "DELE file.txt", "DELE file.txt",
    ]),
    Script("renames", [
        "RNTO x", "RNFR", "RNFR nothere", "RNFR file.txt", "RNTO", "RNFR file.txt", "RNTO file2.txt",
        "RNTO y",
        "RNFR file2.txt", "RNTO sub", "RNFR file2.txt", "RNTO nothere/x", "RNFR file2.txt", "RNTO big.bin",
        "RNFR sub", "RNTO sub/inside", "RNFR full", "RNTO sub", "RNFR sub", "RNTO sub3", "RNFR big.bin",
        "PWD", "REST 3", "RNTO zz", "PWD",
    ], differences=(but.RENAME_ONTO_DIRECTORY, *but.RENAME_INTERRUPTED)),
    Script("site", [
        "SITE", "SITE HELP", "SITE CHMOD", "SITE CHMOD 644", "SITE CHMOD 600 file.txt",
        "SITE CHMOD 0644 file.txt", "SITE CHMOD u+x file.txt", "SITE CHMOD 999 file.txt",
        "SITE CHMOD 644 nothere", "SITE CHMOD 644 secret", "SITE IDLE 20", "SITE XYZ",
        "SITE chmod 644 file.txt",
    ], differences=but.SITE),
    Script("help and status", [
        "HELP", "HELP USER", "HELP user", "HELP XYZ", "HELP MLST", "STAT file.txt", "STAT sub",
        "STAT nothere",
        "SYST x", "NOOP x", "FEAT x", "ABOR", "CLNT test", "CLNT", "ACCT x", "SMNT /",
    ], differences=(but.HELP,)),
    Script("odd lines", ["", "   ", " NOOP", "noop", "NoOp", "USERalice", "XXXXNOOP", "PWD"]),
    Script("protection", [
        "PBSZ", "PBSZ 0", "PBSZ 1", "PBSZ x", "PBSZ 4294967296", "PBSZ 0 0", "PROT", "PROT C", "PROT P",
        "PROT S", "PROT E", "PROT X", "PROT P x", "AUTH TLS", "AUTH SSL", "AUTH", "PROT C", "CCC",
    ], "tls"),
    Script("auth words", ["AUTH", "AUTH GSSAPI", "PBSZ 0", "PROT P", "CCC"], "connected",
           differences=(but.GREETING, but.MECHANISM)),
    Script("auth after login in clear", ["AUTH TLS", "AUTH SSL", "AUTH x", "PBSZ 0", "PROT P", "CCC"]),
    *(Script(f"after CCC, {version}", [
        Do("CCC", lambda client: client.clear_control()), "PWD", "CCC", "AUTH TLS", "PBSZ 0",
        Transfer("LIST sub"), "PROT C", "PROT P", "NOOP",
    ], "private", version=version) for version in ("TLSv1.2", "TLSv1.3")),
    Script("refused for want of reuse", [
        Transfer("LIST", fresh=True), Transfer("RETR file.txt", fresh=True), Transfer("LIST sub"),
        Transfer("STOR n.txt", b"abc", fresh=True), Transfer("RETR file.txt"),
    ], "private", tls=("TLSRequired off",), differences=(but.NOT_REUSED,)),
    Script("clear text where TLS is due", [
        Transfer("STOR f.txt", b"plain data", private=False), Transfer("RETR file.txt"),
    ], "private", differences=(but.NOT_REUSED,)),
    Script("implicit TLS", [
        "AUTH TLS", "USER alice", "PASS secret", Transfer("LIST sub", private=True), "PBSZ 0", "PROT C",
        Transfer("LIST sub", private=False), "PROT P",
    ], "implicit", tls=("TLSRequired off", "TLSOptions UseImplicitSSL NoSessionReuseRequired"),
        differences=(but.GREETING,)),
    Script("no TLS configured", ["AUTH TLS", "PBSZ 0", "PROT P", "CCC"], tls=("TLSEngine off",)),
    Script("files may not be overwritten", [
        Transfer("STOR file.txt", b"x"), Transfer("APPE file.txt", b"x"), "RNFR big.bin", "RNTO file.txt",
        Transfer("STOR new", b"x"),
    ], directives=("AllowOverwrite off",)),
    Script("hidden uploads to links", [
        Transfer("STOR link", b"new"), Transfer("RETR file.txt"), "RNFR link", "RNTO sub/file.txt",
        "MLST sub/file.txt", Transfer("STOR broken", b"x"), "SIZE broken", Transfer("LIST"),
    ], directives=("HiddenStores on", "AllowOverwrite on")),
    Script("transfers may not be resumed", [
        "TYPE I", "REST 3", Transfer("STOR file.txt", b"x"), "REST 3", Transfer("RETR file.txt"), "REST 3",
        Transfer("RETR nothere"), "REST 3", Transfer("RETR sub"), Transfer("APPE sub", b"x"),
        Transfer("APPE file.txt", b"x"),
    ], directives=("AllowStoreRestart off", "AllowRetrieveRestart off")),
    Script("messages", ["USER alice", "PASS x", "USER alice", "PASS secret", "QUIT"], "connected",
           directives=('AccessGrantMsg "Hi %u!"', 'AccessDenyMsg "No way %u"', 'ServerIdent on "hello"')),
    Script("displayed files", ["USER alice", "PASS secret", "CWD sub", "CWD /", "CWD sub", "QUIT"], "tls",
           directives=("DisplayLogin welcome", "DisplayChdir message"),
           files=(("welcome", b"Hello %U, dir %C\nsecond\n"), ("sub/message", b"dir msg\nline2\n"))),
    Script("anonymous", [
        "USER anonymous", "PASS a@b", "PWD", "CWD sub", "USER anonymous", "USER ftp",
    ], "tls", sections=(
        "<Anonymous BASE/homes/alice>\nUser alice\nGroup alice\nUserAlias anonymous alice\n"
        "UserAlias ftp alice\nRequireValidShell off\n</Anonymous>\n"
    )),
    Script("a first directory", ["PWD", "CDUP", "PWD"], directives=("DefaultChdir sub",)),
    Script("binary from the start", ["SIZE file.txt", Transfer("RETR file.txt")],
           directives=("DefaultTransferMode binary",)),
    Script("a masquerade address", ["PASV", "EPSV"], directives=("MasqueradeAddress 192.0.2.7",)),
    Script("list options", [Transfer("LIST"), Transfer("NLST")], directives=('ListOptions "-la"',)),
    Script("the features", ["FEAT"], "tls", differences=(but.FEATURES,)),
]
AFTER_LOGIN = (but.STAT, but.NO_ADDRESS, but.ABOR_ARGUMENT, but.EPRT_SYNTAX, but.EPSV_SYNTAX)
MOVED = (but.CLOSED_DIRECTORY, but.BROKEN_LINK, but.LINK_IN_LISTING)
SCRIPTS: list[Script] = [
    Script("every command, before login", every_command(), "tls"),
    Script("every command, in clear, after login", every_command(), differences=AFTER_LOGIN),
    Script("every command, under TLS, after login", every_command(), "private", differences=AFTER_LOGIN),
    Script("transfers in clear", transfers(), differences=MOVED),
    Script("transfers under TLS 1.2", transfers(), "private", version="TLSv1.2", differences=MOVED),
    Script("transfers under TLS 1.3", transfers(), "private", differences=MOVED),
    *THEMES,
    *required(),
]
