"""`make bench`: ftpsd beside ProFTPD, vsftpd, Pure-FTPd, pyftpdlib and a bare TLS program. See docs/benchmark.md."""
