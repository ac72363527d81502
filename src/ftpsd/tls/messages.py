"""TLS messages and states as lines for the TLSLog (TLSOptions EnableDiags). Pure: bytes in, text out.

The messages are a client's as often as ours, so nothing here trusts a length: what does not parse is shown as
far as it does. Key material and the contents of tickets are not shown.
"""

from __future__ import annotations

from collections.abc import Iterator

VERSIONS = {0x0002: "SSLv2", 0x0300: "SSLv3", 0x0301: "TLSv1", 0x0302: "TLSv1.1", 0x0303: "TLSv1.2", 0x0304: "TLSv1.3"}
_NUMBERS = {0x0300: "SSL 3.0", 0x0301: "TLS 1.0", 0x0302: "TLS 1.1", 0x0303: "TLS 1.2", 0x0304: "TLS 1.3"}
_CHANGE_CIPHER_SPEC, _ALERT, _HANDSHAKE = 20, 21, 22
HANDSHAKES = {
    0: "HelloRequest", 1: "ClientHello", 2: "ServerHello", 4: "NewSessionTicket", 8: "EncryptedExtensions",
    11: "Certificate", 12: "ServerKeyExchange", 13: "CertificateRequest", 14: "ServerHelloDone",
    15: "CertificateVerify", 16: "ClientKeyExchange", 20: "Finished", 22: "CertificateStatus", 24: "KeyUpdate",
}
ALERTS = {
    0: "close notify", 10: "unexpected message", 20: "bad record mac", 21: "decryption failed",
    22: "record overflow", 30: "decompression failure", 40: "handshake failure", 41: "no certificate",
    42: "bad certificate", 43: "unsupported certificate", 44: "certificate revoked", 45: "certificate expired",
    46: "certificate unknown", 47: "illegal parameter", 48: "unknown CA", 49: "access denied",
    50: "decode error", 51: "decrypt error", 70: "protocol version", 71: "insufficient security",
    80: "internal error", 86: "inappropriate fallback", 90: "user canceled", 100: "no renegotiation",
    109: "missing extension", 110: "unsupported extension", 112: "unrecognized name",
    113: "bad certificate status response", 115: "unknown PSK identity", 116: "certificate required",
    120: "no application protocol",
}
EXTENSIONS = {
    0: "server_name", 1: "max_fragment_length", 5: "status_request", 10: "elliptic_curves",
    11: "ec_point_formats", 13: "signature_algorithms", 14: "use_srtp", 15: "heartbeat",
    16: "application_layer_protocol_negotiation", 18: "signed_certificate_timestamp", 21: "padding",
    22: "encrypt_then_mac", 23: "extended_master_secret", 27: "compress_certificate",
    28: "record_size_limit", 35: "session_ticket", 41: "psk", 42: "early_data", 43: "supported_versions",
    44: "cookie", 45: "psk_kex_modes", 47: "certificate_authorities", 49: "post_handshake_auth",
    50: "signature_algorithms_cert", 51: "key_share", 65281: "renegotiate",
}
SUITES = {
    0x002f: "TLS_RSA_WITH_AES_128_CBC_SHA", 0x0033: "TLS_DHE_RSA_WITH_AES_128_CBC_SHA",
    0x0035: "TLS_RSA_WITH_AES_256_CBC_SHA", 0x0039: "TLS_DHE_RSA_WITH_AES_256_CBC_SHA",
    0x003c: "TLS_RSA_WITH_AES_128_CBC_SHA256", 0x003d: "TLS_RSA_WITH_AES_256_CBC_SHA256",
    0x0067: "TLS_DHE_RSA_WITH_AES_128_CBC_SHA256", 0x006b: "TLS_DHE_RSA_WITH_AES_256_CBC_SHA256",
    0x009c: "TLS_RSA_WITH_AES_128_GCM_SHA256", 0x009d: "TLS_RSA_WITH_AES_256_GCM_SHA384",
    0x009e: "TLS_DHE_RSA_WITH_AES_128_GCM_SHA256", 0x009f: "TLS_DHE_RSA_WITH_AES_256_GCM_SHA384",
    0x00ff: "TLS_EMPTY_RENEGOTIATION_INFO_SCSV", 0x5600: "TLS_FALLBACK_SCSV",
    0x1301: "TLS_AES_128_GCM_SHA256", 0x1302: "TLS_AES_256_GCM_SHA384",
    0x1303: "TLS_CHACHA20_POLY1305_SHA256", 0x1304: "TLS_AES_128_CCM_SHA256",
    0xc009: "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA", 0xc00a: "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA",
    0xc013: "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA", 0xc014: "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA",
    0xc023: "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256", 0xc024: "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA384",
    0xc027: "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256", 0xc028: "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384",
    0xc02b: "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", 0xc02c: "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
    0xc02f: "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", 0xc030: "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
    0xcca8: "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
    0xcca9: "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
    0xccaa: "TLS_DHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
    0x0001: "TLS_RSA_WITH_NULL_MD5", 0x0002: "TLS_RSA_WITH_NULL_SHA", 0x0004: "TLS_RSA_WITH_RC4_128_MD5",
    0x0005: "TLS_RSA_WITH_RC4_128_SHA", 0x000a: "TLS_RSA_WITH_3DES_EDE_CBC_SHA",
    0x0013: "TLS_DHE_DSS_WITH_3DES_EDE_CBC_SHA", 0x0016: "TLS_DHE_RSA_WITH_3DES_EDE_CBC_SHA",
    0x0032: "TLS_DHE_DSS_WITH_AES_128_CBC_SHA", 0x0034: "TLS_DH_anon_WITH_AES_128_CBC_SHA",
    0x0038: "TLS_DHE_DSS_WITH_AES_256_CBC_SHA", 0x003a: "TLS_DH_anon_WITH_AES_256_CBC_SHA",
    0x003b: "TLS_RSA_WITH_NULL_SHA256", 0x0040: "TLS_DHE_DSS_WITH_AES_128_CBC_SHA256",
    0x0041: "TLS_RSA_WITH_CAMELLIA_128_CBC_SHA", 0x0044: "TLS_DHE_DSS_WITH_CAMELLIA_128_CBC_SHA",
    0x0045: "TLS_DHE_RSA_WITH_CAMELLIA_128_CBC_SHA", 0x0046: "TLS_DH_anon_WITH_CAMELLIA_128_CBC_SHA",
    0x006a: "TLS_DHE_DSS_WITH_AES_256_CBC_SHA256", 0x006c: "TLS_DH_anon_WITH_AES_128_CBC_SHA256",
    0x006d: "TLS_DH_anon_WITH_AES_256_CBC_SHA256", 0x0084: "TLS_RSA_WITH_CAMELLIA_256_CBC_SHA",
    0x0087: "TLS_DHE_DSS_WITH_CAMELLIA_256_CBC_SHA", 0x0088: "TLS_DHE_RSA_WITH_CAMELLIA_256_CBC_SHA",
    0x0089: "TLS_DH_anon_WITH_CAMELLIA_256_CBC_SHA", 0x00a2: "TLS_DHE_DSS_WITH_AES_128_GCM_SHA256",
    0x00a3: "TLS_DHE_DSS_WITH_AES_256_GCM_SHA384", 0x00a6: "TLS_DH_anon_WITH_AES_128_GCM_SHA256",
    0x00a7: "TLS_DH_anon_WITH_AES_256_GCM_SHA384", 0x00ba: "TLS_RSA_WITH_CAMELLIA_128_CBC_SHA256",
    0x00bd: "TLS_DHE_DSS_WITH_CAMELLIA_128_CBC_SHA256", 0x00be: "TLS_DHE_RSA_WITH_CAMELLIA_128_CBC_SHA256",
    0x00bf: "TLS_DH_anon_WITH_CAMELLIA_128_CBC_SHA256", 0x00c0: "TLS_RSA_WITH_CAMELLIA_256_CBC_SHA256",
    0x00c3: "TLS_DHE_DSS_WITH_CAMELLIA_256_CBC_SHA256", 0x00c4: "TLS_DHE_RSA_WITH_CAMELLIA_256_CBC_SHA256",
    0x00c5: "TLS_DH_anon_WITH_CAMELLIA_256_CBC_SHA256", 0x1305: "TLS_AES_128_CCM_8_SHA256",
    0xc006: "TLS_ECDHE_ECDSA_WITH_NULL_SHA", 0xc008: "TLS_ECDHE_ECDSA_WITH_3DES_EDE_CBC_SHA",
    0xc010: "TLS_ECDHE_RSA_WITH_NULL_SHA", 0xc012: "TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA",
    0xc015: "TLS_ECDH_anon_WITH_NULL_SHA", 0xc018: "TLS_ECDH_anon_WITH_AES_128_CBC_SHA",
    0xc019: "TLS_ECDH_anon_WITH_AES_256_CBC_SHA", 0xc050: "TLS_RSA_WITH_ARIA_128_GCM_SHA256",
    0xc051: "TLS_RSA_WITH_ARIA_256_GCM_SHA384", 0xc052: "TLS_DHE_RSA_WITH_ARIA_128_GCM_SHA256",
    0xc053: "TLS_DHE_RSA_WITH_ARIA_256_GCM_SHA384", 0xc056: "TLS_DHE_DSS_WITH_ARIA_128_GCM_SHA256",
    0xc057: "TLS_DHE_DSS_WITH_ARIA_256_GCM_SHA384", 0xc05c: "TLS_ECDHE_ECDSA_WITH_ARIA_128_GCM_SHA256",
    0xc05d: "TLS_ECDHE_ECDSA_WITH_ARIA_256_GCM_SHA384", 0xc060: "TLS_ECDHE_RSA_WITH_ARIA_128_GCM_SHA256",
    0xc061: "TLS_ECDHE_RSA_WITH_ARIA_256_GCM_SHA384", 0xc072: "TLS_ECDHE_ECDSA_WITH_CAMELLIA_128_CBC_SHA256",
    0xc073: "TLS_ECDHE_ECDSA_WITH_CAMELLIA_256_CBC_SHA384", 0xc076: "TLS_ECDHE_RSA_WITH_CAMELLIA_128_CBC_SHA256",
    0xc077: "TLS_ECDHE_RSA_WITH_CAMELLIA_256_CBC_SHA384", 0xc09c: "TLS_RSA_WITH_AES_128_CCM",
    0xc09d: "TLS_RSA_WITH_AES_256_CCM", 0xc09e: "TLS_DHE_RSA_WITH_AES_128_CCM",
    0xc09f: "TLS_DHE_RSA_WITH_AES_256_CCM", 0xc0a0: "TLS_RSA_WITH_AES_128_CCM_8",
    0xc0a1: "TLS_RSA_WITH_AES_256_CCM_8", 0xc0a2: "TLS_DHE_RSA_WITH_AES_128_CCM_8",
    0xc0a3: "TLS_DHE_RSA_WITH_AES_256_CCM_8", 0xc0ac: "TLS_ECDHE_ECDSA_WITH_AES_128_CCM",
    0xc0ad: "TLS_ECDHE_ECDSA_WITH_AES_256_CCM", 0xc0ae: "TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8",
    0xc0af: "TLS_ECDHE_ECDSA_WITH_AES_256_CCM_8",
}
_MOST_ITEMS = 128
_LOOP, _EXIT, _READ, START, DONE, _ALERTED = 0x01, 0x02, 0x04, 0x10, 0x20, 0x4000
_CONNECTING, _ACCEPTING = 0x1000, 0x2000
_FINISHED = "SSL negotiation finished successfully"


