"""HELP, SITE HELP and FEAT, printed from the command table in ProFTPD's layout."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from ftpsd.ftp.commands import COMMANDS, SITE_COMMANDS, CommandSpec, Engine, FeatNeeds, SiteSpec
from ftpsd.ftp.replies import Reply

_PER_LINE = 8
_HEAD = "The following commands are recognized (* =>'s unimplemented):"
_SITE_HEAD = "The following SITE commands are recognized (* =>'s unimplemented)"
_OF_FACTS = ("TVFS",)


def _last_line(admin: str | None) -> str:
    return f"Direct comments to {admin or 'root@localhost'}"


EVERY = frozenset(Engine)


def site_commands(engines: Collection[Engine] = EVERY) -> list[SiteSpec]:
    """The SITE commands that there are where `engines` are on."""
    return [spec for spec in SITE_COMMANDS.values() if spec.engine in engines]


def help_reply(argument: str, admin: str | None = None, engines: Collection[Engine] = EVERY) -> Reply:
    """HELP without argument lists the commands; with one it shows its syntax. `admin`: ServerAdmin.

    `engines` are those of the SITE commands that are on.
    """
    name = (argument.split() or [""])[0].upper()
    if not name:
        return Reply(214, _HEAD, *_columns(COMMANDS.values()), _last_line(admin))
    if name == "SITE":
        return Reply(214, *(spec.shown for spec in site_commands(engines)))
    spec = COMMANDS.get(name)
    if spec is None:
        return Reply(502, f"Unknown command '{name}'")
    return Reply(214, syntax(spec))


def syntax(spec: CommandSpec) -> str:
    """`Syntax: RETR <sp> pathname`."""
    return f"Syntax: {spec.name} {spec.syntax}"


def _columns(specs: Iterable[CommandSpec]) -> list[str]:
    cells = [f"{spec.name}{'' if spec.implemented else '*'}".ljust(_PER_LINE) for spec in specs]
    return ["".join(cells[start:start + 8]) for start in range(0, len(cells), 8)]


def site_help(argument: str, admin: str | None = None, engines: Collection[Engine] = EVERY) -> Reply:
    """SITE HELP; with the name of a SITE command its syntax."""
    name = argument.strip().upper()
    there = {spec.name: spec for spec in site_commands(engines)}
    if not name:
        return Reply(214, _SITE_HEAD, *(spec.shown for spec in there.values()), _last_line(admin))
    spec = there.get(name)
    if spec is None:
        return Reply(502, f"Unknown command 'SITE {name}'")
    return Reply(214, _SITE_HEAD, f"Syntax: SITE {spec.name} {spec.syntax}", _last_line(admin))


def features(
    *, tls: bool, facts: str | None, utf8: bool = True, more: Iterable[str] = (), engines: Collection[Engine] = EVERY,
    without: Collection[str] = (),
) -> list[str]:
    """FEAT's lines, sorted by byte value as ProFTPD's are.

    `tls`: TLSEngine is on; `facts`: the MLST line (`facts.feat_line`), None with FactsAdvertise off; `utf8`: clients
    may speak UTF-8; `more`: lines that other settings switch on; `engines`: those of SITE commands that are on;
    `without`: commands that are not to be had.
    """
    met = {FeatNeeds.NOTHING, *([FeatNeeds.TLS] if tls else []), *([FeatNeeds.FACTS] if facts is not None else [])}
    lines = [*more, *(["UTF8"] if utf8 else [])]
    lines += [] if facts is None else [facts, *_OF_FACTS]
    lines += [f"SITE {spec.name}" for spec in site_commands(engines) if spec.feat]
    for spec in COMMANDS.values():
        if spec.feat is not None and spec.feat_needs in met and spec.name not in without:
            lines.append(spec.feat)
    return sorted(lines)


def feat_reply(
    *, tls: bool, facts: str | None, utf8: bool = True, more: Iterable[str] = (), engines: Collection[Engine] = EVERY,
    without: Collection[str] = (),
) -> Reply:
    """The 211 reply to FEAT (RFC 2389 section 3.2); see `features`."""
    lines = features(tls=tls, facts=facts, utf8=utf8, more=more, engines=engines, without=without)
    return Reply(211, "Features:", *lines, "End", blank=True)
