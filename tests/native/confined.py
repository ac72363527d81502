"""A program of test_pump.py: how many processors a thread may use before, while and after its pump moves much."""

from __future__ import annotations

import os
import socket
import tempfile
import threading
import time

from ftpsd.native._openssl import Pump, keep_to_processor

PATIENCE = 20.0


def main() -> None:
    keep_to_processor(min(os.sched_getaffinity(0)))
    ours, peer = socket.socketpair()
    ours.setblocking(False)
    peer.settimeout(PATIENCE)
    said: list[object] = []
    with ours, peer, tempfile.TemporaryFile() as file:
        pump = Pump(direction="receive", source=file.fileno(), sock=ours.fileno())

        def move() -> None:
            said.append(len(os.sched_getaffinity(0)))
            said.append(pump.run())
            said.append(len(os.sched_getaffinity(0)))

        mover = threading.Thread(target=move)
        mover.start()
        number = mover.native_id
        assert number is not None
        peer.sendall(b"x" * 1000)
        until = time.monotonic() + PATIENCE
        while pump.bytes < 1000 and time.monotonic() < until:
            time.sleep(0.001)
        said.append(len(os.sched_getaffinity(number)))
        peer.sendall(b"x" * (1 << 21))
        while len(os.sched_getaffinity(number)) == 1 and time.monotonic() < until:
            time.sleep(0.001)
        said.append(len(os.sched_getaffinity(number)))
        peer.shutdown(socket.SHUT_WR)
        mover.join(PATIENCE)
    print(*said)


if __name__ == "__main__":
    main()
