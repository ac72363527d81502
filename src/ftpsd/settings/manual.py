"""Help and reference, printed from the declarations."""

from __future__ import annotations

from collections.abc import Iterable

from ftpsd.settings.declaration import Combine, Declaration, Status
from ftpsd.settings.registry import DIRECTIVES, SECTIONS, remedy_for_unknown

_SECTION_HELP = {
    "Global": ("<Global>", "What holds for every host, unless the host says otherwise."),
    "VirtualHost": (
        "<VirtualHost address …>",
        "A host of its own at one or more addresses. It takes over <Global>, not server config.",
    ),
    "Anonymous": (
        "<Anonymous /path|~user>",
        "A login without a password of one's own, confined to that directory.",
    ),
    "Directory": (
        "<Directory /path|~/path|path>",
        "What holds in a directory and below it. A last component `*` means only what is below;"
        " relative paths are those of <Anonymous>. `*`, `?` and `[…]` match slashes, too; `~name` is somebody's home,"
        " `%u` the user's name.",
    ),
    "Limit": (
        "<Limit command|group …>",
        "Who may use commands here: with Allow…, Deny… and Order in it. Groups are READ, WRITE, DIRS, SITE and ALL;"
        " LOGIN is logging in; SITE_CHMOD is SITE CHMOD, OPTS_MLST is OPTS MLST. What names the command itself decides"
        " before what names its group, and that before ALL, wherever it stands; then an inner place decides before an"
        " outer one, and of two sections in one place the last.",
    ),
    "Class": ("<Class name>", "Gives clients from certain addresses a name, with From and Satisfy."),
    "IfClass": (
        "<IfClass [AND|OR|regex] expression>",
        "What holds for clients of a class; `!name` negates.",
    ),
    "IfUser": ("<IfUser [AND|OR|regex] expression>", "What holds once certain users have logged in."),
    "IfGroup": (
        "<IfGroup [AND|OR|regex] expression>",
        "What holds once members of groups have logged in; names are joined by AND unless OR stands"
        " before them.",
    ),
    "IfAuthenticated": ("<IfAuthenticated>", "What holds once anybody has logged in."),
    "IfModule": (
        "<IfModule [!]mod_name.c>",
        "The text in it counts only if ftpsd has (with `!`: has not) the module.",
    ),
    "IfDefine": (
        "<IfDefine [!]name>",
        "The text in it counts only if the name is (`!`: is not) defined: -D, Define.",
    ),
}
_WORDS = {
    "include": "Include /path|directory|pattern\n\nReads other files here, sorted by name. Relative names"
    " are relative"
    " to the file that says so. A name without wildcards must exist.",
    "define": "Define name\n\nDefines a name for <IfDefine>, as the option -D does.",
}


def _default(declaration: Declaration) -> str:
    if declaration.default_text:
        return declaration.default_text
    value = declaration.default
    if isinstance(value, bool):
        return "on" if value else "off"
    return "none" if value is None or value == () else str(value)


def _facts(declaration: Declaration) -> Iterable[tuple[str, str]]:
    yield "Module", declaration.module
    if declaration.status is Status.RENAMED:
        yield "Status", f"renamed: write {declaration.reason}"
        return
    if declaration.status is Status.REFUSED:
        yield "Status", f"refused: {declaration.reason}"
        return
    if declaration.status is Status.NO_EFFECT:
        yield "Status", f"accepted without effect: {declaration.reason}"
    yield "Context", declaration.places
    if declaration.field:
        yield "Default", _default(declaration)
        if declaration.combine not in (Combine.FIRST, Combine.LAST):
            yield "Repeated", declaration.combine.value
        if declaration.needs:
            yield "Needs", ", ".join(declaration.needs)
        if declaration.differs:
            yield "ProFTPD", f"otherwise: {declaration.differs}"
    if declaration.good:
        yield "Examples", "; ".join(f"{declaration.name} {example}" for example in declaration.good)


def _syntax(declaration: Declaration) -> str:
    return f"{declaration.name} {declaration.argument.syntax}".rstrip()


def help(name: str) -> str | None:
    """Text for `ftpsd help NAME`, a directive or section in any case; None if there is none of that name."""
    key = name.strip("<>/").lower()
    for section in SECTIONS:
        if section.lower() == key:
            return "\n\n".join(_SECTION_HELP[section])
    if key in _WORDS:
        return _WORDS[key]
    declaration = DIRECTIVES.get(key)
    if declaration is None:
        return None
    facts = "\n".join(f"{title + ':':<10} {text}" for title, text in _facts(declaration))
    parts = (_syntax(declaration), declaration.doc, facts)
    return "\n\n".join(part for part in parts if part)


def did_you_mean(name: str) -> str | None:
    """What to say of a name that `help` does not know: `Did you mean X?`, or whose directive it is."""
    return remedy_for_unknown(name)


def _entry(declaration: Declaration) -> str:
    lines = [f"### {declaration.name}", "", f"    {_syntax(declaration)}", ""]
    if declaration.doc:
        lines += [declaration.doc, ""]
    lines += [f"- {title}: {text.replace('<', '&lt;')}" for title, text in _facts(declaration)]
    return "\n".join(lines)


def page() -> str:
    """The reference of all directives in Markdown."""
    listed = [
        entry for entry in DIRECTIVES.values() if entry.status in (Status.SUPPORTED, Status.NO_EFFECT)
    ]
    others = [entry for entry in DIRECTIVES.values() if entry not in listed]
    parts = [
        "# Directives",
        "<!-- Printed by `python -m ftpsd.settings.reference`; do not edit. -->",
        "Names are case-insensitive. A switch takes on/off, yes/no, true/false or 1/0. Times are seconds,"
        " or have a"
        " unit (90s, 5m, 2h, 01:30:00). `%{env:NAME}` stands for an environment variable. Where a"
        " directive stands"
        " twice in one section, one of them counts and a notice at start says which.",
        "## Sections",
        *(f"### {name}\n\n    {syntax}\n\n{text}" for name, (syntax, text) in _SECTION_HELP.items()),
        "## Files",
        *(f"### {key.capitalize()}\n\n    {text}" for key, text in _WORDS.items()),
        "## Directives with an effect, and accepted ones",
        *(_entry(entry) for entry in listed),
        "## Directives of ProFTPD that stop the start",
        "\n".join(f"- {entry.name} ({entry.module}): {dict(_facts(entry))['Status']}" for entry in others),
    ]
    return "\n\n".join(parts) + "\n"
