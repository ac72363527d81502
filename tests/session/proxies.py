"""Proxies: the headers that they send, and a client behind one."""

from __future__ import annotations

import ipaddress
import struct
from dataclasses import dataclass

from ftpsd.ftp.proxyheader import SIGNATURE
from ftpsd.testing.client import DataConnection, ScriptedClient

LOCAL = SIGNATURE + b"\x20\0\0\0"
DATAGRAM = SIGNATURE + b"\x21\x12\0\x0c" + bytes([192, 0, 2, 7, 192, 0, 2, 1, 0, 5, 0, 21])
SERVER = {4: "198.51.100.1", 6: "2001:db8::1"}


def one(source: str, port: int = 50000, *, at: str | None = None, at_port: int = 21) -> bytes:
    """A header of version 1: who comes, and to what address and port of the proxy."""
    family = ipaddress.ip_address(source).version
    return f"PROXY TCP{family} {source} {at or SERVER[family]} {port} {at_port}\r\n".encode()


def two(source: str, port: int = 50000, *, at: str | None = None, at_port: int = 21, tlvs: bytes = b"") -> bytes:
    """The same of version 2."""
    address = ipaddress.ip_address(source)
    ends = address.packed + ipaddress.ip_address(at or SERVER[address.version]).packed
    rest = ends + struct.pack("!HH", port, at_port) + tlvs
    return SIGNATURE + struct.pack("!BBH", 0x21, 0x11 if address.version == 4 else 0x21, len(rest)) + rest


@dataclass
class Proxied(ScriptedClient):
    """A client whose control connection begins with `header`, and his passive data connections with `data_header`;
    `source` is the address that they tell."""

    header: bytes = b""
    data_header: bytes = b""
    source: str = "127.0.0.5"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.header:
            self.control.write_raw(self.header)

    def connect_data(self, host: str, port: int) -> DataConnection:
        connection = super().connect_data(self.host, port)
        assert connection.stream is not None
        connection.stream.write_raw(self.data_header)
        return connection

    @property
    def local_address(self) -> str:
        return self.source
