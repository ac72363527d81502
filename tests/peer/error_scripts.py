"""Sessions about faults: every command with missing, odd and too many arguments, in each phase; extensions; SITE."""

from __future__ import annotations

from collections.abc import Sequence

from tests.peer import differences as but
from tests.peer.compare import Script, Step, Transfer
from tests.peer.listing_differences import OF
from tests.peer.shared import Group

# PASV, EPSV, PORT and EPRT come last, since transfer commands would wait at their address. CCC, AUTH, QUIT end things.
NAVIGATION = ("CWD", "XCWD", "CDUP", "XCUP", "PWD", "XPWD", "MKD", "XMKD", "RMD", "XRMD")
FILES = ("DELE", "RNFR", "SIZE", "MDTM", "MFMT", "MFF", "MLST")
PARAMETERS = ("TYPE", "MODE", "STRU", "ALLO", "REST", "RANG", "OPTS", "NOOP", "SYST", "ABOR", "SMNT", "ACCT", "HELP")
TRANSFERS = ("RETR", "STOR", "APPE", "LIST", "NLST", "MLSD")
SITES = ("CHMOD", "CHGRP", "MKDIR", "RMDIR", "SYMLINK", "UTIME", "CPFR", "CPTO", "COPY")
ANONYMOUS_SECTION = (
    "<Anonymous BASE/homes/alice>\nUser alice\nGroup alice\nUserAlias anonymous alice\nRequireValidShell off\n"
    "<Limit WRITE>\nDenyAll\n</Limit>\n</Anonymous>\n"
)
ANONYMOUS: tuple[Step, ...] = ("USER anonymous", "PASS me@example.org")


def each(names: Sequence[str], *arguments: str) -> list[Step]:
    """Every command with every argument."""
    return [f"{name} {argument}".rstrip() for name in names for argument in arguments]


def script(
    name: str,
    steps: Sequence[Step],
    *,
    connected: bool = False,
) -> Script:
    """A session in clear, of alice's unless it logs in itself (`connected`)."""
    greeting = (but.GREETING,) if connected else ()
    return Script(name, steps, "connected" if connected else "plain", differences=(*OF.get(name, ()), *greeting))


def before_login() -> list[Script]:
    phases: tuple[tuple[str, tuple[Step, ...]], ...] = (
        ("before USER", ()),
        ("before PASS", ("USER alice",)),
        ("after a failed login", ("USER alice", "PASS x")),
    )
    return [
        script(f"errors: {title} {phase}", [*first, *each(names, "", "x")], connected=True)
        for phase, first in phases
        for title, names in (
            ("navigation", NAVIGATION),
            ("files", FILES),
            ("transfers", (*TRANSFERS, "STOU", "PASV", "EPSV", "PORT", "EPRT")),
        )
    ] + [
        script(
            "errors: logins",
            [
                "USER",
                "PASS",
                "PASS x",
                "USER alice",
                "PASS",
                "USER alice",
                "USER bob",
                "PASS x",
                "ACCT",
                "REIN",
                "USER  alice",
                "PASS secret",
            ],
            connected=True,
        ),
        script(
            "errors: parameters before login",
            each(("TYPE", "SYST", "NOOP", "HELP", "OPTS", "FEAT", "HOST"), "", "x", "x y"),
            connected=True,
        ),
    ]


