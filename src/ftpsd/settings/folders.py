"""Directories from elsewhere that sessions see below their root (mod_vroot)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ftpsd.settings.arguments import ArgumentError, Boolean, OptionalPath, Path, Special, want
from ftpsd.settings.declaration import HOST, Combine, Context, Status, directive, without_value
from ftpsd.settings.parsers import keywords


class Alias(NamedTuple):
    """VRootAlias: what lies at `source` is shown at `target`. Both may begin with `~` and hold `%u`."""

    source: str
    target: str


def alias(words: Sequence[str]) -> tuple[Alias, ...]:
    """`source target`; the source absolute or with `~`, the target also relative to the root of the session."""
    want(words, 2, 2)
    source, target = words
    if not source.startswith(("/", "~")) or "\0" in source:
        raise ArgumentError("the source must be an absolute path or start with '~'")
    if not target.strip("/~") or ".." in target.split("/"):
        raise ArgumentError(f"'{target}' is no place below the root of a session", remedy="Write for example ~/upload.")
    return (Alias(source, target),)


def options(words: Sequence[str]) -> frozenset[str]:
    """`allowSymlinks`."""
    want(words, 1)
    return keywords(words, ("allowSymlinks",), "VRootOption")


@dataclass(frozen=True, slots=True)
class FolderSettings:
    """Virtual folders."""

    vroot_engine: bool = directive(
        "VRootEngine", Boolean(), False, module="mod_vroot", contexts=HOST | Context.CONDITIONAL, good=("on", "off"),
        bad=("", "maybe"), doc="VRootAlias counts.",
        differs="sessions are kept below their root in the same way without it",
    )
    vroot_options: frozenset[str] = directive(
        "VRootOptions", Special("allowSymlinks", options), frozenset(), module="mod_vroot",
        good=("allowSymlinks",), bad=("", "none"), default_text="none",
        doc="allowSymlinks: symbolic links lead out of the root of a session. That stops the start where VRootEngine"
        " is on: here they never do, VRootAlias shows what is meant.",
    )
    vroot_alias: tuple[Alias, ...] = directive(
        "VRootAlias", Special("/source target", alias), (), module="mod_vroot", contexts=HOST | Context.CONDITIONAL,
        combine=Combine.APPEND,
        good=("/srv/upload ~/upload", "/srv/%u/in in", "~bob/shared shared", "/srv/readme.txt readme.txt"),
        bad=("", "/srv", "srv ~/up", "/srv /", "/srv ~", "/srv ../x"),
        doc="A directory or file from outside a session's root that it sees at `target` in it. What it may do there the"
        " rights of the user say, and <Directory> sections for the source. The entry itself cannot be removed or"
        " renamed, and nothing is renamed from or to it (550, as between two disks).",
    )


DECLARATIONS = (
    without_value(
        "VRootServerRoot", Status.NO_EFFECT,
        "every session is kept below its own root by the kernel's own means, without chroot(2)",
        module="mod_vroot", contexts=HOST, argument=Path(), good=("/srv/ftp",), bad=("srv", ""),
        doc="A directory to which ProFTPD calls chroot(2) before the roots of users below it.",
    ),
    without_value(
        "VRootLog", Status.NO_EFFECT, "what becomes of an alias goes to the system log", module="mod_vroot",
        contexts=HOST, argument=OptionalPath(), good=("/var/log/vroot.log", "none"), bad=("vroot.log",),
        doc="File for messages of mod_vroot.",
    ),
)
