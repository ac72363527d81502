"""What is known of a directive: one `Declaration`, attached to the field that holds its value.

A directive with an effect is a field of one of the settings classes, made with `directive(...)`. One without
a field (accepted without effect, renamed, refused) is declared with `without_value(...)` in `undone.py`.
Everything else (parsing, contexts, merging, help, the reference page, tests) is derived from here.
"""

from __future__ import annotations

import dataclasses
import enum
from dataclasses import dataclass
from typing import Any

from ftpsd.settings.arguments import Argument


class Context(enum.Flag):
    """Where a directive may stand."""

    SERVER = enum.auto()
    VHOST = enum.auto()
    GLOBAL = enum.auto()
    ANONYMOUS = enum.auto()
    DIRECTORY = enum.auto()
    CONDITIONAL = enum.auto()
    CLASS = enum.auto()
    LIMIT = enum.auto()
    FTPACCESS = enum.auto()
    BY_CLASS = enum.auto()
    """<IfClass> only: what is said of a host, for the clients of a class. In <IfUser> and its kin it comes too late."""


ROOT = Context.SERVER
PROCESS = Context.SERVER | Context.GLOBAL
"""Of what concerns the process as a whole, where ProFTPD takes it in <Global>, too."""
EVERY_HOST = Context.SERVER | Context.VHOST | Context.GLOBAL
HOST = EVERY_HOST | Context.BY_CLASS
CONNECTION = HOST | Context.CONDITIONAL
LOGIN = CONNECTION | Context.ANONYMOUS
PLACES = LOGIN | Context.DIRECTORY
ANYWHERE = PLACES | Context.FTPACCESS

CONTEXT_NAMES = {
    Context.SERVER: "server config",
    Context.VHOST: "<VirtualHost>",
    Context.GLOBAL: "<Global>",
    Context.ANONYMOUS: "<Anonymous>",
    Context.DIRECTORY: "<Directory>",
    Context.CONDITIONAL: "<IfClass>, <IfUser>, <IfGroup>, <IfAuthenticated>",
    Context.BY_CLASS: "<IfClass>",
    Context.CLASS: "<Class>",
    Context.LIMIT: "<Limit>",
    Context.FTPACCESS: ".ftpaccess",
}


BEFORE_CLASSES = {
    "UseReverseDNS": "names are looked up first, as classes may ask for them",
    **dict.fromkeys(
        ("User", "Group", "RLimitMemory", "RLimitOpenFiles"),
        "it is said of processes, and each serves clients of all classes"),
}
"""What is settled before anybody knows of which class a client is, and why: in an <IfClass> it is but a notice."""


def context_names(contexts: Context) -> str:
    """`server config, <VirtualHost>` for people."""
    if Context.CONDITIONAL in contexts:
        contexts &= ~Context.BY_CLASS
    return ", ".join(name for context, name in CONTEXT_NAMES.items() if context in contexts)


class Combine(enum.Enum):
    """What happens to a directive that stands more than once in a section, and down the merge."""

    FIRST = "the first one counts; a section's replaces what it inherits"
    PARTS = "the first one counts; a section's replaces those parts of what it inherits that it names"
    LAST = "the last one counts; a section's replaces what it inherits"
    APPEND = "all count, in order; a section's stand before what it inherits"
    INWARD = "all count; of those that are for a client a section's come before what it inherits"
    CLEARABLE = "all count, in order; a section's stand before what it inherits; `none` takes all of them away"
    UNION = "all words count, also those that a section inherits"
    BY_KEY = "all count; a section's replace those of the same name that it inherits"
    TOGETHER = "all of a section count; they replace what it inherits"
    ERROR = "only once in a section; a section's replaces what it inherits"


class Status(enum.Enum):
    """What ftpsd does with a directive."""

    SUPPORTED = "supported"
    NO_EFFECT = "accepted without effect"
    RENAMED = "renamed"
    REFUSED = "refused"


@dataclass(frozen=True)
class Declaration:
    """Everything that is known of one directive.

    `group` and `field` say where the value lives (`tls`, `verify_client`); both are empty when there is none.
    `reason` says why a directive has no effect or is refused, or the new name of a renamed one.
    `needs` names directives that must stand in the same section.
    `differs` says what it means otherwise than in ProFTPD; "" where it means the same.
    `secret`: its arguments may hold a password, or the hash of one, and are shown and logged nowhere.
    """

    name: str
    module: str
    argument: Argument[Any]
    contexts: Context
    doc: str
    status: Status = Status.SUPPORTED
    combine: Combine = Combine.FIRST
    reason: str = ""
    needs: tuple[str, ...] = ()
    good: tuple[str, ...] = ()
    bad: tuple[str, ...] = ()
    group: str = ""
    field: str = ""
    default: object = None
    default_text: str = ""
    differs: str = ""
    secret: bool = False

    @property
    def key(self) -> str:
        """The name in lower case: names are case-insensitive."""
        return self.name.lower()

    @property
    def places(self) -> str:
        """Where it may stand and counts, for people."""
        return context_names(self.contexts & ~Context.BY_CLASS if self.name in BEFORE_CLASSES else self.contexts)


METADATA_KEY = "directive"


def directive(
    name: str,
    argument: Argument[Any],
    default: Any,
    *,
    doc: str,
    contexts: Context = HOST,
    module: str = "mod_core",
    status: Status = Status.SUPPORTED,
    combine: Combine = Combine.FIRST,
    reason: str = "",
    needs: tuple[str, ...] = (),
    good: tuple[str, ...] = (),
    bad: tuple[str, ...] = (),
    default_text: str = "",
    differs: str = "",
    secret: bool = False,
) -> Any:
    """A dataclass field whose value the directive `name` sets. `good`/`bad` are examples of its arguments."""
    declaration = Declaration(
        name=name,
        module=module,
        argument=argument,
        contexts=contexts,
        doc=doc,
        status=status,
        combine=combine,
        reason=reason,
        needs=needs,
        good=good,
        bad=bad,
        default=default,
        default_text=default_text,
        differs=differs,
        secret=secret,
    )
    return dataclasses.field(default=default, metadata={METADATA_KEY: declaration})


def without_value(
    name: str,
    status: Status,
    reason: str = "",
    *,
    module: str = "mod_core",
    contexts: Context = ANYWHERE,
    argument: Argument[Any],
    doc: str = "",
    good: tuple[str, ...] = (),
    bad: tuple[str, ...] = (),
) -> Declaration:
    """A directive that is known but sets nothing."""
    return Declaration(
        name=name,
        module=module,
        argument=argument,
        contexts=contexts,
        doc=doc,
        status=status,
        reason=reason,
        good=good,
        bad=bad,
    )
