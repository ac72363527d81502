"""When the server asks for new keys (TLSRenegotiate), and what the TLSLog says about it. Pure.

Two means: TLS 1.2 and older renegotiate, that is shake hands again, which takes the client's part and so has a
deadline; TLS 1.3 updates keys, which needs no answer in time.

Uploads are a case of their own. A client that only sends does not read, so it never sees the request; worse,
if the request still lies unread when it closes its socket, its kernel throws away what it has not sent yet and
resets the connection (clients.md 1): the end of the upload is lost. So the server asks on uploads only where
the configuration says `required on` in as many words.

A control connection under TLS 1.2 is asked only with AllowClientRenegotiations (semantics.md 2.14).
"""

from __future__ import annotations

from typing import Literal

from ftpsd.settings.values import Renegotiate

Means = Literal["renegotiate", "update-keys"]
Channel = Literal["control", "data"]
KIB = 1024


def may_client(setting: Renegotiate | None, options: frozenset[str]) -> bool:
    """Whether a client may renegotiate by itself: AllowClientRenegotiations, or TLSRenegotiate `required off`."""
    if setting is not None and setting.refused:
        return False
    return "AllowClientRenegotiations" in options or (setting is not None and not setting.required)


def control_means(setting: Renegotiate | None, version: str, options: frozenset[str]) -> Means | None:
    """How new keys for a control connection of TLS `version` are had every `setting.ctrl` seconds, if at all."""
    if setting is None or not setting.ctrl:
        return None
    if version == "TLSv1.3":
        return "update-keys"
    return "renegotiate" if "AllowClientRenegotiations" in options else None


def data_means(setting: Renegotiate | None, version: str, *, receiving: bool) -> Means | None:
    """How new keys for a data connection are had every `setting.data` KiB, if at all."""
    if setting is None or not setting.data or (receiving and not setting.insists):
        return None
    return "update-keys" if version == "TLSv1.3" else "renegotiate"


def request_line(means: Means, channel: Channel, setting: Renegotiate) -> str:
    """The server asks now."""
    what = "TLS key updates" if means == "update-keys" else "TLS renegotiation"
    if channel == "control":
        return f"requesting {what} on control channel ({setting.ctrl} sec renegotiation interval)"
    return f"requesting {what} on data channel ({setting.data} KB data limit)"


def done_line(channel: Channel) -> str:
    """The client has renegotiated as it was asked to."""
    return f"{channel} channel TLS session renegotiated"


def timeout_lines(channel: Channel) -> tuple[str, str]:
    """The client has not, and `required` says that it must."""
    return (
        f"requested TLS renegotiation timed out on {channel} channel",
        f"shutting down {channel} channel TLS session",
    )