class Short(Exception):
    """The message ends too early."""


class Reader:
    """Numbers and vectors of TLS's presentation language (RFC 8446 section 3)."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def take(self, size: int) -> bytes:
        taken = self._data[self._at:self._at + size]
        if len(taken) < size:
            raise Short
        self._at += size
        return taken

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size), "big")

    def vector(self, size: int) -> bytes:
        """Bytes whose length stands before them in `size` bytes."""
        return self.take(self.number(size))

    @property
    def left(self) -> int:
        return len(self._data) - self._at


def state_line(where: int, value: int, state: str) -> str | None:
    """What OpenSSL's info callback reports; None where it is not worth a line."""
    if where & START or where & DONE:
        mark = "HANDSHAKE_START" if where & START else "HANDSHAKE_DONE"
        return f"[info] {'ok' if state == _FINISHED else '(unknown)'}: {state} ({mark})"
    if where & _ALERTED:
        action = "reading" if where & _READ else "writing"
        level = "fatal" if value >> 8 == 2 else "warning"
        return f"[info] {action}: SSL/TLS alert {level}: {ALERTS.get(value & 0xff, 'unknown')}"
    doing = "accepting" if where & _ACCEPTING else "connecting" if where & _CONNECTING else "ok"
    if where & _LOOP or (where & _EXIT and value == 1):
        return f"[info] {doing}: {state}"
    if where & _EXIT and value == 0:
        return f"[info] {doing}: failed in {state}"
    return None


