"""Which program a server is, as far as it says so. Pure."""

from __future__ import annotations

from ftpsd.diag.probe.facts import Answer

_KNOWN = (
    ("proftpd", "ProFTPD"), ("ftpsd", "ftpsd"), ("vsftpd", "vsFTPd"), ("pure-ftpd", "Pure-FTPd"),
    ("pyftpdlib", "pyftpdlib"), ("filezilla", "FileZilla Server"), ("microsoft ftp", "Microsoft FTP Service"),
    ("sftpgo", "SFTPGo"),
)


def guess(greeting: Answer) -> str:
    """The program's name; "" where the greeting does not tell."""
    text = " ".join(greeting.lines).lower()
    return next((name for mark, name in _KNOWN if mark in text), "")
