"""What `-v`, `-vv`, `-V` and `-l` print, in ProFTPD's shape."""

from __future__ import annotations

import os
import platform
import socket
import sys
from importlib.util import find_spec

import ftpsd

LANGUAGE_LEVEL = "1.3.9"
"""The ProFTPD release whose configuration language ftpsd implements."""


DROP_INS = frozenset({"proftpd", "in.proftpd"})
"""ProFTPD's names; Debian's unit for systemd's sockets calls it by the second."""


def identity(program: str) -> tuple[str, str]:
    """Name and version to show: ours, or ProFTPD's when called by its name (a symbolic link)."""
    return ("ProFTPD", LANGUAGE_LEVEL) if program in DROP_INS else ("ftpsd", ftpsd.__version__)


def version(program: str) -> str:
    """-v: one line."""
    name, number = identity(program)
    return f"{name} Version {number}"


def module_names() -> list[str]:
    """ProFTPD's modules whose directives and commands ftpsd has, without `.c`, sorted."""
    from ftpsd.settings.registry import MODULES

    return [name.removesuffix(".c") for name in MODULES]


def modules() -> str:
    """-l: one module per line."""
    return "\n".join(["Compiled-in modules:", *(f"  {name}.c" for name in module_names())])


def version_status(program: str) -> str:
    """-vv: version and modules."""
    from ftpsd.log.identity import TLS_MODULE

    name, number = identity(program)
    head = [f"{name} Version: {number} (stable)", f"  Configuration language: ProFTPD {LANGUAGE_LEVEL}", ""]
    own = {"mod_tls": TLS_MODULE}
    modules_there = [f"  {own.get(each, f'{each}/{LANGUAGE_LEVEL}')}" for each in module_names()]
    return "\n".join([*head, "Loaded modules:", *modules_there])


def compile_time_settings(program: str) -> str:
    """-V: where files are and what works here."""
    from ftpsd.server.options import DEFAULT_PATHS, DROP_IN, defaults

    system = platform.uname()
    files = defaults(DROP_IN if program in DROP_INS else program).server
    lines = [
        "Compile-time Settings:",
        f"  Version: {identity(program)[1]} (stable)",
        f"  Platform: {system.system.upper()} [{system.system} {system.release} {system.machine}]",
        "  Built With:",
        f"    configure  '--with-python={platform.python_version()}' '--prefix={sys.prefix}'",
        "",
        "  Files:",
        "    Configuration File:",
        *(f"      {path}" for path in DEFAULT_PATHS),
        "    Pid File:",
        f"      {files.pid_file}",
        "    Scoreboard File:",
        f"      {files.scoreboard_file}",
        "",
        "  Features:",
    ]
    lines += [f"    {'+' if there else '-'} {name}" for name, there in _features()]
    return "\n".join(lines)


def _features() -> list[tuple[str, bool]]:
    """ProFTPD's list of features: which of them are true of this ftpsd on this machine."""
    from ftpsd.tls import library

    return [
        ("Autoshadow support", False),
        ("Controls support", True),
        ("curses support", False),
        ("Developer support", False),
        ("DSO support", False),
        ("IPv6 support", socket.has_ipv6),
        ("Largefile support", True),
        ("Lastlog support", True),
        ("Memcache support", find_spec("pymemcache") is not None),
        ("ncursesw support", False),
        ("NLS support", sys.getfilesystemencoding().lower().replace("-", "") == "utf8"),
        (f"OpenSSL support ({library.version()})", True),
        ("PCRE support", False),
        ("PCRE2 support", False),
        ("POSIX ACL support", False),
        ("Redis support", find_spec("redis") is not None),
        ("Sendfile support", hasattr(os, "sendfile")),
        ("Shadow file support", True),
        ("Sodium support", False),
        ("Trace support", True),
        ("xattr support", False),
    ]
