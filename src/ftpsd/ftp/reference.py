"""docs/reference/commands.md, printed by `python -m ftpsd.ftp.reference [FILE]`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from ftpsd.ftp import facts
from ftpsd.ftp.commands import COMMANDS, SITE_COMMANDS, CommandSpec
from ftpsd.ftp.help import features

_HEAD = """\
# FTP commands

*Printed by `python -m ftpsd.ftp.reference` from the command table (`src/ftpsd/ftp/commands.py`).*

| column | meaning |
|---|---|
| login | *yes*: 530 before login |
| TLS | *exempt*: never blocked by TLSRequired; *login*: by its `auth` scope too; *only*: needs TLS |
| data | what a data connection carries, as the server sees it; *address*: chooses where the next goes |
| transfer | *yes*: answered while a transfer runs; *aborts*: ends it; all others wait |
| Limit, log | `<Limit>` groups and ExtendedLog classes |
"""


def page() -> str:
    """The whole page."""
    parts = [_HEAD, "## Commands\n", *_table(COMMANDS.values()), "\n## SITE commands\n", *_site_table()]
    shown = features(tls=True, facts=facts.feat_line())
    parts += ["\n## FEAT\n", "With `TLSEngine on`:\n", "```", *shown, "```", ""]
    return "\n".join(parts)


_COLUMNS: tuple[tuple[str, Callable[[CommandSpec], str]], ...] = (
    ("command", lambda spec: f"`{_cell(spec.name)} {_cell(spec.syntax)}`"),
    ("what it does", lambda spec: spec.help + ("" if spec.implemented else " (*refused*)")),
    ("RFC", lambda spec: spec.rfc),
    ("login", lambda spec: "yes" if spec.needs_login else ""),
    ("TLS", lambda spec: _tls(spec)),
    ("data", lambda spec: _data(spec)),
    ("transfer", lambda spec: "aborts" if spec.aborts_transfer else "yes" if spec.during_transfer else ""),
    ("Limit", lambda spec: " ".join(sorted(spec.limit_groups))),
    ("log", lambda spec: " ".join(sorted(spec.log_classes))),
)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _tls(spec: CommandSpec) -> str:
    words = {"exempt": spec.tls_exempt, "login": spec.authenticates, "only": spec.needs_tls}
    return " ".join(word for word, applies in words.items() if applies)


def _data(spec: CommandSpec) -> str:
    if spec.opens_data_address:
        return "address"
    if spec.data is None:
        return ""
    return f"{spec.data} {'listing' if spec.listing else 'file'}"


def _table(specs: Iterable[CommandSpec]) -> list[str]:
    names = [name for name, _ in _COLUMNS]
    rows = ["| " + " | ".join(names) + " |", "|" + "---|" * len(names)]
    for spec in specs:
        rows.append("| " + " | ".join(cell(spec) for _, cell in _COLUMNS) + " |")
    return rows


def _site_table() -> list[str]:
    rows = ["| command | what it does | Limit |", "|---|---|---|"]
    for spec in SITE_COMMANDS.values():
        groups = " ".join(sorted(spec.limit_groups))
        rows.append(f"| `SITE {spec.name} {_cell(spec.syntax)}` | {spec.help} | {groups} |")
    return rows


def main(arguments: list[str]) -> None:
    """Writes the page to the file named, or to standard output."""
    if arguments:
        Path(arguments[0]).write_text(page(), encoding="utf-8")
    else:
        sys.stdout.write(page())


if __name__ == "__main__":
    main(sys.argv[1:])
