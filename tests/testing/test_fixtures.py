"""The fixtures and the scripted client, against a real ProFTPD: what they promise, they do."""

import pytest

from ftpsd.testing.client import ConnectionEnded, Mode, UnexpectedReply
from ftpsd.testing.plugin import ServerFactory
from ftpsd.testing.server import ServerFault

pytestmark = pytest.mark.peer


@pytest.mark.parametrize("mode", ["EPSV", "PASV", "EPRT", "PORT"])
def test_a_session(proftpd_server: ServerFactory, tls_version: str, mode: Mode) -> None:
    server = proftpd_server()
    server.give("sub/hello.txt", b"hello")
    with server.client(tls_version).begin() as client:
        assert client.control.version == tls_version
        assert client.retrieve("RETR sub/hello.txt", mode=mode) == b"hello"
        assert client.store("STOR new.bin", b"x" * 200_000, mode=mode).code == 226
        assert b"new.bin" in client.retrieve("LIST", mode=mode)
        client.quit()
    assert (server.home() / "new.bin").read_bytes() == b"x" * 200_000
    assert any("connection accepted" in line for line in server.tls_log())


def test_ipv6(proftpd_server: ServerFactory) -> None:
    server = proftpd_server(address="::1")
    with server.client().begin() as client:
        assert client.retrieve("LIST", mode="EPSV") == b""
        assert client.retrieve("LIST", mode="EPRT") == b""


def test_reuse_is_the_tests_choice(proftpd_server: ServerFactory, tls_version: str) -> None:
    server = proftpd_server()
    with server.client(tls_version).begin() as client:
        client.expect(229, "EPSV 1")
        connection = client.data()
        client.send_line("LIST")
        client.expect(150)
        connection.handshake(reuse=False)
        connection.close()
        client.expect(425)
        again = client.data()
        client.send_line("LIST")
        client.expect(150)
        assert again.handshake().resumed
        again.close()
        client.expect(226)
    server.wait_for_log("client did not reuse TLS session")


@pytest.mark.parametrize("notify", [True, False])
def test_back_to_clear(proftpd_server: ServerFactory, tls_version: str, notify: bool) -> None:
    server = proftpd_server(tls=["TLSRequired off"])
    with server.client(tls_version).begin() as client:
        client.clear_control(notify=notify)
        assert client.control.version is None
        client.expect(534, "AUTH TLS")


def test_an_unexpected_reply_shows_the_transcript(proftpd_server: ServerFactory) -> None:
    server = proftpd_server(without_tls=True)
    with server.client(tls=False) as client:
        client.connect()
        with pytest.raises(UnexpectedReply, match=r"expected 200, got 530 Please login(.|\n)*> PWD"):
            client.expect(200, "PWD")
        client.send_line("QUIT")
        client.expect(221)
        with pytest.raises(ConnectionEnded):
            client.read_reply()


def test_a_configuration_that_does_not_load(proftpd_server: ServerFactory) -> None:
    with pytest.raises(ServerFault, match="unknown configuration directive"):
        proftpd_server(directives=["NoSuchDirective on"])
