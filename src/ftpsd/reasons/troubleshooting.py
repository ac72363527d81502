"""`python -m ftpsd.reasons.troubleshooting > docs/troubleshooting.md` writes the page of questions and answers."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from ftpsd.reasons.trouble import PLACES, Trouble
from ftpsd.reasons.troubles import THEMES
from ftpsd.reasons.words import WORDS

_HEAD = """\
# It does not work

*Printed by `python -m ftpsd.reasons.troubleshooting` from the table in `src/ftpsd/reasons/troubles.py`. tests/trouble
makes every failure happen and compares what is said.*

Where to look, in this order:

1. **The reply in the client.** If it ends with a word in brackets, as `[data-not-resumed]`, that is the reason.
2. **The logs.** `grep '\\[[a-z0-9-]*\\]$' /var/log/ftpsd/*.log` shows the lines that have a reason.
3. **`ftpsd check`** says what is wrong with the configuration, the certificates and the files that it names.
4. **`ftpsd probe HOST --user NAME`** is a client that says what is wrong with the way to the server, firewall included.
5. **`ftpsd explain …`** with the reason, or with a line of a log or of a client: what happened, why, what to do.

The [words of the trade](#words) stand at the end. (2009) and (2016) mark the questions of the two FAQ pages of mod_tls.
"""


def page() -> str:
    """The whole page."""
    lines = [_HEAD]
    for heading, troubles in THEMES:
        lines += [f"## {heading}", "", "| question | reason |", "|---|---|", *map(_row, troubles), ""]
        for trouble in troubles:
            lines += [*_section(trouble), ""]
    lines += ["## Words", "", *(f"- **{word}**: {_escaped(meaning)}" for word, meaning in WORDS.items())]
    return "\n".join(lines) + "\n"


def _row(trouble: Trouble) -> str:
    codes = ", ".join(f"[{code}](reference/reasons.md#{code})" for code in trouble.codes) or "-"
    return f"| [{_escaped(trouble.question)}](#{trouble.key}) | {codes} |"


def _section(trouble: Trouble) -> Iterator[str]:
    pages = f" ({', '.join(map(str, trouble.pages))})" if trouble.pages else ""
    yield from (f'### <a id="{trouble.key}"></a>{_escaped(trouble.question)}{pages}', "")
    if trouble.symptoms:
        yield "Other programs then say: " + ", ".join(f"`{text.strip()}`" for text in trouble.symptoms) + "."
        yield ""
    for place in dict.fromkeys(sight.place for sight in trouble.sights):
        yield f"{PLACES[place][0].upper()}{PLACES[place][1:]}:"
        yield from ("", "```", *(sight.text for sight in trouble.sights if sight.place == place), "```", "")
    yield _escaped(trouble.cure)


def _escaped(text: str) -> str:
    """Angle brackets of sections (`<Limit>`) as Markdown shows them."""
    return text.replace("<", "\\<")


if __name__ == "__main__":
    sys.stdout.write(page())
