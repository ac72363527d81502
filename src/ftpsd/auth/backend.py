"""Sources of accounts beyond files and the system: what the chain (`chain.py`) asks of them."""

from __future__ import annotations

import abc
from collections.abc import Callable

from ftpsd.auth.account import Account, Source


class Unavailable(Exception):
    """A source does not answer. It has told the log why; the chain goes on without it."""


class Backend(abc.ABC):
    """A source. Safe for threads; every method ends within a bounded time.

    `module` is its name in AuthOrder (`mod_ldap.c`), `source` that in accounts. `hashes`: `matches` computes a hash;
    otherwise the chain does, so that a check always costs one.
    """

    module: str
    source: Source
    hashes: bool

    @abc.abstractmethod
    def prepare(self) -> tuple[str, ...]:
        """At start, before the fork: what there is to say. Connects to nothing. Raises `ConfigError`."""

    @abc.abstractmethod
    def lookup(self, user: str) -> Account | None:
        """The account of a user; None: there is none. Raises `Unavailable`."""

    @abc.abstractmethod
    def matches(self, account: Account | None, password: str) -> bool:
        """Whether the password is that of an account from here; None (unknown user): no, after the same work.

        Raises `Unavailable`.
        """

    @abc.abstractmethod
    def user_name(self, uid: int) -> str | None:
        """The name of a uid, for listings; None where nobody knows it, or cannot say now."""

    @abc.abstractmethod
    def group_name(self, gid: int) -> str | None:
        """The name of a gid."""

    @abc.abstractmethod
    def close(self) -> None:
        """Gives back what it holds open; may be called more than once."""


Note = Callable[[str], None]
