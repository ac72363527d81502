"""Bounds on how many sessions, logins and transfers there are at a time, on how large and how fast they are."""

# ruff: noqa: RUF009 (`directive` makes a dataclass field)

from __future__ import annotations

from dataclasses import dataclass

from ftpsd.settings import bound_parsers as grammar
from ftpsd.settings.arguments import Integer, Special
from ftpsd.settings.declaration import ANYWHERE, HOST, LOGIN, ROOT, Combine, directive
from ftpsd.settings.values import Bound, ClassBound, Rate, SizeBound, TransferBound

_NUMBER = 'number|none ["message"]'
_BAD = ("", "0", "-1", "many", "1 a b")
_SIZE = "number|* B|Kb|Mb|Gb|Tb [user|group|class expression]"
_TRANSFERS = 'command,… number|none ["message"]'
LONGEST_PASSWORD = 1024


@dataclass(frozen=True, slots=True)
class BoundSettings:
    """What may be in use at a time. None and () are no bound."""

    max_clients: Bound | None = directive(
        "MaxClients", Special(_NUMBER, grammar.bound), None, contexts=LOGIN,
        good=("30", "none", '5 "Only %m"'), bad=_BAD, default_text="none",
        doc="Users that are logged in at the same time, in an <Anonymous> those of its own; in the message %m is the"
        " number.",
    )
    max_clients_per_host: Bound | None = directive(
        "MaxClientsPerHost", Special(_NUMBER, grammar.bound), None, contexts=LOGIN, good=("3", "none"), bad=_BAD,
        default_text="none", doc="Users from the same address that are logged in at the same time.",
    )
    max_clients_per_user: Bound | None = directive(
        "MaxClientsPerUser", Special(_NUMBER, grammar.bound), None, contexts=LOGIN, good=("3", "none"), bad=_BAD,
        default_text="none", doc="Sessions in which the same user is logged in at the same time.",
    )
    max_clients_per_class: tuple[ClassBound, ...] = directive(
        "MaxClientsPerClass", Special(f"class {_NUMBER}", grammar.class_bound), (), contexts=LOGIN,
        combine=Combine.BY_KEY, good=("local 30", 'local 1 "%m at most"', "local none"),
        bad=("", "local", "local 0", "local many"), default_text="none",
        doc="Users from the same <Class> that are logged in at the same time.",
    )
    max_hosts_per_user: Bound | None = directive(
        "MaxHostsPerUser", Special(_NUMBER, grammar.bound), None, contexts=LOGIN, good=("1", "none"), bad=_BAD,
        default_text="none", doc="Addresses from which the same user is logged in at the same time.",
    )
    max_connections_per_host: Bound | None = directive(
        "MaxConnectionsPerHost", Special(_NUMBER, grammar.bound), None, contexts=HOST, good=("5", "none"), bad=_BAD,
        default_text="none", doc="Connections from the same address, logged in or not.",
    )
    max_connection_rate: Rate | None = directive(
        "MaxConnectionRate", Special("number [seconds]", grammar.rate), None, contexts=ROOT, good=("10", "30 5"),
        bad=("", "0", "x", "3 0", "3 5 x"), default_text="none",
        doc="New connections to the whole server within that time (1 second); those beyond are closed at once.",
    )
    max_command_rate: Rate | None = directive(
        "MaxCommandRate", Special("number [seconds]", grammar.rate), None, contexts=LOGIN, good=("20", "30 5"),
        bad=("", "0", "x", "3 0", "3 5 x"), default_text="none",
        doc="Commands of a session within that time (1 second); those beyond wait for their turn, in the middle of a"
        " transfer for its end.",
    )
    max_password_size: int = directive(
        "MaxPasswordSize", Integer(1, 65536), LONGEST_PASSWORD, contexts=HOST, good=("128",), bad=("", "0", "long"),
        doc="Bytes of a password; a longer one is wrong without being looked at.",
    )
    max_store_file_size: tuple[SizeBound, ...] = directive(
        "MaxStoreFileSize", Special(_SIZE, grammar.size_bound), (), module="mod_xfer", contexts=ANYWHERE,
        combine=Combine.INWARD, good=("100 Mb", "*", "1 Gb user alice", "* group staff"),
        bad=("", "100", "0 Kb", "x Kb", "1 Kb user", "1 Kb them alice"), default_text="none",
        doc="How large a file may become by an upload. Lines of an inner section count before those of an outer one; in"
        " one section a line for the user counts before one for his group, that before one for his class, that before"
        " one for all. Of several groups (`users,guests`) he has to be in one.",
    )
    max_retrieve_file_size: tuple[SizeBound, ...] = directive(
        "MaxRetrieveFileSize", Special(_SIZE, grammar.size_bound), (), module="mod_xfer", contexts=ANYWHERE,
        combine=Combine.INWARD, good=("100 Mb", "*", "1 Gb class local"), bad=("", "100", "1 Zb", "1 Kb alice"),
        default_text="none",
        doc="How large a file may be to be downloaded. Which line counts is said at MaxStoreFileSize.",
    )
    max_transfers_per_host: tuple[TransferBound, ...] = directive(
        "MaxTransfersPerHost", Special(_TRANSFERS, grammar.transfer_bound), (), module="mod_xfer", contexts=ANYWHERE,
        combine=Combine.APPEND, good=("RETR 2", 'RETR,STOR,APPE,STOU 5 "%m"', "STOR none"),
        bad=("", "RETR", "LIST 3", "RETR 0", "RETR x"), default_text="none",
        doc="Transfers with the same command from the same address at the same time.",
    )
    max_transfers_per_user: tuple[TransferBound, ...] = directive(
        "MaxTransfersPerUser", Special(_TRANSFERS, grammar.transfer_bound), (), module="mod_xfer", contexts=ANYWHERE,
        combine=Combine.APPEND, good=("RETR 2", 'RETR,STOR 5 "%m"'), bad=("", "RETR", "PWD 3", "RETR 0"),
        default_text="none", doc="Transfers with the same command of the same user at the same time.",
    )
