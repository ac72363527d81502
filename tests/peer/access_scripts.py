"""Sessions about access control: <Limit>, <Directory>, .ftpaccess, filters, hidden and disguised files, owners."""

from __future__ import annotations

from collections.abc import Sequence

from tests.peer import access_differences as other
from tests.peer import differences as but
from tests.peer.compare import Difference, Script, Step, Transfer

HOME = "BASE/homes/alice"
IFSESSION = "<IfModule mod_dso.c>\nLoadModule mod_ifsession.c\n</IfModule>\n"
LOCAL = "<Class local>\nFrom 127.0.0.1\n</Class>\n"
FTPACCESS = "sub/.ftpaccess"
UPLOADED: list[Step] = ["TYPE I", Transfer("RETR sub/inner.txt"), "SIZE sub/inner.txt", "CWD sub", "CWD /"]

WRITES: tuple[Step, ...] = ("MKD x", "MKD sub/x", "DELE file.txt", "DELE sub/inner.txt")
LOGINS: tuple[Step, ...] = ("USER bob", "PASS secret", "USER alice", "PASS secret", "PWD")
ANONYMOUS: tuple[Step, ...] = ("USER anonymous", "PASS me@example.org")


def limit(commands: str, *lines: str) -> str:
    """A <Limit> section."""
    return "\n".join((f"<Limit {commands}>", *lines, "</Limit>", ""))


def directory(path: str, *lines: str) -> str:
    """A <Directory> below alice's home ("" is the home itself)."""
    return "\n".join((f"<Directory {HOME}{path}>", *lines, "</Directory>", ""))


def anonymous(*lines: str) -> str:
    """An <Anonymous> login to alice's home."""
    head = f"<Anonymous {HOME}>\nUser alice\nGroup alice\nUserAlias anonymous alice\nRequireValidShell off\n"
    return head + "\n".join(lines) + "\n</Anonymous>\n"


def conditional(kind: str, *lines: str) -> str:
    """<IfUser alice> and the like."""
    return "\n".join((f"<{kind}>", *lines, f"</{kind.split()[0]}>", ""))


def script(
    name: str,
    steps: Sequence[Step],
    *sections: str,
    differences: Sequence[Difference] = (),
    files: Sequence[tuple[str, bytes]] = (),
    login: bool = True,
    directives: Sequence[str] = (),
) -> Script:
    """A session in clear, logged in as alice unless it logs in itself."""
    return Script(
        f"access: {name}",
        steps,
        "plain" if login else "tls",
        sections="".join(sections),
        differences=differences,
        files=files,
        directives=directives,
    )


DENY, ALLOW = "DenyAll", "AllowAll"
COVERED: tuple[Step, ...] = (
    "PWD",
    "XPWD",
    "CWD sub",
    "CDUP",
    "NOOP",
    "FEAT",
    "HELP",
    "SYST",
    "MODE S",
    "STRU F",
    "ALLO 5",
    "REST 0",
    "OPTS UTF8 ON",
    "OPTS MLST type;",
    "PASV",
    "EPSV",
    "PORT 127,0,0,1,200,200",
    "EPRT |1|127.0.0.1|51400|",
    "STAT",
    "STAT sub",
    "MLST file.txt",
    "MLST nothere",
    "TYPE I",
    "SIZE file.txt",
    "SIZE nothere",
    "MDTM file.txt",
    "MDTM nothere",
    "MFMT 20200102030405 file.txt",
    "MKD new",
    "RMD sub",
    "DELE file.txt",
    "DELE nothere",
    "RNFR file.txt",
    "SITE CHMOD 644 file.txt",
    "SITE CHMOD 644 nothere",
    "SITE XX",
    "CLNT x",
    "HOST localhost",
    "CWD nothere",
    Transfer("LIST"),
    Transfer("LIST sub"),
    Transfer("LIST nothere"),
    Transfer("NLST"),
    Transfer("NLST sub"),
    Transfer("MLSD"),
    Transfer("RETR file.txt"),
    Transfer("RETR nothere"),
    Transfer("STOR n", b"x"),
    Transfer("APPE n", b"x"),
    Transfer("STOU", b"x"),
)


