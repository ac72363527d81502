"""Sessions about listings: options, patterns, odd names, what is hidden, missing or empty, and the directives of mod_ls
and mod_facts.
"""

from __future__ import annotations

from collections.abc import Sequence

from tests.peer.compare import Script, Step, Transfer
from tests.peer.listing_differences import OF
from tests.peer.shared import Group

NESTED = (
    ("tree/one", b"1"),
    ("tree/a/two", b"22"),
    ("tree/a/b/three", b"333"),
    ("tree/a/b/c/four", b"4444"),
    ("tree/z/five", b""),
    ("tree/.dot/six", b""),
    ("tree/.seven", b""),
)
ODD = (
    ("odd/[x]", b"1"),
    ("odd/a*b", b"2"),
    ("odd/ lead", b"3"),
    ("odd/trail ", b"4"),
    ("odd/two words", b"5"),
    ("odd/-dash", b"6"),
    ("odd/q?", b"7"),
    ("odd/back\\slash", b"8"),
    ("odd/semi;colon", b"9"),
    ("odd/~tilde", b"10"),
    ("odd/" + "x" * 60, b"11"),
    ("odd/\u043f\u0440\u0438\u0432\u0435\u0442", b"12"),
    ("odd/caf\u00e9", b"13"),
    ("odd/#hash", b"14"),
    ("odd/{a,b}", b"15"),
    ("odd/'quote'", b"16"),
    ('odd/"double"', b"17"),
    ("odd/100%", b"18"),
    ("odd/$HOME", b"19"),
)
HIDDEN = (("dots/.a", b""), ("dots/.b/c", b""), ("dots/d", b""), ("dots/..e", b""), ("dots/...", b""))


def lists(command: str, *arguments: str) -> list[Step]:
    """The command with each argument."""
    return [Transfer(f"{command} {argument}".rstrip()) for argument in arguments]


def script(
    name: str,
    steps: Sequence[Step],
    *,
    files: Sequence[tuple[str, bytes]] = (),
) -> Script:
    """A session of alice's in clear."""
    whole = f"listing: {name}"
    return Script(whole, steps, files=files, differences=OF.get(whole, ()))


def options() -> list[Script]:
    """The letters of LIST and NLST."""
    tree = {"files": NESTED}
    return [
        script("LIST -a and -A", lists("LIST", "-a tree", "-A tree", "-aA tree", "-la tree/a", "-a -l tree"), **tree),
        script("LIST -l and -1", lists("LIST", "-l tree", "-1 tree", "-1a tree", "-l1 tree", "-1l tree"), **tree),
        script("LIST -C", lists("LIST", "-C tree", "-Ca tree", "-CF tree", "-C tree/z"), **tree),
        script("LIST -F", lists("LIST", "-F tree", "-lF tree", "-1F tree", "-aF tree"), **tree),
        script("LIST -d", lists("LIST", "-d tree", "-d tree/one", "-ld tree/a", "-d nothere"), **tree),
        script("LIST -R", lists("LIST", "-R tree", "-R tree/a/b/c", "-R tree/one"), **tree),
        script("LIST -Ra and -R1", lists("LIST", "-Ra tree/z", "-R1 tree/a/b", "-RF tree/a/b"), **tree),
        script("LIST -L and -n", lists("LIST", "-L", "-n tree", "-L link", "-Ln tree", "-nF tree"), **tree),
        script(
            "LIST -t, -r, -S, -U",
            lists("LIST", "-t tree/a", "-r tree", "-S tree", "-rS tree", "-c tree", "-u tree"),
            **tree,
        ),
        script(
            "LIST and letters that mean nothing",
            lists("LIST", "-z tree", "-w tree", "-lh tree/a", "-p tree", "-i tree"),
            **tree,
        ),
        script("LIST -- and lone minus", lists("LIST", "-- tree", "-l -- tree", "-", "--", "-l -"), **tree),
        script(
            "LIST and several options",
            lists("LIST", "-l -a tree", "-l -1 tree", "-a tree -l", "-al -F -r tree"),
            **tree,
        ),
        script(
            "NLST and options",
            lists(
                "NLST",
                "-a tree",
                "-A tree",
                "-l tree",
                "-1 tree",
                "-F tree",
                "-d tree",
                "-r tree",
                "-la tree",
                "-C tree",
            ),
            **tree,
        ),
        script("NLST -R", lists("NLST", "-R tree/a/b", "-R tree/z"), **tree),
        script(
            "STAT and options",
            ["STAT -a tree", "STAT -l tree", "STAT -1 tree", "STAT -d tree", "STAT -R tree/z", "STAT -F tree"],
            **tree,
        ),
    ]


