"""`make bench`: ftpsd beside ProFTPD and pyftpdlib."""
