"""OpenSSL's words for what went wrong, which change from version to version."""

from __future__ import annotations


def familiar(text: str) -> str:
    """`text` in the words of OpenSSL 1.1 and 3.0, as FAQs and log watchers know them, whatever version wrote it."""
    return text.replace("ssl/tls alert", "sslv3 alert")