def limits() -> list[Script]:
    """Which <Limit> wins, and what each command is answered."""
    both = (LOCAL, IFSESSION)
    return [
        script("<Limit ALL>", COVERED, limit("ALL", DENY), differences=(other.STOU,)),
        script("Order twice", WRITES, limit("MKD", "Order deny,allow", "AllowUser bob", "Order allow,deny")),
        script("a command and its group", WRITES, limit("ALL", DENY), limit("WRITE", ALLOW), limit("MKD", DENY)),
        script(
            "a command above, its group here", WRITES, directory("/sub", limit("WRITE", DENY)), limit("MKD", ALLOW)
        ),
        script("a group above, ALL here", WRITES, directory("/sub", limit("ALL", DENY)), limit("WRITE", ALLOW)),
        script("here before above", WRITES, directory("/sub", limit("WRITE", ALLOW)), limit("WRITE", DENY)),
        script(
            "nothing here, something above",
            WRITES,
            directory("/sub", limit("WRITE", "AllowUser bob")),
            limit("WRITE", DENY),
        ),
        script(
            "two in one place",
            WRITES,
            limit("MKD", DENY),
            limit("MKD", ALLOW),
            limit("DELE", ALLOW),
            limit("DELE", DENY),
            directory("/sub", limit("DELE", DENY), limit("DELE", ALLOW)),
        ),
        script("Global and host", WRITES, f"<Global>\n{limit('WRITE', DENY)}</Global>\n", limit("WRITE", ALLOW)),
        script(
            "IfUser before its host",
            WRITES,
            IFSESSION,
            conditional("IfUser alice", limit("MKD", DENY), limit("MKD", ALLOW), limit("DELE", ALLOW)),
            limit("DELE", DENY),
            limit("MKD", ALLOW),
        ),
        script(
            "IfUser before IfGroup",
            WRITES,
            *both,
            conditional("IfGroup alice", limit("WRITE", ALLOW)),
            conditional("IfUser alice", limit("WRITE", DENY)),
        ),
        script(
            "IfGroup before IfClass",
            WRITES,
            *both,
            conditional("IfClass local", limit("WRITE", ALLOW)),
            conditional("IfGroup alice", limit("WRITE", DENY)),
        ),
        script(
            "IfUser in place of Directory",
            [Transfer("STOR sub/inner.txt", b"x")],
            IFSESSION,
            directory("/sub", "AllowOverwrite off"),
            conditional("IfUser alice", "AllowOverwrite on"),
        ),
        script(
            "Order",
            WRITES,
            limit("MKD", "Order deny,allow", "AllowUser bob"),
            limit("DELE", "Order deny,allow", "AllowUser alice"),
            directory(
                "/sub",
                limit("MKD", "Order allow,deny", "AllowUser alice", DENY),
                limit("DELE", "Order deny, allow", "AllowUser alice", DENY),
            ),
        ),
        script(
            "users",
            ["MKD a", "RMD full", "DELE big.bin", "SIZE x", "MDTM file.txt", "PWD"],
            limit("MKD", "AllowUser bob,alice", DENY),
            limit("RMD", "AllowUser AND bob,alice", DENY),
            limit("DELE", "AllowUser regex ^al", DENY),
            limit("MDTM", "DenyUser !bob"),
            limit("PWD", "AllowUser *", DENY),
        ),
        script(
            "groups",
            ["MKD a", "RMD full", "DELE big.bin", "MDTM file.txt"],
            limit("MKD", "AllowGroup alice,bob", DENY),
            limit("RMD", "AllowGroup OR alice,bob", DENY),
            limit("DELE", "AllowGroup alice,!bob", DENY),
            limit("MDTM", "DenyGroup regex ^a"),
        ),
        script(
            "classes",
            ["MKD a", "RMD full", "DELE big.bin"],
            LOCAL,
            limit("MKD", "AllowClass local", DENY),
            limit("RMD", "DenyClass local"),
            limit("DELE", "DenyClass !local"),
        ),
        script(
            "addresses",
            ["MKD a", "RMD full", "DELE file.txt", "PWD", "MDTM file.txt", "NOOP"],
            limit("MKD", "Allow from 127.0.0.1", "Deny from all"),
            limit("RMD", "Allow from none", "Deny all"),
            limit("DELE", "Allow from !10.0.0.0/8", DENY),
            limit("PWD", "Deny from !10.0.0.0/8 127.0.0.0/8"),
            limit("MDTM", "Deny from 10.0.0.1 127.0.0.*"),
            limit("NOOP", "Deny from 127."),
            differences=(other.NEGATED,),
        ),
        script(
            "arguments",
            ["MKD abc", "MKD xyz", "DELE file.txt", "DELE big.bin"],
            limit("MKD", "AllowFilter ^a", DENY),
            limit("DELE", "DenyFilter txt$"),
        ),
        script(
            "twins",
            ["XMKD a", "XRMD sub", "XPWD", "XCUP", "XCWD sub"],
            limit("MKD,RMD PWD CDUP CWD", DENY),
            differences=(other.XCWD,),
        ),
        script(
            "READ",
            ["TYPE I", *COVERED[15:31], Transfer("RETR file.txt"), Transfer("STOR n", b"x")],
            limit("read", DENY),
            differences=(but.STAT,),
        ),
        script(
            "DIRS",
            [
                *COVERED[:4],
                *COVERED[18:30],
                Transfer("LIST"),
                Transfer("NLST"),
                Transfer("MLSD"),
                Transfer("RETR file.txt"),
            ],
            limit("DIRS", DENY),
        ),
        script(
            "WRITE",
            [*COVERED[27:35], Transfer("RETR file.txt"), *COVERED[-3:], "RNTO y"],
            limit("WRITE", DENY),
            differences=(other.STOU,),
        ),
        script(
            "SITE",
            ["SITE CHMOD 644 file.txt", "SITE HELP", "HELP SITE"],
            limit("SITE", DENY),
            differences=(other.NO_SITE_GROUP,),
        ),
        script(
            "SITE_CHMOD and SITE_HELP",
            ["SITE CHMOD 644 file.txt", "SITE CHMOD 644 nothere", "SITE HELP", "HELP SITE"],
            limit("SITE_CHMOD SITE_HELP", DENY),
        ),
        script(
            "data connections, options",
            [
                "PASV",
                "EPSV",
                "PORT 127,0,0,1,200,200",
                "EPRT |1|127.0.0.1|51400|",
                "OPTS UTF8 ON",
                "OPTS MLST type;",
            ],
            limit("PASV EPSV PORT EPRT OPTS_UTF8 OPTS_MLST", DENY),
        ),
        script("OPTS", ["OPTS UTF8 ON"], limit("OPTS", DENY), differences=(other.NO_OPTS,)),
        script(
            "others by name",
            ["TYPE I", "SYST", "CLNT x", "ALLO 5"],
            limit("TYPE SYST CLNT ALLO", DENY),
            differences=(other.BY_NAME,),
        ),
        Script(
            "access: PROT, CCC and SSCN",
            ["PROT C", "PROT S", "SSCN ON", "SSCN x", "CCC", "PBSZ 0", "PROT P"],
            "tls",
            sections=limit("PROT SSCN CCC", DENY),
        ),
        Script(
            "access: what <Limit ALL> covers under TLS",
            ["USER alice", "PASS secret", "PBSZ 0", "PROT P", "SSCN ON", "CCC"],
            "tls",
            sections=limit("ALL", DENY),
        ),
        Script(
            "access: before login",
            ["NOOP", "FEAT", "HELP", "HOST x", "PWD", "OPTS UTF8 ON"],
            "connected",
            sections=limit("ALL", DENY),
            differences=(but.GREETING,),
        ),
    ]