def after_login() -> list[Script]:
    odd = ("", "nothere", "a b c", "/", ".", "..")
    return [
        script("errors: navigation", each(NAVIGATION[:6], *odd)),
        script(
            "errors: making and removing",
            each(NAVIGATION[6:], "", "nothere/x", "file.txt", "file.txt/x", "noperm/x", "/", "sub", "full"),
        ),
        script(
            "errors: files",
            each(("DELE", "SIZE", "MDTM", "MLST", "STAT"), *odd, "sub", "broken", "secret", "noperm/in"),
        ),
        script(
            "errors: renaming",
            [
                "RNFR",
                "RNTO",
                "RNFR nothere",
                "RNTO x",
                "RNFR file.txt",
                "RNTO nodir/x",
                "RNFR file.txt",
                "RNTO noperm/x",
                "RNFR secret",
                "RNTO y",
                "RNFR y",
                "RNTO secret",
                "RNFR sub",
                "RNTO sub/below",
                "RNFR .",
                "RNTO z",
                "RNFR file.txt",
                "RNTO",
            ],
        ),
        script(
            "errors: times",
            each(
                ("MFMT",),
                "",
                "x",
                "2020 file.txt",
                "20200102030405",
                "20200102030405 nothere",
                "20200102030405 sub",
                "20200132030405 file.txt",
                "20200102250405 file.txt",
                "20200102030405 secret",
                "20200102030405 two words",
            ),
        ),
        script("errors: parameters", each(PARAMETERS[:6], "", "x", "-1", "1", "1 2", "1 2 3", "99999999999999999999")),
        script("errors: small talk", each(PARAMETERS[6:], "", "x", "x y z")),
        script(
            "errors: downloads",
            [
                Transfer(f"RETR {name}".rstrip())
                for name in odd + ("sub", "broken", "secret", "noperm/in", "file.txt/x")
            ],
        ),
        script(
            "errors: uploads",
            [
                Transfer(f"STOR {name}", b"x")
                for name in ("nodir/x", "noperm/x", "sub", "secret", "file.txt/x", "/", ".", "..")
            ]
            + [Transfer(f"APPE {name}", b"x") for name in ("nodir/x", "noperm/x", "sub", "secret")],
        ),
        script(
            "errors: STOU",
            [
                Transfer("STOU", b"x"),
                Transfer("STOU name", b"x"),
                "REST 1",
                "TYPE I",
                "REST 1",
                Transfer("STOU", b"x"),
                "CWD noperm",
                "CWD full",
                Transfer("STOU", b""),
            ],
        ),
        script("errors: without a data connection", [*TRANSFERS, *each(TRANSFERS, "file.txt"), "STOU"]),
        script(
            "errors: addresses",
            [
                "PASV x",
                "EPSV x y z",
                "EPSV 3",
                "PORT",
                "PORT 1",
                "PORT 127,0,0,1,1",
                "PORT 127,0,0,1,1,1,1",
                "PORT a,b,c,d,e,f",
                "PORT 127,0,0,1,-1,5",
                "EPRT",
                "EPRT |",
                "EPRT |1|127.0.0.1|",
                "EPRT |9|127.0.0.1|2000|",
                "EPRT |2|127.0.0.1|51400|",
                "PASV",
                "EPSV",
                "EPSV ALL",
                "EPSV ALL",
            ],
        ),
        script(
            "errors: what nobody knows",
            [
                "XYZ",
                "XYZ a b",
                "xyz",
                "RETRX file.txt",
                "R",
                "123",
                "HELP XYZ",
                "SITE XYZ",
                "SITE",
                "OPTS XYZ",
                "OPTS",
                "MLSTX",
                "AUTHX",
            ],
        ),
        script(
            "errors: letters",
            [
                "noop",
                "NoOp",
                "pwd",
                "Pwd",
                "cwd sub",
                "cDuP",
                "retr",
                "type a",
                "TYPE i",
                "type A n",
                "mode s",
                "stru f",
                "syst",
                "help noop",
            ],
        ),
        script(
            "errors: many arguments",
            each(
                (
                    "PWD",
                    "CDUP",
                    "SYST",
                    "NOOP",
                    "FEAT",
                    "PASV",
                    "STOU",
                    "ABOR",
                    "TYPE",
                    "MODE",
                    "STRU",
                    "REST",
                    "RANG",
                    "ALLO",
                ),
                "a b c d e f",
            ),
        ),
        script(
            "errors: restarts",
            [
                "REST 5",
                "TYPE I",
                "REST",
                "REST x",
                "REST -5",
                "REST 1.5",
                "REST 0x10",
                "REST 4294967296",
                Transfer("RETR file.txt"),
                "REST 12",
                Transfer("RETR file.txt"),
                "REST 13",
                Transfer("RETR file.txt"),
                "REST 3",
                "PWD",
                Transfer("RETR file.txt"),
                "REST 3",
                Transfer("LIST full"),
                Transfer("RETR file.txt"),
                "REST 4",
                Transfer("STOR file.txt", b"XY"),
                Transfer("RETR file.txt"),
                "REST 100",
                Transfer("STOR file.txt", b"Z"),
                "REST 2",
                Transfer("APPE file.txt", b"!"),
                Transfer("RETR file.txt"),
            ],
        ),
    ]