def paths() -> list[Script]:
    """The forms of a path."""
    forms = (
        "",
        ".",
        "./",
        "sub",
        "sub/",
        "./sub",
        "/sub",
        "//sub",
        "sub/.",
        "sub/..",
        "..",
        "../..",
        "/",
        "sub/../sub",
        "/../sub",
    )
    return [
        script("LIST and paths", lists("LIST", *forms)),
        script("NLST and paths", lists("NLST", *forms)),
        script("MLSD and paths", lists("MLSD", "", ".", "sub", "sub/", "/sub", "..", "file.txt")),
        script(
            "MLST and paths",
            [
                "MLST",
                "MLST .",
                "MLST sub",
                "MLST sub/",
                "MLST /",
                "MLST ..",
                "MLST file.txt",
                "MLST /file.txt",
                "MLST ./file.txt",
                "MLST sub/inner.txt",
            ],
        ),
        script(
            "STAT and paths", ["STAT sub", "STAT sub/", "STAT .", "STAT file.txt", "STAT /sub", "STAT sub/inner.txt"]
        ),
        script(
            "after CWD",
            [
                "CWD sub",
                *lists("LIST", "", ".", "..", "/", "inner.txt", "../full"),
                *lists("NLST", "", "..", "../full"),
                Transfer("MLSD"),
                "MLST inner.txt",
                "MLST",
                "STAT inner.txt",
            ],
        ),
        script(
            "under TYPE I", ["TYPE I", *lists("LIST", "sub", "file.txt"), *lists("NLST", "sub"), *lists("MLSD", "sub")]
        ),
        script(
            "over PASV",
            [Transfer("LIST sub", mode="PASV"), Transfer("NLST sub", mode="PASV"), Transfer("MLSD sub", mode="PASV")],
        ),
        script(
            "what is missing",
            [
                *lists("LIST", "nothere", "nothere/", "sub/nothere", "nothere/x", "file.txt/x"),
                *lists("NLST", "nothere", "sub/nothere", "file.txt/x"),
                *lists("MLSD", "nothere", "file.txt/x"),
                "MLST nothere",
                "MLST file.txt/x",
                "STAT nothere",
                "STAT file.txt/x",
            ],
        ),
        script(
            "what is empty",
            [
                "MKD empty",
                *lists("LIST", "empty", "-a empty", "-R empty", "empty/*"),
                *lists("NLST", "empty", "-a empty", "empty/*"),
                Transfer("MLSD empty"),
                "STAT empty",
                "STAT -a empty",
                "MLST empty",
            ],
        ),
        script(
            "what may not be read",
            [
                *lists("LIST", "noperm/in", "secret", "noperm/"),
                *lists("NLST", "noperm", "noperm/in", "secret"),
                "MLST noperm",
                "MLST noperm/in",
                "MLST secret",
                "STAT secret",
                "STAT noperm/in",
            ],
        ),
    ]


