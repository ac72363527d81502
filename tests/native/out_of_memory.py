"""Programs of test_openssl_resumption.py and test_memory.py: the n-th allocation of a call fails, for each n.

`sessions`: a client takes its sessions. Prints how often that failed, and of those it got at last how many are whole.
`lists`: calls that make lists. Prints how often each failed, and how many references to a number too many it gave back;
an item that is freed twice is such a number, or something that ends the process.
"""

from __future__ import annotations

import importlib
import sys
import time
from collections.abc import Callable
from typing import Any, TypeVar

from ftpsd.native._openssl import Connection, SharedCache, wait_readable
from ftpsd.native._system import thread_credentials
from tests.native.openssl_support import (
    TIMEOUT,
    TLS13,
    client_context,
    client_leaf,
    connected,
    issue,
    root,
    server_context,
    socket_pair,
)

MOST_ALLOCATIONS = 400
MANY = 40
"""Items of a list: it grows several times."""
TIMES = 20

Got = TypeVar("Got")


def in_want(call: Callable[[], Got]) -> tuple[Got, int]:
    """What `call` gives when every allocation succeeds, and how many did not before."""
    memory: Any = importlib.import_module("_testcapi")
    for nth in range(MOST_ALLOCATIONS):
        memory.set_nomemory(nth, nth + 1)
        try:
            got = call()
        except MemoryError:
            continue
        finally:
            memory.remove_mem_hooks()
        return got, nth
    raise AssertionError("it fails for ever")


def sessions() -> None:
    with connected(server_context(), client_context(TLS13)) as pair:
        pair.send_to_client(b"x")
        found, failures = in_want(pair.client.take_sessions)
        whole = [session for session in found if session.to_der() and abs(session.created - time.time()) < 60]
        print(failures, len(whole), pair.client.take_sessions())


def lists() -> None:
    context = server_context()
    context.set_client_ca_names(b"".join(issue(f"authority {number}", ca=True).pem for number in range(MANY)))
    cache = SharedCache(1 << 18)
    protocols = tuple(b"protocol-%d" % number for number in range(20))
    with connected(context, client_context(TLS13)) as pair:
        pair.client.write(b"x", TIMEOUT)
        ready = [pair.server_socket.fileno()] * MANY
        calls: dict[str, Callable[[], object]] = {
            "cache": cache.facts, "wait": lambda: wait_readable(ready, TIMEOUT), "groups": thread_credentials,
            "names": context.client_ca_names, "alpn": lambda: context.set_alpn(protocols),
            "protocols": lambda: context.set_protocols(["TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"]),
        }
        for name, call in calls.items():
            before = sys.getrefcount(0)
            failures = sum(in_want(call)[1] for _ in range(TIMES))
            print(name, failures, max(0, before - sys.getrefcount(0)), flush=True)
    verifying()


def verifying() -> None:
    """The list of a client's certificates, made within a handshake."""
    memory: Any = importlib.import_module("_testcapi")
    server, client = server_context(), client_context(TLS13)
    server.add_trusted(root().pem)
    server.set_client_ca_names(root().pem)
    server.set_verify("require")
    server.set_verify_callback(lambda connection, chain: None)
    client.use_certificate(client_leaf().pem)
    client.use_private_key(client_leaf().key_pem())
    failures = 0
    for nth in [*range(12)] * TIMES:
        near, far = socket_pair()
        with near, far:
            accepted, offered = Connection(server, far.fileno()), Connection(client, near.fileno(), server=False)
            for end, waiting in ((offered, far), (accepted, near), (offered, far)):
                end.handshake_step()
                assert wait_readable([waiting.fileno()], TIMEOUT)
            memory.set_nomemory(nth, nth + 1)
            try:
                accepted.handshake_step()
            except MemoryError:
                failures += 1
            finally:
                memory.remove_mem_hooks()
    print("certificates", failures, 0)


if __name__ == "__main__":
    lists() if sys.argv[1] == "lists" else sessions()
