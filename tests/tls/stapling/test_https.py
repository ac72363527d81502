"""Responders behind https (TLSStaplingResponder only)."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from ftpsd.testing.ca import Authority
from ftpsd.tls import responder
from ftpsd.tls.responder import Unreachable
from ftpsd.tls.stapling import fetching, stapler
from tests.tls.pki import Answers
from tests.tls.stapling.rig import issuer, subject


@contextmanager
def responding(directory: Path, authority: Authority) -> Iterator[str]:
    """The address of an https responder whose certificate is of `authority`."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            question = self.rfile.read(int(self.headers["Content-Length"]))
            answer = Answers(issuer(), issuer()).answer("good", question)
            self.send_response(200)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *arguments: object) -> None:
            """Silence."""

    class Server(ThreadingHTTPServer):
        def handle_error(self, request: object, address: object) -> None:
            """A client that does not trust us is no news."""

    files = authority.leaf("localhost", kind="p256").write(directory, "https")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.certificate, files.key)
    server = Server(("127.0.0.1", 0), Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"https://localhost:{server.server_port}/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_the_systems_authorities_must_vouch_for_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    authority = Authority.create("Web root")
    with responding(tmp_path, authority) as url:
        about = subject(stapling_responder=url)
        with pytest.raises(fetching.NoResponse, match="certificate verify failed"):
            fetching.ask(about, stapler.send)
        monkeypatch.setenv("SSL_CERT_FILE", str(authority.write(tmp_path / "root.pem")))
        assert fetching.ask(about, stapler.send).status == "good"
        with pytest.raises(Unreachable, match="only http:// is supported"):
            responder.ask(url, b"", 5.0)  # not where a client's certificate names the address


def test_a_peer_that_only_listens_does_not_keep_us(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"https://127.0.0.1:{listener.getsockname()[1]}/"
        began = time.monotonic()
        with pytest.raises(Unreachable, match="timed out"):
            responder.ask(url, b"question", 0.3, https=True)
        assert time.monotonic() - began < 5


@pytest.mark.parametrize("url", ["ftp://x/", "http:///x", "https://x:99999/", "http://x/\x01"])
def test_addresses_that_are_none(url: str) -> None:
    with pytest.raises(Unreachable):
        responder.ask(url, b"", 1.0, https=True)
