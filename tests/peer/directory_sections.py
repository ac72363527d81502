"""<Directory> sections that lie over each other, made by chance, and commands that tell which of them holds."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

HOME = "BASE/homes/alice"
DIRECTORIES = ("a", "a/a", "a/a/b", "a/b", "b", "b/a", "b/b")
_BASES = (HOME,) * 5 + ("BASE/homes/*", "BASE/*/alice", "/", "/*", "BASE")
_OF_A_USER = ("~", "~", "~alice", "BASE/homes/%u", "BASE/*/%u")
_NAMES = ("a", "b", "a", "b", "*", "?", "[ab]", "[!a]")
_COMMANDS = ("RMD", "DELE", "SIZE", "MDTM", "SITE_CHMOD", "RNFR", "CWD")
_GROUPS = ("WRITE", "READ", "ALL", "DIRS")
_CONDITIONS = ("IfUser alice", "IfGroup alice", "IfUser bob", "IfAuthenticated", "IfClass local")


def probes() -> list[str]:
    """Commands for every directory, each of which is refused by its own <Limit>; they leave everything as it was."""
    found = ["TYPE I"]
    for directory in ("", *(f"{name}/" for name in DIRECTORIES)):
        at = f"/{directory}"
        found += [
            f"CWD {at}", f"RMD {at}none", f"DELE {at}none", f"SIZE {at}f", f"MDTM {at}f", f"SITE CHMOD 644 {at}f",
            f"RNFR {at}f", f"RNTO {at}f",
        ]
    return found


def path(random: Random, bases: Sequence[str] = _BASES + _OF_A_USER) -> str:
    """Of a <Directory>."""
    names = [random.choice(_NAMES) for _ in range(random.choice((0, 1, 1, 2, 2, 3)))]
    found = "/".join([random.choice(bases).rstrip("/"), *names]) or "/"
    return f"{found}/*" if found != "/" and random.random() < 0.25 else found


def body(random: Random, *, denial: bool = True) -> str:
    """What a section says. `denial`: DenyAll outside of <Limit>, too."""
    found: dict[str, str] = {}
    for _ in range(random.choice((1, 1, 2, 3))):
        kind = random.choice(("one", "one", "one", "one", "one", "group", "group", "all", "overwrite", "other"))
        if kind in ("one", "group"):
            word = random.choice(_COMMANDS if kind == "one" else _GROUPS)
            found[word] = found.get(word, "") + (
                f"<Limit {word}>\n{random.choice(('DenyAll', 'DenyAll', 'AllowAll'))}\n</Limit>\n")
        elif kind == "all" and denial:
            found["all"] = random.choice(("DenyAll\n", "AllowAll\n"))
        elif kind == "overwrite":
            found["overwrite"] = f"AllowOverwrite {random.choice(('on', 'off'))}\n"
        else:
            found["other"] = "Umask 077\n"
    return "".join(found.values())


def directories(random: Random, number: int, *, denial: bool = True) -> list[str]:
    """Sections, no two of which have one path."""
    paths = dict.fromkeys(path(random) for _ in range(number))
    return [f"<Directory {one}>\n{body(random, denial=denial)}</Directory>\n" for one in paths]


def conditional(random: Random) -> str:
    """<Directory> sections, some of which only some logins have. (There ProFTPD loses a DenyAll beside a <Limit>.)"""
    found = directories(random, random.choice((3, 4, 5, 6)), denial=False)
    for _ in range(random.choice((1, 2))):
        kind = random.choice(_CONDITIONS)
        inside = [found.pop() for _ in range(min(random.choice((0, 1, 2)), len(found) - 1))]
        found.insert(0, f"<{kind}>\n{''.join(inside)}Umask 027\n</{kind.split()[0]}>\n")
    return "".join(found)


def anonymous(random: Random) -> str:
    """An <Anonymous> with sections of its own, relative ones and others."""
    bases = ("", "", "", f"{HOME}/")
    paths = dict.fromkeys(
        random.choice(bases) + "/".join(random.choice(_NAMES) for _ in range(random.choice((1, 2, 2, 3))))
        for _ in range(random.choice((2, 3, 4, 5))))
    inside = "".join(f"<Directory {one}>\n{body(random)}</Directory>\n" for one in paths if one != "*")
    return f"<Anonymous {HOME}>\nUser alice\nGroup alice\nUserAlias anonymous alice\n{inside}</Anonymous>\n"


def files(random: Random) -> dict[str, str]:
    """.ftpaccess files."""
    places = random.sample(("", *(f"{name}/" for name in DIRECTORIES)), random.choice((1, 1, 2)))
    return {f"{place}.ftpaccess": body(random) for place in places}
