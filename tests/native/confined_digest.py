"""A program of test_digest.py: how many processors a thread may use before, while and after a long digest."""

from __future__ import annotations

import os
import socket
import tempfile
import threading
import time

from ftpsd.native._openssl import Digest, keep_to_processor

PATIENCE = 20.0
SIZE = 1 << 42


def main() -> None:
    keep_to_processor(min(os.sched_getaffinity(0)))
    ours, peer = socket.socketpair()
    said: list[object] = []
    with ours, peer, tempfile.TemporaryFile() as file:
        file.truncate(SIZE)

        def compute() -> None:
            digest = Digest("crc32")
            said.append(len(os.sched_getaffinity(0)))
            said.append(digest.run(file.fileno(), SIZE, control=ours.fileno()))
            said.append(len(os.sched_getaffinity(0)))

        computing = threading.Thread(target=compute)
        computing.start()
        number = computing.native_id
        assert number is not None
        until = time.monotonic() + PATIENCE
        while len(os.sched_getaffinity(number)) == 1 and time.monotonic() < until:
            time.sleep(0.001)
        said.append(len(os.sched_getaffinity(number)))
        peer.sendall(b"x")
        computing.join(PATIENCE)
    print(*said)


if __name__ == "__main__":
    main()
