"""A small FTPS server with the faults that no real server at hand has. One thread per connection, in this process."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

_FEATURES = "211-Features:\r\n AUTH TLS\r\n EPSV\r\n PBSZ\r\n PROT\r\n211 End"
_LISTING = b"-rw-r--r-- 1 alice users 5 Jan 1 2026 hello.txt\r\n"
_LIMIT = 20.0


@dataclass(frozen=True)
class Faults:
    """What it does wrong.

    injected     runs what came in clear behind AUTH
    bare_ends    closes data connections without close_notify
    only_clear   refuses PROT P
    refuses      demands resumption on data connections, and refuses even those that resume
    closed_port  names a port for data connections where nobody listens
    ccc          accepts CCC and goes on under TLS
    changes      gives other bytes back than were stored
    keeps        does not delete
    sni          refuses clients that name no host
    slow         seconds until the greeting
    """

    injected: bool = False
    bare_ends: bool = False
    only_clear: bool = False
    refuses: bool = False
    closed_port: bool = False
    ccc: bool = False
    changes: bool = False
    keeps: bool = False
    sni: bool = False
    slow: float = 0.0


class FakeServer:
    """Serves until `close`."""

    def __init__(self, certificate: Path, key: Path, faults: Faults) -> None:
        self.faults = faults
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(certificate, key)
        self.context.options |= ssl.OP_NO_RENEGOTIATION
        if faults.sni:
            self.context.sni_callback = _demand_name
        self.stored = b""
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=_serve, args=(self, sock), daemon=True)
            thread.start()
            self._threads.append(thread)

    def close(self) -> None:
        """Ends it; every thread has ended afterwards."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(_LIMIT)
            assert not thread.is_alive()


def _demand_name(sock: ssl.SSLObject, name: str | None, context: ssl.SSLContext) -> int | None:
    return ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME if name is None else None


def _serve(server: FakeServer, sock: socket.socket) -> None:
    session = _Session(server, sock)
    try:
        session.run()
    except (OSError, ValueError):
        pass
    finally:
        session.close()


class _Session:
    def __init__(self, server: FakeServer, sock: socket.socket) -> None:
        sock.settimeout(_LIMIT)
        self._server, self._faults, self._socket = server, server.faults, sock
        self._buffer = b""
        self._private = False
        self._listener: socket.socket | None = None

    def close(self) -> None:
        self._socket.close()
        if self._listener is not None:
            self._listener.close()

    def run(self) -> None:
        time.sleep(self._faults.slow)
        self._say("220 a server of its own kind")
        for line in self._lines():
            word, _, argument = line.partition(" ")
            answer = getattr(self, f"_{word.lower()}", None)
            if answer is None:
                self._say("500 what?")
            elif answer(argument) is False:
                return

    def _say(self, text: str) -> None:
        self._socket.sendall(text.encode() + b"\r\n")

    def _lines(self) -> Iterator[str]:
        while True:
            while b"\r\n" not in self._buffer:
                data = self._socket.recv(4096)
                if not data:
                    return
                self._buffer += data
            line, _, self._buffer = self._buffer.partition(b"\r\n")
            yield line.decode()

    @property
    def _secure(self) -> bool:
        return isinstance(self._socket, ssl.SSLSocket)

    # -- commands

    def _auth(self, argument: str) -> None:
        self._say("234 go")
        if not self._faults.injected:
            self._buffer = b""
        self._socket = self._server.context.wrap_socket(self._socket, server_side=True)

    def _feat(self, argument: str) -> None:
        self._say(_FEATURES)

    def _noop(self, argument: str) -> None:
        self._say("200 done")

    def _syst(self, argument: str) -> None:
        self._say("215 UNIX Type: L8")

    def _user(self, argument: str) -> None:
        self._say("331 password" if self._secure else "530 TLS first")

    def _pass(self, argument: str) -> None:
        self._say("230 in")

    def _pbsz(self, argument: str) -> None:
        self._say("200 PBSZ=0")

    def _prot(self, argument: str) -> None:
        wanted = "C" if self._faults.only_clear else "P"
        if argument == wanted:
            self._private = argument == "P"
        self._say("200 yes" if argument == wanted else "534 no")

    def _type(self, argument: str) -> None:
        self._say("200 yes")

    def _ccc(self, argument: str) -> bool:
        if not self._faults.ccc:
            self._say("534 no")
            return True
        self._say("200 yes")
        return False

    def _quit(self, argument: str) -> bool:
        self._say("221 bye")
        return False

    def _pasv(self, argument: str) -> None:
        port = self._listen()
        self._say(f"227 Entering Passive Mode (127,0,0,1,{port // 256},{port % 256})")

    def _epsv(self, argument: str) -> None:
        self._say(f"229 Entering Extended Passive Mode (|||{self._listen()}|)")

    def _dele(self, argument: str) -> None:
        self._say("550 no" if self._faults.keeps else "250 gone")

    def _list(self, argument: str) -> None:
        self._transfer(lambda data: data.sendall(_LISTING))

    def _retr(self, argument: str) -> None:
        stored = self._server.stored
        self._transfer(lambda data: data.sendall(stored[::-1] if self._faults.changes else stored))

    def _stor(self, argument: str) -> None:
        def receive(data: socket.socket) -> None:
            self._server.stored = b""
            while part := data.recv(65536):
                self._server.stored += part

        self._transfer(receive)

    # -- data connections

    def _listen(self) -> int:
        if self._listener is not None:
            self._listener.close()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(_LIMIT)
        port: int = self._listener.getsockname()[1]
        if self._faults.closed_port:
            self._listener.close()
        return port

    def _transfer(self, move: Callable[[socket.socket], None]) -> None:
        assert self._listener is not None
        data, _ = self._listener.accept()
        data.settimeout(_LIMIT)
        self._say("150 here")
        try:
            self._move(data, move)
        except OSError:
            self._say("426 broken")
        finally:
            data.close()

    def _move(self, data: socket.socket, move: Callable[[socket.socket], None]) -> None:
        if not self._private:
            move(data)
            self._say("226 done")
            return
        with self._server.context.wrap_socket(data, server_side=True, suppress_ragged_eofs=True) as private:
            if self._faults.refuses or not private.session_reused:
                private.close()
                self._say("522 TLS session reuse required")
                return
            move(private)
            if not self._faults.bare_ends:
                with contextlib.suppress(ssl.SSLError):
                    private.unwrap()
        self._say("226 done")
