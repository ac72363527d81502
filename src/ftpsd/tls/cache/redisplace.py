"""Where a Redis server is and how it is reached, with the library redis-py; Sentinels may say where it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from redis.sentinel import Sentinel

from ftpsd.settings.remote import ClientTLS, RedisSentinels, RedisServer, Timeouts
from ftpsd.tls.cache.base import CacheError


@dataclass(frozen=True, slots=True)
class RedisPlace:
    """A server. With `sentinels`, its address is what they say."""

    server: RedisServer
    sentinels: RedisSentinels | None
    timeouts: Timeouts

    def __str__(self) -> str:
        if self.sentinels is None:
            return str(self.server.address)
        return f"{self.sentinels.master or 'master'} by {' '.join(map(str, self.sentinels.addresses))}"

    def connect(self) -> Any:
        """A client of the library, which connects when it is first asked something. Raises what the library raises."""
        server = self.server
        options = self._options(server.tls) | {
            "db": server.database, "username": server.username or None, "password": server.password or None,
        }
        if self.sentinels is not None:
            return self._master(self.sentinels, options)
        if server.address.path:
            return Redis(unix_socket_path=server.address.path, **options)
        return Redis(host=server.address.host, port=server.address.port, **options)

    def _options(self, tls: ClientTLS | None) -> dict[str, Any]:
        options: dict[str, Any] = {
            "socket_connect_timeout": self.timeouts.connect, "socket_timeout": self.timeouts.io,
            "retry": Retry(NoBackoff(), 0),
        }
        if tls is not None:
            options |= {
                "ssl": True, "ssl_ca_certs": tls.authority or None, "ssl_certfile": tls.certificate or None,
                "ssl_keyfile": tls.key or None,
            }
        return options

    def _master(self, sentinels: RedisSentinels, options: dict[str, Any]) -> Any:
        """A client of the server that the Sentinels call master, which follows when that changes."""
        watch = Sentinel(  # type: ignore[no-untyped-call]
            [(address.host, address.port) for address in sentinels.addresses],
            sentinel_kwargs=self._options(sentinels.tls), **options)
        return watch.master_for(sentinels.master or _first_master(watch))  # type: ignore[no-untyped-call]


def _first_master(watch: Sentinel) -> str:
    """The first name that a Sentinel knows. Raises what the library raises."""
    trouble: Exception = CacheError("no Sentinel knows a master")
    for sentinel in watch.sentinels:
        try:
            for name in sentinel.sentinel_masters():
                return str(name)
        except Exception as error:  # the next one may know
            trouble = error
    raise trouble
