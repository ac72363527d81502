"""Sessions about filters, hidden and disguised files, and owners."""

from __future__ import annotations

from tests.peer import access_differences as other
from tests.peer import differences as but
from tests.peer.access_scripts import DENY, directory, limit, script
from tests.peer.compare import Script, Step, Transfer

LISTINGS: tuple[Step, ...] = (Transfer("LIST"), Transfer("NLST"), Transfer("MLSD"), Transfer("LIST -R"), "STAT .")


def filters() -> list[Script]:
    """AllowFilter, DenyFilter, PathAllowFilter, PathDenyFilter."""
    paths: list[Step] = [
        Transfer("STOR a.exe", b"x"),
        Transfer("APPE a.exe", b"x"),
        "MKD a.exe",
        "RMD a.exe",
        "DELE a.exe",
        "RNFR a.exe",
        "RNFR file.txt",
        "RNTO a.exe",
        "MFMT 20200102030405 a.exe",
        "SITE CHMOD 644 a.exe",
        Transfer("STOR a.ex", b"x"),
        Transfer("STOR sub/a.ex", b"x"),
        "CWD sub",
        "DELE a.ex",
        "DELE inner.txt",
        Transfer("RETR a.exe"),
    ]
    return [
        script(
            "DenyFilter",
            ["PWD", "DELE a*b", "CWD sub", "LIST -la*", "SITE CHMOD 644 fi*", "SYST x*", "NOOP *"],
            directives=("DenyFilter \\*",),
        ),
        script(
            "AllowFilter", ["PWD", "DELE a*b", "CWD sub", "NOOP *", "MKD A"], directives=("AllowFilter ^[a-z]*$",)
        ),
        script(
            "filters by directory",
            ["MKD a*b", "CWD sub", "MKD ab", "CDUP"],
            directory("", "DenyFilter \\*"),
            directory("/sub", "AllowFilter x"),
            differences=(other.NO_ARGUMENT,),
        ),
        *(
            script(f"DenyFilter {pattern}", [f"NOOP {text}" for text in texts], directives=(f'DenyFilter "{pattern}"',))
            for pattern, texts in (
                (r"^[\\d.]+$", ("1.2", "x", "d")), (r"^[\\x00-\\x1f]", ("A", "0")), (r"^(.)\\1$", ("aa", "ab", "1")),
                (r"^\\x41$", ("A", "x41")), (r"^[\\n]$", ("n", "x")), (r"^\\<abc\\>$", ("abc", "<abc>")),
                (r"^a(?=b)b$", ("ab", "a")), ("^[]x]$", ("]", "x", "y")), ("^a{,2}$", ("aa", "a{,2}")),
                (r"^\\Qa.b\\E$", ("a.b", "axb")), (r"[\\x80-\\xff]", ("файл", "x")), ("^..$", ("ä", "ab", "a")),
                (r"^(.)\\g{1}$", ("aa", "ab")), ("^(?i)ABC$", ("abc", "x")), ("^a++b$", ("aab", "b")),
                ("^(?:abc){e}$", ("abx", "abc{e}")))
        ),
        Script(
            "access: DenyFilter before login",
            ["RETR a*b", "USER a*b", "PASS a*"],
            "connected",
            directives=("DenyFilter \\*",),
            differences=(but.GREETING, other.EARLY_FILTER),
        ),
        script(
            "PathDenyFilter, PathAllowFilter",
            paths,
            directory("", 'PathDenyFilter "[.]exe$"'),
            directory("/sub", 'PathAllowFilter "[.]txt$"'),
        ),
    ]


def hidden() -> list[Script]:
    """HideFiles and its like, IgnoreHidden, listings under <Limit>, disguises."""
    one: list[Step] = [
        "MLST file.txt",
        Transfer("LIST file.txt"),
        Transfer("LIST secret"),
        Transfer("NLST file.txt"),
        "STAT secret",
        "STAT file.txt",
        Transfer("RETR file.txt"),
        "RNFR file.txt",
        "RNTO there",
        "DELE there",
        "MKD file.d",
    ]
    ignored: list[Step] = [
        Transfer("RETR file.txt"),
        "RNFR file.txt",
        "DELE file.txt",
        "MKD file.txt",
        "MLST file.txt",
        Transfer("LIST file.txt"),
        Transfer("NLST file.txt"),
        "MDTM file.txt",
        "STAT file.txt",
    ]
    facts = (other.LINK_FACTS,)
    return [
        script(
            "HideFiles",
            [*LISTINGS, Transfer("LIST *"), Transfer("NLST *"), *one],
            directory("", "HideFiles ^(file|inner)"),
            differences=(other.GLOBBED,),
        ),
        script(
            "HideFiles none",
            [Transfer("LIST"), Transfer("LIST sub")],
            directory("", "HideFiles ^(file|inner|sub)"),
            directory("/sub", "HideFiles none"),
        ),
        script(
            "HideFiles for some",
            LISTINGS,
            directory("", "HideFiles ^file user bob", "HideFiles ^big user alice", "HideFiles ^full"),
            differences=facts,
        ),
        script(
            "HideUser",
            [*LISTINGS, *one],
            directory("", "HideUser nobody-knows-me", "HideUser bob"),
            differences=facts,
        ),
        script("HideGroup", LISTINGS, directory("", "HideGroup bob"), differences=facts),
        script("HideNoAccess", [*LISTINGS, *one], directory("", "HideNoAccess on"), differences=facts),
        script("IgnoreHidden", ignored, directory("", "HideFiles ^file", limit("ALL", "IgnoreHidden on"))),
        script(
            "IgnoreHidden for some",
            ignored[:6],
            directory("", "HideFiles ^file", limit("WRITE", "IgnoreHidden on")),
        ),
        script(
            "listings under Limit",
            [
                *LISTINGS,
                Transfer("LIST sub"),
                Transfer("NLST sub"),
                Transfer("MLSD sub"),
                "STAT sub",
                "MLST sub",
                Transfer("LIST *"),
                Transfer("NLST *"),
            ],
            directory("/sub", limit("DIRS", DENY)),
            differences=(*facts, other.GLOBBED),
        ),
        script(
            "a file under Limit",
            [
                *LISTINGS,
                Transfer("LIST file.txt"),
                Transfer("NLST file.txt"),
                "STAT file.txt",
                "MLST file.txt",
                Transfer("RETR file.txt"),
            ],
            directory("/file.txt", limit("LIST NLST MLSD MLST STAT", DENY)),
        ),
        script(
            "DirFakeMode",
            [Transfer("LIST"), Transfer("LIST -R"), "STAT file.txt", "MLST file.txt"],
            directives=("DirFakeMode 0640",),
        ),
        script(
            "DirFakeUser and DirFakeGroup",
            [Transfer("LIST"), "STAT .", Transfer("LIST -n"), Transfer("MLSD")],
            directives=("DirFakeUser on", "DirFakeGroup on ~"),
            differences=facts,
        ),
        script(
            "owners",
            [
                Transfer("STOR new", b"x"),
                "MKD made",
                Transfer("STOR sub/new", b"x"),
                Transfer("LIST"),
                Transfer("LIST sub"),
            ],
            directory("", "UserOwner bob", "GroupOwner bob"),
            directory("/sub", "GroupOwner ~"),
        ),
    ]


HIDING_SCRIPTS: list[Script] = [*filters(), *hidden()]
