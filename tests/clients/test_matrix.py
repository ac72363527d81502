"""Every real client × TLS version × explicit or implicit × passive or active × IPv4 or IPv6.

One session per case, in which the client does all it can (see `scenario`).
"""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path

import pytest
from _pytest.mark.structures import ParameterSet

from ftpsd.testing.plugin import ServerFactory
from tests.clients.base import Adapter, Link
from tests.clients.command_line import Curl, Lftp, Rclone, Wget
from tests.clients.languages import ErlangFtp, FtpSsl, GoFtp, PhpFtp, PromiseFtp, RubyNetFtp
from tests.clients.python_clients import Aioftp, Ftplib
from tests.clients.s_client import SClient
from tests.clients.scenario import whole_session
from tests.clients.scripted import BasicFtp, CommonsNet, NetFtp

pytestmark = pytest.mark.client
ADAPTERS: tuple[Adapter, ...] = (
    Curl(), Lftp(), Ftplib(), SClient(), NetFtp(), Rclone(), BasicFtp(), Aioftp(), Wget(), CommonsNet(),
    RubyNetFtp(), PhpFtp(), GoFtp(), ErlangFtp(), PromiseFtp(), FtpSsl(),
)


def cases() -> list[ParameterSet]:
    """Everything that the client can do at all."""
    found = []
    for adapter in ADAPTERS:
        for version, implicit, active, address in itertools.product(
            ("TLSv1.2", "TLSv1.3"), (False, True), (False, True), ("127.0.0.1", "::1"),
        ):
            if (implicit and not adapter.implicit) or (active and not adapter.active):
                continue
            if ":" in address and not adapter.ipv6:
                continue
            words = (
                adapter.name, version, "implicit" if implicit else "explicit",
                "active" if active else "passive", "IPv6" if ":" in address else "IPv4",
            )
            found.append(pytest.param(adapter, version, implicit, active, address, id="-".join(words)))
    return found


@pytest.mark.parametrize(("adapter", "version", "implicit", "active", "address"), cases())
def test_session(
    ftps_server: ServerFactory, tmp_path: Path, adapter: Adapter, version: str, implicit: bool, active: bool,
    address: str,
) -> None:
    if reason := adapter.missing():
        pytest.skip(reason)
    link = Link(address, 0, Path(), implicit=implicit, active=active)
    if reason := adapter.hindered(link):
        pytest.skip(reason)
    options = ["UseImplicitSSL"] if implicit else []
    if version not in adapter.resumes:
        options.append("NoSessionReuseRequired")
    tls = ["TLSRequired on", f"TLSProtocol {version}"]
    tls += [f"TLSOptions {' '.join(options)}"] if options else []
    tls += [] if adapter.sends_close_notify else ["UploadEnd lenient"]
    server = ftps_server(tls=tls, address=address)
    local, work = tmp_path / "local", tmp_path / "work"
    local.mkdir()
    work.mkdir()
    scenario = whole_session(adapter, server, local)
    link = replace(link, port=server.port, authority=server.authority)
    try:
        adapter.perform(link, scenario.steps, work)
    except AssertionError as error:
        raise AssertionError(f"{error}{server.report()}") from error
    scenario.verify()
    assert any(f"{version} connection accepted" in line for line in server.tls_log())
