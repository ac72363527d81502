"""ftpsd: an FTP-over-TLS server (RFC 4217 on RFC 2228) configured in ProFTPD's language."""

__version__ = "0.1.0"
