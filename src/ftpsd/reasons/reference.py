"""`python -m ftpsd.reasons.reference > docs/reference/reasons.md` writes the reference page."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from ftpsd.reasons.codes import Show
from ftpsd.reasons.reason import Reason
from ftpsd.reasons.table import THEMES

_HEAD = """\
# Reason codes

*Printed by `python -m ftpsd.reasons.reference` from the table in `src/ftpsd/reasons/`.*

Whatever ftpsd refuses, and whatever fails, has a code. It stands in square brackets at the end of the log line and,
where it helps the client's user, of the reply. `ftpsd explain CODE` prints what stands here; it also finds the codes in
a line that was copied from a log. [It does not work](../troubleshooting.md) begins with what people see; the words of
the trade stand at its end.
"""


def page() -> str:
    """The whole page."""
    lines = [_HEAD]
    for heading, reasons in THEMES:
        lines.append(f"- {heading}: " + ", ".join(f"[{each.code}](#{each.code})" for each in reasons))
    for heading, reasons in THEMES:
        lines += ["", f"## {heading}"]
        for reason in reasons:
            lines += _section(reason)
    return "\n".join(lines) + "\n"


def _section(reason: Reason) -> Iterator[str]:
    yield from ("", f"### {reason.code}", "", _escaped(reason.what))
    if Show.REPLY in reason.code.show:
        yield from ("", "*Shown to the client.*")
    for title, entries in (
        ("Causes, the likeliest first", reason.causes), ("To confirm", reason.confirm),
        ("On the server", reason.server), ("On the client", reason.client),
    ):
        if entries:
            yield from ("", f"{title}:", "", *(f"- {_escaped(entry)}" for entry in entries))
    if reason.shown:
        yield from ("", "```", *reason.shown, "```")


def _escaped(text: str) -> str:
    """Angle brackets of sections (`<Limit>`) as Markdown shows them."""
    return text.replace("<", "\\<")


if __name__ == "__main__":
    sys.stdout.write(page())
