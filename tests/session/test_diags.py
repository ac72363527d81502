"""TLSOptions EnableDiags: the trace of a session and its counters (semantics.md 2.15)."""

from __future__ import annotations

from ftpsd.testing.plugin import ServerFactory


def test_trace_and_counters(ftps_server: ServerFactory, tls_version: str) -> None:
    server = ftps_server(tls=["TLSRequired on", "TLSOptions EnableDiags"])
    server.give("some", b"some")
    with server.client(tls_version).begin() as client:
        assert client.retrieve("RETR some") == b"some"
        client.store("STOR up", b"up")
        client.quit()
    server.wait_for_log("[stat]: SSL/TLS session cache size exceeded: 0")
    log = "\n".join(server.tls_log())
    for text in (
        "TLSOption EnableDiags enabled, setting diagnostics callback",
        "[info] accepting: SSLv3/TLS read client hello",
        "(HANDSHAKE_DONE)",
        "'ClientHello' Handshake message (", f"[msg] sent {tls_version} 'ServerHello' Handshake message (",
        f"[msg] sent {tls_version} 'NewSessionTicket' Handshake message (",
        "[msg] \nClientHello:\n  client_version = TLS 1.2\n", "\n  cipher_suites (",
        "extension_type = server_name", f"[msg] received {tls_version} 'Finished' Handshake message (",
        "'close_notify' Alert message (2 bytes)", "[info] writing: SSL/TLS alert warning: close notify",
        "[stat]: SSL/TLS sessions attempted: 3", "[stat]: SSL/TLS sessions established: 3",
        "[stat]: SSL/TLS sessions renegotiated: 0", "[stat]: SSL/TLS sessions resumed: 2",
    ):
        assert text in log, text
    assert log.count("[stat]") == 9


def test_sessions_are_kept_apart(ftps_server: ServerFactory) -> None:
    server = ftps_server(tls=["TLSRequired on", "TLSOptions EnableDiags"])
    with server.client().begin() as first, server.client().begin() as second:
        second.quit()
        first.quit()
    server.wait_for_log("[stat]: SSL/TLS sessions attempted: 1")
    assert not any("sessions attempted: 2" in line for line in server.tls_log())


def test_renegotiation_is_counted(ftps_server: ServerFactory) -> None:
    server = ftps_server(tls=["TLSRequired on", "TLSOptions EnableDiags", "TLSRenegotiate data 64"])
    server.give("some", bytes(20_000_000))
    with server.client("TLSv1.2").begin() as client:
        assert len(client.retrieve("RETR some")) == 20_000_000
        client.quit()
    line = server.wait_for_log("[stat]: SSL/TLS sessions renegotiated: ")
    assert int(line.rpartition(" ")[2]) >= 1
    assert any("'HelloRequest' Handshake message (4 bytes)" in line for line in server.tls_log())


def test_nothing_of_it_without_the_option(ftps_server: ServerFactory) -> None:
    server = ftps_server()
    with server.client().begin() as client:
        client.quit()
    server.wait_for_log("connection accepted")
    assert not any("[msg]" in line or "[info]" in line or "[stat]" in line for line in server.tls_log())