def patterns() -> list[Script]:
    """`*`, `?` and `[…]`."""
    tree = {"files": NESTED}
    return [
        script(
            "patterns of LIST",
            lists("LIST", "*", "*.txt", "f*", "?ull", "[sf]ub", "[a-f]*", "[!s]ub", "[^f]ub", "*.nothere", "**"),
            **tree,
        ),
        script("patterns of NLST", lists("NLST", "*", "*.txt", "f*", "?ub", "[sf]u*", "*.nothere"), **tree),
        script(
            "patterns in directories",
            [
                *lists("LIST", "tree/*", "tree/*/two", "*/inner.txt", "tree/a/*/*"),
                *lists("NLST", "tree/*", "*/inner.txt", "/sub/*"),
            ],
            **tree,
        ),
        script(
            "patterns and dots",
            [
                *lists("LIST", "tree/.*", "-a tree/*", "dots/.?", "dots/.*"),
                *lists("NLST", "tree/.*", "-a tree/*", "dots/*"),
            ],
            files=(*NESTED, *HIDDEN),
        ),
        script(
            "patterns and options",
            lists("LIST", "-d tree/*", "-1 tree/*", "-R tree/a/b*", "-l *.txt", "-C *.txt", "-F tree/*"),
            **tree,
        ),
        script(
            "braces and tildes",
            [*lists("LIST", "{sub,full}", "~", "~/sub", "~alice", "~nobodyhere"), *lists("NLST", "~", "{sub,full}")],
        ),
        script(
            "patterns where there are none",
            [
                "STAT *.txt",
                "MLST *.txt",
                Transfer("MLSD s*"),
                Transfer("RETR *.txt"),
                "DELE *.txt",
                "CWD s*",
                "SIZE *",
                "MDTM *",
            ],
        ),
    ]


def names() -> list[Script]:
    """Names that are hard to write."""
    return [
        script("odd names", [Transfer("LIST odd"), Transfer("NLST odd"), Transfer("MLSD odd"), "STAT odd"], files=ODD),
        script(
            "odd names one by one",
            [
                *lists("LIST", "odd/[x]", "odd/a*b", "odd/two words", "odd/q?", "odd/semi;colon", "odd/#hash"),
                "MLST odd/two words",
                "MLST odd/semi;colon",
                "MLST odd/ lead",
                "MLST odd/trail ",
                "MLST odd/[x]",
            ],
            files=ODD,
        ),
        script(
            "odd names beside blanks",
            [
                "CWD odd",
                *lists("LIST", " lead", "trail ", "two words", "./-dash"),
                *lists("NLST", "two words", "./-dash", "~tilde"),
            ],
            files=ODD,
        ),
        script(
            "names with dots",
            [
                *lists("LIST", "dots", "-a dots", "dots/.a", "dots/.b", "dots/..e", "dots/..."),
                *lists("NLST", "dots", "-a dots", "dots/.b"),
                Transfer("MLSD dots"),
                "MLST dots/.a",
                "STAT dots",
                "STAT -a dots",
            ],
            files=HIDDEN,
        ),
        script(
            "long names",
            [
                "MKD " + "n" * 255,
                "MKD " + "n" * 256,
                Transfer("LIST " + "n" * 255),
                "MLST " + "n" * 256,
                Transfer("NLST " + "n" * 256),
            ],
        ),
    ]


