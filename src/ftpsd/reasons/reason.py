"""What an explanation consists of."""

from __future__ import annotations

from dataclasses import dataclass

from ftpsd.reasons.codes import Code


@dataclass(frozen=True, slots=True)
class Reason:
    """The explanation of a code, for somebody who has never run an FTP server.

    code     the stable code
    what     what happened, in a sentence or two
    causes   why, the likeliest first
    confirm  how to find out which of them it was
    server   what the administrator can do; () when nothing is to be done there
    client   what the client's user can do
    shown    an example of the reply, the log line or both, as they can be searched for
    """

    code: Code
    what: str
    causes: tuple[str, ...]
    confirm: tuple[str, ...] = ()
    server: tuple[str, ...] = ()
    client: tuple[str, ...] = ()
    shown: tuple[str, ...] = ()