def anonymous() -> list[Script]:
    return [
        script(
            "errors: anonymous and writing",
            [
                *ANONYMOUS,
                *each(("MKD", "RMD", "DELE", "RNFR", "XMKD", "XRMD"), "", "x", "sub", "file.txt"),
                Transfer("STOR up", b"x"),
                Transfer("APPE up", b"x"),
                Transfer("STOU", b"x"),
                "MFMT 20200102030405 file.txt",
                "MFF UNIX.mode=0600; file.txt",
                "SITE CHMOD 600 file.txt",
                "SITE MKDIR x",
                "SITE RMDIR full",
            ],
            connected=True,
        ),
        script(
            "errors: anonymous and reading",
            [
                *ANONYMOUS,
                "PWD",
                "CWD sub",
                "CDUP",
                Transfer("RETR file.txt"),
                Transfer("LIST sub"),
                Transfer("NLST sub"),
                Transfer("MLSD sub"),
                "SIZE file.txt",
                "MDTM file.txt",
                "STAT sub",
                "MLST file.txt",
                Transfer("RETR secret"),
                Transfer("RETR nothere"),
                "SITE HELP",
                "USER alice",
                "PASS secret",
            ],
            connected=True,
        ),
        script(
            "errors: anonymous without a password",
            ["USER anonymous", "PASS", "PWD", "USER ftp", "PASS x"],
            connected=True,
        ),
    ]


def extensions() -> list[Script]:
    return [
        script(
            "extensions: RANG",
            [
                "RANG",
                "RANG 0",
                "RANG 0 5",
                "RANG x 5",
                "RANG 5 0",
                "RANG 1 0",
                "TYPE I",
                "RANG 0 5",
                Transfer("RETR file.txt"),
                Transfer("RETR file.txt"),
                "RANG 3 3",
                Transfer("RETR file.txt"),
                "RANG 5 2",
                "RANG 0 100",
                Transfer("RETR file.txt"),
                "RANG 20 30",
                Transfer("RETR file.txt"),
                "RANG 2 4",
                "REST 3",
                Transfer("RETR file.txt"),
                "REST 3",
                "RANG 2 4",
                Transfer("RETR file.txt"),
                "RANG 2 4",
                "NOOP",
                Transfer("LIST sub"),
                Transfer("RETR file.txt"),
            ],
        ),
        script(
            "extensions: RANG and uploads",
            [
                "TYPE I",
                "RANG 2 4",
                Transfer("STOR new", b"x"),
                "RANG 2 4",
                Transfer("STOR file.txt", b"abc"),
                Transfer("RETR file.txt"),
                "RANG 2 4",
                "APPE file.txt",
                "RANG 2 4",
                "STOU",
            ],
        ),
        script(
            "extensions: MFF",
            [
                "MFF",
                "MFF modify=20200102030405;",
                "MFF modify=20200102030405; file.txt",
                "MFF modify=20200102030405; nothere",
                "MFF UNIX.mode=0644; file.txt",
                "MFF unix.MODE=600; file.txt",
                "MLST file.txt",
                "MFF UNIX.mode=9; file.txt",
                "MFF UNIX.group=1000; file.txt",
                "MFF UNIX.group=alice; file.txt",
                "MFF UNIX.group=1; file.txt",
                "MFF UNIX.owner=1000; file.txt",
                "MFF create=20200102030405; file.txt",
                "MFF modify=20200102030405;bogus=1; file.txt",
                "MFF modify=20200102030405;UNIX.mode=0600; file.txt",
                "MFF modify=2020; file.txt",
                "MFF modify; file.txt",
                "MFF ; file.txt",
                "MFF file.txt",
                "MFF modify=20200102030405; secret",
                "MFF modify=20200102030405; sub",
                "MFF type=dir; file.txt",
                "MDTM file.txt",
            ],
        ),
        script(
            "extensions: FEAT, CSID, CLNT, LANG",
            [
                "FEAT",
                "CSID",
                "CSID Name=Foo;",
                "CLNT",
                "CLNT foo bar",
                "LANG",
                "HELP LANG",
                "HELP RANG",
                "OPTS UTF8 ON",
                "OPTS UTF8 OFF",
                "OPTS UTF8",
                "OPTS LANG",
            ],
        ),
        script(
            "extensions: LANG before login",
            ["LANG", "LANG xx", "LANG x y", "USER alice", "LANG xx", "PASS secret"],
            connected=True,
        ),
        script(
            "extensions: before login", each(("MFF", "RANG", "CSID", "MFMT", "MLST"), "", "x", "x y"), connected=True
        ),
    ]