def message_lines(sent: bool, version: int, kind: int, data: bytes) -> tuple[str, ...]:
    """A message of content type `kind` that was sent or received: its kind and size, then what a hello says."""
    head = f"[msg] {'sent' if sent else 'received'} {VERSIONS.get(version, f'{version:#06x}')}"
    size = f"({len(data)} {_bytes(len(data))})"
    if kind == _CHANGE_CIPHER_SPEC:
        return (f"{head} ChangeCipherSpec message {size}",)
    if kind == _ALERT and len(data) >= 2:
        level = "fatal" if data[0] == 2 else "warning"
        name = ALERTS.get(data[1])
        if name is None:
            return (f"{head} Alert message, unknown type {size}",)
        return (f"{head} {level} '{name.replace(' ', '_').lower()}' Alert message {size}",)
    if kind == _HANDSHAKE and data:
        handshake = HANDSHAKES.get(data[0])
        if handshake is None:
            return (f"{head} Handshake message, unknown type {data[0]} {size}",)
        return (f"{head} '{handshake}' Handshake message {size}", *_decoded(data[0], version, data[4:]))
    return ()


def _bytes(count: int) -> str:
    return "byte" if count == 1 else "bytes"


def _decoded(kind: int, version: int, body: bytes) -> tuple[str, ...]:
    lines = {
        1: _client_hello, 2: _server_hello, 4: _ticket13 if version == 0x0304 else _ticket, 8: _encrypted,
    }.get(kind)
    if lines is None:
        return ()
    found = [f"{HANDSHAKES[kind]}:"]
    try:
        for line in lines(Reader(body)):
            found.append(f"  {line}")
    except Short:
        found.append("  (the message ends here)")
    return ("[msg] \n" + "\n".join(found),)


