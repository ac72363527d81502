"""All explanations in one table."""

from __future__ import annotations

from ftpsd.reasons import (
    certificates,
    configuration,
    data,
    handshake,
    logins,
    probing,
    protection,
    renewal,
    sessions,
    sql,
    transfers,
)
from ftpsd.reasons.codes import Code
from ftpsd.reasons.reason import Reason

THEMES: tuple[tuple[str, tuple[Reason, ...]], ...] = (
    ("TLS handshakes", handshake.REASONS),
    ("Certificates of clients", certificates.REASONS),
    ("Protection", protection.REASONS),
    ("Data connections", data.REASONS),
    ("Transfers and files", transfers.REASONS),
    ("Logins", logins.REASONS),
    ("SQL databases", sql.REASONS),
    ("Sessions and commands", sessions.REASONS),
    ("Renewed certificates", renewal.REASONS),
    ("What `ftpsd check` finds", configuration.REASONS),
    ("What `ftpsd probe` finds", probing.REASONS),
)
"""Heading and explanations, in the order of the reference page."""

TABLE: dict[Code, Reason] = {reason.code: reason for _, reasons in THEMES for reason in reasons}