def site() -> list[Script]:
    return [
        script(
            "site: HELP",
            [
                "SITE HELP",
                "SITE HELP CHMOD",
                "SITE HELP CHGRP",
                "SITE HELP XYZ",
                "SITE",
                "SITE XYZ",
                "SITE help",
                "SITE chmod 644 file.txt",
            ],
        ),
        script("site: without arguments", each(("SITE",), *SITES)),
        script(
            "site: CHMOD",
            each(
                ("SITE CHMOD",),
                "644",
                "644 file.txt",
                "0600 file.txt",
                "00640 file.txt",
                "100644 file.txt",
                "999 file.txt",
                "u+x file.txt",
                "go-rwx,u=rw file.txt",
                "x file.txt",
                "644 nothere",
                "644 secret",
                "644 two words",
                "755 sub",
                "644 link",
                "644 broken",
            ),
        ),
        script(
            "site: CHGRP",
            each(
                ("SITE CHGRP",),
                "alice",
                "alice file.txt",
                "1000 file.txt",
                "bob file.txt",
                "99999 file.txt",
                "nosuchgroup file.txt",
                "alice nothere",
                "alice secret",
                "alice two words",
                "alice sub",
                "alice link",
            ),
        ),
        script(
            "site: MKDIR",
            [
                "SITE MKDIR a/b/c",
                "MLST a/b/c",
                "SITE MKDIR a/b/c",
                "SITE MKDIR sub",
                "SITE MKDIR noperm/x",
                "SITE MKDIR file.txt/x",
                "SITE MKDIR two words",
                "MLST two words",
                "SITE MKDIR /abs/x",
                "SITE MKDIR ../up",
                "SITE MKDIR .",
                Transfer("NLST"),
            ],
        ),
        script(
            "site: RMDIR",
            [
                "SITE RMDIR nothere",
                "SITE RMDIR full",
                "SITE MKDIR a/b/c",
                "SITE RMDIR a",
                "MLST a",
                "SITE RMDIR noperm",
                "SITE RMDIR file.txt",
                "SITE RMDIR link",
                "MKD two words",
                "SITE RMDIR two words",
                Transfer("NLST"),
            ],
        ),
        script(
            "site: SYMLINK",
            [
                "SITE SYMLINK file.txt",
                "SITE SYMLINK file.txt l1",
                "SITE SYMLINK nothere l2",
                "SITE SYMLINK file.txt l1",
                "SITE SYMLINK file.txt file.txt",
                "SITE SYMLINK file.txt noperm/l",
                "SITE SYMLINK file.txt nodir/l",
                "SITE SYMLINK ../x l5",
                Transfer("RETR l1"),
                "MLST l1",
            ],
        ),
        script(
            "site: UTIME",
            each(
                ("SITE UTIME",),
                "file.txt",
                "20200102 file.txt",
                "202001020304 file.txt",
                "20200102030405 file.txt",
                "20200102030406 nothere",
                "20201302030406 file.txt",
                "20200102030405 secret",
                "xxxxxxxxxxxx file.txt",
                "20200102030405 two words",
                "20200102030405 sub",
            )
            + ["MDTM file.txt"],
        ),
        script(
            "site: UTIME, second form",
            [
                *each(
                    ("SITE UTIME",),
                    "file.txt 20200102030405 20200203040506 20200304050607 UTC",
                    "file.txt 20200102030405 20200203040506 20200304050607",
                    "file.txt 20200102030405 20200203040506 20200304050607 GMT",
                    "nothere 20200102030405 20200203040506 20200304050607 UTC",
                ),
                "MDTM file.txt",
            ],
        ),
        script(
            "site: CPFR and CPTO",
            [
                "SITE CPTO x",
                "SITE CPFR nothere",
                "SITE CPTO x",
                "SITE CPFR file.txt",
                "SITE CPTO copy.txt",
                "SITE CPTO again",
                Transfer("RETR copy.txt"),
                "SITE CPFR file.txt",
                "SITE CPTO copy.txt",
                "SITE CPFR file.txt",
                "NOOP",
                "SITE CPTO c3",
                "SITE CPFR secret",
                "SITE CPTO c5",
                "SITE CPFR file.txt",
                "SITE CPTO nodir/x",
                "SITE CPFR file.txt",
                "SITE CPTO noperm/x",
                "SITE CPFR file.txt",
                "SITE CPTO sub",
                "SITE CPFR file.txt",
                "SITE CPTO file.txt",
                "SITE CPFR two words",
                Transfer("NLST"),
            ],
        ),
        script(
            "site: copies of directories and links",
            [
                "SITE CPFR sub",
                "SITE CPTO sub2",
                Transfer("LIST sub2"),
                "SITE CPFR sub",
                "SITE CPTO full",
                Transfer("LIST full"),
                "SITE CPFR link",
                "SITE CPTO linkcopy",
                Transfer("LIST linkcopy"),
                "SITE CPFR sub",
                "SITE CPTO file.txt",
                "SITE CPFR noperm",
                "SITE CPTO np",
                "MLST sub2",
            ],
        ),
        script(
            "site: COPY",
            [
                "SITE COPY file.txt",
                "SITE COPY file.txt dup",
                Transfer("RETR dup"),
                "SITE COPY nothere x",
                "SITE COPY file.txt dup",
                "SITE COPY a b c",
                "SITE COPY sub subdup",
                Transfer("LIST subdup"),
                "SITE COPY file.txt sub",
                "SITE COPY sub file.txt",
                "SITE COPY file.txt file.txt",
                "SITE COPY secret x",
            ],
        ),
    ]