def logins() -> list[Script]:
    """<Limit LOGIN>."""
    return [
        script("LOGIN, DenyUser", LOGINS, limit("LOGIN", "DenyUser bob"), login=False),
        script("LOGIN, AllowUser", LOGINS, limit("LOGIN", "AllowUser alice", DENY), login=False),
        script("LOGIN, groups", LOGINS, limit("LOGIN", "Order deny,allow", "AllowGroup alice"), login=False),
        script("LOGIN, two sections", LOGINS, limit("LOGIN", ALLOW), limit("LOGIN", "DenyUser bob"), login=False),
        script(
            "LOGIN, IfUser",
            ["USER alice", "PASS secret"],
            IFSESSION,
            conditional("IfUser alice", limit("LOGIN", DENY)),
            login=False,
            differences=(other.NO_WORD,),
        ),
        script(
            "LOGIN, anonymous only",
            [*LOGINS[:2], *ANONYMOUS, "PWD"],
            limit("LOGIN", DENY),
            anonymous(limit("LOGIN", ALLOW)),
            login=False,
        ),
        script("LOGIN, not anonymous", [*ANONYMOUS, *LOGINS[:2]], anonymous(limit("LOGIN", DENY)), login=False),
    ]


def directories() -> list[Script]:
    """Which <Directory> counts, in anonymous logins too."""
    return [
        script(
            "DenyAll outside of Limit",
            [
                *WRITES,
                Transfer("RETR sub/inner.txt"),
                "CWD sub",
                Transfer("LIST sub"),
                Transfer("LIST"),
                "DELE full/x",
            ],
            directory("/sub", DENY, limit("WRITE", ALLOW)),
        ),
        script(
            "DenyAll and a directory in it",
            [*WRITES, "DELE full/x"],
            directory("", DENY),
            directory("/sub", "Umask 077"),
        ),
        script(
            "DenyAll and what concerns no place",
            ["TYPE I", "SYST", "REST 0", "MODE S", "STRU F", "ABOR", "CLNT x", "PASV", "OPTS UTF8 ON", "NOOP", "QUIT"],
            directory("", DENY),
        ),
        script("DenyAll and a directory without a line in it", WRITES, directory("", DENY), directory("/sub")),
        script(
            "DenyAll and a <Limit> without a line in it", WRITES, directory("", DENY), directory("/sub", limit("STOR"))
        ),
        script(
            "REST before a transfer that is refused",
            [
                "TYPE I", "REST 3", Transfer("RETR file.txt"), Transfer("STOR new.txt", b"abcdef"),
                "REST 2", Transfer("STOR sub/new.txt", b"x"), Transfer("APPE new.txt", b"gh"),
                "REST 2", "NOOP", Transfer("STOR new.txt", b"xyz"), "SIZE new.txt",
            ],
            limit("RETR", DENY),
            directory("/sub", limit("STOR", DENY)),
        ),
        script(
            "a pattern",
            ["MKD a", "MKD a/b", "MKD a/b/in", "MKD a/in", "MKD a/in/x", "MKD in"],
            directory("/*/in", limit("MKD", DENY)),
        ),
        script(
            "what is below",
            ["MKD sub/x", "CWD sub", "CDUP", "RMD sub/x", "RMD sub", "MKD sub/y/z"],
            directory("/sub/*", limit("ALL", DENY)),
        ),
        script(
            "homes",
            [*WRITES, "DELE full/x", "MKD noname/x"],
            f"<Directory ~/sub>\n{limit('WRITE', DENY)}</Directory>\n",
            f"<Directory ~alice/full>\n{limit('WRITE', DENY)}</Directory>\n",
            f"<Directory BASE/homes/%u/noname>\n{limit('WRITE', DENY)}</Directory>\n",
        ),
        script(
            "the home without a root",
            ["CWD /", "CWD ~", "PWD", "CWD ~/sub", "PWD", "CWD /", "SIZE ~/file.txt", "MKD ~/x", "PWD"],
            directives=("DefaultRoot /",),
        ),
        script(
            "anonymous, its host's",
            [*ANONYMOUS, *WRITES],
            directory("/sub", limit("WRITE", DENY)),
            limit("DELE", DENY),
            anonymous(),
            login=False,
        ),
        script(
            "anonymous, its own",
            [*ANONYMOUS, *WRITES, "MKD sub"],
            limit("DELE", DENY),
            anonymous(limit("WRITE", DENY), f"<Directory sub/*>\n{limit('MKD', ALLOW)}</Directory>"),
            login=False,
        ),
        script(
            "anonymous, all of it",
            [*ANONYMOUS, *WRITES],
            anonymous(f"<Directory *>\n{limit('WRITE', DENY)}</Directory>"),
            login=False,
        ),
        script(
            "anonymous, two sections",
            [*ANONYMOUS, *WRITES],
            anonymous(limit("WRITE", DENY)),
            anonymous(limit("WRITE", ALLOW)),
            login=False,
        ),
        script(
            "anonymous, IfUser",
            [*ANONYMOUS, *WRITES, Transfer("STOR big.bin", b"x")],
            IFSESSION,
            anonymous(limit("MKD", ALLOW), "AllowOverwrite off"),
            conditional("IfUser alice", limit("WRITE", DENY), limit("STOR", ALLOW), "AllowOverwrite on"),
            login=False,
        ),
        script(
            "anonymous, names",
            [*ANONYMOUS, "MKD x", "DELE file.txt"],
            anonymous(limit("MKD", "AllowUser alice", DENY), limit("DELE", "AllowUser anonymous", DENY)),
            login=False,
        ),
    ]