def others() -> list[Script]:
    """Links, times, modes, sizes."""
    return [
        script(
            "links",
            [
                *lists("LIST", "link", "broken", "-L link", "-L broken", "-F", "-l link"),
                *lists("NLST", "link", "broken"),
                "STAT link",
                "STAT broken",
                Transfer("MLSD"),
                "MLST broken",
            ],
        ),
        script(
            "links to directories",
            [
                "SITE SYMLINK sub dirlink",
                *lists("LIST", "dirlink", "dirlink/", "-d dirlink", "-L dirlink"),
                *lists("NLST", "dirlink", "dirlink/"),
                Transfer("MLSD dirlink"),
                "CWD dirlink",
                "PWD",
                Transfer("LIST"),
            ],
        ),
        script(
            "times",
            [
                "MFMT 19800102030405 file.txt",
                Transfer("LIST file.txt"),
                "MFMT 20370102030405 file.txt",
                Transfer("LIST file.txt"),
                "MFMT 20200229235959 file.txt",
                Transfer("LIST file.txt"),
                "MLST file.txt",
                "MDTM file.txt",
                Transfer("LIST -u file.txt"),
            ],
        ),
        script(
            "modes",
            [
                step
                for mode in ("777", "000", "4755", "2755", "1777", "644", "7777", "400")
                for step in (f"SITE CHMOD {mode} file.txt", Transfer("LIST file.txt"), "MLST file.txt")
            ],
        ),
        script(
            "sizes",
            ["TYPE I", *lists("LIST", "zero", "huge"), "SIZE zero", "SIZE huge", "MLST huge"],
            files=(("zero", b""), ("huge", b"x" * 1_234_567)),
        ),
        script(
            "OPTS MLST",
            [
                "OPTS MLST",
                "MLST file.txt",
                "OPTS MLST type;size;",
                "MLST file.txt",
                Transfer("MLSD sub"),
                "OPTS MLST Type;UNIX.Mode;bogus;",
                "MLST file.txt",
                "FEAT",
                "OPTS MLST size type",
                "OPTS MLST ;",
                "OPTS mlst modify;perm;",
                "MLST sub",
                "OPTS MLST type",
            ],
        ),
    ]


def in_directories() -> Group:
    """ListOptions, which a <Directory> may have: in each a script enters its own."""
    lines = (
        '"-a"',
        '"-l" strict',
        '"-a" strict',
        '"-1"',
        '"-R"',
        '"-R" maxdepth 1',
        '"-R" maxfiles 3',
        '"-R" maxdirs 1',
        '"-a" LISTOnly',
        '"-a" NLSTOnly',
        '"" NoErrorIfAbsent',
        '"-F"',
        '"-r"',
        '"-r" SortedNLST',
        '"+a -l"',
        '"-A" maxfiles 2',
        '"-L" NoAdjustedSymlinks',
    )
    steps: tuple[Step, ...] = (
        *lists("LIST", "", "-l", "-a", "+a", "-R", "*", "nothere"),
        *lists("NLST", "", "-a", "nothere"),
        "STAT .",
        Transfer("MLSD"),
    )
    sections, scripts = "", []
    for number, line in enumerate(lines):
        place = f"d{number}"
        sections += f"<Directory BASE/homes/alice/{place}>\nListOptions {line}\n</Directory>\n"
        files = tuple((name.replace("tree/", f"{place}/"), data) for name, data in NESTED)
        scripts.append(script(f"ListOptions {line}", [f"CWD {place}", *steps], files=files))
    return Group("ListOptions", tuple(scripts), sections=sections)


WALK: tuple[Step, ...] = (
    *lists("LIST", "", "sub", "-a sub", "-R full", "-1 sub", "file.txt", "link", "-F", "*.txt"),
    *lists("NLST", "", "sub", "*.txt", "s*"),
    Transfer("MLSD"),
    "MLST link",
    "MLST broken",
    "MLST sub",
    "FEAT",
)
FACTS: tuple[Step, ...] = (
    "FEAT",
    Transfer("MLSD"),
    "MLST file.txt",
    "MLST link",
    "MLST",
    "OPTS MLST size;bogus;type;",
    "MLST file.txt",
    "OPTS MLST UNIX.MODE;",
    "MLST sub",
    "MFF modify=20200101010101; file.txt",
)


def configured(line: str, steps: Sequence[Step]) -> Group:
    """One script under one directive."""
    return Group(line, (script(line, steps),), directives=(line,))


LISTING_GROUPS = (
    Group("listings", (*options(), *paths(), *patterns(), *names(), *others())),
    in_directories(),
    configured("ShowSymlinks off", WALK),
    configured("ListStyle Windows", WALK),
    configured("UseGlobbing off", WALK),
    configured("TimesGMT off", WALK),
    configured("FactsAdvertise off", FACTS),
    configured("FactsDefault type size", FACTS),
    configured("FactsOptions NoNames", FACTS),
    configured("FactsOptions UseSlink", FACTS),
    configured('ListOptions "-la"', WALK),
)
