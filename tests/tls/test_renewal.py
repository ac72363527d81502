"""When new keys are asked for, and of whom."""

from __future__ import annotations

import pytest

from ftpsd.settings.values import Renegotiate
from ftpsd.tls import renewal

ALLOWED = frozenset({"AllowClientRenegotiations"})
NOTHING: frozenset[str] = frozenset()


@pytest.mark.parametrize(("setting", "options", "may"), [
    (None, NOTHING, False), (None, ALLOWED, True),
    (Renegotiate(required=False), NOTHING, True), (Renegotiate(ctrl=60), NOTHING, False),
    (Renegotiate(ctrl=60), ALLOWED, True), (Renegotiate(refused=True), ALLOWED, False),
])
def test_whether_the_client_may_renegotiate(
    setting: Renegotiate | None, options: frozenset[str], may: bool
) -> None:
    assert renewal.may_client(setting, options) is may


@pytest.mark.parametrize(("setting", "version", "options", "means"), [
    (None, "TLSv1.3", ALLOWED, None),
    (Renegotiate(data=1), "TLSv1.3", ALLOWED, None),
    (Renegotiate(ctrl=60), "TLSv1.3", NOTHING, "update-keys"),
    (Renegotiate(ctrl=60), "TLSv1.2", NOTHING, None),
    (Renegotiate(ctrl=60), "TLSv1.2", ALLOWED, "renegotiate"),
    (Renegotiate(ctrl=60), "TLSv1", ALLOWED, "renegotiate"),
    (Renegotiate(refused=True), "TLSv1.3", NOTHING, None),
])
def test_means_on_the_control_connection(
    setting: Renegotiate | None, version: str, options: frozenset[str], means: str | None
) -> None:
    assert renewal.control_means(setting, version, options) == means


@pytest.mark.parametrize(("setting", "version", "receiving", "means"), [
    (None, "TLSv1.3", False, None),
    (Renegotiate(ctrl=60), "TLSv1.3", False, None),
    (Renegotiate(data=1), "TLSv1.3", False, "update-keys"),
    (Renegotiate(data=1), "TLSv1.2", False, "renegotiate"),
    (Renegotiate(data=1), "TLSv1.2", True, None),
    (Renegotiate(data=1), "TLSv1.3", True, None),
    (Renegotiate(data=1, insists=True), "TLSv1.2", True, "renegotiate"),
    (Renegotiate(data=1, insists=True), "TLSv1.3", True, "update-keys"),
])
def test_means_on_data_connections(
    setting: Renegotiate | None, version: str, receiving: bool, means: str | None
) -> None:
    assert renewal.data_means(setting, version, receiving=receiving) == means


def test_lines() -> None:
    setting = Renegotiate(ctrl=1500, data=1024)
    assert renewal.request_line("renegotiate", "control", setting) == (
        "requesting TLS renegotiation on control channel (1500 sec renegotiation interval)")
    assert renewal.request_line("update-keys", "control", setting) == (
        "requesting TLS key updates on control channel (1500 sec renegotiation interval)")
    assert renewal.request_line("renegotiate", "data", setting) == (
        "requesting TLS renegotiation on data channel (1024 KB data limit)")
    assert renewal.done_line("control") == "control channel TLS session renegotiated"
    assert renewal.timeout_lines("data") == (
        "requested TLS renegotiation timed out on data channel", "shutting down data channel TLS session")