DENY_WRITE = limit("WRITE", DENY).encode()


def files_in_directories() -> list[Script]:
    """.ftpaccess."""
    return [
        script(
            ".ftpaccess",
            [*WRITES, "CWD sub", "CDUP", Transfer("RETR sub/inner.txt")],
            files=((FTPACCESS, DENY_WRITE),),
        ),
        script(
            ".ftpaccess, two", WRITES, files=((".ftpaccess", DENY_WRITE), (FTPACCESS, limit("MKD", ALLOW).encode()))
        ),
        *(
            script(
                f"DenyAll and .ftpaccess, {title}",
                [*UPLOADED, *WRITES],
                directory("/sub", DENY),
                files=((FTPACCESS, text),),
            )
            for title, text in (
                ("empty", b""), ("a comment", b"# nothing\n"), ("Umask", b"Umask 022\n"), ("AllowAll", b"AllowAll\n"),
                ("<Limit ALL> AllowAll", limit("ALL", ALLOW).encode()),
            )
        ),
        script(
            "DenyAll and an empty .ftpaccess below",
            [*UPLOADED, *WRITES],
            directory("", DENY),
            files=((FTPACCESS, b""),),
        ),
        script(".ftpaccess, off", WRITES, files=((FTPACCESS, DENY_WRITE),), directives=("AllowOverride off",)),
        script(
            ".ftpaccess, off in a directory",
            [*WRITES, "DELE full/x"],
            directory("/sub", "AllowOverride off"),
            files=((FTPACCESS, DENY_WRITE), ("full/.ftpaccess", DENY_WRITE)),
            differences=(other.OVERRIDE_LATE,),
        ),
        script(
            ".ftpaccess and Directory",
            [*WRITES, Transfer("STOR sub/y", b"x"), Transfer("STOR sub/y", b"y")],
            directory("/sub", "AllowOverwrite off", limit("WRITE", DENY)),
            files=((FTPACCESS, b"AllowOverwrite on\n" + limit("WRITE", ALLOW).encode()),),
        ),
        script(
            ".ftpaccess, wrong lines in a <Limit>",
            WRITES,
            files=((FTPACCESS, limit("WRITE", "DenyUserr bob", "Allow from x/y", DENY).encode()),),
        ),
        script(
            ".ftpaccess, <IfModule>",
            WRITES,
            files=((FTPACCESS, b"<IfModule mod_auth.c>\n" + DENY_WRITE + b"</IfModule>\n<IfModule !mod_auth.c>\n"
                    + limit("MKD", ALLOW).encode() + b"</IfModule>\n"),),
        ),
        script(".ftpaccess, wrong lines", WRITES, files=((FTPACCESS, b"Port 21\nNonsense x\n" + DENY_WRITE[:-9]),)),
        script(
            ".ftpaccess, TLSRequired",
            [Transfer("LIST"), "CWD sub", Transfer("LIST"), Transfer("LIST /"), "CDUP", Transfer("NLST sub")],
            files=((FTPACCESS, b"TLSRequired on\n"),),
        ),
        script(
            ".ftpaccess, uploaded",
            [
                Transfer("STOR sub/.ftpaccess", limit("DELE", DENY).encode()),
                "DELE sub/inner.txt",
                "DELE sub/.ftpaccess",
            ],
        ),
        script(
            ".ftpaccess, DenyAll and HideFiles",
            ["CWD sub", "DELE sub/inner.txt", Transfer("LIST full")],
            files=((FTPACCESS, b"DenyAll\n"), ("full/.ftpaccess", b"HideFiles ^x\n")),
        ),
    ]


ACCESS_SCRIPTS: list[Script] = [*limits(), *logins(), *directories(), *files_in_directories()]