def limited() -> list[Group]:
    steps: tuple[Step, ...] = (
        "SITE CPFR file.txt",
        "SITE CPTO x",
        "SITE COPY file.txt x",
        "SITE MKDIR x",
        "SITE RMDIR full",
        "SITE UTIME 202001020304 file.txt",
        "SITE SYMLINK file.txt y",
        "SITE CHGRP alice file.txt",
        "SITE CHMOD 644 file.txt",
        "MFF modify=20200102030405; file.txt",
        "MFMT 20200102030405 file.txt",
        "RANG 1 2",
        "CSID",
        "FEAT",
    )
    return [
        Group(
            f"<Limit {what}>",
            (script(f"limits: extensions under <Limit {what}>", steps),),
            sections=f"<Limit {what}>\nDenyAll\n</Limit>\n",
        )
        for what in (
            "WRITE",
            "READ",
            "SITE_CPTO SITE_COPY SITE_MKDIR SITE_RMDIR SITE_UTIME SITE_CHGRP",
            "MFF MFMT RANG",
            "EPRT",
            "EPSV",
        )
    ]


ERROR_GROUPS = (
    Group("errors", (*before_login(), *after_login(), *extensions(), *site())),
    Group("anonymous", tuple(anonymous()), sections=ANONYMOUS_SECTION),
    Group(
        "engines off",
        (
            script(
                "site: engines that are off",
                ["FEAT", *each(("SITE",), *(f"{name} x y" for name in SITES[2:])), "SITE HELP"],
            ),
        ),
        sections="CopyEngine off\nSiteMiscEngine off\n",
    ),
    Group(
        "no overwriting",
        (
            script(
                "site: copies without AllowOverwrite",
                [
                    "SITE CPFR file.txt",
                    "SITE CPTO big.bin",
                    "SITE COPY file.txt big.bin",
                    "SITE COPY file.txt new",
                    "SITE SYMLINK file.txt big.bin",
                ],
            ),
        ),
        directives=("AllowOverwrite off",),
    ),
    *limited(),
)
