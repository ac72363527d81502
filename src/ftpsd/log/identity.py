"""The names under which we write, in one place: log watchers match on them."""

from __future__ import annotations

import socket
import threading
from functools import cache

PROGRAM = "ftpsd"
"""Program name in system log lines (`proftpd` when called by that name: `server.options.DROP_IN`)."""

TLS_MODULE = "mod_tls/2.9.2"
"""What the lines of a TLSLog begin with: the mod_tls whose words they are."""

DEFLATE_MODULE = "mod_deflate/0.6"
"""What the lines of a DeflateLog begin with."""

MODULES = {"ban": "mod_ban/0.8", "wrap": "mod_wrap2/2.0.7", "quota": "mod_quotatab/1.3.1"}
"""What the lines of a BanLog, WrapLog and QuotaLog begin with: the modules whose words they are."""


@cache
def short_hostname() -> str:
    """This machine's name without its domain."""
    return socket.gethostname().partition(".")[0]


def writer_id() -> int:
    """The number in `[…]`: of the process, or of the session's thread.

    ProFTPD has a process per session and people grep for that number to follow one session; our sessions are
    threads, whose kernel ids come from the same number space.
    """
    return threading.get_native_id()
