"""A program of test_openssl_resumption.py: a client takes its sessions while the n-th allocation fails, for each n.

It prints how often that failed, and of the sessions that it got at last how many are whole.
"""

from __future__ import annotations

import importlib
import time

from tests.native.openssl_support import TLS13, client_context, connected, server_context

MOST_ALLOCATIONS = 100


def main() -> None:
    memory = importlib.import_module("_testcapi")
    with connected(server_context(), client_context(TLS13)) as pair:
        pair.send_to_client(b"x")
        for nth in range(MOST_ALLOCATIONS):
            memory.set_nomemory(nth, nth + 1)
            try:
                sessions = pair.client.take_sessions()
            except MemoryError:
                continue
            finally:
                memory.remove_mem_hooks()
            whole = [session for session in sessions if session.to_der() and abs(session.created - time.time()) < 60]
            print(nth, len(whole), pair.client.take_sessions())
            return


if __name__ == "__main__":
    main()