def _client_hello(reader: Reader) -> Iterator[str]:
    yield from _hello_head(reader, "client_version")
    suites = reader.vector(2)
    yield from _suites(suites)
    compressions = reader.vector(1)
    yield f"compression_methods ({len(compressions)} {_bytes(len(compressions))})"
    for method in compressions[:_MOST_ITEMS]:
        yield f"  {'None' if method == 0 else method}"
    yield from _extensions(reader)


def _server_hello(reader: Reader) -> Iterator[str]:
    yield from _hello_head(reader, "server_version")
    yield from _suites(reader.take(2))
    yield "compression_methods (1 byte)"
    method = reader.number(1)
    yield f"  {'None' if method == 0 else method}"
    yield from _extensions(reader)


def _hello_head(reader: Reader, word: str) -> Iterator[str]:
    version = reader.number(2)
    yield f"{word} = {_NUMBERS.get(version, f'{version:#06x}')}"
    yield "random:"
    yield f"  random_bytes (32 bytes) {reader.take(32).hex()}"
    session = reader.vector(1)
    yield f"session_id ({len(session)} {_bytes(len(session))})"
    if session:
        yield f"  {session.hex()}"


def _suites(data: bytes) -> Iterator[str]:
    yield f"cipher_suites ({len(data)} bytes)"
    for index in range(0, min(len(data), 2 * _MOST_ITEMS) - 1, 2):
        number = int.from_bytes(data[index:index + 2], "big")
        yield f"  {SUITES.get(number, '[unknown/unsupported]')} ({number:#x})"


def _extensions(reader: Reader) -> Iterator[str]:
    if not reader.left:
        yield "extensions (0 bytes)"
        return
    block = reader.vector(2)
    yield f"extensions ({len(block)} {_bytes(len(block))})"
    inner = Reader(block)
    for _ in range(_MOST_ITEMS):
        if not inner.left:
            break
        number = inner.number(2)
        size = len(inner.vector(2))
        yield f"  extension_type = {EXTENSIONS.get(number, f'[unknown/unsupported] {number}')} ({size} {_bytes(size)})"


def _encrypted(reader: Reader) -> Iterator[str]:
    yield from _extensions(reader)


def _ticket(reader: Reader) -> Iterator[str]:
    yield "ticket_lifetime_hint"
    yield f"  {reader.number(4)} (sec)"
    yield f"ticket ({len(reader.vector(2))} bytes)"


def _ticket13(reader: Reader) -> Iterator[str]:
    yield "ticket_lifetime_hint"
    yield f"  {reader.number(4)} (sec)"
    reader.take(4)
    nonce = reader.vector(1)
    yield f"ticket_nonce ({len(nonce)} {_bytes(len(nonce))})"
    yield f"ticket ({len(reader.vector(2))} bytes)"
    yield from _extensions(reader)
